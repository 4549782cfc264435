/*
 * test_report_csv: every sample in its row.
 */
#include "report_fixture.h"

extern const struct report_format report_format_csv;

static const struct report_options plain = {.columns = 80};

static void test_rows(void)
{
    struct fixture f;
    char *text;

    report_run(&f);
    text = report_text(&f, &report_format_csv, &plain);
    expect_text(text, "cell,cycle,kind,lap,value\n"
                      "2,0,heap.bytes,5,1000\n"
                      "2,0,heap.bytes,6,1008\n"
                      "2,0,heap.bytes,7,1016\n"
                      "2,0,heap.bytes,8,1024\n");
    free(text);
    fixture_remove(&f);
}

static void test_odd_kinds_and_values(void)
{
    static const int64_t samples[] = {INT64_MIN, INT64_MAX};
    struct store_series series = {1, 0, "site \"a\", b", UINT64_C(1) << 40, samples, 2};
    struct store_batch batch = fixture_batch(1, 0, 1);
    struct fixture f;
    char *text;

    fixture_create(&f);
    report_cell(&f, "t", "none", "", "");
    fixture_ok(&f, store_commit_batch(f.store, &batch, NULL, 0, &series, 1, &f.e));
    text = report_text(&f, &report_format_csv, &plain);
    expect_text(text, "cell,cycle,kind,lap,value\n"
                      "1,0,\"site \"\"a\"\", b\",1099511627776,-9223372036854775808\n"
                      "1,0,\"site \"\"a\"\", b\",1099511627777,9223372036854775807\n");
    free(text);
    fixture_remove(&f);
}

static void test_failures(void)
{
    struct fixture f;

    report_run(&f);
    report_to_full_device(&f, &report_format_csv);
    report_of_damage(&f, &report_format_csv, "UPDATE series SET block = x'00'");
    fixture_remove(&f);
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"rows", test_rows},
        {"odd kinds and values", test_odd_kinds_and_values},
        {"failures", test_failures},
        CU_TEST_INFO_NULL,
    };

    return vector_run("csv report", tests);
}
