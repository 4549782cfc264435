/*
 * matrix: from options to cells. A cell whose injector cannot apply to its target is left
 * out when nobody named it, and kept with its reason when somebody did.
 */
#include "run.h"

#include <harness/injector.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct run_cell *add_cell(struct run *run, struct target *target, int injector,
                                 const struct run_injection *injection)
{
    struct run_cell *longer = realloc(run->cell, (run->cells + 1) * sizeof *longer);
    struct run_cell *cell;
    char *spelled;

    if (longer == NULL)
        return NULL;
    run->cell = longer;
    cell = &run->cell[run->cells++];
    memset(cell, 0, sizeof *cell);
    cell->target = target;
    cell->injector = injector;
    injector_spec(injector, &cell->spec);
    if (injection != NULL && injection->placed) {
        uint64_t none[4] = {0};

        cell->spec.point = injection->point;
        cell->explicit_point = injection->point.hit != 0;
        /* A site that was named counts, even outside the injector's usual families. */
        if (injection->point.site != 0 && memcmp(cell->spec.sites, none, sizeof none) != 0)
            cell->spec.sites[injection->point.site / 64] |= UINT64_C(1)
                                                            << injection->point.site % 64;
    }
    if (run->options.only_cycle) {
        cell->spec.draw_argument = 0;
        cell->explicit_point = true;
    }
    cell->spec.point.injector = (uint16_t)injector;
    cell->key = target_key(target, injector_registry[injector]->name, run->options.mode);
    spelled = injection != NULL ? injection->text : NULL;
    if (asprintf(&cell->row.target, "%s%s%s", target->head,
                 target->head[0] != 0 && target->tail[0] != 0 ? " " : "", target->tail) < 0)
        return NULL;
    cell->row.workload = strdup(target->name);
    cell->row.variant = strdup(target->variant);
    cell->row.injector = strdup(spelled != NULL ? spelled : injector_registry[injector]->name);
    cell->row.mode = strdup(run->options.mode == PLAN_CONTROLLED ? "controlled" : "free");
    cell->row.state = strdup("");
    cell->row.notes = strdup("");
    cell->row.key = cell->key;
    cell->row.planned = cell->wanted = run->options.cycles;
    return cell;
}

bool matrix_applies(int injector, const struct target *target)
{
    return !injector_registry[injector]->needs_module || target->modules;
}

static int add_named(struct run *run, struct target *target)
{
    const struct run_options *options = &run->options;
    int none = injector_find("none");
    bool have_none = false;

    for (unsigned i = 0; i < options->injections; i++) {
        have_none |= options->injection[i].injector == none;
        if (add_cell(run, target, options->injection[i].injector, &options->injection[i]) == NULL)
            return ERROR_MEMORY;
    }
    if (!have_none && !options->no_control && add_cell(run, target, none, NULL) == NULL)
        return ERROR_MEMORY;
    return 0;
}

static int add_all(struct run *run, struct target *target)
{
    for (unsigned i = 0; i < injector_count(); i++) {
        if (injector_registry[i]->control && run->options.no_control)
            continue;
        if (matrix_applies((int)i, target) && add_cell(run, target, (int)i, NULL) == NULL)
            return ERROR_MEMORY;
    }
    return 0;
}

/* Planted cells come last, so that the others have the numbers that they have without them. */
static int add_wishes(struct run *run, bool planted)
{
    int64_t id = 0;

    for (size_t i = 0; i < run->options.wishes; i++) {
        const struct run_wish *wish = &run->options.wish[i];
        struct run_cell *cell;

        if ((wish->planted != NULL) != planted)
            continue;
        cell = add_cell(run, wish->target, wish->injection->injector, wish->injection);
        if (cell == NULL)
            return ERROR_MEMORY;
        if (!planted)
            continue;
        cell->planted = wish->planted;
        cell->row.id = --id;
        cell->explicit_point = false; /* whether it was found says what there is to say */
        if (run->options.planted_cycles != 0)
            cell->row.planned = cell->wanted = run->options.planted_cycles;
    }
    return 0;
}

static int add_target(struct run *run, struct target *target)
{
    if (run->options.wishes > 0)
        return 0;
    return run->options.injections != 0 ? add_named(run, target) : add_all(run, target);
}

int matrix_build(struct run *run, struct error *e)
{
    for (unsigned i = 0; i < run->options.targets; i++) {
        struct target *target = run->options.target[i];

        target->must_unload = run->options.must_unload; /* for its replay lines */
        target->reach = run->options.reach;
        if (run->options.deadline_s > 0)
            target->deadline_s = run->options.deadline_s;
        if (run->options.held_long_s > 0)
            target->held_long_s = run->options.held_long_s;
        if (add_target(run, target) != 0)
            return error_set(e, ERROR_MEMORY, "out of memory");
    }
    if (add_wishes(run, false) != 0 || add_wishes(run, true) != 0)
        return error_set(e, ERROR_MEMORY, "out of memory");
    return 0;
}

static int store_from(struct run *run, size_t first, struct error *e)
{
    for (size_t i = first; i < run->cells; i++) {
        struct run_cell *cell = &run->cell[i];
        struct store_planted planted;
        int code = store_cell_add(run->store, &cell->row, e);

        if (code == 0 && cell->planted != NULL) {
            planted =
                (struct store_planted){cell->row.id, cell->planted->bad, cell->planted->codes};
            code = store_planted_add(run->store, &planted, e);
        }
        if (code == 0 && run->options.policy != NULL)
            code = store_build_set(run->store, cell->row.id, cell->target->build, e);
        if (code != 0)
            return code;
    }
    return 0;
}

static bool any_begun(const struct store_cell *rows, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (rows[i].next != 0)
            return true;
    return false;
}

/* A resumed run must be the same run: cell by cell. One that was killed before all of its cells
 * were written has done nothing yet, and gets the rest of them. */
static int resume(struct run *run, struct error *e)
{
    struct store_cell *rows;
    size_t count;
    int code = store_cells_all(run->store, &rows, &count, e);

    if (code != 0)
        return code;
    if (count > run->cells || (count < run->cells && any_begun(rows, count)))
        code =
            error_set(e, ERROR_USAGE, "--resume: %s holds %zu cells, this command line makes %zu",
                      run->options.directory, count, run->cells);
    for (size_t i = 0; code == 0 && i < count; i++) {
        struct run_cell *cell = &run->cell[i];

        if (strcmp(rows[i].mode, cell->row.mode) != 0)
            code = error_set(e, ERROR_USAGE, "--resume: %s was begun with --mode %s, not %s",
                             run->options.directory, rows[i].mode, cell->row.mode);
        else if (rows[i].key != cell->key || strcmp(rows[i].injector, cell->row.injector) != 0)
            code = error_set(e, ERROR_USAGE,
                             "--resume: cell %zu of %s is '%.150s' under %s, not '%.150s' under %s",
                             i + 1, run->options.directory, rows[i].target, rows[i].injector,
                             cell->row.target, cell->row.injector);
        cell->row.id = rows[i].id;
        cell->next = rows[i].next;
        cell->found = rows[i].failed;
        cell->counted = rows[i].passed + rows[i].failed;
        run->total_cycles += rows[i].next;
        run->total_failed += cell->planted == NULL ? rows[i].failed : 0;
        run->total_broken += rows[i].broken;
        cell->row.next = rows[i].next;
        cell->spent_s = (double)rows[i].nanoseconds / 1e9;
        cell->used_s = cell->spent_s; /* what starting took before is gone with that start */
        cell->row.not_fired = rows[i].not_fired;
        memcpy(cell->row.histogram, rows[i].histogram, sizeof cell->row.histogram);
    }
    store_cells_free(rows, count);
    return code == 0 ? store_from(run, count, e) : code;
}

int matrix_store(struct run *run, struct error *e)
{
    if (run->store == NULL)
        return 0;
    if (run->options.resume)
        return resume(run, e);
    return store_from(run, 0, e);
}

void matrix_free(struct run *run)
{
    for (size_t i = 0; i < run->cells; i++) {
        struct store_cell *row = &run->cell[i].row;

        free(row->target);
        free(row->workload);
        free(row->variant);
        free(row->injector);
        free(row->mode);
        free(row->state);
        free(row->notes);
    }
    free(run->cell);
    run->cell = NULL;
    run->cells = 0;
}
