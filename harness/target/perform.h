/*
 * perform.h: one cycle of a workload, from words to an exit status. For the runner of shipped
 * workloads and of shared objects, and for programs that have their own workload linked in.
 */
#ifndef HARNESS_TARGET_PERFORM_H
#define HARNESS_TARGET_PERFORM_H

#include <stdbool.h>

#include <harness/workload.h>

/* Exit statuses, beside 0: nothing broke. */
enum { PERFORM_BROKEN = 1, PERFORM_USAGE = 2, PERFORM_SETUP = 3, PERFORM_SKIPPED = 77 };

/**
 * struct perform_words - what shapes the cycle.
 * @word, @count: NAME=VALUE. @folder: of modules, NULL: "modules" beside the program.
 * @shipped: setup returns codes of error.h.
 */
struct perform_words {
    char **word;
    int count;
    const char *folder;
    bool shipped;
};

/**
 * perform() - reads the words, and runs set-up, laps, check and teardown; one thread at a time.
 * Returns the process's exit status. What is wrong is said in one line on stderr.
 */
int perform(const struct workload *workload, const struct perform_words *words);

/** perform_prepare() - the first part of it: the words and set-up. Returns 0 or a status. */
int perform_prepare(const struct workload *workload, const struct perform_words *words);

/** perform_refuse() - "PROGRAM: " and a printf format on stderr; returns PERFORM_USAGE. */
int perform_refuse(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
