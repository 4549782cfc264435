/*
 * heat: the map of all cells: a row for each target, a column for each injector.
 *
 * Columns are injectors without their points, so that a thousand cells with a point each stay a
 * table; a field may hold several cells. What colour says, the text in the field says too.
 */
#include <results/html/html.h>

#include <results/store/store.h>
#include <results/text/amount.h>

#include <stdlib.h>
#include <string.h>

/* struct map - cells in order of (row, column). @column: names, not ended by NUL. */
struct map {
    struct html *html;
    struct spot {
        size_t cell, row, column;
    } * spot;
    const char **column;
    const char **row;
    size_t columns, rows;
};

static size_t base_length(const char *injector)
{
    return strcspn(injector, "@");
}

static bool same_base(const char *one, const char *other)
{
    size_t length = base_length(one);

    return length == base_length(other) && strncmp(one, other, length) == 0;
}

static size_t find_column(struct map *map, const char *injector)
{
    for (size_t i = 0; i < map->columns; i++)
        if (same_base(map->column[i], injector))
            return i;
    map->column[map->columns] = injector;
    return map->columns++;
}

/* Cells of one target mostly follow one another. */
static size_t find_row(struct map *map, const char *target)
{
    for (size_t i = map->rows; i > 0; i--)
        if (strcmp(map->row[i - 1], target) == 0)
            return i - 1;
    map->row[map->rows] = target;
    return map->rows++;
}

static int by_place(const void *a, const void *b)
{
    const struct spot *one = a, *other = b;

    if (one->row != other->row)
        return one->row < other->row ? -1 : 1;
    if (one->column != other->column)
        return one->column < other->column ? -1 : 1;
    return one->cell < other->cell ? -1 : one->cell > other->cell;
}

static bool map_make(struct map *map, struct html *html)
{
    size_t count = html->cell_count + 1;

    *map = (struct map){.html = html};
    map->spot = calloc(count, sizeof *map->spot);
    map->column = calloc(count, sizeof *map->column);
    map->row = calloc(count, sizeof *map->row);
    if (map->spot == NULL || map->column == NULL || map->row == NULL)
        return false;
    for (size_t i = 0; i < html->cell_count; i++)
        map->spot[i] = (struct spot){i, find_row(map, html->cells[i].target),
                                     find_column(map, html->cells[i].injector)};
    qsort(map->spot, html->cell_count, sizeof *map->spot, by_place);
    return true;
}

static void map_free(struct map *map)
{
    free(map->spot);
    free(map->column);
    free(map->row);
}

/* --- writing --------------------------------------------------------------------------------- */

static int heat_of(const struct rate *rate)
{
    static const double limits[] = {0.01, 0.1, 0.5};
    double share = (double)rate->findings / (double)rate->cycles;
    int heat = 1;

    if (rate->findings == 0)
        return 0;
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++)
        heat += share >= limits[i];
    return heat;
}

static void write_numbers(FILE *out, const struct store_cell *cell, const struct rate *rate)
{
    char share[AMOUNT_BYTES], findings[AMOUNT_BYTES], cycles[AMOUNT_BYTES];

    if (cell->next == 0) {
        fputs(cell->state[0] != '\0' ? "skipped" : "not begun", out);
    } else if (!rate->sane) {
        fputs("?", out);
    } else if (rate->cycles == 0) {
        fputs("none counts", out);
    } else {
        if (rate->findings > 0)
            fprintf(out, "<b>%s %%</b> ",
                    amount_percent((double)rate->findings / (double)rate->cycles, AMOUNT_NEAREST,
                                   share));
        fprintf(out, "<small>%s of %s</small>", amount_count(rate->findings, findings),
                amount_count(rate->cycles, cycles));
    }
    if (cell->broken > 0)
        fprintf(out, " <small>%s broken</small>", amount_count(cell->broken, cycles));
}

static void class_of(const struct map *map, size_t index, char class[8])
{
    const struct rate *rate = &map->html->rates[index];

    if (rate->sane && rate->cycles > 0)
        snprintf(class, 8, "h%d", heat_of(rate));
    else
        snprintf(class, 8, "n0");
}

static void write_spot(const struct map *map, size_t index)
{
    const struct store_cell *cell = &map->html->cells[index];
    const struct rate *rate = &map->html->rates[index];
    FILE *out = map->html->out;
    char class[8];

    class_of(map, index, class);
    fprintf(out, "<a class=\"%s%s\" href=\"#c%lld\">", class, cell->broken > 0 ? " br" : "",
            (long long)cell->id);
    if (cell->injector[base_length(cell->injector)] != '\0') {
        fputs("<i>", out);
        html_cut(out, cell->injector + base_length(cell->injector), 32);
        fputs("</i> ", out);
    }
    write_numbers(out, cell, rate);
    fputs("</a>", out);
}

/* A field of one cell has its colour, else each cell has its own. */
static void write_field(const struct map *map, size_t next, size_t row, size_t column)
{
    bool there = next < map->html->cell_count && map->spot[next].row == row &&
                 map->spot[next].column == column;
    char class[8] = "n0";

    if (there)
        class_of(map, map->spot[next].cell, class);
    fprintf(map->html->out, there ? "<td class=\"%s\">" : "<td>", class);
}

static void write_row(const struct map *map, size_t row, size_t *next)
{
    FILE *out = map->html->out;

    fputs("<tr><th scope=\"row\">", out);
    html_cut(out, map->row[row], 90);
    fputs("</th>", out);
    for (size_t column = 0; column < map->columns; column++) {
        write_field(map, *next, row, column);
        for (; *next < map->html->cell_count && map->spot[*next].row == row &&
               map->spot[*next].column == column;
             (*next)++)
            write_spot(map, map->spot[*next].cell);
        fputs("</td>", out);
    }
    fputs("</tr>\n", out);
}

static void write_head(const struct map *map)
{
    FILE *out = map->html->out;

    fputs("<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-labelledby=\"map\">\n<table "
          "class=\"heat\">\n<caption>Share of cycles with a finding, for each target and injector. "
          "A field leads to its cell.</caption>\n<thead><tr><th scope=\"col\">target</th>",
          out);
    for (size_t i = 0; i < map->columns; i++) {
        char *name = strndup(map->column[i], base_length(map->column[i]));

        fputs("<th scope=\"col\">", out);
        html_cut(out, name != NULL ? name : "?", 40);
        fputs("</th>", out);
        free(name);
    }
    fputs("</tr></thead>\n<tbody>\n", out);
}

void html_heat_map(struct html *html)
{
    struct map map;
    size_t next = 0;

    fputs("<h2 id=\"map\">Workloads × injectors</h2>\n", html->out);
    if (map_make(&map, html)) {
        write_head(&map);
        for (size_t row = 0; row < map.rows; row++)
            write_row(&map, row, &next);
        fputs("</tbody>\n</table>\n</div>\n<p class=\"key\"><span class=\"h0\">no finding</span> "
              "<span class=\"h1\">below 1 %</span> <span class=\"h2\">below 10 %</span> <span "
              "class=\"h3\">below 50 %</span> <span class=\"h4\">50 % and more</span> <span "
              "class=\"n0\">nothing to count</span></p>\n",
              html->out);
    } else {
        html->code = html_no_memory(html->e);
    }
    map_free(&map);
}
