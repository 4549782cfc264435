/*
 * `rundown run` of programs that scribble over all that they share with it, or that are as hard to
 * look at as a program can be: whatever they do, the run ends, says so as a finding or as broken,
 * and leaves nobody behind (command_run() asks that of every run).
 */
#include <harness/tests/command_run.h>

#include <CUnit/Basic.h>

#define HOSTILE RUNDOWN_BUILD_DIR "/tests/programs/hostile"

static struct said said;

/* 0 where the damage did no harm; else findings or broken. Never refused by our own store. */
static void check(const char *damage, const char *end, unsigned seed, const char *more)
{
    char what[128];

    snprintf(what, sizeof what, "%s %s %u%s", damage, end, seed, more);
    command_run(&said, "run --inject none --cycles 2 --deadline 1s --out hostile -- " HOSTILE " %s",
                what);
    if (said.status != 0 && said.status != 1 && said.status != 3)
        said_status(what, &said, 3);
    CU_ASSERT_TRUE(said.status == 0 || said.status == 1 || said.status == 3);
    CU_ASSERT_EQUAL(tree_remove("hostile"), 0);
}

/* Each word by which somebody is killed, waited for or counted. */
static void single_words(void)
{
    static const char *const damages[] = {"pid-all", "pid-parent", "claim", "done",
                                          "endless", "server",     "laps"};

    for (size_t i = 0; i < sizeof damages / sizeof damages[0]; i++) {
        check(damages[i], "leave", 1, "");
        check(damages[i], "hang", 1, "");
    }
}

static void whole_pages(void)
{
    static const char *const ends[] = {"exit", "leave", "hang", "crash"};

    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        check("everything", ends[i], 1, "");
        check("ones", ends[i], 1, "");
        check("zeros", ends[i], 1, "");
        check("records", ends[i], 1, "");
        check("control", ends[i], (unsigned)getpid(), "");
        check("storm", ends[i], (unsigned)getpid(), "");
    }
}

/* In the first cycle of all, by which the rest is judged. */
static void in_a_dry_cycle(void)
{
    check("everything", "leave", 1, " dry");
    said_has("dry", said.out, "has been written over");
    check("control", "hang", 1, " dry");
    check("pid-all", "hang", 1, " dry");
}

/* It is told as what it is. */
static void told(void)
{
    command_run(&said, "run --inject none --cycles 2 --deadline 1s --out told -- " HOSTILE
                       " everything hang");
    said_status("told", &said, 3);
    said_has("told", said.out, "has been written over");
    CU_ASSERT_EQUAL(tree_remove("told"), 0);
}

/* One cycle of a program that is hard to look at, whose main waits for itself or for one of them:
 * that is the verdict, and the only one. */
static void check_hard(const char *damage, const char *code)
{
    command_run(&said,
                "run --inject none --cycles 1 --deadline 2s --out hard -- " HOSTILE " %s hang 1",
                damage);
    said_status(damage, &said, 1);
    said_has(damage, said.out, code);
    said_has(damage, said.out, "1 finding and 0 notes");
    CU_ASSERT_EQUAL(tree_remove("hard"), 0);
}

/* More threads than there are lanes, and than the watch looks at. */
static void two_thousand_threads(void)
{
    check_hard("crowd", "lock.deadlock");
}

/* Hundreds of processes in a tree, half of them in sessions of their own. */
static void fork_bomb(void)
{
    check_hard("bomb", "lock.deadlock");
}

/* Processes that are never the same for longer than a moment. */
static void processes_that_hop(void)
{
    check_hard("hops", "lock.deadlock");
}

/* A list of robust locks that has no end, and lock words that can't be. */
static void damaged_robust_locks(void)
{
    check_hard("robust", "lock.deadlock");
}

/* Threads whose stacks nobody can read, and one that waits for them. */
static void unreadable_stacks(void)
{
    check_hard("stacks", "hang.deadlock");
}

int main(void)
{
    CU_pSuite suite;

    if (CU_initialize_registry() != CUE_SUCCESS)
        return 1;
    suite = CU_add_suite("hostile", place_open, place_close);
    CU_ADD_TEST(suite, single_words);
    CU_ADD_TEST(suite, whole_pages);
    CU_ADD_TEST(suite, in_a_dry_cycle);
    CU_ADD_TEST(suite, told);
    CU_ADD_TEST(suite, two_thousand_threads);
    CU_ADD_TEST(suite, fork_bomb);
    CU_ADD_TEST(suite, processes_that_hop);
    CU_ADD_TEST(suite, damaged_robust_locks);
    CU_ADD_TEST(suite, unreadable_stacks);
    CU_basic_set_mode(CU_BRM_VERBOSE);
    CU_basic_run_tests();
    return CU_get_number_of_failures() != 0;
}
