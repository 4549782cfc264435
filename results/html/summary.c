/*
 * summary: what is read in ten seconds: can it be trusted, what was found, what leaks.
 */
#include <results/html/html.h>

#include <results/store/store.h>
#include <results/text/amount.h>

#include <stdlib.h>
#include <string.h>

enum { NAMED = 5, LISTED = 12, LEAKS_LISTED = 8 };

/* --- trust ----------------------------------------------------------------------------------- */

/* struct sums - of all cells. @mute: cells whose very point mostly did not fire. */
struct sums {
    uint64_t cycles, counted, broken, not_fired, skipped;
    size_t cells_skipped, mute;
};

/* A point that was named to the instruction has a hit number. */
static bool is_mute(const struct store_cell *cell)
{
    return strchr(cell->injector, '#') != NULL && cell->next > 0 &&
           cell->not_fired * 2 > cell->next;
}

static struct sums add_up(const struct html *html)
{
    struct sums sums = {0};

    for (size_t i = 0; i < html->cell_count; i++) {
        const struct store_cell *cell = &html->cells[i];

        sums.cycles += cell->next;
        sums.counted += cell->passed + cell->failed;
        sums.broken += cell->broken;
        sums.not_fired += cell->not_fired;
        sums.skipped += cell->skipped;
        sums.cells_skipped += cell->next == 0 && cell->state[0] != '\0';
        sums.mute += is_mute(cell);
    }
    return sums;
}

static void count_words(FILE *out, uint64_t count, const char *noun)
{
    char number[AMOUNT_BYTES];

    fprintf(out, "%s %s%s", amount_count(count, number), noun, count == 1 ? "" : "s");
}

/* Links to the first few cells that something is to be said of, behind @before. */
static void name_cells(const struct html *html, const char *before,
                       bool (*concerned)(const struct store_cell *cell))
{
    unsigned named = 0;

    for (size_t i = 0; i < html->cell_count; i++) {
        const struct store_cell *cell = &html->cells[i];

        if (!concerned(cell) || named++ >= NAMED)
            continue;
        fprintf(html->out, "%s<a href=\"#c%lld\">", named > 1 ? ", " : before, (long long)cell->id);
        html_cut(html->out, cell->target, 60);
        fputs(" × ", html->out);
        html_cut(html->out, cell->injector, 40);
        fputs("</a>", html->out);
    }
    if (named > NAMED)
        fprintf(html->out, " and %u more", named - NAMED);
}

static bool is_broken(const struct store_cell *cell)
{
    return cell->broken > 0;
}

static bool half_fired(const struct store_cell *cell)
{
    return cell->next > 0 && cell->not_fired * 2 > cell->next;
}

static bool was_skipped(const struct store_cell *cell)
{
    return cell->next == 0 && cell->state[0] != '\0';
}

static void trust_item(const struct html *html, uint64_t count, const char *noun, const char *rest,
                       const char *before, bool (*concerned)(const struct store_cell *cell))
{
    if (count == 0)
        return;
    fputs("<li>", html->out);
    count_words(html->out, count, noun);
    fputs(rest, html->out);
    name_cells(html, before, concerned);
    fputs("</li>\n", html->out);
}

static bool has_ended(const struct html *html)
{
    char *ended;

    if (store_meta_get(html->store, "ended", &ended, NULL) != 0)
        return false;
    free(ended);
    return true;
}

/* The rule of the exit status, and what else a careful reader should know. */
static int write_trust(struct html *html)
{
    struct sums sums = add_up(html);
    char *planted;
    bool found;
    int code = html_calibration(html, &planted, &found);
    bool no = sums.broken > 0 || sums.mute > 0 || sums.cycles == 0 || !found;
    bool care = sums.not_fired > 0 || sums.cells_skipped > 0 || !has_ended(html);

    fprintf(html->out,
            "<section class=\"card %s\" aria-labelledby=\"trust\">\n<h3 id=\"trust\">Can it be "
            "trusted?</h3>\n<p class=\"say\">%s</p>\n<ul>\n<li>",
            no     ? "bad"
            : care ? "care"
                   : "good",
            no     ? "No."
            : care ? "Yes, with care."
                   : "Yes.");
    count_words(html->out, sums.cycles, "cycle");
    fputs(" in ", html->out);
    count_words(html->out, html->cell_count, "cell");
    if (sums.broken == 0)
        fputs(", none broken", html->out);
    fputs("</li>\n", html->out);
    if (!has_ended(html))
        fputs("<li>the run had not ended when this was written, or it was cut off</li>\n",
              html->out);
    trust_item(html, sums.broken, "cycle", " broken: rundown itself failed there", ": ", is_broken);
    trust_item(html, sums.not_fired, "cycle",
               " whose injection did not fire, left out of the rates",
               "; more than half of those of ", half_fired);
    trust_item(html, sums.cells_skipped, "cell", " skipped", ": ", was_skipped);
    if (planted != NULL)
        fputs(planted, html->out);
    free(planted);
    fputs("</ul>\n</section>\n", html->out);
    return code;
}

/* --- findings -------------------------------------------------------------------------------- */

static void write_link(const struct html *html, const struct html_finding *finding)
{
    const struct store_cell *cell = &html->cells[html_cell_index(html, finding->cell)];
    char times[AMOUNT_BYTES], cycles[AMOUNT_BYTES];

    fprintf(html->out, "<li><a href=\"#f%lld\"><b>", (long long)finding->id);
    html_text(html->out, finding->slug);
    fputs("</b></a> ", html->out);
    fputs(finding->fresh ? "<span class=\"tag t-bad\">new</span>" : "", html->out);
    html_cut(html->out, cell->target, 60);
    if (finding->repeats > 0)
        fprintf(html->out, " <span class=\"dim\">%s of %s</span>",
                amount_count(finding->repeats, times),
                amount_count(finding->repeat_cycles, cycles));
    fputs("</li>\n", html->out);
}

static size_t of_severity(const struct html *html, enum stop_severity severity)
{
    size_t count = 0;

    for (size_t i = 0; i < html->finding_count; i++)
        count += html->findings[i].severity == severity;
    return count;
}

/* Told from signatures alone; what rates did stands beside each cell. */
static void write_new(const struct html *html)
{
    size_t fresh = 0;

    for (size_t i = 0; i < html->finding_count; i++)
        fresh += html->findings[i].fresh;
    if (html->nights < 0)
        return;
    if (html->nights == 0)
        fputs("<p>There is no night before it: all is new.</p>\n", html->out);
    else {
        if (fresh == 0)
            fputs("<p>Nothing new since ", html->out);
        else
            fprintf(html->out, "<p><b>%zu new</b> since ", fresh);
        fputs("the ", html->out);
        if (html->nights == 1)
            fputs("night", html->out);
        else
            count_words(html->out, (uint64_t)html->nights, "night");
        fputs(" before.</p>\n", html->out);
    }
}

/* New ones first; within that worst first. */
static size_t list_found(const struct html *html, bool fresh, size_t listed)
{
    for (size_t i = 0; i < html->finding_count && listed < LISTED; i++)
        if (html->findings[i].severity == STOP_SEVERITY_FINDING &&
            html->findings[i].fresh == fresh) {
            write_link(html, &html->findings[i]);
            listed++;
        }
    return listed;
}

static void write_found(const struct html *html)
{
    size_t findings = of_severity(html, STOP_SEVERITY_FINDING);
    size_t notes = of_severity(html, STOP_SEVERITY_NOTE), listed;

    fprintf(html->out,
            "<section class=\"card %s\" aria-labelledby=\"found\">\n<h3 id=\"found\">What was "
            "found</h3>\n<p class=\"say\">",
            findings > 0 ? "bad" : "good");
    if (findings > 0)
        count_words(html->out, findings, "finding");
    else
        fputs("Nothing", html->out);
    if (notes > 0) {
        fputs(findings > 0 ? " and " : ", but ", html->out);
        count_words(html->out, notes, "note");
    }
    fputs(".</p>\n", html->out);
    write_new(html);
    fputs(findings > 0 ? "<ol>\n" : "<p>What silence is worth stands beside each cell.</p>\n",
          html->out);
    listed = list_found(html, true, 0);
    listed = list_found(html, false, listed);
    fputs(findings > 0 ? "</ol>\n" : "", html->out);
    if (findings > listed)
        fprintf(html->out, "<p>and %zu more, <a href=\"#findings\">below</a></p>\n",
                findings - listed);
    fputs("</section>\n", html->out);
}

/* --- leaks ----------------------------------------------------------------------------------- */

static size_t with_verdict(const struct html *html, enum stats_leak_verdict verdict)
{
    size_t count = 0;

    for (size_t i = 0; i < html->leak_count; i++)
        count += html->leaks[i].verdict.verdict == verdict;
    return count;
}

static void leak_link(const struct html *html, size_t number)
{
    const struct leak_series *leak = &html->leaks[number];
    char slope[AMOUNT_BYTES], low[AMOUNT_BYTES], high[AMOUNT_BYTES];

    fprintf(html->out, "<li><a href=\"#l%zu\"><b>", number);
    html_text(html->out, leak->kind);
    fprintf(html->out, "</b></a> %s <span class=\"dim\">(%s to %s)</span> %s/cycle, ",
            opinion_signed(leak->opinion.leak.slope.slope, slope),
            opinion_signed(leak->opinion.leak.slope.low, low),
            opinion_signed(leak->opinion.leak.slope.high, high), opinion_unit(leak->kind));
    html_cut(html->out, html->cells[leak->cell].target, 44);
    if (leak->verdict.verdict == STATS_LEAK_SUSPECT)
        fputs(" <span class=\"dim\">suspect</span>", html->out);
    fputs("</li>\n", html->out);
}

static void say_leaks(const struct html *html, size_t leaks, size_t suspects)
{
    char series[AMOUNT_BYTES];

    amount_count(html->leak_count, series);
    fputs("<p class=\"say\">", html->out);
    if (html->leak_count == 0)
        fputs("Not looked at.</p>\n<p>Series of samples come with <code>--laps</code>, 25 laps or "
              "more.</p>\n",
              html->out);
    else if (leaks + suspects == 0)
        fprintf(html->out,
                "None seen.</p>\n<p>In %s series; the smallest leak that each could have shown "
                "<a href=\"#leaks\">stands beside it</a>.</p>\n",
                series);
    else {
        count_words(html->out, leaks, "leak");
        fputs(", ", html->out);
        count_words(html->out, suspects, "suspect");
        fprintf(html->out, ".</p>\n<p>In %s series.</p>\n", series);
    }
}

static void write_leaking(const struct html *html)
{
    size_t leaks = with_verdict(html, STATS_LEAK_FOUND);
    size_t suspects = with_verdict(html, STATS_LEAK_SUSPECT);

    fprintf(html->out,
            "<section class=\"card %s\" aria-labelledby=\"leaking\">\n<h3 id=\"leaking\">What "
            "leaks</h3>\n",
            leaks > 0              ? "bad"
            : suspects > 0         ? "care"
            : html->leak_count > 0 ? "good"
                                   : "none");
    say_leaks(html, leaks, suspects);
    fputs(leaks + suspects > 0 ? "<ol>\n" : "", html->out);
    for (size_t i = 0; i < leaks + suspects && i < LEAKS_LISTED; i++)
        leak_link(html, i);
    fputs(leaks + suspects > 0 ? "</ol>\n" : "", html->out);
    if (leaks + suspects > LEAKS_LISTED)
        fprintf(html->out, "<p>and %zu more, <a href=\"#leaks\">below</a></p>\n",
                leaks + suspects - LEAKS_LISTED);
    fputs("</section>\n", html->out);
}

/* --- the head of the page -------------------------------------------------------------------- */

static void write_meta(const struct html *html)
{
    static const char *const keys[] = {"command", "seed",     "started", "ended",
                                       "machine", "recorder", "version"};

    fputs("<dl class=\"meta\">\n", html->out);
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        char *value;

        if (store_meta_get(html->store, keys[i], &value, NULL) != 0)
            continue;
        fprintf(html->out, "<div><dt>%s</dt><dd>", keys[i]);
        html_text(html->out, value);
        fputs("</dd></div>\n", html->out);
        free(value);
    }
    fputs("</dl>\n", html->out);
}

int html_summary(struct html *html)
{
    int code;

    fputs("<header>\n<h1>rundown report</h1>\n", html->out);
    write_meta(html);
    fputs("</header>\n<main id=\"main\">\n", html->out);
    if (html->options->finding != 0)
        return 0;
    fputs("<nav aria-label=\"Parts of this page\"><a href=\"#map\">Map</a> <a "
          "href=\"#findings\">Findings</a> <a href=\"#leaks\">Leaks</a> <a "
          "href=\"#cells\">Cells</a></nav>\n<h2 class=\"sr\">In short</h2>\n<div "
          "class=\"cards\">\n",
          html->out);
    code = write_trust(html);
    write_found(html);
    write_leaking(html);
    fputs("</div>\n", html->out);
    return code;
}
