/*
 * again: one cycle as a run of its own. See again.h.
 */
#include "again.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const double LEAST_S = 10;

static void judged(void *context, const struct judgement *judgement,
                   const struct abi_control *control)
{
    struct again *again = context;
    bool any = false;
    bool same = false;

    for (unsigned i = 0; i < judgement->findings; i++) {
        if (judgement->finding[i].severity != STOP_SEVERITY_FINDING)
            continue;
        any = true;
        same |=
            again->wanted == NULL || strcmp(judgement->finding[i].signature, again->wanted) == 0;
    }
    again->same += same;
    again->diverged += again->line->hash != 0 && control->schedule_hash != again->line->hash;
    again->other += any && !same;
    again->noted += !any && judgement->findings > 0;
}

void again_shape(struct again *again, struct target **target, uint64_t times,
                 struct run_options *options)
{
    const struct line *line = again->line;
    struct run_injection *injection = &options->injection[0];

    memset(options, 0, sizeof *options);
    options->target = target;
    options->targets = 1;
    options->injections = 1;
    injection->injector = line->injector;
    injection->point = line->point;
    injection->placed = line->struck;
    options->no_control = true;
    options->cycles = times;
    options->seed = line->seed;
    options->jobs = 1;
    options->mode = line->mode;
    options->must_unload = line->target->must_unload;
    options->reach = line->target->reach;
    options->deadline_s = line->target->deadline_s;
    options->held_long_s = line->target->held_long_s;
    options->trace = line->target->recorder == RECORDER_LTTNG;
    options->no_trace = line->target->recorder == RECORDER_NONE;
    options->quiet = true;
    options->only_cycle = true;
    options->cycle = line->cycle;
    options->judged = judged;
    options->context = again;
}

/* --- the findings of a run ----------------------------------------------------------------- */

struct wanted {
    int64_t finding;
    char *line;
};

struct wanted_list {
    struct wanted *wanted;
    size_t count;
};

static int collect(const struct store_finding *finding, void *context)
{
    struct wanted_list *list = context;
    struct wanted *longer;

    if (finding->severity != STOP_SEVERITY_FINDING || finding->replay[0] == 0 ||
        finding->replayed > 0)
        return 0;
    longer = realloc(list->wanted, (list->count + 1) * sizeof *longer);
    if (longer == NULL)
        return 1;
    list->wanted = longer;
    longer[list->count++] = (struct wanted){finding->id, strdup(finding->replay)};
    return 0;
}

/* True if the next may be tried, too. */
static bool try_one(struct run *run, const struct wanted *wanted, double seconds)
{
    struct run *trial = calloc(1, sizeof *trial);
    struct run_options options;
    struct line line;
    struct again again = {.line = &line}; /* any finding counts, as for whoever pastes the line */
    struct error e;
    bool go_on = true;

    if (trial == NULL || wanted->line == NULL ||
        line_parse(wanted->line, run->place.libdir, &line, &e) != 0) {
        free(trial);
        return trial != NULL;
    }
    again_shape(&again, &line.target, run->options.again, &options);
    options.seconds = seconds;
    options.without = run->options.without;
    options.memory_bytes = run->options.memory_bytes;
    options.core_limited = run->options.core_limited;
    options.core_bytes = run->options.core_bytes;
    if (run_execute(trial, &options, &e) == 0 && !trial->aborted && trial->total_broken == 0 &&
        trial->total_cycles > 0)
        store_replayed_set(run->store, wanted->finding, again.same, trial->total_cycles, NULL);
    go_on = !trial->interrupted;
    run_close(trial);
    free(trial);
    line_free(&line);
    return go_on;
}

static void say(const struct run *run, size_t number, size_t count)
{
    if (run->options.progress)
        fprintf(stderr, number < count ? "\r\033[Kreplaying finding %zu of %zu" : "\r\033[K",
                number + 1, count);
}

void again_findings(struct run *run)
{
    struct wanted_list list = {NULL, 0};
    uint64_t start = run_now_ns();
    double room = (double)(start - run->started_ns) / 1e9;
    bool go_on = run->options.again > 0 && !run->interrupted && run->store != NULL;

    if (room < LEAST_S)
        room = LEAST_S;
    if (run->options.again_seconds > 0)
        room = run->options.again_seconds;
    if (go_on && store_findings(run->store, true, collect, &list, NULL) != 0)
        go_on = false;
    for (size_t i = 0; i < list.count; i++) {
        double left = room - (double)(run_now_ns() - start) / 1e9;

        if (go_on && left > 0) {
            say(run, i, list.count);
            go_on = try_one(run, &list.wanted[i], left);
        }
        free(list.wanted[i].line);
    }
    say(run, list.count, list.count);
    free(list.wanted);
}
