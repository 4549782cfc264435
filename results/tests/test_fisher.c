/*
 * test_fisher: against the textbook's table, R's fisher.test, and a sum by hand.
 */
#include "vector_file.h"

#include <harness/error.h>
#include <results/stats/fisher.h>

#include <CUnit/Basic.h>
#include <math.h>

static void expect(double got, double want)
{
    bool near = fabs(got - want) <= 1e-9 * fabs(want) + 1e-15;

    if (!near)
        printf("\n    got %.15g, want %.15g", got, want);
    CU_ASSERT_TRUE(near);
}

/* Fisher's lady, who tasted tea: 4 and 4 cups, 3 of each told. 17/35, 17/70, 69/70. */
static void test_tea(void)
{
    struct stats_fisher fisher;

    CU_ASSERT_EQUAL_FATAL(stats_fisher(1, 4, 3, 4, &fisher), 0);
    expect(fisher.two_sided, 34.0 / 70);
    expect(fisher.upper, 17.0 / 70);
    expect(fisher.lower, 69.0 / 70);
}

static void test_symmetry(void)
{
    struct stats_fisher one, other;

    CU_ASSERT_EQUAL_FATAL(stats_fisher(12, 10000, 31, 9000, &one), 0);
    CU_ASSERT_EQUAL_FATAL(stats_fisher(31, 9000, 12, 10000, &other), 0);
    expect(one.two_sided, other.two_sided);
    expect(one.upper, other.lower);
    CU_ASSERT_TRUE(one.two_sided >= one.upper && one.upper < 0.01);
}

/* None in the second: product of shares. */
static void test_none(void)
{
    struct stats_fisher fisher;
    long double chance = 1;

    for (int i = 0; i < 12; i++)
        chance *= (30000.0L - i) / (40000.0L - i);
    CU_ASSERT_EQUAL_FATAL(stats_fisher(12, 30000, 0, 10000, &fisher), 0);
    expect(fisher.lower, (double)chance);
    expect(fisher.upper, 1);
}

static void test_ends(void)
{
    struct stats_fisher fisher;

    CU_ASSERT_EQUAL_FATAL(stats_fisher(0, 100, 0, 50, &fisher), 0);
    expect(fisher.two_sided, 1);
    CU_ASSERT_EQUAL_FATAL(stats_fisher(100, 100, 50, 50, &fisher), 0);
    expect(fisher.two_sided, 1);
    CU_ASSERT_EQUAL_FATAL(stats_fisher(0, 0, 3, 50, &fisher), 0);
    expect(fisher.two_sided, 1);
    CU_ASSERT_EQUAL_FATAL(stats_fisher(0, 100000000, 100000000, 100000000, &fisher), 0);
    CU_ASSERT_TRUE(fisher.two_sided >= 0 && fisher.two_sided < 1e-300);
}

static void test_refused(void)
{
    struct stats_fisher fisher = {7, 7, 7};

    CU_ASSERT_EQUAL(stats_fisher(-1, 10, 0, 10, &fisher), ERROR_RANGE);
    CU_ASSERT_EQUAL(stats_fisher(0, 10, 11, 10, &fisher), ERROR_RANGE);
    CU_ASSERT_EQUAL(stats_fisher(0, (1LL << 53) + 1, 0, 10, &fisher), ERROR_RANGE);
    CU_ASSERT_EQUAL(fisher.two_sided, 7);
}

#ifdef HAVE_RMATH
#ifndef MATHLIB_STANDALONE
#define MATHLIB_STANDALONE
#endif
#include <Rmath.h>

static double r_two_sided(int x1, int n1, int x2, int n2)
{
    double seen = dhyper(x2, n2, n1, x1 + x2, 0) * (1 + 1e-7), sum = 0;

    for (int k = 0; k <= x1 + x2 && k <= n2; k++)
        if (dhyper(k, n2, n1, x1 + x2, 0) <= seen)
            sum += dhyper(k, n2, n1, x1 + x2, 0);
    return fmin(1, sum);
}

static void test_against_r(void)
{
    static const int table[][4] = {{0, 10000, 5, 10000},  {3, 200, 9, 210},      {50, 60, 20, 60},
                                   {1, 5, 5, 5},          {700, 1000, 650, 900}, {2, 10000, 1, 30},
                                   {999, 1000, 998, 999}, {15, 10000, 45, 10000}};

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        const int *t = table[i];
        struct stats_fisher fisher;

        CU_ASSERT_EQUAL_FATAL(stats_fisher(t[0], t[1], t[2], t[3], &fisher), 0);
        expect(fisher.two_sided, r_two_sided(t[0], t[1], t[2], t[3]));
        expect(fisher.lower, phyper(t[2], t[3], t[1], t[0] + t[2], 1, 0));
        expect(fisher.upper, phyper(t[2] - 1, t[3], t[1], t[0] + t[2], 0, 0));
    }
}
#endif

int main(void)
{
    CU_pSuite suite;

    CU_initialize_registry();
    suite = CU_add_suite("fisher", NULL, NULL);
    CU_add_test(suite, "the tea", test_tea);
    CU_add_test(suite, "both ways round", test_symmetry);
    CU_add_test(suite, "none in the second", test_none);
    CU_add_test(suite, "ends", test_ends);
    CU_add_test(suite, "refused", test_refused);
#ifdef HAVE_RMATH
    CU_add_test(suite, "against R", test_against_r);
#endif
    CU_basic_run_tests();
    return CU_get_number_of_failures() > 0;
}
