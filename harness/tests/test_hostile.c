/*
 * `rundown run` of programs that scribble over all that they share with it: whatever is written,
 * the run ends, says so as a finding or as broken, and leaves nobody behind.
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
    CU_basic_set_mode(CU_BRM_VERBOSE);
    CU_basic_run_tests();
    return CU_get_number_of_failures() != 0;
}
