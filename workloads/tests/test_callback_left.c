/*
 * Tests of callback-left: the twin's callbacks come, or were taken back; who calls what is gone
 * dies of it.
 */
#include <workloads/tests/drive.h>

extern const struct workload workload_callback_left;

static void test_twins_are_clean(void)
{
    int before = drive_threads();

    drive_clean_seeds(&workload_callback_left, NULL, 5);
    CU_ASSERT_EQUAL(drive_threads_left(before), 0);
}

static void test_missing_module_fails_the_setup(void)
{
    struct workload_context context = drive_context(&workload_callback_left, NULL, 1);

    context.module_dir = "/nonexistent";
    CU_ASSERT_EQUAL(workload_callback_left.setup(&context), ERROR_NOT_FOUND);
}

static int run_variant(void *name)
{
    struct workload_context context = drive_context(&workload_callback_left, name, 1);

    return drive_run(&workload_callback_left, &context);
}

/* First of all, since the twins keep the module for its exit handler. In a process apart; a
 * sanitizer would make a report and an exit of the signal. */
static void test_left_handler_kills(void)
{
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    CU_ASSERT_EQUAL(drive_apart(run_variant, (char *)"signal-handler"), -11);
#endif
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"a handler that is gone kills", test_left_handler_kills},
        {"twins are clean", test_twins_are_clean},
        {"a missing module fails the set-up", test_missing_module_fails_the_setup},
        CU_TEST_INFO_NULL,
    };

    return drive_suite("callback-left", tests);
}
