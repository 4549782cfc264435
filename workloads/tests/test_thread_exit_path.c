/*
 * Tests of thread-exit-path: in each way of leaving the steps are taken that Linux and glibc are
 * known to take; the workload itself breaks its promise where one is not.
 */
#include <workloads/tests/drive.h>

extern const struct workload workload_thread_exit_path;

static int run_variant(void *name)
{
    struct workload_context context = drive_context(&workload_thread_exit_path, name, 1);

    context.laps = 2;
    return drive_run(&workload_thread_exit_path, &context) == 0 ? 0 : 1;
}

static void test_each_way(void)
{
    const struct workload_variant *variant = workload_thread_exit_path.variants;

    for (; variant->name != NULL && !DRIVE_TSAN; variant++)
        CU_ASSERT_EQUAL(drive_apart(run_variant, (char *)variant->name), 0);
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"each way", test_each_way},
        CU_TEST_INFO_NULL,
    };

    return drive_suite("thread-exit-path", tests);
}
