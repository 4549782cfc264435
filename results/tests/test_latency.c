/*
 * test_latency: quantiles of a histogram against the durations that went into it.
 */
#include "store_fixture.h"

#include <results/store/latency.h>

static int bucket_of(double microseconds)
{
    double b = microseconds < 1 ? 0 : floor(4 * log2(microseconds));

    return b > ABI_HISTOGRAM - 1 ? ABI_HISTOGRAM - 1 : (int)b;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Durations from 2 us to 50 ms: each answer is within the stated 2^(1/8) of the true one. */
static void test_error_bound(void)
{
    static const double shares[] = {0.001, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1};
    static double durations[3000];
    const double bound = exp2(1.0 / 8) * (1 + 1e-12);

    for (uint64_t seed = 1; seed <= 40; seed++) {
        uint32_t histogram[ABI_HISTOGRAM] = {0};
        uint64_t state = seed;
        size_t n = 1 + fixture_random(&state) % 3000;

        for (size_t i = 0; i < n; i++) {
            double u = (double)(fixture_random(&state) >> 11) / 0x1p53;

            durations[i] = 2 * pow(25000, seed % 2 ? u : u * u * u);
            histogram[bucket_of(durations[i])]++;
        }
        qsort(durations, n, sizeof durations[0], by_size);
        for (size_t k = 0; k < sizeof shares / sizeof shares[0]; k++) {
            double want = durations[(size_t)ceil(shares[k] * (double)n - 1e-9) - 1];
            struct latency got;

            CU_ASSERT_EQUAL(latency_quantile(histogram, shares[k], &got), 0);
            CU_ASSERT_TRUE(got.microseconds <= want * bound && got.microseconds >= want / bound);
            CU_ASSERT_FALSE(got.above || got.below);
        }
    }
}

static void test_ends_are_open(void)
{
    uint32_t histogram[ABI_HISTOGRAM] = {0};
    struct latency got;

    histogram[0] = 3;
    histogram[ABI_HISTOGRAM - 1] = 3;
    CU_ASSERT_EQUAL(latency_quantile(histogram, 0.5, &got), 0);
    CU_ASSERT_TRUE(got.below && !got.above);
    CU_ASSERT_TRUE(fabs(got.microseconds - exp2(0.25)) < 1e-12);
    CU_ASSERT_EQUAL(latency_quantile(histogram, 0.51, &got), 0);
    CU_ASSERT_TRUE(got.above && !got.below);
    CU_ASSERT_TRUE(fabs(got.microseconds - exp2((ABI_HISTOGRAM - 1) / 4.0)) < 1e-9);
}

static void test_ranks(void)
{
    uint32_t histogram[ABI_HISTOGRAM] = {0};
    struct latency low, high;

    histogram[20] = 2;
    histogram[40] = 2;
    CU_ASSERT_EQUAL(latency_quantile(histogram, 0.5, &low), 0);
    CU_ASSERT_EQUAL(latency_quantile(histogram, 0.500001, &high), 0);
    CU_ASSERT_TRUE(fabs(low.microseconds - exp2(20.5 / 4)) < 1e-9);
    CU_ASSERT_TRUE(fabs(high.microseconds - exp2(40.5 / 4)) < 1e-9);
    CU_ASSERT_EQUAL(latency_quantile(histogram, 1e-12, &low), 0);
    CU_ASSERT_TRUE(fabs(low.microseconds - exp2(20.5 / 4)) < 1e-9);
    for (int i = 0; i < ABI_HISTOGRAM; i++)
        histogram[i] = UINT32_MAX;
    CU_ASSERT_EQUAL(latency_quantile(histogram, 0.5, &low), 0);
    CU_ASSERT_TRUE(fabs(low.microseconds - exp2((ABI_HISTOGRAM / 2 - 0.5) / 4)) < 1e-9);
}

static void test_refusals(void)
{
    uint32_t histogram[ABI_HISTOGRAM] = {0};
    struct latency got = {.microseconds = 7};

    CU_ASSERT_EQUAL(latency_quantile(histogram, 0.5, &got), ERROR_NOT_FOUND);
    histogram[3] = 1;
    for (int i = 0; i < 4; i++)
        CU_ASSERT_EQUAL(latency_quantile(histogram, (double[]){0, -1, 1.01, NAN}[i], &got),
                        ERROR_RANGE);
    CU_ASSERT_EQUAL(got.microseconds, 7);
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"error bound", test_error_bound},
        {"ends are open", test_ends_are_open},
        {"ranks", test_ranks},
        {"refusals", test_refusals},
        CU_TEST_INFO_NULL,
    };

    return vector_run("latency", tests);
}
