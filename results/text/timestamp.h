/*
 * timestamp.h: times as a run notes them.
 */
#ifndef RESULTS_TEXT_TIMESTAMP_H
#define RESULTS_TEXT_TIMESTAMP_H

#include <stdbool.h>

/**
 * timestamp_read() - "2024-05-06T07:08:09Z", or with "+0200" in place of the Z.
 * @seconds: since 1970, UTC.
 *
 * Returns false for any other form; then @seconds is untouched. Pure.
 */
bool timestamp_read(const char *text, long long *seconds);

#endif
