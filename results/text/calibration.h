/*
 * calibration.h: what became of the faults that a night planted, from the store alone.
 *
 * A fault counts as found when every code that its workload's entry declares was seen in its
 * cell. One that a night had no time for, and that was not found in the few cycles which it got, is
 * neither found nor missed. Clean twins are cells in which every finding is a false alarm.
 */
#ifndef RESULTS_TEXT_CALIBRATION_H
#define RESULTS_TEXT_CALIBRATION_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <harness/error.h>
#include <results/store/store.h>

enum { CALIBRATION_CODES = 256, CALIBRATION_LEAST = 60 /* cycles, for a fault to be missed */ };

/**
 * struct calibration_cell - one planted cell.
 * @codes: as declared. @missing: those of them that were not seen, "" if none.
 * @seen: for a clean twin the codes that are false alarms; else every code, both by blanks.
 * @hits: cycles with the declared code that came least often; for a clean twin false alarms.
 * @first: the cycle in which the last of the declared codes was first seen; if found.
 * @counted: cycles that count: neither broken nor without their injection. @low, @high: Wilson
 *           interval of @hits in @counted.
 */
struct calibration_cell {
    const struct store_cell *cell;
    bool bad;
    bool found;
    bool cut;   /* time was over before anything could be said */
    bool unrun; /* it could not be run: @cell->state says why */
    char *codes;
    char missing[CALIBRATION_CODES];
    char seen[CALIBRATION_CODES];
    uint64_t hits;
    uint64_t first;
    uint64_t counted;
    double low;
    double high;
};

/**
 * struct calibration - all of them. @faults, @found: cells with a fault; @cut: more of them, for
 * which there was no time. @unrun: cells of either kind that could not be run. @low, @high: 95 %
 * Wilson interval of the share found. @twins, @twin_cycles, @alarms: clean twins, their cycles that
 * count, and those of them with a finding.
 */
struct calibration {
    struct store_cell *row;
    size_t rows;
    struct calibration_cell *cell;
    size_t cells;
    size_t faults;
    size_t found;
    size_t cut;
    size_t unrun;
    double low;
    double high;
    size_t twins;
    uint64_t twin_cycles;
    uint64_t alarms;
};

/** calibration_read() - of a run; no cells where nothing was planted. calibration_free() it. */
int calibration_read(struct store *store, struct calibration *out, struct error *e);
void calibration_free(struct calibration *calibration);

/** calibration_passed() - faults were planted, each that was tried was found, and what was to be
 * run could be. */
bool calibration_passed(const struct calibration *calibration);

/** calibration_write() - some lines of text: sensitivity, time to find, false alarms. */
void calibration_write(const struct calibration *calibration, FILE *out);

/**
 * calibration_table() - a line of tab-separated fields for each cell, and one of their names first.
 * Text is as it is in the workloads' entries: it has no tabs.
 */
void calibration_table(const struct calibration *calibration, FILE *out);

/**
 * calibration_means() - a code is among those that one declared word means. @choice: "a|b", with
 * @length bytes; "hang" means every code that explains a hang, "leak.trend" each of its kinds.
 */
bool calibration_means(const char *choice, size_t length, const char *code);

/**
 * calibration_missing() - the words of @codes that none of @seen meets, by blanks.
 * @seen: codes parted by blanks. Returns how many.
 */
unsigned calibration_missing(const char *codes, const char *seen, char out[CALIBRATION_CODES]);

#endif
