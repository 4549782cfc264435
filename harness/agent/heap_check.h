/*
 * heap_check.h: the long way of the allocator's hooks, and what it finds.
 *
 *     heap_care.c    calls that can't go the short way: no lane, a failure that was ordered, a
 *                    forked child, --heap-check
 *     heap_fault.c   what is certainly a fault, put down for the supervisor
 *     heap_zone.c    bytes behind each block that nobody may change
 *     heap_fill.c    freed blocks, filled and kept for a while
 *     heap_guard.c   blocks on pages of their own, which nobody may touch once they are freed
 *
 * Nothing here runs in a usual cycle but heap_suspect(), when a block is freed that the table
 * does not have. Called with lane->depth > 0.
 */
#ifndef AGENT_HEAP_CHECK_H
#define AGENT_HEAP_CHECK_H

#include "heap.h"

#pragma GCC visibility push(hidden)

enum { HEAP_CHECKS = OPTION_HEAP_ZONES | OPTION_HEAP_FILL | OPTION_HEAP_GUARD };

static inline bool heap_checks(uint32_t option)
{
    return (CONTROL->options & option) != 0;
}

/** struct heap_request - an allocating call. @bytes: of calloc, of one of @count. */
struct heap_request {
    uint32_t site;
    size_t count;
    size_t bytes;
    size_t alignment;
    uint64_t caller;
    int result; /* of posix_memalign */
};

/* heap_care.c; each ends the call. */
void *care_allocate(struct agent_call call, struct heap_request *request);
void *care_reallocate(struct agent_call call, uint32_t site, void *old, size_t bytes,
                      uint64_t caller);
void care_free(struct agent_call call, void *block, uint64_t caller);

/* hook_alloc.c */

/** A stamp costs as much as the rest of a hook: few events get one, the others lie between. */
static inline uint64_t heap_ticks(struct abi_lane *lane)
{
    return UNLIKELY(lane->seq % ABI_STAMP_EVERY == 0) ? agent_ticks() : 0;
}

/* heap_fault.c */

/** What follows our hooks is glibc's own allocator. */
bool heap_is_glibc(void);
/** Once in the server: whether all that allocates passes our hooks on its way to libc's. */
void heap_begin(void);
/** Copies the calling thread's registers and as much of its stack as there is room for. */
void heap_stack(struct abi_stack *out);
/**
 * A new record, with what the calling lane is doing; NULL if there is no more room. The caller
 * fills in the block and gives it to fault_end(). @address: what the call was given.
 */
struct abi_heap_fault *fault_begin(struct abi_lane *lane, uint32_t kind, uint64_t address);
void fault_end(struct abi_heap_fault *fault);
/** Says what a fault's block was when it was allocated. */
void fault_block(struct abi_heap_fault *fault, uint64_t block, struct heap_block was);
/** Whether the process is the target itself, with its own copy of the heap. */
bool heap_is_targets(void);

/* heap_zone.c */

enum { ZONE_BYTES = 32, ZONE_WORDS = ZONE_BYTES / 8 };

/** Blocks of 4 GiB and more have none: the table does not know their size. */
static inline bool zone_fits(size_t bytes)
{
    return bytes < UINT32_MAX - ZONE_BYTES;
}
void zone_write(void *block, size_t bytes);
/** @block is about to be freed or moved. */
void zone_check(struct abi_lane *lane, const void *block, struct heap_block was);
/** At the cycle's end, in an exit or a crash: all blocks that live, and those kept freed. */
void heap_check_end(struct abi_lane *lane);

/* heap_fill.c */

/** Before main of each cycle's process: room for the freed blocks. */
void fill_begin(void);
/** Takes a freed block in, and gives the one that has been kept for longest, or NULL. */
void *fill_keep(struct abi_lane *lane, void *block, struct heap_block was, uint64_t caller);
/** Takes @block out again if it is kept; @fault, if not NULL, is told who freed it. */
bool fill_take(const void *block, struct abi_heap_fault *fault);
bool fill_holds(const void *block);
void fill_check_end(struct abi_lane *lane);

/* heap_guard.c */

extern uint64_t guard_base;
extern uint64_t guard_span; /* 0 while there is no pool */

static inline bool guard_holds(const void *address)
{
    return (uint64_t)address - guard_base < guard_span;
}
void guard_begin(void);
/** How many allocations of @lane are left until the next that is sampled. */
void guard_draw(struct abi_lane *lane);
/** A block between guard pages, if this call is sampled and there is room; else NULL. */
void *guard_allocate(struct abi_lane *lane, const struct heap_request *request, size_t bytes);
/** @lane: NULL where nothing may be recorded. False: it is no block; that is a fault, put down. */
bool guard_free(struct abi_lane *lane, void *block, uint64_t caller);
/** Bytes asked for; SIZE_MAX if no live block of the pool begins at @block. */
size_t guard_bytes(const void *block);

#pragma GCC visibility pop

#endif
