/*
 * deadline.h: how long to wait where a hang cannot be proved.
 *
 * The last resort. A target that is proved quiescent is a hang at once, without this.
 */
#ifndef RESULTS_STATS_DEADLINE_H
#define RESULTS_STATS_DEADLINE_H

#include <stdbool.h>
#include <stddef.h>

enum {
    STATS_DEADLINE_LEAST_RUNS = 20, /* fewer clean durations: wait STATS_DEADLINE_MAX_S */
    STATS_DEADLINE_FACTOR = 20,     /* times the 95 % quantile */
    STATS_DEADLINE_MIN_S = 120,
    STATS_DEADLINE_MAX_S = 1800,
    STATS_DEADLINE_CONFIRM = 3, /* a rerun at so many deadlines makes the note a finding */
};

/**
 * struct stats_deadline - how long to wait, and what that rests on.
 * @deadline_s: seconds.
 * @overridden: the deadline was given, not computed.
 * @learned: there were enough clean durations; @q95_s is 0 otherwise.
 * @q95_s: the duration that 95 % of clean runs did not exceed, seconds.
 * @factor_left: only when @q95_s is above 90 s: how many times @q95_s the largest deadline
 *     is (below the usual 20, so the report prints it); 0 otherwise.
 */
struct stats_deadline {
    double deadline_s;
    bool overridden, learned;
    double q95_s, factor_left;
};

/**
 * stats_deadline() - deadline of a cell from its past clean durations.
 * @durations_s: seconds, each finite and not negative. SORTED IN PLACE. NULL if @count is 0.
 * @override_s: 0, or the deadline that the user or the workload demands, in seconds.
 *
 * Returns 0, or ERROR_RANGE (nothing sorted, @out untouched). The C library's sort may
 * allocate for long lists. Clean runs beyond 20 * q95 are rare but real (2e-5 of lognormal
 * ones with sigma 1, 1e-3 of Pareto 1.5 ones), hence the confirmation.
 */
int stats_deadline(double *durations_s, size_t count, double override_s,
                   struct stats_deadline *out);

#endif
