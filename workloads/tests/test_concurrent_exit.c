/*
 * Tests of concurrent-exit: each way to leave gives the status that it should, in every run.
 */
#include <workloads/tests/drive.h>

#include <signal.h>

extern const struct workload workload_concurrent_exit;

static int run_variant(void *name)
{
    struct workload_context context = drive_context(&workload_concurrent_exit, name, 1);

    drive_run(&workload_concurrent_exit, &context);
    return 99; /* it exits by itself */
}

static void test_twin(void)
{
    CU_ASSERT_EQUAL(drive_apart(run_variant, (char *)"anointed"), 0);
}

static void test_each_way_ends(void)
{
    if (DRIVE_TSAN)
        return;
    CU_ASSERT_EQUAL(drive_apart(run_variant, (char *)"parked"), 0);
    CU_ASSERT_EQUAL(drive_apart(run_variant, (char *)"exit"), 0);
    CU_ASSERT_EQUAL(drive_apart(run_variant, (char *)"quick_exit"), 0);
    CU_ASSERT_EQUAL(drive_apart(run_variant, (char *)"_exit"), 0);
    CU_ASSERT_EQUAL(drive_apart(run_variant, (char *)"pthread_exit"), 0);
    CU_ASSERT_EQUAL(drive_apart(run_variant, (char *)"abort"), -SIGABRT);
    CU_ASSERT_EQUAL(drive_apart(run_variant, (char *)"sigkill"), -SIGKILL);
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"twin", test_twin},
        {"each way ends", test_each_way_ends},
        CU_TEST_INFO_NULL,
    };

    return drive_suite("concurrent-exit", tests);
}
