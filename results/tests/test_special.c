/*
 * test_special: the beta distribution against closed forms and its own identities.
 *
 * test_rmath compares it with another implementation.
 */
#include "vector_file.h"

#include <results/stats/special.h>

static void expect_close(double got, double want, double x, double a, double b)
{
    bool near = fabs(got - want) <= 1e-9 * fabs(want) + 1e-300;

    if (!near)
        printf("\n    x=%g a=%g b=%g: got %.15g, want %.15g", x, a, b, got, want);
    CU_ASSERT_TRUE(near);
}

static void test_quantile_cannot_be_narrowed(void)
{
    double q = stats_beta_quantile(0.05, 3, 8), before = nextafter(q, 0);

    CU_ASSERT_TRUE(stats_beta_cdf(q, 3, 8) >= 0.05 - 1e-16);
    CU_ASSERT_TRUE(stats_beta_cdf(before, 3, 8) <= 0.05 + 1e-16);
    CU_ASSERT_EQUAL(stats_beta_quantile(0, 3, 8), 0);
    CU_ASSERT_EQUAL(stats_beta_quantile(1, 3, 8), 1);
}

/* Reflection: I_x(a, b) + I_1-x(b, a) = 1; and Beta(a, 1) has the closed form x^a. */
static void test_identities(void)
{
    for (double x = 0.0625; x < 1; x += 0.0625) {
        expect_close(stats_beta_cdf(x, 3.5, 40) + stats_beta_cdf(1 - x, 40, 3.5), 1, x, 3.5, 40);
        expect_close(stats_beta_cdf(x, 12, 1), pow(x, 12), x, 12, 1);
    }
}

/* B(a, b) = (a-1)! (b-1)! / (a+b-1)! and B(1/2, 1/2) = pi. */
static void test_log_beta(void)
{
    expect_close((double)stats_log_beta(3, 4), -log(60), 0, 3, 4);
    expect_close((double)stats_log_beta(1, 1e6), -log(1e6), 0, 1, 1e6);
    expect_close((double)stats_log_beta(0.5, 0.5), log(M_PI), 0, 0.5, 0.5);
}

static void test_ends_and_refusals(void)
{
    CU_ASSERT_EQUAL(stats_beta_cdf(-1, 2, 3), 0);
    CU_ASSERT_EQUAL(stats_beta_cdf(0, 2, 3), 0);
    CU_ASSERT_EQUAL(stats_beta_cdf(1, 2, 3), 1);
    CU_ASSERT_EQUAL(stats_beta_cdf(INFINITY, 2, 3), 1);
    CU_ASSERT_TRUE(isnan(stats_beta_cdf(NAN, 2, 3)));
    CU_ASSERT_TRUE(isnan(stats_beta_cdf(0.5, 0, 3)));
    CU_ASSERT_TRUE(isnan(stats_beta_cdf(0.5, 2, -1)));
    CU_ASSERT_TRUE(isnan(stats_beta_cdf(0.5, NAN, 3)));
    CU_ASSERT_TRUE(isnan(stats_beta_cdf(0.5, 2, INFINITY)));
    CU_ASSERT_TRUE(isnan(stats_beta_quantile(NAN, 2, 3)));
    CU_ASSERT_TRUE(isnan(stats_beta_quantile(1.5, 2, 3)));
    CU_ASSERT_TRUE(isnan(stats_beta_quantile(-0.5, 2, 3)));
    CU_ASSERT_TRUE(isnan(stats_beta_quantile(0.5, 0, 3)));
    CU_ASSERT_TRUE(isnan((double)stats_log_beta(0, 1)));
    CU_ASSERT_TRUE(isnan((double)stats_log_beta(1, NAN)));
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"quantile cannot be narrowed", test_quantile_cannot_be_narrowed},
        {"identities", test_identities},
        {"log beta", test_log_beta},
        {"ends and refusals", test_ends_and_refusals},
        CU_TEST_INFO_NULL,
    };

    return vector_run("special", tests);
}
