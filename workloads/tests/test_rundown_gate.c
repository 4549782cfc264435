/*
 * Tests of rundown-gate: both gates let nobody in after the end: callers leave, and the module
 * goes.
 */
#include <workloads/tests/drive.h>
#include <dlfcn.h>

extern const struct workload workload_rundown_gate;

static void test_twins_are_clean(void)
{
    int before = drive_threads();

    drive_clean_seeds(&workload_rundown_gate, NULL, 5);
    drive_clean_seeds(&workload_rundown_gate, "robust", 5);
    CU_ASSERT_PTR_NULL(
        dlopen(RUNDOWN_BUILD_DIR "/lib/rundown/modules/hall.so", RTLD_NOW | RTLD_NOLOAD));
    CU_ASSERT_EQUAL(drive_threads_left(before), 0);
}

static void test_missing_module_fails_the_setup(void)
{
    struct workload_context context = drive_context(&workload_rundown_gate, NULL, 1);

    context.module_dir = "/nonexistent";
    CU_ASSERT_EQUAL(workload_rundown_gate.setup(&context), ERROR_NOT_FOUND);
}

static void test_many_callers(void)
{
    struct workload_context context = drive_context(&workload_rundown_gate, NULL, 1);

    drive_set(&workload_rundown_gate, &context, "threads", 8);
    drive_set(&workload_rundown_gate, &context, "visits", 200);
    drive_clean(&workload_rundown_gate, &context);
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"twins are clean", test_twins_are_clean},
        {"a missing module fails the set-up", test_missing_module_fails_the_setup},
        {"many callers are clean", test_many_callers},
        CU_TEST_INFO_NULL,
    };

    return drive_suite("rundown-gate", tests);
}
