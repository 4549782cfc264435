/*
 * heap: what is rarely needed of the table of live blocks: a slot away from the address's own,
 * and a call site that was not seen before.
 */
#include "heap.h"

enum { PROBES = 64 };

static bool take(struct abi_heap_slot *slot, uint64_t seen, uint64_t key)
{
    if (CONTROL->alive <= 1) { /* nobody to race with */
        slot->key = key;
        return true;
    }
    return __atomic_compare_exchange_n(&slot->key, &seen, key, false, __ATOMIC_ACQ_REL,
                                       __ATOMIC_RELAXED);
}

/* The slot of @key at or behind @index that may be taken and now is; NULL if none is left. */
static struct abi_heap_slot *claim(uint32_t index, uint64_t key)
{
    for (unsigned probe = 0; probe < PROBES; probe++) {
        struct abi_heap_slot *slot = &agent_memory->heap[(index + probe) & (ABI_HEAP_SLOTS - 1)];
        uint64_t seen = slot->key;

        if (heap_is_free(seen, key) && take(slot, seen, key))
            return slot;
    }
    CONTROL->heap_full = 1;
    return NULL;
}

void heap_put_elsewhere(const void *block, uint64_t key, struct heap_block was)
{
    struct abi_heap_slot *slot = claim(heap_home((uint64_t)block), key);

    if (slot != NULL)
        heap_fill(slot, was);
}

struct abi_heap_slot *heap_find(uint32_t index, uint64_t key)
{
    for (unsigned probe = 0; probe < PROBES; probe++) {
        struct abi_heap_slot *slot = &agent_memory->heap[(index + probe) & (ABI_HEAP_SLOTS - 1)];

        if (slot->key == key)
            return slot;
        if (((slot->key ^ key) & HEAP_EPOCH_MASK) != 0)
            return NULL; /* never used in this cycle: the block is not here */
    }
    return NULL;
}

uint32_t heap_call_site(uint64_t caller)
{
    uint64_t *table = agent_memory->call_site;
    uint32_t index = heap_site_home(caller);

    for (unsigned probe = 0; probe < PROBES; probe++, index = (index + 1) & (ABI_CALL_SITES - 1)) {
        uint64_t seen = __atomic_load_n(&table[index], __ATOMIC_RELAXED);

        if (index == 0)
            continue;
        if (seen == caller)
            return index;
        if (seen == 0 && (__atomic_compare_exchange_n(&table[index], &seen, caller, false,
                                                      __ATOMIC_RELAXED, __ATOMIC_RELAXED) ||
                          seen == caller))
            return index;
    }
    return 0;
}
