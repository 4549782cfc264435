/*
 * stream.h: did everything that a report wrote arrive?
 */
#ifndef RESULTS_TEXT_STREAM_H
#define RESULTS_TEXT_STREAM_H

#include <stdio.h>

#include <harness/error.h>

/** stream_check() - flushes; ERROR_FULL or ERROR_SYSTEM if anything was lost. @out stays open. */
int stream_check(FILE *out, struct error *e);

#endif
