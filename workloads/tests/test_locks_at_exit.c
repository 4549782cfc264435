/*
 * Tests of locks-at-exit: every variant leaves with status 0; what was held is found by test_rows.
 */
#include <workloads/tests/drive.h>

extern const struct workload workload_locks_at_exit;

static int run_variant(void *name)
{
    struct workload_context context = drive_context(&workload_locks_at_exit, name, 1);

    drive_run(&workload_locks_at_exit, &context);
    return 99; /* it exits by itself */
}

static void test_it_exits_by_itself(void)
{
    if (DRIVE_TSAN)
        return;
    CU_ASSERT_EQUAL(drive_apart(run_variant, (char *)"none-held"), 0);
    CU_ASSERT_EQUAL(drive_apart(run_variant, (char *)"held-by-main"), 0);
    CU_ASSERT_EQUAL(drive_apart(run_variant, (char *)"held-by-worker"), 0);
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"it exits by itself", test_it_exits_by_itself},
        CU_TEST_INFO_NULL,
    };

    return drive_suite("locks-at-exit", tests);
}
