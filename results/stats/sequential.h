/*
 * sequential.h: may a night stop early? Evidence that stays valid however often one looks.
 */
#ifndef RESULTS_STATS_SEQUENTIAL_H
#define RESULTS_STATS_SEQUENTIAL_H

#include <stdbool.h>

/** Which claim about the rate the evidence is gathered for. */
enum stats_claim {
    STATS_WORSE,  /* the rate is above p0 */
    STATS_BETTER, /* the rate is below p0 */
};

/**
 * stats_e_process() - ln of the e-value against "the rate is p0", after some runs.
 * @failures: 0 .. @runs. @runs: 0 gives 0 (e is 1).
 * @p0: inside (0, 1); one per cell, fixed before the night.
 * @ln_e: natural logarithm; finite.
 *
 * The e-value is a mixture of likelihood ratios for odds 2, 4, 8 and 16 times those of p0
 * (worse), or 0, 1/8, 1/4 and 1/2 times (better). Returns 0, or ERROR_RANGE (counts, NaN,
 * p0, claim); then @ln_e is untouched. Pure.
 * Source: J. Ville, Etude critique de la notion de collectif (1939); A. Ramdas, P. Grunwald,
 * V. Vovk, G. Shafer, Statistical Science 38 (2023), 576-601.
 */
int stats_e_process(enum stats_claim claim, long long failures, long long runs, double p0,
                    double *ln_e);

/**
 * stats_e_stops() - may the cell stop with its claim proved? True from e = 20 on.
 *
 * Stopping at the first true errs in at most 5 % of nights, by Ville's inequality. From
 * then on Wilson is for display only and no Clopper-Pearson promise may be printed.
 */
bool stats_e_stops(double ln_e);

#endif
