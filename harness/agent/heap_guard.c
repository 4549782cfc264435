/*
 * heap_guard: --heap-check guard. One allocation in many stands on a page of its own between two
 * that nobody may touch; once it is freed, nobody may touch its own either. Who reads or writes
 * where nothing is stops at that very instruction, and the slot tells of the block: who made it
 * and who freed it, with their stacks. The idea is GWP-ASan's.
 *
 * Which allocations are sampled is drawn from the cycle's seed, by thread name and number, so a
 * replay samples the same. The slots' state is this process's own; what is shared, for the
 * supervisor, only the target itself writes, no child that it forks.
 */
#include "heap_check.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

enum {
    POOL_PAGES = 2 * ABI_GUARD_SLOTS + 1,
    NATURAL = 16, /* malloc's alignment */
    FILLING = 0xeb,
};

uint64_t guard_base;
uint64_t guard_span;

/* By the slot's number. A slot belongs to whoever sets GUARD_BUSY. */
static struct own_slot {
    uint32_t state;
    uint32_t bytes;
    uint64_t block;
} slots[ABI_GUARD_SLOTS];
static uint32_t next_slot;

/*
 * glibc makes its main arena in the first call of its malloc, without a lock: it counts on that
 * call before the second thread. Where each block is sampled it would come from several at once.
 */
static void wake_allocator(void)
{
    real.free(real.malloc(1));
}

void guard_begin(void)
{
    void *pool;

    if (!heap_checks(OPTION_HEAP_GUARD))
        return;
    wake_allocator();
    pool = mmap(NULL, POOL_PAGES * ABI_PAGE_BYTES, PROT_NONE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (pool == MAP_FAILED)
        return;
    guard_base = (uint64_t)pool;
    guard_span = POOL_PAGES * ABI_PAGE_BYTES;
    agent_memory->guard.base = guard_base;
}

/* --- which --------------------------------------------------------------------------------------
 */

static uint64_t draw(const struct abi_lane *lane, uint64_t counter)
{
    uint64_t thread = plan_hash(lane->name, strlen(lane->name));

    return plan_mix(CONTROL->plan.workload_seed ^ thread, UINT64_C(0x6775617264) /* "guard" */,
                    counter);
}

/* From 1 to twice the mean, so that no period of the program's own goes unseen. */
void guard_draw(struct abi_lane *lane)
{
    uint32_t every = CONTROL->guard_every > 0 ? CONTROL->guard_every : 1;

    lane->guard_left =
        1 + (uint32_t)plan_below(draw(lane, lane->guard_drawn), 2 * (uint64_t)every - 1);
    lane->guard_drawn++;
}

static bool is_sampled(struct abi_lane *lane, size_t bytes, size_t alignment)
{
    if (guard_span == 0)
        return false;
    if (lane->guard_left == 0)
        guard_draw(lane);
    if (--lane->guard_left != 0)
        return false;
    return bytes <= ABI_PAGE_BYTES && alignment <= ABI_PAGE_BYTES &&
           (alignment & (alignment - 1)) == 0;
}

/* The one that was used longest ago: freed blocks stay out of reach as long as can be. */
static int claim_slot(void)
{
    for (unsigned i = 0; i < ABI_GUARD_SLOTS; i++) {
        uint32_t at = __atomic_fetch_add(&next_slot, 1, __ATOMIC_RELAXED) % ABI_GUARD_SLOTS;
        uint32_t state = __atomic_load_n(&slots[at].state, __ATOMIC_ACQUIRE);

        if ((state == GUARD_FREE || state == GUARD_FREED) &&
            __atomic_compare_exchange_n(&slots[at].state, &state, GUARD_BUSY, false,
                                        __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
            return (int)at;
    }
    return -1;
}

/* --- the page ------------------------------------------------------------------------------------
 */

static uint64_t page_of(unsigned slot)
{
    return guard_base + (2 * (uint64_t)slot + 1) * ABI_PAGE_BYTES;
}

static bool allow(unsigned slot, int protection)
{
    return RAW3(SYS_mprotect, page_of(slot), ABI_PAGE_BYTES, protection) == 0;
}

static void act(struct abi_guard_act *act, struct abi_lane *lane, uint64_t caller)
{
    act->lane = lane_index(lane);
    act->site = lane->site;
    act->time = agent_ticks();
    act->caller = caller;
    heap_stack(&act->stack);
}

/* Mostly at the page's end: programs rather write too far than too early. */
static uint64_t place(const struct abi_lane *lane, unsigned slot, size_t bytes, size_t alignment)
{
    uint64_t end = page_of(slot) + ABI_PAGE_BYTES;

    if (alignment < NATURAL)
        alignment = NATURAL;
    if ((draw(lane, ~(uint64_t)lane->guard_drawn) & 3) == 0)
        return page_of(slot);
    return (end - bytes) & ~(uint64_t)(alignment - 1);
}

/* What of the page is not the block's has a pattern, since the page around it can be touched. */
static void lay_out(unsigned slot, uint64_t block, size_t bytes, bool zeroed)
{
    uint64_t page = page_of(slot);

    memset((void *)page, FILLING, block - page);
    memset((void *)(block + bytes), FILLING, page + ABI_PAGE_BYTES - block - bytes);
    if (zeroed)
        memset((void *)block, 0, bytes);
}

static void tell_allocated(unsigned slot, struct abi_lane *lane, uint64_t caller)
{
    struct abi_guard_slot *shared = &agent_memory->guard.slot[slot];

    shared->block = slots[slot].block;
    shared->bytes = slots[slot].bytes;
    act(&shared->allocated, lane, caller);
    shared->freed.time = 0;
    shared->freed.stack.bytes = 0;
    shared->state = GUARD_LIVE;
    __atomic_store_n(&shared->epoch, CONTROL->epoch, __ATOMIC_RELEASE);
}

void *guard_allocate(struct abi_lane *lane, const struct heap_request *request, size_t bytes)
{
    size_t alignment = request->alignment;
    int slot;

    if (request->site == SITE_VALLOC || request->site == SITE_PVALLOC)
        alignment = ABI_PAGE_BYTES;
    if (!is_sampled(lane, bytes, alignment) || (slot = claim_slot()) < 0)
        return NULL;
    if (!allow((unsigned)slot, PROT_READ | PROT_WRITE)) {
        __atomic_store_n(&slots[slot].state, GUARD_FREE, __ATOMIC_RELEASE);
        return NULL;
    }
    slots[slot].block = place(lane, (unsigned)slot, bytes, alignment);
    slots[slot].bytes = (uint32_t)bytes;
    lay_out((unsigned)slot, slots[slot].block, bytes, request->site == SITE_CALLOC);
    tell_allocated((unsigned)slot, lane, request->caller);
    __atomic_store_n(&slots[slot].state, GUARD_LIVE, __ATOMIC_RELEASE);
    return (void *)slots[slot].block;
}

/* --- back --------------------------------------------------------------------------------------
 */

/* The slot on whose page @address lies; of a page between two, the one before it. */
static unsigned slot_near(uint64_t address)
{
    uint64_t page = (address - guard_base) / ABI_PAGE_BYTES;

    return page == 0 ? 0 : (unsigned)((page - 1) / 2);
}

size_t guard_bytes(const void *block)
{
    const struct own_slot *slot = &slots[slot_near((uint64_t)block)];

    return slot->state == GUARD_LIVE && slot->block == (uint64_t)block ? slot->bytes : SIZE_MAX;
}

static struct abi_heap_fault *fault_at(struct abi_lane *lane, uint32_t kind, unsigned slot,
                                       uint64_t address)
{
    struct abi_heap_fault *fault = fault_begin(lane, kind, address);
    const struct abi_guard_slot *shared = &agent_memory->guard.slot[slot];

    if (fault == NULL || shared->epoch != CONTROL->epoch)
        return fault;
    fault->sample = slot + 1;
    fault->block = shared->block;
    fault->bytes = shared->bytes;
    fault->allocated = shared->allocated.caller;
    if (shared->state == GUARD_FREED) {
        fault->freed = shared->freed.caller;
        fault->freed_lane = shared->freed.lane;
        fault->freed_site = shared->freed.site;
        fault->freed_time = shared->freed.time;
    }
    return fault;
}

static void refuse(struct abi_lane *lane, uint64_t address)
{
    unsigned slot = slot_near(address);
    uint64_t from = slots[slot].block;
    uint32_t kind = HEAP_FAULT_ODD;

    if (lane == NULL || lane->elsewhere)
        return;
    if (slots[slot].state == GUARD_FREED && from == address)
        kind = HEAP_FAULT_FREED;
    else if (slots[slot].state == GUARD_LIVE && address - from <= slots[slot].bytes)
        kind = HEAP_FAULT_INSIDE;
    fault_end(fault_at(lane, kind, slot, address));
}

static void put_down_change(struct abi_lane *lane, unsigned slot, const uint8_t *changed)
{
    uint64_t block = slots[slot].block;
    uint32_t kind = (uint64_t)changed < block ? HEAP_FAULT_BEFORE : HEAP_FAULT_BEHIND;
    struct abi_heap_fault *fault = fault_at(lane, kind, slot, block);
    uint64_t end = page_of(slot) + ABI_PAGE_BYTES;

    if (fault == NULL)
        return;
    fault->offset = (int64_t)((uint64_t)changed - block);
    fault->changed = 1;
    memcpy(fault->seen, changed, end - (uint64_t)changed < 8 ? end - (uint64_t)changed : 8);
    fault_end(fault);
}

static const uint8_t *first_changed(uint64_t from, uint64_t to)
{
    for (const uint8_t *at = (const uint8_t *)from; at < (const uint8_t *)to; at++)
        if (*at != FILLING)
            return at;
    return NULL;
}

static void check_page(struct abi_lane *lane, unsigned slot)
{
    uint64_t block = slots[slot].block;
    const uint8_t *changed = first_changed(page_of(slot), block);

    if (changed == NULL)
        changed = first_changed(block + slots[slot].bytes, page_of(slot) + ABI_PAGE_BYTES);
    if (changed != NULL)
        put_down_change(lane, slot, changed);
}

static void tell_freed(unsigned slot, struct abi_lane *lane, uint64_t caller)
{
    struct abi_guard_slot *shared = &agent_memory->guard.slot[slot];

    if (lane != NULL ? lane->elsewhere : !heap_is_targets())
        return;
    if (lane != NULL)
        act(&shared->freed, lane, caller);
    __atomic_store_n(&shared->state, GUARD_FREED, __ATOMIC_RELEASE);
}

/* The page goes out of reach before its slot may be used again. */
bool guard_free(struct abi_lane *lane, void *block, uint64_t caller)
{
    unsigned slot = slot_near((uint64_t)block);
    uint32_t live = GUARD_LIVE;

    if (slots[slot].block != (uint64_t)block ||
        !__atomic_compare_exchange_n(&slots[slot].state, &live, GUARD_BUSY, false, __ATOMIC_ACQ_REL,
                                     __ATOMIC_RELAXED)) {
        refuse(lane, (uint64_t)block);
        return false;
    }
    if (lane != NULL && !lane->elsewhere)
        check_page(lane, slot);
    tell_freed(slot, lane, caller);
    allow(slot, PROT_NONE);
    __atomic_store_n(&slots[slot].state, GUARD_FREED, __ATOMIC_RELEASE);
    return true;
}
