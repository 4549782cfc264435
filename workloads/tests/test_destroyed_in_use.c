/*
 * Tests of destroyed-in-use: the twin leaves with status 0, and the worker that reads freed memory
 * dies of it in every run.
 */
#include <workloads/tests/drive.h>

extern const struct workload workload_destroyed_in_use;

static int run_variant(void *name)
{
    struct workload_context context = drive_context(&workload_destroyed_in_use, name, 1);

    drive_run(&workload_destroyed_in_use, &context);
    return 99; /* it exits by itself */
}

static void test_twin(void)
{
    CU_ASSERT_EQUAL(drive_apart(run_variant, (char *)"stopped-first"), 0);
}

static void test_freed_memory_is_read(void)
{
    int status;

    if (DRIVE_TSAN)
        return;
    status = drive_apart(run_variant, (char *)"memory-freed");
    CU_ASSERT_NOT_EQUAL(status, 0);
    CU_ASSERT_NOT_EQUAL(status, 99);
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"twin", test_twin},
        {"freed memory is read", test_freed_memory_is_read},
        CU_TEST_INFO_NULL,
    };

    return drive_suite("destroyed-in-use", tests);
}
