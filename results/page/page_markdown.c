/*
 * page_markdown: the page for an issue or a letter. All that came from a target stands in fenced
 * blocks or in code, so that none of it is taken for markup.
 */
#include <results/page/parts.h>

#include <results/store/store.h>
#include <results/text/amount.h>
#include <results/text/escape.h>
#include <results/text/finding_text.h>
#include <results/text/wrap.h>

#include <stdlib.h>
#include <string.h>

/* The longest run of backquotes: what encloses the text has to be longer. */
static int longest_ticks(const char *text)
{
    int longest = 0;

    for (int run = 0; *text != '\0'; text++) {
        run = *text == '`' ? run + 1 : 0;
        if (run > longest)
            longest = run;
    }
    return longest;
}

static void ticks(FILE *out, int count)
{
    while (count-- > 0)
        fputc('`', out);
}

/* One line of code. */
static void code(FILE *out, const char *text)
{
    char *safe = escape_terminal_copy(text, strlen(text));
    int count;

    if (safe == NULL)
        return;
    count = longest_ticks(safe) + 1;
    ticks(out, count);
    fprintf(out, count > 1 ? " %s " : "%s", safe);
    ticks(out, count);
    free(safe);
}

/* A fenced block of text that is harmless already. */
static void block(FILE *out, const char *language, const char *text)
{
    int count = longest_ticks(text) + 1;

    count = count < 3 ? 3 : count;
    ticks(out, count);
    fprintf(out, "%s\n%s", language, text);
    if (text[0] != '\0' && text[strlen(text) - 1] != '\n')
        fputc('\n', out);
    ticks(out, count);
    fputs("\n\n", out);
}

/* struct buffer - text on its way into a block. */
struct buffer {
    FILE *out;
    char *text;
    size_t size;
};

static FILE *buffer_open(struct buffer *buffer)
{
    buffer->text = NULL;
    buffer->out = open_memstream(&buffer->text, &buffer->size);
    return buffer->out;
}

static void buffer_to_block(struct buffer *buffer, FILE *out, const char *language)
{
    if (fclose(buffer->out) == 0 && buffer->text[0] != '\0')
        block(out, language, buffer->text);
    free(buffer->text);
}

static void write_head(const struct page *page, FILE *out)
{
    const struct store_finding *finding = page->finding;
    char hang[AMOUNT_BYTES];

    fprintf(out, "## %s `%s` in ", finding_label(finding->severity), finding->slug);
    code(out, page->cell->target);
    fprintf(out, ", cycle %llu\n\n", (unsigned long long)finding->cycle);
    if (finding->hang_ms >= 0)
        fprintf(out, "Judged %s after the last event.\n\n",
                amount_duration(finding->hang_ms / 1e3, hang));
}

static void write_body(const struct page *page, FILE *out)
{
    struct finding_layout layout = {0};
    struct buffer buffer;

    if (buffer_open(&buffer) == NULL)
        return;
    finding_body(buffer.out, page->finding, &layout);
    buffer_to_block(&buffer, out, "text");
}

static void write_field(FILE *out, const char *name, const char *text)
{
    if (text == NULL || text[0] == '\0')
        return;
    fprintf(out, "- %s: ", name);
    code(out, text);
    fputc('\n', out);
}

static void write_seen(const struct page *page, FILE *out)
{
    const struct store_finding *finding = page->finding;
    char times[AMOUNT_BYTES], cycles[AMOUNT_BYTES];

    if (finding->repeats == 0)
        return;
    fprintf(out, "- seen %s time%s in %s cycles, first as finding %lld\n",
            amount_count(finding->repeats, times), finding->repeats == 1 ? "" : "s",
            amount_count(finding->repeat_cycles, cycles), (long long)page->first);
}

static void write_again(const struct page *page, FILE *out)
{
    const struct store_finding *finding = page->finding;
    struct buffer buffer;

    if (page->finding->replay[0] == '\0' || buffer_open(&buffer) == NULL)
        return;
    fputs("Again:\n\n", out);
    fputs("rundown replay ", buffer.out);
    escape_shell(buffer.out, page->finding->replay);
    buffer_to_block(&buffer, out, "sh");
    if (finding->replayed > 0)
        fprintf(out, "That line brought it back %llu times of %llu.\n\n",
                (unsigned long long)finding->reproduced, (unsigned long long)finding->replayed);
}

static void write_fields(const struct page *page, FILE *out)
{
    char *also = page_also_text(page);

    write_field(out, "injected", page->finding->injected);
    write_field(out, "also seen", also);
    write_field(out, "trace", page->finding->trace);
    write_seen(page, out);
    write_field(out, "signature", page->finding->signature);
    fputc('\n', out);
    free(also);
}

static void write_source(const struct page *page, FILE *out, const struct page_source *source)
{
    struct buffer buffer;
    int number = source->first;

    code(out, source->place);
    fputs(" in ", out);
    code(out, source->path);
    fputs(source->newer ? ", changed since the program was made:\n\n" : ":\n\n", out);
    if (buffer_open(&buffer) == NULL)
        return;
    for (const char *line = source->text; *line != '\0'; number++) {
        size_t length = strcspn(line, "\n");

        fprintf(buffer.out, "%c %5d  ", page_source_means(page, source, number) ? '>' : ' ',
                number);
        escape_terminal(buffer.out, line, length);
        fputc('\n', buffer.out);
        line += length + (line[length] == '\n');
    }
    buffer_to_block(&buffer, out, "text");
}

static void write_moment(FILE *out, const struct page_moment *moment)
{
    char *line = NULL;
    int length = moment->thread[0] == '\0'
                     ? asprintf(&line, "%s", moment->detail)
                     : asprintf(&line, "%10.3f  %-6s  %-13s %s", 0 - moment->before_ms,
                                moment->thread, moment->kind, moment->detail);

    if (length >= 0)
        wrap_text(out, 0, 0, line, (size_t)length, 0);
    free(line);
}

static void write_timeline(const struct page *page, FILE *out)
{
    struct buffer buffer;

    if (page->moments == 0 || buffer_open(&buffer) == NULL)
        return;
    fputs("### The last events, in milliseconds before the very last\n\n", out);
    for (size_t i = 0; i < page->moments; i++)
        write_moment(buffer.out, &page->moment[i]);
    buffer_to_block(&buffer, out, "text");
}

static void write_output(const struct page *page, FILE *out)
{
    struct buffer buffer;

    if (page->finding->output_bytes == 0 || buffer_open(&buffer) == NULL)
        return;
    fputs("### Output\n\n", out);
    wrap_text(buffer.out, 0, 0, page->finding->output, page->finding->output_bytes, 0);
    buffer_to_block(&buffer, out, "text");
}

int page_markdown(const struct page *page, FILE *out, struct error *e)
{
    (void)e;
    write_head(page, out);
    write_body(page, out);
    write_fields(page, out);
    write_again(page, out);
    if (page->sources > 0)
        fputs("### Source\n\n", out);
    for (size_t i = 0; i < page->sources; i++)
        if (!page_source_repeats(page, i))
            write_source(page, out, &page->source[i]);
    write_timeline(page, out);
    write_output(page, out);
    if (page->entry != NULL)
        fprintf(out, "### What it means\n\n%s\n\n**Why it happens.** %s\n\n**What to do.** %s\n",
                page->entry->meaning, page->entry->cause, page->entry->mend);
    return 0;
}
