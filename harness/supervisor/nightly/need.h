/*
 * need.h: which cell gets the next batch of a night.
 *
 * First what is new or changed since the last night, and planted faults that were not found yet,
 * these with two thirds of the time; then every cell has its floor, targets taking turns in an
 * order drawn from the seed; then the cell where one more second, a start of its target included,
 * is likeliest to show a signature never seen in it: the upper end of Good and Turing's estimate
 * over the mean cost of a cycle. Planted cells keep a tenth of the time to the end, so that their
 * rates are known, too. Time is that of the jobs, starts and dry cycles included; no clock is
 * read here but for the disk. Source: statistics as in results/stats/novelty.h.
 */
#ifndef SUPERVISOR_NIGHTLY_NEED_H
#define SUPERVISOR_NIGHTLY_NEED_H

#include <harness/supervisor/run/run.h>

#include "nights.h"

struct need_cell;
struct need_target;

/**
 * struct need - the policy's context.
 * @history: of the nights before; may be NULL. Owned by the caller.
 * @disk_bytes: the run's directory may have so many, 0: no limit.
 * The rest is the policy's; need_close() frees it.
 */
struct need {
    const struct nights *history;
    uint64_t disk_bytes;
    double floor_s;
    double turn_s;  /* of one target, while its cells are below their floor */
    double least_s; /* used by the target of those that had least */
    struct need_cell *cell;
    struct need_target *target;
    size_t cells;
    size_t fresh; /* cells that are new or changed */
    bool full;    /* it ended since the disk's limit was reached */
    uint64_t looked_ns;
};

extern const struct run_policy need_policy;

void need_close(struct need *need);

#endif
