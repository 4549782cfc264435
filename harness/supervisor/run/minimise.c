/*
 * minimise: one part of the line after the other, until no part gives way any more.
 */
#include "minimise.h"

#include "again.h"

#include <harness/injector.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROUNDS = 3, SUBJECT_HOPELESS = 300 };

/* What may be made smaller, by number. Parameters follow PART_VALUE. */
enum part { PART_LAPS, PART_HIT, PART_INSN, PART_VALUE };

/* struct shape - what of a line is in question. */
struct shape {
    bool injected; /* as the line says, or not at all */
    struct plan_point point;
    uint32_t laps;
    int64_t value[WORKLOAD_PARAMETERS];
};

struct search {
    struct minimise *minimise;
    struct shape best;
    uint64_t hash;         /* of the schedule that showed it last */
    uint64_t shown, tried; /* replays so far, of lines that do show it */
    bool stop;
    enum minimise_end end;
    /* the run under way */
    struct again again;
    void (*judged)(void *context, const struct judgement *judgement,
                   const struct abi_control *control);
};

/* --- shapes and lines ----------------------------------------------------------------------- */

static const struct workload_parameter *parameter_at(const struct search *search, int index)
{
    const struct workload *workload = search->minimise->line->target->workload;

    return workload != NULL && workload->parameters != NULL ? &workload->parameters[index] : NULL;
}

static int parameters(const struct search *search)
{
    const struct workload_parameter *all = parameter_at(search, 0);
    int count = 0;

    while (all != NULL && count < WORKLOAD_PARAMETERS && all[count].name != NULL)
        count++;
    return count;
}

/* The value that the target's words give, or the standard. */
static int64_t value_of(const struct target *target, const struct workload_parameter *parameter)
{
    size_t length = strlen(parameter->name);

    for (char **word = target->argv; *word != NULL; word++)
        if (strncmp(*word, parameter->name, length) == 0 && (*word)[length] == '=')
            return strtoll(*word + length + 1, NULL, 10);
    return parameter->standard;
}

static void take_shape(struct search *search)
{
    const struct line *line = search->minimise->line;

    search->best.injected = line->injector != injector_find("none");
    search->best.point = line->point;
    search->best.laps = line->target->laps;
    for (int i = 0; i < parameters(search); i++)
        search->best.value[i] = value_of(line->target, parameter_at(search, i));
}

/* "NAME,variant=V,threads=2" */
static char *specification(const struct search *search, const struct shape *shape)
{
    const struct target *target = search->minimise->line->target;
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);

    if (out == NULL)
        return NULL;
    fprintf(out, "%s,variant=%s", target->argv[1], target->variant);
    for (int i = 0; i < parameters(search); i++)
        if (shape->value[i] != parameter_at(search, i)->standard)
            fprintf(out, ",%s=%lld", parameter_at(search, i)->name, (long long)shape->value[i]);
    return fclose(out) == 0 ? text : NULL;
}

static int make_target(const struct search *search, const struct shape *shape, struct target **out,
                       struct error *e)
{
    const struct target *target = search->minimise->line->target;
    const char *libdir = search->minimise->libdir;
    char *text;
    int code;

    if (target->uses != NULL)
        return target_module(target->uses, target->variant[0], libdir, out, e);
    if (target->workload == NULL)
        return target_program(target->argv, out, e);
    text = specification(search, shape);
    code = text != NULL ? target_workload(text, libdir, out, e)
                        : error_set(e, ERROR_MEMORY, "out of memory");
    free(text);
    return code;
}

/* line_free() afterwards. */
static int make_line(const struct search *search, const struct shape *shape, struct line *out,
                     struct error *e)
{
    const struct line *line = search->minimise->line;
    const struct target *target = line->target;
    int code;

    *out = *line;
    out->target = NULL;
    out->hash = 0;
    out->point = shape->point;
    if (!shape->injected) {
        out->injector = injector_find("none");
        out->struck = false;
        memset(&out->point, 0, sizeof out->point);
    }
    if ((code = make_target(search, shape, &out->target, e)) != 0)
        return code;
    out->target->laps = shape->laps;
    out->target->fresh = target->fresh;
    out->target->probe = target->probe;
    out->target->must_unload = target->must_unload;
    out->target->reach = target->reach;
    out->target->heap_check = target->heap_check;
    out->target->deadline_s = target->deadline_s;
    out->target->input = target->input != NULL ? strdup(target->input) : NULL;
    return 0;
}

static char *text_of(const struct line *line, uint64_t hash)
{
    static struct abi_control control; /* large */
    struct plan plan = {.seed = line->seed, .cycle = line->cycle, .mode = line->mode};

    plan.count = line->struck;
    plan.strike[0] = line->point;
    job_name_sites(line->target, &control);
    control.schedule_hash = hash;
    return line_format(line->target, &plan, line->injector, &control);
}

/* --- tries ---------------------------------------------------------------------------------- */

static void note_other(struct minimise *minimise, const char *signature)
{
    for (unsigned i = 0; i < minimise->others; i++)
        if (strcmp(minimise->other[i], signature) == 0) {
            minimise->other_count[i]++;
            return;
        }
    if (minimise->others == MINIMISE_OTHERS)
        return;
    minimise->other[minimise->others] = strdup(signature);
    minimise->other_count[minimise->others++] = 1;
}

static void judged(void *context, const struct judgement *judgement,
                   const struct abi_control *control)
{
    struct search *search = context;
    struct minimise *minimise = search->minimise;
    uint64_t before = search->again.same;

    for (unsigned i = 0; i < judgement->findings && minimise->wanted == NULL; i++)
        if (judgement->finding[i].severity == STOP_SEVERITY_FINDING)
            minimise->wanted = strdup(judgement->finding[i].signature);
    search->again.wanted = minimise->wanted;
    search->judged(&search->again, judgement, control);
    if (search->again.same > before) {
        search->hash = control->schedule_hash;
        return;
    }
    for (unsigned i = 0; i < judgement->findings; i++)
        if (judgement->finding[i].severity == STOP_SEVERITY_FINDING)
            note_other(minimise, judgement->finding[i].signature);
}

static void fail(struct search *search, const struct error *e)
{
    search->minimise->e = *e;
    search->end = MINIMISE_BROKEN;
    search->stop = true;
}

/* Up to @times cycles of @line; stops at the first finding if @first. Counts into @seen, @done. */
static void replay_line(struct search *search, const struct line *line, uint64_t times, bool first,
                        uint64_t *seen, uint64_t *done)
{
    struct run *run = calloc(1, sizeof *run);
    struct target *target = line->target;
    struct run_options options;
    struct error e;

    *seen = *done = 0;
    if (run == NULL) {
        error_set(&e, ERROR_MEMORY, "out of memory");
        fail(search, &e);
        return;
    }
    search->again = (struct again){.line = line, .wanted = search->minimise->wanted};
    again_shape(&search->again, &target, times, &options);
    search->judged = options.judged;
    options.judged = judged;
    options.context = search;
    options.until_found = first ? 1 : 0;
    options.no_trace = true;
    if (run_execute(run, &options, &e) != 0)
        fail(search, &e);
    *seen = search->again.same;
    *done = run->total_cycles;
    if (run->interrupted) {
        search->stop = true;
        search->end = MINIMISE_INTERRUPTED;
    }
    run_close(run);
    free(run);
}

/* Another signature ends a run, too; then the rest of the tries follow. */
static bool shows(struct search *search, const struct line *line, int tries, int *used)
{
    *used = 0;
    while (*used < tries && !search->stop) {
        uint64_t seen, done;

        replay_line(search, line, (uint64_t)(tries - *used), true, &seen, &done);
        *used += (int)done;
        if (seen > 0)
            return true;
        if (done == 0)
            return false;
    }
    return false;
}

/* True while a step can be paid for. */
static bool affordable(struct search *search)
{
    struct minimise *minimise = search->minimise;

    if (stats_replay_tries_after((long long)search->shown, (long long)search->tried,
                                 &minimise->tries) != 0)
        minimise->tries = 0;
    return stats_replay_affordable(minimise->tries);
}

/* --- steps ---------------------------------------------------------------------------------- */

static bool try_shape(struct search *search, const struct shape *shape, const char *what)
{
    struct minimise *minimise = search->minimise;
    struct minimise_step step = {.number = minimise->steps + 1, .of = minimise->tries};
    struct line line;
    struct error e;

    if (search->stop)
        return false;
    snprintf(step.what, sizeof step.what, "%s", what);
    if (make_line(search, shape, &line, &e) != 0)
        return false; /* set-up refuses such values: they are not to be had */
    if (minimise->begun != NULL)
        minimise->begun(minimise, &step);
    step.reproduced = shows(search, &line, minimise->tries, &step.tries);
    line_free(&line);
    if (search->stop && !step.reproduced)
        return false; /* cut off in the middle: it says nothing */
    minimise->steps++;
    if (step.reproduced) {
        minimise->taken++;
        search->best = *shape;
        search->shown++;
        search->tried += (uint64_t)step.tries;
    }
    if (minimise->stepped != NULL)
        minimise->stepped(minimise, &step);
    if (!search->stop && !affordable(search)) {
        search->stop = true;
        search->end = MINIMISE_TOO_RARE;
    }
    return step.reproduced;
}

static int64_t part_of(const struct shape *shape, int part)
{
    switch (part) {
    case PART_LAPS:
        return shape->laps;
    case PART_HIT:
        return shape->point.hit;
    case PART_INSN:
        return shape->point.insn;
    default:
        return shape->value[part - PART_VALUE];
    }
}

static void part_set(struct shape *shape, int part, int64_t value)
{
    if (part == PART_LAPS)
        shape->laps = (uint32_t)value;
    else if (part == PART_HIT)
        shape->point.hit = (uint32_t)value;
    else if (part == PART_INSN)
        shape->point.insn = (uint32_t)value;
    else
        shape->value[part - PART_VALUE] = value;
}

static const char *part_name(const struct search *search, int part)
{
    static const char *const names[] = {"laps", "the injection's hit",
                                        "instructions into the call"};

    return part < PART_VALUE ? names[part] : parameter_at(search, part - PART_VALUE)->name;
}

static bool try_value(struct search *search, int part, int64_t value)
{
    struct shape shape = search->best;
    char what[MINIMISE_WHAT];

    part_set(&shape, part, value);
    snprintf(what, sizeof what, "%s=%lld", part_name(search, part), (long long)value);
    return try_shape(search, &shape, what);
}

/* The least at once, else halving between what fails and what shows it. */
static void reduce(struct search *search, int part, int64_t low)
{
    int64_t fails = low;

    if (part_of(&search->best, part) <= low || try_value(search, part, low))
        return;
    while (!search->stop && part_of(&search->best, part) - fails > 1) {
        int64_t middle = fails + (part_of(&search->best, part) - fails) / 2;

        if (!try_value(search, part, middle))
            fails = middle;
    }
}

/* The first thread that main makes is there whatever else is left out. */
static void move_to_first_thread(struct search *search)
{
    struct shape shape = search->best;

    if (strncmp(shape.point.thread, "T1.", 3) != 0 || strcmp(shape.point.thread, "T1.1") == 0)
        return;
    snprintf(shape.point.thread, sizeof shape.point.thread, "T1.1");
    try_shape(search, &shape, "the injection in thread T1.1");
}

static void drop_injection(struct search *search)
{
    struct shape shape = search->best;

    shape.injected = false;
    try_shape(search, &shape, "without the injection");
}

static void reduce_injection(struct search *search)
{
    drop_injection(search);
    if (!search->best.injected || !search->minimise->line->struck)
        return;
    move_to_first_thread(search);
    reduce(search, PART_INSN, 0);
    reduce(search, PART_HIT, 1);
}

static void one_round(struct search *search)
{
    if (search->best.injected)
        reduce_injection(search);
    reduce(search, PART_LAPS, 1);
    for (int i = 0; i < parameters(search); i++)
        reduce(search, PART_VALUE + i, parameter_at(search, i)->low);
}

/* --- before and after ------------------------------------------------------------------------ */

/* Twenty replays, and more while they don't tell whether a step can be paid for. */
static bool measure(struct search *search)
{
    struct minimise *minimise = search->minimise;

    while (!search->stop && minimise->replays < SUBJECT_HOPELESS) {
        uint64_t seen, done;

        replay_line(search, minimise->line, STATS_REPLAY_AFTER, false, &seen, &done);
        minimise->seen += seen;
        minimise->replays += done;
        search->shown = minimise->seen;
        search->tried = minimise->replays;
        if (affordable(search))
            return !search->stop;
        if (done == 0)
            break;
    }
    if (!search->stop)
        search->end = MINIMISE_TOO_RARE;
    return false;
}

static void conclude(struct search *search)
{
    struct minimise *minimise = search->minimise;
    bool stopped = search->stop;
    struct line line;
    struct error e;

    if (make_line(search, &search->best, &line, &e) != 0) {
        fail(search, &e);
        return;
    }
    if (minimise->taken == 0) {
        minimise->best_seen = minimise->seen;
        minimise->best_replays = minimise->replays;
    } else if (search->end != MINIMISE_INTERRUPTED && search->end != MINIMISE_BROKEN) {
        search->stop = false;
        replay_line(search, &line, STATS_REPLAY_AFTER, false, &minimise->best_seen,
                    &minimise->best_replays);
        search->stop |= stopped;
    }
    minimise->best = text_of(&line, line.mode == PLAN_CONTROLLED ? search->hash : 0);
    line_free(&line);
    stats_replay_grade((long long)minimise->best_seen, (long long)minimise->best_replays,
                       &minimise->grade);
}

enum minimise_end minimise_run(struct minimise *minimise)
{
    struct search search = {.minimise = minimise, .end = MINIMISE_DONE};

    take_shape(&search);
    if (measure(&search))
        for (int round = 0; round < ROUNDS && !search.stop; round++) {
            unsigned taken = minimise->taken;

            one_round(&search);
            if (minimise->taken == taken)
                break;
        }
    conclude(&search);
    return search.end;
}

void minimise_close(struct minimise *minimise)
{
    free(minimise->wanted);
    free(minimise->best);
    for (unsigned i = 0; i < minimise->others; i++)
        free(minimise->other[i]);
}
