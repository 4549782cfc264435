/*
 * chain: who waits for whom, as boxes and arrows.
 *
 * Drawn from the stored arrows alone, one a line: waiter, what it waits for, owner, state of the
 * owner, tabs between. Where there are none nothing is drawn: words do not tell arrows.
 * Boxes stand in columns, a waiter left of whom it waits for; what closes a circle goes back
 * below.
 */
#include <results/html/html.h>

#include <results/text/utf8.h>

#include <stdlib.h>
#include <string.h>

enum {
    ARROWS = 16,
    BOXES = 2 * ARROWS,
    BOX_WIDE = 190,
    BOX_HIGH = 46,
    GAP_WIDE = 190,
    GAP_HIGH = 26,
    EDGE = 4,
    LABEL_COLUMNS = 26,
    STATE_COLUMNS = 26,
};

/* struct box - a thread. @state: "" where only what it waits for is known. */
struct box {
    const char *name;
    const char *state;
    unsigned column, row;
};

struct arrow {
    unsigned from, to;
    const char *what;
};

struct chain {
    char *text;
    struct box box[BOXES];
    struct arrow arrow[ARROWS];
    unsigned boxes, arrows;
    unsigned columns, rows, backs;
    unsigned in_column[BOXES];
};

/* --- reading --------------------------------------------------------------------------------- */

static unsigned find_box(struct chain *chain, const char *name)
{
    for (unsigned i = 0; i < chain->boxes; i++)
        if (strcmp(chain->box[i].name, name) == 0)
            return i;
    chain->box[chain->boxes] = (struct box){.name = name, .state = ""};
    return chain->boxes++;
}

static const char *without(const char *text, const char *beginning)
{
    size_t length = strlen(beginning);

    return strncmp(text, beginning, length) == 0 ? text + length : text;
}

static void read_arrow(struct chain *chain, char *line)
{
    char *waiter = strsep(&line, "\t"), *what = strsep(&line, "\t");
    char *owner = strsep(&line, "\t"), *state = strsep(&line, "\t");
    struct arrow *arrow;

    if (state == NULL || chain->arrows == ARROWS)
        return;
    arrow = &chain->arrow[chain->arrows++];
    arrow->from = find_box(chain, waiter);
    arrow->to = find_box(chain, owner);
    arrow->what = without(without(what, "waits for "), "spins for ");
    chain->box[arrow->to].state = state;
}

static bool waits_itself(const struct chain *chain, unsigned box)
{
    for (unsigned i = 0; i < chain->arrows; i++)
        if (chain->arrow[i].from == box)
            return true;
    return false;
}

static bool is_waited_for(const struct chain *chain, unsigned box)
{
    for (unsigned i = 0; i < chain->arrows; i++)
        if (chain->arrow[i].to == box)
            return true;
    return false;
}

static bool chain_read(struct chain *chain, const char *waits)
{
    char *rest;

    *chain = (struct chain){.text = strdup(waits)};
    rest = chain->text;
    if (rest == NULL)
        return false;
    for (char *line; (line = strsep(&rest, "\n")) != NULL;)
        read_arrow(chain, line);
    /* An arrow says what such a box waits for. */
    for (unsigned i = 0; i < chain->boxes; i++)
        if (waits_itself(chain, i))
            chain->box[i].state = "";
    return chain->arrows > 0;
}

/* --- placing --------------------------------------------------------------------------------- */

/* To the right of all who wait for it; a box on the way here is left where it is. */
static void place_behind(struct chain *chain, unsigned box, unsigned column, uint32_t on_the_way)
{
    if (on_the_way & UINT32_C(1) << box || column >= BOXES)
        return;
    if (column > chain->box[box].column)
        chain->box[box].column = column;
    for (unsigned i = 0; i < chain->arrows; i++)
        if (chain->arrow[i].from == box)
            place_behind(chain, chain->arrow[i].to, column + 1, on_the_way | UINT32_C(1) << box);
}

static bool goes_back(const struct chain *chain, const struct arrow *arrow)
{
    return chain->box[arrow->to].column <= chain->box[arrow->from].column;
}

static void place(struct chain *chain)
{
    bool begun = false;

    for (unsigned i = 0; i < chain->boxes; i++)
        if (!is_waited_for(chain, i)) {
            place_behind(chain, i, 0, 0);
            begun = true;
        }
    if (!begun)
        place_behind(chain, 0, 0, 0);
    for (unsigned i = 0; i < chain->boxes; i++) {
        struct box *box = &chain->box[i];

        box->row = chain->in_column[box->column]++;
        chain->columns = box->column >= chain->columns ? box->column + 1 : chain->columns;
        chain->rows = box->row >= chain->rows ? box->row + 1 : chain->rows;
    }
    for (unsigned i = 0; i < chain->arrows; i++)
        chain->backs += goes_back(chain, &chain->arrow[i]);
}

static int left_of(const struct box *box)
{
    return EDGE + (int)box->column * (BOX_WIDE + GAP_WIDE);
}

/* Columns stand in the middle of the drawing's height. */
static int top_of(const struct chain *chain, const struct box *box)
{
    int free_rows = (int)(chain->rows - chain->in_column[box->column]);

    return EDGE + (int)box->row * (BOX_HIGH + GAP_HIGH) + free_rows * (BOX_HIGH + GAP_HIGH) / 2;
}

/* An arrow to a thread need not name it. */
static const char *label_of(const struct arrow *arrow)
{
    static const char end[] = " to end";
    size_t length = strlen(arrow->what), tail = sizeof end - 1;

    return length > tail && strcmp(arrow->what + length - tail, end) == 0 ? "its end" : arrow->what;
}

/* --- drawing --------------------------------------------------------------------------------- */

static void write_label(FILE *out, int x, int y, const char *text)
{
    fprintf(out, "<text class=\"what\" x=\"%d\" y=\"%d\">", x, y);
    html_cut(out, text, LABEL_COLUMNS);
    fputs("</text>", out);
}

static void write_forth(FILE *out, const struct chain *chain, const struct arrow *arrow)
{
    const struct box *from = &chain->box[arrow->from], *to = &chain->box[arrow->to];
    int x = left_of(from) + BOX_WIDE, y = top_of(chain, from) + BOX_HIGH / 2;
    int end = left_of(to) - 2, down = top_of(chain, to) + BOX_HIGH / 2;

    fprintf(out, "<path class=\"edge\" marker-end=\"url(#tip)\" d=\"M%d %dC%d %d %d %d %d %d\"/>",
            x, y, x + GAP_WIDE * 3 / 4, y, end - GAP_WIDE / 4, down, end, down);
    write_label(out, x + 8, y - 6, label_of(arrow));
}

static void write_back(FILE *out, const struct chain *chain, const struct arrow *arrow,
                       unsigned number)
{
    const struct box *from = &chain->box[arrow->from], *to = &chain->box[arrow->to];
    int x = left_of(from) + BOX_WIDE / 2, y = top_of(chain, from) + BOX_HIGH;
    int end = left_of(to) + BOX_WIDE / 2, down = top_of(chain, to) + BOX_HIGH + 2;
    int floor = EDGE + (int)chain->rows * (BOX_HIGH + GAP_HIGH) + (int)number * GAP_HIGH;

    fprintf(out, "<path class=\"edge\" marker-end=\"url(#tip)\" d=\"M%d %dV%dH%dV%d\"/>", x, y,
            floor, end == x ? end + BOX_WIDE / 4 : end, down);
    write_label(out, (x < end ? x : end) + 8, floor - 6, label_of(arrow));
}

static const char *class_of(const struct box *box)
{
    if (strncmp(box->state, "was killed", 10) == 0)
        return "box dead";
    if (strncmp(box->state, "is suspended", 12) == 0)
        return "box parked";
    return box->state[0] != '\0' ? "box gone" : "box";
}

static void write_box(FILE *out, const struct chain *chain, const struct box *box)
{
    int x = left_of(box), y = top_of(chain, box);

    fprintf(out,
            "<rect class=\"%s\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"6\"/><text "
            "class=\"name\" x=\"%d\" y=\"%d\">",
            class_of(box), x, y, BOX_WIDE, BOX_HIGH, x + 10, y + 19);
    html_cut(out, box->name, STATE_COLUMNS - 2);
    fprintf(out, "</text><text x=\"%d\" y=\"%d\">", x + 10, y + 36);
    html_cut(out, box->state[0] != '\0' ? box->state : "waits", STATE_COLUMNS);
    fputs("</text>", out);
}

/* The same in words, for who does not see it. */
static void write_title(FILE *out, const struct chain *chain, long long id)
{
    fprintf(out, "<title id=\"w%lld\">", id);
    for (unsigned i = 0; i < chain->arrows; i++) {
        const struct arrow *arrow = &chain->arrow[i];

        fputs(i > 0 ? "; " : "", out);
        html_text(out, chain->box[arrow->from].name);
        fputs(" waits for ", out);
        html_text(out, arrow->what);
        fputs(", that is for ", out);
        html_text(out, chain->box[arrow->to].name);
        fputs(chain->box[arrow->to].state[0] != '\0' ? ", which " : "", out);
        html_text(out, chain->box[arrow->to].state);
    }
    fputs("</title>", out);
}

static void write_drawing(FILE *out, const struct chain *chain, long long id)
{
    int wide = 2 * EDGE + (int)chain->columns * (BOX_WIDE + GAP_WIDE) - GAP_WIDE;
    int high = 2 * EDGE + (int)chain->rows * (BOX_HIGH + GAP_HIGH) - GAP_HIGH +
               (int)(chain->backs + (chain->backs > 0)) * GAP_HIGH;
    unsigned backs = 0;

    fprintf(out,
            "<figure class=\"chain\"><div class=\"wide\" tabindex=\"0\" role=\"group\" "
            "aria-label=\"Who waits for whom\"><svg viewBox=\"0 0 %d %d\" width=\"%d\" "
            "height=\"%d\" role=\"img\" aria-labelledby=\"w%lld\">",
            wide, high, wide, high, id);
    write_title(out, chain, id);
    for (unsigned i = 0; i < chain->arrows; i++)
        if (goes_back(chain, &chain->arrow[i]))
            write_back(out, chain, &chain->arrow[i], backs++);
        else
            write_forth(out, chain, &chain->arrow[i]);
    for (unsigned i = 0; i < chain->boxes; i++)
        write_box(out, chain, &chain->box[i]);
    fputs("</svg></div><figcaption>Who waits for whom</figcaption></figure>\n", out);
}

void html_tip(FILE *out)
{
    fputs("<svg class=\"sr\" aria-hidden=\"true\"><defs><marker id=\"tip\" viewBox=\"0 0 8 8\" "
          "refX=\"7\" refY=\"4\" markerWidth=\"8\" markerHeight=\"8\" orient=\"auto\"><path "
          "class=\"tip\" d=\"M0 0L8 4L0 8z\"/></marker></defs></svg>\n",
          out);
}

void html_chain(FILE *out, const char *waits, int64_t id)
{
    struct chain chain;

    if (chain_read(&chain, waits)) {
        place(&chain);
        write_drawing(out, &chain, (long long)id);
    }
    free(chain.text);
}
