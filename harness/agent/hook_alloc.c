/*
 * hook_alloc: malloc and its family. The hottest code of the agent: a malloc and free pair
 * must stay below 2.5 times the bare one, so stamps are thinned out and nothing is locked.
 *
 * A block enters the heap table after the real call and leaves it before: another thread may
 * get the address as soon as the real free has it.
 */
#include "heap_check.h"
#include "held.h"

#include <errno.h>

/* An allocator's own calls of its public names are of its making: one block is counted once. */
static inline struct agent_call alloc_enter(uint32_t site, uint64_t caller)
{
    struct agent_call call = agent_enter(site, caller);

    if (UNLIKELY(call.outer != 0 && call.outer <= ABI_SITE_LAST_ALLOC)) {
        agent_leave(call);
        call.lane = NULL;
    }
    return call;
}

/* No lane, the plan lets it fail, a forked child, --heap-check. */
static inline bool needs_care(struct agent_call call)
{
    return call.lane == NULL || ((call.lane->attention & ATTEND_FAIL) | call.lane->careful) != 0;
}

static inline __attribute__((always_inline)) void *
allocated(struct agent_call call, uint32_t site, void *block, size_t bytes, uint64_t caller)
{
    if (LIKELY(block != NULL))
        heap_add(call.lane, block, bytes, caller);
    lane_put(call.lane, EVENT_ALLOC, site, 0, (uint64_t)block, bytes, caller,
             heap_ticks(call.lane));
    agent_leave(call);
    return block;
}

/* Everything of the long way stays out of the short one's frame. */
static __attribute__((noinline, cold)) void *carefully(struct agent_call call, uint32_t site,
                                                       size_t count, size_t bytes, size_t alignment,
                                                       uint64_t caller)
{
    struct heap_request request = {site, count, bytes, alignment, caller, 0};

    return care_allocate(call, &request);
}

HOOK void *malloc(size_t bytes)
{
    struct agent_call call = alloc_enter(SITE_MALLOC, CALLER());
    void *block;

    if (UNLIKELY(needs_care(call)))
        return carefully(call, SITE_MALLOC, 1, bytes, 0, CALLER());
    AGENT_CALL(call, block = real.malloc(bytes));
    return allocated(call, SITE_MALLOC, block, bytes, CALLER());
}

HOOK void *calloc(size_t count, size_t bytes)
{
    struct agent_call call = alloc_enter(SITE_CALLOC, CALLER());
    void *block;

    if (UNLIKELY(needs_care(call)))
        return carefully(call, SITE_CALLOC, count, bytes, 0, CALLER());
    AGENT_CALL(call, block = real.calloc(count, bytes));
    return allocated(call, SITE_CALLOC, block, count * bytes, CALLER());
}

static inline struct heap_block taken_out(struct agent_call call, void *block)
{
    return LIKELY(block != NULL) ? heap_remove(call.lane, block) : (struct heap_block){0, 0};
}

static inline void check_held(struct abi_lane *lane, const void *block, int64_t bytes)
{
    if (UNLIKELY(bytes > 0 && held_near(block, (uint64_t)bytes)))
        held_freed(lane, block, (uint64_t)bytes);
}

/* A failed realloc leaves the old block where it was, so it goes back into the table. */
static inline void *moved(struct agent_call call, uint32_t site, void *old, struct heap_block was,
                          void *block, size_t bytes, uint64_t caller)
{
    struct abi_lane *lane = call.lane;

    if (block == NULL && old != NULL && bytes != 0 && was.bytes >= 0)
        heap_put_back(lane, old, was);
    if (old != NULL && (block != NULL || bytes == 0)) {
        if (block != old)
            check_held(lane, old, was.bytes);
        lane_put(lane, was.bytes >= 0 ? EVENT_FREE : EVENT_FREE_UNKNOWN, site, 0, (uint64_t)old,
                 (uint64_t)was.bytes, caller, 0);
    }
    return allocated(call, site, block, bytes, caller);
}

HOOK void *realloc(void *old, size_t bytes)
{
    struct agent_call call = alloc_enter(SITE_REALLOC, CALLER());
    struct heap_block was;
    void *block;

    if (UNLIKELY(needs_care(call)))
        return care_reallocate(call, SITE_REALLOC, old, bytes, CALLER());
    was = taken_out(call, old);
    AGENT_CALL(call, block = real.realloc(old, bytes));
    return moved(call, SITE_REALLOC, old, was, block, bytes, CALLER());
}

/* glibc's reallocarray comes back to our realloc, and the block would be counted twice. */
HOOK void *reallocarray(void *old, size_t count, size_t bytes)
{
    struct agent_call call;
    struct heap_block was;
    size_t total;
    void *block;

    if (__builtin_mul_overflow(count, bytes, &total)) {
        errno = ENOMEM;
        return NULL;
    }
    call = alloc_enter(SITE_REALLOCARRAY, CALLER());
    if (UNLIKELY(needs_care(call)))
        return care_reallocate(call, SITE_REALLOCARRAY, old, total, CALLER());
    was = taken_out(call, old);
    AGENT_CALL(call, block = real.realloc(old, total));
    return moved(call, SITE_REALLOCARRAY, old, was, block, total, CALLER());
}

static __attribute__((noinline)) void unknown_free(struct abi_lane *lane, void *block,
                                                   uint64_t caller)
{
    lane_put(lane, EVENT_FREE_UNKNOWN, SITE_FREE, 0, (uint64_t)block, UINT64_MAX, caller,
             heap_ticks(lane));
}

HOOK void free(void *block)
{
    struct agent_call call;
    int64_t bytes;

    if (UNLIKELY(real_early_block(block)))
        return;
    call = alloc_enter(SITE_FREE, CALLER());
    if (UNLIKELY(call.lane == NULL) || UNLIKELY(call.lane->careful)) {
        care_free(call, block, CALLER());
        return;
    }
    bytes = taken_out(call, block).bytes;
    check_held(call.lane, block, bytes);
    if (UNLIKELY(bytes < 0))
        unknown_free(call.lane, block, CALLER());
    else
        lane_put(call.lane, EVENT_FREE, SITE_FREE, 0, (uint64_t)block, (uint64_t)bytes, CALLER(),
                 heap_ticks(call.lane));
    AGENT_CALL(call, real.free(block));
    agent_leave(call);
}

#define ALIGNED_HOOK(name, SITE)                                                                   \
    HOOK void *name(size_t alignment, size_t bytes)                                                \
    {                                                                                              \
        struct agent_call call = alloc_enter(SITE, CALLER());                                      \
        void *block;                                                                               \
                                                                                                   \
        if (UNLIKELY(needs_care(call)))                                                            \
            return carefully(call, SITE, 1, bytes, alignment, CALLER());                           \
        AGENT_CALL(call, block = real.name(alignment, bytes));                                     \
        return allocated(call, SITE, block, bytes, CALLER());                                      \
    }
ALIGNED_HOOK(memalign, SITE_MEMALIGN)
ALIGNED_HOOK(aligned_alloc, SITE_ALIGNED_ALLOC)

HOOK int posix_memalign(void **out, size_t alignment, size_t bytes)
{
    struct agent_call call = alloc_enter(SITE_POSIX_MEMALIGN, CALLER());
    int result;

    if (UNLIKELY(needs_care(call))) {
        struct heap_request request = {SITE_POSIX_MEMALIGN, 1, bytes, alignment, CALLER(), 0};
        void *block = care_allocate(call, &request);

        if (block != NULL)
            *out = block;
        return block != NULL ? 0 : request.result;
    }
    AGENT_CALL(call, result = real.posix_memalign(out, alignment, bytes));
    allocated(call, SITE_POSIX_MEMALIGN, result == 0 ? *out : NULL, bytes, CALLER());
    return result;
}

#define PAGE_HOOK(name, SITE)                                                                      \
    HOOK void *name(size_t bytes)                                                                  \
    {                                                                                              \
        struct agent_call call = alloc_enter(SITE, CALLER());                                      \
        void *block;                                                                               \
                                                                                                   \
        if (UNLIKELY(needs_care(call)))                                                            \
            return carefully(call, SITE, 1, bytes, 0, CALLER());                                   \
        AGENT_CALL(call, block = real.name(bytes));                                                \
        return allocated(call, SITE, block, bytes, CALLER());                                      \
    }
PAGE_HOOK(valloc, SITE_VALLOC)
PAGE_HOOK(pvalloc, SITE_PVALLOC)
