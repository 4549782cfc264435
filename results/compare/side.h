/*
 * side.h: a run as it is compared; for results/compare alone.
 */
#ifndef RESULTS_COMPARE_SIDE_H
#define RESULTS_COMPARE_SIDE_H

#include <results/compare/compare.h>
#include <results/store/store.h>

/** struct side_cell - cells of one target, injector and mode; those named alike added up.
 * @row: the first of them. @unit: place among all cells compared, set by compare_runs(). */
struct side_cell {
    const struct store_cell *row;
    struct compare_counts counts;
    uint32_t histogram[ABI_HISTOGRAM];
    size_t unit;
};

/** struct side_signature - a signature in one cell; severity the worst of it there. @at: cell. */
struct side_signature {
    char *signature, *slug, *replay;
    enum stop_severity severity;
    size_t at;
    uint64_t cycles, verdicts, first_cycle;
    int64_t cell, finding;
};

/** struct side_leak - the worst series of a kind. */
struct side_leak {
    size_t at;
    char *kind;
    struct stats_leak leak;
};

struct side_note {
    char *key, *value;
};

struct side {
    char *path;
    long long started; /* for the order; 0: not known */
    struct side_note *note;
    size_t notes, note_room;
    struct store_cell *rows;
    size_t row_count;
    size_t *cell_of; /* by row: its cell */
    struct side_cell *cell;
    size_t cells;
    struct side_signature *signature;
    size_t signatures, signature_room;
    struct side_leak *leak;
    size_t leaks, leak_room;
    char *trouble;
    uint64_t cycles;
};

/** side_read() - reads a run; side_free() after a failure too. @leaks: its series too. */
int side_read(struct side *side, const char *path, bool leaks, struct error *e);
void side_free(struct side *side);

/** side_note() - what the run has under a key, NULL if nothing. */
const char *side_note(const struct side *side, const char *key);

/** side_weight() - of a severity: a note least, a finding most. */
int side_weight(enum stop_severity severity);

int side_no_memory(struct error *e);

/** struct history - runs in the order in which they began. @left_out: lines; owned. */
struct history {
    struct side *side;
    size_t sides, room;
    char *left_out;
};

/**
 * history_read() - the runs below @directory that began before @new did.
 *
 * Left out, with a line each: @new itself, later ones, those of other options, those that cannot
 * be read. Entries that hold no run are passed over.
 */
int history_read(struct history *history, const char *directory, const struct side *new,
                 struct error *e);
void history_free(struct history *history);

#endif
