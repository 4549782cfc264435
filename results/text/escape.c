/*
 * escape: one loop over characters, and for each target one function that writes one of them.
 *
 * Everything from a target, and every path and name, passes through here before it leaves
 * rundown. Whoever adds a format adds its function here.
 */
#include <results/text/escape.h>

#include <results/text/utf8.h>

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* struct piece - one character, or one bad byte. */
struct piece {
    uint32_t character;
    const char *bytes;
    size_t length;
};

static void each_piece(FILE *out, const void *bytes, size_t length,
                       void (*write)(FILE *out, const struct piece *piece))
{
    const char *at = bytes;

    for (size_t i = 0; i < length;) {
        struct piece piece = {.bytes = at + i};

        piece.length = utf8_next(at + i, length - i, &piece.character);
        write(out, &piece);
        i += piece.length;
    }
}

static void as_it_is(FILE *out, const struct piece *piece)
{
    fwrite(piece->bytes, 1, piece->length, out);
}

/* Visible: "\x1b" for a byte or a low control, "\u202e" for another character. */
static void visible(FILE *out, const struct piece *piece)
{
    if (piece->length == 1)
        fprintf(out, "\\x%02x", (unsigned char)piece->bytes[0]);
    else
        fprintf(out, "\\u%04x", piece->character);
}

static bool is_control(uint32_t character)
{
    return character < 0x20 || (character >= 0x7f && character < 0xa0);
}

/* Line and paragraph separators, and what overrides the direction of writing. */
static bool is_trick(uint32_t character)
{
    return (character >= 0x2028 && character <= 0x202e) ||
           (character >= 0x2066 && character <= 0x2069);
}

static bool is_bad(uint32_t character)
{
    return character == UTF8_BAD;
}

static void terminal_piece(FILE *out, const struct piece *piece)
{
    if (piece->character == '\t')
        fputc(' ', out);
    else if (is_bad(piece->character) || is_control(piece->character) || is_trick(piece->character))
        visible(out, piece);
    else
        as_it_is(out, piece);
}

void escape_terminal(FILE *out, const void *bytes, size_t length)
{
    each_piece(out, bytes, length, terminal_piece);
}

char *escape_terminal_copy(const void *bytes, size_t length)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    if (out == NULL)
        return NULL;
    escape_terminal(out, bytes, length);
    if (fclose(out) != 0) {
        free(text);
        return NULL;
    }
    return text;
}

static void json_piece(FILE *out, const struct piece *piece)
{
    if (is_bad(piece->character) || piece->character == 0) {
        fputc('\\', out);
        visible(out, piece);
    } else if (piece->character == '"' || piece->character == '\\') {
        fprintf(out, "\\%c", (char)piece->character);
    } else if (piece->character == '\n') {
        fputs("\\n", out);
    } else if (is_control(piece->character)) {
        fprintf(out, "\\u%04x", piece->character);
    } else {
        as_it_is(out, piece);
    }
}

void escape_json(FILE *out, const void *bytes, size_t length)
{
    each_piece(out, bytes, length, json_piece);
}

static const char *xml_entity(uint32_t character)
{
    switch (character) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    case '\r': /* a parser would make it a newline */
        return "&#13;";
    default:
        return NULL;
    }
}

/* Beside what XML forbids, controls that no reader of a report can want. */
static bool xml_forbidden(uint32_t character)
{
    return is_bad(character) || character == 0xfffe || character == 0xffff ||
           (is_control(character) && strchr("\t\n\r", (int)character) == NULL) || character == 0;
}

static void xml_piece(FILE *out, const struct piece *piece)
{
    const char *entity = xml_entity(piece->character);

    if (entity != NULL)
        fputs(entity, out);
    else if (xml_forbidden(piece->character))
        visible(out, piece);
    else
        as_it_is(out, piece);
}

static void xml_attribute_piece(FILE *out, const struct piece *piece)
{
    if (piece->character == '\n' || piece->character == '\t')
        fprintf(out, "&#%u;", piece->character);
    else
        xml_piece(out, piece);
}

void escape_xml(FILE *out, const void *bytes, size_t length, int attribute)
{
    each_piece(out, bytes, length, attribute ? xml_attribute_piece : xml_piece);
}

static void csv_piece(FILE *out, const struct piece *piece)
{
    if (is_bad(piece->character))
        visible(out, piece);
    else if (piece->character == '"')
        fputs("\"\"", out);
    else
        as_it_is(out, piece);
}

void escape_csv(FILE *out, const char *text)
{
    bool quoted = strpbrk(text, ",\"\r\n") != NULL;

    if (quoted)
        fputc('"', out);
    each_piece(out, text, strlen(text), csv_piece);
    if (quoted)
        fputc('"', out);
}

static bool shell_needs_dollar(const char *text)
{
    size_t length = strlen(text);
    uint32_t character;

    for (size_t i = 0; i < length;) {
        i += utf8_next(text + i, length - i, &character);
        if (is_bad(character) || is_control(character) || is_trick(character))
            return true;
    }
    return false;
}

static void shell_plain_piece(FILE *out, const struct piece *piece)
{
    if (piece->character == '\'')
        fputs("'\\''", out);
    else
        as_it_is(out, piece);
}

/* Bytes in octal: unlike \x, at most three digits belong to it, whatever follows. */
static void shell_dollar_piece(FILE *out, const struct piece *piece)
{
    if (piece->character == '\'' || piece->character == '\\') {
        fprintf(out, "\\%c", (char)piece->character);
    } else if (is_bad(piece->character) || is_control(piece->character) ||
               is_trick(piece->character)) {
        for (size_t i = 0; i < piece->length; i++)
            fprintf(out, "\\%03o", (unsigned char)piece->bytes[i]);
    } else {
        as_it_is(out, piece);
    }
}

void escape_shell(FILE *out, const char *text)
{
    bool dollar = shell_needs_dollar(text);

    fputs(dollar ? "$'" : "'", out);
    each_piece(out, text, strlen(text), dollar ? shell_dollar_piece : shell_plain_piece);
    fputc('\'', out);
}

void escape_base64(FILE *out, const void *bytes, size_t length)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const uint8_t *at = bytes;

    for (size_t i = 0; i < length; i += 3) {
        size_t left = length - i;
        uint32_t bits = (uint32_t)at[i] << 16;

        bits |= left > 1 ? (uint32_t)at[i + 1] << 8 : 0;
        bits |= left > 2 ? (uint32_t)at[i + 2] : 0;
        fputc(digits[bits >> 18], out);
        fputc(digits[bits >> 12 & 63], out);
        fputc(left > 1 ? digits[bits >> 6 & 63] : '=', out);
        fputc(left > 2 ? digits[bits & 63] : '=', out);
    }
}
