/*
 * heap_fill: --heap-check fill. A freed block is filled and given to glibc only after as many
 * others: what is written to it meanwhile shows, and who reads it gets no pointer that works.
 *
 * Each lane keeps its own, in memory of this process alone; another thread may look at an entry
 * or take it out, so an entry belongs to whoever exchanges its block for NULL.
 */
#include "heap_check.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>

enum {
    KEPT = 64,         /* blocks of a lane */
    KEPT_MOST = 65536, /* bytes of one; what is larger is not kept */
    FILLING = 0xf5,
    LOOKS = 3,
};

struct kept {
    void *block;
    uint64_t time;
    uint64_t freed; /* return address of the free */
    uint32_t bytes;
    uint32_t caller; /* index of the call site that made it */
    uint32_t lane;
    uint32_t site;
};

struct kept_lane {
    uint64_t count; /* of all that came; the last KEPT of them are here */
    struct kept entry[KEPT];
};

static struct kept_lane *kept; /* one for each lane; NULL: not asked for */

void fill_begin(void)
{
    void *room;

    if (!heap_checks(OPTION_HEAP_FILL))
        return;
    room = mmap(NULL, ABI_LANES * sizeof *kept, PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (room != MAP_FAILED)
        kept = room;
}

/* Where the filling ends, from the start; -1 if it is whole. */
static int64_t first_changed(const uint8_t *at, uint32_t bytes)
{
    for (uint32_t i = 0; i < bytes; i++)
        if (at[i] != FILLING)
            return i;
    return -1;
}

static void tell(struct abi_heap_fault *fault, const struct kept *entry, uint64_t block)
{
    if (fault == NULL)
        return;
    fault_block(fault, block, (struct heap_block){entry->bytes, entry->caller});
    fault->freed = entry->freed;
    fault->freed_time = entry->time;
    fault->freed_lane = entry->lane;
    fault->freed_site = entry->site;
}

/* @copy: @rest of the block's bytes, from @first on. */
static void put_down(struct abi_lane *lane, const struct kept *entry, uint64_t block, int64_t first,
                     const uint8_t *copy, uint32_t rest)
{
    struct abi_heap_fault *fault = fault_begin(lane, HEAP_FAULT_WRITTEN, block);

    if (fault == NULL)
        return;
    tell(fault, entry, block);
    fault->site = SITE_ANY; /* whose call comes along now has nothing to do with it */
    fault->caller = 0;
    fault->stack.bytes = 0;
    fault->offset = first;
    for (uint32_t i = 0; i < rest; i++)
        fault->changed += copy[i] != FILLING;
    memcpy(fault->seen, copy, rest < 8 ? rest : 8);
    fault_end(fault);
}

/* The block if the entry still had it: then it is the caller's to give back. */
static void *take(struct kept *entry)
{
    return __atomic_exchange_n(&entry->block, NULL, __ATOMIC_ACQ_REL);
}

void *fill_keep(struct abi_lane *lane, void *block, struct heap_block was, uint64_t caller)
{
    struct kept_lane *mine;
    struct kept *entry;
    struct kept old;

    if (kept == NULL || was.bytes > KEPT_MOST)
        return block;
    mine = &kept[lane_index(lane)];
    entry = &mine->entry[mine->count++ % KEPT];
    old = *entry;
    old.block = take(entry);
    if (old.block != NULL) {
        int64_t first = first_changed(old.block, old.bytes);

        if (first >= 0)
            put_down(lane, &old, (uint64_t)old.block, first, (uint8_t *)old.block + first,
                     old.bytes - (uint32_t)first);
    }
    memset(block, FILLING, (size_t)was.bytes);
    *entry = (struct kept){NULL,     agent_ticks(),    caller,    (uint32_t)was.bytes,
                           was.site, lane_index(lane), lane->site};
    __atomic_store_n(&entry->block, block, __ATOMIC_RELEASE);
    return old.block;
}

static struct kept *find(const void *block)
{
    uint32_t lanes = CONTROL->lanes < ABI_LANES ? CONTROL->lanes : ABI_LANES;

    for (uint32_t i = 0; kept != NULL && i < lanes; i++)
        for (unsigned n = 0; n < KEPT; n++)
            if (__atomic_load_n(&kept[i].entry[n].block, __ATOMIC_ACQUIRE) == block)
                return &kept[i].entry[n];
    return NULL;
}

bool fill_holds(const void *block)
{
    return block != NULL && find(block) != NULL;
}

bool fill_take(const void *block, struct abi_heap_fault *fault)
{
    struct kept *entry = find(block);

    if (entry == NULL)
        return false;
    tell(fault, entry, (uint64_t)block);
    return take(entry) != NULL;
}

/* --- at the end ----------------------------------------------------------------------------- */

static bool read_block(uint8_t *out, uint64_t block, uint32_t bytes)
{
    struct iovec local = {out, bytes};
    struct iovec remote = {(void *)block, bytes};

    return raw_syscall(SYS_process_vm_readv, RAW1(SYS_getpid, 0), (long)&local, 1, (long)&remote, 1,
                       0) == (long)bytes;
}

/* In pieces, since this may run on a signal's stack. */
static void check_kept(struct abi_lane *lane, struct kept *entry)
{
    void *block = __atomic_load_n(&entry->block, __ATOMIC_ACQUIRE);
    struct kept was = *entry;
    uint8_t piece[256];

    for (uint32_t at = 0; block != NULL && at < was.bytes; at += sizeof piece) {
        uint32_t bytes = was.bytes - at < sizeof piece ? was.bytes - at : sizeof piece;
        int64_t first = -1;

        for (unsigned i = 0; i < LOOKS; i++)
            if (!read_block(piece, (uint64_t)block + at, bytes) ||
                (first = first_changed(piece, bytes)) < 0)
                break;
        if (first < 0)
            continue;
        if (__atomic_load_n(&entry->block, __ATOMIC_ACQUIRE) != block || entry->time != was.time)
            return; /* its lane has just given it back */
        put_down(lane, &was, (uint64_t)block, at + first, piece + first, bytes - (uint32_t)first);
        return;
    }
}

void fill_check_end(struct abi_lane *lane)
{
    uint32_t lanes = CONTROL->lanes < ABI_LANES ? CONTROL->lanes : ABI_LANES;

    for (uint32_t i = 0; kept != NULL && i < lanes; i++)
        for (unsigned n = 0; n < KEPT; n++)
            check_kept(lane, &kept[i].entry[n]);
}
