/*
 * report.h: from the store to somebody's eyes.
 *
 * One file in results/report/ is one format: junit.c defines
 *     const struct report_format report_format_junit
 * A format reads the store alone, so every report can be written again at any later time.
 */
#ifndef HARNESS_REPORT_H
#define HARNESS_REPORT_H

#include <stdbool.h>
#include <stdio.h>

#include <harness/error.h>

struct store;

/**
 * struct report_options - how it should look.
 * @colour: ANSI colours. @columns: width for text formats. @finding: only that one (0: all).
 * @verbose: every finding in full, not one per signature.
 */
struct report_options {
    bool colour;
    unsigned columns;
    long finding;
    bool verbose;
};

/**
 * struct report_format - one entry of the registry.
 * @file: name in the run's directory that `rundown run` writes at its end, or NULL.
 * @write: 0 or an error code. @out stays open.
 */
struct report_format {
    const char *name;
    const char *summary;
    const char *file;
    int (*write)(struct store *store, FILE *out, const struct report_options *options,
                 struct error *e);
};

/** Every format, sorted by file name, NULL at the end. Generated. */
extern const struct report_format *const report_format_registry[];

#endif
