/*
 * Tests of lost-blocks: hidden or not, a kept block is found again by its owner, and freed once.
 */
#include <workloads/tests/drive.h>

extern const struct workload workload_lost_blocks;

static void test_kept_blocks_are_found(void)
{
    static const char *const variant[] = {"kept", "hidden"};

    for (unsigned i = 0; i < 2; i++) {
        struct workload_context context = drive_context(&workload_lost_blocks, variant[i], 1);

        context.laps = 100;
        drive_set(&workload_lost_blocks, &context, "slots", 7);
        drive_clean(&workload_lost_blocks, &context);
    }
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"kept blocks are found again", test_kept_blocks_are_found},
        CU_TEST_INFO_NULL,
    };

    return drive_suite("lost-blocks", tests);
}
