/*
 * laps: see laps.h. The agent waits when its ring is full, so this is called at every tick.
 */
#include "laps.h"

#include "job.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static bool make_room(struct laps *laps)
{
    size_t room = laps->room != 0 ? laps->room * 2 : 1024;
    struct abi_lap *longer;

    if (laps->count < laps->room)
        return true;
    longer = realloc(laps->lap, room * sizeof *longer);
    if (longer == NULL)
        return false;
    laps->lap = longer;
    laps->room = room;
    return true;
}

void laps_collect(struct laps *laps, struct abi_memory *memory)
{
    struct abi_control *control = &memory->control;
    uint64_t lap = __atomic_load_n(&control->lap, __ATOMIC_ACQUIRE), read;

    if (control->laps <= 1)
        return;
    read = control->laps_read;
    if (read == 0)
        laps->count = 0;
    if (lap <= read || lap > control->laps || lap - read > ABI_LAPS)
        return; /* nothing new, or what the agent never writes */
    for (uint64_t i = read; i < lap && laps->count < control->laps && make_room(laps); i++)
        laps->lap[laps->count++] = memory->lap[i % ABI_LAPS];
    __atomic_store_n(&control->laps_read, lap, __ATOMIC_RELEASE);
    job_wake((uint32_t *)&control->laps_read);
}

static struct store_series *new_series(struct laps *laps)
{
    size_t room = laps->series_room != 0 ? laps->series_room * 2 : 16;
    struct store_series *longer;

    if (laps->series_count == laps->series_room) {
        longer = realloc(laps->series, room * sizeof *longer);
        if (longer == NULL)
            return NULL;
        laps->series = longer;
        laps->series_room = room;
    }
    return &laps->series[laps->series_count];
}

static void add(struct laps *laps, int64_t cell, uint64_t cycle, const char *kind, size_t field)
{
    int64_t *sample = malloc(laps->count * sizeof *sample);
    struct store_series *series = new_series(laps);

    if (sample == NULL || series == NULL) {
        free(sample);
        return;
    }
    for (size_t i = 0; i < laps->count; i++)
        sample[i] = *(const int64_t *)((const char *)&laps->lap[i] + field);
    memset(series, 0, sizeof *series);
    series->cell = cell;
    series->cycle = cycle;
    series->kind = kind;
    series->sample = sample;
    series->samples = laps->count;
    laps->series_count++;
}

/* What the first try of a cycle that was run again has left. */
static void forget(struct laps *laps, uint64_t cycle)
{
    size_t kept = 0;

    for (size_t i = 0; i < laps->series_count; i++) {
        if (laps->series[i].cycle == cycle)
            free((void *)laps->series[i].sample);
        else
            laps->series[kept++] = laps->series[i];
    }
    laps->series_count = kept;
}

void laps_keep(struct laps *laps, int64_t cell, uint64_t cycle)
{
    static const struct {
        const char *kind;
        size_t field;
    } kinds[] = {
        {"heap.bytes", offsetof(struct abi_lap, heap_bytes)},
        {"heap.blocks", offsetof(struct abi_lap, heap_blocks)},
        {"threads", offsetof(struct abi_lap, threads)},
        {"modules", offsetof(struct abi_lap, modules)},
        {"fds", offsetof(struct abi_lap, fds)},
        {"map.pages", offsetof(struct abi_lap, map_pages)},
        {"rss.pages", offsetof(struct abi_lap, rss_pages)},
    };

    forget(laps, cycle);
    for (size_t i = 0; laps->count > 0 && i < sizeof kinds / sizeof kinds[0]; i++)
        add(laps, cell, cycle, kinds[i].kind, kinds[i].field);
}

void laps_move_series(struct laps *to, struct laps *from)
{
    to->series = from->series;
    to->series_count = from->series_count;
    to->series_room = from->series_room;
    from->series = NULL;
    from->series_count = from->series_room = 0;
}

void laps_clear(struct laps *laps)
{
    for (size_t i = 0; i < laps->series_count; i++)
        free((void *)laps->series[i].sample);
    laps->series_count = 0;
}

void laps_free(struct laps *laps)
{
    laps_clear(laps);
    free(laps->series);
    free(laps->lap);
    memset(laps, 0, sizeof *laps);
}
