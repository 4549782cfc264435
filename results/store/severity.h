/*
 * severity.h: the words for severities, in the store and in every report.
 */
#ifndef RESULTS_STORE_SEVERITY_H
#define RESULTS_STORE_SEVERITY_H

#include <stdbool.h>

#include <harness/stop_code.h>

/** severity_name() - "note", "finding" or "harness"; NULL for what is none. */
const char *severity_name(enum stop_severity severity);

/** severity_find() - the severity of a word; false if it is none, then @out is untouched. */
bool severity_find(const char *name, enum stop_severity *out);

#endif
