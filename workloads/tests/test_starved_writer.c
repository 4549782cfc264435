/*
 * Tests of starved-writer: its clean twins break no promise and leave no thread behind. What its
 * bad variants do is found by test_rows.
 */
#include <workloads/tests/drive.h>

extern const struct workload workload_starved_writer;

static void test_twins_are_clean(void)
{
    int before = drive_threads();
    const struct workload_variant *variant = workload_starved_writer.variants;

    for (; variant->name != NULL; variant++)
        if (!variant->bad)
            drive_clean_seeds(&workload_starved_writer, variant->name, 5);
    CU_ASSERT_EQUAL(drive_threads_left(before), 0);
}

/* A twin that is slow is no hang. */
static void test_twins_have_no_deadline(void)
{
    const struct workload_variant *variant = workload_starved_writer.variants;

    for (; variant->name != NULL; variant++)
        CU_ASSERT_EQUAL(variant->deadline_ms != 0, variant->bad);
}

/* It ends by itself, when main has slept: so does its dry cycle. */
static void test_relay_ends(void)
{
    struct workload_context context = drive_context(&workload_starved_writer, "relayed", 1);

    drive_set(&workload_starved_writer, &context, "nap", 20);
    drive_clean(&workload_starved_writer, &context);
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"twins are clean", test_twins_are_clean},
        {"twins have no deadline", test_twins_have_no_deadline},
        {"the relay ends", test_relay_ends},
        CU_TEST_INFO_NULL,
    };

    return drive_suite("starved-writer", tests);
}
