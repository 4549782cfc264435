/*
 * speeds: medians of cycles' durations, and how much of a difference may be believed.
 *
 * A machine's speed may change severalfold within a minute, and does so for all cells. So what all
 * cells have in common is told once, and a cell is called slower only for what is left beyond the
 * uncertainty of both medians and, with a history, beyond all past nights.
 */
#include <results/compare/units.h>

#include <results/stats/rates.h>
#include <results/store/latency.h>

#include <math.h>
#include <stdlib.h>

enum { COMMON_FROM = 3 }; /* cells, below which nothing can be told apart */

/* struct middle - a median and the interval in which it surely lies, in microseconds. */
struct middle {
    double median, low, high;
};

static double count_of(const uint32_t histogram[ABI_HISTOGRAM])
{
    double count = 0;

    for (int i = 0; i < ABI_HISTOGRAM; i++)
        count += histogram[i];
    return count;
}

/* Order statistics around the median, each with the whole width of its bucket. */
static bool find_middle(const struct side_cell *cell, struct middle *middle)
{
    double n = count_of(cell->histogram), spread = STATS_Z95 / (2 * sqrt(n));
    double bucket = exp2(1.0 / 8);
    struct latency median, low, high;

    if (n < 1 || latency_quantile(cell->histogram, 0.5, &median) != 0 || median.below ||
        median.above)
        return false;
    latency_quantile(cell->histogram, fmax(0.5 - spread - 1 / n, 1e-12), &low);
    latency_quantile(cell->histogram, fmin(0.5 + spread + 1 / n, 1), &high);
    *middle =
        (struct middle){median.microseconds, low.microseconds / bucket, high.microseconds * bucket};
    return true;
}

static int by_size(const void *a, const void *b)
{
    double one = *(const double *)a, other = *(const double *)b;

    return one < other ? -1 : one > other;
}

static double middle_of(double *values, size_t count)
{
    qsort(values, count, sizeof *values, by_size);
    return count % 2 != 0 ? values[count / 2] : sqrt(values[count / 2 - 1] * values[count / 2]);
}

/* All of the last nights: their middle, and from the fastest to the slowest. */
static bool find_past(const struct compare_work *work, size_t unit, struct middle *past)
{
    double medians[STATS_NIGHTS_MOST];
    size_t count = 0;

    for (size_t i = work->earlier_count; i > 0 && count < STATS_NIGHTS_MOST; i--) {
        const struct side_cell *cell = compare_find(&work->earlier[i - 1], unit);
        struct middle one;

        if (cell == NULL || !find_middle(cell, &one))
            continue;
        past->low = count == 0 ? one.low : fmin(past->low, one.low);
        past->high = count == 0 ? one.high : fmax(past->high, one.high);
        medians[count++] = one.median;
    }
    if (count > 0)
        past->median = middle_of(medians, count);
    return count > 0;
}

static void compare_one(struct compare_cell *cell, const struct compare_work *work, size_t unit)
{
    const struct side_cell *now = compare_find(&work->new, unit);
    struct compare_speed *speed = &cell->speed;
    struct middle old, new;

    if (now == NULL || !find_middle(now, &new) || !find_past(work, unit, &old))
        return;
    *speed = (struct compare_speed){.known = true,
                                    .old = old.median,
                                    .new = new.median,
                                    .ratio = new.median / old.median,
                                    .low = new.low / old.high,
                                    .high = new.high / old.low};
}

static void judge(struct comparison *comparison)
{
    for (size_t i = 0; i < comparison->cells; i++) {
        struct compare_speed *speed = &comparison->cell[i].speed;

        if (!speed->known)
            continue;
        speed->relative = speed->ratio / comparison->common;
        if (speed->low / comparison->common > 1)
            speed->change = COMPARE_WORSE;
        else if (speed->high / comparison->common < 1)
            speed->change = COMPARE_BETTER;
    }
}

int compare_speeds(struct comparison *comparison, const struct compare_work *work, struct error *e)
{
    double *ratios = calloc(comparison->cells + 1, sizeof *ratios);
    size_t known = 0;

    if (ratios == NULL)
        return side_no_memory(e);
    for (size_t i = 0; i < comparison->cells; i++) {
        compare_one(&comparison->cell[i], work, i);
        if (comparison->cell[i].speed.known)
            ratios[known++] = comparison->cell[i].speed.ratio;
    }
    comparison->common = known >= COMMON_FROM ? middle_of(ratios, known) : 1;
    free(ratios);
    judge(comparison);
    return 0;
}
