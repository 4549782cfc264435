/*
 * finding_text: the words of a finding, from the store alone.
 *
 * The body was worded when the cycle was judged and is not touched here beyond breaking lines;
 * this adds what the reader does next: the line that brings it back, and how rare it is.
 */
#include <results/text/finding_text.h>

#include <results/store/store.h>
#include <results/text/amount.h>
#include <results/text/escape.h>
#include <results/text/rate.h>
#include <results/text/utf8.h>
#include <results/text/wrap.h>

#include <stdlib.h>
#include <string.h>

enum {
    LABEL_COLUMNS = 6,  /* "FAIL  " */
    TARGET_COLUMN = 42, /* where the target begins, if the code leaves room */
    INDENT = 2,
    HANG = 4,
    OUTPUT_LINES = 6, /* unless everything is wanted */
};

static const char *const colours[] = {
    [STOP_SEVERITY_NOTE] = "\033[33m",
    [STOP_SEVERITY_FINDING] = "\033[1;31m",
    [STOP_SEVERITY_HARNESS] = "\033[35m",
};

const char *finding_label(enum stop_severity severity)
{
    switch (severity) {
    case STOP_SEVERITY_NOTE:
        return "NOTE";
    case STOP_SEVERITY_FINDING:
        return "FAIL";
    default:
        return "BROKEN";
    }
}

static void paint(FILE *out, const struct finding_layout *layout, const char *colour)
{
    if (layout->colour)
        fputs(colour, out);
}

/* "FAIL  loader.deadlock"; returns its columns. */
static unsigned write_label(FILE *out, const struct store_finding *finding,
                            const struct finding_layout *layout)
{
    const char *label = finding_label(finding->severity);
    int gap = strlen(label) < LABEL_COLUMNS ? (int)(LABEL_COLUMNS - strlen(label)) : 2;

    paint(out, layout, colours[finding->severity]);
    fprintf(out, "%s%*s%s", label, gap, "", finding->slug);
    paint(out, layout, "\033[0m");
    return (unsigned)(strlen(label) + (size_t)gap + strlen(finding->slug));
}

/* "TARGET  cycle 37  3.1 ms after the last event"; the caller frees it. */
static char *where_and_when(const struct store_finding *finding, const struct store_cell *cell)
{
    char *target = escape_terminal_copy(cell->target, strlen(cell->target));
    char hang[AMOUNT_BYTES], *text = NULL;
    int length;

    if (target == NULL)
        return NULL;
    length = asprintf(&text, "%s  cycle %llu%s%s%s", target, (unsigned long long)finding->cycle,
                      finding->hang_ms >= 0 ? "  " : "",
                      finding->hang_ms >= 0 ? amount_duration(finding->hang_ms / 1e3, hang) : "",
                      finding->hang_ms >= 0 ? " after the last event" : "");
    free(target);
    return length < 0 ? NULL : text;
}

/* One line if it fits, as the design has it; else the second half on lines of its own. */
static void write_header(FILE *out, const struct store_finding *finding,
                         const struct store_cell *cell, const struct finding_layout *layout)
{
    unsigned at = write_label(out, finding, layout);
    unsigned gap = at + 2 <= TARGET_COLUMN ? TARGET_COLUMN - at : 2;
    char *text = where_and_when(finding, cell);

    if (text == NULL) {
        fputs("  (out of memory)\n", out);
    } else if (layout->columns == 0 ||
               at + gap + utf8_columns(text, strlen(text)) <= layout->columns) {
        fprintf(out, "%*s%s\n", (int)gap, "", text);
    } else {
        fputc('\n', out);
        wrap_line(out, LABEL_COLUMNS, HANG, text, layout->columns);
    }
    free(text);
}

static void write_field(FILE *out, const char *name, const char *text,
                        const struct finding_layout *layout)
{
    char *line = NULL, *safe = escape_terminal_copy(text, strlen(text));

    if (safe != NULL && asprintf(&line, "%-11s %s", name, safe) >= 0)
        wrap_line(out, INDENT, 12, line, layout->columns);
    free(line);
    free(safe);
}

/* Silence is worth as much as the tries behind it, here too. */
static void write_came_back(FILE *out, const struct store_finding *finding,
                            const struct finding_layout *layout)
{
    struct rate rate = {.findings = finding->reproduced, .cycles = finding->replayed};
    char sentence[RATE_BYTES], line[RATE_BYTES + 64];

    rate_bounds(&rate);
    snprintf(line, sizeof line, "that line brought it back in %s%s", rate_sentence(&rate, sentence),
             rate.findings == 0 ? ": it hangs on the moment" : "");
    wrap_line(out, INDENT, HANG, line, layout->columns);
}

static void write_again(FILE *out, const struct store_finding *finding,
                        const struct finding_layout *layout)
{
    if (finding->replay[0] == '\0')
        return;
    fprintf(out, "%*s%-11s rundown replay ", INDENT, "", "again:");
    escape_shell(out, finding->replay);
    fputc('\n', out);
    if (finding->replayed > 0)
        write_came_back(out, finding, layout);
}

static void write_seen(FILE *out, const struct store_finding *finding,
                       const struct finding_layout *layout)
{
    char times[AMOUNT_BYTES], cycles[AMOUNT_BYTES], cells[64] = "", first[64] = "", line[256];

    if (finding->repeats == 0)
        return;
    if (finding->repeat_cells > 1)
        snprintf(cells, sizeof cells, " of %llu cells", (unsigned long long)finding->repeat_cells);
    if (finding->first_cell != finding->cell)
        snprintf(first, sizeof first, " of cell %lld", (long long)finding->first_cell);
    snprintf(line, sizeof line,
             "seen %s time%s in %s cycles%s, first at cycle %llu%s (finding %lld)",
             amount_count(finding->repeats, times), finding->repeats == 1 ? "" : "s",
             amount_count(finding->repeat_cycles, cycles), cells,
             (unsigned long long)finding->first_cycle, first, (long long)finding->id);
    wrap_line(out, INDENT, HANG, line, layout->columns);
}

/* Where the last @lines lines begin. */
static const char *last_lines(const char *text, size_t length, unsigned lines)
{
    const char *at = text + length;

    if (at > text && at[-1] == '\n')
        at--;
    while (at > text) {
        if (at[-1] == '\n' && --lines == 0)
            break;
        at--;
    }
    return at;
}

static bool is_text(unsigned char byte)
{
    return byte == '\n' || byte == '\t' || byte == '\r' || (byte >= ' ' && byte < 0x7f);
}

/*
 * How many bytes at the start of the output nobody can read: none, unless more than one in
 * eight is no text (a packer's result); then all up to the last such byte, since what stands
 * behind it is often the message that matters.
 */
static size_t unreadable(const struct store_finding *finding)
{
    const unsigned char *bytes = (const unsigned char *)finding->output;
    size_t bad = 0, last = 0;

    for (size_t i = 0, length; i < finding->output_bytes; i += length) {
        uint32_t character;

        length = utf8_next(bytes + i, finding->output_bytes - i, &character);
        if (length > 1 || is_text(bytes[i]))
            continue;
        bad += bytes[i] != '\x1b'; /* coloured text has many */
        last = i + 1;
    }
    return bad > finding->output_bytes / 8 ? last : 0;
}

void finding_output(FILE *out, const struct store_finding *finding,
                    const struct finding_layout *layout)
{
    const char *text = finding->output, *end = text + finding->output_bytes;
    size_t skip = layout->everything ? 0 : unreadable(finding);

    if (finding->output_bytes == 0)
        return;
    if (skip > 0) {
        fprintf(out, "%*sit printed %zu bytes that are no text%s\n", INDENT, "", skip,
                text + skip < end ? ", and at the end:" : "");
        text = last_lines(text + skip, (size_t)(end - text) - skip, OUTPUT_LINES);
        wrap_text(out, INDENT + 2, HANG, text, (size_t)(end - text), layout->columns);
        return;
    }
    if (!layout->everything)
        text = last_lines(text, finding->output_bytes, OUTPUT_LINES);
    fprintf(out, "%*s%s\n", INDENT, "",
            text == finding->output ? "it printed:" : "it printed at the end:");
    wrap_text(out, INDENT + 2, HANG, text, (size_t)(end - text), layout->columns);
}

static void write_timeline(FILE *out, const struct store_finding *finding,
                           const struct finding_layout *layout)
{
    if (!layout->everything || finding->timeline[0] == '\0')
        return;
    fprintf(out, "%*sthe last events:\n", INDENT, "");
    wrap_text(out, INDENT + 2, HANG, finding->timeline, strlen(finding->timeline), layout->columns);
}

void finding_body(FILE *out, const struct store_finding *finding,
                  const struct finding_layout *layout)
{
    wrap_text(out, INDENT, HANG, finding->text, strlen(finding->text), layout->columns);
}

void finding_summary(FILE *out, const struct store_finding *finding, const struct store_cell *cell,
                     const struct finding_layout *layout)
{
    write_header(out, finding, cell, layout);
    finding_body(out, finding, layout);
    if (finding->injected[0] != '\0')
        write_field(out, "injected:", finding->injected, layout);
    if (layout->also != NULL && layout->also[0] != '\0')
        write_field(out, "also seen:", layout->also, layout);
    if (finding->trace[0] != '\0')
        write_field(out, "trace:", finding->trace, layout);
    write_again(out, finding, layout);
    write_seen(out, finding, layout);
}

void finding_text(FILE *out, const struct store_finding *finding, const struct store_cell *cell,
                  const struct finding_layout *layout)
{
    finding_summary(out, finding, cell, layout);
    write_timeline(out, finding, layout);
    finding_output(out, finding, layout);
}
