/*
 * call.h: one function call as a user writes it: fn(1,"text",NULL).
 *
 * Read by the supervisor, which refuses what is wrong, and again by the host of modules, which
 * makes the call. No allocation and no stdio but for the error's text.
 */
#ifndef HARNESS_COMMON_CALL_H
#define HARNESS_COMMON_CALL_H

#include <harness/error.h>

#include <stdint.h>

enum { CALL_ARGUMENTS = 6, CALL_NAME_BYTES = 256, CALL_TEXT_BYTES = 1024 };

enum call_kind { CALL_NUMBER, CALL_TEXT, CALL_NULL };

/** struct call_argument - @number: the value, or where in call.text the string begins. */
struct call_argument {
    enum call_kind kind;
    uint64_t number;
};

/** struct call - a name and up to six integers, strings and NULLs. */
struct call {
    char name[CALL_NAME_BYTES];
    unsigned count;
    struct call_argument argument[CALL_ARGUMENTS];
    unsigned text_bytes;
    char text[CALL_TEXT_BYTES];
};

/**
 * call_parse() - reads a call.
 * @text: numbers are decimal, hexadecimal or octal as in C, from -2^63 to 2^64-1, without
 *     suffix; strings know the escapes \n \t \r \0 \\ \" \' \a \b \f \v and \xHH.
 *
 * Returns 0 or ERROR_USAGE with "'TEXT': character N: what is wrong"; @out is then undefined.
 */
int call_parse(const char *text, struct call *out, struct error *e);

/** call_word() - argument @index as a register holds it; strings point into @call. */
uintptr_t call_word(const struct call *call, unsigned index);

#endif
