/*
 * Tests of unload-or-exit: a cycle of each way that does not hang ends well, in a process apart,
 * whose exit is part of it.
 */
#include <workloads/tests/drive.h>

extern const struct workload workload_unload_or_exit;

static void test_missing_module_fails_the_setup(void)
{
    struct workload_context context = drive_context(&workload_unload_or_exit, NULL, 1);

    context.module_dir = "/nonexistent";
    CU_ASSERT_EQUAL(workload_unload_or_exit.setup(&context), ERROR_NOT_FOUND);
}

static int run_variant(void *name)
{
    struct workload_context context = drive_context(&workload_unload_or_exit, name, 1);

    drive_set(&workload_unload_or_exit, &context, "inside", 1);
    return drive_run(&workload_unload_or_exit, &context);
}

static int run_and_exit(void *name)
{
    exit(run_variant(name));
}

/* Somebody has the lock for good: a destructor that took it would never end. */
static void test_exit_leaves_tables_alone(void)
{
    if (DRIVE_TSAN)
        return;
    CU_ASSERT_EQUAL(drive_apart(run_and_exit, (char *)"split"), 0);
    CU_ASSERT_EQUAL(drive_apart(run_and_exit, (char *)"no-clean-up"), 0);
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"the exit leaves the tables alone", test_exit_leaves_tables_alone},
        {"a missing module fails the set-up", test_missing_module_fails_the_setup},
        CU_TEST_INFO_NULL,
    };

    return drive_suite("unload-or-exit", tests);
}
