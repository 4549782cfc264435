/*
 * merge.h: several runs become one.
 *
 * The merged run is a run like any other: whoever reads it need not know. Cells of the same
 * target, injector and mode add up; the cycles of one follow those of the other under new
 * numbers, and the store keeps which seed and cycle each was (store_ranges()). Replay lines stay
 * what they were. No statistic is averaged: there is none in a store, only counts and series.
 */
#ifndef RESULTS_MERGE_MERGE_H
#define RESULTS_MERGE_MERGE_H

#include <signal.h>
#include <stddef.h>
#include <stdint.h>

#include <harness/error.h>

/**
 * struct merge_options - what is to be done.
 * @out: directory that is not there yet, or is empty. @in: directories of runs, merged ones too.
 * @command: to be noted in the merged run. @stop: asked between steps; may be NULL.
 */
struct merge_options {
    const char *out;
    char *const *in;
    size_t count;
    const char *command;
    const volatile sig_atomic_t *stop;
};

/**
 * struct merge_summary - what came of it.
 * @differences: keys ("kernel", "build.prog" ...) whose values differ among the runs, parted by
 *     ", "; "" if none does.
 */
struct merge_summary {
    size_t runs, cells;
    uint64_t cycles, findings;
    char differences[400];
};

/**
 * merge_runs() - reads all, then makes @out in one step.
 *
 * It is made beside its place, in OUT.merge-XXXXXX, and renamed once it is whole; that is removed
 * after any failure. Besides the store's codes: ERROR_USAGE (@out is there; runs of different
 * options), ERROR_RANGE (cycles that would count twice: names both runs), ERROR_CORRUPT (a run
 * contradicts itself), ERROR_BUSY (a run goes on meanwhile), ERROR_INTERRUPTED (@stop).
 */
int merge_runs(const struct merge_options *options, struct merge_summary *summary, struct error *e);

#endif
