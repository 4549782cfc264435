/*
 * past: what stands beside this run: its cells in earlier nights, and the faults that were planted
 * in it. Both come from the run's own store.
 */
#include <results/html/html.h>

#include <harness/common/array.h>
#include <results/store/store.h>
#include <results/text/amount.h>
#include <results/text/calibration.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* --- planted faults -------------------------------------------------------------------------- */

static void write_missed(FILE *out, const struct calibration *calibration)
{
    unsigned named = 0;

    for (size_t i = 0; i < calibration->cells; i++) {
        const struct calibration_cell *cell = &calibration->cell[i];

        if (!cell->bad || cell->cut || cell->found)
            continue;
        fputs(named++ > 0 ? ", " : "<li>not found: ", out);
        html_text(out, cell->missing);
        fputs(" in ", out);
        html_cut(out, cell->cell->target, 60);
    }
    fputs(named > 0 ? "</li>\n" : "", out);
}

static void write_planted(FILE *out, const struct calibration *calibration)
{
    char low[AMOUNT_BYTES], high[AMOUNT_BYTES], cycles[AMOUNT_BYTES], alarms[AMOUNT_BYTES];

    fprintf(out, "<li>planted faults: %zu of %zu found", calibration->found, calibration->faults);
    if (calibration->faults > 0)
        fprintf(out, " (sensitivity %s %% to %s %%)",
                amount_percent(calibration->low, AMOUNT_DOWN, low),
                amount_percent(calibration->high, AMOUNT_UP, high));
    if (calibration->cut > 0)
        fprintf(out, "; no time for %zu more", calibration->cut);
    if (calibration->unrun > 0)
        fprintf(out, "; %zu planted cells could not be run", calibration->unrun);
    fputs("</li>\n", out);
    write_missed(out, calibration);
    if (calibration->twins > 0)
        fprintf(out, "<li>clean twins: %s false alarms in %s cycles</li>\n",
                amount_count(calibration->alarms, alarms),
                amount_count(calibration->twin_cycles, cycles));
}

int html_calibration(struct html *html, char **items, bool *good)
{
    struct calibration calibration;
    size_t length;
    FILE *out;
    int code = calibration_read(html->store, &calibration, html->e);

    *items = NULL;
    *good = true;
    if (code != 0)
        return code;
    out = open_memstream(items, &length);
    if (out == NULL) {
        calibration_free(&calibration);
        return html_no_memory(html->e);
    }
    if (calibration.cells > 0) {
        *good = calibration_passed(&calibration);
        write_planted(out, &calibration);
    }
    calibration_free(&calibration);
    return fclose(out) == 0 ? 0 : html_no_memory(html->e);
}

/* --- earlier nights -------------------------------------------------------------------------- */

/* TABLES: cells of a page that can still have a drawing and a table each. */
enum { STEP = 14, TALL = 60, BASE = 64, TABLES = 100 };

/* struct nights - those of one cell, and this one behind them. */
struct nights {
    const struct html_past *past;
    size_t count;
    struct rate tonight;
    double top;
};

static struct rate rate_of(const struct html_past *past)
{
    struct rate rate = {.cycles = past->cycles, .findings = past->findings};

    rate_bounds(&rate);
    return rate;
}

static double share_of(const struct rate *rate)
{
    return (double)rate->findings / (double)rate->cycles;
}

static struct nights find_nights(const struct html *html, size_t index)
{
    size_t first = ARRAY_FIRST(html->past_count, i, html->past[i].cell < index);
    struct nights nights = {.past = html->past + first, .tonight = html->rates[index]};

    while (first + nights.count < html->past_count && nights.past[nights.count].cell == index)
        nights.count++;
    for (size_t i = 0; i < nights.count; i++)
        nights.top = fmax(nights.top, rate_of(&nights.past[i]).high);
    if (nights.tonight.cycles > 0)
        nights.top = fmax(nights.top, nights.tonight.high);
    return nights;
}

/* One night: its interval, and the share itself as a stroke across. */
static void draw_night(FILE *out, const struct nights *nights, size_t at, const struct rate *rate)
{
    double scale = nights->top > 0 ? TALL / nights->top : 0;
    size_t x = at * STEP + STEP / 2;

    if (!rate->sane || rate->cycles == 0)
        return;
    fprintf(out, "M%zu %.0fV%.0fM%zu %.0fh8", x, BASE - rate->low * scale,
            BASE - rate->high * scale, x - 4, BASE - share_of(rate) * scale);
}

static void draw(FILE *out, const struct nights *nights)
{
    size_t wide = (nights->count + 1) * STEP;

    fprintf(out,
            "<svg class=\"nights\" viewBox=\"0 0 %zu %d\" width=\"%zu\" height=\"%d\" "
            "aria-hidden=\"true\"><path class=\"axis\" d=\"M0 %dH%zu\"/><path class=\"was\" "
            "d=\"",
            wide, BASE + 2, wide, BASE + 2, BASE, wide);
    for (size_t i = 0; i < nights->count; i++) {
        struct rate rate = rate_of(&nights->past[i]);

        draw_night(out, nights, i, &rate);
    }
    fputs("\"/><path class=\"now\" d=\"", out);
    draw_night(out, nights, nights->count, &nights->tonight);
    fputs("\"/></svg>", out);
}

static void write_percent(FILE *out, const char *before, double share)
{
    char text[AMOUNT_BYTES];

    fprintf(out, "%s%s %%", before, amount_percent(share, AMOUNT_NEAREST, text));
}

/* All nights as one sentence; the drawing says no more. */
static void write_range(FILE *out, const struct nights *nights)
{
    double low = 1, high = 0;
    char cycles[AMOUNT_BYTES], day[sizeof "2024-01-01"];
    uint64_t findings = 0, sum = 0;

    for (size_t i = 0; i < nights->count; i++) {
        struct rate rate = rate_of(&nights->past[i]);

        low = fmin(low, share_of(&rate));
        high = fmax(high, share_of(&rate));
        findings += rate.findings;
        sum += rate.cycles;
    }
    fprintf(out, "%zu night%s before, from ", nights->count, nights->count == 1 ? "" : "s");
    snprintf(day, sizeof day, "%.10s", nights->past[0].started);
    html_text(out, day);
    fputs(" on: ", out);
    if (findings == 0) {
        fprintf(out, "no finding in %s cycles", amount_count(sum, cycles));
        return;
    }
    write_percent(out, low == high ? "" : "from ", low);
    if (low != high)
        write_percent(out, " to ", high);
    fprintf(out, " of a night's cycles, %s in all", amount_count(sum, cycles));
}

static void write_table(FILE *out, const struct nights *nights)
{
    fputs("<details><summary>each night</summary><table><thead><tr><th scope=\"col\">began</th><th "
          "scope=\"col\">with findings</th></tr></thead><tbody>\n",
          out);
    for (size_t i = 0; i < nights->count; i++) {
        struct rate rate = rate_of(&nights->past[i]);
        char sentence[RATE_BYTES];

        fputs("<tr><td>", out);
        html_text(out, nights->past[i].started);
        fprintf(out, "</td><td>%s</td></tr>\n", rate_sentence(&rate, sentence));
    }
    fputs("</tbody></table></details>\n", out);
}

void html_nights(const struct html *html, size_t index)
{
    struct nights nights = find_nights(html, index);
    bool told = nights.tonight.findings > 0;
    FILE *out = html->out;

    if (html->nights < 0)
        return;
    if (nights.count == 0) {
        fputs("<p>No night before had a cycle of it.</p>\n", out);
        return;
    }
    for (size_t i = 0; i < nights.count; i++)
        told |= nights.past[i].findings > 0 && html->cell_count <= TABLES;
    if (!told) {
        fputs("<p>", out);
        write_range(out, &nights);
        fputs("</p>\n", out);
        return;
    }
    fputs("<figure class=\"wide\" tabindex=\"0\" role=\"group\" aria-label=\"Rate over "
          "nights\">",
          out);
    draw(out, &nights);
    fputs("<figcaption>", out);
    write_range(out, &nights);
    write_percent(out, "; 95 % intervals, the last is this run; full height: ", nights.top);
    fputs("</figcaption></figure>\n", out);
    if (html->cell_count <= TABLES)
        write_table(out, &nights);
}
