/*
 * html: a run as one page: opens from disk, asks no network, reads well without scripts.
 *
 * The parts stand in results/html; this puts them in order. What the page may run is in its
 * policy by hash, and nothing of a target's is in a script.
 */
#include <harness/report.h>

#include <results/html/html.h>
#include <results/store/store.h>
#include <results/text/stream.h>

static void write_head(struct html *html)
{
    fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n", html->out);
    html_policy(html->out);
    fputs("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta "
          "name=\"color-scheme\" content=\"light dark\">\n<meta name=\"referrer\" "
          "content=\"no-referrer\">\n<title>rundown report</title>\n<style>",
          html->out);
    fputs(html_style, html->out);
    fputs("</style>\n</head>\n<body>\n<a class=\"skip\" href=\"#main\">To the results</a>\n",
          html->out);
}

static void write_end(struct html *html)
{
    fputs("</main>\n<footer><p>Written by rundown " RUNDOWN_VERSION
          " from the run's own store. A cycle whose injection did not fire counts for nothing; no "
          "finding in n cycles is a bound, never a promise.</p></footer>\n<script>",
          html->out);
    fputs(html_script, html->out);
    fputs("</script>\n</body>\n</html>\n", html->out);
}

static int write_page(struct html *html)
{
    int code;

    write_head(html);
    html_tip(html->out);
    code = html_summary(html);
    if (html->options->finding == 0)
        html_heat_map(html);
    html_findings(html);
    if (html->options->finding == 0) {
        html_leaks(html);
        html_cells(html);
    }
    write_end(html);
    return code == 0 ? html->code : code;
}

static int html_write(struct store *store, FILE *out, const struct report_options *options,
                      struct error *e)
{
    struct html html = {.store = store, .out = out, .options = options, .e = e};
    int code = html_collect(&html);

    if (code == 0)
        code = write_page(&html);
    html_release(&html);
    return code == 0 ? stream_check(out, e) : code;
}

const struct report_format report_format_html = {
    .name = "html",
    .summary = "the run as one page for a browser: map, findings, leaks",
    .file = "report.html",
    .write = html_write,
};
