/*
 * night: the beta-binomial that compares tonight with the nights before.
 *
 * Pure functions over counts: no store, no dates, no allocation. Which nights belong to a
 * cell, and that they are comparable at all, is for the caller to know.
 */
#include <results/stats/night.h>

#include <harness/error.h>
#include <results/stats/special.h>

#include <math.h>

static const double correlation_max = 0.5;

/* Counts up to here are exact in a double, and thirty of them fit a sum. */
static const long long runs_max = 1LL << 53;

static bool night_ok(struct stats_night night)
{
    return night.failures >= 0 && night.failures <= night.runs && night.runs <= runs_max;
}

static bool nights_ok(const struct stats_night *nights, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!night_ok(nights[i]))
            return false;
    return true;
}

/* Index from which on at most 30 nights have runs. */
static size_t first_remembered(const struct stats_night *nights, size_t count)
{
    int seen = 0;

    while (count > 0 && seen < STATS_NIGHTS_MOST)
        seen += nights[--count].runs > 0;
    return count;
}

/* Pearson's chi-square of the nights around the common rate @p, inside (0, 1). */
static double chi_square(const struct stats_night *nights, size_t count, double p)
{
    double sum = 0;

    for (size_t i = 0; i < count; i++) {
        double n = (double)nights[i].runs, off = (double)nights[i].failures - n * p;

        if (nights[i].runs > 0)
            sum += off * off / (n * p * (1 - p));
    }
    return sum;
}

static double sum_of_squares(const struct stats_night *nights, size_t count)
{
    double sum = 0;

    for (size_t i = 0; i < count; i++)
        sum += (double)nights[i].runs * (double)nights[i].runs;
    return sum;
}

static void measure_scatter(const struct stats_night *nights, size_t count, struct stats_past *past)
{
    double n = (double)past->runs, q, typical, free = past->nights - 1;

    if (past->nights < 2 || past->failures == 0 || past->failures == past->runs)
        return;
    q = chi_square(nights, count, (double)past->failures / n);
    typical = (n - sum_of_squares(nights, count) / n) / free;
    past->scatter_num = q - free;
    past->scatter_den = free * (typical - 1);
    past->dispersion = q / free;
}

int stats_past(const struct stats_night *nights, size_t count, struct stats_past *past)
{
    struct stats_past sum = {.dispersion = 1};
    size_t first;

    if (!nights_ok(nights, count))
        return ERROR_RANGE;
    first = first_remembered(nights, count);
    for (size_t i = first; i < count; i++) {
        sum.nights += nights[i].runs > 0;
        sum.failures += nights[i].failures;
        sum.runs += nights[i].runs;
    }
    if (sum.nights > 0)
        measure_scatter(nights + first, count - first, &sum);
    *past = sum;
    return 0;
}

static double clamped_quotient(double num, double den)
{
    return den > 0 ? fmin(correlation_max, fmax(0, num / den)) : 0;
}

double stats_pool(const struct stats_past *cells, size_t count)
{
    double num = 0, den = 0;

    for (size_t i = 0; i < count; i++) {
        if (cells[i].nights < STATS_NIGHTS_LEAST)
            continue;
        num += cells[i].scatter_num;
        den += cells[i].scatter_den;
    }
    return clamped_quotient(num, den);
}

/* The beta-binomial that predicts a night: rate from the past, tempered by its scatter. */
static void predict(const struct stats_past *past, double pool, struct stats_tonight *out)
{
    double own = clamped_quotient(past->scatter_num, past->scatter_den);
    double rho = fmax(pool, own), n = (double)past->runs, x = (double)past->failures;
    double worth = fmax(fmax(1, past->dispersion), 1 + rho * (n / past->nights - 1));
    double a0 = 0.5 + x / worth, b0 = 0.5 + (n - x) / worth;
    double mean = a0 / (a0 + b0), total_rho = rho + (1 - rho) / (a0 + b0 + 1);
    double size = 1 / total_rho - 1;

    out->correlation = rho;
    out->a = mean * size;
    out->b = (1 - mean) * size;
}

int stats_tonight(const struct stats_past *past, double pool, struct stats_night tonight,
                  struct stats_tonight *out)
{
    struct stats_tonight result = {.learning = past->nights < STATS_NIGHTS_LEAST};

    if (!night_ok(tonight) || !(pool >= 0 && pool <= correlation_max))
        return ERROR_RANGE;
    if (!result.learning) {
        int code;

        predict(past, pool, &result);
        code =
            stats_beta_binomial_tail(tonight.failures, tonight.runs, result.a, result.b, &result.p);
        if (code != 0)
            return code;
    }
    *out = result;
    return 0;
}

/* ln P(Y = k) for k failures in n. */
static long double log_mass(long double k, long double n, long double a, long double b)
{
    return -logl(n + 1) - stats_log_beta(k + 1, n - k + 1) + stats_log_beta(a + k, b + n - k) -
           stats_log_beta(a, b);
}

/*
 * Sums from @least upwards, each mass from the one before it, in units of the first. Only
 * where that one lies below every number, far left of all that is likely, does the sum
 * reach infinity; the caller's clamp then makes it the 1 which it is.
 */
static long double tail_sum(long long least, long long runs, long double a, long double b)
{
    long double mass = 1, sum = 1;

    for (long long k = least; k < runs; k++) {
        mass *= (long double)(runs - k) / (k + 1) * ((a + k) / (b + (runs - k - 1)));
        sum += mass;
    }
    return expl(log_mass(least, runs, a, b) + logl(sum));
}

int stats_beta_binomial_tail(long long least, long long runs, double a, double b, double *p)
{
    if (least < 0 || runs < 0)
        return ERROR_RANGE;
    if (!(a > 0 && isfinite(a) && b > 0 && isfinite(b)))
        return ERROR_RANGE;
    if (least == 0 || least > runs)
        *p = least == 0;
    else
        *p = fmin(1, (double)tail_sum(least, runs, a, b));
    return 0;
}
