/*
 * collect: reads the store once and judges every series. What the page says is decided here, how
 * it says it elsewhere.
 */
#include <results/html/html.h>

#include <results/store/store.h>

#include <stdlib.h>
#include <string.h>

enum { FLAT = 8 };

size_t html_cell_index(const struct html *html, int64_t id)
{
    const struct store_cell *cell = store_cell_find(html->cells, html->cell_count, id);

    return cell != NULL ? (size_t)(cell - html->cells) : html->cell_count;
}

/* Doubles the room of an array that is full. */
static bool has_room(void **array, size_t count, size_t *room, size_t size)
{
    size_t wider = *room != 0 ? *room * 2 : 64;
    void *longer;

    if (count < *room)
        return true;
    longer = realloc(*array, wider * size);
    if (longer == NULL)
        return false;
    *array = longer;
    *room = wider;
    return true;
}

/* --- findings -------------------------------------------------------------------------------- */

static int keep_finding(struct html *html, const struct store_finding *finding)
{
    struct html_finding *kept;

    if (!has_room((void **)&html->findings, html->finding_count, &html->finding_room,
                  sizeof *html->findings))
        return html_no_memory(html->e);
    kept = &html->findings[html->finding_count];
    *kept = (struct html_finding){.id = finding->id,
                                  .cell = finding->cell,
                                  .cycle = finding->cycle,
                                  .severity = finding->severity,
                                  .rank = stop_code_rank(finding->code),
                                  .slug = strdup(finding->slug),
                                  .repeats = finding->repeats,
                                  .repeat_cells = finding->repeat_cells,
                                  .repeat_cycles = finding->repeat_cycles};
    html->finding_count++;
    if (kept->slug == NULL)
        return html_no_memory(html->e);
    return html_article(html, finding, kept);
}

static int each_finding(const struct store_finding *finding, void *context)
{
    struct html *html = context;

    if (html_cell_index(html, finding->cell) == html->cell_count)
        html->code = error_set(html->e, ERROR_CORRUPT,
                               "report: finding %lld: it belongs to no cell: fetch another copy",
                               (long long)finding->id);
    else
        html->code = keep_finding(html, finding);
    return html->code;
}

/* What the program did, then what rundown could not do, then notes. */
static int weight(enum stop_severity severity)
{
    switch (severity) {
    case STOP_SEVERITY_FINDING:
        return 0;
    case STOP_SEVERITY_HARNESS:
        return 1;
    default:
        return 2;
    }
}

/* Worst first: by weight, by how near the code is to a cause, by how often. */
static int by_weight(const void *a, const void *b)
{
    const struct html_finding *one = a, *other = b;

    if (one->severity != other->severity)
        return weight(one->severity) - weight(other->severity);
    if (one->rank != other->rank)
        return one->rank < other->rank ? -1 : 1;
    if (one->repeats != other->repeats)
        return one->repeats > other->repeats ? -1 : 1;
    return one->id < other->id ? -1 : one->id > other->id;
}

static int collect_findings(struct html *html)
{
    long wanted = html->options->finding;
    int code = wanted != 0 ? store_finding_read(html->store, wanted, each_finding, html, html->e)
                           : store_findings(html->store, !html->options->verbose, each_finding,
                                            html, html->e);

    if (code == 0)
        code = html->code;
    if (html->finding_count > 0)
        qsort(html->findings, html->finding_count, sizeof *html->findings, by_weight);
    return code;
}

/* --- leaks ----------------------------------------------------------------------------------- */

/* Series come in order of their cells, so the search goes back over one cell's kinds. */
static struct html_leak *find_leak(struct html *html, size_t cell, const char *kind)
{
    struct html_leak *leak;

    for (size_t i = html->leak_count; i > 0 && html->leaks[i - 1].cell == cell; i--)
        if (strcmp(html->leaks[i - 1].kind, kind) == 0)
            return &html->leaks[i - 1];
    if (!has_room((void **)&html->leaks, html->leak_count, &html->leak_room, sizeof *html->leaks))
        return NULL;
    leak = &html->leaks[html->leak_count];
    *leak = (struct html_leak){.cell = cell, .kind = strdup(kind)};
    if (leak->kind == NULL)
        return NULL;
    html->leak_count++;
    return leak;
}

static bool is_worse(const struct stats_leak *one, const struct stats_leak *other)
{
    if (one->verdict != other->verdict)
        return one->verdict > other->verdict;
    return one->slope.slope > other->slope.slope;
}

/* Takes @samples over. */
static void compare(struct html_leak *leak, long long *samples, size_t usable, size_t stored,
                    uint64_t cycle, uint64_t first_lap)
{
    struct stats_leak verdict;

    leak->series++;
    if (usable == 0 || stats_leak_judge(samples, usable, opinion_kind(leak->kind), &verdict) != 0 ||
        (leak->samples != NULL && !is_worse(&verdict, &leak->verdict))) {
        free(samples);
        return;
    }
    free(leak->samples);
    leak->verdict = verdict;
    leak->samples = samples;
    leak->count = usable;
    leak->behind = stored - usable;
    leak->cycle = cycle;
    leak->first_lap = first_lap;
}

static int each_series(int64_t cell, uint64_t cycle, const char *kind, size_t stored, void *context)
{
    struct html *html = context;
    size_t index = html_cell_index(html, cell), count;
    struct html_leak *leak;
    uint64_t first_lap;
    int64_t *samples;

    _Static_assert(sizeof(long long) == sizeof(int64_t), "samples are judged where they lie");
    if (index == html->cell_count)
        return 0;
    html->code =
        store_series_read(html->store, cell, cycle, kind, &first_lap, &samples, &count, html->e);
    if (html->code != 0)
        return html->code;
    leak = find_leak(html, index, kind);
    if (leak == NULL) {
        free(samples);
        return html->code = html_no_memory(html->e);
    }
    compare(leak, (long long *)samples, opinion_usable(kind, samples, count), stored, cycle,
            first_lap);
    return 0;
}

static int by_verdict(const void *a, const void *b)
{
    const struct html_leak *one = a, *other = b;

    if (one->verdict.verdict != other->verdict.verdict)
        return one->verdict.verdict > other->verdict.verdict ? -1 : 1;
    if (one->cell != other->cell)
        return one->cell < other->cell ? -1 : 1;
    return strcmp(one->kind, other->kind);
}

/* struct flat - what was said of a series that never moves: of most of them, the same. */
struct flat {
    const struct html_leak *leak[FLAT];
    size_t count;
};

static bool is_flat(const struct html_leak *leak)
{
    for (size_t i = 1; i < leak->count; i++)
        if (leak->samples[i] != leak->samples[0])
            return false;
    return true;
}

static const struct opinion *said_before(const struct flat *flat, const struct html_leak *leak)
{
    for (size_t i = 0; i < flat->count && i < FLAT; i++)
        if (flat->leak[i]->count == leak->count &&
            opinion_kind(flat->leak[i]->kind) == opinion_kind(leak->kind) &&
            opinion_quantum(flat->leak[i]->kind) == opinion_quantum(leak->kind))
            return &flat->leak[i]->opinion;
    return NULL;
}

/* The value at which a series stands still is only in its floors. */
static void say_again(struct html_leak *leak, const struct opinion *before)
{
    leak->opinion = *before;
    for (int i = 0; i < STATS_BLOCKS_MAX; i++)
        leak->opinion.leak.floors.low[i] = leak->samples[0];
}

/* Only the worst of a kind gets all that can be said: that takes hundreds of judgements. */
static void form_opinion(struct html_leak *leak, struct flat *flat)
{
    bool still = is_flat(leak);
    const struct opinion *before = still ? said_before(flat, leak) : NULL;

    if (before != NULL) {
        say_again(leak, before);
        return;
    }
    opinion_form(&leak->opinion, leak->samples, leak->count, opinion_kind(leak->kind),
                 opinion_quantum(leak->kind));
    if (still)
        flat->leak[flat->count++ % FLAT] = leak;
}

static int collect_leaks(struct html *html)
{
    struct flat flat = {.count = 0};
    int code = store_series_list(html->store, each_series, html, html->e);

    if (code == 0)
        code = html->code;
    for (size_t i = 0; i < html->leak_count && code == 0; i++)
        if (html->leaks[i].samples != NULL)
            form_opinion(&html->leaks[i], &flat);
    if (html->leak_count > 0)
        qsort(html->leaks, html->leak_count, sizeof *html->leaks, by_verdict);
    return code;
}

/* --- all ------------------------------------------------------------------------------------- */

static int collect_rates(struct html *html)
{
    int code = 0;

    html->rates = calloc(html->cell_count + 1, sizeof *html->rates);
    if (html->rates == NULL)
        return html_no_memory(html->e);
    for (size_t i = 0; i < html->cell_count && code == 0; i++)
        code = rate_of_cell(html->store, &html->cells[i], &html->rates[i], html->e);
    return code;
}

int html_collect(struct html *html)
{
    int code = store_cells(html->store, &html->cells, &html->cell_count, html->e);

    if (code == 0)
        code = collect_rates(html);
    if (code == 0)
        code = collect_findings(html);
    return code == 0 && html->options->finding == 0 ? collect_leaks(html) : code;
}

void html_release(struct html *html)
{
    for (size_t i = 0; i < html->finding_count; i++) {
        free(html->findings[i].slug);
        free(html->findings[i].article);
        free(html->findings[i].extras);
    }
    for (size_t i = 0; i < html->leak_count; i++) {
        free(html->leaks[i].kind);
        free(html->leaks[i].samples);
    }
    free(html->findings);
    free(html->leaks);
    free(html->rates);
    store_cells_free(html->cells, html->cell_count);
}
