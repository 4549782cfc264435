/*
 * cells: what is known of each cell: its rate with the interval, how long its cycles took, and
 * what was remarked. Those with something to tell come first, the others behind a fold.
 */
#include <results/html/html.h>

#include <results/store/latency.h>
#include <results/store/store.h>
#include <results/text/amount.h>

#include <string.h>

enum { FOLD_FROM = 12 };

void html_target(FILE *out, const struct store_cell *cell)
{
    html_text(out, cell->target);
    fputs(" <span class=\"dim\">×</span> ", out);
    html_text(out, cell->injector);
}

static void write_count(FILE *out, const char *name, uint64_t count)
{
    char number[AMOUNT_BYTES];

    fprintf(out, "<div><dt>%s</dt><dd>%s</dd></div>", name, amount_count(count, number));
}

static void write_quantile(FILE *out, const struct store_cell *cell, const char *name, double share)
{
    struct latency latency;
    char number[AMOUNT_BYTES];

    if (latency_quantile(cell->histogram, share, &latency) != 0)
        return;
    fprintf(out, "<div><dt>%s</dt><dd>%s%s</dd></div>", name,
            latency.above   ? "over "
            : latency.below ? "under "
                            : "",
            amount_duration(latency.microseconds / 1e6, number));
}

static void write_counts(FILE *out, const struct store_cell *cell)
{
    fputs("<dl class=\"row\">", out);
    write_count(out, "cycles", cell->next);
    write_count(out, "passed", cell->passed);
    write_count(out, "failed", cell->failed);
    write_count(out, "broken", cell->broken);
    write_count(out, "not fired", cell->not_fired);
    write_quantile(out, cell, "median", 0.5);
    write_quantile(out, cell, "95 %", 0.95);
    fputs("</dl>\n", out);
}

static void write_remarks(FILE *out, const char *remark, const char *text)
{
    while (*text != '\0') {
        size_t length = strcspn(text, "\n");

        fprintf(out, "<p class=\"remark\">%s", remark);
        html_lines(out, text, length);
        fputs("</p>\n", out);
        text += length;
        text += *text == '\n';
    }
}

static void write_findings_of(const struct html *html, const struct store_cell *cell)
{
    bool any = false;

    for (size_t i = 0; i < html->finding_count; i++) {
        const struct html_finding *finding = &html->findings[i];

        if (finding->cell != cell->id)
            continue;
        fprintf(html->out, "%s<a href=\"#f%lld\">",
                any ? ", " : "<p>First seen here: ", (long long)finding->id);
        html_text(html->out, finding->slug);
        fputs("</a>", html->out);
        any = true;
    }
    fputs(any ? "</p>\n" : "", html->out);
}

static void write_cell(const struct html *html, size_t index)
{
    const struct store_cell *cell = &html->cells[index];
    const struct rate *rate = &html->rates[index];
    char sentence[RATE_BYTES];
    FILE *out = html->out;

    fprintf(out, "<section class=\"cell\" id=\"c%lld\" tabindex=\"-1\">\n<h3>",
            (long long)cell->id);
    html_target(out, cell);
    fputs("</h3>\n", out);
    if (cell->next > 0 || cell->state[0] == '\0') {
        fprintf(out, "<p>With findings: %s", rate_sentence(rate, sentence));
        html_interval(out, rate);
        fputs("</p>\n", out);
        write_counts(out, cell);
        html_histogram(out, cell);
        html_nights(html, index);
    }
    write_remarks(out, cell->next > 0 ? "stopped: " : "skipped: ", cell->state);
    write_remarks(out, "note: ", cell->notes);
    write_findings_of(html, cell);
    fputs("</section>\n", out);
}

static bool tells(const struct html *html, size_t index)
{
    return html->rates[index].findings > 0 || html->cells[index].broken > 0 ||
           html->cell_count < FOLD_FROM;
}

void html_cells(struct html *html)
{
    size_t quiet = 0;

    fputs("<h2 id=\"cells\">Cells</h2>\n<p>Rates leave out cycles that were broken or skipped, or "
          "in which the injection did not fire.</p>\n",
          html->out);
    for (size_t i = 0; i < html->cell_count; i++)
        if (tells(html, i))
            write_cell(html, i);
        else
            quiet++;
    if (quiet == 0)
        return;
    fprintf(html->out, "<details class=\"fold\"><summary>%zu cells without findings</summary>\n",
            quiet);
    for (size_t i = 0; i < html->cell_count; i++)
        if (!tells(html, i))
            write_cell(html, i);
    fputs("</details>\n", html->out);
}
