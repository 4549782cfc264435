/*
 * json.h: writes one JSON value to a stream, member by member.
 *
 * Only commas and quotes are taken care of; who writes an object must also end it. Errors of
 * the stream are the caller's to find at its end, by ferror().
 */
#ifndef RESULTS_TEXT_JSON_H
#define RESULTS_TEXT_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/** struct json - a value being written. Begin with {.out = stream}. */
struct json {
    FILE *out;
    bool comma; /* something stands before, at this level */
};

/* @name: the member's; NULL for an element of an array. */

void json_open_object(struct json *json, const char *name);
void json_close_object(struct json *json);
void json_open_array(struct json *json, const char *name);
void json_close_array(struct json *json);

/** json_bytes() - a string of any bytes; see escape_json(). */
void json_bytes(struct json *json, const char *name, const void *bytes, size_t length);
void json_text(struct json *json, const char *name, const char *text);
void json_unsigned(struct json *json, const char *name, uint64_t number);
void json_signed(struct json *json, const char *name, int64_t number);
/** json_real() - nine digits; null for what is no number. */
void json_real(struct json *json, const char *name, double number);
/** json_hash() - "0x1f..", a string: numbers above 2^53 do not survive every reader. */
void json_hash(struct json *json, const char *name, uint64_t hash);
void json_null(struct json *json, const char *name);
/** json_lines() - an array with one string per line. No lines for "". */
void json_lines(struct json *json, const char *name, const char *text);

#endif
