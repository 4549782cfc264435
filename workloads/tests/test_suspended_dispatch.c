/*
 * Tests of suspended-dispatch: nobody is suspended, so every variant comes to its end, and no
 * thread is left.
 */
#include <workloads/tests/drive.h>

extern const struct workload workload_suspended_dispatch;

static void test_clean_without_a_strike(void)
{
    int before = drive_threads();

    drive_clean_seeds(&workload_suspended_dispatch, "returned", 5);
    drive_clean_seeds(&workload_suspended_dispatch, "handler", 5);
    drive_clean_seeds(&workload_suspended_dispatch, "unwind", 5);
    CU_ASSERT_EQUAL(drive_threads_left(before), 0);
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"clean without a strike", test_clean_without_a_strike},
        CU_TEST_INFO_NULL,
    };

    return drive_suite("suspended-dispatch", tests);
}
