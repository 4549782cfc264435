/*
 * discovery: the Benjamini-Hochberg step-up over tonight's cells.
 *
 * Pure, in the caller's arrays. A signature never seen before is reported whatever p says;
 * that is the report's business, not decided here.
 */
#include <results/stats/discovery.h>

#include <harness/error.h>

#include <math.h>
#include <stdlib.h>

/* Ascending by p; equal ones by index, so that the order is the same everywhere. */
static int by_p(const void *left, const void *right, void *values)
{
    size_t i = *(const size_t *)left, j = *(const size_t *)right;
    const double *p = values;

    if (p[i] != p[j])
        return p[i] < p[j] ? -1 : 1;
    return i < j ? -1 : i > j;
}

static bool all_shares(const double *p, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!(p[i] >= 0 && p[i] <= 1))
            return false;
    return true;
}

int stats_benjamini_hochberg(const double *p, size_t count, size_t *order, double *adjusted)
{
    double least = 1;

    if (!all_shares(p, count))
        return ERROR_RANGE;
    if (count == 0)
        return 0;
    for (size_t i = 0; i < count; i++)
        order[i] = i;
    qsort_r(order, count, sizeof *order, by_p, (void *)p);
    for (size_t rank = count; rank > 0; rank--) {
        size_t i = order[rank - 1];

        least = fmin(least, (double)count * p[i] / (double)rank);
        adjusted[i] = least;
    }
    return 0;
}

bool stats_alarm(double adjusted)
{
    return adjusted <= 0.10;
}
