/*
 * report_nowhere.h: what a fuzzer does with a post-mortem that it has read. All static inline.
 */
#ifndef TESTS_FUZZ_REPORT_NOWHERE_H
#define TESTS_FUZZ_REPORT_NOWHERE_H

#include <harness/supervisor/postmortem/postmortem.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

/**
 * report_nowhere() - all reports, written where nobody reads them; glibc's stdout is a variable.
 *
 * Not thread-safe. The sink stays open.
 */
static inline void report_nowhere(const struct postmortem *all)
{
    static FILE *sink;
    FILE *usual = stdout;

    if (sink == NULL && (sink = fopen("/dev/null", "we")) == NULL)
        abort();
    stdout = sink;
    postmortem_text(all, true, 80);
    postmortem_text(all, false, 0);
    postmortem_json(all);
    stdout = usual;
}

#endif
