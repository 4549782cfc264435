/*
 * `rundown replay`, end to end: what a report prints behind "again:" is pasted into a shell, and
 * must bring the finding back as often as was printed.
 *
 * The programs are such that a cycle's outcome is certain, but for one that tosses a coin; there
 * the bounds are so wide that chance alone does not cross them in the lifetime of a machine.
 */
#include <harness/tests/command_run.h>

#include <CUnit/Basic.h>

static struct said said;

/* "rundown replay '...'", as the report has it behind "again:". Caller frees. */
static char *again_of(const char *text)
{
    const char *line = strstr(text, "again:");

    if (line == NULL) {
        fprintf(stderr, "\n    no replay line in: %.2000s\n", text);
        CU_FAIL_FATAL("no replay line");
        return NULL;
    }
    line += strlen("again:");
    line += strspn(line, " ");
    return strndup(line, strcspn(line, "\n"));
}

/* Into a shell that finds the program in its PATH. */
static void paste(const char *again, const char *options)
{
    char *script;
    char *argv[] = {(char *)"/bin/sh", (char *)"-c", NULL, NULL};

    CU_ASSERT_FATAL(asprintf(&script, "PATH=%s/bin:$PATH; exec %s --quiet --no-lttng %s",
                             RUNDOWN_BUILD_DIR, again, options) >= 0);
    argv[2] = script;
    command_exec(&said, NULL, argv);
    free(script);
}

static char *run_and_take(const char *words)
{
    tree_remove("results");
    command_run(&said, "run --quiet --no-lttng --seed 7 --out results %s", words);
    said_status(words, &said, 1);
    return again_of(said.out);
}

/* --- the line ------------------------------------------------------------------------------ */

static void check_pasted(const char *words)
{
    char *again = run_and_take(words);

    paste(again, "--times 4");
    said_status(again, &said, 1);
    said_has(again, said.out, "reproduced 4 of 4 (95 % interval ");
    CU_ASSERT_STRING_EQUAL(said.err, "");
    CU_ASSERT_FALSE(directory_find(test_temporary, "", (char[256]){0}));
    free(again);
}

/* Everything that shapes a cycle is in the line: words with quotes and blanks, stdin, a point. */
static void a_pasted_line_reproduces(void)
{
    file_write("in 'put'", "two", 0644);
    check_pasted("--inject none --cycles 2 -- " ACTS " crash");
    check_pasted("--inject none --cycles 2 --fresh -- " ACTS " crash");
    check_pasted("--inject none --cycles 2 -- " ACTS " hang");
    check_pasted("--inject none --cycles 2 -- " ACTS " say-and-crash \"it's $HOME\" '' '*'");
    check_pasted("--inject none --cycles 2 --stdin \"in 'put'\" -- " ACTS " expect one");
    check_pasted("--inject thread-kill@T1.1:malloc#1+20i --cycles 2 -- " ACTS " threads 1");
    check_pasted("--inject thread-kill@T1.1:malloc#1+20i --cycles 2 -- " ACTS " socket 1");
}

/* What a cycle's injection was drawn to be is written out, so that no profile is needed. */
static void a_drawn_point_is_named(void)
{
    char *again =
        run_and_take("--inject thread-kill@malloc --no-control --cycles 8 -- " ACTS " threads 1");

    text_fits("drawn", again, "inject=thread-kill@T1\\.1:malloc#[0-9]+");
    paste(again, "--times 3");
    said_status(again, &said, 1);
    said_has(again, said.out, "reproduced 3 of 3");
    free(again);
}

/* Another schedule than the line's is said, loudly, and nothing is concluded from it. */
static void check_diverged(char *again)
{
    char *hash = strstr(again, " hash=0x");

    CU_ASSERT_PTR_NOT_NULL_FATAL(hash);
    hash += strlen(" hash=0x");
    *hash = *hash == '1' ? '2' : '1';
    paste(again, "--times 2");
    said_status(again, &said, 3);
    said_has(again, said.out, "DIVERGED: 2 of 2 cycles");
}

/* One thread runs at a time, by the seed's order: the same each time, and a hash proves it. */
static void a_controlled_line_is_exact(void)
{
    char *again = run_and_take("--workload heap-churn,variant=shared-arena,threads=3,ops=20 "
                               "--inject thread-kill@malloc --mode controlled --until-found 1 "
                               "--cycles 40 --no-control");

    said_has(again, again, " mode=controlled");
    said_has(again, again, " hash=0x");
    said_has(again, again, " recorder=none "); /* what is shipped has it usually */
    paste(again, "--times 10");
    said_status(again, &said, 1);
    said_has(again, said.out, "reproduced 10 of 10");
    CU_ASSERT_PTR_NULL(strstr(said.out, "DIVERGED"));
    check_diverged(again);
    free(again);
}

/* --- the rate ------------------------------------------------------------------------------ */

static void check_rate(const char *before)
{
    const char *at = strstr(said.out, before);
    int found = -1, all = -1;

    CU_ASSERT_PTR_NOT_NULL_FATAL(at);
    CU_ASSERT_EQUAL(sscanf(at + strlen(before), "%d of %d", &found, &all), 2);
    if (all != 80) /* a cycle that was broken counts in no rate; seen on a loaded machine */
        fprintf(stderr, "\n    %s\n", said.out);
    CU_ASSERT(all >= 76 && all <= 80);
    if (found < 12 || found > 68)
        fprintf(stderr, "\n    %s%d of %d, about 40 are due\n", before, found, all);
    CU_ASSERT(found >= 12 && found <= 68); /* missed in 1 of 10^9 runs */
}

/* The coin is tossed anew in each cycle: run and replay both print about one half. */
static void the_rate_is_that_of_the_run(void)
{
    char *again = run_and_take("--inject none --cycles 80 -- " ACTS " coin");

    check_rate("with findings: ");
    paste(again, "--times 80");
    said_status(again, &said, 1);
    check_rate("reproduced ");
    free(again);
}

static void what_does_not_come_back_is_status_0(void)
{
    command_run(&said, "replay --times 3 --quiet --no-lttng 'seed=0x7 cycle=0 inject=none "
                       "mode=free -- /bin/true'");
    said_status("true", &said, 0);
    said_has("true", said.out, "reproduced 0 of 3 (95 % interval 0");
}

/* The line's rate is measured when the run is over, and stands beside it. */
static void a_run_tells_how_often_a_line_comes_back(void)
{
    command_run(&said,
                "run --no-lttng --confirm 3 --out rated --inject none --cycles 2 -- " ACTS " hang");
    said_status("rated", &said, 1);
    said_has("rated", said.out, "that line brought it back in 3 of 3: 100 %");
    command_run(&said, "report rated --format jsonl");
    said_has("rated", said.out, "\"replayed\":{\"times\":3,\"reproduced\":3}");
    command_run(&said, "run --no-lttng --confirm 0 --out unrated --inject none --cycles 2 -- " ACTS
                       " hang");
    CU_ASSERT_PTR_NULL(strstr(said.out, "brought it back"));
    command_run(&said, "report unrated --format jsonl");
    said_has("unrated", said.out, "\"replayed\":null");
}

/* It went another way the second time: that is no failure to tell. */
static void a_line_that_does_not_come_back_says_so(void)
{
    file_write("once",
               "#!/bin/sh\necho >>starts\n[ $(wc -l <starts) -ne 3 ] || exec " ACTS " crash\n",
               0755);
    command_run(&said, "run --no-lttng --confirm 4 --out once.run --inject none --cycles 4 --fresh "
                       "-- ./once");
    said_status("once", &said, 1);
    said_has("once", said.out, "brought it back in 0 of 4: below 52.8 % with 95 % confidence: it");
}

/* --- DIR:CELL:CYCLE ------------------------------------------------------------------------ */

static void an_address_names_a_stored_cycle(void)
{
    free(run_and_take("--inject none --cycles 3 -- " ACTS " hang"));
    command_run(&said, "replay results:1:2 --times 2");
    said_status("results:1:2", &said, 1);
    said_has("results:1:2", said.out, "FAIL  lock.deadlock");
    said_has("results:1:2", said.out, " cycle=2 inject=none ");
    said_has("results:1:2", said.out, "reproduced 2 of 2");
    command_run(&said, "replay %s/results:1:2 --times 1 --quiet", test_place);
    said_status("absolute", &said, 1);
    text_fits("--quiet is one line", said.out, "^reproduced 1 of 1 [^\n]*\n$");
}

/* A program that went another way since is no reproduction, even if it fails as well. */
static void another_finding_is_no_reproduction(void)
{
    char *argv[] = {(char *)COMMAND_PROGRAM, (char *)"replay", (char *)"results:1:0",
                    (char *)"--times=2",     (char *)"-q",     NULL};

    file_write("script", "#!/bin/sh\nexec " ACTS " crash\n", 0755);
    free(run_and_take("--inject none --cycles 1 --fresh -- ./script"));
    file_write("script", "#!/bin/sh\nexec " ACTS " hang\n", 0755);
    command_exec(&said, NULL, argv);
    said_status("another finding", &said, 0);
    said_has("another finding", said.out, "reproduced 0 of 2");
    said_has("another finding", said.out, "something else in 2");
}

static void bad_addresses_and_lines_are_one_line(void)
{
    static const struct {
        const char *words;
        const char *wanted;
        int status;
    } table[] = {
        {"results:1:9", "results: no finding in cell 1, cycle 9", 2},
        {"results:7:0", "results: no finding in cell 7, cycle 0", 2},
        {"results:x:0", "results: no finding in cell x, cycle 0", 2},
        {"nowhere:1:0", "nowhere/run.sqlite: No such file or directory: name the directory", 2},
        {"", "a replay line", 2},
        {"nonsense", "replay line", 2},
        {"'null cycle=1' 'null cycle=2'", "one line only: put it in quotes", 2},
        {"results:1:0 --times 0", "--times: 0 is outside 1 to 1000000", 2},
        {"results:1:0 --times 12x", "--times: '12x' is not a number", 2},
        {"results:1:0 --time=", "--times: '' is not a number", 2},
        {"results:1:0 --gdb=here", "--gdb: 'here' is neither finding nor injection", 2},
        {"results:1:0 --tims 1", "'--tims' is no option; did you mean '--times'?", 2},
        {"'nul variant=plain seed=1 cycle=0 inject=none'", "did you mean 'null'?", 2},
        {"'null seed=1x cycle=0 inject=none'", "'1x' is not a number", 2},
        {"'null seed=1 cycle=0 inject=thread-kil'", "did you mean 'thread-kill'?", 2},
        {"'null cycle=0 recorder=some'", "'some' is neither none nor lttng", 2},
        {"'seed=1 cycle=0 inject=none -- ./nothing'", "./nothing: No such file or directory", 127},
        {"'seed=1 cycle=0 inject=none -- /etc/passwd'", "/etc/passwd: Permission denied", 126},
    };

    free(run_and_take("--inject none --cycles 1 -- " ACTS " crash"));
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        command_run(&said, "replay %s", table[i].words);
        said_refused(table[i].words, &said, table[i].status, table[i].wanted);
        CU_ASSERT_EQUAL(strncmp(said.err, "rundown replay: ", 16), 0);
    }
    CU_ASSERT_FALSE(directory_find(test_temporary, "", (char[256]){0}));
}

static void no_temporary(void)
{
    setenv("TMPDIR", "/nonexistent", 1);
}

static void a_missing_temporary_directory_is_one_line(void)
{
    command_words(&said, no_temporary, "replay 'null seed=1 cycle=0 inject=none'");
    said_refused("TMPDIR", &said, 3, "/nonexistent/rundown-replay.");
}

/* --- other binaries ------------------------------------------------------------------------ */

static void another_build_says_so(void)
{
    char *again = run_and_take("--inject none --cycles 1 -- " ACTS " crash");
    char *build = strstr(again, " build=");

    CU_ASSERT_PTR_NOT_NULL_FATAL(build);
    build += strlen(" build=");
    build[0] = build[0] == '0' ? '1' : '0';
    paste(again, "--times 2");
    said_status(again, &said, 3);
    said_has(again, said.out, "other binaries: the line was made for build ");
    said_has(again, said.out, "reproduced 2 of 2");
    free(again);
}

/* For git bisect: 0 good, 1 the same finding, 125 cannot be told. */
static void bisect_has_its_own_statuses(void)
{
    char *argv[] = {(char *)COMMAND_PROGRAM,
                    (char *)"replay",
                    (char *)"results:1:0",
                    (char *)"-q",
                    (char *)"--times=2",
                    (char *)"--bisect",
                    NULL};

    file_write("script", "#!/bin/sh\nexec " ACTS " crash\n", 0755);
    free(run_and_take("--inject none --cycles 1 --fresh -- ./script"));
    command_exec(&said, NULL, argv);
    said_status("the same", &said, 1);
    file_write("script", "#!/bin/sh\nexec /bin/true\n", 0755);
    command_exec(&said, NULL, argv);
    said_status("good", &said, 0);
    file_write("script", "#!/bin/sh\nexec " ACTS " hang\n", 0755);
    command_exec(&said, NULL, argv);
    said_status("another finding", &said, 125);
    CU_ASSERT_EQUAL(unlink("script"), 0);
    command_exec(&said, NULL, argv);
    said_status("no program", &said, 125);
}

/* --- gdb ------------------------------------------------------------------------------------ */

static void type_for_gdb(void)
{
    dup2(open("typed", O_RDONLY | O_CLOEXEC), STDIN_FILENO);
    setenv("DEBUGINFOD_URLS", "", 1);
}

#define ORPHAN                                                                                     \
    "--inject thread-kill@T1.1:malloc#3+20i --cycles 1 --no-control -- " ACTS " threads 1"

static bool have_gdb(void)
{
    if (system("gdb --version >/dev/null 2>&1") == 0)
        return true;
    puts("  (gdb is not installed: not tried)");
    return false;
}

static void gdb_opens_at_the_finding(void)
{
    if (!have_gdb())
        return;
    free(run_and_take(ORPHAN));
    file_write("typed", "backtrace\nquit\n", 0644);
    command_words(&said, type_for_gdb, "replay results:1:0 --gdb --quiet");
    said_status("gdb at the finding", &said, 1);
    said_has("gdb at the finding", said.out, "act_threads (");
    said_has("gdb at the finding", said.out, "reproduced 1 of 1");
    file_write("typed", "kill\nquit\n", 0644); /* what gdb does to the target is its own affair */
    command_words(&said, type_for_gdb, "replay results:1:0 --gdb --quiet");
    said_status("gdb kills", &said, 1);
}

static void gdb_opens_where_the_injection_is_due(void)
{
    if (!have_gdb())
        return;
    free(run_and_take(ORPHAN));
    file_write("typed", "thread apply all backtrace\nquit\n", 0644);
    command_words(&said, type_for_gdb, "replay results:1:0 --gdb=injection --quiet");
    said_status("gdb at the injection", &said, 1);
    said_has("gdb at the injection", said.out, "work_locked (");
    said_has("gdb at the injection", said.out, "reproduced 1 of 1");
}

static void no_gdb(void)
{
    setenv("GDB", "no-such-gdb", 1);
}

static void a_missing_gdb_says_so(void)
{
    free(run_and_take(ORPHAN));
    command_words(&said, no_gdb, "replay results:1:0 --gdb --quiet");
    said_has("no gdb", said.err, "rundown replay: --gdb: no-such-gdb: ");
    CU_ASSERT_TRUE(said_one_line(said.err));
}

int main(void)
{
    CU_pSuite suite;

    if (CU_initialize_registry() != CUE_SUCCESS)
        return 2;
    suite = CU_add_suite("replay", place_open, place_close);
    CU_ADD_TEST(suite, a_pasted_line_reproduces);
    CU_ADD_TEST(suite, a_drawn_point_is_named);
    CU_ADD_TEST(suite, a_controlled_line_is_exact);
    CU_ADD_TEST(suite, the_rate_is_that_of_the_run);
    CU_ADD_TEST(suite, what_does_not_come_back_is_status_0);
    CU_ADD_TEST(suite, a_run_tells_how_often_a_line_comes_back);
    CU_ADD_TEST(suite, a_line_that_does_not_come_back_says_so);
    CU_ADD_TEST(suite, an_address_names_a_stored_cycle);
    CU_ADD_TEST(suite, another_finding_is_no_reproduction);
    CU_ADD_TEST(suite, bad_addresses_and_lines_are_one_line);
    CU_ADD_TEST(suite, a_missing_temporary_directory_is_one_line);
    CU_ADD_TEST(suite, another_build_says_so);
    CU_ADD_TEST(suite, bisect_has_its_own_statuses);
    CU_ADD_TEST(suite, gdb_opens_at_the_finding);
    CU_ADD_TEST(suite, gdb_opens_where_the_injection_is_due);
    CU_ADD_TEST(suite, a_missing_gdb_says_so);
    CU_basic_set_mode(CU_BRM_VERBOSE);
    CU_basic_run_tests();
    said_free(&said);
    return CU_get_number_of_failures() != 0;
}
