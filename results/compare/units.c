/*
 * units: the cells of both sides under one numbering, and how the machines and binaries differ.
 */
#include <results/compare/units.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* --- cells -------------------------------------------------------------------------------------
 */

static int by_name(const void *a, const void *b)
{
    const struct compare_cell *one = *(const struct compare_cell *const *)a;
    const struct compare_cell *other = *(const struct compare_cell *const *)b;
    int order = strcmp(one->target, other->target);

    if (order == 0)
        order = strcmp(one->injector, other->injector);
    return order != 0 ? order : strcmp(one->mode, other->mode);
}

static size_t find(struct compare_cell *const *index, size_t count, const struct compare_cell *key,
                   const struct compare_cell *base)
{
    struct compare_cell **found = bsearch(&key, index, count, sizeof *index, by_name);

    return found != NULL ? (size_t)(*found - base) : (size_t)COMPARE_NO_UNIT;
}

static struct compare_cell named(const struct store_cell *row)
{
    return (struct compare_cell){.target = row->target,
                                 .injector = row->injector,
                                 .mode = row->mode,
                                 .p = NAN,
                                 .adjusted = NAN,
                                 .p_fewer = NAN,
                                 .adjusted_fewer = NAN,
                                 .fired_p = NAN,
                                 .expected = NAN,
                                 .new_state = ""};
}

static void sort_index(struct comparison *comparison, struct compare_cell **index)
{
    for (size_t i = 0; i < comparison->cells; i++)
        index[i] = &comparison->cell[i];
    qsort(index, comparison->cells, sizeof *index, by_name);
}

static void number(struct side *side, struct compare_cell *const *index,
                   const struct comparison *comparison)
{
    for (size_t i = 0; i < side->cells; i++) {
        struct compare_cell key = named(side->cell[i].row);

        side->cell[i].unit = find(index, comparison->cells, &key, comparison->cell);
    }
}

static void add_new(struct comparison *comparison, const struct side *new)
{
    for (size_t i = 0; i < new->cells; i++) {
        struct compare_cell *cell = &comparison->cell[comparison->cells++];

        *cell = named(new->cell[i].row);
        cell->in_new = true;
        cell->new = new->cell[i].counts;
        cell->new_state = new->cell[i].row->state;
    }
}

static void add_old(struct comparison *comparison, struct compare_cell **index,
                    const struct side *old)
{
    size_t known = comparison->cells;

    sort_index(comparison, index);
    for (size_t i = 0; i < old->cells; i++) {
        struct compare_cell key = named(old->cell[i].row);
        size_t unit = find(index, known, &key, comparison->cell);
        struct compare_cell *cell;

        if (unit == (size_t)COMPARE_NO_UNIT) {
            unit = comparison->cells++;
            comparison->cell[unit] = key;
        }
        cell = &comparison->cell[unit];
        cell->in_old = true;
        cell->old = old->cell[i].counts;
    }
}

int compare_units(struct comparison *comparison, struct compare_work *work, struct error *e)
{
    const struct side *old = &work->earlier[work->earlier_count - 1];
    size_t room = work->new.cells + old->cells + 1;
    struct compare_cell **index = calloc(room, sizeof(struct compare_cell *));

    comparison->cell = calloc(room, sizeof *comparison->cell);
    if (comparison->cell == NULL || index == NULL) {
        free(index);
        return side_no_memory(e);
    }
    add_new(comparison, &work->new);
    add_old(comparison, index, old);
    sort_index(comparison, index);
    number(&work->new, index, comparison);
    for (size_t i = 0; i < work->earlier_count; i++)
        number(&work->earlier[i], index, comparison);
    free(index);
    return 0;
}

/* Runs of one command line have their cells in one order, so the guess is nearly always right. */
const struct side_cell *compare_find(const struct side *side, size_t unit)
{
    if (unit < side->cells && side->cell[unit].unit == unit)
        return &side->cell[unit];
    for (size_t i = 0; i < side->cells; i++)
        if (side->cell[i].unit == unit)
            return &side->cell[i];
    return NULL;
}

/* --- machine and binaries ----------------------------------------------------------------------
 */

static bool is_told(const char *key)
{
    static const char *const keys[] = {"cpu",     "kernel",   "libc",   "machine",
                                       "options", "recorder", "version"};

    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        if (strcmp(keys[i], key) == 0)
            return true;
    return strncmp(key, "build.", 6) == 0;
}

static int add_difference(struct comparison *comparison, const char *key, const char *old,
                          const char *new, struct error *e)
{
    struct compare_difference *longer = reallocarray(
        comparison->difference, comparison->differences + 1, sizeof *comparison->difference);
    struct compare_difference *difference;

    if (longer == NULL)
        return side_no_memory(e);
    comparison->difference = longer;
    difference = &longer[comparison->differences++];
    difference->key = strdup(key);
    difference->old = old != NULL ? strdup(old) : NULL;
    difference->new = new != NULL ? strdup(new) : NULL;
    if (difference->key == NULL || (old != NULL && difference->old == NULL) ||
        (new != NULL && difference->new == NULL))
        return side_no_memory(e);
    return 0;
}

int compare_differences(struct comparison *comparison, const struct compare_work *work,
                        struct error *e)
{
    const struct side *new = &work->new, *old = &work->earlier[work->earlier_count - 1];
    int code = 0;

    for (size_t i = 0; i < old->notes && code == 0; i++) {
        const struct side_note *note = &old->note[i];
        const char *now = side_note(new, note->key);

        if (is_told(note->key) && (now == NULL || strcmp(now, note->value) != 0))
            code = add_difference(comparison, note->key, note->value, now, e);
    }
    for (size_t i = 0; i < new->notes &&code == 0; i++)
        if (is_told(new->note[i].key) && side_note(old, new->note[i].key) == NULL)
            code = add_difference(comparison, new->note[i].key, NULL, new->note[i].value, e);
    return code;
}
