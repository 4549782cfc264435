/*
 * findings: the articles, worst first, within what a page can hold.
 */
#include <results/html/html.h>

#include <string.h>

static const char *heading_of(enum stop_severity severity)
{
    switch (severity) {
    case STOP_SEVERITY_FINDING:
        return "Findings";
    case STOP_SEVERITY_HARNESS:
        return "Trouble of rundown itself";
    default:
        return "Notes";
    }
}

/* Those of one weight stand together; the first has the page's anchor. */
static void write_heading(const struct html *html, size_t i)
{
    if (i > 0 && html->findings[i].severity == html->findings[i - 1].severity)
        return;
    fprintf(html->out, "<h2%s>%s</h2>\n", i == 0 ? " id=\"findings\"" : "",
            heading_of(html->findings[i].severity));
}

static void write_article(const struct html *html, const struct html_finding *finding, size_t *room)
{
    size_t extras = strlen(finding->extras);
    bool fits = extras <= *room;

    fputs(finding->article, html->out);
    if (fits) {
        *room -= extras;
        fputs(finding->extras, html->out);
    } else {
        fprintf(html->out,
                "<p class=\"dim\">Its advice, last events and output are left out here, or this "
                "page would "
                "be too large: <code>rundown report DIR --format html --finding %lld</code></p>\n",
                (long long)finding->id);
    }
    fputs("</article>\n", html->out);
}

void html_findings(struct html *html)
{
    bool all = html->options->finding != 0 || html->options->verbose;
    size_t room = all ? SIZE_MAX : HTML_EXTRAS;
    size_t end = all || html->finding_count < HTML_ARTICLES ? html->finding_count : HTML_ARTICLES;

    if (html->finding_count == 0)
        fputs(
            "<h2 id=\"findings\">Findings</h2>\n<p>None. What silence is worth stands beside each "
            "cell.</p>\n",
            html->out);
    for (size_t i = 0; i < end; i++) {
        write_heading(html, i);
        write_article(html, &html->findings[i], &room);
    }
    if (end < html->finding_count)
        fprintf(html->out,
                "<p>%zu more are left out here: <code>rundown report DIR</code> tells all.</p>\n",
                html->finding_count - end);
}
