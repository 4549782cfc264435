/*
 * test_timestamp: times that runs note, and what is none.
 */
#include <results/text/timestamp.h>

#include <CUnit/Basic.h>

static void expect(const char *text, long long want)
{
    long long got = -1;

    CU_ASSERT_TRUE(timestamp_read(text, &got));
    CU_ASSERT_EQUAL(got, want);
}

static void test_zones(void)
{
    expect("1970-01-01T00:00:00Z", 0);
    expect("2024-05-06T07:08:09Z", 1714979289);
    expect("2024-05-06T09:08:09+0200", 1714979289);
    expect("2024-05-06T03:38:09-0330", 1714979289);
}

static void test_others(void)
{
    static const char *const wrong[] = {"",
                                        "yesterday",
                                        "2024-05-06",
                                        "2024-05-06T07:08:09",
                                        "2024-05-06T07:08:09+02",
                                        "2024-05-06T07:08:09+02000",
                                        "2024-05-06T07:08:09 Z",
                                        "2024-13-06T07:08:09Z"};

    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        long long seconds = 7;

        CU_ASSERT_FALSE(timestamp_read(wrong[i], &seconds));
        CU_ASSERT_EQUAL(seconds, 7);
    }
}

int main(void)
{
    CU_pSuite suite;

    CU_initialize_registry();
    suite = CU_add_suite("timestamp", NULL, NULL);
    CU_add_test(suite, "zones", test_zones);
    CU_add_test(suite, "others", test_others);
    CU_basic_run_tests();
    return CU_get_number_of_failures() > 0;
}
