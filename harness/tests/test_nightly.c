/*
 * `rundown nightly`, from outside: planted faults are found, any detector that is switched off
 * shows in the calibration, what is killed goes on, what is known stays listed.
 *
 * Faults and detectors come from their registries; none is named here. Nights are counted in
 * cycles, so that nothing depends on how fast this machine is.
 */
#include <harness/tests/command_run.h>

#include <harness/detector.h>
#include <harness/workload.h>
#include <results/text/calibration.h>

#include <CUnit/Basic.h>

#include <sys/resource.h>

extern const struct detector *const detector_registry[];

enum { LINE_BYTES = 8192, FOUND_CYCLES = 20, MISSED_CYCLES = 3, FAULTS = 64 };

#define QUIET "nightly -q --no-lttng --confirm 0 --seed 1 "
#define SMALL QUIET "--workload null --inject none "

static struct said said;

/* --- which fault needs which detector -----------------------------------------------------------
 */

/* Counts detectors that raise a code which this word means; the last of them is in @one. */
static unsigned raisers(const char *choice, size_t length, const struct detector **one)
{
    unsigned count = 0;

    for (unsigned i = 0; detector_registry[i] != NULL; i++) {
        char *codes = strdup(detector_registry[i]->codes);
        char *rest = NULL;
        bool raises = false;

        for (char *code = strtok_r(codes, " ", &rest); code != NULL;
             code = strtok_r(NULL, " ", &rest))
            raises |= calibration_means(choice, length, code);
        free(codes);
        if (!raises)
            continue;
        count++;
        *one = detector_registry[i];
    }
    return count;
}

/* One of the variant's words can be met by this detector alone. */
static bool needs(const struct workload_variant *variant, const struct detector *detector)
{
    const char *at = variant->codes != NULL ? variant->codes : "";

    while (*(at += strspn(at, " ")) != 0) {
        size_t length = strcspn(at, " ");
        const struct detector *one = NULL;

        if (raisers(at, length, &one) == 1 && one == detector)
            return true;
        at += length;
    }
    return false;
}

static bool declares(const struct workload_variant *variant, const struct detector *detector)
{
    const char *at = variant->codes != NULL ? variant->codes : "";

    while (*(at += strspn(at, " |")) != 0) {
        size_t length = strcspn(at, " |");
        char code[64], codes[512];

        snprintf(code, sizeof code, " %.*s ", (int)length, at);
        snprintf(codes, sizeof codes, " %s ", detector->codes);
        if (strstr(codes, code) != NULL)
            return true;
        at += length;
    }
    return false;
}

typedef bool fits(const struct workload_variant *variant, const struct detector *detector);

/* Appends faults that fit @detector as options, the first one or @all; false if nobody declares
 * one. */
static bool add_faults(char *line, const struct detector *detector, fits *fit, bool all)
{
    bool any = false;

    for (unsigned i = 0; workload_registry[i] != NULL; i++) {
        const struct workload *workload = workload_registry[i];

        if (workload->unavailable != NULL && workload->unavailable() != NULL)
            continue;
        for (const struct workload_variant *v = workload->variants;
             v != NULL && v->name != NULL && (all || !any); v++) {
            char option[256];

            if (!v->bad || !fit(v, detector))
                continue;
            snprintf(option, sizeof option, " --plant %s,variant=%s", workload->name, v->name);
            if (strstr(line, option) == NULL)
                strncat(line, option, LINE_BYTES - strlen(line) - 1);
            any = true;
        }
    }
    return any;
}

/* One that needs it, or all with codes of its own: what others say of some they cannot of all. */
static bool add_fault(char *line, const struct detector *detector)
{
    return add_faults(line, detector, needs, false) || add_faults(line, detector, declares, true);
}

static void planted_faults_are_found(void)
{
    static char line[LINE_BYTES];
    char *metrics;
    sqlite3 *db;

    mkdir("found", 0777);
    snprintf(line, sizeof line, SMALL "--history found --out found/one --cycles %d", FOUND_CYCLES);
    for (unsigned i = 0; detector_registry[i] != NULL; i++)
        if (!add_fault(line, detector_registry[i])) {
            fprintf(stderr, "\n    %s: no workload declares a fault that needs it\n",
                    detector_registry[i]->name);
            CU_FAIL("a detector without a planted fault");
        }
    command_words(&said, NULL, line);
    said_status("found", &said, 0);
    text_fits("found", said.out, "calibration: ([0-9]+) of \\1 planted faults found");
    db = record_of("found/one");
    /* They are no cells of the run, and nothing that they have shown is its finding. */
    asked("found", db, "SELECT count(*) FROM cell WHERE target NOT LIKE 'null %'", 0);
    asked("found", db, "SELECT count(*) FROM finding", 0);
    asked("found", db, "SELECT count(*) > 5 FROM line WHERE type = 'planted'", 1);
    asked("found", db,
          "SELECT count(*) FROM line WHERE type = 'planted' AND "
          "json_extract(json, '$.missing') <> ''",
          0);
    sqlite3_close(db);
    metrics = file_text("found/one/metrics.prom");
    said_has("found", metrics != NULL ? metrics : "", "\nrundown_calibration_faults_found ");
    said_has("found", metrics != NULL ? metrics : "", "\nrundown_calibration_false_alarms 0\n");
    free(metrics);
}

static void a_detector_switched_off_is_told(void)
{
    for (unsigned i = 0; detector_registry[i] != NULL; i++) {
        const char *name = detector_registry[i]->name;
        static char line[LINE_BYTES];

        snprintf(line, sizeof line, SMALL "--history off --out off-%s --cycles %d --without %s",
                 name, MISSED_CYCLES, name);
        CU_ASSERT_TRUE(add_fault(line, detector_registry[i]));
        command_words(&said, NULL, line);
        said_status(name, &said, 3);
        said_has(name, said.out, "NOT FOUND");
        said_has(name, said.out, "NOT TO BE TRUSTED");
    }
}

/* A broken cycle is what was asked for where it was planted, and nowhere else: the same night has
 * the same fault in a cell of its own. */
static void broken_cycles_count_where_nobody_planted_them(void)
{
    sqlite3 *db;

    mkdir("broken", 0777);
    command_run(&said, QUIET "--workload recorder-stuck,variant=waits --inject none --cycles 2 "
                             "--plant recorder-stuck --history broken --out broken/one");
    said_status("broken", &said, 3);
    said_has("broken", said.out, "calibration: 1 of 1 planted faults found");
    said_has("broken", said.out, "clean twins: 0 false alarms in 2 cycles");
    db = record_of("broken/one");
    asked("broken", db, "SELECT broken FROM cell", 2);
    asked("broken", db,
          "SELECT json_extract(json, '$.hits') FROM line WHERE type = 'planted' AND "
          "json_extract(json, '$.bad')",
          2);
    sqlite3_close(db);
}

/* --- what can't be run --------------------------------------------------------------------------
 */

/* An installation that lacks a module: a fault and its twin can't be set up, all others can. */
static void what_cannot_be_set_up_is_told(void)
{
    static const char copy[] =
        "mkdir -p part/bin part/lib && cp " COMMAND_PROGRAM " part/bin && cp -r " RUNDOWN_BUILD_DIR
        "/lib/rundown part/lib && rm part/lib/rundown/modules/vault.so";
    char words[] = SMALL "--cycles 3 --plant module-lock --plant lost-wakeup --history part "
                         "--out part/one";
    char *argv[COMMAND_WORDS] = {(char *)"part/bin/rundown"};
    struct going going;

    CU_ASSERT_EQUAL_FATAL(system(copy), 0);
    words_cut(words, argv);
    going_exec(&going, NULL, argv);
    going_end(&going, &said);
    said_status("part", &said, 3);
    text_fits("part", said.out, "NOT RUN  module-lock variant=held under none: .*set-up failed: ");
    text_fits("part", said.out, "NOT RUN  module-lock variant=released under none: .*set-up");
    said_has("part", said.out, "clean twins: 0 false alarms in 3 cycles of 1 cells");
    said_has("part", said.out, "NOT TO BE TRUSTED: planted cells could not be run");
    CU_ASSERT_PTR_NULL(strstr(said.out, "NOT FOUND"));
}

/* --- its limits --------------------------------------------------------------------------------
 */

/* Of the line of /proc/PID/limits that begins so, the soft and the hard limit. */
static void read_limit(const char *text, const char *name, char soft[32], char hard[32])
{
    const char *line = text != NULL ? strstr(text, name) : NULL;

    soft[0] = hard[0] = 0;
    if (line != NULL)
        sscanf(line + strlen(name), "%31s %31s", soft, hard);
}

/* In a child, as a shell with limits of its own. */
static void lower_own(void)
{
    struct rlimit data = {256 << 20, RLIM_INFINITY}, core = {0, 1 << 20};

    getrlimit(RLIMIT_DATA, &data);
    data.rlim_cur = 256 << 20;
    setrlimit(RLIMIT_DATA, &data);
    setrlimit(RLIMIT_CORE, &core);
}

/* A target that says what it has been given. */
static void run_limited(const char *memory, const char *core)
{
    struct going going;
    char text[1024];

    snprintf(text, sizeof text,
             "cycles: 1\nconfirm: 0\nlttng: false\nnice: 3\njobs: 1\nhistory: limits\n"
             "inject: [none]\nmemory: %s\ncore: %s\ndisk: 10G\n"
             "calibration: {plant: [\"exit-handlers,variant=thread-created\"]}\n"
             "programs: [{argv: [/bin/sh, -c, \"cat /proc/self/limits >%s/given; nice >%s/nice\"]}]"
             "\n",
             memory, core, test_place, test_place);
    file_write("limits.yaml", text, 0666);
    tree_remove("limits");
    mkdir("limits", 0777);
    going_start(&going, lower_own, "nightly -q limits.yaml --out limits/one");
    going_end(&going, &said);
    said_status("limits", &said, 0);
    CU_ASSERT_PTR_NULL(strstr(said.out, "ended early"));
}

static void expect_limits(const char *data, const char *core)
{
    char *given = file_text("given"), *nice_text = file_text("nice");
    int wanted = getpriority(PRIO_PROCESS, 0) + 3;
    char soft[32], hard[32];

    read_limit(given, "Max data size", soft, hard);
    CU_ASSERT_STRING_EQUAL(soft, data);
    read_limit(given, "Max core file size", soft, hard);
    CU_ASSERT_STRING_EQUAL(soft, core);
    CU_ASSERT_STRING_EQUAL(hard, "1048576");
    CU_ASSERT_EQUAL(atoi(nice_text != NULL ? nice_text : "-99"), wanted < 19 ? wanted : 19);
    free(nice_text);
    free(given);
}

static void limits_reach_the_target(void)
{
    run_limited("128M", "4K");
    expect_limits("134217728", "4096");
    run_limited("4G", "1G"); /* its own are lower: no limit of theirs is raised by ours */
    expect_limits("268435456", "1048576");
}

/* By count there is no other end to it. */
static void full_disk_ends_it(void)
{
    mkdir("full", 0777);
    file_write("full.yaml",
               "cycles: 1000000000\ndisk: 1\nconfirm: 0\nlttng: false\nhistory: full\n"
               "inject: [none]\nworkloads: [\"null\"]\n"
               "calibration: {plant: [\"exit-handlers,variant=thread-created\"]}\n",
               0666);
    command_run(&said, "nightly -q full.yaml --out full/one");
    said_has("full", said.out, "ended early: the results have reached the disk limit");
    CU_ASSERT_TRUE(said.status == 0 || said.status == 3); /* by whether the fault had its time */
}

static unsigned names_in(const char *path)
{
    DIR *directory = opendir(path);
    struct dirent *entry;
    unsigned count = 0;

    while (directory != NULL && (entry = readdir(directory)) != NULL)
        count += entry->d_name[0] != '.';
    if (directory != NULL)
        closedir(directory);
    return count;
}

/* The quota is the night's, not that of each of its parts. */
static void so_many_traces_are_kept(void)
{
    static const char text[] = "traces: 2\nconfirm: 0\njobs: 1\nhistory: traces\ninject: [none]\n"
                               "workloads: [{name: plugin-singleton, variant: late-join}]\n"
                               "calibration: {plant: [\"exit-handlers,variant=thread-created\"]}\n";

    mkdir("traces", 0777);
    file_write("traces.yaml", text, 0666);
    command_run(&said, "nightly -q traces.yaml --seed 1 --cycles 4 --out traces/one");
    if (strstr(said.out, "recorder: lttng\n") == NULL) {
        CU_ASSERT_EQUAL(names_in("traces/one/traces"), 0);
        return;
    }
    CU_ASSERT_EQUAL(names_in("traces/one/traces"), 2);
    command_run(&said, "nightly -q traces.yaml --seed 1 --cycles 8 --resume=traces/one");
    said_status("traces", &said, 1);
    CU_ASSERT_EQUAL(names_in("traces/one/traces"), 2);
}

/* --- a night that was killed
 * ---------------------------------------------------------------------- */

#define CUT                                                                                        \
    QUIET "--jobs 2 --workload null --workload module-cycle "                                      \
          "--workload exit-handlers,variant=thread-created --inject exit --inject thread-kill "    \
          "--plant exit-handlers,variant=thread-created --cycles 80 "

static long long cycles_in(const char *path)
{
    sqlite3_stmt *statement = NULL;
    long long count = 0;
    sqlite3 *db;

    if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK &&
        sqlite3_prepare_v2(db, "SELECT sum(next) FROM cell", -1, &statement, NULL) == SQLITE_OK &&
        sqlite3_step(statement) == SQLITE_ROW)
        count = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return count;
}

/* Kills it once @enough cycles are stored; what was under way then is lost. */
static void kill_after(const char *words, long long enough)
{
    struct going going;

    going_start(&going, NULL, "%s", words);
    while (!going_ended(&going, 5) && cycles_in("cut/two/run.sqlite") < enough)
        ;
    kill(going.pid, SIGKILL);
    going_end(&going, &said);
}

static char *all_cells(const char *path)
{
    sqlite3 *db;
    char *text;

    CU_ASSERT_EQUAL_FATAL(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    text = ask_text(db, "SELECT group_concat(id || ' ' || target || ' ' || injector || ' ' || key "
                        "|| ' ' || planned || ' ' || next || ' ' || (passed + failed + broken + "
                        "skipped + not_fired), char(10)) FROM (SELECT * FROM cell ORDER BY id)");
    sqlite3_close(db);
    return text;
}

/*
 * Both nights together. Where both have found something in a cycle its line is the plan, so the
 * lines must be the same; and where nothing was injected into exit-handlers, whose outcome does not
 * hang on the schedule, so must be all findings, in each of the cycles.
 */
static void check_findings(void)
{
    sqlite3 *db;

    CU_ASSERT_EQUAL_FATAL(sqlite3_open_v2("cut/one/run.sqlite", &db, SQLITE_OPEN_READONLY, NULL),
                          SQLITE_OK);
    CU_ASSERT_EQUAL_FATAL(sqlite3_exec(db, "ATTACH 'cut/two/run.sqlite' AS cut", NULL, NULL, NULL),
                          SQLITE_OK);
    asked("plans", db,
          "SELECT count(*) >= 80 FROM main.finding a JOIN cut.finding b USING (cell, cycle, place)",
          1);
    asked("plans", db,
          "SELECT count(*) FROM main.finding a JOIN cut.finding b USING (cell, cycle, place) "
          "WHERE a.replay <> b.replay",
          0);
#define SURE(night)                                                                                \
    "SELECT f.cell, f.cycle, f.place, f.code, s.text FROM " night ".finding f JOIN " night         \
    ".signature s ON f.signature = s.id JOIN " night ".cell c ON f.cell = c.id WHERE "             \
    "c.workload = 'exit-handlers' AND c.injector = 'none'"
    asked("sure", db, "SELECT count(DISTINCT cell * 1000 + cycle) FROM (" SURE("main") ")", 160);
    asked("sure", db, "SELECT count(*) FROM (" SURE("main") " EXCEPT " SURE("cut") ")", 0);
    asked("sure", db, "SELECT count(*) FROM (" SURE("cut") " EXCEPT " SURE("main") ")", 0);
    sqlite3_close(db);
}

static void killed_three_times_it_is_the_same_night(void)
{
    char *whole, *parts;

    mkdir("cut", 0777);
    command_run(&said, CUT "--history cut --out cut/one");
    CU_ASSERT_TRUE(said.status == 0 || said.status == 1);
    kill_after(CUT "--history cut --out cut/two", 1);
    kill_after(CUT "--history cut --resume=cut/two", cycles_in("cut/two/run.sqlite") + 90);
    kill_after(CUT "--history cut --resume=cut/two", cycles_in("cut/two/run.sqlite") + 150);
    command_run(&said, CUT "--history cut --resume"); /* the newest of its history */
    CU_ASSERT_TRUE(said.status == 0 || said.status == 1);
    whole = all_cells("cut/one/run.sqlite");
    parts = all_cells("cut/two/run.sqlite");
    text_same("cells", parts, whole);
    CU_ASSERT_PTR_NOT_NULL(strstr(whole, " 80 80 80"));
    check_findings();
    free(whole);
    free(parts);
}

/* --- what is new ---------------------------------------------------------------------------------
 */

#define LATE                                                                                       \
    QUIET "--workload plugin-singleton,variant=late-join --inject none --plant lost-wakeup "       \
          "--cycles 20 --history news "

static void what_is_new(void)
{
    char *page;

    mkdir("news", 0777);
    command_run(&said, LATE "--out news/a");
    said_status("first", &said, 1);
    said_has("first", said.out, "no other run in news to compare with");
    page = file_text("news/a/report.html");
    said_has("page", page, "There is no night before it: all is new.");
    free(page);
    command_run(&said, LATE "--out news/b");
    said_status("second", &said, 1);
    said_has("second", said.out, "new: nothing that the 1 runs in news had not seen");
    page = file_text("news/b/report.html");
    said_has("page", page, "Nothing new since the night before.");
    said_has("page", page, "<li>planted faults: ");
    said_has("page", page, "<svg class=\"nights\"");
    said_has("page", page, "1 night before, from 20");
    free(page);
    CU_ASSERT_EQUAL(access("news/b/junit.xml", R_OK), 0);
    CU_ASSERT_EQUAL(access("news/b/metrics.prom", R_OK), 0);
    command_run(&said,
                QUIET "--workload null --inject none --cycles 4 "
                      "--plant exit-handlers,variant=thread-created --history news --out news/c");
    said_status("third", &said, 0);
}

/* --- the configuration
 * ---------------------------------------------------------------------------- */

/* The manual shows the same one: there `\\-` is a hyphen that can be copied. */
static void is_in_the_manual(const char *example)
{
    char *page = file_text(RUNDOWN_SOURCE_DIR "/docs/man/rundown.1");
    char *begin = page != NULL ? strstr(page, ".Bd -literal -offset indent\n# Budgets") : NULL;
    char *end = begin != NULL ? strstr(begin, ".Ed\n") : NULL;
    char *to;

    CU_ASSERT_PTR_NOT_NULL_FATAL(end);
    *end = 0;
    begin = to = strstr(begin, "# Budgets");
    for (const char *from = begin; *from != 0; from++)
        if (from[0] != '\\' || from[1] != '-')
            *to++ = *from;
    *to = 0;
    text_same("manual", begin, example);
    free(page);
}

/* The fenced block of docs/nightly.md, as a user would copy it. */
static void write_example(const char *path)
{
    char *page = file_text(RUNDOWN_SOURCE_DIR "/docs/nightly.md");
    char *begin = page != NULL ? strstr(page, "```yaml\n") : NULL;
    char *end = begin != NULL ? strstr(begin + 8, "```") : NULL;

    CU_ASSERT_PTR_NOT_NULL_FATAL(end);
    *end = 0;
    file_write(path, begin + 8, 0666);
    is_in_the_manual(begin + 8);
    free(page);
}

static void the_example_runs(void)
{
    sqlite3 *db;

    write_example("example.yaml");
    mkdir("nights", 0777);
    command_run(&said, "nightly -q --no-lttng --confirm 0 --seed 1 --cycles 8 "
                       "example.yaml --out nights/one");
    said_status("example", &said, 0);
    said_has("example", said.out, "known until 2099-12-31");
    said_has("example", said.out, "of them");
    db = record_of("nights/one");
    asked("example", db, "SELECT count(*) FROM cell WHERE target = 'null variant=plain'", 3);
    asked("example", db, "SELECT count(*) FROM cell WHERE target LIKE 'heap-churn %threads=3'", 2);
    asked("example", db,
          "SELECT count(*) FROM cell WHERE target = "
          "'dir=/tmp env=LC_ALL=C env=''GREETING=good night'' -- /bin/cat -'",
          2);
    asked("example", db, "SELECT count(*) FROM cell WHERE target LIKE 'module %sqlite3%'", 6);
    asked("example", db, "SELECT count(*) FROM cell WHERE cycles <> 8 AND state = ''", 0);
    sqlite3_close(db);
}

/* What is known and not expired does not count; else it does. */
static void known_findings_expire(void)
{
    static const struct {
        const char *until;
        int status;
        const char *says;
    } cases[] = {{"2999-12-31", 0, "known until 2999-12-31: we know"},
                 {"2001-01-31", 1, "expired on 2001-01-31, and counts again"}};

    mkdir("known", 0777);
    for (unsigned i = 0; i < 2; i++) {
        char text[512];

        snprintf(text, sizeof text,
                 "cycles: 3\nconfirm: 0\nlttng: false\nhistory: known\ninject: [none]\n"
                 "workloads: [{name: plugin-singleton, variant: late-join}]\n"
                 "calibration: {plant: [\"exit-handlers,variant=thread-created\"]}\n"
                 "known: [{code: loader.deadlock, reason: we know, until: %s}]\n",
                 cases[i].until);
        file_write("known.yaml", text, 0666);
        command_run(&said, "nightly -q known.yaml --out known/%u", i);
        said_status(cases[i].until, &said, cases[i].status);
        said_has(cases[i].until, said.out, cases[i].says);
    }
}

/* A file that says nothing is the same as none. */
static void nothing_said_is_nothing_changed(void)
{
    static const char *const texts[] = {"", "# later\n\n  # or never\n", "{}\n"};

    mkdir("empty", 0777);
    for (unsigned i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        file_write("empty.yaml", texts[i], 0666);
        command_run(&said,
                    SMALL "--cycles 2 --history empty --plant "
                          "exit-handlers,variant=thread-created --out empty/%u empty.yaml",
                    i);
        said_status(texts[i], &said, 0);
        CU_ASSERT_PTR_NULL(strstr(said.err, "ERR"));
    }
}

static void what_does_not_fit_is_refused(void)
{
    static const struct {
        const char *text;
        const char *says;
    } cases[] = {
        {"for: 8h\njob: 2\n", "bad.yaml:2:1: 'job' is no key of a night's configuration; did you "
                              "mean 'jobs'?"},
        {"jobs: many\n", "bad.yaml:1:7: 'many' is not a number"},
        {"jobs: 0\n", "bad.yaml:1:7: 0 is outside 1 to 64"},
        {"jobs:\n", "bad.yaml:1:1: 'jobs' has no value"},
        {"for: soon\n", "bad.yaml:1:6: 'soon' is no duration; write 90s, 30m or 8h"},
        {"for: 1h\ncycles: 3\n", "bad.yaml:1:1: 'for' and 'cycles' exclude each other"},
        {"disk: 3X\n", "bad.yaml:1:7: '3X' is no size; write 500M"},
        {"memory: 1M\n", "bad.yaml:1:9: less than 64M is too little"},
        {"workloads:\n  - heap-chrun\n", "bad.yaml:2:5: workload: 'heap-chrun' is unknown; did you "
                                         "mean 'heap-churn'?"},
        {"workloads: [{name: heap-churn, variant: shared}]\n", "bad.yaml:1:14: workload: "
                                                               "'heap-churn' has no variant"},
        {"workloads: [{variant: x}]\n", "bad.yaml:1:14: a workload needs its name"},
        {"workloads: some\n", "bad.yaml:1:12: 'some' is neither 'all' nor a list"},
        {"inject: [thread-kil]\n", "bad.yaml:1:10: inject: 'thread-kil' is unknown; did you mean "
                                   "'thread-kill'?"},
        {"programs:\n  - argv: [/no/such]\n", "bad.yaml:2:5: /no/such: No such file"},
        {"programs: [{dir: /}]\n", "bad.yaml:1:13: a program needs its argv"},
        {"programs: [{argv: [/bin/true], dir: /no/such}]\n", "bad.yaml:1:37: dir: /no/such"},
        {"programs: [{argv: [/bin/true], stdin: /no/such}]\n", "bad.yaml:1:39: stdin: /no/such"},
        {"modules: [{use: [f]}]\n", "bad.yaml:1:12: a module needs its library"},
        {"known: [{code: heap.corupt-block, reason: x, until: 2030-01-01}]\n",
         "bad.yaml:1:16: 'heap.corupt-block' is no stop code; did you mean 'heap.corrupt-block'?"},
        {"known: [{code: heap.corrupt-block, reason: x, until: 2030-02-30}]\n",
         "bad.yaml:1:54: '2030-02-30' is no day; write 2026-12-31"},
        {"known: [{code: heap.corrupt-block, until: 2030-02-03}]\n",
         "bad.yaml:1:10: a known finding needs a reason"},
        {"known: [{reason: x, until: 2030-02-03}]\n",
         "bad.yaml:1:10: a known finding has a signature or a code, one of them"},
        {"outputs: {jsnol: x}\n", "bad.yaml:1:11: 'jsnol' is no format; did you mean 'jsonl'?"},
        {"without: [crush]\n", "bad.yaml:1:11: without: 'crush' is no detector; did you mean "
                               "'crash'?"},
        {"calibration: {plant: [heap-chrun]}\n",
         "bad.yaml:1:23: workload: 'heap-chrun' is unknown"},
        {"- a\n", "bad.yaml:1:3: a night's configuration is written as 'key: value' lines"},
        {"a: [b\n", "bad.yaml:"},
        {"a: \"\xe9\"\n", "bad.yaml: it is not UTF-8: write it as UTF-8"},
    };

    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        file_write("bad.yaml", cases[i].text, 0666);
        command_run(&said, "nightly bad.yaml");
        said_status(cases[i].text, &said, 2);
        said_has(cases[i].text, said.err, cases[i].says);
        CU_ASSERT_TRUE(said_one_line(said.err));
    }
    mkdir("directory.yaml", 0777);
    command_run(&said, "nightly directory.yaml");
    said_status("directory", &said, 2);
    said_has("directory", said.err, "directory.yaml: Is a directory");
    CU_ASSERT_TRUE(said_one_line(said.err));
    command_run(&said, "nightly none.yaml");
    said_status("none", &said, 2);
    said_has("none", said.err, "none.yaml: No such file or directory");
}

int main(void)
{
    CU_pSuite suite;

    if (CU_initialize_registry() != CUE_SUCCESS)
        return 2;
    suite = CU_add_suite("nightly", place_open, place_close);
    CU_ADD_TEST(suite, planted_faults_are_found);
    CU_ADD_TEST(suite, a_detector_switched_off_is_told);
    CU_ADD_TEST(suite, broken_cycles_count_where_nobody_planted_them);
    CU_ADD_TEST(suite, what_cannot_be_set_up_is_told);
    CU_ADD_TEST(suite, limits_reach_the_target);
    CU_ADD_TEST(suite, full_disk_ends_it);
    CU_ADD_TEST(suite, so_many_traces_are_kept);
    CU_ADD_TEST(suite, killed_three_times_it_is_the_same_night);
    CU_ADD_TEST(suite, what_is_new);
    CU_ADD_TEST(suite, nothing_said_is_nothing_changed);
    CU_ADD_TEST(suite, what_does_not_fit_is_refused);
    CU_ADD_TEST(suite, known_findings_expire);
    CU_ADD_TEST(suite, the_example_runs);
    CU_basic_set_mode(CU_BRM_VERBOSE);
    CU_basic_run_tests();
    said_free(&said);
    return CU_get_number_of_failures() != 0;
}
