/*
 * sequential: the e-process behind early stopping.
 *
 * Pure functions. The four alternatives and their weights are part of the test: changing
 * one after a night has begun makes its result worthless, so they are constants here.
 */
#include <results/stats/sequential.h>

#include <harness/error.h>

#include <math.h>

enum { ALTERNATIVES = 4 };

/* An alternative multiplies the odds of p0 by @factor and holds @weight of the stake. */
struct alternative {
    double factor, weight;
};

static const struct alternative worse[ALTERNATIVES] = {
    {2, 1. / 4}, {4, 1. / 4}, {8, 1. / 4}, {16, 1. / 4}};
static const struct alternative better[ALTERNATIVES] = {
    {0, 1. / 2}, {1. / 8, 1. / 6}, {1. / 4, 1. / 6}, {1. / 2, 1. / 6}};

/*
 * ln of weight * (q/p0)^x * ((1-q)/(1-p0))^(n-x). With q = m p0/(1 - p0 + m p0) both
 * quotients share that denominator, so it is m^x / (1 + (m-1) p0)^n and nothing cancels.
 */
static double log_term(const struct alternative *a, double x, double n, double p0)
{
    double won = a->factor > 0 ? x * log(a->factor) : x > 0 ? -INFINITY : 0;

    return log(a->weight) + won - n * log1p((a->factor - 1) * p0);
}

static double log_sum_exp(const double *v, int count)
{
    double top = v[0], sum = 0;

    for (int i = 1; i < count; i++)
        top = fmax(top, v[i]);
    for (int i = 0; i < count; i++)
        sum += exp(v[i] - top);
    return top + log(sum);
}

int stats_e_process(enum stats_claim claim, long long failures, long long runs, double p0,
                    double *ln_e)
{
    const struct alternative *alternatives = claim == STATS_WORSE ? worse : better;
    double terms[ALTERNATIVES];

    if (claim != STATS_WORSE && claim != STATS_BETTER)
        return ERROR_RANGE;
    if (failures < 0 || failures > runs || !(p0 > 0 && p0 < 1))
        return ERROR_RANGE;
    for (int i = 0; i < ALTERNATIVES; i++)
        terms[i] = log_term(&alternatives[i], (double)failures, (double)runs, p0);
    *ln_e = runs == 0 ? 0 : log_sum_exp(terms, ALTERNATIVES);
    return 0;
}

bool stats_e_stops(double ln_e)
{
    return ln_e >= log(20);
}
