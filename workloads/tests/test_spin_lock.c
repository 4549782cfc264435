/*
 * Tests of spin-lock: both variants keep the ledger in balance as long as nobody is struck, and
 * leave no thread behind.
 */
#include <workloads/tests/drive.h>

extern const struct workload workload_spin_lock;

static void test_clean_without_a_strike(void)
{
    int before = drive_threads();

    drive_clean_seeds(&workload_spin_lock, "finishes", 5);
    drive_clean_seeds(&workload_spin_lock, "orphaned", 5);
    CU_ASSERT_EQUAL(drive_threads_left(before), 0);
}

static void test_many_threads(void)
{
    struct workload_context context = drive_context(&workload_spin_lock, NULL, 1);

    drive_set(&workload_spin_lock, &context, "threads", 8);
    drive_set(&workload_spin_lock, &context, "ops", 100);
    drive_clean(&workload_spin_lock, &context);
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"clean without a strike", test_clean_without_a_strike},
        {"many threads", test_many_threads},
        CU_TEST_INFO_NULL,
    };

    return drive_suite("spin-lock", tests);
}
