/*
 * Tests of lost-status: each twin ends with the status of its rule; that of the bad one hangs on
 * the seed.
 */
#include <workloads/tests/drive.h>

extern const struct workload workload_lost_status;

static int run_variant(void *name)
{
    struct workload_context context = drive_context(&workload_lost_status, name, 1);

    drive_run(&workload_lost_status, &context);
    return workload_exit_status();
}

static int run_seed(void *seed)
{
    struct workload_context context =
        drive_context(&workload_lost_status, "last-wins", *(uint64_t *)seed);

    drive_run(&workload_lost_status, &context);
    return 99; /* it exits by itself */
}

static void test_each_rule(void)
{
    CU_ASSERT_EQUAL(drive_apart(run_variant, (char *)"returned"), 0);
    CU_ASSERT_EQUAL(drive_apart(run_variant, (char *)"last-thread"), 0);
    CU_ASSERT_EQUAL(drive_apart(run_variant, (char *)"group-status"), 0);
}

static void test_last_wins(void)
{
    uint64_t seeds[] = {1, 2, 3, 4, 5, 6, 7, 8};
    bool differs = false;
    int first = drive_apart(run_seed, &seeds[0]);

    CU_ASSERT_TRUE(first >= 20 && first < 24);
    for (unsigned i = 1; i < sizeof seeds / sizeof seeds[0]; i++)
        differs = differs || drive_apart(run_seed, &seeds[i]) != first;
    CU_ASSERT_TRUE(differs);
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"each rule", test_each_rule},
        {"the last one wins", test_last_wins},
        CU_TEST_INFO_NULL,
    };

    return drive_suite("lost-status", tests);
}
