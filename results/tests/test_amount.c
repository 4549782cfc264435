/*
 * test_amount: numbers as people read them, and bounds that never round to a lie.
 */
#include "text_fixture.h"

#include <results/text/amount.h>

static void test_counts(void)
{
    char out[AMOUNT_BYTES];

    expect_text(amount_count(0, out), "0");
    expect_text(amount_count(999, out), "999");
    expect_text(amount_count(1000, out), "1,000");
    expect_text(amount_count(123456, out), "123,456");
    expect_text(amount_count(1234567, out), "1,234,567");
    expect_text(amount_count(UINT64_MAX, out), "18,446,744,073,709,551,615");
}

static void test_percent(void)
{
    static const struct {
        double share;
        const char *nearest, *down, *up;
    } rows[] = {
        {0, "0", "0", "0"},
        {1, "100", "100", "100"},
        {0.0014967, "0.15", "0.14", "0.15"},
        {0.0015001, "0.15", "0.15", "0.16"},
        {0.0371, "3.7", "3.7", "3.8"},
        {0.5, "50.0", "50.0", "50.0"},
        {0.99999, "100", "99.9", "100"},
        {0.0000123, "0.0012", "0.0012", "0.0013"},
        {0.00999999, "1.0", "0.99", "1.0"},
        {0.01, "1.0", "1.0", "1.0"},
        {1e-9, "0.00000010", "0.00000010", "0.00000010"},
    };
    char out[AMOUNT_BYTES];

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        expect_text(amount_percent(rows[i].share, AMOUNT_NEAREST, out), rows[i].nearest);
        expect_text(amount_percent(rows[i].share, AMOUNT_DOWN, out), rows[i].down);
        expect_text(amount_percent(rows[i].share, AMOUNT_UP, out), rows[i].up);
    }
}

/* What is printed as a bound holds, and is at most a tenth away from the number. */
static void test_bounds_hold(void)
{
    char out[AMOUNT_BYTES];
    uint64_t state = 1;

    for (int i = 0; i < 20000; i++) {
        double u = (double)(fixture_random(&state) >> 11) / 0x1p53;
        double share = pow(10, -8 * u), up, down;

        up = strtod(amount_percent(share, AMOUNT_UP, out), NULL) / 100;
        down = strtod(amount_percent(share, AMOUNT_DOWN, out), NULL) / 100;
        CU_ASSERT_TRUE(up >= share * (1 - 1e-9) && up <= share * 1.1 + 1e-12);
        CU_ASSERT_TRUE(down <= share * (1 + 1e-9) && down >= share * 0.9 - 1e-12);
    }
}

static void test_durations(void)
{
    static const struct {
        double seconds;
        const char *want;
    } rows[] = {
        {0, "0 us"},           {0.00000049, "0 us"}, {0.000850, "850 us"},  {0.0009994, "999 us"},
        {0.0009996, "1.0 ms"}, {0.0031, "3.1 ms"},   {0.0999, "99.9 ms"},   {0.09996, "100 ms"},
        {0.412, "412 ms"},     {0.9996, "1.0 s"},    {12.34, "12.3 s"},     {99.94, "99.9 s"},
        {99.96, "1 min 39 s"}, {200, "3 min 20 s"},  {3599, "59 min 59 s"}, {7500, "2 h 5 min"},
    };
    char out[AMOUNT_BYTES];

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        expect_text(amount_duration(rows[i].seconds, out), rows[i].want);
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"counts", test_counts},       {"percent", test_percent}, {"bounds hold", test_bounds_hold},
        {"durations", test_durations}, CU_TEST_INFO_NULL,
    };

    return vector_run("amount", tests);
}
