/*
 * Tests of the commands report, list, explain and doctor, from outside: the built program is run
 * with good and bad words, and its status and all that it says is looked at. Also of what stands
 * beside the program: the man page, the reference page and the shell's completion must say what
 * it does. Works as any user, and needs no rights.
 */
#include <harness/tests/command_run.h>

#include <harness/agent_abi.h>
#include <harness/detector.h>
#include <harness/injector.h>
#include <harness/report.h>
#include <harness/stop_code.h>
#include <harness/supervisor/cli/command.h>
#include <harness/workload.h>
#include <results/tests/store_fixture.h>

#include <CUnit/Basic.h>

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pty.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

static struct said said;

/* struct refusal - words, and what the one line on stderr must have in it. */
struct refusal {
    const char *words;
    const char *wanted;
};

static void check_refusals(const struct refusal *refusal, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char command[32];

        command_run(&said, "%s", refusal[i].words);
        said_refused(refusal[i].words, &said, 2, refusal[i].wanted);
        snprintf(command, sizeof command, "rundown %.*s: ", (int)strcspn(refusal[i].words, " "),
                 refusal[i].words);
        CU_ASSERT_EQUAL(strncmp(said.err, command, strlen(command)), 0);
    }
}

#define CHECK_REFUSALS(list) check_refusals(list, sizeof(list) / sizeof(list)[0])

/* --- report ------------------------------------------------------------------------------------
 */

static struct fixture run; /* two cells, two findings, a note */

static void make_run(void)
{
    struct store_finding finding;
    int64_t one, two;

    fixture_create(&run);
    one = fixture_cell(&run, "plugin-singleton variant=late-join", "none");
    two = fixture_cell(&run, "plugin-singleton variant=late-join", "thread-kill");
    finding = fixture_finding(one, 0, 0, STOP_LOADER_DEADLOCK, "loader.deadlock policy");
    fixture_ok(&run, fixture_fail(&run, one, 0, &finding, 1));
    finding = fixture_finding(two, 0, 0, STOP_LOCK_ORPHANED, "lock.orphaned table");
    fixture_ok(&run, fixture_fail(&run, two, 0, &finding, 1));
    fixture_ok(&run, fixture_pass(&run, two, 1, 9));
    store_close(run.store);
    run.store = NULL;
}

static void report_writes_every_format(void)
{
    unsigned count = 0;

    make_run();
    for (; report_format_registry[count] != NULL; count++) {
        const char *name = report_format_registry[count]->name;

        command_run(&said, "report %s --format %s", run.directory, name);
        said_good(name, &said);
    }
    CU_ASSERT(count >= 4);
    command_run(&said, "report --format=jsonl %s", run.directory);
    said_has("jsonl", said.out, "\"code\":\"lock.orphaned\"");
    command_run(&said, "report %s", run.directory); /* the default is the terminal's */
    said_has("terminal", said.out, "FAIL  loader.deadlock");
    said_has("terminal", said.out, "2 findings and 0 notes");
    fixture_remove(&run);
}

static void report_to_a_file_is_the_same(void)
{
    static const char *const formats[] = {"jsonl", "junit", "csv"};
    char path[FIXTURE_PATH + 32];
    char *text;

    make_run();
    snprintf(path, sizeof path, "%s/report", run.directory);
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        command_run(&said, "report %s -f %s -o %s", run.directory, formats[i], path);
        said_status(formats[i], &said, 0);
        CU_ASSERT_STRING_EQUAL(said.out, "");
        CU_ASSERT_STRING_EQUAL(said.err, "");
        command_run(&said, "report %s -f %s -o -", run.directory, formats[i]);
        text = file_text(path);
        CU_ASSERT_PTR_NOT_NULL_FATAL(text);
        CU_ASSERT_STRING_EQUAL(text, said.out);
        free(text);
    }
    fixture_remove(&run);
}

static void report_of_one_finding_leaves_out_the_other(void)
{
    make_run();
    command_run(&said, "report %s --finding 2", run.directory);
    said_good("finding 2", &said);
    said_has("finding 2", said.out, "lock.orphaned");
    CU_ASSERT_PTR_NULL(strstr(said.out, "loader.deadlock"));
    command_run(&said, "report %s --finding 77", run.directory);
    said_refused("finding 77", &said, 2, "there is no finding 77");
    fixture_remove(&run);
}

static void report_refuses(void)
{
    static const struct refusal list[] = {
        {"report", "DIR is missing; name the directory of a run"},
        {"report /nonexistent/run",
         "store: /nonexistent/run/run.sqlite: No such file or directory"},
        {"report . --format juint", "--format: 'juint' is no format; did you mean 'junit'?"},
        {"report . --format qqqqqq", "'qqqqqq' is no format; see rundown list formats"},
        {"report . --format", "--format: its value is missing; write --format=NAME"},
        {"report . -f", "-f: its value is missing; write -f NAME"},
        {"report . --finding 3x", "--finding: '3x' is not a number"},
        {"report . --finding 0", "--finding: 0 is outside 1 to"},
        {"report . ..", "'..': one DIR only"},
        {"report . --verbose=3", "--verbose: it takes no value; leave '=3' out"},
        {"report . --json", "--json: it is the page of one finding; name that by --finding ID"},
        {"report . --markdown", "--markdown: it is the page of one finding"},
        {"report . --finding 1 --json --markdown", "a page has one form; choose one"},
        {"report . --finding 1 --json -f csv", "--json and --format: leave one of them out"},
        {"report . --formt junit", "'--formt' is no option; did you mean '--format'?"},
        {"report . --qqqqqqq", "'--qqqqqqq' is no option; see rundown report --help"},
        {"report . --f junit", "'--f' is cut too short: write --format or --finding"},
        {"report -vz .", "'-z' is no option; see rundown report --help"},
        {"report -z .", "'-z' is no option; see rundown report --help"},
    };

    CHECK_REFUSALS(list);
}

/* The line is the store's own, whatever is wrong with the database. */
static void check_store_line(int code)
{
    struct store *store;
    struct error e;
    char line[700];

    CU_ASSERT_EQUAL(store_open(run.directory, false, &store, &e), code);
    snprintf(line, sizeof line, "rundown report: %s\n", e.text);
    for (unsigned i = 0; report_format_registry[i] != NULL; i++) {
        command_run(&said, "report %s -f %s", run.directory, report_format_registry[i]->name);
        said_refused("damaged store", &said, 2, "store: ");
        CU_ASSERT_STRING_EQUAL(said.err, line);
    }
}

static void report_of_a_damaged_store_is_one_line(void)
{
    FILE *file;

    make_run();
    fixture_sql(&run, "PRAGMA user_version = 99");
    check_store_line(ERROR_VERSION);
    fixture_sql(&run, "PRAGMA user_version = 2; DROP TABLE series");
    check_store_line(ERROR_CORRUPT);
    file = fopen(run.path, "we");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    fputs("this is a text about databases, and it is none itself.\n", file);
    fclose(file);
    check_store_line(ERROR_CORRUPT);
    unlink(run.path);
    check_store_line(ERROR_NOT_FOUND);
    fixture_remove(&run);
}

static unsigned count_files(const char *directory)
{
    struct dirent **entry;
    int count = scandir(directory, &entry, NULL, alphasort);

    CU_ASSERT_FATAL(count >= 0);
    for (int i = 0; i < count; i++)
        free(entry[i]);
    free(entry);
    return (unsigned)count;
}

static void report_keeps_the_old_file_until_the_new_one_is_whole(void)
{
    char path[FIXTURE_PATH + 32], *text;
    unsigned files;
    FILE *file;

    make_run();
    snprintf(path, sizeof path, "%s/old", run.directory);
    file = fopen(path, "we");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    fputs("old", file);
    fclose(file);
    files = count_files(run.directory);
    command_run(&said, "report %s -o %s --finding 77", run.directory, path);
    said_refused("no such finding", &said, 2, "there is no finding 77");
    text = file_text(path);
    CU_ASSERT_STRING_EQUAL(text, "old");
    free(text);
    CU_ASSERT_EQUAL(count_files(run.directory), files);
    fixture_remove(&run);
}

static void report_follows_a_link_to_its_file(void)
{
    char path[FIXTURE_PATH + 32], link[FIXTURE_PATH + 32], *text;
    struct stat info;

    make_run();
    snprintf(path, sizeof path, "%s/old", run.directory);
    snprintf(link, sizeof link, "%s/link", run.directory);
    fclose(fopen(path, "we"));
    CU_ASSERT_EQUAL_FATAL(symlink("old", link), 0);
    command_run(&said, "report %s -f jsonl -o %s", run.directory, link);
    said_status("link", &said, 0);
    CU_ASSERT(lstat(link, &info) == 0 && S_ISLNK(info.st_mode));
    text = file_text(path);
    said_has("link", text, "\"type\":\"end\"");
    free(text);
    fixture_remove(&run);
}

static void close_stdout_to_full(void)
{
    dup2(open("/dev/full", O_WRONLY), STDOUT_FILENO);
}

static void a_full_disk_is_one_line_and_status_3(void)
{
    static const char *const commands[] = {"list sites",         "explain heap",
                                           "explain --markdown", "list workloads --json",
                                           "list --help",        "doctor --help"};
    char words[FIXTURE_PATH + 64];
    struct stat info;

    make_run();
    snprintf(words, sizeof words, "report %s -f jsonl -o /dev/full", run.directory);
    command_words(&said, NULL, words);
    said_refused(words, &said, 3, "No space left on device");
    CU_ASSERT(stat("/dev/full", &info) == 0 && S_ISCHR(info.st_mode));
    snprintf(words, sizeof words, "report %s", run.directory);
    command_words(&said, close_stdout_to_full, words);
    said_refused(words, &said, 3, "No space left on device");
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        command_words(&said, close_stdout_to_full, commands[i]);
        said_refused(commands[i], &said, 3, "stdout: No space left on device");
    }
    fixture_remove(&run);
}

/* On a terminal of its own, with these in the environment. Returns what came; caller frees. */
static char *on_terminal(const char *no_colour, const char *terminal)
{
    char *text = calloc(1, 1 << 16);
    size_t length = 0;
    ssize_t got;
    int master, status;
    pid_t child = forkpty(&master, NULL, NULL, NULL);

    CU_ASSERT_FATAL(child >= 0 && text != NULL);
    if (child == 0) {
        alarm(COMMAND_SECONDS);
        unsetenv("NO_COLOR");
        if (no_colour != NULL)
            setenv("NO_COLOR", no_colour, 1);
        setenv("TERM", terminal, 1);
        execl(COMMAND_PROGRAM, "rundown", "report", run.directory, (char *)NULL);
        _exit(127);
    }
    while ((got = read(master, text + length, (1 << 16) - 1 - length)) > 0)
        length += (size_t)got;
    CU_ASSERT_EQUAL(waitpid(child, &status, 0), child);
    CU_ASSERT(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    close(master);
    return text;
}

static void check_colours(const char *no_colour, const char *terminal, bool wanted)
{
    char *text = on_terminal(no_colour, terminal);

    said_has("on a terminal", text, "loader.deadlock");
    CU_ASSERT_EQUAL(strchr(text, '\033') != NULL, wanted);
    free(text);
}

static void colours_are_for_terminals_that_want_them(void)
{
    make_run();
    check_colours(NULL, "xterm", true);
    check_colours("", "xterm", true);
    check_colours("1", "xterm", false);
    check_colours(NULL, "dumb", false);
    command_run(&said, "report %s", run.directory);
    CU_ASSERT_PTR_NULL(strchr(said.out, '\033'));
    fixture_remove(&run);
}

/* --- list --------------------------------------------------------------------------------------
 */

static const char *workload_at(unsigned i)
{
    return workload_registry[i] != NULL ? workload_registry[i]->name : NULL;
}

static const char *injector_at(unsigned i)
{
    return injector_registry[i] != NULL ? injector_registry[i]->name : NULL;
}

static const char *detector_at(unsigned i)
{
    return detector_registry[i] != NULL ? detector_registry[i]->name : NULL;
}

static const char *code_at(unsigned i)
{
    const struct stop_code_entry *entry = stop_code_entry((enum stop_code)(i + 1));

    return entry != NULL ? entry->slug : NULL;
}

static const char *site_at(unsigned i)
{
    static char unused[64];

    return i + 1 < ABI_SITES ? abi_site_name(NULL, i + 1, unused) : NULL;
}

static const char *format_at(unsigned i)
{
    return report_format_registry[i] != NULL ? report_format_registry[i]->name : NULL;
}

static const char *command_at(unsigned i)
{
    return command_registry[i] != NULL ? command_registry[i]->name : NULL;
}

static const struct {
    const char *list;
    const char *(*at)(unsigned i);
} registries[] = {
    {"workloads", workload_at}, {"injectors", injector_at}, {"detectors", detector_at},
    {"stop-codes", code_at},    {"sites", site_at},         {"formats", format_at},
    {"commands", command_at},
};

enum { REGISTRIES = sizeof registries / sizeof registries[0] };

static void names_are_those_of_the_registries(void)
{
    for (size_t i = 0; i < REGISTRIES; i++) {
        char *wanted = NULL;
        size_t length;
        FILE *out = open_memstream(&wanted, &length);

        for (unsigned k = 0; registries[i].at(k) != NULL; k++)
            fprintf(out, "%s\n", registries[i].at(k));
        fclose(out);
        command_run(&said, "list %s --names", registries[i].list);
        said_good(registries[i].list, &said);
        CU_ASSERT_STRING_EQUAL(said.out, wanted);
        free(wanted);
    }
}

static void every_entry_can_be_listed_alone(void)
{
    for (size_t i = 0; i < REGISTRIES; i++)
        for (unsigned k = 0; registries[i].at(k) != NULL; k++) {
            const char *name = registries[i].at(k);

            command_run(&said, "list %s %s", registries[i].list, name);
            said_good(name, &said);
            CU_ASSERT_EQUAL(strncmp(said.out, name, strlen(name)), 0);
        }
}

/* SQLite is at hand, and reads JSON. */
static int64_t ask_json(const char *json, const char *query)
{
    sqlite3 *db;
    sqlite3_stmt *statement;
    int64_t number = -1;

    CU_ASSERT_EQUAL_FATAL(sqlite3_open(":memory:", &db), SQLITE_OK);
    CU_ASSERT_EQUAL_FATAL(sqlite3_prepare_v2(db, query, -1, &statement, NULL), SQLITE_OK);
    sqlite3_bind_text(statement, 1, json, -1, SQLITE_STATIC);
    if (sqlite3_step(statement) == SQLITE_ROW)
        number = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return number;
}

static void json_is_valid_and_whole(void)
{
    for (size_t i = 0; i < REGISTRIES; i++) {
        unsigned count = 0;

        while (registries[i].at(count) != NULL)
            count++;
        command_run(&said, "list %s --json", registries[i].list);
        said_good(registries[i].list, &said);
        CU_ASSERT_EQUAL(ask_json(said.out, "SELECT json_valid(?1)"), 1);
        CU_ASSERT_EQUAL(ask_json(said.out, "SELECT json_array_length(?1)"), count);
        CU_ASSERT_EQUAL(ask_json(said.out, "SELECT count(*) FROM json_each(?1) WHERE "
                                           "json_extract(value, '$.name') <> '' AND "
                                           "json_extract(value, '$.summary') IS NOT NULL"),
                        count);
    }
    command_run(&said, "list workloads --json");
    CU_ASSERT_EQUAL(ask_json(said.out, "SELECT json_extract(value, '$.parameters[0].default') FROM "
                                       "json_each(?1) WHERE json_extract(value, '$.name') = "
                                       "'heap-churn'"),
                    4);
}

/* Default and range of every parameter, and of every variant what it is and must show. */
static void check_workload(const struct workload *workload)
{
    const struct workload_parameter *parameter = workload->parameters;
    const struct workload_variant *variant = workload->variants;
    char text[128];

    command_run(&said, "list workloads %s", workload->name);
    said_has(workload->name, said.out, workload->summary);
    for (; parameter != NULL && parameter->name != NULL; parameter++) {
        snprintf(text, sizeof text, "%s=%lld ", parameter->name, (long long)parameter->standard);
        said_has(workload->name, said.out, text);
        snprintf(text, sizeof text, " %lld to %lld ", (long long)parameter->low,
                 (long long)parameter->high);
        said_has(workload->name, said.out, text);
        said_has(workload->name, said.out, parameter->help);
    }
    for (; variant != NULL && variant->name != NULL; variant++) {
        const char *line;

        snprintf(text, sizeof text, "variant=%s ", variant->name);
        said_has(workload->name, said.out, text);
        line = strstr(said.out, text);
        CU_ASSERT_PTR_NOT_NULL_FATAL(line);
        line += strlen(text);
        line += strspn(line, " ");
        CU_ASSERT_EQUAL(strncmp(line, variant->bad ? "bad " : "clean ", variant->bad ? 4 : 6), 0);
        said_has(workload->name, said.out, variant->summary);
    }
}

static void workloads_tell_all_that_can_be_typed(void)
{
    for (unsigned i = 0; workload_registry[i] != NULL; i++)
        check_workload(workload_registry[i]);
    command_run(&said, "list workloads heap-churn");
    said_has("heap-churn", said.out, "must show heap.lock-orphaned under thread-kill");
    said_has("heap-churn", said.out, "sets GLIBC_TUNABLES=");
    command_run(&said, "list workloads heap-churn --names");
    said_has("heap-churn", said.out, "variant=shared-arena\n");
    said_has("heap-churn", said.out, "threads=\n");
}

static bool is_word_of(const char *list, const char *word)
{
    size_t length = strlen(word);

    for (; *list != 0; list += strcspn(list, " "), list += *list == ' ')
        if (strcspn(list, " ") == length && strncmp(list, word, length) == 0)
            return true;
    return false;
}

/* "every site", "every site but A B", or "A B" */
static bool tells_site(const char *sites, const char *site)
{
    static const char every[] = "every site", but[] = "every site but ";

    if (strncmp(sites, but, strlen(but)) == 0)
        return !is_word_of(sites + strlen(but), site);
    return strcmp(sites, every) == 0 || is_word_of(sites, site);
}

static void check_injector(int index)
{
    static const char mark[] = "\n    at       ";
    struct plan_spec spec;
    char *sites;

    injector_spec(index, &spec);
    command_run(&said, "list injectors %s", injector_registry[index]->name);
    said_has(injector_registry[index]->name, said.out, mark);
    sites = strstr(said.out, mark);
    CU_ASSERT_PTR_NOT_NULL_FATAL(sites);
    sites += strlen(mark);
    sites[strcspn(sites, "\n")] = 0;
    for (unsigned site = 1; site < ABI_SITES; site++)
        CU_ASSERT_EQUAL(tells_site(sites, site_at(site - 1)),
                        spec.sites[site / 64] >> site % 64 & 1);
}

static void injectors_tell_their_sites(void)
{
    for (int i = 0; injector_registry[i] != NULL; i++)
        if (!injector_registry[i]->control)
            check_injector(i);
    command_run(&said, "list injectors none");
    CU_ASSERT_TRUE(said_one_line(said.out));
}

static void injectors_tell_victims_and_arguments(void)
{
    command_run(&said, "list injectors main-kill");
    said_has("main-kill", said.out, "strikes  the main thread");
    said_has("main-kill", said.out, "instructions into the call");
    command_run(&said, "list injectors thread-kill");
    said_has("thread-kill", said.out, "strikes  any thread but main");
    command_run(&said, "list injectors exit");
    said_has("exit", said.out, "status, drawn from 1 to 125");
    said_has("exit", said.out, "at the entry of the call");
    command_run(&said, "list injectors module-unload");
    said_has("module-unload", said.out, "a target that loads modules");
}

static void list_refuses(void)
{
    static const struct refusal list[] = {
        {"list", "a list is missing; name workloads, injectors, detectors"},
        {"list workload", "'workload' is no list; did you mean 'workloads'?"},
        {"list qqqqqqqqqq", "'qqqqqqqqqq' is no list; name workloads"},
        {"list workloads heap-chrun", "'heap-chrun' is no workload; did you mean 'heap-churn'?"},
        {"list injectors thread-kil", "'thread-kil' is no injector; did you mean 'thread-kill'?"},
        {"list sites mallok", "'mallok' is no site; did you mean 'malloc'?"},
        {"list detectors qqqqqqqq", "'qqqqqqqq' is no detector; see rundown list detectors"},
        {"list sites malloc free", "'free': one NAME only"},
        {"list sites --names --json", "--names and --json: two forms"},
        {"list --jsn sites", "'--jsn' is no option; did you mean '--json'?"},
    };

    CHECK_REFUSALS(list);
}

/* --- explain -----------------------------------------------------------------------------------
 */

/* One line of words, however it was wrapped. */
static char *unwrapped(const char *text)
{
    char *flat = malloc(strlen(text) + 1), *at = flat;

    CU_ASSERT_PTR_NOT_NULL_FATAL(flat);
    for (; *text != 0; text++)
        if (!isspace((unsigned char)*text))
            *at++ = *text;
        else if (at > flat && at[-1] != ' ')
            *at++ = ' ';
    *at = 0;
    return flat;
}

static void every_code_is_explained(void)
{
    for (unsigned i = 0; code_at(i) != NULL; i++) {
        const struct stop_code_entry *entry = stop_code_entry((enum stop_code)(i + 1));
        char *flat;

        command_run(&said, "explain %s", entry->slug);
        said_good(entry->slug, &said);
        flat = unwrapped(said.out);
        said_has(entry->slug, flat, entry->slug);
        said_has(entry->slug, flat, entry->meaning);
        said_has(entry->slug, flat, entry->cause);
        said_has(entry->slug, flat, entry->mend);
        if (entry->ancestor[0] != 0)
            said_has(entry->slug, flat, entry->ancestor);
        free(flat);
    }
}

static unsigned count_lines_with(const char *text, const char *wanted)
{
    unsigned count = 0;

    for (; (text = strstr(text, wanted)) != NULL; text++)
        count++;
    return count;
}

static void a_family_is_listed(void)
{
    unsigned heaps = 0;

    for (unsigned i = 0; code_at(i) != NULL; i++)
        heaps += strncmp(code_at(i), "heap.", 5) == 0;
    command_run(&said, "explain heap");
    said_good("heap", &said);
    CU_ASSERT_EQUAL(count_lines_with(said.out, "\nheap."), heaps);
    CU_ASSERT_EQUAL(count_lines_with(said.out, "\nlock."), 0);
    command_run(&said, "explain leak.trend");
    CU_ASSERT_EQUAL(count_lines_with(said.out, "leak.trend."), 6);
    command_run(&said, "explain 0x103");
    said_has("0x103", said.out, "loader.load-inside");
    CU_ASSERT_PTR_NULL(strstr(said.out, "heap.lock-orphaned"));
}

static void explain_tells_who_raises_and_who_shows(void)
{
    command_run(&said, "explain heap.lock-orphaned");
    said_has("heap.lock-orphaned", said.out, "Raised by the detector\n  heap-lock");
    said_has("heap.lock-orphaned", said.out,
             "rundown run --workload heap-churn,variant=shared-arena --inject thread-kill\n");
}

static void explain_refuses(void)
{
    static const struct refusal list[] = {
        {"explain", "a stop code is missing; see rundown list stop-codes"},
        {"explain heap.lock-orphand", "is no stop code; did you mean 'heap.lock-orphaned'?"},
        {"explain spin-orphaned", "is no stop code; did you mean 'lock.spin-orphaned'?"},
        {"explain modle", "'modle' is no stop code; did you mean 'module'?"},
        {"explain heap.", "'heap.' is no stop code"},
        {"explain 0x999", "'0x999' is no stop code; see rundown list stop-codes"},
        {"explain qqqqqqqqqqqqqq", "see rundown list stop-codes"},
        {"explain crash.signal qqqqqqqqqqqqqq", "'qqqqqqqqqqqqqq' is no stop code"},
    };

    CHECK_REFUSALS(list);
}

static void the_reference_page_is_the_programs(void)
{
    char *page = file_text(RUNDOWN_SOURCE_DIR "/docs/reference/stop-codes.md");

    CU_ASSERT_PTR_NOT_NULL_FATAL(page);
    command_run(&said, "explain --markdown");
    said_good("explain --markdown", &said);
    if (strcmp(page, said.out) != 0)
        fprintf(stderr, "\n    make the page anew: rundown explain --markdown > "
                        "docs/reference/stop-codes.md\n");
    CU_ASSERT_STRING_EQUAL(page, said.out);
    free(page);
}

/* Every link of the page leads to one of its headings. */
static void the_reference_page_has_every_code(void)
{
    command_run(&said, "explain --markdown");
    for (unsigned i = 0; code_at(i) != NULL; i++) {
        char text[200], anchor[64], *to = anchor;

        snprintf(text, sizeof text, "\n### %s\n", code_at(i));
        CU_ASSERT_EQUAL(count_lines_with(said.out, text), 1);
        for (const char *c = code_at(i); *c != 0; c++)
            if (*c != '.')
                *to++ = *c;
        *to = 0;
        snprintf(text, sizeof text, "\n| [%s](#%s) |", code_at(i), anchor);
        CU_ASSERT_EQUAL(count_lines_with(said.out, text), 1);
    }
}

/* --- doctor ------------------------------------------------------------------------------------
 */

static const char *doctor_line(const char *name)
{
    static char line[2048];
    const char *at = said.out;

    for (; at != NULL && *at != 0; at += strcspn(at, "\n"), at += *at == '\n') {
        snprintf(line, sizeof line, "%.*s", (int)strcspn(at, "\n"), at);
        if (strlen(line) > 10 && strncmp(line + 10, name, strlen(name)) == 0 &&
            strncmp(line + 10 + strlen(name), "  ", 2) == 0)
            return line;
    }
    return "";
}

static void check_doctor_line(const char *name, const char *state, const char *wanted)
{
    const char *line = doctor_line(name);

    said_has(name, line, wanted);
    CU_ASSERT_EQUAL(strncmp(line, state, strlen(state)), 0);
}

/* Every line is one of three kinds, and what is not well has its loss and its mend. */
static void check_doctor_lines(unsigned *missing)
{
    const char *at = said.out;
    unsigned lines = 0;

    *missing = 0;
    for (; at != NULL && *at != '\n' && *at != 0; at += strcspn(at, "\n"), at += *at == '\n') {
        char line[2048];
        bool well;

        snprintf(line, sizeof line, "%.*s", (int)strcspn(at, "\n"), at);
        well = strncmp(line, "ok        ", 10) == 0;
        *missing += strncmp(line, "missing   ", 10) == 0;
        CU_ASSERT(well || strncmp(line, "degraded  ", 10) == 0 ||
                  strncmp(line, "missing   ", 10) == 0);
        CU_ASSERT_EQUAL(strstr(line, "; lost: ") != NULL, !well);
        CU_ASSERT_EQUAL(strstr(line, "; mend: ") != NULL, !well);
        lines++;
    }
    CU_ASSERT(lines >= 20);
}

static void doctor_tells_what_it_found(void)
{
    unsigned missing;

    command_run(&said, "doctor");
    CU_ASSERT_STRING_EQUAL(said.err, "");
    check_doctor_lines(&missing);
    said_status("doctor", &said, missing > 0 ? 3 : 0);
    said_has("doctor", said.out, missing > 0 ? "no run can work here" : "runs work here");
    check_doctor_line("runner", "ok", RUNDOWN_BUILD_DIR "/lib/rundown/rundown-target runs");
    check_doctor_line("agent", "ok", "librundown-agent.so can be preloaded");
}

static void take_away_path(void)
{
    setenv("PATH", "/nonexistent", 1);
    unsetenv("GDB");
    unsetenv("CC");
}

static void doctor_names_missing_tools(void)
{
    command_words(&said, take_away_path, "doctor");
    check_doctor_line("lttng daemon", "degraded",
                      "lttng-sessiond is not in PATH; lost: the flight recorder");
    check_doctor_line("lttng crash tool", "degraded", "mend: apt-get install lttng-tools");
    check_doctor_line("flight recorder", "degraded", "verdicts stay the same");
    check_doctor_line("gdb", "degraded", "lost: rundown replay --gdb; mend: apt-get install gdb");
    check_doctor_line("C compiler", "degraded", "lost: rundown module --use FILE.c; mend: apt-get");
}

static void lower(int what, rlim_t most)
{
    struct rlimit limit;

    getrlimit(what, &limit);
    limit.rlim_cur = most;
    setrlimit(what, &limit);
}

static void take_away_limits(void)
{
    lower(RLIMIT_NOFILE, 512);
    lower(RLIMIT_STACK, 1 << 20);
}

static void doctor_knows_limits(void)
{
    command_words(&said, take_away_limits, "doctor");
    said_status("limits", &said, 3);
    check_doctor_line("open files", "missing", "512 at once, 1002 are needed");
    check_doctor_line("stack", "degraded", "1048576 bytes");
    said_has("limits", said.out, "no run can work here: 1 missing");
}

/* 1024 is what systems give; it must do. */
static void give_the_usual(void)
{
    lower(RLIMIT_NOFILE, 1024);
}

static void doctor_takes_the_usual_limit(void)
{
    command_words(&said, give_the_usual, "doctor");
    check_doctor_line("open files", "ok", "1024 at once");
}

static void no_big_files(void)
{
    lower(RLIMIT_FSIZE, 1 << 20);
}

static void doctor_survives_a_check_that_dies(void)
{
    command_words(&said, no_big_files, "doctor");
    said_status("file size", &said, 3);
    check_doctor_line("shared memory", "missing", "killed by SIGXFSZ");
}

/* As a container's filter does. A leak checker would need ptrace as well. */
static void refuse_tracing(void)
{
    static struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ptrace, 3, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_process_vm_readv, 2, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_perf_event_open, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
    };
    struct sock_fprog program = {sizeof filter / sizeof filter[0], filter};

    setenv("ASAN_OPTIONS", "detect_leaks=0", 1);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) != 0)
        _exit(99);
}

static void doctor_tries_what_it_tells(void)
{
    command_words(&said, refuse_tracing, "doctor");
    if (said.status == 99)
        return; /* this kernel has no filters */
    check_doctor_line("ptrace", "degraded", "seizing a child: Operation not permitted");
    check_doctor_line("ptrace", "degraded", "ptrace_scope");
    check_doctor_line("memory of targets", "degraded", "Operation not permitted");
    check_doctor_line("breakpoints", "degraded", "perf_event_open: Operation not permitted");
}

static void copy_file(const char *from, const char *to)
{
    char bytes[1 << 16];
    FILE *in = fopen(from, "re"), *out = fopen(to, "we");
    size_t length;

    CU_ASSERT_FATAL(in != NULL && out != NULL);
    while ((length = fread(bytes, 1, sizeof bytes, in)) > 0)
        CU_ASSERT_EQUAL(fwrite(bytes, 1, length, out), length);
    fclose(in);
    CU_ASSERT_EQUAL(fclose(out), 0);
    chmod(to, 0755);
}

static void doctor_misses_its_own_files(void)
{
    struct fixture place;
    char path[FIXTURE_PATH + 64];
    char *argv[] = {path, (char *)"doctor", NULL};

    fixture_directory(&place);
    snprintf(path, sizeof path, "%s/bin", place.directory);
    CU_ASSERT_EQUAL(mkdir(path, 0755), 0);
    snprintf(path, sizeof path, "%s/bin/rundown", place.directory);
    copy_file(COMMAND_PROGRAM, path);
    command_exec(&said, NULL, argv);
    said_status("no files", &said, 3);
    check_doctor_line("runner", "missing", "No such file or directory");
    check_doctor_line("agent", "missing", "mend: install rundown again");
    check_doctor_line("modules", "degraded", "shipped workloads that load modules");
    fixture_remove(&place);
}

/* The loader goes on without a library that it cannot preload; doctor must not. */
static void doctor_sees_a_broken_agent(void)
{
    struct fixture place;
    char path[FIXTURE_PATH + 64];
    char *argv[] = {path, (char *)"doctor", NULL};
    FILE *file;

    fixture_directory(&place);
    for (const char *const *folder = (const char *const[]){"bin", "lib", "lib/rundown", NULL};
         *folder != NULL; folder++) {
        snprintf(path, sizeof path, "%s/%s", place.directory, *folder);
        CU_ASSERT_EQUAL(mkdir(path, 0755), 0);
    }
    snprintf(path, sizeof path, "%s/lib/rundown/rundown-target", place.directory);
    copy_file(RUNDOWN_BUILD_DIR "/lib/rundown/rundown-target", path);
    snprintf(path, sizeof path, "%s/lib/rundown/librundown-agent.so", place.directory);
    file = fopen(path, "we");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    fputs("no library", file);
    fclose(file);
    snprintf(path, sizeof path, "%s/bin/rundown", place.directory);
    copy_file(COMMAND_PROGRAM, path);
    command_exec(&said, NULL, argv);
    said_status("broken agent", &said, 3);
    check_doctor_line("runner", "ok", "runs");
    check_doctor_line("agent", "missing", "cannot be preloaded");
    fixture_remove(&place);
}

static void doctor_refuses(void)
{
    static const struct refusal list[] = {
        {"doctor now", "'now': it takes no arguments"},
        {"doctor --verbose", "'--verbose' is no option"},
    };

    CHECK_REFUSALS(list);
}

/* --- what the parsers accept, and who says so --------------------------------------------------
 */

/*
 * The option tables are each command's own, so they are asked for from outside: the parser is
 * given every beginning of a name, always with a wrong word behind, so that no command ever runs.
 */

enum { OPTIONS = 128, NAME_BYTES = 64 };

static struct {
    const char *command;
    unsigned count;
    char name[OPTIONS][NAME_BYTES]; /* "dry-run", or "q" for a short one */
} accepted;

static void accept_name(const char *name, size_t length)
{
    for (unsigned i = 0; i < accepted.count; i++)
        if (strlen(accepted.name[i]) == length && strncmp(accepted.name[i], name, length) == 0)
            return;
    CU_ASSERT_FATAL(accepted.count < OPTIONS && length < NAME_BYTES);
    snprintf(accepted.name[accepted.count++], NAME_BYTES, "%.*s", (int)length, name);
}

static bool is_name_byte(char c)
{
    return islower((unsigned char)c) || isdigit((unsigned char)c) || c == '-';
}

static size_t name_length(const char *text)
{
    size_t length = 0;

    while (is_name_byte(text[length]))
        length++;
    return length;
}

/* Every "--name" of a message that lists what was meant, less the word itself. */
static void accept_listed(const char *text, const char *typed)
{
    for (; (text = strstr(text, "--")) != NULL; text++) {
        size_t length = name_length(text + 2);

        if ((text[-1] == ' ' || text[-1] == '\'') && length > strlen(typed) &&
            strncmp(text + 2, typed, strlen(typed)) == 0)
            accept_name(text + 2, length);
    }
}

static bool refused_as_unknown(void)
{
    return strstr(said.err, "unrecognized option") != NULL ||
           strstr(said.err, "is no option") != NULL;
}

/* Does any option begin so? */
static bool begins(const char *prefix)
{
    command_run(&said, "%s --%s=qq --no-such-option", accepted.command, prefix);
    said_status(prefix, &said, 2);
    return strstr(said.err, prefix) == NULL || !refused_as_unknown() ||
           strstr(said.err, "no-such-option") != NULL;
}

/* Takes the name out of "option '--NAME' requires ..." or "--NAME: its value ...", if it is one. */
static bool accept_named(const char *prefix)
{
    static const char *const complaints[] = {"' doesn't allow an argument",
                                             "' requires an argument", ": it takes no value",
                                             ": its value is missing"};
    const char *name = strstr(said.err, "--");
    size_t length;

    if (name == NULL || strncmp(name + 2, prefix, strlen(prefix)) != 0)
        return false;
    length = name_length(name += 2);
    for (size_t i = 0; i < sizeof complaints / sizeof complaints[0]; i++)
        if (strncmp(name + length, complaints[i], strlen(complaints[i])) == 0) {
            accept_name(name, length);
            return true;
        }
    return false;
}

/* Must it have a value? Then the next word is one, wrong as it is, and no option. */
static bool takes_next_word(const char *prefix)
{
    command_run(&said, "%s --%s --no-such-a --no-such-b", accepted.command, prefix);
    said_status(prefix, &said, 2);
    return !refused_as_unknown() || strstr(said.err, "no-such-a") == NULL;
}

static void explore(char *prefix, size_t length);

/* Letters are added until no option begins so: for those with an optional value. */
static void explore_further(char *prefix, size_t length)
{
    unsigned before = accepted.count;

    explore(prefix, length);
    if (accepted.count == before)
        accept_name(prefix, length);
}

/* An option begins with @prefix, and said.err has what came of --PREFIX=qq. */
static void find_name(char *prefix, size_t length)
{
    if (strstr(said.err, "ambiguous") != NULL || strstr(said.err, "cut too short") != NULL) {
        accept_listed(said.err, prefix);
        return;
    }
    if (accept_named(prefix))
        return;
    if (takes_next_word(prefix)) {
        command_run(&said, "%s --%s", accepted.command, prefix);
        CU_ASSERT_TRUE(accept_named(prefix));
        return;
    }
    explore_further(prefix, length);
}

static void explore(char *prefix, size_t length)
{
    for (const char *c = "abcdefghijklmnopqrstuvwxyz0123456789-"; *c != 0; c++) {
        if ((length == 0 && *c == '-') || length + 2 > NAME_BYTES)
            continue;
        prefix[length] = *c;
        prefix[length + 1] = 0;
        if (begins(prefix))
            find_name(prefix, length + 1);
    }
    prefix[length] = 0;
}

/* A short option is taken with the first wrong word as its value, or without any. */
static void find_short_options(void)
{
    for (char c = '0'; c <= 'z'; c++) {
        char name[2] = {c, 0};

        if (!isalnum((unsigned char)c) && c != '?')
            continue;
        if (c == '?' || c == 'V')
            continue; /* these end the program well; tried by their long names */
        command_run(&said, "%s -%c --no-such-a --no-such-b", accepted.command, c);
        said_status(name, &said, 2);
        if (strstr(said.err, "invalid option -- '") == NULL &&
            (strstr(said.err, "'-") == NULL || strstr(said.err, "'--no-such") != NULL))
            accept_name(name, 1);
    }
}

static void find_options(const char *command)
{
    char prefix[NAME_BYTES] = "";

    memset(&accepted, 0, sizeof accepted);
    accepted.command = command;
    explore(prefix, 0);
    find_short_options();
}

static bool has_option(const char *help, const char *name)
{
    char wanted[NAME_BYTES + 4];
    bool brief = name[1] == 0;

    snprintf(wanted, sizeof wanted, brief ? " -%s, --" : " --%s", name);
    for (; (help = strstr(help, wanted)) != NULL; help++)
        if (brief || !is_name_byte(help[strlen(wanted)]))
            return true;
    return false;
}

/* In mdoc "--cycles" is "Fl -cycles", and "-q" is "Fl q". */
static bool page_has_option(const char *section, const char *end, const char *name)
{
    char wanted[NAME_BYTES + 8];

    snprintf(wanted, sizeof wanted, name[1] == 0 ? "Fl %s" : "Fl -%s", name);
    for (; (section = strstr(section, wanted)) != NULL && section < end; section++)
        if (!is_name_byte(section[strlen(wanted)]))
            return true;
    return false;
}

static char *manual;

/* The command's own part of the page, or what is said of all commands. */
static bool manual_has(const char *command, const char *name)
{
    const char *common = strstr(manual, "Every command takes these options");
    const char *own, *end;
    char heading[NAME_BYTES];

    snprintf(heading, sizeof heading, "\n.Ss %s\n", command);
    own = strstr(manual, heading);
    if (own == NULL || common == NULL)
        return false;
    end = strstr(own + 1, "\n.S");
    return page_has_option(common, strstr(common, "\n.Ss "), name) ||
           (end != NULL && page_has_option(own, end, name));
}

static void check_options(const char *command)
{
    struct said help = {0};

    find_options(command);
    command_run(&help, "%s --help", command);
    said_good(command, &help);
    CU_ASSERT(accepted.count >= 3); /* --help, --usage, --version */
    for (unsigned i = 0; i < accepted.count; i++) {
        if (strcmp(accepted.name[i], "program-name") == 0)
            continue; /* argp hides this one of its own, for tests of its own */
        if (!has_option(help.out, accepted.name[i]) || !manual_has(command, accepted.name[i]))
            fprintf(stderr, "\n    %s: option '%s': in its help: %d, in the man page: %d\n",
                    command, accepted.name[i], has_option(help.out, accepted.name[i]),
                    manual_has(command, accepted.name[i]));
        CU_ASSERT_TRUE(has_option(help.out, accepted.name[i]));
        CU_ASSERT_TRUE(manual_has(command, accepted.name[i]));
    }
    said_free(&help);
}

static bool was_found(const char *name)
{
    for (unsigned i = 0; i < accepted.count; i++)
        if (strcmp(accepted.name[i], name) == 0)
            return true;
    return false;
}

/* If the search itself were blind, the next test would prove nothing. */
static void the_search_finds_options(void)
{
    static const char *const wanted[] = {"format",  "finding", "markdown", "json",
                                         "verbose", "output",  "help",     "usage",
                                         "version", "f",       "v",        "o"};

    find_options("report");
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        if (!was_found(wanted[i]))
            fprintf(stderr, "\n    not found: %s\n", wanted[i]);
        CU_ASSERT_TRUE(was_found(wanted[i]));
    }
    CU_ASSERT_EQUAL(accepted.count, sizeof wanted / sizeof wanted[0]);
    find_options("replay"); /* one has an optional value */
    CU_ASSERT(was_found("gdb") && was_found("times") && was_found("q"));
    CU_ASSERT_FALSE(was_found("g"));
}

static void help_and_manual_name_every_option(void)
{
    manual = file_text(RUNDOWN_SOURCE_DIR "/docs/man/rundown.1");
    CU_ASSERT_PTR_NOT_NULL_FATAL(manual);
    for (unsigned i = 0; command_registry[i] != NULL; i++)
        check_options(command_registry[i]->name);
    free(manual);
}

static void every_command_has_its_standard_options(void)
{
    for (unsigned i = 0; command_registry[i] != NULL; i++) {
        const char *name = command_registry[i]->name;

        command_run(&said, "%s --usage", name);
        said_good(name, &said);
        command_run(&said, "%s --version", name);
        said_good(name, &said);
        CU_ASSERT_STRING_EQUAL(said.out, COMMAND_VERSION "\n");
        command_run(&said, "--help");
        said_has(name, said.out, command_registry[i]->summary);
    }
}

/* --- completion --------------------------------------------------------------------------------
 */

/* What the shell would be offered at the end of @line, one a line. */
static void complete_line(const char *line)
{
    static const char script[] = ". " RUNDOWN_SOURCE_DIR "/docs/completion/rundown.bash\n"
                                 "COMP_LINE=$1 COMP_POINT=${#1}\n"
                                 "_rundown " COMMAND_PROGRAM "\n"
                                 "((${#COMPREPLY[@]})) && printf '%s\\n' \"${COMPREPLY[@]}\"\n"
                                 ":\n";
    char *argv[] = {
        (char *)"/bin/bash", (char *)"--norc",        (char *)"-c", (char *)(uintptr_t)script,
        (char *)"test",      (char *)(uintptr_t)line, NULL};

    command_exec(&said, NULL, argv);
    said_status(line, &said, 0);
    CU_ASSERT_STRING_EQUAL(said.err, "");
}

static void check_completion(const char *line, const char *wanted)
{
    complete_line(line);
    if (strcmp(said.out, wanted) != 0)
        fprintf(stderr, "\n    '%s': wanted: %s got: %s\n", line, wanted, said.out);
    CU_ASSERT_STRING_EQUAL(said.out, wanted);
}

static void completion_offers_what_the_program_knows(void)
{
    check_completion("rundown rep", "replay\nreport\n");
    check_completion("rundown --v", "--version\n");
    check_completion("rundown report --form", "--format=\n");
    check_completion("rundown report --format js", "jsonl\n");
    check_completion("rundown report -f js", "jsonl\n");
    check_completion("rundown report --format=js", "jsonl\n");
    check_completion("rundown run --workload heap-c", "heap-churn\n");
    check_completion("rundown run -w heap-churn,thr", "heap-churn,threads=\n");
    check_completion("rundown run -w heap-churn,variant=sh", "shared-arena\n");
    check_completion("rundown run --inject thread-k", "thread-kill\n");
    check_completion("rundown run --inject=thread-kill@T1.2:mallo", "malloc\n");
    check_completion("rundown run --without=loader", "loader-lock\n");
    check_completion("rundown run --mode c", "controlled\n");
    check_completion("rundown run --seed ", "");
    check_completion("rundown explain heap.lo", "heap.lock-orphaned\n");
    check_completion("rundown explain cras", "crash.signal\ncrash\n");
    check_completion("rundown module --us", "--use=\n--usage\n");
    check_completion("rundown trend --kind=ex", "exact\n");
    check_completion("rundown trend --qu", "--quantum=\n");
    check_completion("rundown list si", "sites\n");
    check_completion("rundown list workloads heap-c", "heap-churn\n");
    check_completion("rundown doctor x", "");
    check_completion("rundown nosuchcommand --", "");
}

static void completion_offers_every_command(void)
{
    complete_line("rundown ");
    for (unsigned i = 0; command_registry[i] != NULL; i++)
        said_has("rundown ", said.out, command_registry[i]->name);
}

int main(void)
{
    CU_pSuite suite;

    if (CU_initialize_registry() != CUE_SUCCESS)
        return 2;
    suite = CU_add_suite("commands", NULL, NULL);
    CU_ADD_TEST(suite, report_writes_every_format);
    CU_ADD_TEST(suite, report_to_a_file_is_the_same);
    CU_ADD_TEST(suite, report_of_one_finding_leaves_out_the_other);
    CU_ADD_TEST(suite, report_refuses);
    CU_ADD_TEST(suite, report_of_a_damaged_store_is_one_line);
    CU_ADD_TEST(suite, report_keeps_the_old_file_until_the_new_one_is_whole);
    CU_ADD_TEST(suite, report_follows_a_link_to_its_file);
    CU_ADD_TEST(suite, a_full_disk_is_one_line_and_status_3);
    CU_ADD_TEST(suite, colours_are_for_terminals_that_want_them);
    CU_ADD_TEST(suite, names_are_those_of_the_registries);
    CU_ADD_TEST(suite, every_entry_can_be_listed_alone);
    CU_ADD_TEST(suite, json_is_valid_and_whole);
    CU_ADD_TEST(suite, workloads_tell_all_that_can_be_typed);
    CU_ADD_TEST(suite, injectors_tell_their_sites);
    CU_ADD_TEST(suite, injectors_tell_victims_and_arguments);
    CU_ADD_TEST(suite, list_refuses);
    CU_ADD_TEST(suite, every_code_is_explained);
    CU_ADD_TEST(suite, a_family_is_listed);
    CU_ADD_TEST(suite, explain_tells_who_raises_and_who_shows);
    CU_ADD_TEST(suite, explain_refuses);
    CU_ADD_TEST(suite, the_reference_page_is_the_programs);
    CU_ADD_TEST(suite, the_reference_page_has_every_code);
    CU_ADD_TEST(suite, doctor_tells_what_it_found);
    CU_ADD_TEST(suite, doctor_names_missing_tools);
    CU_ADD_TEST(suite, doctor_knows_limits);
    CU_ADD_TEST(suite, doctor_takes_the_usual_limit);
    CU_ADD_TEST(suite, doctor_survives_a_check_that_dies);
    CU_ADD_TEST(suite, doctor_tries_what_it_tells);
    CU_ADD_TEST(suite, doctor_misses_its_own_files);
    CU_ADD_TEST(suite, doctor_sees_a_broken_agent);
    CU_ADD_TEST(suite, doctor_refuses);
    CU_ADD_TEST(suite, the_search_finds_options);
    CU_ADD_TEST(suite, help_and_manual_name_every_option);
    CU_ADD_TEST(suite, every_command_has_its_standard_options);
    CU_ADD_TEST(suite, completion_offers_what_the_program_knows);
    CU_ADD_TEST(suite, completion_offers_every_command);
    CU_basic_set_mode(CU_BRM_NORMAL);
    CU_basic_run_tests();
    said_free(&said);
    return CU_get_number_of_failures() != 0;
}
