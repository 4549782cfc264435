/*
 * article: one finding: what it means, the line that brings it back, its words, who waits for
 * whom, the last events, what was printed.
 */
#include <results/html/html.h>

#include <results/store/store.h>
#include <results/text/also.h>
#include <results/text/amount.h>
#include <results/text/escape.h>
#include <results/text/finding_text.h>

#include <stdlib.h>
#include <string.h>

enum { OUTPUT_BYTES = 4000 };

static const char *tag_of(enum stop_severity severity)
{
    switch (severity) {
    case STOP_SEVERITY_FINDING:
        return "t-bad";
    case STOP_SEVERITY_HARNESS:
        return "t-own";
    default:
        return "t-care";
    }
}

static void write_heading(FILE *out, const struct store_finding *finding,
                          const struct store_cell *cell, bool fresh)
{
    long long id = (long long)finding->id;

    fprintf(out,
            "<article class=\"finding\" id=\"f%lld\" aria-labelledby=\"t%lld\" "
            "tabindex=\"-1\">\n<h3 id=\"t%lld\"><span class=\"tag %s\">%s</span> ",
            id, id, id, tag_of(finding->severity), finding_label(finding->severity));
    html_text(out, finding->slug);
    fputs(fresh ? " <span class=\"tag t-bad\">new</span>" : "", out);
    fputs(" <span class=\"where\">", out);
    html_target(out, cell);
    fprintf(out, "</span></h3>\n");
    if (stop_code_entry(finding->code) != NULL)
        fprintf(out, "<p>%s</p>\n", stop_code_entry(finding->code)->meaning);
}

/* --- the line -------------------------------------------------------------------------------- */

/* Exactly what is to be pasted: escape_shell() has made all of it visible. */
static void write_line(FILE *out, const char *replay)
{
    char *line = NULL;
    size_t length;
    FILE *words = open_memstream(&line, &length);

    if (words == NULL)
        return;
    fputs("rundown replay ", words);
    escape_shell(words, replay);
    if (fclose(words) == 0)
        escape_xml(out, line, length, 1);
    free(line);
}

static void write_came_back(FILE *out, const struct store_finding *finding)
{
    struct rate rate = {.findings = finding->reproduced, .cycles = finding->replayed};
    char sentence[RATE_BYTES];

    if (finding->replayed == 0) {
        fputs("<p class=\"dim\">It was not tried how often that line brings it back.</p>\n", out);
        return;
    }
    rate_bounds(&rate);
    fprintf(out, "<p>That line brought it back in %s%s.", rate_sentence(&rate, sentence),
            rate.findings == 0 ? ": it hangs on the moment" : "");
    html_interval(out, &rate);
    fputs("</p>\n", out);
}

static void write_again(FILE *out, const struct store_finding *finding)
{
    if (finding->replay[0] == '\0')
        return;
    fprintf(out, "<div class=\"again\"><code id=\"r%lld\">", (long long)finding->id);
    write_line(out, finding->replay);
    fprintf(out,
            "</code> <button type=\"button\" class=\"copy\" data-copy=\"r%lld\" "
            "aria-label=\"Copy the line that brings this finding back\" "
            "hidden>Copy</button></div>\n",
            (long long)finding->id);
    write_came_back(out, finding);
}

/* --- facts ----------------------------------------------------------------------------------- */

static void write_field(FILE *out, const char *name, const char *text)
{
    if (text == NULL || *text == '\0')
        return;
    fprintf(out, "<div><dt>%s</dt><dd>", name);
    html_text(out, text);
    fputs("</dd></div>\n", out);
}

/* A page of one finding has no cells to lead to. */
static void write_cell_link(const struct html *html, FILE *out, int64_t cell)
{
    if (html->options->finding == 0)
        fprintf(out, "<a href=\"#c%lld\">cell %lld</a>", (long long)cell, (long long)cell);
    else
        fprintf(out, "cell %lld", (long long)cell);
}

static void write_often(FILE *out, const struct store_finding *finding)
{
    char times[AMOUNT_BYTES], cycles[AMOUNT_BYTES], cells[AMOUNT_BYTES];

    if (finding->repeats == 0)
        return;
    fprintf(out, "%s time%s in %s cycles", amount_count(finding->repeats, times),
            finding->repeats == 1 ? "" : "s", amount_count(finding->repeat_cycles, cycles));
    if (finding->repeat_cells > 1)
        fprintf(out, " of %s cells", amount_count(finding->repeat_cells, cells));
    fputs(", first ", out);
}

static void write_seen(const struct html *html, FILE *out, const struct store_finding *finding)
{
    bool often = finding->repeats > 0;
    char hang[AMOUNT_BYTES];

    fputs("<div><dt>seen</dt><dd>", out);
    write_often(out, finding);
    fputs("in ", out);
    write_cell_link(html, out, often ? finding->first_cell : finding->cell);
    fprintf(out, " at cycle %llu",
            (unsigned long long)(often ? finding->first_cycle : finding->cycle));
    if (finding->hang_ms >= 0)
        fprintf(out, ", %s after the last event", amount_duration(finding->hang_ms / 1e3, hang));
    fprintf(out, " (finding %lld)</dd></div>\n", (long long)finding->id);
}

static int write_facts(struct html *html, FILE *out, const struct store_finding *finding)
{
    char *also;
    int code =
        also_seen(html->store, finding->cell, finding->cycle, finding->place, &also, html->e);

    if (code != 0)
        return code;
    fputs("<dl class=\"facts\">\n", out);
    write_field(out, "injected", finding->injected);
    write_seen(html, out, finding);
    write_field(out, "also seen", also);
    write_field(out, "trace", finding->trace);
    write_field(out, "signature", finding->signature);
    fputs("</dl>\n", out);
    free(also);
    return 0;
}

/* --- the rest -------------------------------------------------------------------------------- */

static void write_words(FILE *out, const struct store_finding *finding)
{
    if (finding->text[0] == '\0')
        return;
    fputs("<pre class=\"words\" tabindex=\"0\">", out);
    html_lines(out, finding->text, strlen(finding->text));
    fputs("</pre>\n", out);
}

static void write_advice(FILE *out, const struct store_finding *finding)
{
    const struct stop_code_entry *entry = stop_code_entry(finding->code);

    if (entry == NULL)
        return;
    fputs("<details><summary>Why it happens, and what to do</summary>\n<p>", out);
    html_text(out, entry->cause);
    fputs("</p>\n<p>", out);
    html_text(out, entry->mend);
    fputs("</p></details>\n", out);
}

static void write_output(FILE *out, const struct store_finding *finding)
{
    const char *text = finding->output;
    size_t length = finding->output_bytes, skip;

    if (length == 0)
        return;
    skip = length > OUTPUT_BYTES ? length - OUTPUT_BYTES : 0;
    fprintf(out, "<details><summary>%s</summary>\n<pre tabindex=\"0\">",
            skip > 0 ? "What it printed at the end" : "What it printed");
    html_lines(out, text + skip, length - skip);
    fputs("</pre></details>\n", out);
}

static int write_chain(struct html *html, FILE *out, const struct store_finding *finding)
{
    char *waits;
    int code = store_waits_read(html->store, finding->id, &waits, html->e);

    if (code == 0)
        html_chain(out, waits, finding->id);
    free(waits);
    return code;
}

static int close_text(FILE *out, int code, struct error *e)
{
    return fclose(out) != 0 && code == 0 ? html_no_memory(e) : code;
}

static int make_article(struct html *html, const struct store_finding *finding, bool fresh,
                        char **text)
{
    size_t length;
    FILE *out = open_memstream(text, &length);
    int code;

    if (out == NULL)
        return html_no_memory(html->e);
    write_heading(out, finding, &html->cells[html_cell_index(html, finding->cell)], fresh);
    write_again(out, finding);
    write_words(out, finding);
    code = write_chain(html, out, finding);
    if (code == 0)
        code = write_facts(html, out, finding);
    return close_text(out, code, html->e);
}

static int make_extras(struct html *html, const struct store_finding *finding, char **text)
{
    size_t length;
    FILE *out = open_memstream(text, &length);
    int code;

    if (out == NULL)
        return html_no_memory(html->e);
    write_advice(out, finding);
    code = html_tracks(out, finding, html->e);
    write_output(out, finding);
    return close_text(out, code, html->e);
}

int html_article(struct html *html, const struct store_finding *finding, struct html_finding *out)
{
    int code = make_article(html, finding, out->fresh, &out->article);

    return code == 0 ? make_extras(html, finding, &out->extras) : code;
}
