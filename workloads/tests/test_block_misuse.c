/*
 * Tests of block-misuse: its clean twin breaks no promise; the bad ones end by SIGABRT. What
 * rundown says of them is found by test_rows.
 */
#include <workloads/tests/drive.h>

#include <signal.h>

extern const struct workload workload_block_misuse;

static int run_variant(void *name)
{
    struct workload_context context = drive_context(&workload_block_misuse, name, 1);

    return drive_run(&workload_block_misuse, &context);
}

static void test_the_twin_is_clean(void)
{
    drive_clean_seeds(&workload_block_misuse, "once", 3);
}

static void test_bad_ones_abort(void)
{
    CU_ASSERT_EQUAL(drive_apart(run_variant, (char *)"freed-twice"), -SIGABRT);
    CU_ASSERT_EQUAL(drive_apart(run_variant, (char *)"link-cut"), -SIGABRT);
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"the twin is clean", test_the_twin_is_clean},
        {"bad ones abort", test_bad_ones_abort},
        CU_TEST_INFO_NULL,
    };

    return drive_suite("block-misuse", tests);
}
