/*
 * night.h: did this cell fail more often tonight than its own past explains?
 *
 * Past nights of one cell scatter more than a coin would. The beta-binomial takes that
 * scatter in; what one cell cannot show of it is lent by all cells together (the pool).
 */
#ifndef RESULTS_STATS_NIGHT_H
#define RESULTS_STATS_NIGHT_H

#include <stdbool.h>
#include <stddef.h>

enum {
    STATS_NIGHTS_LEAST = 10, /* fewer with runs: "learning", no p */
    STATS_NIGHTS_MOST = 30,  /* older ones are forgotten */
};

/** struct stats_night - one night of one cell: 0 <= failures <= runs. */
struct stats_night {
    long long failures, runs;
};

/**
 * struct stats_past - what the last 30 nights with runs say about one cell.
 * @nights: how many there were, 0 .. 30.
 * @failures, @runs: their sums.
 * @scatter_num, @scatter_den: this cell's share in the pool; their quotient estimates the
 *     correlation of runs within a night. Both 0 when the cell cannot tell.
 * @dispersion: how many times wider than binomial the nights scatter; 1 if it cannot tell.
 */
struct stats_past {
    int nights;
    long long failures, runs;
    double scatter_num, scatter_den, dispersion;
};

/**
 * struct stats_tonight - tonight's answer for one cell.
 * @learning: true when the past is too short; the rest is then 0.
 * @correlation: of two runs within one night, as used; share.
 * @a, @b: shapes of the beta-binomial that predicts tonight.
 * @p: chance of at least tonight's failures if nothing changed; share.
 */
struct stats_tonight {
    bool learning;
    double correlation, a, b, p;
};

/**
 * stats_past() - sum up the past nights of one cell.
 * @nights: oldest first, tonight left out; nights without runs are skipped. May be NULL if
 *     @count is 0.
 *
 * Returns 0, or ERROR_RANGE for counts that contradict each other (@past untouched). Pure.
 * Source: D. A. Williams, Applied Statistics 31 (1982), 144-148.
 */
int stats_past(const struct stats_night *nights, size_t count, struct stats_past *past);

/**
 * stats_pool() - correlation within a night that all cells together show.
 * @cells: every cell with a past. Those still learning are passed over: a few nights scatter by
 *     chance alone.
 *
 * Returns a share in [0, 0.5]; 0 when nobody can tell. Pure.
 */
double stats_pool(const struct stats_past *cells, size_t count);

/**
 * stats_tonight() - judge tonight against the past.
 * @pool: from stats_pool(), in [0, 0.5].
 * @tonight: 0 <= failures <= runs.
 *
 * Returns 0, or ERROR_RANGE (@out untouched). Takes time in proportion to tonight's runs.
 */
int stats_tonight(const struct stats_past *past, double pool, struct stats_night tonight,
                  struct stats_tonight *out);

/**
 * stats_beta_binomial_tail() - chance of at least @least failures in @runs.
 * @least, @runs: 0 or more; 0 gives 1, more than @runs gives 0.
 * @a, @b: shapes, above 0 and finite.
 * @p: share in [0, 1].
 *
 * Returns 0, or ERROR_RANGE (@p untouched). Pure.
 * Source: J. G. Skellam, JRSS B 10 (1948), 257-261.
 */
int stats_beta_binomial_tail(long long least, long long runs, double a, double b, double *p);

#endif
