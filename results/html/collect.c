/*
 * collect: reads the store once and judges every series. What the page says is decided here, how
 * it says it elsewhere.
 */
#include <results/html/html.h>

#include <harness/common/array.h>
#include <results/store/store.h>

#include <stdlib.h>
#include <string.h>

size_t html_cell_index(const struct html *html, int64_t id)
{
    const struct store_cell *cell = store_cell_find(html->cells, html->cell_count, id);

    return cell != NULL ? (size_t)(cell - html->cells) : html->cell_count;
}

/* --- findings -------------------------------------------------------------------------------- */

static int keep_finding(struct html *html, const struct store_finding *finding)
{
    struct html_finding *kept;

    if (!ARRAY_ROOM(html->findings, html->finding_count, html->finding_room))
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
    if (html->nights > 0 && finding->severity == STOP_SEVERITY_FINDING) {
        bool seen = false;
        int code = store_seen_before(html->store, finding->signature, &seen, html->e);

        if (code != 0)
            return code;
        kept->fresh = !seen;
    }
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

static int collect_leaks(struct html *html)
{
    int code = leaks_collect(html->store, html->cells, html->cell_count, &html->run_leaks, html->e);

    html->leaks = html->run_leaks.leak;
    html->leak_count = html->run_leaks.count;
    return code;
}

/* --- earlier nights -------------------------------------------------------------------------- */

static int each_past(const struct store_past *past, void *context)
{
    struct html *html = context;
    size_t cell = html_cell_index(html, past->cell);
    struct html_past *kept;

    if (cell == html->cell_count || past->cycles == 0)
        return 0;
    if (!ARRAY_ROOM(html->past, html->past_count, html->past_room))
        return html->code = html_no_memory(html->e);
    kept = &html->past[html->past_count++];
    *kept = (struct html_past){.cell = cell, .cycles = past->cycles, .findings = past->findings};
    snprintf(kept->started, sizeof kept->started, "%.19s", past->started);
    return 0;
}

static int collect_past(struct html *html)
{
    char *nights;
    int code;

    html->nights = -1;
    if (store_meta_get(html->store, "history", &nights, NULL) != 0)
        return 0;
    html->nights = strtol(nights, NULL, 10);
    free(nights);
    code = store_past(html->store, each_past, html, html->e);
    return code == 0 ? html->code : code;
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
        code = collect_past(html);
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
    leaks_free(&html->run_leaks);
    free(html->findings);
    free(html->past);
    free(html->rates);
    store_cells_free(html->cells, html->cell_count);
}
