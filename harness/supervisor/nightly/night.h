/*
 * night.h: what one night runs: its cells, its budgets, what is known already, its reports.
 *
 * Filled from the defaults, then from the configuration, then from the command line.
 */
#ifndef SUPERVISOR_NIGHTLY_NIGHT_H
#define SUPERVISOR_NIGHTLY_NIGHT_H

#include <harness/supervisor/run/run.h>

#include "known.h"

enum { NIGHT_WITHOUT = 32, NIGHT_PLANT = 64, NIGHT_OUTPUTS = 16, NIGHT_CYCLES_PLANTED = 2000 };

/** struct night_output - @format: a report's name. @file: below the run's directory, or absolute.
 */
struct night_output {
    const char *format;
    char *file;
};

/**
 * struct night - owned by the caller; night_free().
 * @seconds: 0: by cycles. @planted_cycles: at most in a planted cell. @history: directory of run
 * directories. @nice: added to our niceness. @plant: workloads ("W" or "W,variant=V") whose
 * variants alone are planted, none: all.
 */
struct night {
    struct target **target;
    unsigned targets;
    struct run_injection **injection;
    size_t injections;
    struct run_planted **planted;
    size_t planted_count;
    struct run_wish *wish;
    size_t wishes;
    double seconds;
    uint64_t cycles;
    uint64_t planted_cycles;
    uint64_t confirm;
    uint64_t seed;
    bool have_seed;
    unsigned jobs;
    int nice;
    uint64_t memory_bytes;
    uint64_t disk_bytes;
    bool core_limited;
    uint64_t core_bytes;
    bool no_trace;
    bool trace;
    unsigned traces;
    double deadline_s;
    char *history;
    const char *without[NIGHT_WITHOUT + 1];
    unsigned withouts;
    const char *plant[NIGHT_PLANT + 1];
    unsigned plants;
    struct known_list known;
    struct night_output output[NIGHT_OUTPUTS];
    unsigned outputs;
    const char *libdir;
};

/** night_target() - takes @target over; it is freed with the night. ERROR_MEMORY frees it. */
int night_target(struct night *night, struct target *target, struct error *e);

/**
 * night_cells() - one more cell for each of these injections, and `none`.
 * @injections: texts of --inject, NULL at the end; NULL: all that apply.
 */
int night_cells(struct night *night, struct target *target, const char *const *injections,
                struct error *e);

/** night_workloads() - every shipped workload of this machine, under @injections as above. */
int night_workloads(struct night *night, const char *const *injections, struct error *e);

/** night_plant() - cells for the known faults and their clean twins; @night->plant says which. */
int night_plant(struct night *night, struct error *e);

/** night_options() - the run that this is. @directory: of its results. Points into @night. */
void night_options(const struct night *night, const char *directory, struct run_options *options);

void night_free(struct night *night);

#endif
