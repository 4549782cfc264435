/*
 * text: the one way by which what a target wrote reaches the page.
 */
#include <results/html/html.h>

#include <results/text/escape.h>
#include <results/text/utf8.h>

#include <stdlib.h>
#include <string.h>

static void write_line(FILE *out, const char *text, size_t length)
{
    char *safe = escape_terminal_copy(text, length);

    if (safe == NULL) {
        fputs("(out of memory)", out);
        return;
    }
    escape_xml(out, safe, strlen(safe), 1);
    free(safe);
}

void html_text(FILE *out, const char *text)
{
    write_line(out, text, strlen(text));
}

void html_lines(FILE *out, const void *bytes, size_t length)
{
    const char *text = bytes, *end = text + length;

    while (text < end) {
        const char *stop = memchr(text, '\n', (size_t)(end - text));
        size_t line = (size_t)((stop != NULL ? stop : end) - text);

        write_line(out, text, line);
        text += line;
        if (text < end) {
            fputc('\n', out);
            text++;
        }
    }
}

void html_cut(FILE *out, const char *text, size_t columns)
{
    size_t length = strlen(text), at = 0, seen = 0;

    if (utf8_columns(text, length) <= columns) {
        html_text(out, text);
        return;
    }
    while (at < length && seen + 1 < columns) {
        uint32_t character;

        at += utf8_next(text + at, length - at, &character);
        seen++;
    }
    write_line(out, text, at);
    fputs("…", out);
}

static unsigned char from_hex(char digit)
{
    return (unsigned char)(digit <= '9' ? digit - '0' : digit - 'a' + 10);
}

static void write_hash(FILE *out, const char *hex)
{
    unsigned char bytes[32];

    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(from_hex(hex[2 * i]) << 4 | from_hex(hex[2 * i + 1]));
    fputs("'sha256-", out);
    escape_base64(out, bytes, sizeof bytes);
    fputc('\'', out);
}

void html_policy(FILE *out)
{
    fputs("<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src ",
          out);
    write_hash(out, html_style_hash);
    fputs("; script-src ", out);
    write_hash(out, html_script_hash);
    fputs("; base-uri 'none'; form-action 'none'\">\n", out);
}

int html_no_memory(struct error *e)
{
    return error_set(e, ERROR_MEMORY, "report: out of memory");
}
