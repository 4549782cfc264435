/*
 * rates: intervals for x failures in n runs.
 *
 * Pure functions of counts: no state, no allocation, no printing. What cannot be answered
 * is refused and leaves the results untouched, so no half-set interval reaches a report.
 */
#include <results/stats/rates.h>

#include <harness/error.h>
#include <results/stats/special.h>

#include <math.h>
#include <stdbool.h>

/* The risk that every 95 % promise takes. */
static const double risk = 0.05;

static bool counts_ok(long long failures, long long runs)
{
    return failures >= 0 && failures <= runs;
}

int stats_wilson(long long failures, long long runs, double *low, double *high)
{
    double n = (double)runs, p, z2n, centre, half;

    if (!counts_ok(failures, runs))
        return ERROR_RANGE;
    *low = 0;
    *high = 1;
    if (runs == 0)
        return 0;
    p = (double)failures / n;
    z2n = STATS_Z95 * STATS_Z95 / n;
    centre = (p + z2n / 2) / (1 + z2n);
    half = STATS_Z95 / (1 + z2n) * sqrt(p * (1 - p) / n + z2n / (4 * n));
    if (failures > 0)
        *low = fmax(0, centre - half);
    if (failures < runs)
        *high = fmin(1, centre + half);
    return 0;
}

int stats_clopper_pearson(long long failures, long long runs, double confidence,
                          enum stats_sides sides, double *low, double *high)
{
    double alpha = (1 - confidence) / sides, x = (double)failures, n = (double)runs;
    double bottom = 0, top = 1;

    if (!counts_ok(failures, runs) || !(confidence > 0 && confidence < 1))
        return ERROR_RANGE;
    if (sides != STATS_ONE_SIDED && sides != STATS_TWO_SIDED)
        return ERROR_RANGE;
    if (failures > 0)
        bottom = stats_beta_quantile(alpha, x, n - x + 1);
    if (failures < runs)
        top = stats_beta_quantile(1 - alpha, x + 1, n - x);
    if (isnan(bottom) || isnan(top))
        return ERROR_RANGE;
    *low = bottom;
    *high = top;
    return 0;
}

int stats_zero_bound(long long runs, double *bound)
{
    if (runs < 0)
        return ERROR_RANGE;
    *bound = runs == 0 ? 1 : -expm1(log(risk) / (double)runs);
    return 0;
}

int stats_zero_runs(double rate, long long *runs)
{
    double needed;

    if (!(rate > 0 && rate <= 1))
        return ERROR_RANGE;
    /* The small step back keeps a rate that is itself a bound from asking one run more. */
    needed = rate == 1 ? 1 : fmax(1, ceil(log(risk) / log1p(-rate) - 1e-9));
    if (needed > 0x1p53)
        return ERROR_RANGE;
    *runs = (long long)needed;
    return 0;
}
