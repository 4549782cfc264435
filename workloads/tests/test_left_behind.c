/*
 * Tests of left-behind: the twins take back all that they had. What the bad one leaves is found by
 * test_rows.
 */
#include <workloads/tests/drive.h>

extern const struct workload workload_left_behind;

static int run_variant(void *name)
{
    struct workload_context context = drive_context(&workload_left_behind, name, 1);

    drive_run(&workload_left_behind, &context);
    return workload_exit_status();
}

static void test_twins_clean_up(void)
{
    int before = drive_threads();

    drive_clean_seeds(&workload_left_behind, "exits", 1);
    drive_clean_seeds(&workload_left_behind, "cancelled", 1);
    CU_ASSERT_EQUAL(drive_threads_left(before), 0);
}

static void test_bare_end_breaks_no_promise(void)
{
    if (DRIVE_TSAN)
        return;
    CU_ASSERT_EQUAL(drive_apart(run_variant, (char *)"bare"), 0);
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"twins clean up", test_twins_clean_up},
        {"a bare end looks clean", test_bare_end_breaks_no_promise},
        CU_TEST_INFO_NULL,
    };

    return drive_suite("left-behind", tests);
}
