/*
 * leak.h: does a series of samples, one per lap after quiesce, leak?
 *
 * The verdict is honest about what it cannot see: a short series is TOO-SHORT, growth that
 * may yet stop is SUSPECT, and a CLEAN one says the smallest leak it would have found.
 *
 * A series ends at its first missing sample: the caller passes the samples before it and
 * never interpolates. mallinfo2's uordblks counts cached free chunks and must not come here.
 */
#ifndef RESULTS_STATS_LEAK_H
#define RESULTS_STATS_LEAK_H

#include <results/stats/trend.h>

#include <stdbool.h>
#include <stddef.h>

/** Samples beyond +-this are refused. */
#define STATS_LEAK_SAMPLE_MAX (1LL << 60)

/** Where the samples come from; the nearer to the truth, the sooner a LEAK is believed. */
enum stats_leak_kind {
    STATS_LEAK_EXACT, /* the agent's own counts for the process */
    STATS_LEAK_SITE,  /* live bytes or blocks of one call site */
    STATS_LEAK_OTHER, /* RSS and all else */
};

enum stats_leak_verdict {
    STATS_LEAK_REFUSED,   /* a sample is no number we accept */
    STATS_LEAK_TOO_SHORT, /* fewer than 25 samples */
    STATS_LEAK_CLEAN,
    STATS_LEAK_SUSPECT,
    STATS_LEAK_FOUND, /* spelled LEAK */
};

/** What the judged window looks like; NONE without a verdict on it. */
enum stats_leak_class {
    STATS_LEAK_NONE,
    STATS_LEAK_FLAT,
    STATS_LEAK_NO_TREND,
    STATS_LEAK_STEPPED,
    STATS_LEAK_SLOWING,
    STATS_LEAK_RISING,
    STATS_LEAK_RETURNED,
};

/**
 * struct stats_leak - a verdict and what a report prints beside it.
 * @cycles: samples judged.
 * @refused_at: index of the first sample refused; only with REFUSED.
 *
 * The rest only from CLEAN on; before that, 0 or NaN:
 * @floors: blocks of the window that class, slope and p belong to: the late half from 105
 *     samples on, before that everything after the warm-up.
 * @slope: growth per lap in the unit of the samples.
 * @chance: exact p of that window's S.
 * @growth: last floor less first floor of that window.
 * @quiet: laps since the last block of the whole series (warm-up left out) whose floor
 *     exceeded all before it: "no new floor for so many cycles".
 * @early_slope: slope of the window before @floors; NaN below 105 samples.
 */
struct stats_leak {
    enum stats_leak_verdict verdict;
    enum stats_leak_class class;
    size_t cycles, refused_at;
    struct stats_floors floors;
    struct stats_slope slope;
    struct stats_trend_chance chance;
    long long growth;
    size_t quiet;
    double early_slope;
};

/**
 * struct stats_leak_smallest - the smallest leak that this run could have seen.
 * @per_lap: in the unit of the samples: "even odds @per_lap, likely 3 times that". 0 for none.
 * @needs: with 0, the samples it would have taken, or 0 when length is not the reason (the
 *     verdict is not CLEAN, or the series moves too much).
 */
struct stats_leak_smallest {
    double per_lap;
    size_t needs;
};

/**
 * struct stats_leak_trail - what became of the verdicts of one growing series. Zero to begin.
 * @last, @last_at: the verdict that stands, and its samples.
 * @leak_at: samples of the latest LEAK; 0 if there was none.
 * @withdrawn_at: samples at which that LEAK was first not confirmed; 0 while it stands.
 */
struct stats_leak_trail {
    enum stats_leak_verdict last;
    size_t last_at, leak_at, withdrawn_at;
};

/**
 * stats_leak_sample() - turn a number read from somewhere into a sample.
 * Returns 0, or ERROR_RANGE for NaN, infinity, a fraction, or beyond
 * STATS_LEAK_SAMPLE_MAX (@sample untouched).
 */
int stats_leak_sample(double value, long long *sample);

/**
 * stats_leak_judge() - judge a series.
 * @samples: one per lap, each within +-STATS_LEAK_SAMPLE_MAX. NULL if @count is 0.
 * @kind: how far the samples can be trusted.
 *
 * Returns 0, or ERROR_RANGE with the verdict REFUSED and @refused_at set. Pure; linear time.
 * Judge when stats_leak_due() says so and at the end, never at every lap: a test repeated
 * at every lap finds what it looks for. From 105 to 424 samples LEAK reads "over N cycles".
 */
int stats_leak_judge(const long long *samples, size_t count, enum stats_leak_kind kind,
                     struct stats_leak *out);

/**
 * stats_leak_smallest() - how small a leak would still have been called LEAK?
 * @quantum: of the series: 1 for counts, 8 for live bytes, the page for RSS; 1 .. 2^38.
 *
 * Adds ever smaller leaks to a CLEAN series until the verdict is not LEAK any more; some
 * hundred judgements. Returns 0, or ERROR_RANGE (a sample or the quantum; @out untouched).
 */
int stats_leak_smallest(const long long *samples, size_t count, enum stats_leak_kind kind,
                        long long quantum, struct stats_leak_smallest *out);

/** stats_leak_due() - is a series of @count samples to be judged now? At 25, 105, 425, 1705, 6825
 * ... */
bool stats_leak_due(size_t count);

/** stats_leak_follow() - enter a verdict into the trail. The last one stands. */
void stats_leak_follow(struct stats_leak_trail *trail, const struct stats_leak *verdict);

/**
 * stats_leak_exhaustion() - when will the limit be reached?
 * @room: limit less the last sample, in the unit of the samples; below 0 counts as 0. Where no
 *     limit is known there is nothing to ask.
 * @low, @high: printed interval of the slope. @lap_s: median seconds of a lap, 0 or more.
 * @soonest_s, @latest_s: seconds; INFINITY is "never".
 *
 * Returns 0, or ERROR_RANGE (NaN, low > high, negative or infinite time; results
 * untouched). Pure.
 */
int stats_leak_exhaustion(double room, double low, double high, double lap_s, double *soonest_s,
                          double *latest_s);

/** The spelling users read: "LEAK", "no-trend", "exact"; "-" for NONE; never NULL. */
const char *stats_leak_verdict_name(enum stats_leak_verdict verdict);
const char *stats_leak_class_name(enum stats_leak_class class);
const char *stats_leak_kind_name(enum stats_leak_kind kind);

#endif
