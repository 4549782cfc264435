/*
 * Tests of what is told of cycles that end as they should: the agent asks for a look, every time
 * where it may be a finding, now and then where it is a note at most.
 *
 * End to end, in a directory of its own, each call under a deadline; nothing here depends on how
 * fast the machine is.
 */
#include <harness/tests/command_run.h>

#include <CUnit/Basic.h>

#define MODULES RUNDOWN_BUILD_DIR "/tests/modules/"

static struct said said;

/* "rundown WORDS"; its exit status. */
static int call(const char *words)
{
    command_run(&said, "%s", words);
    return said.status;
}

/* 30 cycles of an act, without injections. */
static int run_act(const char *act)
{
    static unsigned runs;
    char words[2048];

    snprintf(words, sizeof words,
             "run --inject none --cycles 30 --seed 1 --quiet --out %u -- "
             "%s/tests/programs/notices %s",
             runs++, RUNDOWN_BUILD_DIR, act);
    return call(words);
}

static bool has(const char *part)
{
    return strstr(said.out, part) != NULL || strstr(said.err, part) != NULL;
}

static bool says(const char *part)
{
    if (has(part))
        return true;
    printf("no '%s' in:\n%.2000s%.2000s\n", part, said.out, said.err);
    return false;
}

static void test_exit_by_two(void)
{
    CU_ASSERT_EQUAL(run_act("exit-together"), 1);
    CU_ASSERT(says("FAIL  exit.concurrent"));
    CU_ASSERT(says("seen 30 times in 30 cycles"));
}

static void test_thread_created_at_exit(void)
{
    CU_ASSERT_EQUAL(run_act("create-at-exit"), 1);
    CU_ASSERT(says("FAIL  exit.thread-created"));
    CU_ASSERT(says("seen 30 times in 30 cycles"));
    CU_ASSERT(says("create_and_join"));
}

static void test_join_inside(void)
{
    CU_ASSERT_EQUAL(run_act("load " MODULES "module_joins.so"), 1);
    CU_ASSERT(says("FAIL  loader.join-inside"));
    CU_ASSERT(says("joined a thread inside dlopen, in start_and_join  module_joins.so"));
    CU_ASSERT(says("seen 30 times in 30 cycles"));
}

static void test_module_that_stays(void)
{
    CU_ASSERT_EQUAL(run_act("load " MODULES "module_nodelete.so"), 0);
    CU_ASSERT(says("module.not-unloaded"));
    CU_ASSERT(says("module_nodelete.so is still mapped"));
}

static void test_module_that_goes(void)
{
    CU_ASSERT_EQUAL(run_act("load " MODULES "module_sound.so"), 0);
    CU_ASSERT(says("0 findings and 0 notes"));
}

static void test_freed_while_held(void)
{
    CU_ASSERT_EQUAL(run_act("free-held"), 1);
    CU_ASSERT(says("FAIL  lock.freed-held"));
    CU_ASSERT(says("seen 30 times in 30 cycles"));
    CU_ASSERT(says("in act_free_held"));
}

static void test_freed_when_let_go(void)
{
    CU_ASSERT_EQUAL(run_act("free-released"), 0);
    CU_ASSERT(says("0 findings and 0 notes"));
}

/* The child lets go what it had taken over, which is no act of its parent's. */
static void test_fork_in_order(void)
{
    CU_ASSERT_EQUAL(run_act("fork-in-order"), 0);
    CU_ASSERT(says("exit.threads-alive"));
    CU_ASSERT(!has("over-released"));
}

/* Who noticed the broken promise signs for it, not the function that passes the word on. */
static void test_promise_is_signed(void)
{
    CU_ASSERT_EQUAL(
        call("run --workload robust-table,variant=ignored --cycles 30 --seed 1 --inject "
             "thread-kill@user:commit --no-control --no-lttng --quiet --out promise"),
        1);
    CU_ASSERT_EQUAL(call("report promise --verbose"), 0);
    CU_ASSERT(says("FAIL  state.invariant"));
    CU_ASSERT(says("said so, in check"));
    CU_ASSERT(!has("said so, in workload_broken"));
}

/* With its explanation switched off, a hang is still told of. */
static void test_hang_without_an_explanation(void)
{
    CU_ASSERT_EQUAL(call("run --workload heap-churn,variant=shared-arena --cycles 30 --seed 1 "
                         "--inject thread-kill@malloc --without heap-lock --no-control --no-lttng "
                         "--quiet --out hang"),
                    1);
    CU_ASSERT(!has("FAIL  heap.lock-orphaned"));
    CU_ASSERT(says("FAIL  hang.deadlock"));
}

/* A heap that no hook sees: silence about it would pass for praise. */
static void test_own_malloc(void)
{
    static const char words[] = "run --inject none --cycles 3 --no-lttng --quiet --out %s -- "
                                "%s/tests/targets/%s each";
    char line[2048];

    snprintf(line, sizeof line, words, "own", RUNDOWN_BUILD_DIR, "heap_own");
    CU_ASSERT_EQUAL(call(line), 0);
    CU_ASSERT(says("note: it brings its own malloc: heap not watched"));
    snprintf(line, sizeof line, words, "linked", RUNDOWN_BUILD_DIR, "heap_linked");
    CU_ASSERT_EQUAL(call(line), 0);
    CU_ASSERT(!has("its own malloc"));
    snprintf(line, sizeof line, words, "fixed", RUNDOWN_BUILD_DIR, "fixed");
    CU_ASSERT_EQUAL(call(line), 0);
    CU_ASSERT(!has("its own malloc"));
}

static void test_thread_that_cannot_be_ended(void)
{
    CU_ASSERT_EQUAL(call("run --inject exit-nt-order@T1:lock#1 --cycles 3 --no-control --no-lttng "
                         "--quiet --out deaf -- " RUNDOWN_BUILD_DIR "/tests/targets/process "
                         "stone-deaf"),
                    3); /* the point that was asked for did not fire */
    CU_ASSERT(says("note: not fired where a thread blocks even libc's own signals"));
}

int main(void)
{
    CU_pSuite suite;

    if (CU_initialize_registry() != CUE_SUCCESS)
        return 1;
    suite = CU_add_suite("notices", place_open, place_close);
    CU_ADD_TEST(suite, test_exit_by_two);
    CU_ADD_TEST(suite, test_thread_created_at_exit);
    CU_ADD_TEST(suite, test_join_inside);
    CU_ADD_TEST(suite, test_module_that_stays);
    CU_ADD_TEST(suite, test_module_that_goes);
    CU_ADD_TEST(suite, test_freed_while_held);
    CU_ADD_TEST(suite, test_freed_when_let_go);
    CU_ADD_TEST(suite, test_fork_in_order);
    CU_ADD_TEST(suite, test_promise_is_signed);
    CU_ADD_TEST(suite, test_hang_without_an_explanation);
    CU_ADD_TEST(suite, test_own_malloc);
    CU_ADD_TEST(suite, test_thread_that_cannot_be_ended);
    CU_basic_set_mode(CU_BRM_VERBOSE);
    CU_basic_run_tests();
    said_free(&said);
    return CU_get_number_of_failures() != 0;
}
