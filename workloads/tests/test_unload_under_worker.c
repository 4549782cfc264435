/*
 * Tests of unload-under-worker: pinned workers leave neither a thread nor a module, however often
 * the module is loaded again before they left.
 */
#include <workloads/tests/drive.h>
#include <dlfcn.h>

extern const struct workload workload_unload_under_worker;

static void test_twins_are_clean(void)
{
    int before = drive_threads();

    drive_clean_seeds(&workload_unload_under_worker, NULL, 5);
    CU_ASSERT_PTR_NULL(
        dlopen(RUNDOWN_BUILD_DIR "/lib/rundown/modules/desk.so", RTLD_NOW | RTLD_NOLOAD));
    CU_ASSERT_EQUAL(drive_threads_left(before), 0);
}

static void test_missing_module_fails_the_setup(void)
{
    struct workload_context context = drive_context(&workload_unload_under_worker, NULL, 1);

    context.module_dir = "/nonexistent";
    CU_ASSERT_EQUAL(workload_unload_under_worker.setup(&context), ERROR_NOT_FOUND);
}

static void test_many_reloads(void)
{
    struct workload_context context = drive_context(&workload_unload_under_worker, NULL, 1);

    drive_set(&workload_unload_under_worker, &context, "loads", 100);
    drive_set(&workload_unload_under_worker, &context, "uses", 0);
    drive_clean(&workload_unload_under_worker, &context);
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"twins are clean", test_twins_are_clean},
        {"a missing module fails the set-up", test_missing_module_fails_the_setup},
        {"many reloads in a row are clean", test_many_reloads},
        CU_TEST_INFO_NULL,
    };

    return drive_suite("unload-under-worker", tests);
}
