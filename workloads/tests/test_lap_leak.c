/*
 * Tests of lap-leak: twins and bad ones alike keep their promises within a cycle: it is the series
 * that tells them apart. What is kept is given back at the end, but for what the bad ones lose.
 */
#include <workloads/tests/drive.h>
#include <dlfcn.h>

extern const struct workload workload_lap_leak;

static void test_twins_are_clean(void)
{
    int before = drive_threads();

    drive_clean_seeds(&workload_lap_leak, NULL, 3);
    drive_clean_seeds(&workload_lap_leak, "plateau", 3);
    drive_clean_seeds(&workload_lap_leak, "arena-steps", 3);
    drive_clean_seeds(&workload_lap_leak, "sawtooth", 3);
    drive_clean_seeds(&workload_lap_leak, "thread", 3);
    CU_ASSERT_PTR_NULL(
        dlopen(RUNDOWN_BUILD_DIR "/lib/rundown/modules/leaky.so", RTLD_NOW | RTLD_NOLOAD));
    CU_ASSERT_EQUAL(drive_threads_left(before), 0);
}

static void test_missing_module_fails_the_setup(void)
{
    struct workload_context context = drive_context(&workload_lap_leak, NULL, 1);

    context.module_dir = "/nonexistent";
    CU_ASSERT_EQUAL(workload_lap_leak.setup(&context), ERROR_NOT_FOUND);
}

static int count_fds(void *laps)
{
    struct workload_context context = drive_context(&workload_lap_leak, "descriptor", 1);
    int before = dup(0);
    int after;

    context.laps = *(uint32_t *)laps;
    if (drive_run(&workload_lap_leak, &context) != 0)
        return 100;
    after = dup(0);
    return after - before - 1;
}

/* One for every five laps, beginning with the first. */
static void test_descriptors_stay(void)
{
    uint32_t laps = 11;

    CU_ASSERT_EQUAL(drive_apart(count_fds, &laps), 3);
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"twins are clean", test_twins_are_clean},
        {"a missing module fails the set-up", test_missing_module_fails_the_setup},
        {"a descriptor stays now and then", test_descriptors_stay},
        CU_TEST_INFO_NULL,
    };

    return drive_suite("lap-leak", tests);
}
