/*
 * Tests of lost-exchange: whoever wins, each slot has its own snippet, and no thread is left.
 */
#include <workloads/tests/drive.h>

extern const struct workload workload_lost_exchange;

static void test_twins_are_clean(void)
{
    int before = drive_threads();

    drive_clean_seeds(&workload_lost_exchange, NULL, 5);
    drive_clean_seeds(&workload_lost_exchange, "freed", 5);
    CU_ASSERT_EQUAL(drive_threads_left(before), 0);
}

static void test_many_threads(void)
{
    struct workload_context context = drive_context(&workload_lost_exchange, "freed", 1);

    context.laps = 64;
    drive_set(&workload_lost_exchange, &context, "threads", 8);
    drive_set(&workload_lost_exchange, &context, "slots", 64);
    drive_clean(&workload_lost_exchange, &context);
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"twins are clean", test_twins_are_clean},
        {"many threads are clean", test_many_threads},
        CU_TEST_INFO_NULL,
    };

    return drive_suite("lost-exchange", tests);
}
