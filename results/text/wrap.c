/*
 * wrap: breaks lines. Blanks inside a line are kept where it is not broken, since bodies of
 * findings are aligned by them.
 */
#include <results/text/wrap.h>

#include <results/text/escape.h>
#include <results/text/utf8.h>

#include <stdlib.h>
#include <string.h>

static void blanks(FILE *out, size_t count)
{
    fprintf(out, "%*s", (int)count, "");
}

/* Bytes of @text that fit: up to a blank, or one word at least. */
static size_t fitting(const char *text, size_t room)
{
    size_t best = 0, at = 0;

    while (text[at] != '\0') {
        at += strspn(text + at, " ");
        at += strcspn(text + at, " ");
        if (best > 0 && utf8_columns(text, at) > room)
            return best;
        best = at;
    }
    return best;
}

void wrap_line(FILE *out, unsigned indent, unsigned hang, const char *text, unsigned columns)
{
    size_t own = strspn(text, " "), margin = indent + own;

    text += own;
    for (;;) {
        size_t room = columns > margin ? columns - margin : 1;
        size_t length = columns == 0 ? strlen(text) : fitting(text, room);

        if (*text != '\0')
            blanks(out, margin);
        fwrite(text, 1, length, out);
        fputc('\n', out);
        text += length;
        text += strspn(text, " ");
        if (*text == '\0')
            return;
        margin = indent + own + hang;
    }
}

static void wrap_bytes(FILE *out, unsigned indent, unsigned hang, const char *bytes, size_t length,
                       unsigned columns)
{
    char *text = escape_terminal_copy(bytes, length);

    if (text != NULL)
        wrap_line(out, indent, hang, text, columns);
    else
        fputs("(out of memory)\n", out);
    free(text);
}

void wrap_text(FILE *out, unsigned indent, unsigned hang, const void *bytes, size_t length,
               unsigned columns)
{
    const char *at = bytes, *end = at + length;

    while (at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        const char *stop = newline != NULL ? newline : end;

        wrap_bytes(out, indent, hang, at, (size_t)(stop - at), columns);
        at = stop + 1;
    }
}
