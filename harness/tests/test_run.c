/*
 * `rundown run`, end to end: what it finds in the shipped workloads, what it must not find, how
 * long it goes on, and how it ends.
 *
 * Cycles are few, so nothing here measures a rate. Where the outcome of a cycle depends on the
 * kernel's scheduler, so many cycles are run that a miss of all is out of the question; all else
 * is certain.
 */
#include <harness/tests/command_run.h>

#include <CUnit/Basic.h>

static struct said said;

/* --- shipped workloads ----------------------------------------------------------------------- */

#define SHARED                                                                                     \
    "--workload heap-churn,variant=shared-arena,ops=20 --inject thread-kill@malloc --seed 1 "      \
    "--cycles 30 --no-lttng"
#define SMALL "--workload heap-churn,threads=2,ops=60 --no-lttng"
#define POINT "^T1(\\.[0-9]+)+ +was killed at T1(\\.[0-9]+)+:malloc#[0-9]+(\\+[0-9]+i)?"

/* Every verdict of the killing cell names the victim, its point, and where in the code that is. */
static void check_shared_arena(sqlite3 *db)
{
    const char *one = "SELECT json_extract(text, '$[0]') FROM finding WHERE place = 0 AND cell = 1";
    const char *two = "SELECT json_extract(text, '$[1]') FROM finding WHERE place = 0 AND cell = 1";

    asked("shared-arena", db, "SELECT cycles FROM cell WHERE cell = 1", 30);
    asked("shared-arena", db, "SELECT cycles FROM cell WHERE injector = 'none'", 30);
    asked("shared-arena", db, "SELECT passed FROM cell WHERE injector = 'none'", 30);
    asked("shared-arena", db, "SELECT count(*) FROM finding WHERE cell <> 1", 0);
    CU_ASSERT_TRUE(ask(db, "SELECT failed FROM cell WHERE cell = 1") > 0);
    asked("shared-arena", db,
          "SELECT count(*) FROM finding WHERE place = 0 AND code <> "
          "'heap.lock-orphaned'",
          0);
    asked("shared-arena", db,
          "SELECT count(*) FROM finding WHERE place = 0 AND "
          "(text NOT LIKE '%was killed at T1._:malloc#%' OR "
          "text NOT LIKE '%at libc.so.6+0x%' OR injected NOT LIKE "
          "'thread-kill at T1._:malloc#%')",
          0);
    answer_fits(db, one, POINT);
    answer_fits(db, two, "^ *at libc\\.so\\.6\\+0x[0-9a-f]+ +[a-z_]+");
}

static void check_reports(const char *directory)
{
    char path[512], command[1024];
    char *text;
    sqlite3 *db;

    snprintf(path, sizeof path, "%s/run.jsonl", directory);
    text = file_text(path);
    CU_ASSERT_PTR_NOT_NULL_FATAL(text);
    db = record_read(text);
    asked(path, db, "SELECT count(*) FROM line WHERE type IS NULL", 0);
    asked(path, db, "SELECT n FROM line WHERE type = 'run'", 1);
    asked(path, db, "SELECT n = (SELECT max(n) FROM line) FROM line WHERE type = 'end'", 1);
    asked(path, db, "SELECT count(*) FROM cell", 2);
    sqlite3_close(db);
    free(text);
    snprintf(command, sizeof command,
             "xmllint --noout --schema %s/docs/junit.xsd %s/junit.xml 2>xmllint.txt",
             RUNDOWN_SOURCE_DIR, directory);
    if (system("xmllint --version >/dev/null 2>&1") != 0)
        puts("  (xmllint is not installed: junit.xml is not checked)");
    else
        CU_ASSERT_EQUAL(system(command), 0);
    CU_ASSERT_EQUAL(children_reap(1), true);
}

static void an_orphaned_heap_lock_is_found(void)
{
    sqlite3 *db;

    command_run(&said, "run " SHARED " --out shared");
    said_status("shared-arena", &said, 1);
    CU_ASSERT_STRING_EQUAL(said.err, "");
    said_has("shared-arena", said.out, "FAIL  heap.lock-orphaned");
    db = record_of("shared");
    check_shared_arena(db);
    sqlite3_close(db);
    check_reports("shared");
}

/* About every fifth strike hits the lock: 100 misses in a row do not happen. */
static void the_default_variant_finds_it_too(void)
{
    sqlite3 *db;

    command_run(&said,
                "run " SMALL " --inject thread-kill@malloc --seed 1 --cycles 100 --out plain");
    said_status("plain", &said, 1);
    db = record_of("plain");
    CU_ASSERT_TRUE(ask(db, "SELECT failed FROM cell WHERE cell = 1") > 0);
    asked("plain", db, "SELECT passed FROM cell WHERE injector = 'none'", 100);
    asked("plain", db,
          "SELECT count(*) FROM finding WHERE place = 0 AND code <> "
          "'heap.lock-orphaned'",
          0);
    sqlite3_close(db);
}

/*
 * The arena is the dead thread's own: nobody else would have come by, but for the probe. (The
 * deadline: a hang that cannot be proved ends as a note, which is not what is asked about here.)
 */
static void the_fork_probe_finds_what_nobody_needs(void)
{
    sqlite3 *db;

    command_run(&said,
                "run --probe --deadline 20s --inject thread-kill@malloc --cycles 40 --seed 5 "
                "--out probe -- " ACTS " alone");
    said_status("probe", &said, 1);
    db = record_of("probe");
    asked("probe", db,
          "SELECT count(*) FROM finding WHERE place = 0 AND severity = 'finding' AND code <> "
          "'heap.lock-orphaned'",
          0);
    answer_fits(db, "SELECT text FROM finding WHERE place = 0 AND severity = 'finding'",
                "waits for the heap lock +probe fork");
    asked("probe", db, "SELECT failed FROM cell WHERE injector = 'none'", 0);
    sqlite3_close(db);
    command_run(&said,
                "run --inject thread-kill@malloc --cycles 40 --seed 5 --out unprobed -- " ACTS
                " alone");
    said_status("unprobed", &said, 0);
}

/* Without its detector the finding is not made, and the run does not call that broken. */
static void a_detector_can_be_switched_off(void)
{
    sqlite3 *db;

    command_run(&said, "run " SHARED " --no-control --without heap-lock "
                       "--out without");
    CU_ASSERT_PTR_NULL(strstr(said.out, "heap.lock-orphaned"));
    db = record_of("without");
    asked("without", db, "SELECT count(*) FROM finding WHERE code = 'heap.lock-orphaned'", 0);
    asked("without", db, "SELECT sum(broken) FROM cell", 0);
    sqlite3_close(db);
}

/* Every shipped workload, as it is by default, is sound as long as nothing goes wrong. */
static void clean_twins_stay_clean(void)
{
    sqlite3 *db;

    command_run(&said, "run --inject none --seed 4 --cycles 30 --no-lttng --out clean");
    said_status("clean", &said, 0);
    CU_ASSERT_STRING_EQUAL(said.err, "");
    db = record_of("clean");
    CU_ASSERT_TRUE(ask(db, "SELECT count(*) FROM cell") >= 7);
    asked("clean", db, "SELECT count(*) FROM cell WHERE passed <> 30", 0);
    asked("clean", db, "SELECT count(*) FROM finding WHERE severity <> 'note'", 0);
    sqlite3_close(db);
}

static void laps_are_stored_as_series(void)
{
    sqlite3 *db;

    command_run(&said, "run " SMALL " --inject none --cycles 2 --laps 20 --out laps");
    said_status("laps", &said, 0);
    db = record_of("laps");
    CU_ASSERT_TRUE(ask(db, "SELECT count(*) FROM series") > 0);
    asked(
        "laps", db,
        "SELECT count(*) FROM series WHERE kind <> 'lap.ns' AND (samples <> 20 OR first_lap <> 0)",
        0);
    asked("laps", db, "SELECT count(DISTINCT cycle) FROM series WHERE kind = 'heap.bytes'", 2);
    asked("laps", db, "SELECT count(DISTINCT cycle) FROM series WHERE kind = 'fds'", 2);
    sqlite3_close(db);
}

/* It has not begun, so it leaves nothing: the end is an orderly one. */
static void cancelled_at_its_start_is_no_finding(void)
{
    command_run(&said, "run --workload lost-exchange --laps 2 --no-lttng --confirm 0 --no-control "
                       "--inject thread-cancel@thread_start --cycles 20 --out cancelled");
    said_status("cancelled at its start", &said, 0);
}

/* Destructors of modules are called by code without tables, at which unwinding stops: the frames
 * beyond are left out, ours among them, but the thread ends in an orderly way. */
static void cut_unwinding_is_no_bare_end(void)
{
    sqlite3 *db;

    command_run(&said, "run -q --workload plugin-singleton --no-lttng --confirm 0 --no-control "
                       "--seed 1 --inject thread-cancel@dtor --cycles 20 --out unwound");
    said_status("unwound", &said, 1);
    said_has("unwound", said.out, "T1.1       was cancelled");
    CU_ASSERT_PTR_NULL(strstr(said.out, "vanished"));
    db = record_of("unwound");
    asked("unwound", db, "SELECT count(*) FROM finding WHERE code = 'thread.left-behind'", 0);
    sqlite3_close(db);
}

/* Cancelling loads libgcc_s, which allocates: none of that is where the thread took its lock. */
static void struck_call_keeps_its_caller(void)
{
    command_run(&said, "run --workload lock-lifetime --no-lttng --confirm 0 --no-control "
                       "--inject thread-cancel@T1.1:lock#1 --cycles 20 --out caller");
    said_status("caller", &said, 1);
    said_has("caller", said.out, "held by T1.1, taken in hold");
    CU_ASSERT_PTR_NULL(strstr(said.out, "_dl_"));
}

/* The server hears of the target alone: the crash of its child is told without waiting for a
 * deadline. Without memory for libgcc_s, pthread_exit aborts. */
static void crash_of_a_child_is_told_at_once(void)
{
    command_run(&said, "run --workload thread-exit-path --no-lttng --confirm 0 --no-control "
                       "--deadline 20s --inject alloc-fail@T1f1:malloc#4 --cycles 3 --out child");
    said_status("child", &said, 1);
    said_has("child", said.out, "T1f1       died of SIGABRT");
    CU_ASSERT_PTR_NULL(strstr(said.out, "hang.deadline"));
}

/* How many laps a variant needs is in its entry; the user's word goes before it, and a line says
 * which it was. */
static void variant_has_laps_of_its_own(void)
{
    sqlite3 *db;

    command_run(&said, "run --workload growing-list,variant=freed-at-exit --no-lttng --confirm 0 "
                       "--no-control --inject none --cycles 1 --out own-laps");
    said_status("own-laps", &said, 1);
    said_has("own-laps", said.out, "mode=free laps=105");
    db = record_of("own-laps");
    asked("own-laps", db, "SELECT count(*) FROM series WHERE kind <> 'lap.ns' AND samples <> 105",
          0);
    sqlite3_close(db);
    command_run(&said, "run --workload growing-list,variant=freed-at-exit --no-lttng --laps 20 "
                       "--no-control --inject none --cycles 1 --out other-laps");
    said_status("other-laps", &said, 0);
    db = record_of("other-laps");
    asked("other-laps", db, "SELECT count(*) FROM series WHERE kind <> 'lap.ns' AND samples <> 20",
          0);
    sqlite3_close(db);
    command_run(&said, "replay --times 1 'growing-list variant=freed-at-exit seed=0x1 cycle=0 "
                       "inject=none mode=free laps=1'");
    said_status("one lap", &said, 0);
}

/* --- how long, how many ------------------------------------------------------------------------
 */

static void until_found_stops_there(void)
{
    sqlite3 *db;

    command_run(&said, "run --inject none --until-found 3 --jobs 1 --out until -- " ACTS " crash");
    said_status("until", &said, 1);
    db = record_of("until");
    asked("until", db, "SELECT failed FROM cell", 3);
    asked("until", db, "SELECT cycles FROM cell", 3);
    sqlite3_close(db);
}

static void for_runs_so_long_and_shares(void)
{
    uint64_t begin = clock_ms();
    sqlite3 *db;

    command_run(&said, "run --workload null --no-lttng --inject none --inject _exit --for 1s "
                       "--jobs 1 --out for");
    said_status("for", &said, 0);
    CU_ASSERT_TRUE(clock_ms() - begin >= 1000);
    db = record_of("for");
    asked("for", db, "SELECT count(*) FROM cell WHERE cycles > 0 AND planned = 0", 2);
    sqlite3_close(db);
}

static void jobs_share_the_cells(void)
{
    sqlite3 *db;

    command_run(&said, "run --workload null --no-lttng --inject none --inject sigkill "
                       "--inject exit_group --cycles 50 --jobs 2 --out jobs");
    said_status("jobs", &said, 0);
    db = record_of("jobs");
    asked("jobs", db, "SELECT count(*) FROM cell WHERE cycles = 50 AND passed + not_fired = 50", 3);
    sqlite3_close(db);
}

#define DRY                                                                                        \
    "run --dry-run --seed 0x5eed --cycles 2 --workload heap-churn,ops=40 --workload lock-table "

/* The dry cycles of the two runs go on side by side, so that they disturb each other. */
static void dry_runs_are_the_same_twice(void)
{
    struct said again = {0};
    struct going one, two;

    going_start(&one, NULL, DRY);
    going_start(&two, NULL, DRY);
    going_take(&one, &said);
    going_end(&two, &again);
    said_good("dry run", &said);
    said_good("dry run", &again);
    text_same("dry run", again.out, said.out);
    CU_ASSERT_PTR_NOT_NULL(strstr(said.out, "heap-churn variant=plain ops=40 seed=0x5eed cycle=1 "
                                            "inject=thread-kill@T1."));
    CU_ASSERT_NOT_EQUAL(access("rundown-results", F_OK), 0);
    said_free(&again);
}

/* --- exit statuses ------------------------------------------------------------------------------
 */

static void statuses_are_as_documented(void)
{
    static const struct {
        const char *words;
        int status;
    } table[] = {
        {"--inject none --out s0 -- /bin/true", 0},
        {"--inject none --inject sigkill --out s1 -- /bin/false", 0},
        {"--inject none --out s2 -- " ACTS " exit 7", 0},
        {"--inject none --inject exit --out s3 -- /usr/bin/env", 0},
        {"--inject none --inject sigkill --out s4 -- ./script", 0},
        {"--inject none --out s5 -- " ACTS " crash", 1},
        {"--inject none --out s11 -- /bin/sh -c 'kill -SEGV $$'", 1},
        {"--inject none --cycle 12x -- /bin/true", 2},
        {"--inject nobody -- /bin/true", 2},
        {"--inject thread-kill@T1.1:malloc#999999 --out s6 -- " ACTS " threads", 3},
        /* 3 beats 1, and a run of nothing has not found nothing. */
        {"--inject sigkill@T1.1:unlock#999999 --inject thread-kill@T1.1:malloc#1+20i --out s8 "
         "-- " ACTS " threads",
         3},
        {"--inject thread-kill --no-control --out s9 -- /bin/true", 3},
        {"--inject none -- ./not-executable", 126},
        {"--inject none -- ./", 126},
        {"--inject none -- ./nothing", 127},
        {"--inject none -- nothing-of-that-name", 127},
    };

    file_write("script", "#!/bin/sh\necho here; exit 4\n", 0755);
    file_write("not-executable", "no program\n", 0644);
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        command_run(&said, "run --cycles 3 %s", table[i].words);
        said_status(table[i].words, &said, table[i].status);
        if (table[i].status == 2 || table[i].status > 3)
            CU_ASSERT_TRUE(said_one_line(said.err));
    }
}

int main(void)
{
    CU_pSuite suite;

    if (CU_initialize_registry() != CUE_SUCCESS)
        return 2;
    suite = CU_add_suite("run", place_open, place_close);
    CU_ADD_TEST(suite, an_orphaned_heap_lock_is_found);
    CU_ADD_TEST(suite, the_default_variant_finds_it_too);
    CU_ADD_TEST(suite, the_fork_probe_finds_what_nobody_needs);
    CU_ADD_TEST(suite, a_detector_can_be_switched_off);
    CU_ADD_TEST(suite, clean_twins_stay_clean);
    CU_ADD_TEST(suite, laps_are_stored_as_series);
    CU_ADD_TEST(suite, variant_has_laps_of_its_own);
    CU_ADD_TEST(suite, cancelled_at_its_start_is_no_finding);
    CU_ADD_TEST(suite, cut_unwinding_is_no_bare_end);
    CU_ADD_TEST(suite, struck_call_keeps_its_caller);
    CU_ADD_TEST(suite, crash_of_a_child_is_told_at_once);
    CU_ADD_TEST(suite, until_found_stops_there);
    CU_ADD_TEST(suite, for_runs_so_long_and_shares);
    CU_ADD_TEST(suite, jobs_share_the_cells);
    CU_ADD_TEST(suite, dry_runs_are_the_same_twice);
    CU_ADD_TEST(suite, statuses_are_as_documented);
    CU_basic_set_mode(CU_BRM_VERBOSE);
    CU_basic_run_tests();
    said_free(&said);
    return CU_get_number_of_failures() != 0;
}
