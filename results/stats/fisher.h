/*
 * fisher.h: two runs and nothing else: did the rate of failure change?
 */
#ifndef RESULTS_STATS_FISHER_H
#define RESULTS_STATS_FISHER_H

/**
 * struct stats_fisher - chances, if both have one rate and all failures could be in either.
 * @two_sided: of a split at most as likely as the one seen. @lower, @upper: of at most, and of at
 *     least, as many failures in the second. Shares in [0, 1].
 */
struct stats_fisher {
    double two_sided, lower, upper;
};

/**
 * stats_fisher() - Fisher's exact test of @failures1 of @runs1 against @failures2 of @runs2.
 *
 * Exact for runs that are independent of each other. Where nights scatter by themselves it says
 * "changed" too often: only a history of nights (night.h) knows that. Returns 0, or ERROR_RANGE
 * (negative, failures > runs, runs above 2^53; @out untouched). Time grows with the root of the
 * number of failures. Pure.
 * Source: R. A. Fisher, JRSS 98 (1935), 39-82; two-sided as in R's fisher.test, with its
 * allowance of 1e-7 for splits that are equally likely.
 */
int stats_fisher(long long failures1, long long runs1, long long failures2, long long runs2,
                 struct stats_fisher *out);

#endif
