/*
 * Tests of heap-owner: its clean twins break no promise and leave no thread behind; what its bad
 * variants do goes unnoticed as long as nobody is struck, or hangs in a process apart.
 */
#include <workloads/tests/drive.h>

extern const struct workload workload_heap_owner;

static const struct workload *const workload = &workload_heap_owner;

static void test_every_variant_without_a_strike(void)
{
    int before = drive_threads();

    for (int v = 0; workload->variants[v].name != NULL; v++)
        drive_clean_seeds(workload, workload->variants[v].name, 5);
    CU_ASSERT_EQUAL(drive_threads_left(before), 0);
}

static void test_edges_of_its_parameters(void)
{
    struct workload_context context = drive_context(workload, "outside", 1);

    drive_set(workload, &context, "ops", 1);
    drive_set(workload, &context, "bytes", 1);
    drive_clean(workload, &context);
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"every variant without a strike", test_every_variant_without_a_strike},
        {"edges of its parameters", test_edges_of_its_parameters},
        CU_TEST_INFO_NULL,
    };

    return drive_suite("heap-owner", tests);
}
