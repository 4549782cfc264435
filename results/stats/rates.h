/*
 * rates.h: what x failures in n runs say about the rate of failure.
 *
 * Wilson's interval is for the eye; only Clopper-Pearson and the zero-failure bound may
 * be printed as a promise, and only where the number of runs was fixed beforehand (see
 * sequential.h for runs that stop early).
 */
#ifndef RESULTS_STATS_RATES_H
#define RESULTS_STATS_RATES_H

/** The normal quantile behind every 95 % two-sided interval here. */
#define STATS_Z95 1.959963984540054

/** How the risk of a Clopper-Pearson interval is spread over its ends. */
enum stats_sides {
    STATS_ONE_SIDED = 1, /* each end by itself holds with the confidence: all promises */
    STATS_TWO_SIDED = 2, /* both ends together hold with the confidence */
};

/**
 * stats_wilson() - 95 % interval of a failure rate, for display.
 * @failures: 0 .. @runs.
 * @runs: 0 gives [0, 1], to be printed as "no runs".
 * @low, @high: shares in [0, 1]; exactly 0 and 1 at the ends.
 *
 * Returns 0, or ERROR_RANGE (negative, or failures > runs); then @low and @high are
 * untouched. Pure.
 * Source: E. B. Wilson, JASA 22 (1927), 209-212.
 */
int stats_wilson(long long failures, long long runs, double *low, double *high);

/**
 * stats_clopper_pearson() - interval of a failure rate that holds whatever the rate is.
 * @failures, @runs: as stats_wilson().
 * @confidence: share inside (0, 1), such as 0.95.
 * @sides: STATS_ONE_SIDED for promises.
 * @low, @high: shares in [0, 1].
 *
 * Returns 0, or ERROR_RANGE as stats_wilson(), or for a @confidence or @sides outside its
 * range (NaN too). Not valid for a number of runs chosen by looking at the results. Pure.
 * Source: C. J. Clopper, E. S. Pearson, Biometrika 26 (1934), 404-413.
 */
int stats_clopper_pearson(long long failures, long long runs, double confidence,
                          enum stats_sides sides, double *low, double *high);

/**
 * stats_zero_bound() - rate below which we are, with 95 % confidence, after clean runs only.
 * @runs: clean runs, 0 or more; 0 gives 1.
 * @bound: 1 - 0.05^(1/runs).
 *
 * Returns 0 or ERROR_RANGE (negative @runs; @bound untouched). Pure.
 * Source: J. A. Hanley, A. Lippman-Hand, JAMA 249 (1983), 1743-1745.
 */
int stats_zero_bound(long long runs, double *bound);

/**
 * stats_zero_runs() - clean runs after which stats_zero_bound() is at most @rate.
 * @rate: inside (0, 1]; 0.05 needs 59, 0.01 needs 299, 0.001 needs 2995.
 * @runs: at least 1.
 *
 * Returns 0 or ERROR_RANGE (@rate outside or NaN, or more than 2^53 runs). Pure.
 */
int stats_zero_runs(double rate, long long *runs);

#endif
