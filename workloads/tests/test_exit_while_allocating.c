/*
 * Tests of exit-while-allocating: every variant leaves with status 0 while nobody is struck.
 */
#include <workloads/tests/drive.h>

extern const struct workload workload_exit_while_allocating;

static int run_variant(void *name)
{
    struct workload_context context = drive_context(&workload_exit_while_allocating, name, 1);

    drive_run(&workload_exit_while_allocating, &context);
    return 99; /* it exits by itself */
}

static void test_it_exits_by_itself(void)
{
    if (DRIVE_TSAN)
        return;
    CU_ASSERT_EQUAL(drive_apart(run_variant, (char *)"joined"), 0);
    CU_ASSERT_EQUAL(drive_apart(run_variant, (char *)"glibc-order"), 0);
    CU_ASSERT_EQUAL(drive_apart(run_variant, (char *)"nt-order-own-arenas"), 0);
    CU_ASSERT_EQUAL(drive_apart(run_variant, (char *)"nt-order-caches"), 0);
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"it exits by itself", test_it_exits_by_itself},
        CU_TEST_INFO_NULL,
    };

    return drive_suite("exit-while-allocating", tests);
}
