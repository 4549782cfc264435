/*
 * heap.h: the table of live blocks, in shared memory, without locks; for hook_alloc.c only.
 *
 * A slot is found from the address, so that neighbours in the heap are neighbours in the
 * table and a cycle touches few of its pages. One address is owned by one thread at a time;
 * only the claiming of a slot can race, and only between different addresses. A slot freed in
 * this cycle is a tombstone (ABI_HEAP_FREED), which remembers its block until it is used again.
 * Nearly always the first slot looked at is the right one: that is inline, what remains is
 * heap.c's. A forked child's addresses are its parent's, too: what it does is not counted, and
 * never comes here (lane->elsewhere, heap_care.c).
 *
 * Nested allocator calls (malloc inside dlopen) come here too; agent code never allocates.
 */
#ifndef AGENT_HEAP_H
#define AGENT_HEAP_H

#include "agent.h"

#pragma GCC visibility push(hidden)

enum { HEAP_EPOCH_BITS = 20, HEAP_EPOCH_MASK = (1 << HEAP_EPOCH_BITS) - 1 };

struct heap_block;

/** The slot that holds @key behind @index; NULL if no hook saw the block's birth. */
struct abi_heap_slot *heap_find(uint32_t index, uint64_t key);
/** The block that @address was when it was freed, if it was and no hook saw it come back. */
bool heap_find_freed(const void *address, struct heap_block *was);
/** The live block that @address lies in, looked for @reach bytes down; its start, or 0. */
uint64_t heap_find_around(uint64_t address, uint64_t reach, struct heap_block *out);
/** @block was allocated or freed where no lane was to note it: what is known of it is void. */
void heap_missed(const void *block);
/** heap_fault.c: a block whose birth no hook saw is freed; a fault is put down if it is one. */
void heap_suspect(struct abi_lane *lane, const void *block);
/** Index of the call site, made at its first use; 0 when the table is full around it. */
uint32_t heap_call_site(uint64_t caller);

/* An address that no block can have has a key that no block has. */
static inline uint64_t heap_key(uint64_t address, uint64_t epoch)
{
    return address << (HEAP_EPOCH_BITS - 4) ^ (epoch & HEAP_EPOCH_MASK);
}

/* Arenas are 64 MiB apart: their number spreads them over the table. */
static inline uint32_t heap_home(uint64_t address)
{
    return ((uint32_t)(address >> 5) + (uint32_t)(address >> 26) * 40503) & (ABI_HEAP_SLOTS - 1);
}

static inline uint32_t heap_site_home(uint64_t caller)
{
    return (uint32_t)(caller ^ caller >> 12) & (ABI_CALL_SITES - 1);
}

/* A slot of another cycle, or a tombstone of this one: that bit is in no epoch. */
static inline bool heap_is_free(uint64_t seen, uint64_t key)
{
    return ((seen ^ key) & HEAP_EPOCH_MASK) != 0;
}

/** struct heap_block - a block outside the table: -1 @bytes if no hook saw its birth. */
struct heap_block {
    int64_t bytes;
    uint32_t site;
};

/* Where the first slot is not there for the taking. */
void heap_put_elsewhere(const void *block, uint64_t key, struct heap_block was);

static inline void heap_fill(struct abi_heap_slot *slot, struct heap_block was)
{
    slot->bytes = LIKELY(was.bytes < UINT32_MAX) ? (uint32_t)was.bytes : UINT32_MAX;
    slot->caller = was.site;
}

/** In cycles that take laps: @blocks (1 or -1) of @bytes came to or went from a call site. */
void heap_count_site(uint32_t site, int64_t bytes, int64_t blocks);

static inline void heap_put_back(struct abi_lane *lane, const void *block, struct heap_block was)
{
    uint64_t key = heap_key((uint64_t)block, CONTROL->epoch);
    struct abi_heap_slot *slot = &agent_memory->heap[heap_home((uint64_t)block)];

    lane->live_bytes += was.bytes;
    lane->live_blocks++;
    if (UNLIKELY(CONTROL->counts_sites != 0))
        heap_count_site(was.site, was.bytes, 1);
    if (UNLIKELY(!heap_is_free(slot->key, key)) || UNLIKELY(CONTROL->alive > 1)) {
        heap_put_elsewhere(block, key, was);
        return;
    }
    slot->key = key; /* nobody to race with */
    heap_fill(slot, was);
}

static inline void heap_add(struct abi_lane *lane, const void *block, size_t bytes, uint64_t caller)
{
    uint32_t site = heap_site_home(caller);

    if (UNLIKELY(agent_memory->call_site[site] != caller))
        site = heap_call_site(caller);
    heap_put_back(lane, block, (struct heap_block){(int64_t)bytes, site});
}

/** Takes a block out. */
static inline struct heap_block heap_remove(struct abi_lane *lane, const void *block)
{
    uint64_t key = heap_key((uint64_t)block, CONTROL->epoch);
    uint32_t home = heap_home((uint64_t)block);
    struct abi_heap_slot *slot = &agent_memory->heap[home];
    struct heap_block was;

    if (UNLIKELY(slot->key != key) && (slot = heap_find(home, key)) == NULL) {
        lane->unknown_frees++;
        heap_suspect(lane, block);
        return (struct heap_block){-1, 0};
    }
    was = (struct heap_block){slot->bytes, slot->caller};
    lane->live_bytes -= was.bytes;
    lane->live_blocks--;
    if (UNLIKELY(CONTROL->counts_sites != 0))
        heap_count_site(was.site, -was.bytes, -1);
    __atomic_store_n(&slot->key, key | ABI_HEAP_FREED, __ATOMIC_RELEASE);
    return was;
}

#pragma GCC visibility pop

#endif
