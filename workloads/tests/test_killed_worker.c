/*
 * Tests of killed-worker: the twin leaves neither a thread nor a module; a killed worker leaves its
 * destructors undone, which is seen in a process apart.
 */
#include <workloads/tests/drive.h>
#include <dlfcn.h>

extern const struct workload workload_killed_worker;

static void test_twins_are_clean(void)
{
    int before = drive_threads();

    drive_clean_seeds(&workload_killed_worker, NULL, 5);
    CU_ASSERT_PTR_NULL(
        dlopen(RUNDOWN_BUILD_DIR "/lib/rundown/modules/yanked.so", RTLD_NOW | RTLD_NOLOAD));
    CU_ASSERT_EQUAL(drive_threads_left(before), 0);
}

static void test_missing_module_fails_the_setup(void)
{
    struct workload_context context = drive_context(&workload_killed_worker, NULL, 1);

    context.module_dir = "/nonexistent";
    CU_ASSERT_EQUAL(workload_killed_worker.setup(&context), ERROR_NOT_FOUND);
}

static int run_variant(void *name)
{
    struct workload_context context = drive_context(&workload_killed_worker, name, 1);

    return drive_run(&workload_killed_worker, &context);
}

static int run_and_count(void *name)
{
    int before = drive_threads();
    int broken = run_variant(name);

    return broken != 0 ? 100 : drive_threads() - before;
}

/* The kernel has reaped it when dlclose returns, although nobody joined it. */
static void test_killed_worker_is_gone(void)
{
    if (!DRIVE_TSAN)
        CU_ASSERT_EQUAL(drive_apart(run_and_count, (char *)"killed-asleep"), 0);
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"twins are clean", test_twins_are_clean},
        {"a missing module fails the set-up", test_missing_module_fails_the_setup},
        {"a killed worker is gone at once", test_killed_worker_is_gone},
        CU_TEST_INFO_NULL,
    };

    return drive_suite("killed-worker", tests);
}
