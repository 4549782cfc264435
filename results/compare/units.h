/*
 * units.h: steps of compare_runs(), one file each; for results/compare alone.
 */
#ifndef RESULTS_COMPARE_UNITS_H
#define RESULTS_COMPARE_UNITS_H

#include <results/compare/compare.h>
#include <results/compare/side.h>

enum { COMPARE_NO_UNIT = -1 };

/** struct compare_work - what the steps share. @earlier: runs before, oldest first, the last of
 * them @old. */
struct compare_work {
    struct side new, old_full;
    struct history history;
    struct side *earlier;
    size_t earlier_count;
};

/** Cells of both sides; sets side_cell.unit of all runs. */
int compare_units(struct comparison *comparison, struct compare_work *work, struct error *e);
int compare_rates(struct comparison *comparison, const struct compare_work *work, struct error *e);
int compare_speeds(struct comparison *comparison, const struct compare_work *work, struct error *e);
int compare_signatures(struct comparison *comparison, const struct compare_work *work,
                       struct error *e);
int compare_leaks(struct comparison *comparison, const struct compare_work *work, struct error *e);
int compare_differences(struct comparison *comparison, const struct compare_work *work,
                        struct error *e);

/** compare_find() - the cell of a run that is this unit, or NULL. */
const struct side_cell *compare_find(const struct side *side, size_t unit);

#endif
