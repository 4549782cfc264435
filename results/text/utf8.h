/*
 * utf8.h: reading text that somebody else wrote.
 */
#ifndef RESULTS_TEXT_UTF8_H
#define RESULTS_TEXT_UTF8_H

#include <stddef.h>
#include <stdint.h>

/** What utf8_next() gives for a byte that is no part of a well-formed sequence. */
#define UTF8_BAD UINT32_MAX

/**
 * utf8_next() - the character at the start of some bytes.
 * @length: at least 1.
 * @character: a Unicode scalar value, or UTF8_BAD.
 *
 * Returns the bytes that it takes, 1 for a bad one. Overlong forms, surrogates and what is
 * above U+10FFFF are bad. Pure.
 * Source: The Unicode Standard 15.0, table 3-7.
 */
size_t utf8_next(const void *bytes, size_t length, uint32_t *character);

/** utf8_valid() - 1 if all of the bytes are well-formed. */
int utf8_valid(const void *bytes, size_t length);

/** utf8_columns() - characters, a bad byte counting as one: columns on most terminals. */
size_t utf8_columns(const void *bytes, size_t length);

#endif
