/*
 * End to end: the built program, as a user calls it, in a directory of its own. Each call is
 * under a deadline; nothing here depends on how fast the machine is.
 */
#include <CUnit/Basic.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char place[] = "/tmp/rundown-end-to-end.XXXXXX";
static char text[1 << 20];

/* Runs "rundown WORDS"; stdout and stderr go to text. Returns the exit status, -1 for a signal. */
static int call(const char *words)
{
    char command[4096];
    FILE *pipe;
    int status;

    snprintf(command, sizeof command, "cd %s && exec timeout -s KILL 120 %s/bin/rundown %s 2>&1",
             place, RUNDOWN_BUILD_DIR, words);
    pipe = popen(command, "r");
    CU_ASSERT_PTR_NOT_NULL_FATAL(pipe);
    text[fread(text, 1, sizeof text - 1, pipe)] = 0;
    status = pclose(pipe);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static bool says(const char *part)
{
    if (strstr(text, part) != NULL)
        return true;
    printf("no '%s' in:\n%.2000s\n", part, text);
    return false;
}

/* The words between the first pair of quotes behind "again:". */
static bool replay_line(char *out, size_t size)
{
    const char *from = strstr(text, "again:");
    const char *to;

    from = from != NULL ? strchr(from, '\'') : NULL;
    to = from != NULL ? strchr(from + 1, '\'') : NULL;
    if (to == NULL || (size_t)(to - from) >= size)
        return false;
    memcpy(out, from + 1, (size_t)(to - from - 1));
    out[to - from - 1] = 0;
    return true;
}

static void test_killed_heap_owner_is_found(void)
{
    char line[2048];
    char words[2200];

    CU_ASSERT_EQUAL(call("run --workload heap-churn,variant=shared-arena --inject "
                         "thread-kill@malloc --seed 1 --cycles 40 --out found --no-lttng --quiet"),
                    1);
    CU_ASSERT(says("heap.lock-orphaned"));
    CU_ASSERT(says("was killed at T1."));
    CU_ASSERT(says("waits for the heap lock"));
    CU_ASSERT(says("with findings: 0 of 40")); /* the control cell */
    CU_ASSERT_FATAL(replay_line(line, sizeof line));
    snprintf(words, sizeof words, "replay '%s' --times 20 --quiet --no-lttng", line);
    CU_ASSERT_EQUAL(call(words), 1);
    CU_ASSERT(says("reproduced "));
    CU_ASSERT(strstr(text, "reproduced 0 ") == NULL);
}

static void test_reports_are_written_again(void)
{
    CU_ASSERT_EQUAL(call("report found --format junit"), 0);
    CU_ASSERT(says("<testsuite"));
    CU_ASSERT_EQUAL(call("report found --format jsonl"), 0);
    CU_ASSERT(says("\"heap.lock-orphaned\""));
}

static void test_detector_switched_off_is_missed(void)
{
    call("run --workload heap-churn,variant=shared-arena --inject thread-kill@malloc --seed 1 "
         "--cycles 20 --no-control --without heap-lock --out off --no-lttng --quiet");
    CU_ASSERT(strstr(text, "FAIL  heap.lock-orphaned") == NULL);
}

static void test_controlled_replay_is_exact(void)
{
    char line[2048];
    char words[2200];

    CU_ASSERT_EQUAL(call("run --workload heap-churn,variant=shared-arena --inject "
                         "thread-kill@malloc --seed 3 --mode controlled --until-found 1 --cycles "
                         "40 --no-control --out controlled --no-lttng --quiet"),
                    1);
    CU_ASSERT_FATAL(replay_line(line, sizeof line));
    CU_ASSERT(strstr(line, " hash=0x") != NULL);
    snprintf(words, sizeof words, "replay '%s' --times 10 --quiet --no-lttng", line);
    CU_ASSERT_EQUAL(call(words), 1);
    CU_ASSERT(says("reproduced 10 of 10"));
}

static void test_clean_twins_stay_clean(void)
{
    CU_ASSERT_EQUAL(call("run --inject none --seed 4 --cycles 60 --out clean --no-lttng --quiet"),
                    0);
    CU_ASSERT(strstr(text, "FAIL") == NULL);
    CU_ASSERT(strstr(text, "BROKEN") == NULL);
    CU_ASSERT(says("with findings: 0 of 60"));
}

static void test_dry_run_is_the_same_twice(void)
{
    static char first[sizeof text];

    CU_ASSERT_EQUAL(call("run --dry-run --seed 7 --cycles 3 --quiet"), 0);
    memcpy(first, text, sizeof first);
    CU_ASSERT_EQUAL(call("run --dry-run --seed 7 --cycles 3 --quiet"), 0);
    CU_ASSERT_STRING_EQUAL(first, text);
    CU_ASSERT(says("heap-churn variant=plain seed=0x7 cycle=2 inject=thread-kill@"));
}

static void test_exit_statuses(void)
{
    CU_ASSERT_EQUAL(call("run -- /nonexistent/program"), 127);
    CU_ASSERT_EQUAL(call("run -- /etc/passwd"), 126);
    CU_ASSERT_EQUAL(call("run --workload nul"), 2);
    CU_ASSERT(says("did you mean 'null'?"));
    CU_ASSERT_EQUAL(call("run --workload null --inject 'thread-kill@T1.9:malloc#9' --no-control "
                         "--cycles 5 --seed 1 --out never --no-lttng --quiet"),
                    3);
}

static void test_own_programs(void)
{
    CU_ASSERT_EQUAL(call("run --inject none --cycles 5 --out false --quiet -- /bin/false"), 0);
    CU_ASSERT_EQUAL(call("run --inject none --cycles 3 --out crash --quiet -- /bin/sh -c 'kill "
                         "-SEGV $$'"),
                    1);
    CU_ASSERT(says("SIGSEGV"));
    CU_ASSERT_EQUAL(call("run --inject none --cycles 3 --out said --quiet -- /bin/sh -c 'echo "
                         "last words; kill -SEGV $$'"),
                    1);
    CU_ASSERT(says("last words"));
}

/* A killed supervisor leaves no process; the resumed run ends with every cycle counted once. */
static void test_resume_after_a_kill(void)
{
    char command[4096];

    snprintf(command, sizeof command,
             "cd %s && timeout -s KILL 2 %s/bin/rundown run --workload null --inject none --seed "
             "5 --cycles 20000 --out killed --no-lttng --quiet >/dev/null 2>&1",
             place, RUNDOWN_BUILD_DIR);
    CU_ASSERT_NOT_EQUAL(system(command), -1);
    CU_ASSERT_EQUAL(call("run --workload null --inject none --cycles 20000 --resume killed "
                         "--no-lttng --quiet"),
                    0);
    CU_ASSERT(says("with findings: 0 of 20,000"));
}

static int set_up(void)
{
    return mkdtemp(place) == NULL;
}

static int tear_down(void)
{
    char command[128];

    snprintf(command, sizeof command, "rm -rf %s", place);
    return system(command) != 0;
}

int main(void)
{
    static CU_TestInfo tests[] = {
        {"killed heap owner is found and replayed", test_killed_heap_owner_is_found},
        {"reports are written again", test_reports_are_written_again},
        {"a detector switched off is missed", test_detector_switched_off_is_missed},
        {"controlled replay is exact", test_controlled_replay_is_exact},
        {"clean twins stay clean", test_clean_twins_stay_clean},
        {"dry run is the same twice", test_dry_run_is_the_same_twice},
        {"exit statuses", test_exit_statuses},
        {"own programs", test_own_programs},
        {"resume after a kill", test_resume_after_a_kill},
        CU_TEST_INFO_NULL,
    };
    CU_SuiteInfo suites[] = {
        {"end to end", set_up, tear_down, NULL, NULL, tests},
        CU_SUITE_INFO_NULL,
    };
    unsigned failures;

    if (CU_initialize_registry() != CUE_SUCCESS || CU_register_suites(suites) != CUE_SUCCESS)
        return 2;
    CU_basic_run_tests();
    failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures != 0;
}
