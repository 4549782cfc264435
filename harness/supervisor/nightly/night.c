/*
 * night: puts the cells of a night together.
 */
#include "night.h"

#include "plant.h"

#include <harness/injector.h>
#include <harness/supervisor/cli/options.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int no_memory(struct error *e)
{
    return error_set(e, ERROR_MEMORY, "out of memory");
}

int night_target(struct night *night, struct target *target, struct error *e)
{
    struct target **longer = realloc(night->target, (night->targets + 1) * sizeof(struct target *));

    if (longer == NULL) {
        target_free(target);
        return no_memory(e);
    }
    night->target = longer;
    longer[night->targets++] = target;
    return 0;
}

/* --- cells ---------------------------------------------------------------------------------- */

/* One for each text, since many cells have the same. */
static int find_injection(struct night *night, const char *text, struct run_injection **out,
                          struct error *e)
{
    struct run_injection **longer;
    int code;

    for (size_t i = 0; i < night->injections; i++)
        if (strcmp(night->injection[i]->text, text) == 0) {
            *out = night->injection[i];
            return 0;
        }
    longer = realloc(night->injection, (night->injections + 1) * sizeof(struct run_injection *));
    if (longer == NULL || (*out = calloc(1, sizeof **out)) == NULL)
        return no_memory(e);
    night->injection = longer;
    longer[night->injections++] = *out;
    code = options_injection(text, *out, e);
    return code == 0 && (*out)->text == NULL ? no_memory(e) : code;
}

static int add_wish(struct night *night, struct target *target, const char *text,
                    const struct run_planted *planted, struct error *e)
{
    struct run_injection *injection;
    struct run_wish *longer;
    int code = find_injection(night, text, &injection, e);

    if (code != 0)
        return code;
    for (size_t i = 0; planted == NULL && i < night->wishes; i++)
        if (night->wish[i].target == target && night->wish[i].injection == injection &&
            night->wish[i].planted == NULL)
            return 0; /* said twice */
    longer = realloc(night->wish, (night->wishes + 1) * sizeof *longer);
    if (longer == NULL)
        return no_memory(e);
    night->wish = longer;
    longer[night->wishes++] = (struct run_wish){target, injection, planted};
    return 0;
}

static int all_cells(struct night *night, struct target *target, struct error *e)
{
    int code = 0;

    for (unsigned i = 0; code == 0 && i < injector_count(); i++)
        if (matrix_applies((int)i, target))
            code = add_wish(night, target, injector_registry[i]->name, NULL, e);
    return code;
}

int night_cells(struct night *night, struct target *target, const char *const *injections,
                struct error *e)
{
    int code = 0;

    if (injections == NULL)
        return all_cells(night, target, e);
    for (; code == 0 && *injections != NULL; injections++)
        code = add_wish(night, target, *injections, NULL, e);
    return code == 0 ? add_wish(night, target, "none", NULL, e) : code;
}

int night_workloads(struct night *night, const char *const *injections, struct error *e)
{
    int code = 0;

    for (unsigned i = 0; code == 0 && workload_registry[i] != NULL; i++) {
        const struct workload *workload = workload_registry[i];
        struct target *target;

        if (workload->unavailable != NULL && workload->unavailable() != NULL)
            continue;
        code = target_workload(workload->name, night->libdir, &target, e);
        if (code == 0)
            code = night_target(night, target, e);
        if (code == 0)
            code = night_cells(night, target, injections, e);
    }
    return code;
}

/* --- planted ones ------------------------------------------------------------------------------
 */

struct planting {
    struct night *night;
    struct error *e;
    bool used[NIGHT_PLANT]; /* which of night->plant named something */
};

static bool is_named(struct planting *planting, const struct workload *workload,
                     const struct workload_variant *variant)
{
    const struct night *night = planting->night;
    bool named = night->plants == 0;

    for (unsigned i = 0; i < night->plants; i++) {
        const char *comma = strchr(night->plant[i], ',');
        size_t length = comma != NULL ? (size_t)(comma - night->plant[i]) : strlen(night->plant[i]);
        bool same = strlen(workload->name) == length &&
                    strncmp(night->plant[i], workload->name, length) == 0 &&
                    (comma == NULL || (strncmp(comma, ",variant=", 9) == 0 &&
                                       strcmp(comma + 9, variant->name) == 0));

        planting->used[i] |= same;
        named |= same;
    }
    return named;
}

/* The target of a real cell serves, if it is the same. */
static struct target *same_target(const struct night *night, const struct target *wanted)
{
    for (unsigned i = 0; i < night->targets; i++) {
        struct target *target = night->target[i];

        if (target->workload == wanted->workload && strcmp(target->head, wanted->head) == 0 &&
            target->laps == wanted->laps && strcmp(target->environment, wanted->environment) == 0 &&
            target->input == NULL && target->heap_check.options == wanted->heap_check.options)
            return target;
    }
    return NULL;
}

static int planted_target(struct night *night, const struct workload *workload,
                          const struct workload_variant *variant, struct target **out,
                          struct error *e)
{
    struct target *same;
    char text[256];
    int code;

    snprintf(text, sizeof text, "%s,variant=%s", workload->name, variant->name);
    code = target_workload(text, night->libdir, out, e);
    if (code != 0)
        return code;
    same = same_target(night, *out);
    if (same == NULL)
        return night_target(night, *out, e);
    target_free(*out);
    *out = same;
    return 0;
}

static int plant(const struct workload *workload, const struct workload_variant *variant,
                 const char *injection, void *context)
{
    struct planting *planting = context;
    struct night *night = planting->night;
    struct run_planted **longer;
    struct run_planted *planted;
    struct target *target;
    int code;

    if (!is_named(planting, workload, variant))
        return 0;
    code = planted_target(night, workload, variant, &target, planting->e);
    if (code != 0)
        return code;
    longer = realloc(night->planted, (night->planted_count + 1) * sizeof(struct run_planted *));
    if (longer == NULL || (planted = calloc(1, sizeof *planted)) == NULL)
        return no_memory(planting->e);
    night->planted = longer;
    longer[night->planted_count++] = planted;
    planted->bad = variant->bad;
    planted->codes = variant->bad && variant->codes != NULL ? variant->codes : "";
    return add_wish(night, target, injection, planted, planting->e);
}

int night_plant(struct night *night, struct error *e)
{
    struct planting planting = {night, e, {false}};
    int code = plant_all(plant, &planting);

    for (unsigned i = 0; code == 0 && i < night->plants; i++)
        if (!planting.used[i])
            code = error_set(e, ERROR_USAGE,
                             "--plant: '%s' names no variant of a workload that has bad ones; see "
                             "rundown list workloads",
                             night->plant[i]);
    return code;
}

/* --- the run -------------------------------------------------------------------------------------
 */

void night_options(const struct night *night, const char *directory, struct run_options *options)
{
    memset(options, 0, sizeof *options);
    options->target = night->target;
    options->targets = night->targets;
    options->wish = night->wish;
    options->wishes = night->wishes;
    options->cycles = night->cycles;
    /* By count a planted cell has as many as the others, so that two such nights do the same. */
    options->planted_cycles = night->cycles != 0 ? 0 : night->planted_cycles;
    options->seconds = night->seconds;
    options->again = night->confirm;
    options->seed = night->seed;
    options->jobs = night->jobs;
    options->mode = PLAN_FREE;
    options->directory = directory;
    options->deadline_s = night->deadline_s;
    options->without = night->withouts > 0 ? night->without : NULL;
    options->trace = night->trace;
    options->no_trace = night->no_trace;
    options->traces = night->traces;
    options->memory_bytes = night->memory_bytes;
    options->core_limited = night->core_limited;
    options->core_bytes = night->core_bytes;
}

void night_free(struct night *night)
{
    for (unsigned i = 0; i < night->targets; i++)
        target_free(night->target[i]);
    for (size_t i = 0; i < night->injections; i++) {
        free(night->injection[i]->text);
        free(night->injection[i]);
    }
    for (size_t i = 0; i < night->planted_count; i++)
        free(night->planted[i]);
    for (unsigned i = 0; i < night->outputs; i++)
        free(night->output[i].file);
    free(night->target);
    free(night->injection);
    free(night->planted);
    free(night->wish);
    free(night->history);
    known_free(&night->known);
    memset(night, 0, sizeof *night);
}
