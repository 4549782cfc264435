/*
 * laps: see laps.h. The agent waits when its ring is full, so this is called at every tick.
 */
#include "laps.h"

#include "job.h"

#include <harness/common/array.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* What the user's program passes has no end that is known before; then the first so many count. */
static const uint64_t SEEN_MOST = 1 << 20;

void laps_collect(struct laps *laps, struct abi_memory *memory)
{
    struct abi_control *control = &memory->control;
    /* In this order: a cycle that just begins takes back the laps before what was read of them. */
    uint64_t read = __atomic_load_n(&control->laps_read, __ATOMIC_ACQUIRE);
    uint64_t lap = __atomic_load_n(&control->lap, __ATOMIC_ACQUIRE);
    bool bodies = control->lap_mode == LAPS_BODY;
    uint64_t most = bodies ? control->laps : SEEN_MOST;

    if (!abi_takes_laps(control))
        return;
    if (read == 0)
        laps->count = 0;
    if (lap <= read || (bodies && lap > most) || lap - read > ABI_LAPS)
        return; /* nothing new, or what the agent never writes */
    for (uint64_t i = read;
         i < lap && laps->count < most && ARRAY_ROOM(laps->lap, laps->count, laps->room); i++)
        laps->lap[laps->count++] = memory->lap[i % ABI_LAPS];
    __atomic_store_n(&control->laps_read, lap, __ATOMIC_RELEASE);
    job_wake((uint32_t *)&control->laps_read);
}

static struct store_series *new_series(struct laps *laps)
{
    if (!ARRAY_ROOM(laps->series, laps->series_count, laps->series_room))
        return NULL;
    return &laps->series[laps->series_count];
}

static void free_series(struct store_series *series)
{
    free((void *)series->sample);
    free((void *)series->kind);
}

static void add(struct laps *laps, int64_t cell, uint64_t cycle, const char *kind, size_t field)
{
    int64_t *sample = malloc(laps->count * sizeof *sample);
    struct store_series *series = new_series(laps);
    char *name = strdup(kind);

    if (sample == NULL || series == NULL || name == NULL) {
        free(sample);
        free(name);
        return;
    }
    for (size_t i = 0; i < laps->count; i++)
        sample[i] = *(const int64_t *)((const char *)&laps->lap[i] + field);
    memset(series, 0, sizeof *series);
    series->cell = cell;
    series->cycle = cycle;
    series->kind = name;
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
            free_series(&laps->series[i]);
        else
            laps->series[kept++] = laps->series[i];
    }
    laps->series_count = kept;
}

static void add_site(struct laps *laps, const struct abi_memory *memory, unsigned number,
                     bool blocks, int64_t cell, uint64_t cycle)
{
    struct store_series *series = new_series(laps);

    if (series == NULL)
        return;
    memset(series, 0, sizeof *series);
    if (!lap_sites_series(&laps->sites, memory, number, blocks, series))
        return;
    series->cell = cell;
    series->cycle = cycle;
    laps->series_count++;
}

static int by_size(const void *a, const void *b)
{
    const int64_t *one = a, *other = b;

    return *one < *other ? -1 : *one > *other;
}

/* One sample: the median duration of a lap, so that a report can say when a limit is reached. */
static void add_duration(struct laps *laps, const struct abi_memory *memory, int64_t cell,
                         uint64_t cycle)
{
    size_t count = laps->count - 1;
    int64_t *lap = calloc(count + 1, sizeof *lap);
    struct store_series *series = new_series(laps);
    char *name = strdup("lap.ns");

    if (lap == NULL || series == NULL || name == NULL || memory->control.tick_hz == 0) {
        free(lap);
        free(name);
        return;
    }
    for (size_t i = 0; i < count; i++)
        lap[i] = (int64_t)(laps->lap[i + 1].ticks - laps->lap[i].ticks);
    qsort(lap, count, sizeof *lap, by_size);
    lap[0] = (int64_t)((double)lap[count / 2] * 1e9 / (double)memory->control.tick_hz);
    *series = (struct store_series){cell, cycle, name, 0, lap, 1};
    laps->series_count++;
}

void laps_keep(struct laps *laps, const struct abi_memory *memory, int64_t cell, uint64_t cycle)
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
    if (laps->count > 1)
        add_duration(laps, memory, cell, cycle);
    for (unsigned i = 0; i < laps->sites.count; i++) {
        add_site(laps, memory, i, false, cell, cycle);
        add_site(laps, memory, i, true, cell, cycle);
    }
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
        free_series(&laps->series[i]);
    laps->series_count = 0;
}

void laps_free(struct laps *laps)
{
    laps_clear(laps);
    free(laps->series);
    free(laps->lap);
    memset(laps, 0, sizeof *laps);
}
