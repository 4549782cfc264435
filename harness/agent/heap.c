/*
 * heap: what is rarely needed of the table of live blocks: a slot away from the address's own,
 * a block that is there no more or around an address, a call site that was not seen before.
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

static bool is_of_cycle(uint64_t seen, uint64_t key)
{
    return ((seen ^ key) & (ABI_HEAP_FREED - 1)) == 0;
}

/* @key as it stands there: live, or with the tombstone's bit. */
struct abi_heap_slot *heap_find(uint32_t index, uint64_t key)
{
    for (unsigned probe = 0; probe < PROBES; probe++) {
        struct abi_heap_slot *slot = &agent_memory->heap[(index + probe) & (ABI_HEAP_SLOTS - 1)];

        if (slot->key == key)
            return slot;
        if (!is_of_cycle(slot->key, key))
            return NULL; /* never used in this cycle: the block is not here */
    }
    return NULL;
}

static struct heap_block block_of(const struct abi_heap_slot *slot)
{
    return (struct heap_block){slot->bytes, slot->caller};
}

bool heap_find_freed(const void *address, struct heap_block *was)
{
    uint64_t key = heap_key((uint64_t)address, CONTROL->epoch) | ABI_HEAP_FREED;
    const struct abi_heap_slot *slot = heap_find(heap_home((uint64_t)address), key);

    if (slot != NULL)
        *was = block_of(slot);
    return slot != NULL;
}

/* Blocks do not overlap: the nearest one below is the only one that can reach so far. */
uint64_t heap_find_around(uint64_t address, uint64_t reach, struct heap_block *out)
{
    uint64_t start = address & ~(uint64_t)15;

    for (uint64_t down = 0; down <= reach && down <= start; down += 16) {
        uint64_t at = start - down;
        const struct abi_heap_slot *slot = heap_find(heap_home(at), heap_key(at, CONTROL->epoch));

        if (slot == NULL)
            continue;
        *out = block_of(slot);
        return address - at < slot->bytes ? at : 0;
    }
    return 0;
}

static bool forget(uint32_t home, uint64_t key)
{
    uint64_t nobody = (CONTROL->epoch & HEAP_EPOCH_MASK) | ABI_HEAP_FREED;
    struct abi_heap_slot *slot = heap_find(home, key);

    return slot != NULL && __atomic_compare_exchange_n(&slot->key, &key, nobody, false,
                                                       __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

/* An address may have left more than one tombstone, in whatever slot was free at the time. */
void heap_missed(const void *block)
{
    uint64_t key = heap_key((uint64_t)block, CONTROL->epoch);
    uint32_t home = heap_home((uint64_t)block);

    while (forget(home, key) || forget(home, key | ABI_HEAP_FREED))
        ;
}

/* Site 0 stands for those that found no room in the table. */
void heap_count_site(uint32_t site, int64_t bytes, int64_t blocks)
{
    struct abi_site_count *live = &agent_memory->lap_sites.live[site & (ABI_CALL_SITES - 1)];

    if (CONTROL->alive <= 1) { /* nobody to race with */
        live->bytes += bytes;
        live->blocks += blocks;
        return;
    }
    __atomic_fetch_add(&live->bytes, bytes, __ATOMIC_RELAXED);
    __atomic_fetch_add(&live->blocks, blocks, __ATOMIC_RELAXED);
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
