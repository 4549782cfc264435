/*
 * terminal: the report that people read: every finding in words, then a table of cells.
 *
 * Written from the store alone. Where nothing was found it says what that is worth. Nothing
 * that a target wrote reaches the terminal as a control character.
 */
#include <harness/report.h>

#include <results/page/page.h>
#include <results/store/latency.h>
#include <results/store/store.h>
#include <results/text/also.h>
#include <results/text/amount.h>
#include <results/text/finding_text.h>
#include <results/text/leaks.h>
#include <results/text/rate.h>
#include <results/text/stream.h>
#include <results/text/utf8.h>
#include <results/text/wrap.h>

#include <stdlib.h>
#include <string.h>

enum { COLUMNS = 80, INJECTOR_COLUMNS = 19, LEAKS_TOLD = 20, LEAKS_UNSEEN = 14 };

/* struct page - what is being written. */
struct page {
    struct store *store;
    FILE *out;
    const struct report_options *options;
    unsigned columns;
    struct store_cell *cells;
    size_t cell_count;
    enum stop_severity severity; /* of the findings whose turn it is */
    unsigned kinds[3];           /* signatures, by severity */
    int code;                    /* of a failure inside a callback */
    struct error *e;
};

static void write_meta(struct page *page)
{
    static const char *const keys[] = {"command", "seed",     "started",
                                       "machine", "recorder", "version"};

    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        char *value, *line = NULL;

        if (store_meta_get(page->store, keys[i], &value, NULL) != 0)
            continue;
        if (asprintf(&line, "%-9s %s", keys[i], value) >= 0)
            wrap_text(page->out, 0, 10, line, strlen(line), page->columns);
        free(line);
        free(value);
    }
    fputc('\n', page->out);
}

static int write_one(struct page *page, const struct store_finding *finding,
                     const struct store_cell *cell)
{
    struct finding_layout layout = {.columns = page->columns,
                                    .colour = page->options->colour,
                                    .everything = page->options->verbose};
    char *also = NULL;
    int code = 0;

    /* A listing in full has the others on their own. */
    if (!page->options->verbose)
        code =
            also_seen(page->store, finding->cell, finding->cycle, finding->place, &also, page->e);
    layout.also = also;
    if (code == 0) {
        finding_text(page->out, finding, cell, &layout);
        fputc('\n', page->out);
    }
    free(also);
    return code;
}

static int each_finding(const struct store_finding *finding, void *context)
{
    struct page *page = context;
    const struct store_cell *cell = store_cell_find(page->cells, page->cell_count, finding->cell);

    if (finding->severity != page->severity)
        return 0;
    if (cell == NULL)
        page->code = error_set(page->e, ERROR_CORRUPT,
                               "report: finding %lld: it belongs to no cell: fetch another copy",
                               (long long)finding->id);
    else
        page->code = write_one(page, finding, cell);
    if (finding->repeats > 0 && finding->cell == finding->first_cell &&
        finding->cycle == finding->first_cycle)
        page->kinds[finding->severity]++;
    return page->code;
}

/* What the program did, then what rundown could not do, then what is worth a line. */
static int write_findings(struct page *page)
{
    static const enum stop_severity order[] = {STOP_SEVERITY_FINDING, STOP_SEVERITY_HARNESS,
                                               STOP_SEVERITY_NOTE};
    int code = 0;

    for (size_t i = 0; i < sizeof order / sizeof order[0] && code == 0; i++) {
        page->severity = order[i];
        code = store_findings(page->store, !page->options->verbose, each_finding, page, page->e);
        if (code == 0)
            code = page->code;
    }
    return code;
}

static const char *latency_text(const struct store_cell *cell, char out[2 * AMOUNT_BYTES])
{
    struct latency median;
    char number[AMOUNT_BYTES];

    if (latency_quantile(cell->histogram, 0.5, &median) != 0)
        return "-";
    amount_duration(median.microseconds / 1e6, number);
    snprintf(out, 2 * AMOUNT_BYTES, "%s%s", median.above ? ">" : median.below ? "<" : "", number);
    return out;
}

static const char *speed_text(const struct store_cell *cell, char out[AMOUNT_BYTES])
{
    double speed;

    if (cell->nanoseconds == 0)
        return "-";
    speed = (double)cell->next / ((double)cell->nanoseconds / 1e9);
    if (speed >= 10)
        return amount_count((uint64_t)(speed + 0.5), out);
    snprintf(out, AMOUNT_BYTES, speed >= 0.1 ? "%.1f" : "%.2g", speed);
    return out;
}

static void write_heading(struct page *page)
{
    fprintf(page->out, "target\n  %-*s%9s%9s%8s%7s%10s%7s%9s\n", INJECTOR_COLUMNS, "injector",
            "cycles", "passed", "failed", "broken", "not fired", "per s", "median");
}

static void write_target(struct page *page, const struct store_cell *cell,
                         const struct store_cell *before)
{
    if (before == NULL || strcmp(before->target, cell->target) != 0)
        wrap_text(page->out, 0, 4, cell->target, strlen(cell->target), page->columns);
}

/* In its column, or on a line of its own where it is too long for that. */
static void write_injector(struct page *page, const struct store_cell *cell)
{
    size_t length = strlen(cell->injector), columns = utf8_columns(cell->injector, length);

    if (columns < INJECTOR_COLUMNS && utf8_valid(cell->injector, length)) {
        fprintf(page->out, "  %s%*s", cell->injector, INJECTOR_COLUMNS - (int)columns, "");
        return;
    }
    wrap_text(page->out, 2, 2, cell->injector, length, page->columns);
    fprintf(page->out, "  %*s", INJECTOR_COLUMNS, "");
}

static void write_counts(struct page *page, const struct store_cell *cell)
{
    char cycles[AMOUNT_BYTES], passed[AMOUNT_BYTES], failed[AMOUNT_BYTES], broken[AMOUNT_BYTES];
    char not_fired[AMOUNT_BYTES], speed[AMOUNT_BYTES], median[2 * AMOUNT_BYTES];

    write_injector(page, cell);
    fprintf(page->out, "%9s%9s%8s%7s%10s%7s%9s\n", amount_count(cell->next, cycles),
            amount_count(cell->passed, passed), amount_count(cell->failed, failed),
            amount_count(cell->broken, broken), amount_count(cell->not_fired, not_fired),
            speed_text(cell, speed), latency_text(cell, median));
}

static void write_remarks(struct page *page, const char *remark, const char *text)
{
    while (*text != '\0') {
        size_t length = strcspn(text, "\n");
        char *line = NULL;

        if (asprintf(&line, "%s%.*s", remark, (int)length, text) >= 0)
            wrap_text(page->out, 4, 2, line, strlen(line), page->columns);
        free(line);
        text += length;
        text += *text == '\n';
    }
}

static int write_rate(struct page *page, const struct store_cell *cell)
{
    char sentence[RATE_BYTES], line[RATE_BYTES + 32];
    struct rate rate;
    int code = rate_of_cell(page->store, cell, &rate, page->e);

    if (code != 0)
        return code;
    snprintf(line, sizeof line, "with findings: %s", rate_sentence(&rate, sentence));
    wrap_line(page->out, 4, 2, line, page->columns);
    return 0;
}

static int write_cell(struct page *page, const struct store_cell *cell,
                      const struct store_cell *before)
{
    int code = 0;

    write_target(page, cell, before);
    if (cell->next > 0 || cell->state[0] == '\0') {
        write_counts(page, cell);
        code = write_rate(page, cell);
    } else {
        wrap_text(page->out, 2, 2, cell->injector, strlen(cell->injector), page->columns);
    }
    write_remarks(page, cell->next > 0 ? "stopped: " : "skipped: ", cell->state);
    write_remarks(page, "note: ", cell->notes);
    return code;
}

static bool is_idle(const struct store_cell *cell)
{
    return cell->next == 0 && cell->state[0] == '\0';
}

static size_t idle_cells(const struct page *page)
{
    size_t idle = 0;

    for (size_t i = 0; i < page->cell_count; i++)
        idle += is_idle(&page->cells[i]);
    return idle;
}

enum { IDLE_LISTED = 10 }; /* a short night has no time for most of its cells */

static int write_table(struct page *page)
{
    const struct store_cell *before = NULL;
    size_t idle = idle_cells(page);
    char count[AMOUNT_BYTES], line[120];
    int code = 0;

    write_heading(page);
    for (size_t i = 0; i < page->cell_count && code == 0; i++) {
        if (idle > IDLE_LISTED && is_idle(&page->cells[i]))
            continue;
        code = write_cell(page, &page->cells[i], before);
        before = &page->cells[i];
    }
    if (idle > IDLE_LISTED) {
        snprintf(line, sizeof line, "%s cells had no cycle, and are not listed.",
                 amount_count(idle, count));
        wrap_line(page->out, 0, 0, line, page->columns);
    }
    wrap_line(page->out, 0, 0,
              "Rates leave out cycles that were broken or skipped, or in which the injection did "
              "not fire. Per s: of one job.",
              page->columns);
    return code;
}

/* "1 finding", "2 findings" */
static void count_words(char *out, size_t size, uint64_t count, const char *noun)
{
    char number[AMOUNT_BYTES];

    snprintf(out, size, "%s %s%s", amount_count(count, number), noun, count == 1 ? "" : "s");
}

static void write_sum(struct page *page)
{
    char findings[64], notes[64], cycles[64], cells[64], line[400];
    uint64_t sum = 0;

    for (size_t i = 0; i < page->cell_count; i++)
        sum += page->cells[i].next;
    count_words(findings, sizeof findings, page->kinds[STOP_SEVERITY_FINDING], "finding");
    count_words(notes, sizeof notes, page->kinds[STOP_SEVERITY_NOTE], "note");
    count_words(cycles, sizeof cycles, sum, "cycle");
    count_words(cells, sizeof cells, page->cell_count, "cell");
    snprintf(line, sizeof line,
             "%s and %s of different signatures in %s of %s; rundown's own troubles: %u.%s",
             findings, notes, cycles, cells, page->kinds[STOP_SEVERITY_HARNESS],
             page->kinds[STOP_SEVERITY_FINDING] == 0 && sum > 0
                 ? " What silence is worth stands beside each cell."
                 : "");
    wrap_line(page->out, 0, 0, line, page->columns);
}

/* --- leaks --- */

static void write_fact(void *context, const char *name, const char *text)
{
    struct page *page = context;
    char *line = NULL;

    if (asprintf(&line, "%-10s %s", name, text) >= 0)
        wrap_text(page->out, 2, 11, line, strlen(line), page->columns);
    free(line);
}

static void write_leak(struct page *page, const struct leak_series *leak)
{
    const struct store_cell *cell = &page->cells[leak->cell];
    char *head = NULL;
    size_t length;
    FILE *out = open_memstream(&head, &length);

    if (out == NULL)
        return;
    opinion_verdict(out, &leak->opinion, opinion_unit(leak->kind));
    fprintf(out, "  %s  %s under %s", leak->kind, cell->target, cell->injector);
    if (fclose(out) == 0)
        wrap_text(page->out, 0, 4, head, strlen(head), page->columns);
    free(head);
    leaks_facts(leak, write_fact, page);
    fputc('\n', page->out);
}

/* Of the others the number: each cell's page and the jsonl report have what they could show. */
static void write_leak_sum(struct page *page, const struct leaks *leaks, size_t told)
{
    char line[300], judged[AMOUNT_BYTES], moving[AMOUNT_BYTES];

    snprintf(line, sizeof line, "Laps: %s series judged, %s of them not constant; %zu of %zu %s.%s",
             amount_count(leaks->judged, judged), amount_count(leaks->moving, moving), told,
             leaks->count, told == 1 ? "is a leak or a suspect" : "are leaks or suspects",
             told < leaks->count ? " The smallest leak that each other could have shown:" : "");
    wrap_line(page->out, 0, 2, line, page->columns);
}

/* The worst bound of a kind stands for all cells. */
static void write_unseen(struct page *page, const struct leaks *leaks, size_t first)
{
    for (size_t i = first; i < leaks->count; i++) {
        const struct leak_series *leak = &leaks->leak[i];
        char *line = NULL;
        size_t length;
        FILE *out;

        if (leak->samples == NULL || i - first == LEAKS_UNSEEN)
            break;
        out = open_memstream(&line, &length);
        if (out == NULL)
            return;
        fprintf(out, "%-12s ", leak->kind);
        opinion_verdict(out, &leak->opinion, opinion_unit(leak->kind));
        fprintf(out, "  %s", page->cells[leak->cell].target);
        if (fclose(out) == 0)
            wrap_text(page->out, 2, 15, line, strlen(line), page->columns);
        free(line);
    }
}

static int write_leaks(struct page *page)
{
    struct leaks leaks;
    size_t told = 0;
    int code = leaks_collect(page->store, page->cells, page->cell_count, &leaks, page->e);

    for (;
         code == 0 && told < leaks.count && leaks.leak[told].verdict.verdict >= STATS_LEAK_SUSPECT;
         told++)
        if (told < LEAKS_TOLD || page->options->verbose)
            write_leak(page, &leaks.leak[told]);
    if (code == 0 && leaks.judged > 0) {
        write_leak_sum(page, &leaks, told);
        write_unseen(page, &leaks, told);
        fputc('\n', page->out);
    }
    leaks_free(&leaks);
    return code;
}

static int write_page(struct page *page)
{
    int code;

    write_meta(page);
    code = write_findings(page);
    if (code == 0)
        code = write_leaks(page);
    if (code == 0)
        code = write_table(page);
    if (code == 0)
        write_sum(page);
    return code;
}

static int write_one_finding(struct store *store, FILE *out, const struct report_options *options,
                             struct error *e)
{
    struct page_options one = {PAGE_TEXT, options->columns, options->colour};

    if (one.columns == 0)
        one.columns = COLUMNS;
    return page_write(store, options->finding, out, &one, e);
}

static int terminal_write(struct store *store, FILE *out, const struct report_options *options,
                          struct error *e)
{
    struct page page = {.store = store,
                        .out = out,
                        .options = options,
                        .columns = options->columns > 0 ? options->columns : COLUMNS,
                        .e = e};
    int code;

    if (options->finding != 0)
        return write_one_finding(store, out, options, e);
    code = store_cells(store, &page.cells, &page.cell_count, e);
    if (code != 0)
        return code;
    code = write_page(&page);
    store_cells_free(page.cells, page.cell_count);
    return code == 0 ? stream_check(out, e) : code;
}

const struct report_format report_format_terminal = {
    .name = "terminal",
    .summary = "findings in words and a table of cells, for reading",
    .file = NULL,
    .write = terminal_write,
};
