/*
 * novelty.h: how likely is it that the next run shows something never seen before?
 */
#ifndef RESULTS_STATS_NOVELTY_H
#define RESULTS_STATS_NOVELTY_H

#include <stdbool.h>
#include <stddef.h>

/**
 * struct stats_novelty - chance that the next run shows a new signature.
 * @known: false when there were no runs; the rest is then 0.
 * @runs: the runs counted.
 * @estimate, @low, @high: shares in [0, 1], 95 %. With no signature seen just once,
 *     estimate and low are 0 and high is the zero-failure bound.
 */
struct stats_novelty {
    bool known;
    long long runs;
    double estimate, low, high;
};

/**
 * stats_novelty() - Good and Turing's estimate.
 * @counts: for each signature the runs that showed it (each run counts once, by its first
 *     signature, and "clean" is a signature); 0 entries are ignored. May be NULL if @length is 0.
 *
 * Returns 0, or ERROR_RANGE for a negative count or a sum above 2^53 (@out untouched). Pure.
 * Source: I. J. Good, Biometrika 40 (1953), 237-264; W. W. Esty, Annals of Statistics 11
 * (1983), 905-912, for the interval.
 */
int stats_novelty(const long long *counts, size_t length, struct stats_novelty *out);

#endif
