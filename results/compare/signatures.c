/*
 * signatures: which are new, gone, or weigh more than before. One signature is one bug.
 *
 * A signature that no earlier run has is always told, whatever its number. One that is missing
 * may only be rare: beside it stands how likely that is.
 */
#include <results/compare/units.h>

#include <harness/common/array.h>
#include <results/stats/fisher.h>
#include <results/stats/night.h>

#include <stdlib.h>
#include <string.h>

#define GONE_CHANCE 0.05

/* struct seen - a signature in a cell of a run; @run: of the earlier ones, or their number for NEW.
 */
struct seen {
    const struct side_signature *entry;
    const struct side *side;
    size_t run;
};

/* struct group - all that was seen of one signature: @seen .. @seen + @count, by runs. */
struct group {
    const struct seen *seen;
    size_t count;
};

static int by_signature(const void *a, const void *b)
{
    const struct seen *one = a, *other = b;
    int order = strcmp(one->entry->signature, other->entry->signature);

    if (order != 0)
        return order;
    if (one->run != other->run)
        return one->run < other->run ? -1 : 1;
    return one->entry < other->entry ? -1 : one->entry > other->entry;
}

static size_t add_side(struct seen *seen, size_t at, const struct side *side, size_t run)
{
    for (size_t i = 0; i < side->signatures; i++)
        seen[at++] = (struct seen){&side->signature[i], side, run};
    return at;
}

static struct seen *list_all(const struct compare_work *work, size_t *count)
{
    size_t total = work->new.signatures, at = 0;
    struct seen *seen;

    for (size_t i = 0; i < work->earlier_count; i++)
        total += work->earlier[i].signatures;
    seen = calloc(total + 1, sizeof *seen);
    if (seen == NULL)
        return NULL;
    for (size_t i = 0; i < work->earlier_count; i++)
        at = add_side(seen, at, &work->earlier[i], i);
    at = add_side(seen, at, &work->new, work->earlier_count);
    qsort(seen, at, sizeof *seen, by_signature);
    *count = at;
    return seen;
}

static size_t unit_of(const struct seen *seen)
{
    return seen->side->cell[seen->entry->at].unit;
}

/* Was it seen in this cell, in runs below @end? */
static bool seen_in(const struct group *group, size_t unit, size_t end)
{
    for (size_t i = 0; i < group->count; i++)
        if (group->seen[i].run < end && unit_of(&group->seen[i]) == unit)
            return true;
    return false;
}

/* Cycles that count, of a run, in all cells in which the signature was ever seen. */
static uint64_t count_runs(const struct group *group, const struct side *side)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < side->cells; i++)
        if (seen_in(group, side->cell[i].unit, SIZE_MAX))
            sum += side->cell[i].counts.counted;
    return sum;
}

/* Weighs a signature in runs @first .. @end-1; @cycles may be NULL. */
static bool weigh(const struct group *group, size_t first, size_t end, enum stop_severity *worst,
                  uint64_t *cycles)
{
    bool any = false;

    for (size_t i = 0; i < group->count; i++) {
        const struct seen *seen = &group->seen[i];

        if (seen->run < first || seen->run >= end)
            continue;
        if (!any || side_weight(seen->entry->severity) > side_weight(*worst))
            *worst = seen->entry->severity;
        *cycles += seen->entry->cycles;
        any = true;
    }
    return any;
}

static void count_cells(const struct group *group, size_t new, struct compare_signature *out)
{
    for (size_t i = 0; i < group->count; i++) {
        const struct seen *seen = &group->seen[i];

        if (seen->run != new)
            continue;
        out->cells++;
        out->verdicts += seen->entry->verdicts;
        out->more_cells += !seen_in(group, unit_of(seen), new);
    }
}

static int point_to(const struct seen *seen, struct compare_signature *out, struct error *e)
{
    const struct side_signature *entry = seen->entry;
    const struct store_cell *row = seen->side->cell[entry->at].row;

    out->signature = strdup(entry->signature);
    out->slug = strdup(entry->slug);
    out->replay = strdup(entry->replay);
    out->target = row->target;
    out->injector = row->injector;
    out->cell = entry->cell;
    out->cycle = entry->first_cycle;
    out->finding = entry->finding;
    return out->signature != NULL && out->slug != NULL && out->replay != NULL ? 0
                                                                              : side_no_memory(e);
}

/* How likely is it to see none, if all of it could be in any run? */
static void judge_gone(struct compare_signature *out)
{
    uint64_t before = out->before < out->before_runs ? out->before : out->before_runs;
    struct stats_fisher fisher;

    out->chance = 1;
    if (out->now_runs > 0 && stats_fisher((long long)before, (long long)out->before_runs, 0,
                                          (long long)out->now_runs, &fisher) == 0)
        out->chance = fisher.lower;
    out->rare = out->chance > GONE_CHANCE;
}

static void judge_severity(struct compare_signature *out)
{
    int old = side_weight(out->old_severity), now = side_weight(out->severity);

    out->change = now > old ? COMPARE_WORSE : now < old ? COMPARE_BETTER : COMPARE_SAME;
}

/* False if there is nothing to say of it. */
static bool judge_group(const struct compare_work *work, const struct group *group,
                        struct compare_signature *out)
{
    size_t new = work->earlier_count;
    size_t recent = new > STATS_NIGHTS_LEAST ? new - STATS_NIGHTS_LEAST : 0;
    bool now = weigh(group, new, new + 1, &out->severity, &out->now);
    bool before = weigh(group, now ? 0 : recent, new, &out->old_severity, &out->before);

    if (!now && !before)
        return false;
    for (size_t i = now ? 0 : recent; i < new; i++)
        out->before_runs += count_runs(group, &work->earlier[i]);
    out->now_runs = count_runs(group, &work->new);
    count_cells(group, new, out);
    if (now && before) {
        judge_severity(out);
    } else if (now) {
        out->change = COMPARE_NEW;
        out->old_severity = out->severity;
    } else {
        out->change = COMPARE_GONE;
        out->severity = out->old_severity;
        judge_gone(out);
    }
    return true;
}

static int take_group(struct comparison *comparison, const struct compare_work *work,
                      const struct group *group, size_t *room, struct error *e)
{
    struct compare_signature one = {0};
    const struct seen *shown = &group->seen[group->count - 1];

    if (!judge_group(work, group, &one))
        return 0;
    /* Its first cell in the latest run that has it. */
    while (shown > group->seen && shown[-1].run == shown->run)
        shown--;
    if (!ARRAY_ROOM(comparison->signature, comparison->signatures, *room))
        return side_no_memory(e);
    comparison->signature[comparison->signatures++] = one;
    return point_to(shown, &comparison->signature[comparison->signatures - 1], e);
}

static int kind_of(enum compare_change change)
{
    static const int order[] = {[COMPARE_NEW] = 0,
                                [COMPARE_WORSE] = 1,
                                [COMPARE_GONE] = 2,
                                [COMPARE_BETTER] = 3,
                                [COMPARE_SAME] = 4};

    return order[change];
}

static int by_weight(const void *a, const void *b)
{
    const struct compare_signature *one = a, *other = b;
    int order = kind_of(one->change) - kind_of(other->change);

    if (order == 0)
        order = side_weight(other->severity) - side_weight(one->severity);
    return order != 0 ? order : strcmp(one->signature, other->signature);
}

int compare_signatures(struct comparison *comparison, const struct compare_work *work,
                       struct error *e)
{
    size_t count, end, room = 0;
    struct seen *seen = list_all(work, &count);
    int code = 0;

    if (seen == NULL)
        return side_no_memory(e);
    for (size_t i = 0; i < count && code == 0; i = end) {
        struct group group = {&seen[i], 0};

        for (end = i;
             end < count && strcmp(seen[end].entry->signature, seen[i].entry->signature) == 0;
             end++)
            group.count++;
        code = take_group(comparison, work, &group, &room, e);
    }
    free(seen);
    if (comparison->signatures > 1)
        qsort(comparison->signature, comparison->signatures, sizeof *comparison->signature,
              by_weight);
    return code;
}
