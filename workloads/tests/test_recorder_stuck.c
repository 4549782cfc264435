/*
 * Tests of recorder-stuck: its clean twins break no promise and leave no thread behind. What its
 * bad variants do is found by test_rows.
 */
#include <workloads/tests/drive.h>

extern const struct workload workload_recorder_stuck;

static void test_twins_are_clean(void)
{
    int before = drive_threads();
    const struct workload_variant *variant = workload_recorder_stuck.variants;

    for (; variant->name != NULL; variant++)
        if (!variant->bad)
            drive_clean_seeds(&workload_recorder_stuck, variant->name, 5);
    CU_ASSERT_EQUAL(drive_threads_left(before), 0);
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"twins are clean", test_twins_are_clean},
        CU_TEST_INFO_NULL,
    };

    return drive_suite("recorder-stuck", tests);
}
