/*
 * wrap.h: long lines broken at blanks, for text reports.
 */
#ifndef RESULTS_TEXT_WRAP_H
#define RESULTS_TEXT_WRAP_H

#include <stddef.h>
#include <stdio.h>

/**
 * wrap_line() - writes one line and a newline, broken where it is longer than @columns.
 * @indent: blanks before its first part. @hang: blanks before the others, besides those that
 *          @text itself begins with.
 * @text: UTF-8 without control characters (see escape_terminal_copy()).
 * @columns: 0 for no limit. A word that is longer stands on a line of its own, unbroken.
 */
void wrap_line(FILE *out, unsigned indent, unsigned hang, const char *text, unsigned columns);

/**
 * wrap_text() - bytes from anywhere, line by line: escape_terminal(), then wrap_line().
 * A newline at the end does not make an empty line.
 */
void wrap_text(FILE *out, unsigned indent, unsigned hang, const void *bytes, size_t length,
               unsigned columns);

#endif
