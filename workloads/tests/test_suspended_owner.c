/*
 * Tests of suspended-owner: its clean twins break no promise and leave no thread behind; what its
 * bad variants do goes unnoticed as long as nobody is struck, or hangs in a process apart.
 */
#include <workloads/tests/drive.h>

extern const struct workload workload_suspended_owner;

static const struct workload *const workload = &workload_suspended_owner;

static void test_every_variant_without_a_strike(void)
{
    int before = drive_threads();

    for (int v = 0; workload->variants[v].name != NULL; v++)
        drive_clean_seeds(workload, workload->variants[v].name, 5);
    CU_ASSERT_EQUAL(drive_threads_left(before), 0);
}

static void test_missing_module_fails_the_setup(void)
{
    struct workload_context context = drive_context(workload, "loader", 1);

    context.module_dir = "/nonexistent";
    CU_ASSERT_EQUAL(workload->setup(&context), ERROR_NOT_FOUND);
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"every variant without a strike", test_every_variant_without_a_strike},
        {"a missing module fails the set-up", test_missing_module_fails_the_setup},
        CU_TEST_INFO_NULL,
    };

    return drive_suite("suspended-owner", tests);
}
