/*
 * Tests of growing-list: the list holds its last nodes in order, whichever way it is bounded.
 */
#include <workloads/tests/drive.h>

extern const struct workload workload_growing_list;

static void test_lists_are_in_order(void)
{
    static const char *const variant[] = {"bounded", "freed-at-exit"};

    for (unsigned i = 0; i < 2; i++) {
        struct workload_context context = drive_context(&workload_growing_list, variant[i], 1);

        context.laps = 50;
        drive_set(&workload_growing_list, &context, "nodes", 3);
        drive_set(&workload_growing_list, &context, "length", 7);
        drive_clean(&workload_growing_list, &context);
    }
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"lists are in order", test_lists_are_in_order},
        CU_TEST_INFO_NULL,
    };

    return drive_suite("growing-list", tests);
}
