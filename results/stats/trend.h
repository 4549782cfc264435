/*
 * trend.h: do the floors of a window rise, and how fast?
 *
 * A window of samples is cut into 5 or 10 blocks; the least sample of a block is its
 * floor. Everything here looks at floors alone: peaks are what a program does for a
 * living, a rising floor is what it never gives back.
 */
#ifndef RESULTS_STATS_TREND_H
#define RESULTS_STATS_TREND_H

#include <stddef.h>
#include <stdint.h>

enum {
    STATS_BLOCKS_MIN = 5,
    STATS_BLOCKS_MAX = 10,
};

/**
 * struct stats_floors - a window cut into blocks.
 * @blocks: STATS_BLOCKS_MIN .. STATS_BLOCKS_MAX.
 * @start: sample index at which each block starts; start[blocks] ends the last one. Ascending.
 * @low: the floors; the difference of any two must fit a long long.
 */
struct stats_floors {
    int blocks;
    size_t start[STATS_BLOCKS_MAX + 1];
    long long low[STATS_BLOCKS_MAX];
};

/**
 * struct stats_trend_limits - exact limits for so many blocks.
 * @s_01: smallest S whose one-sided chance without trend is at most 0.01.
 * @s_025: the same for 0.025, which fixes the ranks below.
 * @rank_low, @rank_high: ranks, from 1, of the ascending pair slopes that bound Sen's interval.
 * @t_975: 97.5 % quantile of Student's t with blocks - 2 degrees of freedom.
 */
struct stats_trend_limits {
    int s_01, s_025, rank_low, rank_high;
    double t_975;
};

/**
 * struct stats_slope - growth per sample of the series, in its unit.
 * @slope: Theil-Sen, the median of all pair slopes.
 * @sen_low, @sen_high: Sen's 95 % interval; too narrow for leaks at random times (it covers 60 %).
 * @low, @high: hull of Sen's interval and the one of the increments (93 % and more): print this.
 */
struct stats_slope {
    double slope, sen_low, sen_high, low, high;
};

/**
 * struct stats_trend_chance - exact one-sided chance of S or more if no order were preferred.
 * @favourable, @total: orders of these floors, ties counted once. @p: their quotient.
 */
struct stats_trend_chance {
    uint64_t favourable, total;
    double p;
};

/**
 * stats_trend_limits() - limits for @blocks; NULL outside MIN .. MAX. Never to be freed.
 * Source: M. G. Kendall, Biometrika 30 (1938), 81-93; P. K. Sen, JASA 63 (1968), 1379-1389.
 */
const struct stats_trend_limits *stats_trend_limits(int blocks);

/**
 * stats_trend_s() - Mann and Kendall's S: pairs of floors that rise less pairs that fall.
 * Source: H. B. Mann, Econometrica 13 (1945), 245-259.
 */
int stats_trend_s(const struct stats_floors *floors);

/**
 * stats_trend_slope() - slope and intervals.
 * @floors: a window with blocks in MIN .. MAX (anything else is our bug: assert).
 *
 * Pure. Source: H. Theil, Proc. KNAW 53 (1950), 386-392, 521-525, 1397-1412; P. K. Sen, JASA 63
 * (1968), 1379-1389; the increment interval is Student's.
 */
struct stats_slope stats_trend_slope(const struct stats_floors *floors);

/**
 * stats_trend_chance() - exact p of stats_trend_s(), aware of ties. For display only.
 *
 * All floors equal: p is 1. Pure.
 * Source: P. A. MacMahon, American Journal of Mathematics 35 (1913), 281-322: inversions of the
 * permutations of a multiset are counted by the q-multinomial coefficient.
 */
struct stats_trend_chance stats_trend_chance(const struct stats_floors *floors);

#endif
