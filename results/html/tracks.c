/*
 * tracks: the last events of a cycle, a row for each thread, and the same as a list.
 *
 * Events stand at equal distances in their order: what decided a cycle lies within microseconds,
 * and what went before it may be seconds away. The times stand below and in the list.
 */
#include <results/html/html.h>

#include <results/store/store.h>
#include <results/text/amount.h>
#include <results/text/moments.h>
#include <results/text/utf8.h>

#include <stdlib.h>
#include <string.h>

enum {
    SHOWN = 64,
    ROWS = 24,
    LEFT = 100,
    STEP_MOST = 36,
    STEP_LEAST = 13,
    WIDE = 760,
    ROW = 26,
    TOP = 20,
    BOTTOM = 22,
    OPEN_MAX = 16,
    SILENCE_WIDE = 200,
    LAST_WIDE = 130,
    NAME_COLUMNS = 8,
    LETTER = 7, /* wide */
};

/* struct tracks - the moments shown are first .. count - 1. */
struct tracks {
    FILE *out;
    const struct moments *moments;
    size_t first, shown;
    size_t rows;
    int step, wide, high;
    bool silence;
};

static int x_of(const struct tracks *tracks, size_t moment)
{
    return LEFT + (int)(moment - tracks->first) * tracks->step + tracks->step / 2;
}

static int y_of(int row)
{
    return TOP + row * ROW + ROW / 2;
}

static int right_of(const struct tracks *tracks)
{
    return tracks->silence ? tracks->wide : tracks->wide - LAST_WIDE + 8;
}

static bool in_sight(const struct tracks *tracks, const struct moment *moment)
{
    return moment->thread >= 0 && (size_t)moment->thread < tracks->rows;
}

/* "2.010 ms" before the last event. */
static void write_before(FILE *out, const struct tracks *tracks, const struct moment *moment)
{
    fprintf(out, "-%.3f ms", (tracks->moments->last - moment->us) / 1000);
}

/* --- what lasts ------------------------------------------------------------------------------ */

/* Up to the next event of its thread, which stands upon the bar. */
static int free_until(const struct tracks *tracks, int row, size_t begin, int to)
{
    for (size_t i = begin + 1; i < tracks->moments->count; i++)
        if (tracks->moments->moment[i].thread == row)
            return x_of(tracks, i) < to ? x_of(tracks, i) : to;
    return to;
}

static void write_bar(const struct tracks *tracks, int row, size_t begin, int to,
                      const struct moments_kind *kind, bool ended)
{
    int from = x_of(tracks, begin);
    size_t room = (size_t)(free_until(tracks, row, begin, to) - from) / LETTER;

    fprintf(tracks->out,
            "<rect class=\"lasts%s\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"14\" "
            "rx=\"3\"><title>%s%s</title></rect>",
            ended ? "" : " open", from, y_of(row) - 7, to > from ? to - from : 1, kind->title,
            ended ? "" : ", and nothing ended it");
    if (room > strlen(kind->title) + 1)
        fprintf(tracks->out, "<text class=\"in\" x=\"%d\" y=\"%d\">%s</text>", from + 8,
                y_of(row) + 4, kind->title);
}

/* struct open - what one thread has begun and not ended. */
struct open {
    struct {
        const struct moments_kind *kind;
        size_t begin;
    } bar[OPEN_MAX];
    size_t count;
};

static void end_bars(const struct tracks *tracks, int row, struct open *open,
                     const struct moments_kind *kind, int to)
{
    size_t at = open->count;

    while (at > 0 && open->bar[at - 1].kind != kind)
        at--;
    while (at > 0 && open->count >= at) {
        open->count--;
        write_bar(tracks, row, open->bar[open->count].begin, to, open->bar[open->count].kind, true);
    }
}

static void follow(const struct tracks *tracks, int row, struct open *open, size_t i)
{
    const char *name = tracks->moments->moment[i].name;
    const struct moments_kind *begun = moments_begun(name), *ended = moments_ended(name);

    if (begun != NULL && open->count < OPEN_MAX) {
        open->bar[open->count].kind = begun;
        open->bar[open->count++].begin = i;
    } else if (ended != NULL) {
        end_bars(tracks, row, open, ended, x_of(tracks, i));
    }
}

static void write_bars(const struct tracks *tracks, int row)
{
    struct open open = {.count = 0};

    for (size_t i = tracks->first; i < tracks->moments->count; i++)
        if (tracks->moments->moment[i].thread == row)
            follow(tracks, row, &open, i);
    for (size_t i = 0; i < open.count; i++)
        write_bar(tracks, row, open.bar[i].begin, right_of(tracks), open.bar[i].kind, false);
}

/* --- events ---------------------------------------------------------------------------------- */

static void write_tip(const struct tracks *tracks, const struct moment *moment)
{
    FILE *out = tracks->out;

    fputs("<title>", out);
    write_before(out, tracks, moment);
    fputc(' ', out);
    html_text(out, moment->name);
    fputc(' ', out);
    html_cut(out, moment->detail, 100);
    fputs("</title>", out);
}

static void write_injection(const struct tracks *tracks, size_t i)
{
    fprintf(tracks->out, "<path class=\"strike\" d=\"M%d %dV%d\"/>", x_of(tracks, i), TOP - 4,
            tracks->high - BOTTOM);
    fprintf(tracks->out, "<text class=\"strike\" x=\"%d\" y=\"%d\">injection</text>",
            x_of(tracks, i) - 4, TOP - 8);
}

static void write_event(const struct tracks *tracks, size_t i)
{
    const struct moment *moment = &tracks->moments->moment[i];
    bool strike = moments_is_injection(moment->name);

    if (!in_sight(tracks, moment))
        return;
    if (strike)
        write_injection(tracks, i);
    fprintf(tracks->out, "<circle class=\"%s\" cx=\"%d\" cy=\"%d\" r=\"%d\">",
            strike ? "event strike" : "event", x_of(tracks, i), y_of(moment->thread),
            strike ? 6 : 4);
    write_tip(tracks, moment);
    fputs("</circle>", tracks->out);
}

/* Where each thread was last seen doing something stands beside its last dot. */
static void write_last(const struct tracks *tracks, size_t row, size_t i)
{
    const struct moment *moment = &tracks->moments->moment[i];

    if (moments_begun(moment->name) != NULL)
        return; /* its bar says so */
    fprintf(tracks->out, "<text class=\"what\" x=\"%d\" y=\"%d\">", x_of(tracks, i) + 9,
            y_of((int)row) - 5);
    html_cut(tracks->out, moment->name, 18);
    fputs("</text>", tracks->out);
}

static void write_lasts(const struct tracks *tracks)
{
    for (size_t row = 0; row < tracks->rows; row++)
        for (size_t i = tracks->moments->count; i > tracks->first; i--)
            if (tracks->moments->moment[i - 1].thread == (int)row) {
                write_last(tracks, row, i - 1);
                break;
            }
}

static void write_rows(const struct tracks *tracks)
{
    for (size_t row = 0; row < tracks->rows; row++) {
        fprintf(tracks->out,
                "<path class=\"grid\" d=\"M%d %dH%d\"/><text class=\"end\" x=\"%d\" y=\"%d\">",
                LEFT, y_of((int)row), tracks->wide, LEFT - 8, y_of((int)row) + 4);
        html_cut(tracks->out, tracks->moments->thread[row], 12);
        fputs("</text>", tracks->out);
    }
}

static void write_time(const struct tracks *tracks)
{
    const struct moment *first = &tracks->moments->moment[tracks->first];
    char silence[AMOUNT_BYTES];

    fprintf(tracks->out, "<text x=\"%d\" y=\"%d\">", LEFT, tracks->high - 6);
    write_before(tracks->out, tracks, first);
    fprintf(tracks->out, "</text><text class=\"end\" x=\"%d\" y=\"%d\">",
            x_of(tracks, tracks->moments->count - 1) + 4, tracks->high - 6);
    fputs("0 ms</text>", tracks->out);
    if (tracks->silence)
        fprintf(tracks->out, "<text x=\"%d\" y=\"%d\">then %s of silence</text>",
                x_of(tracks, tracks->moments->count - 1) + 14, tracks->high - 6,
                amount_duration((tracks->moments->end - tracks->moments->last) / 1e6, silence));
}

static void write_drawing(const struct tracks *tracks)
{
    fprintf(tracks->out,
            "<div class=\"wide\" tabindex=\"0\" role=\"group\" aria-label=\"Last events by "
            "thread\"><svg viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" role=\"img\" "
            "aria-label=\"The last events of each thread in their order; the list below has "
            "them\">",
            tracks->wide, tracks->high, tracks->wide, tracks->high);
    write_rows(tracks);
    for (size_t row = 0; row < tracks->rows; row++)
        write_bars(tracks, (int)row);
    for (size_t i = tracks->first; i < tracks->moments->count; i++)
        write_event(tracks, i);
    write_lasts(tracks);
    write_time(tracks);
    fputs("</svg></div>\n", tracks->out);
}

/* --- the list -------------------------------------------------------------------------------- */

static void write_list_line(const struct tracks *tracks, const struct moment *moment)
{
    FILE *out = tracks->out;
    const char *thread;
    size_t columns;

    if (moment->thread < 0) {
        html_text(out, moment->name);
        return;
    }
    thread = tracks->moments->thread[moment->thread];
    columns = utf8_columns(thread, strlen(thread));
    fprintf(out, "%11.3f ms  ", (moment->us - tracks->moments->last) / 1000);
    html_text(out, thread);
    fprintf(out, "%*s ", columns < NAME_COLUMNS ? (int)(NAME_COLUMNS - columns) : 0, "");
    html_text(out, moment->name);
    fputs("  ", out);
    html_text(out, moment->detail);
}

static void write_list(const struct tracks *tracks)
{
    fputs("<details><summary>As a list</summary><pre tabindex=\"0\">", tracks->out);
    for (size_t i = tracks->first; i < tracks->moments->count; i++) {
        write_list_line(tracks, &tracks->moments->moment[i]);
        fputc('\n', tracks->out);
    }
    fputs("</pre></details>", tracks->out);
}

static void tracks_set_up(struct tracks *tracks)
{
    const struct moments *moments = tracks->moments;
    int room = WIDE - LEFT;

    tracks->shown = moments->count < SHOWN ? moments->count : SHOWN;
    tracks->first = moments->count - tracks->shown;
    tracks->rows = moments->threads < ROWS ? moments->threads : ROWS;
    tracks->silence = moments->end > moments->last;
    tracks->step = room / (int)(tracks->shown + 1);
    if (tracks->step > STEP_MOST)
        tracks->step = STEP_MOST;
    if (tracks->step < STEP_LEAST)
        tracks->step = STEP_LEAST;
    tracks->wide =
        LEFT + (int)tracks->shown * tracks->step + (tracks->silence ? SILENCE_WIDE : LAST_WIDE);
    tracks->high = TOP + (int)tracks->rows * ROW + BOTTOM;
}

int html_tracks(FILE *out, const struct store_finding *finding, struct error *e)
{
    struct moments moments;
    struct tracks tracks = {.out = out, .moments = &moments};
    int code;

    if (finding->timeline[0] == '\0')
        return 0;
    code = moments_read(&moments, finding->timeline, finding->hang_ms, e);
    if (code != 0)
        return code;
    if (moments.count > 0) {
        tracks_set_up(&tracks);
        fputs("<details class=\"tracks\" open><summary>The last events</summary>\n", out);
        if (tracks.rows > 0)
            write_drawing(&tracks);
        write_list(&tracks);
        fputs("</details>\n", out);
    }
    moments_free(&moments);
    return 0;
}
