/*
 * Tests of outside-reader: what is read from outside is what the worker says; no process, thread or
 * module is left.
 */
#include <workloads/tests/drive.h>
#include <dlfcn.h>

extern const struct workload workload_outside_reader;

static void test_twins_are_clean(void)
{
    int before = drive_threads();

    drive_clean_seeds(&workload_outside_reader, NULL, 3);
    CU_ASSERT_PTR_NULL(
        dlopen(RUNDOWN_BUILD_DIR "/lib/rundown/modules/board.so", RTLD_NOW | RTLD_NOLOAD));
    CU_ASSERT_EQUAL(drive_threads_left(before), 0);
}

static void test_missing_module_fails_the_setup(void)
{
    struct workload_context context = drive_context(&workload_outside_reader, NULL, 1);

    context.module_dir = "/nonexistent";
    CU_ASSERT_EQUAL(workload_outside_reader.setup(&context), ERROR_NOT_FOUND);
}

static void test_no_child_is_left(void)
{
    struct workload_context context = drive_context(&workload_outside_reader, NULL, 1);

    drive_set(&workload_outside_reader, &context, "reads", 100);
    drive_clean(&workload_outside_reader, &context);
    CU_ASSERT_EQUAL(waitpid(-1, NULL, WNOHANG), -1);
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"twins are clean", test_twins_are_clean},
        {"a missing module fails the set-up", test_missing_module_fails_the_setup},
        {"no child is left", test_no_child_is_left},
        CU_TEST_INFO_NULL,
    };

    return drive_suite("outside-reader", tests);
}
