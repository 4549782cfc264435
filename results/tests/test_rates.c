/*
 * test_rates: intervals against the vectors, and what an interval must obey.
 */
#include "binomial.h"
#include "vector_file.h"

#include <harness/error.h>
#include <results/stats/rates.h>

static void test_wilson_vectors(void)
{
    struct vector_file v;
    double low, high;

    vector_open(&v, "wilson.csv");
    while (vector_next(&v)) {
        CU_ASSERT_EQUAL(stats_wilson(vector_count(&v, 0), vector_count(&v, 1), &low, &high), 0);
        vector_expect(&v, low, vector_double(&v, 3));
        vector_expect(&v, high, vector_double(&v, 4));
    }
    CU_ASSERT_EQUAL(v.row, 23);
}

static void test_clopper_pearson_vectors(void)
{
    struct vector_file v;
    double low, high;

    vector_open(&v, "clopper_pearson.csv");
    while (vector_next(&v)) {
        enum stats_sides sides = vector_count(&v, 3) == 1 ? STATS_ONE_SIDED : STATS_TWO_SIDED;

        CU_ASSERT_EQUAL(stats_clopper_pearson(vector_count(&v, 0), vector_count(&v, 1),
                                              vector_double(&v, 2), sides, &low, &high),
                        0);
        vector_expect(&v, low, vector_double(&v, 4));
        vector_expect(&v, high, vector_double(&v, 5));
    }
    CU_ASSERT_EQUAL(v.row, 92);
}

/* Wilson's ends are where the score test just rejects: (p - q)^2 = z^2 q (1 - q) / n. */
static void test_wilson_solves_the_score_equation(void)
{
    const double z = STATS_Z95;

    for (int n = 1; n <= 300; n += 7)
        for (int x = 1; x < n; x += 1 + n / 9) {
            double ends[2], p = (double)x / n;

            CU_ASSERT_EQUAL(stats_wilson(x, n, &ends[0], &ends[1]), 0);
            for (int i = 0; i < 2; i++)
                CU_ASSERT_TRUE(vector_close((p - ends[i]) * (p - ends[i]),
                                            z * z * ends[i] * (1 - ends[i]) / n));
        }
}

static void test_ends_are_exact(void)
{
    double low = -1, high = -1;

    CU_ASSERT_EQUAL(stats_wilson(0, 7, &low, &high), 0);
    CU_ASSERT_EQUAL(low, 0);
    CU_ASSERT_EQUAL(stats_wilson(7, 7, &low, &high), 0);
    CU_ASSERT_EQUAL(high, 1);
    CU_ASSERT_EQUAL(stats_wilson(0, 0, &low, &high), 0);
    CU_ASSERT_TRUE(low == 0 && high == 1);
    CU_ASSERT_EQUAL(stats_clopper_pearson(0, 7, 0.95, STATS_ONE_SIDED, &low, &high), 0);
    CU_ASSERT_EQUAL(low, 0);
    CU_ASSERT_EQUAL(stats_clopper_pearson(7, 7, 0.95, STATS_ONE_SIDED, &low, &high), 0);
    CU_ASSERT_EQUAL(high, 1);
}

static void expect_nested(int x, int n)
{
    double outer[2], inner[2], single[2];
    double p = (double)x / n;

    stats_clopper_pearson(x, n, 0.99, STATS_TWO_SIDED, &outer[0], &outer[1]);
    stats_clopper_pearson(x, n, 0.95, STATS_TWO_SIDED, &inner[0], &inner[1]);
    stats_clopper_pearson(x, n, 0.95, STATS_ONE_SIDED, &single[0], &single[1]);
    CU_ASSERT_TRUE(outer[0] <= inner[0] && inner[0] <= single[0] && single[0] <= p);
    CU_ASSERT_TRUE(p <= single[1] && single[1] <= inner[1] && inner[1] <= outer[1]);
    CU_ASSERT_TRUE(outer[0] >= 0 && outer[1] <= 1);
}

static void test_intervals_nest(void)
{
    for (int n = 1; n <= 1000; n = n * 3 + 1)
        for (int x = 0; x <= n; x += 1 + n / 13)
            expect_nested(x, n);
}

static void expect_mirrored(int x, int n)
{
    double low, high, mirror_low, mirror_high, next_low, next_high;

    stats_wilson(x, n, &low, &high);
    stats_wilson(n - x, n, &mirror_low, &mirror_high);
    stats_wilson(x + 1, n, &next_low, &next_high);
    CU_ASSERT_TRUE(vector_close(low, 1 - mirror_high) && vector_close(high, 1 - mirror_low));
    CU_ASSERT_TRUE(next_low > low && (next_high > high || high == 1));
    stats_clopper_pearson(x, n, 0.95, STATS_TWO_SIDED, &low, &high);
    stats_clopper_pearson(n - x, n, 0.95, STATS_TWO_SIDED, &mirror_low, &mirror_high);
    stats_clopper_pearson(x + 1, n, 0.95, STATS_TWO_SIDED, &next_low, &next_high);
    CU_ASSERT_TRUE(vector_close(low, 1 - mirror_high) && vector_close(high, 1 - mirror_low));
    CU_ASSERT_TRUE(next_low > low && (next_high > high || high == 1));
}

static void test_intervals_mirror_and_grow(void)
{
    for (int n = 2; n <= 500; n = n * 3 + 1)
        for (int x = 0; x < n; x += 1 + n / 13)
            expect_mirrored(x, n);
}

/* The promise itself: whatever the rate, the interval covers it in at least 95 % of nights. */
static void test_clopper_pearson_keeps_its_promise(void)
{
    enum { N = 40 };
    double low[N + 1], high[N + 1];

    for (int x = 0; x <= N; x++)
        stats_clopper_pearson(x, N, 0.95, STATS_ONE_SIDED, &low[x], &high[x]);
    for (double p = 0.005; p < 1; p += 0.005) {
        double below = 0, above = 0;

        for (int x = 0; x <= N; x++) {
            below += p <= high[x] ? binomial_mass(x, N, p) : 0;
            above += p >= low[x] ? binomial_mass(x, N, p) : 0;
        }
        CU_ASSERT_TRUE(below >= 0.95 - 1e-12 && above >= 0.95 - 1e-12);
    }
}

static void test_zero_bound(void)
{
    static const long long runs[] = {1, 5, 59, 299, 2995, 1000000};
    double bound = -1, low, high;

    for (int i = 0; i < 6; i++) {
        CU_ASSERT_EQUAL(stats_zero_bound(runs[i], &bound), 0);
        CU_ASSERT_EQUAL(stats_clopper_pearson(0, runs[i], 0.95, STATS_ONE_SIDED, &low, &high), 0);
        CU_ASSERT_TRUE(vector_close(bound, high));
    }
    CU_ASSERT_EQUAL(stats_zero_bound(0, &bound), 0);
    CU_ASSERT_EQUAL(bound, 1);
}

static void test_zero_runs(void)
{
    static const struct {
        double rate;
        long long runs;
    } known[] = {{0.05, 59}, {0.01, 299}, {0.001, 2995}, {1, 1}, {0.99, 1}};
    long long runs = -1;
    double at, before;

    for (int i = 0; i < 5; i++) {
        CU_ASSERT_EQUAL(stats_zero_runs(known[i].rate, &runs), 0);
        CU_ASSERT_EQUAL(runs, known[i].runs);
        stats_zero_bound(runs, &at);
        stats_zero_bound(runs - 1, &before);
        CU_ASSERT_TRUE(at <= known[i].rate && (before > known[i].rate || runs == 1));
    }
    for (long long wanted = 1; wanted <= 3000; wanted++) {
        stats_zero_bound(wanted, &at);
        CU_ASSERT_EQUAL(stats_zero_runs(at, &runs), 0);
        CU_ASSERT_EQUAL(runs, wanted);
    }
}

static void test_refusals_leave_results_alone(void)
{
    static const long long bad[][2] = {{-1, 5}, {6, 5}, {0, -1}, {-2, -1}};
    double low = 7, high = 8;
    long long runs = 9;

    for (int i = 0; i < 4; i++) {
        CU_ASSERT_EQUAL(stats_wilson(bad[i][0], bad[i][1], &low, &high), ERROR_RANGE);
        CU_ASSERT_EQUAL(
            stats_clopper_pearson(bad[i][0], bad[i][1], 0.95, STATS_ONE_SIDED, &low, &high),
            ERROR_RANGE);
    }
    for (int i = 0; i < 4; i++) {
        double confidence = (double[]){0, 1, -0.5, NAN}[i];

        CU_ASSERT_EQUAL(stats_clopper_pearson(1, 5, confidence, STATS_ONE_SIDED, &low, &high),
                        ERROR_RANGE);
        CU_ASSERT_EQUAL(stats_zero_runs((double[]){0, -1, 1.5, NAN}[i], &runs), ERROR_RANGE);
    }
    CU_ASSERT_EQUAL(stats_clopper_pearson(1, 5, 0.95, (enum stats_sides)0, &low, &high),
                    ERROR_RANGE);
    CU_ASSERT_EQUAL(stats_zero_bound(-1, &low), ERROR_RANGE);
    CU_ASSERT_EQUAL(stats_zero_runs(1e-300, &runs), ERROR_RANGE);
    CU_ASSERT_TRUE(low == 7 && high == 8 && runs == 9);
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"wilson vectors", test_wilson_vectors},
        {"clopper-pearson vectors", test_clopper_pearson_vectors},
        {"wilson solves the score equation", test_wilson_solves_the_score_equation},
        {"ends are exact", test_ends_are_exact},
        {"intervals nest", test_intervals_nest},
        {"intervals mirror and grow", test_intervals_mirror_and_grow},
        {"clopper-pearson keeps its promise", test_clopper_pearson_keeps_its_promise},
        {"zero bound", test_zero_bound},
        {"zero runs", test_zero_runs},
        {"refusals", test_refusals_leave_results_alone},
        CU_TEST_INFO_NULL,
    };

    return vector_run("rates", tests);
}
