/*
 * escape.h: text from a target, made harmless for where it is going.
 *
 * A target can print anything: escape sequences, markup, quotes, bytes that are no text. What
 * cannot stand as it is becomes visible, "\x1b" for a byte and "\u202e" for a character, so the
 * reader sees that there was something. All of these write to a stream and report nothing:
 * whoever owns the stream asks ferror() at its end.
 */
#ifndef RESULTS_TEXT_ESCAPE_H
#define RESULTS_TEXT_ESCAPE_H

#include <stddef.h>
#include <stdio.h>

/**
 * escape_terminal() - for a terminal or a log: no control characters and no overriding of
 * the direction. A tab becomes a blank, other controls are made visible, newlines too.
 */
void escape_terminal(FILE *out, const void *bytes, size_t length);

/** escape_terminal_copy() - the same as a string, which the caller frees; NULL without memory. */
char *escape_terminal_copy(const void *bytes, size_t length);

/**
 * escape_json() - the inside of a JSON string: always valid UTF-8, never a NUL. Bad bytes and
 * NUL become the four characters \xNN.
 */
void escape_json(FILE *out, const void *bytes, size_t length);

/**
 * escape_xml() - character data or a quoted attribute of XML 1.0, and of HTML. Characters that
 * XML forbids are made visible. In an attribute (@attribute != 0) line ends become references,
 * else a parser would turn them into blanks.
 */
void escape_xml(FILE *out, const void *bytes, size_t length, int attribute);

/** escape_csv() - one field of RFC 4180, in quotes where it needs them. Bad bytes as in JSON. */
void escape_csv(FILE *out, const char *text);

/**
 * escape_shell() - one word for a POSIX shell, in single quotes; text with control characters
 * or bad bytes in the form $'...' of bash, zsh and POSIX 2024.
 */
void escape_shell(FILE *out, const char *text);

/** escape_base64() - RFC 4648, with padding, no line ends. */
void escape_base64(FILE *out, const void *bytes, size_t length);

#endif
