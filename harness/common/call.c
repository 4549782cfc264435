/*
 * call: a parser of one line. Everything it keeps lies in struct call.
 */
#include "call.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct parser {
    const char *text;
    const char *at;
    struct call *call;
    struct error *e;
};

static int wrong(const struct parser *parser, const char *what)
{
    return error_set(parser->e, ERROR_USAGE, "'%.300s': character %zu: %s", parser->text,
                     (size_t)(parser->at - parser->text) + 1, what);
}

static void skip_blanks(struct parser *parser)
{
    while (*parser->at == ' ' || *parser->at == '\t')
        parser->at++;
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static size_t word_length(const char *at)
{
    size_t length = 0;

    while (is_letter(at[length]) || (length > 0 && is_digit(at[length])))
        length++;
    return length;
}

static int read_name(struct parser *parser)
{
    size_t length = word_length(parser->at);

    if (length == 0)
        return wrong(parser, "a function's name is missing");
    if (length >= CALL_NAME_BYTES)
        return wrong(parser, "the name is too long");
    memcpy(parser->call->name, parser->at, length);
    parser->call->name[length] = 0;
    parser->at += length;
    return 0;
}

/* --- strings ------------------------------------------------------------------------------- */

static int hex_digit(char c)
{
    if (is_digit(c))
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static int read_hex(struct parser *parser, char *out)
{
    int high = hex_digit(parser->at[1]);
    int low = high >= 0 ? hex_digit(parser->at[2]) : -1;

    if (low < 0)
        return wrong(parser, "\\x takes two hexadecimal digits");
    *out = (char)(high * 16 + low);
    parser->at += 2;
    return 0;
}

/* At the character after the backslash. */
static int read_escape(struct parser *parser, char *out)
{
    static const char letters[] = "ntr0\\\"'abfv";
    static const char meanings[] = "\n\t\r\0\\\"'\a\b\f\v";
    const char *found = *parser->at != 0 ? strchr(letters, *parser->at) : NULL;

    if (*parser->at == 'x')
        return read_hex(parser, out);
    if (found == NULL)
        return wrong(parser, "this escape is unknown");
    *out = meanings[found - letters];
    return 0;
}

static int keep(struct parser *parser, char c)
{
    struct call *call = parser->call;

    if (call->text_bytes == CALL_TEXT_BYTES)
        return wrong(parser, "the strings are too long; a .c file holds longer ones");
    call->text[call->text_bytes++] = c;
    return 0;
}

static int read_text(struct parser *parser, struct call_argument *argument)
{
    int code = 0;

    argument->kind = CALL_TEXT;
    argument->number = parser->call->text_bytes;
    for (parser->at++; code == 0 && *parser->at != '"'; parser->at++) {
        char c = *parser->at;

        if (c == 0)
            return wrong(parser, "the string does not end");
        if (c == '\\') {
            parser->at++;
            code = read_escape(parser, &c);
        }
        if (code == 0)
            code = keep(parser, c);
        if (code != 0)
            return code;
    }
    parser->at++;
    return keep(parser, 0);
}

/* --- arguments ------------------------------------------------------------------------------ */

static int read_number(struct parser *parser, struct call_argument *argument)
{
    char *end;

    argument->kind = CALL_NUMBER;
    errno = 0;
    argument->number =
        *parser->at == '-' ? (uint64_t)strtoll(parser->at, &end, 0) : strtoull(parser->at, &end, 0);
    if (errno != 0)
        return wrong(parser, "the number does not fit into 64 bits");
    if (end == parser->at || is_letter(*end) || is_digit(*end) || *end == '.') {
        parser->at = end;
        return wrong(parser, "this is no whole number");
    }
    parser->at = end;
    return 0;
}

static int read_argument(struct parser *parser)
{
    struct call_argument *argument = &parser->call->argument[parser->call->count];

    if (parser->call->count == CALL_ARGUMENTS)
        return wrong(parser, "a call takes at most 6 arguments; a .c file can do more");
    parser->call->count++;
    if (*parser->at == '"')
        return read_text(parser, argument);
    if (is_digit(*parser->at) || (*parser->at == '-' && is_digit(parser->at[1])))
        return read_number(parser, argument);
    if (word_length(parser->at) == 4 && strncmp(parser->at, "NULL", 4) == 0) {
        argument->kind = CALL_NULL;
        argument->number = 0;
        parser->at += 4;
        return 0;
    }
    if (*parser->at == ',' || *parser->at == ')' || *parser->at == 0)
        return wrong(parser, "an argument is missing");
    return wrong(parser, "an argument is a whole number, a \"string\" or NULL");
}

/* After the opening bracket, up to and with the closing one. */
static int read_arguments(struct parser *parser)
{
    int code;

    skip_blanks(parser);
    if (*parser->at == ')') {
        parser->at++;
        return 0;
    }
    for (;;) {
        skip_blanks(parser);
        if ((code = read_argument(parser)) != 0)
            return code;
        skip_blanks(parser);
        if (*parser->at == ')') {
            parser->at++;
            return 0;
        }
        if (*parser->at != ',')
            return wrong(parser, "',' or ')' is missing");
        parser->at++;
    }
}

int call_parse(const char *text, struct call *out, struct error *e)
{
    struct parser parser = {text, text, out, e};
    int code;

    memset(out, 0, sizeof *out);
    skip_blanks(&parser);
    if ((code = read_name(&parser)) != 0)
        return code;
    skip_blanks(&parser);
    if (*parser.at != '(')
        return wrong(&parser, "'(' is missing");
    parser.at++;
    if ((code = read_arguments(&parser)) != 0)
        return code;
    skip_blanks(&parser);
    if (*parser.at == ';')
        parser.at++;
    skip_blanks(&parser);
    return *parser.at == 0 ? 0 : wrong(&parser, "nothing may follow the call; give --use again");
}

uintptr_t call_word(const struct call *call, unsigned index)
{
    const struct call_argument *argument = &call->argument[index];

    if (argument->kind == CALL_TEXT)
        return (uintptr_t)&call->text[argument->number];
    return (uintptr_t)argument->number;
}
