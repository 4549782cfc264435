/*
 * Tests of staged-shutdown: an orderly one does all its stages, and the watchdog lets one with a
 * stage that stalls come to its end.
 */
#include <workloads/tests/drive.h>

extern const struct workload workload_staged_shutdown;

static int run_variant(void *name)
{
    struct workload_context context = drive_context(&workload_staged_shutdown, name, 1);

    drive_run(&workload_staged_shutdown, &context);
    return 99; /* it exits by itself */
}

static void test_it_exits_by_itself(void)
{
    CU_ASSERT_EQUAL(drive_apart(run_variant, (char *)"orderly"), 0);
    CU_ASSERT_EQUAL(drive_apart(run_variant, (char *)"watched"), 0);
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"it exits by itself", test_it_exits_by_itself},
        CU_TEST_INFO_NULL,
    };

    return drive_suite("staged-shutdown", tests);
}
