/*
 * Tests of null: it must stay empty, or the harness's costs can't be read from it.
 */
#include <workloads/tests/drive.h>

extern const struct workload workload_null;

static void test_does_nothing(void)
{
    int threads = drive_threads();

    drive_clean_seeds(&workload_null, NULL, 10);
    CU_ASSERT_EQUAL(drive_threads(), threads);
}

static void test_asks_for_nothing(void)
{
    CU_ASSERT_PTR_NULL(workload_null.setup);
    CU_ASSERT_PTR_NULL(workload_null.quiesce);
    CU_ASSERT_PTR_NULL(workload_null.check);
    CU_ASSERT_PTR_NULL(workload_null.parameters[0].name);
    CU_ASSERT_FALSE(workload_null.modules);
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"does nothing", test_does_nothing},
        {"asks for nothing", test_asks_for_nothing},
        CU_TEST_INFO_NULL,
    };

    return drive_suite("null", tests);
}
