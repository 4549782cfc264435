/*
 * heap: the table of live blocks, in shared memory, without locks.
 *
 * A slot is found from the address, so that neighbours in the heap are neighbours in the
 * table and a cycle touches few of its pages. One address is owned by one thread at a time;
 * only the claiming of a slot can race, and only between different addresses. A slot freed in
 * this cycle is a tombstone (address 0, this epoch) and may be used again.
 *
 * Nested allocator calls (malloc inside dlopen) come here too; agent code never allocates.
 */
#include "agent.h"

enum { PROBES = 64 };

static inline uint64_t slot_key(uint64_t address, uint64_t epoch)
{
    return (address >> 4) << 20 | (epoch & 0xfffff);
}

/* Arenas are 64 MiB apart: their number spreads them over the table. */
static inline uint32_t slot_home(uint64_t address)
{
    return (uint32_t)((address >> 5) + (address >> 26) * 40503) & (ABI_HEAP_SLOTS - 1);
}

/* Index of the call site, made at its first use; 0 when the table is full around it. */
static inline uint32_t call_site(uint64_t caller)
{
    uint64_t *table = agent_memory->call_site;
    uint32_t index = (uint32_t)(caller ^ caller >> 12) & (ABI_CALL_SITES - 1);
    uint64_t seen;

    for (unsigned probe = 0; probe < PROBES; probe++, index = (index + 1) & (ABI_CALL_SITES - 1)) {
        if (index == 0)
            continue;
        seen = __atomic_load_n(&table[index], __ATOMIC_RELAXED);
        if (LIKELY(seen == caller))
            return index;
        if (seen == 0 && (__atomic_compare_exchange_n(&table[index], &seen, caller, false,
                                                      __ATOMIC_RELAXED, __ATOMIC_RELAXED) ||
                          seen == caller))
            return index;
    }
    return 0;
}

static inline bool claim(struct abi_heap_slot *slot, uint64_t seen, uint64_t key)
{
    if (CONTROL->alive <= 1) { /* nobody to race with */
        slot->key = key;
        return true;
    }
    return __atomic_compare_exchange_n(&slot->key, &seen, key, false, __ATOMIC_ACQ_REL,
                                       __ATOMIC_RELAXED);
}

void heap_add(struct abi_lane *lane, const void *block, size_t bytes, uint64_t caller)
{
    uint64_t epoch = CONTROL->epoch;
    uint64_t key = slot_key((uint64_t)block, epoch);
    uint32_t index = slot_home((uint64_t)block);
    struct abi_heap_slot *slot;
    uint64_t seen;

    lane->live_bytes += (int64_t)bytes;
    lane->live_blocks++;
    lane->allocations++;
    for (unsigned probe = 0; probe < PROBES; probe++, index = (index + 1) & (ABI_HEAP_SLOTS - 1)) {
        slot = &agent_memory->heap[index];
        seen = slot->key;
        if ((seen & 0xfffff) == (epoch & 0xfffff) && seen >> 20 != 0)
            continue;
        if (claim(slot, seen, key)) {
            slot->bytes = bytes < UINT32_MAX ? (uint32_t)bytes : UINT32_MAX;
            slot->caller = call_site(caller);
            return;
        }
    }
    CONTROL->heap_full = 1;
}

int64_t heap_remove(struct abi_lane *lane, const void *block)
{
    uint64_t epoch = CONTROL->epoch;
    uint64_t key = slot_key((uint64_t)block, epoch);
    uint32_t index = slot_home((uint64_t)block);
    struct abi_heap_slot *slot;

    for (unsigned probe = 0; probe < PROBES; probe++, index = (index + 1) & (ABI_HEAP_SLOTS - 1)) {
        slot = &agent_memory->heap[index];
        if (LIKELY(slot->key == key)) {
            int64_t bytes = slot->bytes;

            lane->live_bytes -= bytes;
            lane->live_blocks--;
            __atomic_store_n(&slot->key, epoch & 0xfffff, __ATOMIC_RELEASE);
            return bytes;
        }
        if ((slot->key & 0xfffff) != (epoch & 0xfffff))
            break; /* never used in this cycle: the block is not here */
    }
    lane->unknown_frees++;
    return -1;
}
