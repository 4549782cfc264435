/*
 * charts: small drawings, inline SVG: how sure a rate is, how long cycles took, how floors rise.
 *
 * A drawing carries no text of a target and no colour of its own: classes, which the style paints
 * for light, dark and paper. What it shows is also said in words beside it.
 */
#include <results/html/html.h>

#include <results/store/latency.h>
#include <results/store/store.h>
#include <results/text/amount.h>
#include <results/text/json_write.h>

#include <math.h>
#include <stdlib.h>

/* --- a rate ---------------------------------------------------------------------------------- */

enum { BAR = 160 };

void html_interval(FILE *out, const struct rate *rate)
{
    double point;

    if (!rate->sane || rate->cycles == 0)
        return;
    point = (double)rate->findings / (double)rate->cycles;
    fprintf(out,
            " <svg class=\"bar\" viewBox=\"0 0 %d 10\" width=\"%d\" height=\"10\" "
            "aria-hidden=\"true\"><rect class=\"base\" width=\"%d\" height=\"10\"/><rect "
            "class=\"span\" x=\"%.1f\" width=\"%.1f\" height=\"10\"/><rect class=\"point\" "
            "x=\"%.1f\" width=\"2\" height=\"10\"/></svg>",
            BAR, BAR, BAR, rate->low * BAR, fmax((rate->high - rate->low) * BAR, 1),
            fmin(point * BAR, BAR - 2));
}

/* --- how long cycles took ----------------------------------------------------------------------
 */

enum { BUCKET = 10, HIST_HIGH = 48 };

static void bucket_range(const struct store_cell *cell, int *first, int *last)
{
    *first = ABI_HISTOGRAM;
    *last = -1;
    for (int i = 0; i < ABI_HISTOGRAM; i++)
        if (cell->histogram[i] > 0) {
            *first = i < *first ? i : *first;
            *last = i;
        }
}

static uint32_t tallest(const struct store_cell *cell)
{
    uint32_t most = 1;

    for (int i = 0; i < ABI_HISTOGRAM; i++)
        most = cell->histogram[i] > most ? cell->histogram[i] : most;
    return most;
}

/* Square roots: one cycle among a million still shows. */
static void write_bars(FILE *out, const struct store_cell *cell, int first, int last)
{
    double most = sqrt(tallest(cell));

    fputs("<path class=\"bars\" d=\"", out);
    for (int i = first; i <= last; i++)
        if (cell->histogram[i] > 0)
            fprintf(out, "M%d %dv-%.0f", (i - first) * BUCKET + BUCKET / 2, HIST_HIGH,
                    fmax(sqrt(cell->histogram[i]) / most * HIST_HIGH, 1));
    fputs("\"/>", out);
}

void html_histogram(FILE *out, const struct store_cell *cell)
{
    char low[AMOUNT_BYTES], high[AMOUNT_BYTES];
    int first, last, wide;

    bucket_range(cell, &first, &last);
    if (last < 0)
        return;
    wide = (last - first + 1) * BUCKET;
    amount_duration(exp2(first / 4.0) / 1e6, low);
    amount_duration(exp2((last + 1) / 4.0) / 1e6, high);
    fprintf(out,
            "<figure class=\"hist\"><svg viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" "
            "role=\"img\" aria-label=\"How long cycles took: from %s to %s\">",
            wide, HIST_HIGH, wide, HIST_HIGH, low, high);
    write_bars(out, cell, first, last);
    fprintf(out,
            "</svg><figcaption>%s to %s a cycle; heights are square roots of "
            "counts</figcaption></figure>\n",
            low, high);
}

/* --- floors ------------------------------------------------------------------------------------
 */

enum { WIDE = 720, HIGH = 220, LEFT = 90, RIGHT = 10, TOP = 12, BOTTOM = 26, WARM_UP = 5 };

/* struct scale - from laps and values to the drawing. */
struct scale {
    double low, high, last;
};

static double at_x(const struct scale *scale, double lap)
{
    return LEFT + lap / fmax(scale->last, 1) * (WIDE - LEFT - RIGHT);
}

static double at_y(const struct scale *scale, double value)
{
    double range = scale->high - scale->low;
    double share = range > 0 ? (value - scale->low) / range : 0.5;

    return HIGH - BOTTOM - share * (HIGH - TOP - BOTTOM);
}

static struct scale scale_of(const struct leak_series *leak)
{
    struct scale scale = {.low = (double)leak->samples[0],
                          .high = (double)leak->samples[0],
                          .last = (double)(leak->count - 1)};

    for (size_t i = 1; i < leak->count; i++) {
        scale.low = fmin(scale.low, (double)leak->samples[i]);
        scale.high = fmax(scale.high, (double)leak->samples[i]);
    }
    return scale;
}

static size_t slice_of(const struct leak_series *leak, size_t slices, size_t i)
{
    return leak->count / slices * i + leak->count % slices * i / slices;
}

/* Of a long series the least and the greatest of each slice: neither a floor nor a peak is lost. */
static void write_samples(FILE *out, const struct leak_series *leak, const struct scale *scale)
{
    size_t slices = leak->count < HTML_POINTS ? leak->count : HTML_POINTS;

    fputs("<path class=\"line\" d=\"", out);
    for (size_t i = 0; i < slices; i++) {
        size_t first = slice_of(leak, slices, i), end = slice_of(leak, slices, i + 1);
        size_t low = first, high = first;

        for (size_t j = first; j < end; j++) {
            low = leak->samples[j] < leak->samples[low] ? j : low;
            high = leak->samples[j] > leak->samples[high] ? j : high;
        }
        fprintf(out, "%c%.1f %.1f", i == 0 ? 'M' : 'L', at_x(scale, (double)low),
                at_y(scale, (double)leak->samples[low]));
        if (high != low)
            fprintf(out, "V%.1f", at_y(scale, (double)leak->samples[high]));
    }
    fputs("\"/>", out);
}

static void write_band(FILE *out, const char *class, const struct scale *scale, double from,
                       double to)
{
    fprintf(out, "<rect class=\"%s\" x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"%d\"/>", class,
            at_x(scale, from), TOP, fmax(at_x(scale, to) - at_x(scale, from), 0),
            HIGH - TOP - BOTTOM);
}

static void write_floors(FILE *out, const struct leak_series *leak, const struct scale *scale)
{
    const struct stats_floors *floors = &leak->opinion.leak.floors;

    fputs("<path class=\"floor\" d=\"", out);
    for (int i = 0; i < floors->blocks; i++)
        fprintf(out, "M%.1f %.1fH%.1f", at_x(scale, (double)floors->start[i]),
                at_y(scale, (double)floors->low[i]), at_x(scale, (double)floors->start[i + 1] - 1));
    fputs("\"/>", out);
}

static void write_axes(FILE *out, const struct leak_series *leak, const struct scale *scale)
{
    char low[AMOUNT_BYTES], high[AMOUNT_BYTES], lap[AMOUNT_BYTES];

    snprintf(low, sizeof low, "%.0f", scale->low);
    snprintf(high, sizeof high, "%.0f", scale->high);
    fprintf(out, "<path class=\"axis\" d=\"M%d %dV%dH%d\"/>", LEFT, TOP, HIGH - BOTTOM,
            WIDE - RIGHT);
    if (scale->high > scale->low)
        fprintf(out, "<text class=\"end\" x=\"%d\" y=\"%.1f\">%s</text>", LEFT - 6,
                at_y(scale, scale->high) + 4, high);
    fprintf(out, "<text class=\"end\" x=\"%d\" y=\"%.1f\">%s</text>", LEFT - 6,
            at_y(scale, scale->low) + 4, low);
    fprintf(out,
            "<text x=\"%d\" y=\"%d\">lap %llu</text><text class=\"end\" x=\"%d\" "
            "y=\"%d\">%s</text>",
            LEFT, HIGH - 8, (unsigned long long)leak->first_lap, WIDE - RIGHT, HIGH - 8,
            amount_count(leak->first_lap + leak->count - 1, lap));
}

/* For the script: numbers alone. */
static void write_data(FILE *out, const struct leak_series *leak)
{
    size_t step = leak->count / (4 * HTML_POINTS) + 1;

    fprintf(out, "<script type=\"application/json\">{\"first\":%llu,\"step\":%zu,\"value\":[",
            (unsigned long long)leak->first_lap, step);
    for (size_t i = 0; i < leak->count; i += step)
        fprintf(out, "%s%lld", i > 0 ? "," : "", leak->samples[i]);
    fputs("]}</script>", out);
}

void html_floors(FILE *out, const struct leak_series *leak, size_t number)
{
    const struct stats_floors *floors = &leak->opinion.leak.floors;
    bool judged = leak->opinion.leak.verdict >= STATS_LEAK_CLEAN;
    struct scale scale = scale_of(leak);

    fprintf(out,
            "<figure class=\"chart\"><svg viewBox=\"0 0 %d %d\" role=\"img\" "
            "aria-labelledby=\"g%zu\" data-box=\"%d %d %d %d\"><title id=\"g%zu\">%zu samples, "
            "from %lld to %lld</title>",
            WIDE, HIGH, number, LEFT, TOP, WIDE - RIGHT, HIGH - BOTTOM, number, leak->count,
            leak->samples[0], leak->samples[leak->count - 1]);
    write_band(out, "warm", &scale, 0, fmin(WARM_UP, scale.last));
    if (judged)
        write_band(out, "window", &scale, (double)floors->start[0],
                   (double)floors->start[floors->blocks] - 1);
    write_samples(out, leak, &scale);
    if (judged)
        write_floors(out, leak, &scale);
    write_axes(out, leak, &scale);
    fputs("</svg>", out);
    write_data(out, leak);
    fprintf(out, "<figcaption>%s after each lap; grey: warm-up%s</figcaption></figure>\n",
            opinion_unit(leak->kind),
            judged ? "; tinted: the window that was judged, thick: the least of each of its blocks"
                   : "");
}
