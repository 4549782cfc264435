/*
 * test_rmath: every distribution in use against R's libRmath, an implementation of others.
 *
 * Skipped, and said so by the exit status, where that library is not installed.
 */
#include "binomial.h"
#include "vector_file.h"

#include <results/stats/night.h>
#include <results/stats/rates.h>
#include <results/stats/special.h>
#include <results/stats/trend.h>

#ifndef HAVE_RMATH

int main(void)
{
    return 77;
}

#else

#ifndef MATHLIB_STANDALONE
#define MATHLIB_STANDALONE
#endif
#include <Rmath.h>

#define LENGTH(array) (sizeof(array) / sizeof *(array))

static const double shapes[] = {0.5, 1, 2.5, 7, 60, 999.5, 20000, 1e6};
static const double points[] = {1e-8, 1e-4, 0.01, 0.1, 0.3, 0.5, 0.77, 0.95, 0.999, 0.9999999};

/* Relative all the way down: tails matter more here than middles. */
static void expect_close(double got, double want, double x, double a, double b)
{
    bool near = fabs(got - want) <= 1e-9 * fabs(want) + 1e-300;

    if (!near)
        printf("\n    x=%g a=%g b=%g: got %.15g, want %.15g", x, a, b, got, want);
    CU_ASSERT_TRUE(near);
}

static void test_beta_cdf(void)
{
    for (size_t i = 0; i < LENGTH(shapes); i++)
        for (size_t j = 0; j < LENGTH(shapes); j++)
            for (size_t k = 0; k < LENGTH(points); k++) {
                double a = shapes[i], b = shapes[j], x = points[k];

                expect_close(stats_beta_cdf(x, a, b), pbeta(x, a, b, 1, 0), x, a, b);
            }
}

static void test_beta_quantile(void)
{
    static const double levels[] = {0.005, 0.025, 0.05, 0.5, 0.95, 0.975, 0.995};

    for (size_t i = 0; i < LENGTH(shapes); i++)
        for (size_t j = 0; j < LENGTH(shapes); j++)
            for (size_t k = 0; k < LENGTH(levels); k++) {
                double a = shapes[i], b = shapes[j], p = levels[k];

                expect_close(stats_beta_quantile(p, a, b), qbeta(p, a, b, 1, 0), p, a, b);
            }
}

static void test_log_beta(void)
{
    for (size_t i = 0; i < LENGTH(shapes); i++)
        for (size_t j = 0; j < LENGTH(shapes); j++) {
            double a = shapes[i], b = shapes[j];

            CU_ASSERT_TRUE(vector_close((double)stats_log_beta(a, b), lbeta(a, b)));
        }
}

static void expect_clopper_pearson(int x, int n)
{
    double low, high, alpha = (1 - 0.95) / 2;

    CU_ASSERT_EQUAL(stats_clopper_pearson(x, n, 0.95, STATS_TWO_SIDED, &low, &high), 0);
    CU_ASSERT_TRUE(vector_close(low, x == 0 ? 0 : qbeta(alpha, x, n - x + 1, 1, 0)));
    CU_ASSERT_TRUE(vector_close(high, x == n ? 1 : qbeta(1 - alpha, x + 1, n - x, 1, 0)));
}

static void test_clopper_pearson(void)
{
    for (int n = 1; n <= 400; n = n * 2 + 1)
        for (int x = 0; x <= n; x += 1 + n / 11)
            expect_clopper_pearson(x, n);
}

static void test_fixed_quantiles(void)
{
    CU_ASSERT_TRUE(vector_close(STATS_Z95, qnorm(0.975, 0, 1, 1, 0)));
    for (int blocks = STATS_BLOCKS_MIN; blocks <= STATS_BLOCKS_MAX; blocks++)
        CU_ASSERT_TRUE(
            vector_close(stats_trend_limits(blocks)->t_975, qt(0.975, blocks - 2, 1, 0)));
}

static double tail(long long least, long long runs, double a, double b)
{
    double p = NAN;

    CU_ASSERT_EQUAL(stats_beta_binomial_tail(least, runs, a, b, &p), 0);
    return p;
}

/* R has no beta-binomial: the sum is made of its coefficients and beta functions. */
static void test_beta_binomial(void)
{
    static const double sizes[] = {0.3, 1, 4.5, 80, 2000};

    for (int i = 0; i < 5; i++)
        for (int j = 0; j < 5; j++) {
            double a = sizes[i], b = sizes[j], sum = 0;

            for (int k = 300; k > 0; k--) {
                sum += exp(lchoose(300, k) + lbeta(a + k, b + 300 - k) - lbeta(a, b));
                expect_close(tail(k, 300, a, b), fmin(1, sum), k, a, b);
            }
        }
}

/* With shapes beyond counting the nights are binomial. */
static void test_beta_binomial_becomes_binomial(void)
{
    for (int k = 1; k <= 100; k++)
        CU_ASSERT_TRUE(fabs(tail(k, 100, 0.2e9, 0.8e9) - pbinom(k - 1, 100, 0.2, 0, 0)) < 1e-6);
}

static void test_binomial_of_these_tests(void)
{
    for (int n = 1; n <= 300; n += 23)
        for (int x = 0; x <= n; x++)
            CU_ASSERT_TRUE(vector_close(binomial_mass(x, n, 0.07), dbinom(x, n, 0.07, 0)));
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"beta cdf", test_beta_cdf},
        {"beta quantile", test_beta_quantile},
        {"log beta", test_log_beta},
        {"clopper-pearson", test_clopper_pearson},
        {"fixed quantiles", test_fixed_quantiles},
        {"beta-binomial", test_beta_binomial},
        {"beta-binomial becomes binomial", test_beta_binomial_becomes_binomial},
        {"binomial of these tests", test_binomial_of_these_tests},
        CU_TEST_INFO_NULL,
    };

    return vector_run("rmath", tests);
}

#endif
