/*
 * binomial.h: the binomial distribution, for tests that weigh outcomes by their chance.
 *
 * For tests only. Goes by lgamma, not by the beta distribution under test; test_rmath
 * compares it with libRmath too.
 */
#ifndef RESULTS_TESTS_BINOMIAL_H
#define RESULTS_TESTS_BINOMIAL_H

#include <math.h>

/* Chance of exactly @x failures in @n runs at a rate @p inside (0, 1). */
static inline double binomial_mass(int x, int n, double p)
{
    double ways = lgamma(n + 1.) - lgamma(x + 1.) - lgamma(n - x + 1.);

    return exp(ways + x * log(p) + (n - x) * log1p(-p));
}

#endif
