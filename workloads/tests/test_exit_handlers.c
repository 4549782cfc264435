/*
 * Tests of exit-handlers: the twin ends with status 0, and so does the one whose handler makes a
 * thread, as long as nobody looks. What is wrong with it is found by test_rows.
 */
#include <workloads/tests/drive.h>

extern const struct workload workload_exit_handlers;

static int run_variant(void *name)
{
    struct workload_context context = drive_context(&workload_exit_handlers, name, 1);

    drive_run(&workload_exit_handlers, &context);
    return 99; /* it exits by itself */
}

static void test_it_exits_by_itself(void)
{
    CU_ASSERT_EQUAL(drive_apart(run_variant, (char *)"quiet"), 0);
    CU_ASSERT_EQUAL(drive_apart(run_variant, (char *)"thread-created"), 0);
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"it exits by itself", test_it_exits_by_itself},
        CU_TEST_INFO_NULL,
    };

    return drive_suite("exit-handlers", tests);
}
