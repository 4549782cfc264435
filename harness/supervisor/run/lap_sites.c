/*
 * lap_sites: see lap_sites.h. The shared memory may be damaged: what is read is bounded here.
 */
#include "lap_sites.h"

#include <harness/supervisor/evidence/evidence.h>
#include <results/stats/leak.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int64_t read_count(const struct abi_site_count *count, bool blocks)
{
    return blocks ? count->blocks : count->bytes;
}

static unsigned samples_of(const struct abi_memory *memory)
{
    const struct abi_lap_sites *sites = &memory->lap_sites;

    if (sites->epoch != memory->control.epoch || sites->every == 0)
        return 0;
    return sites->samples < ABI_SITE_SAMPLES ? sites->samples : ABI_SITE_SAMPLES;
}

static void read_samples(const struct abi_memory *memory, unsigned index, bool blocks,
                         long long *out)
{
    for (unsigned i = 0; i < samples_of(memory); i++)
        out[i] = read_count(&memory->lap_sites.sample[i][index], blocks);
}

/* Growth in each lap; 0 where there is none to speak of. */
static double growth(const struct abi_memory *memory, unsigned index, bool blocks)
{
    long long samples[ABI_SITE_SAMPLES];
    struct stats_leak leak;

    read_samples(memory, index, blocks, samples);
    if (stats_leak_judge(samples, samples_of(memory), STATS_LEAK_SITE, &leak) != 0 ||
        !(leak.slope.slope > 0))
        return 0;
    return leak.slope.slope / (double)memory->lap_sites.every;
}

static bool is_still(const struct abi_memory *memory, unsigned index, unsigned samples)
{
    const struct abi_site_count *first = &memory->lap_sites.sample[samples / 2][index];
    const struct abi_site_count *last = &memory->lap_sites.sample[samples - 1][index];

    return last->bytes <= first->bytes && last->blocks <= first->blocks;
}

static bool is_before(const struct evidence_site *one, const struct evidence_site *other)
{
    if (one->bytes != other->bytes)
        return one->bytes > other->bytes;
    return one->blocks > other->blocks;
}

/* Keeps the ten that grow most. */
static void keep(struct lap_sites *sites, const struct evidence_site *site, uint32_t index)
{
    unsigned at = sites->count;

    while (at > 0 && is_before(site, &sites->site[at - 1]))
        at--;
    if (at == EVIDENCE_SITES)
        return;
    if (sites->count < EVIDENCE_SITES)
        sites->count++;
    for (unsigned i = sites->count - 1; i > at; i--) {
        sites->site[i] = sites->site[i - 1];
        sites->index[i] = sites->index[i - 1];
    }
    sites->site[at] = *site;
    sites->index[at] = index;
}

/* The name that it had when the target still stood, if it has none now. */
static const char *old_name(const struct lap_sites *before, uint64_t caller)
{
    for (unsigned i = 0; i < before->count; i++)
        if (before->site[i].caller == caller)
            return before->site[i].place;
    return NULL;
}

static void name(struct evidence_site *site, const struct lap_sites *before,
                 const struct evidence *evidence)
{
    struct evidence_frame frame;
    const char *old = old_name(before, site->caller);

    if (site->caller == 0)
        snprintf(site->place, sizeof site->place, "places beyond the first %d", ABI_CALL_SITES);
    else if (evidence_caller(evidence, site->caller, &frame) || old == NULL)
        evidence_frame_text(&frame, site->place);
    else
        snprintf(site->place, sizeof site->place, "%s", old);
}

/* Two calls in one line: a series is found by its name. */
static void tell_apart(struct lap_sites *sites, unsigned number)
{
    char *place = sites->site[number].place;
    unsigned same = 1;

    for (unsigned i = 0; i < number; i++)
        same += strcmp(sites->site[i].place, place) == 0;
    if (same > 1)
        snprintf(place + strlen(place), FINDING_TEXT_BYTES - strlen(place), " (call %u)", same);
}

static void name_all(struct lap_sites *sites, const struct lap_sites *before,
                     const struct evidence *evidence)
{
    static const struct lap_sites nothing;

    for (unsigned i = 0; i < sites->count; i++)
        name(&sites->site[i], before->epoch == sites->epoch ? before : &nothing, evidence);
    for (unsigned i = sites->count; i-- > 0;)
        tell_apart(sites, i);
}

void lap_sites_find(struct lap_sites *sites, struct evidence *evidence)
{
    const struct abi_memory *memory = evidence->memory;
    struct lap_sites before = *sites;
    unsigned samples = samples_of(memory);

    memset(sites, 0, sizeof *sites);
    sites->epoch = memory->control.epoch;
    for (uint32_t i = 0; samples > 1 && i < ABI_CALL_SITES; i++) {
        struct evidence_site site = {.caller = i > 0 ? memory->call_site[i] : 0};

        if (is_still(memory, i, samples))
            continue;
        site.bytes = growth(memory, i, false);
        site.blocks = growth(memory, i, true);
        if (site.bytes > 0 || site.blocks > 0)
            keep(sites, &site, i);
    }
    name_all(sites, &before, evidence);
    evidence->site = sites->site;
    evidence->sites = sites->count;
}

bool lap_sites_series(const struct lap_sites *sites, const struct abi_memory *memory,
                      unsigned number, bool blocks, struct store_series *out)
{
    unsigned count = samples_of(memory);
    int64_t *samples = calloc(count + 1, sizeof *samples);
    char every[32] = "", *kind = NULL;

    if (memory->lap_sites.every > 1)
        snprintf(every, sizeof every, "/%llu", (unsigned long long)memory->lap_sites.every);
    if (samples == NULL || asprintf(&kind, "site.%s%s %s", blocks ? "blocks" : "bytes", every,
                                    sites->site[number].place) < 0) {
        free(samples);
        return false;
    }
    for (unsigned i = 0; i < count; i++)
        samples[i] = read_count(&memory->lap_sites.sample[i][sites->index[number]], blocks);
    out->kind = kind;
    out->sample = samples;
    out->samples = count;
    return true;
}
