/*
 * special: the beta function and its distribution, in long double inside.
 *
 * Pure arithmetic: no state, no allocation, no printing, no error codes. A question that
 * has no answer is answered with NaN, and the callers refuse such questions beforehand.
 */
#include <results/stats/special.h>

#include <float.h>
#include <math.h>
#include <stdbool.h>

/* Far above sqrt(2^53), so only a broken argument could reach it. */
static const long fraction_steps_max = 200 * 1000 * 1000L;

/* lgamma() writes the global signgam; this form does not. */
static long double log_gamma(long double x)
{
    int sign;

    return lgammal_r(x, &sign);
}

static bool shape_ok(long double a)
{
    return a > 0 && isfinite(a);
}

long double stats_log_beta(long double a, long double b)
{
    if (!shape_ok(a) || !shape_ok(b))
        return NAN;
    return log_gamma(a) + log_gamma(b) - log_gamma(a + b);
}

/* The m-th pair of partial numerators of DLMF 8.17.22: even d_2m, odd d_2m+1. */
static long double even_numerator(long double m, long double x, long double a, long double b)
{
    return m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
}

static long double odd_numerator(long double m, long double x, long double a, long double b)
{
    return -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
}

static long double away_from_zero(long double x)
{
    return fabsl(x) < LDBL_MIN * 1e10L ? LDBL_MIN * 1e10L : x;
}

/* State of Lentz's evaluation of 1 + d1/(1 + d2/(1 + ...)). */
struct fraction {
    long double value, above, below, change;
};

static void fraction_step(struct fraction *f, long double numerator)
{
    f->above = away_from_zero(1 + numerator / f->above);
    f->below = 1 / away_from_zero(1 + numerator * f->below);
    f->change = f->above * f->below;
    f->value *= f->change;
}

/* 1/(1 + d1/(1 + d2/...)); NaN if it does not settle. Fast only for x below the mean. */
static long double beta_fraction(long double x, long double a, long double b)
{
    struct fraction f = {.value = 1, .above = 1};

    fraction_step(&f, odd_numerator(0, x, a, b));
    for (long m = 1; m < fraction_steps_max; m++) {
        fraction_step(&f, even_numerator(m, x, a, b));
        fraction_step(&f, odd_numerator(m, x, a, b));
        if (fabsl(f.change - 1) <= 8 * LDBL_EPSILON)
            return 1 / f.value;
    }
    return NAN;
}

/* The part of the distribution on the side of x; @y is 1 - x, @log_b is ln B(a, b). */
static long double beta_side(long double x, long double y, long double a, long double b,
                             long double log_b)
{
    long double front = a * logl(x) + b * logl(y) - log_b;

    return expl(front) / a * beta_fraction(x, a, b);
}

/* stats_beta_cdf() once ln B is known and x lies strictly between 0 and 1. */
static long double beta_inside(long double x, long double a, long double b, long double log_b)
{
    if (x <= (a + 1) / (a + b + 2))
        return beta_side(x, 1 - x, a, b, log_b);
    return 1 - beta_side(1 - x, x, b, a, log_b);
}

double stats_beta_cdf(double x, double a, double b)
{
    if (isnan(x) || !shape_ok(a) || !shape_ok(b))
        return NAN;
    if (x <= 0)
        return 0;
    if (x >= 1)
        return 1;
    return (double)beta_inside(x, a, b, stats_log_beta(a, b));
}

double stats_beta_quantile(double p, double a, double b)
{
    long double log_b = stats_log_beta(a, b);
    double low = 0, high = 1, middle = 0.5;

    if (!(p >= 0 && p <= 1) || isnan(log_b))
        return NAN;
    if (p == 0 || p == 1)
        return p;
    while (middle > low && middle < high) {
        long double reached = beta_inside(middle, a, b, log_b);

        if (isnan(reached))
            return NAN;
        if (reached < p)
            low = middle;
        else
            high = middle;
        middle = low + (high - low) / 2;
    }
    return high;
}
