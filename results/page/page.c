/*
 * page: brings together what the store knows about one finding.
 */
#include <results/page/page.h>

#include <results/page/parts.h>
#include <results/store/store.h>
#include <results/text/also.h>
#include <results/text/place.h>
#include <results/text/stream.h>

#include <stdlib.h>
#include <string.h>

enum { SOURCES = 8, ALSOS = 32 };

/* struct making - the page while it is made. @code: of a failure inside a callback. */
struct making {
    struct page page;
    FILE *out;
    struct store_cell *cells;
    size_t cell_count;
    int code;
    struct error *e;
};

static int out_of_memory(struct error *e)
{
    return error_set(e, ERROR_MEMORY, "report: out of memory");
}

/* --- the timeline -------------------------------------------------------------------------- */

static char *cut(char **rest)
{
    char *word = *rest + strspn(*rest, " "), *end = word + strcspn(word, " ");

    *rest = end + strspn(end, " ");
    *end = '\0';
    return word;
}

/* "tid 17" is one name, of a thread that no hook saw. */
static char *cut_thread(char **rest)
{
    char *word = *rest + strspn(*rest, " "), *end;

    if (strncmp(word, "tid ", 4) != 0)
        return cut(rest);
    end = word + 4 + strcspn(word + 4, " ");
    *rest = end + strspn(end, " ");
    *end = '\0';
    return word;
}

/* "-2.010 ms  T1.2     free  ...". What is no such line is shown whole. */
static void read_moment(struct page_moment *moment, char *line)
{
    char *rest;
    double ms = strtod(line, &rest);

    *moment = (struct page_moment){.thread = "", .kind = "", .detail = line};
    if (rest == line || !(ms <= 0 && ms > -1e12) || strncmp(rest, " ms  ", 5) != 0)
        return;
    rest += 5;
    moment->before_ms = 0 - ms;
    moment->thread = cut_thread(&rest);
    moment->kind = cut(&rest);
    moment->detail = rest;
}

static int read_moments(struct making *making, const char *text)
{
    struct page *page = &making->page;
    size_t lines = 1;
    char *rest;

    for (const char *at = text; *at != '\0'; at++)
        lines += *at == '\n';
    page->timeline = strdup(text);
    page->moment = calloc(lines, sizeof *page->moment);
    if (page->timeline == NULL || page->moment == NULL)
        return out_of_memory(making->e);
    rest = page->timeline;
    for (char *line; (line = strsep(&rest, "\n")) != NULL;)
        if (*line != '\0')
            read_moment(&page->moment[page->moments++], line);
    return 0;
}

bool page_is_injection(const struct page_moment *moment)
{
    return strncmp(moment->kind, "inject", 6) == 0 || strcmp(moment->kind, "parked") == 0 ||
           strcmp(moment->kind, "resumed") == 0;
}

/* --- the rest of its cycle ----------------------------------------------------------------- */

/* The verdict carries the timeline; what is not this finding was seen as well. */
static int each_of_cycle(const struct store_finding *finding, void *context)
{
    struct making *making = context;
    struct page *page = &making->page;

    if (finding->place == 0)
        making->code = read_moments(making, finding->timeline);
    if (finding->place != page->finding->place && page->alsos < ALSOS) {
        struct page_also *also = &page->also[page->alsos++];

        also->finding = finding->id;
        also->severity = finding->severity;
        snprintf(also->slug, sizeof also->slug, "%s", finding->slug);
    }
    return making->code;
}

static int read_cycle(struct making *making)
{
    const struct store_finding *finding = making->page.finding;
    int code;

    making->page.also = calloc(ALSOS, sizeof *making->page.also);
    if (making->page.also == NULL)
        return out_of_memory(making->e);
    code = store_finding_get(making->page.store, finding->cell, finding->cycle, each_of_cycle,
                             making, making->e);
    return code != 0 ? code : making->code;
}

char *page_also_text(const struct page *page)
{
    char *text = NULL;

    return also_seen(page->store, page->finding->cell, page->finding->cycle, page->finding->place,
                     &text, NULL) == 0
               ? text
               : NULL;
}

static int each_of_first(const struct store_finding *finding, void *context)
{
    struct making *making = context;

    if (finding->place == 0)
        making->page.first = finding->id;
    return 1;
}

static int read_first(struct making *making)
{
    const struct store_finding *finding = making->page.finding;

    if (finding->repeats == 0)
        return 0;
    return store_finding_get(making->page.store, finding->first_cell, finding->first_cycle,
                             each_of_first, making, making->e);
}

/* --- sources ------------------------------------------------------------------------------- */

static bool is_known(const struct page *page, const struct store_source *source)
{
    for (size_t i = 0; i < page->sources; i++)
        if (strcmp(page->source[i].place, source->place) == 0 &&
            strcmp(page->source[i].path, source->path) == 0)
            return true;
    return false;
}

static int each_source(const struct store_source *source, void *context)
{
    struct making *making = context;
    struct page *page = &making->page;
    struct page_source *copy = &page->source[page->sources];

    if (page->sources == SOURCES)
        return 1;
    if (is_known(page, source))
        return 0;
    *copy = (struct page_source){.line = source->line,
                                 .first = source->first,
                                 .newer = source->newer,
                                 .place = strdup(source->place),
                                 .path = strdup(source->path),
                                 .text = strdup(source->text)};
    page->sources++; /* freed even if one of them is missing */
    if (copy->place == NULL || copy->path == NULL || copy->text == NULL)
        making->code = out_of_memory(making->e);
    return making->code;
}

static int read_sources(struct making *making)
{
    const char *at = making->page.finding->text;
    char place[PLACE_BYTES];
    int code = 0;

    making->page.source = calloc(SOURCES, sizeof *making->page.source);
    if (making->page.source == NULL)
        return out_of_memory(making->e);
    while (code == 0 && place_next(&at, place)) {
        code = store_sources(making->page.store, place, each_source, making, making->e);
        if (code == 0)
            code = making->code;
    }
    return code;
}

/* One past the last line of an excerpt. */
static int end_of(const struct page_source *source)
{
    int end = source->first;

    for (const char *at = source->text; *at != '\0'; at++)
        end += *at == '\n';
    return end;
}

static bool is_within(const struct page_source *source, const struct page_source *other)
{
    return strcmp(source->path, other->path) == 0 && source->line >= other->first &&
           source->line < end_of(other);
}

bool page_source_repeats(const struct page *page, size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (is_within(&page->source[index], &page->source[i]) && !page_source_repeats(page, i))
            return true;
    return false;
}

bool page_source_means(const struct page *page, const struct page_source *source, int number)
{
    for (size_t i = 0; i < page->sources; i++)
        if (page->source[i].line == number && strcmp(page->source[i].path, source->path) == 0)
            return true;
    return false;
}

/* --- the page ------------------------------------------------------------------------------ */

static void page_free(struct page *page)
{
    for (size_t i = 0; i < page->sources; i++) {
        free(page->source[i].place);
        free(page->source[i].path);
        free(page->source[i].text);
    }
    free(page->source);
    free(page->also);
    free(page->moment);
    free(page->timeline);
}

static int write_form(struct making *making)
{
    switch (making->page.options->form) {
    case PAGE_MARKDOWN:
        return page_markdown(&making->page, making->out, making->e);
    case PAGE_JSON:
        return page_json(&making->page, making->out, making->e);
    default:
        return page_text(&making->page, making->out, making->e);
    }
}

/* The finding's strings live until this returns. */
static int make(const struct store_finding *finding, void *context)
{
    struct making *making = context;
    struct page *page = &making->page;
    int code;

    page->finding = finding;
    page->entry = stop_code_entry(finding->code);
    page->cell = store_cell_find(making->cells, making->cell_count, finding->cell);
    if (page->cell == NULL)
        code = error_set(making->e, ERROR_CORRUPT,
                         "report: finding %lld: it belongs to no cell: fetch another copy",
                         (long long)finding->id);
    else
        code = read_cycle(making);
    if (code == 0)
        code = read_first(making);
    if (code == 0)
        code = read_sources(making);
    if (code == 0)
        code = write_form(making);
    page_free(page);
    making->code = code;
    return code;
}

int page_write(struct store *store, long id, FILE *out, const struct page_options *options,
               struct error *e)
{
    struct making making = {.page = {.store = store, .options = options}, .out = out, .e = e};
    int code = store_cells(store, &making.cells, &making.cell_count, e);

    if (code == 0)
        code = store_finding_read(store, id, make, &making, e);
    if (code == 0)
        code = making.code;
    store_cells_free(making.cells, making.cell_count);
    return code == 0 ? stream_check(out, e) : code;
}
