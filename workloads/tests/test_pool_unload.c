/*
 * Tests of pool-unload: both twins leave neither a thread nor a module, with one thread in the pool
 * and many.
 */
#include <workloads/tests/drive.h>
#include <dlfcn.h>

extern const struct workload workload_pool_unload;

static void test_twins_are_clean(void)
{
    int before = drive_threads();

    drive_clean_seeds(&workload_pool_unload, NULL, 5);
    drive_clean_seeds(&workload_pool_unload, "inside-plain", 5);
    CU_ASSERT_PTR_NULL(
        dlopen(RUNDOWN_BUILD_DIR "/lib/rundown/modules/jobs.so", RTLD_NOW | RTLD_NOLOAD));
    CU_ASSERT_EQUAL(drive_threads_left(before), 0);
}

static void test_missing_module_fails_the_setup(void)
{
    struct workload_context context = drive_context(&workload_pool_unload, NULL, 1);

    context.module_dir = "/nonexistent";
    CU_ASSERT_EQUAL(workload_pool_unload.setup(&context), ERROR_NOT_FOUND);
}

static void test_pool_sizes(void)
{
    struct workload_context context = drive_context(&workload_pool_unload, "inside-plain", 1);

    drive_set(&workload_pool_unload, &context, "items", 256);
    for (int threads = 1; threads <= 8; threads *= 2) {
        drive_set(&workload_pool_unload, &context, "threads", threads);
        drive_clean(&workload_pool_unload, &context);
    }
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"twins are clean", test_twins_are_clean},
        {"a missing module fails the set-up", test_missing_module_fails_the_setup},
        {"pools of all sizes are clean", test_pool_sizes},
        CU_TEST_INFO_NULL,
    };

    return drive_suite("pool-unload", tests);
}
