/*
 * plan.h: what a merged run will hold, decided before anything is written; for results/merge
 * alone.
 */
#ifndef RESULTS_MERGE_PLAN_H
#define RESULTS_MERGE_PLAN_H

#include <results/merge/merge.h>
#include <results/store/store.h>

#include <stdbool.h>

enum { MERGE_VALUES = 8 };

/** struct merge_cell - a cell to be. @row: owned; @row.id once it is stored. @nth: among cells of
 * one run that are named alike, from 0. @next: cycles that are in it already. */
struct merge_cell {
    struct store_cell row;
    unsigned nth;
    bool states_differ, profiles_differ;
    uint64_t next;
};

/** struct merge_input - a run. @to: by its cells in order, the merged cell. @next: their cycles. */
struct merge_input {
    const char *path;
    size_t *to;
    uint64_t *next;
    size_t cells;
};

/** struct merge_value - a key and its different values, the first of them kept. */
struct merge_value {
    char *key;
    char *value[MERGE_VALUES];
    size_t kept, different, seen;
    long long first_time, last_time; /* where they are times */
};

/** struct merge_span - cycles of one seed. */
struct merge_span {
    size_t cell, input;
    uint64_t seed, first, count;
};

struct merge_plan {
    struct merge_input *input;
    size_t inputs, parts;
    struct merge_cell *cell;
    size_t cells, cell_room;
    struct merge_value *value;
    size_t values, value_room;
    struct merge_span *span;
    size_t spans, span_room;
};

/** merge_plan() - reads what there is to merge; merge_plan_free() after a failure too. */
int merge_plan(const struct merge_options *options, struct merge_plan *plan, struct error *e);
void merge_plan_free(struct merge_plan *plan);

/** merge_value() - what is known under @key, NULL if nothing is. */
const struct merge_value *merge_value(const struct merge_plan *plan, const char *key);

/** merge_is_plain() - a run with a seed of its own, not merged from others. */
int merge_is_plain(struct store *store, bool *plain, struct error *e);

/** merge_seed() - of a run that is plain; ERROR_CORRUPT if it has none. */
int merge_seed(struct store *store, const char *path, uint64_t *seed, struct error *e);

/** merge_no_memory() - the error, and its code. */
int merge_no_memory(struct error *e);

#endif
