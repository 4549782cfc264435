/*
 * Tests of loader-rules: the twin leaves neither a thread nor a module; a missing module fails the
 * set-up.
 */
#include <workloads/tests/drive.h>
#include <dlfcn.h>

extern const struct workload workload_loader_rules;

static void test_twins_are_clean(void)
{
    int before = drive_threads();

    drive_clean_seeds(&workload_loader_rules, NULL, 5);
    CU_ASSERT_PTR_NULL(
        dlopen(RUNDOWN_BUILD_DIR "/lib/rundown/modules/bound.so", RTLD_NOW | RTLD_NOLOAD));
    CU_ASSERT_EQUAL(drive_threads_left(before), 0);
}

static void test_missing_module_fails_the_setup(void)
{
    struct workload_context context = drive_context(&workload_loader_rules, NULL, 1);

    context.module_dir = "/nonexistent";
    CU_ASSERT_EQUAL(workload_loader_rules.setup(&context), ERROR_NOT_FOUND);
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"twins are clean", test_twins_are_clean},
        {"a missing module fails the set-up", test_missing_module_fails_the_setup},
        CU_TEST_INFO_NULL,
    };

    return drive_suite("loader-rules", tests);
}
