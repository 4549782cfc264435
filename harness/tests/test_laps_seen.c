/*
 * What laps show, from outside: planted leaks in a module that is loaded and unloaded, and their
 * clean twins; a program of one's own whose laps are counted where it enters a function; a cell
 * that stops when it is sure.
 */
#include <harness/tests/command_run.h>

#include <CUnit/Basic.h>

#define SERIES RUNDOWN_BUILD_DIR "/tests/modules/module_series.so"
#define ROUNDS RUNDOWN_BUILD_DIR "/tests/programs/rounds"

static struct said said;

/* Three cells, in each of which the module is used in another way. */
static sqlite3 *run_module(const char *use, unsigned laps)
{
    command_run(&said,
                "module " SERIES " --use %s --laps %u --seed 1 --quiet --no-lttng --confirm 0 "
                "--without leak-unreachable --out laps",
                use, laps);
    return record_of("laps");
}

static void end_record(sqlite3 *db)
{
    sqlite3_close(db);
    CU_ASSERT_EQUAL(tree_remove("laps"), 0);
}

/* --- planted ---------------------------------------------------------------------------------- */

#define OF_HEAP "SELECT count(*) FROM finding WHERE code = 'leak.trend.heap' AND "

static void constant_base(void)
{
    static const unsigned bytes[] = {4, 8, 12, 64};

    for (size_t i = 0; i < sizeof bytes / sizeof bytes[0]; i++) {
        char use[64];
        sqlite3 *db;

        snprintf(use, sizeof use, "series_lose(%u)", bytes[i]);
        db = run_module(use, 25);
        said_status(use, &said, 0);
        asked(use, db, OF_HEAP "severity = 'note'", 3);
        end_record(db);
        db = run_module(use, 105);
        said_status(use, &said, 1);
        asked(use, db, OF_HEAP "severity = 'finding'", 3);
        end_record(db);
    }
}

static void hidden_and_slow(void)
{
    static const struct {
        const char *use;
        const char *code;
    } planted[] = {
        {"series_jitter(8)", "leak.trend.heap"},
        {"series_jitter(12)", "leak.trend.heap"},
        {"series_descriptor(25)", "leak.trend.fd"},
        {"series_thread(25)", "leak.trend.thread"},
    };

    for (size_t i = 0; i < sizeof planted / sizeof planted[0]; i++) {
        sqlite3 *db = run_module(planted[i].use, 425);
        char query[200];

        snprintf(query, sizeof query,
                 "SELECT count(*) FROM finding WHERE code = '%s' AND severity = 'finding'",
                 planted[i].code);
        asked(planted[i].use, db, query, 3);
        end_record(db);
    }
}

static void clean_twins(void)
{
    static const char *const uses[] = {"series_lazy()", "series_cache(300)", "series_tooth(20)",
                                       "series_steps()", "series_pool()"};

    for (size_t i = 0; i < sizeof uses / sizeof uses[0]; i++) {
        sqlite3 *db = run_module(uses[i], 1005);

        asked(uses[i], db,
              "SELECT count(*) FROM finding WHERE code LIKE 'leak.trend.%' AND "
              "severity = 'finding'",
              0);
        asked(uses[i], db, "SELECT count(*) FROM cell WHERE broken > 0", 0);
        end_record(db);
    }
}

/* The place in the words, as samples, and beside the series. */
static void sites_that_grow(void)
{
    sqlite3 *db = run_module("series_lose(24)", 1005);

    answer_fits(db, "SELECT text FROM finding WHERE code = 'leak.trend.heap'",
                "\\+24 bytes and \\+1 blocks per lap from series_lose  module_series.so  "
                "module_series.c:[0-9]+");
    asked("samples", db,
          "SELECT samples FROM series WHERE kind LIKE 'site.bytes/2 series_lose %' AND cell = 1",
          502);
    answer_fits(db,
                "SELECT json_extract(json, '$.sites[0].place') || json_extract(json, "
                "'$.sites[0].bytes') FROM line WHERE type = 'series' AND "
                "json_extract(json, '$.kind') = 'heap.bytes'",
                "^series_lose .*24");
    answer_fits(db,
                "SELECT json_extract(json, '$.verdict') FROM line WHERE type = 'series' AND "
                "json_extract(json, '$.kind') = 'heap.bytes'",
                "^leak$");
    sqlite3_close(db);
    command_run(&said, "report laps");
    said_has("terminal", said.out, "runs out   in ");
    said_has("terminal", said.out, "site       +24 bytes, +1 blocks/cycle  series_lose");
    said_has("terminal", said.out, "last steps +24 +24");
    said_has("terminal", said.out, "now 1 times that");
    said_has("terminal", said.out, "series judged");
    CU_ASSERT_EQUAL(tree_remove("laps"), 0);
}

/* --- a program's own laps --------------------------------------------------------------------- */

static sqlite3 *run_rounds(const char *laps, const char *arguments, int status)
{
    command_run(&said,
                "run --inject none --cycles 1 --confirm 0 --quiet --out laps %s -- " ROUNDS " %s",
                laps, arguments);
    said_status(laps, &said, status);
    return record_of("laps");
}

static void laps_at_a_function(void)
{
    sqlite3 *db = run_rounds("--lap-at serve", "200 24", 1);
    char *line, *quoted;

    answer_fits(db, "SELECT text FROM finding WHERE code = 'leak.trend.heap'",
                "\\+24 bytes per lap");
    answer_fits(db, "SELECT text FROM finding WHERE code = 'leak.trend.heap'",
                "from serve  rounds  rounds.c:");
    asked("samples", db, "SELECT samples FROM series WHERE kind = 'heap.bytes'", 200);
    line = ask_text(db, "SELECT replay FROM finding WHERE code = 'leak.trend.heap'");
    said_has("replay line", line, " lap-at=serve ");
    end_record(db);
    CU_ASSERT_TRUE_FATAL(asprintf(&quoted, "%s", line) >= 0);
    char *argv[] = {(char *)COMMAND_PROGRAM, (char *)"replay",  quoted,
                    (char *)"--times=2",     (char *)"--quiet", NULL};
    command_exec(&said, NULL, argv);
    said_status(line, &said, 1);
    said_has("replay", said.out, "reproduced 2 of 2");
    free(quoted);
    free(line);
    db = run_rounds("--lap-at serve", "200 0", 0);
    asked("clean", db, "SELECT samples FROM series WHERE kind = 'heap.bytes'", 200);
    end_record(db);
}

/* Threads that block every signal, at once: each entry counts, and no argument is harmed. */
static void laps_of_many_threads(void)
{
    sqlite3 *db = run_rounds("--lap-at serve", "500 0 4", 0);

    asked("threads", db, "SELECT samples FROM series WHERE kind = 'heap.bytes'", 2000);
    end_record(db);
    db = run_rounds("--lap-at serve --fresh", "500 0 4", 0);
    asked("afresh", db, "SELECT samples FROM series WHERE kind = 'heap.bytes'", 2000);
    end_record(db);
}

/* As it is told, a function is found without its symbol. */
static void laps_at_an_offset(void)
{
    sqlite3 *db = run_rounds("--lap-at serve", "30 0", 0);
    char *notes = ask_text(db, "SELECT json_extract(json, '$.notes[0]') FROM line WHERE "
                               "type = 'cell'");
    const char *place = strstr(notes, "(rounds+0x");
    char options[100];

    CU_ASSERT_PTR_NOT_NULL_FATAL(place);
    said_has("notes", notes, "nothing was waited for to be quiet");
    snprintf(options, sizeof options, "--lap-at %.*s", (int)strcspn(place + 1, ")"), place + 1);
    end_record(db);
    db = run_rounds(options, "30 0", 0);
    asked(options, db, "SELECT samples FROM series WHERE kind = 'heap.bytes'", 30);
    end_record(db);
    free(notes);
}

static void laps_of_a_library(void)
{
    sqlite3 *db = run_rounds("--lap-at libc.so.6:sigfillset", "30 0", 0);

    asked("a library", db, "SELECT samples FROM series WHERE kind = 'heap.bytes'", 1);
    end_record(db);
}

/* Each round calls malloc and free: two events, and a few more before and behind. */
static void laps_by_progress(void)
{
    sqlite3 *db = run_rounds("--lap-every 10", "500 0", 0);

    asked("progress", db,
          "SELECT samples BETWEEN 100 AND 110 FROM series WHERE kind = 'heap.bytes'", 1);
    answer_fits(db, "SELECT json_extract(json, '$.notes[0]') FROM line WHERE type = 'cell'",
                "after every 10 calls");
    end_record(db);
}

static void wrong_laps(void)
{
    static const struct {
        const char *words;
        const char *wanted;
    } wrong[] = {
        {"--lap-at server -- " ROUNDS, "has no function 'server'; did you mean 'serve'?"},
        {"--lap-at nothing_like_it -- " ROUNDS, "has no function 'nothing_like_it'"},
        {"--lap-at libnone.so:f -- " ROUNDS, "the module 'libnone.so' is not found"},
        {"--lap-at rounds+0x1 -- " ROUNDS, "has no code there"},
        {"--lap-at rounds+0xzz -- " ROUNDS, "is neither FUNCTION"},
        {"--lap-at serve --laps 3 -- " ROUNDS, "give one"},
        {"--lap-at serve --workload null", "workloads take --laps"},
        {"--lap-every 0 -- " ROUNDS, "outside 1 to"},
        {"--until-sure 2 --workload null", "is no share between 0 and 1"},
    };

    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        command_run(&said, "run --out laps %s", wrong[i].words);
        said_refused(wrong[i].words, &said, 2, wrong[i].wanted);
    }
}

/* --- certainty -------------------------------------------------------------------------------- */

static void stops_when_sure(void)
{
    sqlite3 *db;

    command_run(&said, "run --workload null --inject none --until-sure 1%% --seed 1 --quiet "
                       "--no-lttng --out laps");
    said_status("sure", &said, 0);
    db = record_of("laps");
    asked("enough", db, "SELECT passed >= 332 FROM cell", 1);
    answer_fits(db, "SELECT json_extract(json, '$.notes[0]') FROM line WHERE type = 'cell'",
                "shown to be rarer than 0.01");
    end_record(db);
    command_run(&said, "run --inject none --until-sure 1%% --seed 1 --quiet --confirm 0 --out laps "
                       "--lap-at serve -- " ROUNDS " 200 24");
    said_status("sure of the worst", &said, 1);
    db = record_of("laps");
    answer_fits(db,
                "SELECT group_concat(json_extract(json, '$.notes')) FROM line WHERE type = 'cell'",
                "shown to be more frequent than 0.01");
    end_record(db);
}

static void says_how_many(void)
{
    command_run(&said, "cycles 1%%");
    said_good("cycles", &said);
    text_fits("cycles", said.out, "0 +299 +332");
    text_fits("cycles", said.out, "1 +473 ");
    command_run(&said, "cycles 1/1000");
    text_fits("cycles", said.out, "0 +2,995 +3,332");
    command_run(&said, "cycles");
    said_refused("cycles", &said, 2, "a share is missing");
    command_run(&said, "cycles none");
    said_refused("cycles none", &said, 2, "is no share between 0 and 1");
}

int main(void)
{
    CU_pSuite suite;

    if (CU_initialize_registry() != CUE_SUCCESS)
        return 2;
    suite = CU_add_suite("laps seen", place_open, place_close);
    CU_ADD_TEST(suite, constant_base);
    CU_ADD_TEST(suite, hidden_and_slow);
    CU_ADD_TEST(suite, clean_twins);
    CU_ADD_TEST(suite, sites_that_grow);
    CU_ADD_TEST(suite, laps_at_a_function);
    CU_ADD_TEST(suite, laps_of_many_threads);
    CU_ADD_TEST(suite, laps_at_an_offset);
    CU_ADD_TEST(suite, laps_of_a_library);
    CU_ADD_TEST(suite, laps_by_progress);
    CU_ADD_TEST(suite, wrong_laps);
    CU_ADD_TEST(suite, stops_when_sure);
    CU_ADD_TEST(suite, says_how_many);
    CU_basic_set_mode(CU_BRM_VERBOSE);
    CU_basic_run_tests();
    said_free(&said);
    return CU_get_number_of_failures() != 0;
}
