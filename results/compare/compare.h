/*
 * compare.h: one run against another, or against a history of runs: what is new, gone, worse.
 *
 * Everything is decided in compare_runs(); text and JSON only say it. docs/compare.md tells users
 * what is promised.
 */
#ifndef RESULTS_COMPARE_COMPARE_H
#define RESULTS_COMPARE_COMPARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <harness/error.h>
#include <harness/stop_code.h>
#include <results/stats/leak.h>
#include <results/stats/night.h>

/**
 * struct compare_options - what to compare.
 * @old: directory of a run, or NULL. @history: directory of directories of runs, or NULL; one of
 * the two. @new: directory of a run. @slower: a cell whose median cycle takes at least so many
 * times as long is worse; 0: speed is no alarm.
 */
struct compare_options {
    const char *old;
    const char *history;
    const char *new;
    double slower;
};

/** struct compare_difference - a key of both runs, its values; NULL where one does not know. */
struct compare_difference {
    char *key, *old, *new;
};

/** enum compare_change - of whatever is compared. */
enum compare_change { COMPARE_SAME, COMPARE_NEW, COMPARE_GONE, COMPARE_WORSE, COMPARE_BETTER };

/**
 * struct compare_signature - a signature that is new, gone or changed.
 * @before, @now: cycles that show it, in cells where it was ever seen; @before_runs, @now_runs:
 * cycles of those cells that count. @cells: in which it is now. @more_cells: ... and was not
 * before.
 * @chance: GONE: that it would not show if nothing had changed. @rare: that is above 5 %.
 * @old_severity: what it weighed. @cell, @cycle, @finding, @replay: the first cycle that shows it,
 * of NEW, or for GONE of the latest run that did. @target, @injector: of that cell.
 */
struct compare_signature {
    enum compare_change change;
    char *signature, *slug, *replay;
    const char *target, *injector;
    enum stop_severity severity, old_severity;
    uint64_t before, before_runs, now, now_runs, cells, more_cells, verdicts;
    double chance;
    bool rare;
    int64_t cell, finding;
    uint64_t cycle;
};

/** struct compare_counts - of one cell in one run, or in several. */
struct compare_counts {
    uint64_t runs; /* of rundown that have the cell */
    uint64_t cycles, counted, findings, broken, skipped, not_fired;
};

/**
 * struct compare_speed - medians of durations in microseconds. @known: of both.
 * @ratio: new / old; @low, @high: between which it lies as far as the counts tell (95 % each).
 * @relative: ratio less what all cells have in common. @change: beyond doubt, and beyond what past
 * nights scatter.
 */
struct compare_speed {
    bool known;
    double old, new, ratio, low, high, relative;
    enum compare_change change;
};

/**
 * struct compare_cell - a cell of either side.
 * @in_old, @in_new. @p, @adjusted: chance of so many findings or more (history), or of such a
 * difference (two runs); NaN: none. @learning: fewer than 10 nights. @expected: rate by the past.
 * @p_fewer, @adjusted_fewer: the same of so many or fewer, with a history.
 * @change: of its rate, after adjusting. @fired_p, @fired: the same of injections that did not
 * fire, by Fisher's test.
 */
struct compare_cell {
    const char *target, *injector, *mode;
    bool in_old, in_new, learning;
    struct compare_counts old, new;
    int nights;
    double expected, p, adjusted, p_fewer, adjusted_fewer, fired_p;
    enum compare_change change, fired;
    struct compare_speed speed;
    const char *new_state;
};

/** struct compare_leak - the worst series of a kind of a cell, in both runs. @known_old,
 * @known_new: there is one. @apart: slope intervals that do not overlap. */
struct compare_leak {
    const char *target, *injector;
    char *kind;
    bool known_old, known_new, apart;
    struct stats_leak old, new;
    enum compare_change change;
};

/** struct compare_run - one side. @started: as noted, or "". @trouble: why it cannot be trusted,
 * or NULL. */
struct compare_run {
    char *path, *started, *trouble;
    bool ended;
    uint64_t cycles;
    size_t cells;
};

/** struct comparison - all of it. @old: the run before; of a history, the latest. @earlier: runs of
 * the history, the latest included; @left_out: lines on those that were not taken. @tested: cells
 * with a p. @common: by what all cells are slower. */
struct comparison {
    bool is_history;
    struct compare_run old, new;
    size_t earlier;
    char *left_out;
    struct compare_difference *difference;
    size_t differences;
    struct compare_signature *signature;
    size_t signatures;
    struct compare_cell *cell;
    size_t cells;
    struct compare_leak *leak;
    size_t leaks;
    size_t tested, learning, tested_fired;
    double common, slower;
    void *sides; /* what the const texts above lie in */
};

/**
 * compare_runs() - reads and judges; compare_free() after a failure too.
 *
 * Besides the store's codes: ERROR_USAGE for a history without a run that can be compared.
 */
int compare_runs(const struct compare_options *options, struct comparison *out, struct error *e);
void compare_free(struct comparison *comparison);

/** struct compare_sums - how many are worse, of each kind. */
struct compare_sums {
    size_t new_findings, raised, rates, leaks, slower;
};

/** compare_worse() - counts what is worse; true if anything is. */
bool compare_worse(const struct comparison *comparison, struct compare_sums *sums);

/** compare_untrusted() - NULL, or why a run cannot be trusted. */
const char *compare_untrusted(const struct comparison *comparison);

/** compare_text() - for people. @columns: 0 for no limit. @all: cells that did not change too. */
void compare_text(const struct comparison *comparison, FILE *out, unsigned columns, bool all);

/** compare_json() - docs/compare.schema.json. */
void compare_json(const struct comparison *comparison, FILE *out);

/** compare_change_name() - "new", "gone", "worse" ... */
const char *compare_change_name(enum compare_change change);

#endif
