/*
 * deadline: the waiting time of last resort, from what clean runs took so far.
 *
 * Pure but for sorting the caller's array. It takes no clock and proves nothing.
 */
#include <results/stats/deadline.h>

#include <harness/error.h>

#include <math.h>
#include <stdlib.h>

static bool duration_ok(double seconds)
{
    return seconds >= 0 && isfinite(seconds);
}

static bool durations_ok(const double *durations_s, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!duration_ok(durations_s[i]))
            return false;
    return true;
}

static int ascending(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;

    return (a > b) - (a < b);
}

/* In whole numbers, since 0.95 * count may round to the wrong side of one. */
static double quantile_95(double *durations_s, size_t count)
{
    size_t rank = count - count / 20;

    qsort(durations_s, count, sizeof *durations_s, ascending);
    return durations_s[rank - 1];
}

static double clamp_deadline(double seconds)
{
    return fmin(STATS_DEADLINE_MAX_S, fmax(STATS_DEADLINE_MIN_S, seconds));
}

int stats_deadline(double *durations_s, size_t count, double override_s, struct stats_deadline *out)
{
    struct stats_deadline d = {.deadline_s = STATS_DEADLINE_MAX_S, .overridden = override_s > 0};

    if (!durations_ok(durations_s, count) || !duration_ok(override_s))
        return ERROR_RANGE;
    d.learned = count >= STATS_DEADLINE_LEAST_RUNS;
    if (d.learned) {
        d.q95_s = quantile_95(durations_s, count);
        d.deadline_s = clamp_deadline(STATS_DEADLINE_FACTOR * d.q95_s);
    }
    if (d.q95_s * STATS_DEADLINE_FACTOR > STATS_DEADLINE_MAX_S)
        d.factor_left = STATS_DEADLINE_MAX_S / d.q95_s;
    if (d.overridden)
        d.deadline_s = override_s;
    *out = d;
    return 0;
}
