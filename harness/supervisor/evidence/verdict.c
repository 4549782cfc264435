/*
 * verdict: runs the detectors, words the plan's own doings, and keeps it all until the batch
 * is committed.
 */
#include "verdict.h"

#include <harness/common/array.h>
#include <harness/supervisor/run/line.h>

#include <harness/injector.h>
#include <results/text/calibration.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool switched_off(const char *name, const char *const *without)
{
    for (; without != NULL && *without != NULL; without++)
        if (strcmp(name, *without) == 0)
            return true;
    return false;
}

static void judge_all(const struct evidence *evidence, const char *const *without, bool last,
                      struct judgement *judgement)
{
    for (unsigned i = 0; detector_registry[i] != NULL; i++)
        if (detector_registry[i]->last == last &&
            !switched_off(detector_registry[i]->name, without))
            detector_registry[i]->judge(evidence, judgement);
}

void verdict_judge(const struct evidence *evidence, const char *const *without,
                   struct judgement *judgement)
{
    memset(judgement, 0, sizeof *judgement);
    judge_all(evidence, without, false, judgement);
    judge_all(evidence, without, true, judgement);
    judgement_order(judgement);
}

static bool is_wanted(enum stop_code code, const char *wanted)
{
    return wanted != NULL && calibration_means(wanted, strlen(wanted), stop_code_entry(code)->slug);
}

enum verdict verdict_of(const struct judgement *judgement, const char *wanted)
{
    enum verdict verdict = VERDICT_PASS;

    for (unsigned i = 0; i < judgement->findings; i++) {
        const struct finding *finding = &judgement->finding[i];

        if (finding->severity == STOP_SEVERITY_HARNESS && !is_wanted(finding->code, wanted))
            return VERDICT_BROKEN;
        if (finding->severity != STOP_SEVERITY_NOTE)
            verdict = VERDICT_FAIL;
    }
    return verdict;
}

/* --- into the list ------------------------------------------------------------------------- */

/* @control: told of a cycle of many laps that did not finish them all, how far it was. */
static char *join_lines(const struct finding *finding, const struct abi_control *control)
{
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);

    if (out == NULL)
        return NULL;
    for (unsigned i = 0; i < finding->lines && i < FINDING_LINES; i++)
        fprintf(out, "%s%s", i > 0 ? "\n" : "", finding->line[i]);
    if (control->laps > 1 && control->lap < control->laps)
        fprintf(out, "%sin lap %llu of %u", finding->lines > 0 ? "\n" : "",
                (unsigned long long)control->lap + 1, control->laps);
    fclose(out);
    return text;
}

/* One arrow a line, fields between tabs; no field has either (finding_wait()). */
static char *join_waits(const struct finding *finding)
{
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);

    if (out == NULL)
        return NULL;
    for (unsigned i = 0; i < finding->waits && i < FINDING_WAITS; i++)
        fprintf(out, "%s\t%s\t%s\t%s\n", finding->wait[i].waiter, finding->wait[i].what,
                finding->wait[i].owner, finding->wait[i].state);
    fclose(out);
    return text;
}

/* "thread-kill at T1.2:malloc#17+41i" or "nothing (this one needs no help)". */
static char *injected_text(const struct abi_control *control)
{
    const struct plan_point *point = &control->plan.strike[0];
    char text[PLAN_POINT_BYTES];
    char site[64];
    char *out = NULL;

    if (control->plan.count == 0)
        return strdup("nothing (this one needs no help)");
    if (point->injector >= injector_count())
        return strdup("?");
    plan_point_format(point, abi_site_name(control, point->site, site), text);
    if (asprintf(&out, "%s at %s%s", injector_registry[point->injector]->name, text,
                 control->fired & 1 ? "" : " (did not fire)") < 0)
        return NULL;
    return out;
}

static struct store_finding *grow(struct verdict_list *list)
{
    if (!ARRAY_ROOM(list->finding, list->count, list->room))
        return NULL;
    memset(&list->finding[list->count], 0, sizeof list->finding[0]);
    return &list->finding[list->count++];
}

/* By a copy: what was checked in the memory itself may be another thing when it is used. */
static void fill_common(struct store_finding *out, const struct job *job, int64_t cell,
                        int injector, const char *trace)
{
    const struct abi_control control = job->memory->control;
    size_t length = 0;

    out->cell = cell;
    out->cycle = trust_cycle(&job->trust, &control);
    out->injected = injected_text(&control);
    out->replay = line_format(job->target, &control.plan, injector, &control);
    out->trace = strdup(trace != NULL ? trace : "");
    out->output = job_tail(job, &length);
    out->output_bytes = length;
}

void verdict_add(struct verdict_list *list, const struct judgement *judgement,
                 const struct evidence *evidence, const struct job *job, int64_t cell, int injector,
                 const char *trace, const char *timeline)
{
    for (unsigned i = 0; i < judgement->findings; i++) {
        const struct finding *finding = &judgement->finding[i];
        struct store_finding *out = grow(list);

        if (out == NULL)
            return;
        fill_common(out, job, cell, injector, trace);
        out->place = i;
        out->code = finding->code;
        out->severity = finding->severity;
        out->hang_ms = evidence->hang != HANG_NONE ? evidence->hang_ms : -1;
        out->signature = strdup(finding->signature);
        out->text = join_lines(finding, &job->memory->control);
        out->waits = join_waits(finding);
        out->timeline = strdup(i == 0 && timeline != NULL ? timeline : "");
    }
}

/* A code of the harness's own, which no detector has raised; NULL without memory. */
static struct store_finding *add_own(struct verdict_list *list, const struct job *job, int64_t cell,
                                     int injector, enum stop_code code, const char *text)
{
    struct store_finding *out = grow(list);

    if (out == NULL)
        return NULL;
    fill_common(out, job, cell, injector, NULL);
    out->code = code;
    out->severity = STOP_SEVERITY_HARNESS;
    out->hang_ms = -1;
    out->signature = strdup(stop_code_entry(code)->slug);
    out->text = strdup(text);
    out->timeline = strdup("");
    return out;
}

void verdict_broken(struct verdict_list *list, const struct job *job, int64_t cell, int injector,
                    const char *text)
{
    add_own(list, job, cell, injector, STOP_HARNESS_BROKEN, text);
}

void verdict_not_fired(struct verdict_list *list, const struct job *job, int64_t cell, int injector,
                       const char *text)
{
    struct store_finding *out =
        add_own(list, job, cell, injector, STOP_HARNESS_INJECTION_NOT_FIRED, text);

    for (size_t i = 0; out != NULL && &list->finding[i] != out; i++)
        out->place += list->finding[i].cycle == out->cycle;
}

void verdict_move(struct verdict_list *to, struct verdict_list *from, size_t first, size_t end)
{
    struct store_finding *out;

    for (size_t i = first; i < end && (out = grow(to)) != NULL; i++) {
        *out = from->finding[i];
        memset(&from->finding[i], 0, sizeof from->finding[i]);
    }
}

/* By insertion: all but those of cycles that were run again are in order already. */
void verdict_sort(struct verdict_list *list)
{
    for (size_t i = 1; i < list->count; i++) {
        struct store_finding moving = list->finding[i];
        size_t to = i;

        for (; to > 0 && list->finding[to - 1].cycle > moving.cycle; to--)
            list->finding[to] = list->finding[to - 1];
        list->finding[to] = moving;
    }
}

void verdict_clear(struct verdict_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        struct store_finding *finding = &list->finding[i];

        free((void *)finding->signature);
        free((void *)finding->text);
        free((void *)finding->waits);
        free((void *)finding->injected);
        free((void *)finding->replay);
        free((void *)finding->trace);
        free((void *)finding->timeline);
        free((void *)finding->output);
    }
    free(list->finding);
    memset(list, 0, sizeof *list);
}
