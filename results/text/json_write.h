/*
 * json_write.h: writes one JSON value to a stream, member by member.
 *
 * Only commas and quotes are taken care of; who writes an object must also end it. Errors of
 * the stream are the caller's to find at its end, by ferror().
 */
#ifndef RESULTS_TEXT_JSON_WRITE_H
#define RESULTS_TEXT_JSON_WRITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/** struct json_write - a value being written. Begin with {.out = stream}. */
struct json_write {
    FILE *out;
    bool comma; /* something stands before, at this level */
};

/* @name: the member's; NULL for an element of an array. */

void json_write_open_object(struct json_write *json, const char *name);
void json_write_close_object(struct json_write *json);
void json_write_open_array(struct json_write *json, const char *name);
void json_write_close_array(struct json_write *json);

/** json_write_bytes() - a string of any bytes; see escape_json(). */
void json_write_bytes(struct json_write *json, const char *name, const void *bytes, size_t length);
void json_write_text(struct json_write *json, const char *name, const char *text);
void json_write_unsigned(struct json_write *json, const char *name, uint64_t number);
void json_write_signed(struct json_write *json, const char *name, int64_t number);
/** json_write_real() - nine digits; null for what is no number. */
void json_write_real(struct json_write *json, const char *name, double number);
/** json_write_hash() - "0x1f..", a string: numbers above 2^53 do not survive every reader. */
void json_write_hash(struct json_write *json, const char *name, uint64_t hash);
void json_write_null(struct json_write *json, const char *name);
void json_write_bool(struct json_write *json, const char *name, bool is);
/** json_write_lines() - an array with one string per line. No lines for "". */
void json_write_lines(struct json_write *json, const char *name, const char *text);

#endif
