/*
 * leaks: each series that rises, with its floors and all that the test says of it; the others in
 * a table, with the smallest leak that they could have shown.
 */
#include <results/html/html.h>

#include <results/store/store.h>
#include <results/text/amount.h>

enum { ROWS = 1500 };

static void write_fact(void *context, const char *name, const char *text)
{
    FILE *out = context;

    fprintf(out, "<div><dt>%s</dt><dd>", name);
    html_text(out, text);
    fputs("</dd></div>\n", out);
}

static void write_leak(const struct html *html, size_t number)
{
    const struct leak_series *leak = &html->leaks[number];
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
    leaks_facts(leak, write_fact, out);
    fputs("</dl>\n</article>\n", out);
}

/* --- those that do not rise ------------------------------------------------------------------ */

static void write_row(const struct html *html, const struct leak_series *leak)
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
    fprintf(html->out,
            "<p>%llu series were judged, of which %llu are not constant: each of those may look "
            "like a leak by chance.</p>\n",
            (unsigned long long)html->run_leaks.judged, (unsigned long long)html->run_leaks.moving);
    if (told == HTML_CHARTS)
        fprintf(html->out, "<p>Only the first %d are drawn.</p>\n", HTML_CHARTS);
    if (told < html->leak_count)
        write_table(html, told);
}
