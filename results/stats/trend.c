/*
 * trend: Mann-Kendall and Theil-Sen over at most ten floors.
 *
 * Pure arithmetic on a small struct: no series, no verdicts, no allocation. Signs are
 * taken on integers, so no rounding can turn a tie into a trend.
 */
#include <results/stats/trend.h>

#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

enum {
    PAIRS_MAX = STATS_BLOCKS_MAX * (STATS_BLOCKS_MAX - 1) / 2,
};

/* By blocks, from STATS_BLOCKS_MIN. */
static const struct stats_trend_limits limits[] = {
    {10, 10, 1, 10, 3.182446305284263},  {13, 13, 2, 14, 2.7764451051977987},
    {17, 15, 4, 18, 2.570581835636314},  {20, 18, 6, 23, 2.4469118511449692},
    {24, 20, 9, 28, 2.3646242510102993}, {27, 23, 12, 34, 2.306004135204166},
};

const struct stats_trend_limits *stats_trend_limits(int blocks)
{
    bool known = blocks >= STATS_BLOCKS_MIN && blocks <= STATS_BLOCKS_MAX;

    return known ? &limits[blocks - STATS_BLOCKS_MIN] : NULL;
}

int stats_trend_s(const struct stats_floors *floors)
{
    int s = 0;

    for (int j = 1; j < floors->blocks; j++)
        for (int i = 0; i < j; i++)
            s += (floors->low[j] > floors->low[i]) - (floors->low[j] < floors->low[i]);
    return s;
}

static double pair_slope(const struct stats_floors *f, int i, int j)
{
    return (double)(f->low[j] - f->low[i]) / (double)(f->start[j] - f->start[i]);
}

static int ascending(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;

    return (a > b) - (a < b);
}

static int sorted_pair_slopes(const struct stats_floors *f, double *slopes)
{
    int pairs = 0;

    for (int j = 1; j < f->blocks; j++)
        for (int i = 0; i < j; i++)
            slopes[pairs++] = pair_slope(f, i, j);
    qsort(slopes, pairs, sizeof *slopes, ascending);
    return pairs;
}

static double median(const double *sorted, int count)
{
    int half = count / 2;

    return count % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

/* Mean growth from block to block and how far it may be off. */
struct increments {
    double mean, off;
};

static struct increments increments_of(const struct stats_floors *f, double t)
{
    int count = f->blocks - 1;
    double sum = 0, squares = 0, mean;

    for (int i = 0; i < count; i++)
        sum += pair_slope(f, i, i + 1);
    mean = sum / count;
    for (int i = 0; i < count; i++) {
        double d = pair_slope(f, i, i + 1) - mean;

        squares += d * d;
    }
    return (struct increments){mean, t * sqrt(squares / (count - 1)) / sqrt(count)};
}

struct stats_slope stats_trend_slope(const struct stats_floors *floors)
{
    const struct stats_trend_limits *limit = stats_trend_limits(floors->blocks);
    double slopes[PAIRS_MAX];
    struct stats_slope out;
    struct increments step;
    int pairs;

    assert(limit != NULL);
    pairs = sorted_pair_slopes(floors, slopes);
    out.slope = median(slopes, pairs);
    out.sen_low = slopes[limit->rank_low - 1];
    out.sen_high = slopes[limit->rank_high - 1];
    step = increments_of(floors, limit->t_975);
    out.low = fmin(out.sen_low, step.mean - step.off);
    out.high = fmax(out.sen_high, step.mean + step.off);
    return out;
}

/* Orders by their number of inversions: a polynomial in q, integer coefficients. */
struct inversions {
    int64_t orders[PAIRS_MAX + 1];
};

static void times_one_minus_q(struct inversions *poly, int power)
{
    for (int k = PAIRS_MAX; k >= power; k--)
        poly->orders[k] -= poly->orders[k - power];
}

static void over_one_minus_q(struct inversions *poly, int power)
{
    for (int k = power; k <= PAIRS_MAX; k++)
        poly->orders[k] += poly->orders[k - power];
}

/* Merges @group equal floors into @placed others: times the Gaussian binomial of the two. */
static void merge_group(struct inversions *poly, int placed, int group)
{
    for (int i = 1; i <= group; i++) {
        times_one_minus_q(poly, placed + i);
        over_one_minus_q(poly, i);
    }
}

/* Size of the tie group that floor @i opens; 0 if an earlier floor has opened it. */
static int group_size(const struct stats_floors *f, int i)
{
    int size = 0;

    for (int j = 0; j < f->blocks; j++) {
        if (f->low[j] != f->low[i])
            continue;
        if (j < i)
            return 0;
        size++;
    }
    return size;
}

struct stats_trend_chance stats_trend_chance(const struct stats_floors *floors)
{
    struct inversions poly = {{1}};
    struct stats_trend_chance out = {0};
    int placed = 0, comparable = 0, allowed;

    assert(stats_trend_limits(floors->blocks) != NULL);
    for (int i = 0; i < floors->blocks; i++) {
        int group = group_size(floors, i);

        merge_group(&poly, placed, group);
        comparable += placed * group;
        placed += group;
    }
    allowed = (comparable - stats_trend_s(floors)) / 2;
    for (int k = 0; k <= comparable; k++) {
        out.total += poly.orders[k];
        out.favourable += k <= allowed ? poly.orders[k] : 0;
    }
    out.p = (double)out.favourable / (double)out.total;
    return out;
}
