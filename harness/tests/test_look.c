/*
 * Tests of when a target's heap is looked at, and what comes of it: at the end of a cycle that
 * fails, where it hangs, after the last lap of one that has grown, and where the user asks.
 *
 * End to end, in a directory of its own, each call under a deadline.
 */
#include <harness/tests/command_run.h>

#include <CUnit/Basic.h>

static struct said said;

/* "run OPTIONS -- heaps ACT"; its exit status. */
static int run_act(const char *act, const char *options)
{
    static unsigned runs;

    command_run(&said,
                "run --inject none --seed 1 --quiet --out %u %s -- %s/tests/programs/heaps %s",
                runs++, options, RUNDOWN_BUILD_DIR, act);
    return said.status;
}

static bool says(const char *part)
{
    return strstr(said.out, part) != NULL || strstr(said.err, part) != NULL;
}

static void must_say(const char *part)
{
    if (!says(part)) {
        printf("no '%s' in:\n%.2000s%.2000s\n", part, said.out, said.err);
        CU_FAIL("not said");
    }
}

static void test_lost_each_lap(void)
{
    CU_ASSERT_EQUAL(run_act("each", "--cycles 2 --laps 40"), 1);
    must_say("FAIL  leak.unreachable");
    must_say("allocated by lap  heaps");
    /* The last one or two may still be in a register. */
    CU_ASSERT(says("no pointer leads to 40 of 40") || says("no pointer leads to 39 of 40") ||
              says("no pointer leads to 38 of 40"));
    must_say("seen 2 times in 2 cycles");
}

static void test_twin_kept(void)
{
    run_act("kept", "--cycles 2 --laps 40");
    CU_ASSERT_FALSE(says("leak.unreachable"));
}

static void test_twin_lost_once(void)
{
    run_act("once", "--cycles 2 --laps 40");
    CU_ASSERT_FALSE(says("leak.unreachable"));
}

/* A program that ends need not have freed what it has: only who asks is told. */
static void test_asked(void)
{
    CU_ASSERT_EQUAL(run_act("lost", "--cycles 3"), 0);
    CU_ASSERT_EQUAL(run_act("lost", "--cycles 3 --reach"), 1);
    must_say("1 block, 100 bytes, allocated by main  heaps");
    must_say("seen 3 times in 3 cycles");
    must_say("reach=1");
    CU_ASSERT_EQUAL(run_act("once", "--cycles 2 --laps 40 --reach"), 1);
    must_say("1 block, 48 bytes, allocated by lap  heaps");
}

static void test_replayed(void)
{
    char line[2048];

    CU_ASSERT_EQUAL(run_act("lost", "--cycles 1 --reach"), 1);
    snprintf(line, sizeof line,
             "seed=0x1 cycle=0 inject=none mode=free reach=1 -- %s/tests/programs/heaps lost",
             RUNDOWN_BUILD_DIR);
    command_run(&said, "replay --times 2 --no-lttng '%s'", line);
    CU_ASSERT_EQUAL(said.status, 1);
    must_say("leak.unreachable");
}

static void test_failing_cycle(void)
{
    CU_ASSERT_EQUAL(run_act("overrun", "--cycles 3"), 1);
    must_say("FAIL  heap.inconsistent");
    must_say("was overwritten: 0x7878787878787878 is no");
    must_say("also seen:  state.invariant");
    must_say("the block before it: 24 bytes");
    must_say("allocated by overrun  heaps");
    CU_ASSERT_FALSE(says("leak.unreachable"));
}

/* The dead thread had the lock, and nothing to do with the heap. */
static void test_hanging_cycle(void)
{
    command_run(&said,
                "run --inject thread-kill@T1.1:unlock --cycles 2 --seed 1 --quiet --no-control "
                "--out hanging -- %s/tests/programs/heaps overrun-hangs",
                RUNDOWN_BUILD_DIR);
    CU_ASSERT_EQUAL(said.status, 1);
    must_say("FAIL  lock.orphaned");
    must_say("also seen:  heap.inconsistent");
}

/* What passes is not looked at: that is what keeps it fast. */
static void test_passing_cycle(void)
{
    CU_ASSERT_EQUAL(run_act("overrun-quiet", "--cycles 3"), 0);
    CU_ASSERT_FALSE(says("heap.inconsistent"));
    CU_ASSERT_EQUAL(run_act("overrun-quiet", "--cycles 3 --reach"), 1);
    must_say("FAIL  heap.inconsistent");
}

/* A thread that the plan kills in malloc leaves the heap in the middle of a change. */
static void test_twin_killed_inside(void)
{
    command_run(&said,
                "run --inject thread-kill@T1.1:malloc --cycles 200 --seed 1 --quiet --no-control "
                "--out inside -- %s/tests/programs/heaps inside",
                RUNDOWN_BUILD_DIR);
    must_say("state.invariant");
    CU_ASSERT_FALSE(says("heap.inconsistent"));
    CU_ASSERT_FALSE(says("heap.corrupt-free-block"));
}

int main(void)
{
    CU_pSuite suite;

    if (CU_initialize_registry() != CUE_SUCCESS)
        return 1;
    suite = CU_add_suite("look", place_open, place_close);
    CU_ADD_TEST(suite, test_lost_each_lap);
    CU_ADD_TEST(suite, test_twin_kept);
    CU_ADD_TEST(suite, test_twin_lost_once);
    CU_ADD_TEST(suite, test_asked);
    CU_ADD_TEST(suite, test_replayed);
    CU_ADD_TEST(suite, test_failing_cycle);
    CU_ADD_TEST(suite, test_hanging_cycle);
    CU_ADD_TEST(suite, test_passing_cycle);
    CU_ADD_TEST(suite, test_twin_killed_inside);
    CU_basic_set_mode(CU_BRM_VERBOSE);
    CU_basic_run_tests();
    return CU_get_number_of_failures() != 0;
}
