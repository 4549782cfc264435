/*
 * page_text: the page for a terminal. First what decides, then what explains.
 */
#include <results/page/parts.h>

#include <results/store/store.h>
#include <results/text/escape.h>
#include <results/text/finding_text.h>
#include <results/text/wrap.h>

#include <stdlib.h>
#include <string.h>

static void paint(const struct page *page, FILE *out, const char *colour)
{
    if (page->options->colour)
        fputs(colour, out);
}

static void heading(const struct page *page, FILE *out, const char *text)
{
    fputc('\n', out);
    paint(page, out, "\033[1m");
    fputs(text, out);
    paint(page, out, "\033[0m");
    fputc('\n', out);
}

static void write_source(const struct page *page, FILE *out, const struct page_source *source)
{
    int number = source->first;

    fputs("  ", out);
    escape_terminal(out, source->place, strlen(source->place));
    fputs("  ", out);
    escape_terminal(out, source->path, strlen(source->path));
    fputs(source->newer ? "  (changed since the program was made)\n" : "\n", out);
    for (const char *line = source->text; *line != '\0'; number++) {
        size_t length = strcspn(line, "\n");
        bool meant = page_source_means(page, source, number);

        if (meant)
            paint(page, out, "\033[1m");
        fprintf(out, "  %c %5d  ", meant ? '>' : ' ', number);
        escape_terminal(out, line, length);
        if (meant)
            paint(page, out, "\033[0m");
        fputc('\n', out);
        line += length + (line[length] == '\n');
    }
}

static void write_sources(const struct page *page, FILE *out)
{
    if (page->sources == 0)
        return;
    heading(page, out, "Source");
    for (size_t i = 0; i < page->sources; i++) {
        if (page_source_repeats(page, i))
            continue;
        if (i > 0)
            fputc('\n', out);
        write_source(page, out, &page->source[i]);
    }
}

static size_t widest_thread(const struct page *page)
{
    size_t widest = 2;

    for (size_t i = 0; i < page->moments; i++)
        if (strlen(page->moment[i].thread) > widest)
            widest = strlen(page->moment[i].thread);
    return widest < 12 ? widest : 12;
}

static void write_moment(const struct page *page, FILE *out, const struct page_moment *moment,
                         int thread)
{
    char *line = NULL, *safe = NULL;
    int length = moment->thread[0] == '\0'
                     ? asprintf(&line, "%s", moment->detail)
                     : asprintf(&line, "%10.3f  %-*s  %-13s %s", 0 - moment->before_ms, thread,
                                moment->thread, moment->kind, moment->detail);

    if (length >= 0)
        safe = escape_terminal_copy(line, (size_t)length);
    if (safe != NULL) {
        if (page_is_injection(moment))
            paint(page, out, "\033[1;33m");
        wrap_line(out, 2, 16 + (unsigned)thread, safe, page->options->columns);
        if (page_is_injection(moment))
            paint(page, out, "\033[0m");
    }
    free(safe);
    free(line);
}

static void write_timeline(const struct page *page, FILE *out)
{
    int thread = (int)widest_thread(page);

    if (page->moments == 0)
        return;
    heading(page, out, "The last events, in milliseconds before the very last");
    for (size_t i = 0; i < page->moments; i++)
        write_moment(page, out, &page->moment[i], thread);
}

static void write_output(const struct page *page, FILE *out)
{
    struct finding_layout layout = {.columns = page->options->columns, .everything = true};

    if (page->finding->output_bytes == 0)
        return;
    heading(page, out, "Output");
    finding_output(out, page->finding, &layout);
}

static void write_meaning(const struct page *page, FILE *out)
{
    unsigned columns = page->options->columns;

    if (page->entry == NULL)
        return;
    heading(page, out, "What it means");
    wrap_line(out, 2, 0, page->entry->meaning, columns);
    heading(page, out, "Why it happens");
    wrap_line(out, 2, 0, page->entry->cause, columns);
    heading(page, out, "What to do");
    wrap_line(out, 2, 0, page->entry->mend, columns);
}

static void write_signature(const struct page *page, FILE *out)
{
    const char *signature = page->finding->signature;
    char *line = NULL, *safe = escape_terminal_copy(signature, strlen(signature));

    if (safe != NULL && asprintf(&line, "signature:  %s", safe) >= 0)
        wrap_line(out, 2, 12, line, page->options->columns);
    free(line);
    free(safe);
}

int page_text(const struct page *page, FILE *out, struct error *e)
{
    struct finding_layout layout = {.columns = page->options->columns,
                                    .colour = page->options->colour};
    char *also = page_also_text(page);

    if (also == NULL)
        return error_set(e, ERROR_MEMORY, "report: out of memory");
    layout.also = also;
    finding_summary(out, page->finding, page->cell, &layout);
    free(also);
    write_signature(page, out);
    write_sources(page, out);
    write_timeline(page, out);
    write_output(page, out);
    write_meaning(page, out);
    fputc('\n', out);
    return 0;
}
