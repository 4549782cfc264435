/*
 * leaks: each series that rises, with its floors and all that the test says of it; the others in
 * a table, with the smallest leak that they could have shown.
 */
#include <results/html/html.h>

#include <results/store/store.h>
#include <results/text/amount.h>

#include <math.h>
#include <stdlib.h>

enum { DIFFERENCES = 20, ROWS = 1500 };

static void begin_field(FILE *out, const char *name)
{
    fprintf(out, "<div><dt>%s</dt><dd>", name);
}

static void end_field(FILE *out)
{
    fputs("</dd></div>\n", out);
}

static void write_slope(FILE *out, const struct stats_leak *leak, const char *unit)
{
    char slope[AMOUNT_BYTES], low[AMOUNT_BYTES], high[AMOUNT_BYTES];

    begin_field(out, "slope");
    fprintf(out, "<b>%s %s/cycle</b>, 95 %% interval %s to %s",
            opinion_signed(leak->slope.slope, slope), unit, opinion_signed(leak->slope.low, low),
            opinion_signed(leak->slope.high, high));
    end_field(out);
    if (isfinite(leak->early_slope)) {
        begin_field(out, "before");
        fprintf(out, "%s %s/cycle in the window before", opinion_signed(leak->early_slope, slope),
                unit);
        end_field(out);
    }
    begin_field(out, "growth");
    fprintf(out, "%+lld %s over cycles %zu to %zu", leak->growth, unit, leak->floors.start[0],
            leak->floors.start[leak->floors.blocks] - 1);
    end_field(out);
    begin_field(out, "chance");
    fprintf(out, "%.2g of such a rise without a trend", leak->chance.p);
    end_field(out);
}

static void write_smallest(FILE *out, const struct opinion *opinion, const char *unit)
{
    char even[AMOUNT_BYTES], more[AMOUNT_BYTES];

    if (!opinion_is_bounded(opinion))
        return;
    begin_field(out, "smallest");
    fprintf(out, "it would have shown a leak of %s %s/cycle at even odds, of %s likely",
            opinion_bound(opinion->smallest.per_lap, even), unit,
            opinion_bound(opinion_likely(opinion), more));
    end_field(out);
}

static void write_rest(FILE *out, const struct opinion *opinion)
{
    begin_field(out, "floor");
    if (opinion->leak.quiet > 0)
        fprintf(out, "no new one for %zu cycles", opinion->leak.quiet);
    else
        fputs("a new one in the last block", out);
    end_field(out);
    if (opinion->leak.verdict == STATS_LEAK_SUSPECT) {
        begin_field(out, "next");
        fprintf(out, "not proved; %zu cycles would tell", opinion_needs(opinion));
        end_field(out);
    }
    if (opinion->trail.withdrawn_at != 0) {
        begin_field(out, "withdrawn");
        fprintf(out, "it was a leak at %zu cycles, which %zu did not confirm",
                opinion->trail.leak_at, opinion->trail.withdrawn_at);
        end_field(out);
    }
}

static void write_differences(FILE *out, const struct html_leak *leak)
{
    size_t first = leak->count > DIFFERENCES ? leak->count - DIFFERENCES : 1;

    if (leak->count < 2)
        return;
    begin_field(out, "last steps");
    for (size_t i = first; i < leak->count; i++) {
        long long step = leak->samples[i] - leak->samples[i - 1];

        fprintf(out, step != 0 ? "%s%+lld" : "%s%lld", i > first ? " " : "", step);
    }
    end_field(out);
}

static void write_series(FILE *out, const struct html_leak *leak)
{
    char count[AMOUNT_BYTES], many[AMOUNT_BYTES];

    begin_field(out, "series");
    fprintf(out, "cycle %llu, %s samples, kind %s, in steps of %lld",
            (unsigned long long)leak->cycle, amount_count(leak->count, count),
            stats_leak_kind_name(leak->opinion.kind), leak->opinion.quantum);
    if (leak->series > 1)
        fprintf(out, "; the worst of %s", amount_count(leak->series, many));
    if (leak->behind > 0)
        fprintf(out, "; %s behind a gap left out", amount_count(leak->behind, many));
    end_field(out);
}

static void write_leak(const struct html *html, size_t number)
{
    const struct html_leak *leak = &html->leaks[number];
    const struct opinion *opinion = &leak->opinion;
    const char *unit = opinion_unit(leak->kind);
    FILE *out = html->out;

    fprintf(out,
            "<article class=\"leak\" id=\"l%zu\" tabindex=\"-1\">\n<h3><span class=\"tag %s\">",
            number, opinion->leak.verdict == STATS_LEAK_FOUND ? "t-bad" : "t-care");
    opinion_verdict(out, opinion, unit);
    fputs("</span> ", out);
    html_text(out, leak->kind);
    fputs(" <span class=\"where\">", out);
    html_target(out, &html->cells[leak->cell]);
    fprintf(out, "</span></h3>\n<p><b>%s</b>: %s.</p>\n",
            stats_leak_class_name(opinion->leak.class), opinion_class_meaning(opinion->leak.class));
    html_floors(out, leak, number);
    fputs("<dl class=\"facts\">\n", out);
    write_slope(out, &opinion->leak, unit);
    write_smallest(out, opinion, unit);
    write_rest(out, opinion);
    write_series(out, leak);
    write_differences(out, leak);
    fputs("</dl>\n</article>\n", out);
}

/* --- those that do not rise ------------------------------------------------------------------ */

static void write_row(const struct html *html, const struct html_leak *leak)
{
    char count[AMOUNT_BYTES];

    fprintf(html->out, "<tr><td><a href=\"#c%lld\">", (long long)html->cells[leak->cell].id);
    html_cut(html->out, html->cells[leak->cell].target, 60);
    fputs(" × ", html->out);
    html_cut(html->out, html->cells[leak->cell].injector, 30);
    fputs("</a></td><td>", html->out);
    html_text(html->out, leak->kind);
    fprintf(html->out, "</td><td class=\"n\">%s</td><td>", amount_count(leak->count, count));
    if (leak->samples != NULL)
        opinion_verdict(html->out, &leak->opinion, opinion_unit(leak->kind));
    else
        fputs("none of its samples can be used", html->out);
    fprintf(html->out, "</td><td>%s</td></tr>\n",
            leak->samples != NULL ? stats_leak_class_name(leak->opinion.leak.class) : "");
}

static void write_table(const struct html *html, size_t first)
{
    size_t end = html->leak_count < first + ROWS ? html->leak_count : first + ROWS;

    fputs("<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"Other "
          "series\">\n<table>\n<caption>Series in which no leak was seen, and how small one they "
          "would likely have shown</caption>\n<thead><tr><th scope=\"col\">cell</th><th "
          "scope=\"col\">series</th><th scope=\"col\">cycles</th><th "
          "scope=\"col\">verdict</th><th scope=\"col\">class</th></tr></thead>\n<tbody>\n",
          html->out);
    for (size_t i = first; i < end; i++)
        write_row(html, &html->leaks[i]);
    fputs("</tbody>\n</table>\n</div>\n", html->out);
    if (end < html->leak_count)
        fprintf(html->out,
                "<p>%zu more series are left out here: <code>rundown report DIR --format "
                "csv</code> has all.</p>\n",
                html->leak_count - end);
}

void html_leaks(struct html *html)
{
    size_t told = 0;

    fputs("<h2 id=\"leaks\">Leaks</h2>\n", html->out);
    if (html->leak_count == 0) {
        fputs("<p>No series was taken. <code>--laps</code>, with 25 laps or more, takes "
              "them.</p>\n",
              html->out);
        return;
    }
    while (told < html->leak_count && told < HTML_CHARTS &&
           html->leaks[told].verdict.verdict >= STATS_LEAK_SUSPECT)
        write_leak(html, told++);
    if (told == HTML_CHARTS)
        fprintf(html->out, "<p>Only the first %d are drawn.</p>\n", HTML_CHARTS);
    if (told < html->leak_count)
        write_table(html, told);
}
