/*
 * Tests of exit-gates-up: the twins leave with status 0; the handler that reads under a worker
 * that stands between the halves finds them broken in every run.
 */
#include <workloads/tests/drive.h>

extern const struct workload workload_exit_gates_up;

static int run_variant(void *name)
{
    struct workload_context context = drive_context(&workload_exit_gates_up, name, 1);

    drive_run(&workload_exit_gates_up, &context);
    return 99; /* it exits by itself */
}

/* Registered before the workload's own handler, so it runs behind that. */
static void tell(void)
{
    _exit(workload_exit_status());
}

static int run_and_tell(void *name)
{
    return atexit(tell) == 0 ? run_variant(name) : 99;
}

static void test_twins(void)
{
    CU_ASSERT_EQUAL(drive_apart(run_variant, (char *)"hands-off"), 0);
    CU_ASSERT_EQUAL(drive_apart(run_and_tell, (char *)"cleaned-up"), 0);
}

static void test_half_done_data_are_read(void)
{
    if (DRIVE_TSAN)
        return;
    CU_ASSERT_EQUAL(drive_apart(run_and_tell, (char *)"gates-up-alive"), 1);
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"twins", test_twins},
        {"half-done data are read", test_half_done_data_are_read},
        CU_TEST_INFO_NULL,
    };

    return drive_suite("exit-gates-up", tests);
}
