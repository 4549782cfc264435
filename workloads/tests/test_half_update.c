/*
 * Tests of half-update: nobody is struck, so every variant keeps the book in balance, and no thread
 * is left.
 */
#include <workloads/tests/drive.h>

extern const struct workload workload_half_update;

static void test_clean_without_a_strike(void)
{
    int before = drive_threads();

    drive_clean_seeds(&workload_half_update, "between", 5);
    drive_clean_seeds(&workload_half_update, "inside", 5);
    drive_clean_seeds(&workload_half_update, "gates-up", 5);
    CU_ASSERT_EQUAL(drive_threads_left(before), 0);
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"clean without a strike", test_clean_without_a_strike},
        CU_TEST_INFO_NULL,
    };

    return drive_suite("half-update", tests);
}
