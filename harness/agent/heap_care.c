/*
 * heap_care: the allocator's hooks where they can't go the short way: nothing may be recorded
 * (no lane: agent code, a tracepoint, too many threads), the plan lets the call fail, the process
 * is a forked child whose heap is not counted, or --heap-check is on. Off, none of this runs.
 *
 * What the checks add to a call comes before the block is in the table, or after it has left it:
 * so whatever the table has can be looked at by anybody at any time.
 */
#include "heap_check.h"

#include "held.h"

#include <errno.h>
#include <string.h>

/* Exact sizes belong to this file alone: the program is given what it asked for, and no more. */
HOOK size_t malloc_usable_size(void *block);

static void *real_allocate(struct heap_request *r, size_t bytes)
{
    void *block = NULL;

    switch (r->site) {
    case SITE_MALLOC:
        return real.malloc(bytes);
    case SITE_CALLOC:
        return real.calloc(r->count, bytes);
    case SITE_MEMALIGN:
        return real.memalign(r->alignment, bytes);
    case SITE_ALIGNED_ALLOC:
        return real.aligned_alloc(r->alignment, bytes);
    case SITE_VALLOC:
        return real.valloc(bytes);
    case SITE_PVALLOC:
        return real.pvalloc(bytes);
    default:
        r->result = real.posix_memalign(&block, r->alignment, bytes);
        return r->result == 0 ? block : NULL;
    }
}

/* Lanes of a forked child have copies of blocks that the table's are the parent's. */
static void missed(const void *block)
{
    if (block != NULL && heap_is_targets())
        heap_missed(block);
}

static bool must_fail(struct agent_call call)
{
    if (LIKELY(!(call.lane->attention & ATTEND_FAIL)))
        return false;
    call.lane->attention &= ~ATTEND_FAIL;
    agent_leave(call);
    errno = ENOMEM;
    return true;
}

/* --- zones ------------------------------------------------------------------------------------ */

static bool has_zone(const struct abi_lane *lane, size_t bytes)
{
    return heap_checks(OPTION_HEAP_ZONES) && !lane->elsewhere && zone_fits(bytes);
}

/* What the program may use: pvalloc rounds up. SIZE_MAX: no block can be so large. */
static size_t usable(const struct heap_request *r)
{
    size_t all = r->bytes;

    if (r->site == SITE_CALLOC && __builtin_mul_overflow(r->count, r->bytes, &all))
        return SIZE_MAX;
    if (r->site == SITE_PVALLOC && all < SIZE_MAX - ABI_PAGE_BYTES)
        all = (all + ABI_PAGE_BYTES - 1) & ~(size_t)(ABI_PAGE_BYTES - 1);
    return all;
}

/* Some allocators want whole alignments of an aligned_alloc. */
static size_t with_zone(const struct heap_request *r, size_t bytes)
{
    size_t all = bytes + ZONE_BYTES;

    if (r->site == SITE_ALIGNED_ALLOC && !heap_is_glibc() && r->alignment != 0 &&
        bytes % r->alignment == 0)
        all += (r->alignment - all % r->alignment) % r->alignment;
    return all;
}

static void *allocate_zoned(struct heap_request *r, size_t bytes)
{
    struct heap_request one = *r;
    void *block;

    one.count = 1;
    if (r->site == SITE_PVALLOC) /* rounded up already */
        one.site = SITE_VALLOC;
    block = real_allocate(&one, with_zone(r, bytes));
    r->result = one.result;
    if (block != NULL)
        zone_write(block, bytes);
    return block;
}

/* --- allocating --------------------------------------------------------------------------------
 */

static void *note_allocated(struct agent_call call, uint32_t site, void *block, size_t bytes,
                            uint64_t caller)
{
    if (block != NULL && !call.lane->elsewhere)
        heap_add(call.lane, block, bytes, caller);
    lane_put(call.lane, EVENT_ALLOC, (uint16_t)site, 0, (uint64_t)block, bytes, caller,
             heap_ticks(call.lane));
    agent_leave(call);
    return block;
}

void *care_allocate(struct agent_call call, struct heap_request *r)
{
    size_t bytes = usable(r);
    void *block;

    r->result = ENOMEM;
    if (call.lane == NULL) {
        block = real_allocate(r, r->bytes);
        missed(block);
        return block;
    }
    if (must_fail(call))
        return NULL;
    if (!call.lane->elsewhere && (block = guard_allocate(call.lane, r, bytes)) != NULL) {
        r->result = 0;
        return note_allocated(call, r->site, block, bytes, r->caller);
    }
    if (has_zone(call.lane, bytes)) {
        AGENT_CALL(call, block = allocate_zoned(r, bytes));
    } else {
        AGENT_CALL(call, block = real_allocate(r, r->bytes));
        bytes = r->site == SITE_CALLOC ? bytes : r->bytes;
    }
    return note_allocated(call, r->site, block, bytes, r->caller);
}

/* --- freeing ------------------------------------------------------------------------------------
 */

static void passed_free(void *block)
{
    if (guard_holds(block)) {
        guard_free(NULL, block, 0);
        return;
    }
    missed(block);
    real.free(block);
}

static void put_free(struct abi_lane *lane, void *block, int64_t bytes, uint64_t caller)
{
    lane_put(lane, bytes >= 0 ? EVENT_FREE : EVENT_FREE_UNKNOWN, (uint16_t)lane->site, 0,
             (uint64_t)block, (uint64_t)bytes, caller, heap_ticks(lane));
}

static void check_block(struct abi_lane *lane, const void *block, struct heap_block was)
{
    if (was.bytes > 0 && held_near(block, (uint64_t)was.bytes))
        held_freed(lane, block, (uint64_t)was.bytes);
    if (was.bytes >= 0 && heap_checks(OPTION_HEAP_ZONES))
        zone_check(lane, block, was);
}

/* A block between guard pages is never glibc's: what is wrong with the call ends here. */
static void free_guarded(struct abi_lane *lane, void *block, uint64_t caller)
{
    struct heap_block was = {(int64_t)guard_bytes(block), 0};
    bool good = guard_free(lane, block, caller);

    if (good && !lane->elsewhere)
        was = heap_remove(lane, block);
    if (good && was.bytes > 0 && held_near(block, (uint64_t)was.bytes))
        held_freed(lane, block, (uint64_t)was.bytes);
    put_free(lane, block, good ? was.bytes : -1, caller);
}

/*
 * It was freed before and is kept: to the program it is a second free, but glibc has not seen the
 * first yet.
 */
static void free_kept(struct agent_call call, void *block)
{
    uint64_t key = heap_key((uint64_t)block, CONTROL->epoch);
    struct abi_heap_fault *fault;

    if (heap_find(heap_home((uint64_t)block), key) != NULL || !fill_holds(block))
        return;
    fault = fault_begin(call.lane, HEAP_FAULT_FREED, (uint64_t)block);
    if (fill_take(block, fault)) {
        heap_missed(block); /* told: what follows is between the program and glibc */
        AGENT_CALL(call, real.free(block));
    }
    fault_end(fault);
}

static void free_counted(struct agent_call call, void *block, uint64_t caller)
{
    struct abi_lane *lane = call.lane;
    bool fills = heap_checks(OPTION_HEAP_FILL);
    struct heap_block was;

    if (fills)
        free_kept(call, block);
    was = heap_remove(lane, block);
    check_block(lane, block, was);
    put_free(lane, block, was.bytes, caller);
    if (fills && was.bytes >= 0)
        block = fill_keep(lane, block, was, caller);
    if (block != NULL)
        AGENT_CALL(call, real.free(block));
}

/*
 * The recorder's destructor frees what it had. Somebody killed inside the allocator would keep it
 * there for ever, in a process that by itself might have ended: its blocks end with the process.
 */
static bool is_recorders_last(uint64_t caller)
{
    return emit_calls(caller) && CONTROL->phase != PHASE_RUNNING;
}

void care_free(struct agent_call call, void *block, uint64_t caller)
{
    if (call.lane == NULL) {
        if (!is_recorders_last(caller))
            passed_free(block);
        return;
    }
    if (guard_holds(block)) {
        free_guarded(call.lane, block, caller);
    } else if (call.lane->elsewhere || block == NULL) {
        put_free(call.lane, block, 0, caller);
        AGENT_CALL(call, real.free(block));
    } else {
        free_counted(call, block, caller);
    }
    agent_leave(call);
}

/* --- moving -------------------------------------------------------------------------------------
 */

/* Out of the pool for good, into an ordinary block. */
static void *leave_guard(struct agent_call call, uint32_t site, void *old, size_t bytes,
                         uint64_t caller)
{
    struct heap_request r = {.site = SITE_MALLOC, .bytes = bytes, .caller = caller};
    size_t had = guard_bytes(old);
    void *block = NULL;

    if (had == SIZE_MAX) { /* none that glibc could say anything about */
        free_guarded(call.lane, old, caller);
        agent_leave(call);
        errno = ENOMEM;
        return NULL;
    }
    if (bytes != 0) {
        if (has_zone(call.lane, bytes))
            AGENT_CALL(call, block = allocate_zoned(&r, bytes));
        else
            AGENT_CALL(call, block = real.malloc(bytes));
        if (block != NULL)
            memcpy(block, old, had < bytes ? had : bytes);
    }
    if (block != NULL || bytes == 0)
        free_guarded(call.lane, old, caller);
    if (bytes != 0)
        return note_allocated(call, site, block, bytes, caller);
    agent_leave(call);
    return NULL;
}

static void *passed_reallocate(void *old, size_t bytes)
{
    void *block;

    if (guard_holds(old)) {
        size_t had = guard_bytes(old);

        block = bytes != 0 && had != SIZE_MAX ? real.malloc(bytes) : NULL;
        if (block != NULL)
            memcpy(block, old, had < bytes ? had : bytes);
        if (block != NULL || bytes == 0)
            guard_free(NULL, old, 0);
    } else {
        missed(old);
        block = real.realloc(old, bytes);
    }
    missed(block);
    return block;
}

static struct heap_block take_out(struct agent_call call, void *old)
{
    struct heap_block was = {0, 0};

    if (old == NULL || call.lane->elsewhere)
        return was;
    if (heap_checks(OPTION_HEAP_FILL))
        free_kept(call, old);
    was = heap_remove(call.lane, old);
    if (was.bytes >= 0 && heap_checks(OPTION_HEAP_ZONES))
        zone_check(call.lane, old, was);
    return was;
}

static void *move(struct agent_call call, void *old, size_t bytes)
{
    bool zoned = (old == NULL || bytes != 0) && has_zone(call.lane, bytes);
    void *block;

    AGENT_CALL(call, block = real.realloc(old, zoned ? bytes + ZONE_BYTES : bytes));
    if (zoned && block != NULL)
        zone_write(block, bytes);
    return block;
}

/* As hook_alloc.c has it: a failed realloc leaves the old block where it was. */
static void *note_moved(struct agent_call call, uint32_t site, void *old, struct heap_block was,
                        void *block, size_t bytes, uint64_t caller)
{
    struct abi_lane *lane = call.lane;

    if (block == NULL && old != NULL && bytes != 0 && was.bytes >= 0 && !lane->elsewhere)
        heap_put_back(lane, old, was);
    if (old != NULL && (block != NULL || bytes == 0)) {
        if (block != old && was.bytes > 0 && held_near(old, (uint64_t)was.bytes))
            held_freed(lane, old, (uint64_t)was.bytes);
        lane_put(lane, was.bytes >= 0 ? EVENT_FREE : EVENT_FREE_UNKNOWN, (uint16_t)site, 0,
                 (uint64_t)old, (uint64_t)was.bytes, caller, 0);
    }
    return note_allocated(call, site, block, bytes, caller);
}

void *care_reallocate(struct agent_call call, uint32_t site, void *old, size_t bytes,
                      uint64_t caller)
{
    struct heap_block was;

    if (call.lane == NULL)
        return passed_reallocate(old, bytes);
    if (must_fail(call))
        return NULL;
    if (guard_holds(old))
        return leave_guard(call, site, old, bytes, caller);
    was = take_out(call, old);
    return note_moved(call, site, old, was, move(call, old, bytes), bytes, caller);
}

/* --- how large it is
 * ------------------------------------------------------------------------------
 */

HOOK size_t malloc_usable_size(void *block)
{
    uint32_t home = heap_home((uint64_t)block);
    const struct abi_heap_slot *slot;

    if (guard_holds(block))
        return guard_bytes(block) != SIZE_MAX ? guard_bytes(block) : 0;
    if (agent_memory == NULL || !agent_active || !heap_checks(OPTION_HEAP_ZONES) ||
        agent_lane == NULL || agent_lane->elsewhere)
        return real.malloc_usable_size(block);
    slot = heap_find(home, heap_key((uint64_t)block, CONTROL->epoch));
    return slot != NULL && slot->bytes < UINT32_MAX ? slot->bytes : real.malloc_usable_size(block);
}
