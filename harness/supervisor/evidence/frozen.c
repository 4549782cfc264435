/*
 * frozen: copies of shared memory. What is copied is told by the copy of what was copied before,
 * never by the memory itself: that may change meanwhile.
 */
#include "frozen.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>

static bool make_empty(struct abi_memory **copy)
{
    void *at;

    if (*copy != NULL)
        return madvise(*copy, sizeof **copy, MADV_DONTNEED) == 0;
    at = mmap(NULL, sizeof **copy, PROT_READ | PROT_WRITE,
              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED)
        return false;
    *copy = at;
    return true;
}

/* A count that can't be says nothing: then every lane is looked at, as evidence_lanes() does. */
static unsigned lanes_of(const struct abi_control *control)
{
    return control->lanes >= 1 && control->lanes <= ABI_LANES ? control->lanes : ABI_LANES;
}

static void copy_lane(struct abi_memory *copy, const struct abi_memory *memory, unsigned index)
{
    struct abi_lane *lane = &copy->lane[index];
    uint64_t events;

    if (memory->lane[index].epoch != copy->control.epoch)
        return;
    memcpy(lane, &memory->lane[index], offsetof(struct abi_lane, ring));
    events = lane->seq < ABI_RING_EVENTS ? lane->seq : ABI_RING_EVENTS;
    memcpy(lane->ring, memory->lane[index].ring, events * sizeof lane->ring[0]);
}

static void copy_records(struct abi_memory *copy, const struct abi_memory *memory)
{
    memcpy(copy->death, memory->death, sizeof copy->death);
    memcpy(copy->module, memory->module, sizeof copy->module);
    memcpy(copy->tie, memory->tie, sizeof copy->tie);
    memcpy(copy->call_site, memory->call_site, sizeof copy->call_site);
    memcpy(copy->heap_fault, memory->heap_fault, sizeof copy->heap_fault);
    copy->guard.base = memory->guard.base;
    if (copy->guard.base != 0)
        memcpy(copy->guard.slot, memory->guard.slot, sizeof copy->guard.slot);
}

/* Births tell the agent alone; of edges those that are in use. */
static void copy_order(struct abi_order *copy, const struct abi_order *order)
{
    memcpy(copy, order, offsetof(struct abi_order, edge));
    if (copy->edges != 0 || copy->circles != 0)
        memcpy(copy->edge, order->edge, sizeof copy->edge);
}

static void copy_sites(struct abi_memory *copy, const struct abi_memory *memory)
{
    struct abi_lap_sites *sites = &copy->lap_sites;
    uint32_t samples;

    memcpy(sites, &memory->lap_sites, offsetof(struct abi_lap_sites, sample));
    if (sites->epoch != copy->control.epoch)
        return;
    samples = sites->samples < ABI_SITE_SAMPLES ? sites->samples : ABI_SITE_SAMPLES;
    memcpy(sites->sample, memory->lap_sites.sample, samples * sizeof sites->sample[0]);
}

const struct abi_memory *frozen_take(struct abi_memory **copy, const struct abi_memory *memory)
{
    if (!make_empty(copy))
        return NULL;
    memcpy(&(*copy)->control, &memory->control, sizeof memory->control);
    for (unsigned i = 0; i < lanes_of(&(*copy)->control); i++)
        copy_lane(*copy, memory, i);
    copy_records(*copy, memory);
    copy_order(&(*copy)->order, &memory->order);
    copy_sites(*copy, memory);
    return *copy;
}

void frozen_free(struct abi_memory **copy)
{
    if (*copy != NULL)
        munmap(*copy, sizeof **copy);
    *copy = NULL;
}
