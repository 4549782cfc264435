/*
 * leaks: verdicts on the same series of both runs, and slopes whose intervals part.
 */
#include <results/compare/units.h>

#include <harness/common/array.h>

#include <stdlib.h>
#include <string.h>

static const struct side_leak *find(const struct side *side, size_t unit, const char *kind)
{
    for (size_t i = 0; i < side->leaks; i++)
        if (side->cell[side->leak[i].at].unit == unit && strcmp(side->leak[i].kind, kind) == 0)
            return &side->leak[i];
    return NULL;
}

/* There is a slope that means something. */
static bool rises(const struct stats_leak *leak)
{
    return leak->verdict >= STATS_LEAK_SUSPECT;
}

/* A leak that was none before is worse; of two, the one that surely grows faster. */
static void judge(struct compare_leak *leak)
{
    bool old = leak->known_old && leak->old.verdict == STATS_LEAK_FOUND;
    bool new = leak->known_new && leak->new.verdict == STATS_LEAK_FOUND;

    leak->apart =
        leak->known_old && leak->known_new && rises(&leak->old) && rises(&leak->new) &&
        (leak->new.slope.low > leak->old.slope.high || leak->new.slope.high < leak->old.slope.low);
    if (new != old)
        leak->change = new ? COMPARE_WORSE : leak->known_new ? COMPARE_BETTER : COMPARE_SAME;
    else if (new && leak->apart)
        leak->change = leak->new.slope.low > leak->old.slope.high ? COMPARE_WORSE : COMPARE_BETTER;
}

static int add(struct comparison *comparison, const struct side *side,
               const struct side_leak *shown, const struct side_leak *old,
               const struct side_leak *new, size_t *room, struct error *e)
{
    const struct store_cell *row = side->cell[shown->at].row;
    struct compare_leak *leak;

    if (!ARRAY_ROOM(comparison->leak, comparison->leaks, *room))
        return side_no_memory(e);
    leak = &comparison->leak[comparison->leaks++];
    *leak = (struct compare_leak){.target = row->target,
                                  .injector = row->injector,
                                  .kind = strdup(shown->kind),
                                  .known_old = old != NULL,
                                  .known_new = new != NULL};
    if (leak->kind == NULL)
        return side_no_memory(e);
    if (old != NULL)
        leak->old = old->leak;
    if (new != NULL)
        leak->new = new->leak;
    judge(leak);
    return 0;
}

int compare_leaks(struct comparison *comparison, const struct compare_work *work, struct error *e)
{
    const struct side *new = &work->new, *old = &work->earlier[work->earlier_count - 1];
    size_t room = 0;
    int code = 0;

    for (size_t i = 0; i < new->leaks &&code == 0; i++) {
        size_t unit = new->cell[new->leak[i].at].unit;

        code = add(comparison, new, &new->leak[i], find(old, unit, new->leak[i].kind),
                   &new->leak[i], &room, e);
    }
    for (size_t i = 0; i < old->leaks && code == 0; i++) {
        size_t unit = old->cell[old->leak[i].at].unit;

        if (find(new, unit, old->leak[i].kind) == NULL)
            code = add(comparison, old, &old->leak[i], &old->leak[i], NULL, &room, e);
    }
    return code;
}
