/*
 * evidence_blocks: records of misused blocks, and the pool of those between guard pages. The
 * target can have written over either. Nothing here judges.
 */
#include "evidence_blocks.h"

#include "evidence.h"

#include <signal.h>
#include <stdlib.h>

const struct abi_heap_fault *evidence_fault(const struct evidence *evidence, unsigned index)
{
    const struct abi_heap_fault *fault;

    if (evidence->memory == NULL || index >= ABI_HEAP_FAULTS)
        return NULL;
    fault = &evidence->memory->heap_fault[index];
    if (fault->epoch == 0 || fault->epoch != evidence->memory->control.epoch ||
        fault->kind == HEAP_FAULT_NONE || fault->kind >= ABI_HEAP_FAULT_KINDS ||
        fault->site > ABI_SITE_LAST_ALLOC || evidence_lane(evidence, fault->lane) == NULL)
        return NULL;
    return fault;
}

/* --- between guard pages -----------------------------------------------------------------------
 */

static const struct abi_guard_slot *slot_at(const struct evidence *evidence, uint64_t number)
{
    const struct abi_guard *guard = &evidence->memory->guard;
    const struct abi_guard_slot *slot = number < ABI_GUARD_SLOTS ? &guard->slot[number] : NULL;
    uint64_t page = guard->base + (2 * number + 1) * ABI_PAGE_BYTES;

    if (slot == NULL || slot->epoch == 0 || slot->epoch != evidence->memory->control.epoch ||
        (slot->state != GUARD_LIVE && slot->state != GUARD_FREED) || slot->block < page ||
        slot->bytes > ABI_PAGE_BYTES || slot->block - page > ABI_PAGE_BYTES - slot->bytes)
        return NULL;
    return slot;
}

/* 0: inside. */
static uint64_t distance(const struct abi_guard_slot *slot, uint64_t address)
{
    if (slot == NULL)
        return UINT64_MAX;
    if (address < slot->block)
        return slot->block - address;
    return address - slot->block < slot->bytes ? 0 : address - slot->block - slot->bytes + 1;
}

const struct abi_guard_slot *evidence_sample(const struct evidence *evidence, uint64_t address,
                                             int64_t *offset, unsigned *slot)
{
    const uint64_t base = evidence->memory != NULL ? evidence->memory->guard.base : 0;
    uint64_t page = (address - base) / ABI_PAGE_BYTES;
    const struct abi_guard_slot *found, *before;
    uint64_t number = page / 2;

    if (base == 0 || address < base || page > 2 * ABI_GUARD_SLOTS)
        return NULL;
    found = slot_at(evidence, number);
    before = page % 2 == 0 && number > 0 ? slot_at(evidence, number - 1) : NULL;
    if (distance(before, address) < distance(found, address)) {
        found = before;
        number--;
    }
    if (found == NULL)
        return NULL;
    *offset = (int64_t)(address - found->block);
    *slot = (unsigned)number;
    return found;
}

static const struct abi_crash *crash_of(const struct evidence *evidence)
{
    const struct abi_control *control = evidence_control(evidence);

    if (control == NULL || control->epoch == 0 || control->crash.epoch != control->epoch)
        return NULL;
    return &control->crash;
}

const struct abi_guard_slot *evidence_sample_crash(const struct evidence *evidence, int64_t *offset,
                                                   unsigned *slot)
{
    const struct abi_crash *crash = crash_of(evidence);
    const struct abi_guard_slot *found;

    if (crash == NULL || crash->signal != SIGSEGV || crash->code <= 0)
        return NULL;
    found = evidence_sample(evidence, crash->address, offset, slot);
    if (found == NULL || (found->state == GUARD_LIVE && distance(found, crash->address) == 0))
        return NULL;
    return found;
}

/* --- glibc's own abort ---------------------------------------------------------------------------
 */

const struct abi_heap_fault *evidence_fault_crash(const struct evidence *evidence)
{
    const struct abi_crash *crash = crash_of(evidence);

    if (crash == NULL || crash->signal != SIGABRT)
        return NULL;
    for (unsigned i = 0; i < ABI_HEAP_FAULTS; i++) {
        const struct abi_heap_fault *fault = evidence_fault(evidence, i);
        const struct abi_lane *lane;

        if (fault == NULL || fault->lane != crash->lane || fault->site == SITE_ANY)
            continue;
        lane = evidence_lane(evidence, fault->lane);
        if (lane->site == fault->site && lane->hits[fault->site] == fault->hit)
            return fault;
    }
    return NULL;
}
