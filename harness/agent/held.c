/*
 * held: the list of locks that a lane holds, and the one that it waits for.
 */
#include "held.h"
#include "order.h"
#include "sched.h"

void held_wait_begin(struct abi_lane *lane, const volatile void *object, uint32_t mode)
{
    lane->wait_mode = mode;
    lane->wait_caller = lane->site_caller;
    lane->wait_since = lane->now;
    lane->wait_other = 0;
    if (UNLIKELY(CONTROL->phase != PHASE_RUNNING))
        exit_used(lane, (uint64_t)object);
    __atomic_store_n(&lane->wait_object, (uint64_t)object, __ATOMIC_RELEASE);
}

void held_wait_end(struct abi_lane *lane)
{
    __atomic_store_n(&lane->wait_object, 0, __ATOMIC_RELEASE);
    lane->wait_mode = MODE_NONE;
}

static struct abi_held *find(struct abi_lane *lane, uint64_t object, uint32_t mode)
{
    uint32_t count = lane->held_count < ABI_HELD ? lane->held_count : ABI_HELD;

    while (count-- > 0)
        if (lane->held[count].object == object &&
            (mode == MODE_NONE || lane->held[count].mode == mode))
            return &lane->held[count];
    return NULL;
}

/* Not in shared memory: a process forked off goes on with a copy. */
struct held_shard held_shards[HELD_SHARDS];

static void count_lock(uint64_t object, uint32_t change)
{
    struct held_shard *shard = &held_shards[(object >> HELD_SHARD_SHIFT) % HELD_SHARDS];

    __atomic_fetch_add(&shard->locks, change, __ATOMIC_RELAXED);
}

/*
 * A lane can hold more than the list can name: held_count then counts locks that are not there,
 * and what is let go leaves a hole (object 0), so that the list need not end where it did.
 */
static const struct abi_held hole;

static uint32_t listed(const struct abi_lane *lane)
{
    uint32_t count = lane->held_count < ABI_HELD ? lane->held_count : ABI_HELD;
    uint32_t found = 0;

    while (count-- > 0)
        found += lane->held[count].object != 0;
    return found;
}

/* The last one of the list takes its place. */
static void forget(struct abi_lane *lane, struct abi_held *held)
{
    count_lock(held->object, (uint32_t)-1);
    *held = lane->held_count <= ABI_HELD ? lane->held[lane->held_count - 1] : hole;
    lane->held_count--;
}

/* One of those that the list has no room for; false if there are none. */
static bool forget_unlisted(struct abi_lane *lane)
{
    struct abi_held *place;

    if (lane->held_count <= listed(lane))
        return false;
    if (lane->held_count <= ABI_HELD && (place = find(lane, 0, MODE_NONE)) != NULL)
        *place = lane->held[lane->held_count - 1];
    lane->held_count--;
    return true;
}

/* Room for one more; a lane that holds too many may have let some of the listed ones go. */
static struct abi_held *room(struct abi_lane *lane)
{
    return lane->held_count < ABI_HELD ? &lane->held[lane->held_count] : find(lane, 0, MODE_NONE);
}

void held_add(struct abi_lane *lane, const volatile void *object, uint32_t mode)
{
    struct abi_held *held = find(lane, (uint64_t)object, mode);

    lane_event(lane, EVENT_ACQUIRED, mode, (uint64_t)object, 0);
    if (held != NULL) {
        held->depth++;
        return;
    }
    if ((held = room(lane)) != NULL) {
        held->object = (uint64_t)object;
        held->caller = lane->site_caller;
        held->time = lane->now;
        held->mode = mode;
        held->depth = 1;
        count_lock((uint64_t)object, 1);
    }
    __atomic_store_n(&lane->held_count, lane->held_count + 1, __ATOMIC_RELEASE);
}

/* lock.over-released; a T?n may have taken it before anybody looked, or while it had no lane. */
static uint32_t released_in_vain(const struct abi_lane *lane)
{
    if (!lane->elsewhere && lane->name[1] != '?')
        __atomic_fetch_or(&CONTROL->anomaly, ANOMALY_LOOK, __ATOMIC_RELAXED);
    return MODE_NONE;
}

void held_drop(struct abi_lane *lane, const volatile void *object, uint32_t mode)
{
    struct abi_held *held = find(lane, (uint64_t)object, mode);

    if (held != NULL)
        mode = held->mode;
    else if (!forget_unlisted(lane))
        mode = released_in_vain(lane);
    lane_event(lane, EVENT_RELEASED, mode, (uint64_t)object, 0);
    if (held != NULL && --held->depth == 0)
        forget(lane, held);
}

/*
 * A process forked off has its own copy of every lock, at the same address: only what its own
 * threads hold counts there.
 */
static bool same_process(const struct abi_lane *lane, const struct abi_lane *other)
{
    return other->epoch == CONTROL->epoch && other->pid == lane->pid;
}

static bool held_by_anybody(const struct abi_lane *asking, const volatile void *object,
                            uint32_t *mode)
{
    uint32_t lanes = CONTROL->lanes < ABI_LANES ? CONTROL->lanes : ABI_LANES;

    for (uint32_t i = 0; i < lanes; i++) {
        struct abi_lane *lane = &agent_memory->lane[i];
        struct abi_held *held;

        if (!same_process(asking, lane) || lane->held_count == 0)
            continue;
        held = find(lane, (uint64_t)object, MODE_NONE);
        if (held != NULL) {
            *mode = held->mode;
            return true;
        }
    }
    return false;
}

bool held_by_living(void)
{
    uint32_t lanes = CONTROL->lanes < ABI_LANES ? CONTROL->lanes : ABI_LANES;

    for (uint32_t i = 0; i < lanes; i++) {
        const struct abi_lane *lane = &agent_memory->lane[i];

        if (lane->epoch == CONTROL->epoch && lane->pid == CONTROL->pid && lane->held_count > 0 &&
            lane->state != LANE_KILLED)
            return true;
    }
    return false;
}

void held_inherit(const volatile void *object)
{
    uint32_t lanes = CONTROL->lanes < ABI_LANES ? CONTROL->lanes : ABI_LANES;

    for (uint32_t i = 0; i < lanes; i++) {
        struct abi_lane *lane = &agent_memory->lane[i];
        struct abi_held *held;

        if (lane->epoch != CONTROL->epoch ||
            (lane->state != LANE_KILLED && lane->state != LANE_ENDED))
            continue;
        held = find(lane, (uint64_t)object, MODE_MUTEX);
        if (held != NULL)
            forget(lane, held);
    }
}

void held_destroyed(struct abi_lane *lane, const volatile void *object)
{
    uint32_t mode = MODE_NONE;

    if (held_by_anybody(lane, object, &mode))
        __atomic_fetch_or(&CONTROL->anomaly, ANOMALY_LOCK, __ATOMIC_RELAXED);
    lane_event(lane, EVENT_DESTROYED, mode, (uint64_t)object, 0);
    order_died(object);
}

/* A stream's own memory is freed by fclose, which its holder may well call. */
static bool is_fault(const struct abi_lane *lane, const struct abi_lane *holder,
                     const struct abi_held *held)
{
    return holder != lane || held->mode != MODE_STDIO;
}

static void free_held(struct abi_lane *lane, const struct abi_lane *holder, uint64_t block,
                      uint64_t bytes)
{
    uint32_t count = holder->held_count < ABI_HELD ? holder->held_count : ABI_HELD;

    for (uint32_t i = 0; i < count; i++) {
        const struct abi_held *held = &holder->held[i];

        if (held->object - block >= bytes || !is_fault(lane, holder, held))
            continue;
        __atomic_fetch_or(&CONTROL->anomaly, ANOMALY_HEAP, __ATOMIC_RELAXED);
        lane_event(lane, EVENT_FREE_HELD, held->mode, held->object, block);
    }
}

void held_freed(struct abi_lane *lane, const volatile void *block, uint64_t bytes)
{
    uint32_t lanes = CONTROL->lanes < ABI_LANES ? CONTROL->lanes : ABI_LANES;

    for (uint32_t i = 0; i < lanes; i++) {
        const struct abi_lane *holder = &agent_memory->lane[i];

        if (same_process(lane, holder))
            free_held(lane, holder, (uint64_t)block, bytes);
    }
}

/* --- controlled mode: known holders instead of blocking ----------------------------------- */

enum { ROBUST_KIND = 16 }; /* PTHREAD_MUTEX_ROBUST_NORMAL_NP in __kind, glibc */

static bool passes_on(const struct abi_lane *holder, const volatile void *object, uint32_t mode)
{
    const pthread_mutex_t *mutex = (const pthread_mutex_t *)object;

    return mode == MODE_MUTEX && (holder->state == LANE_KILLED || holder->state == LANE_ENDED) &&
           (mutex->__data.__kind & ROBUST_KIND);
}

/* What this lane holds itself is left to the real call: recursive, EDEADLK, or a deadlock. */
static bool blocks(const struct abi_lane *holder, const volatile void *object, uint32_t mode)
{
    const struct abi_held *held = find((struct abi_lane *)holder, (uint64_t)object, MODE_NONE);

    if (held == NULL || passes_on(holder, object, mode))
        return false;
    return mode != MODE_READ || held->mode != MODE_READ;
}

static bool would_block(const struct abi_lane *lane, const volatile void *object, uint32_t mode)
{
    uint32_t lanes = CONTROL->lanes < ABI_LANES ? CONTROL->lanes : ABI_LANES;
    int value = 1;

    if (mode == MODE_SEMAPHORE)
        return sem_getvalue((sem_t *)object, &value) == 0 && value <= 0;
    for (uint32_t i = 0; i < lanes; i++) {
        const struct abi_lane *other = &agent_memory->lane[i];

        if (other == lane || !same_process(lane, other))
            continue;
        if (mode == MODE_ONCE
                ? other->wait_mode == MODE_ONCE && other->wait_object == (uint64_t)object &&
                      other->sched_object != (uint64_t)object
                : blocks(other, object, mode))
            return true;
    }
    return false;
}

void held_test_cancel(struct abi_lane *lane)
{
    lane->depth = 0;
    pthread_testcancel();
    lane->depth = 1;
}

bool held_wait_turn(struct abi_lane *lane, const volatile void *object, uint32_t mode, bool timed)
{
    if (!sched_on(lane))
        return true;
    sched_point(lane);
    for (;;) {
        if (mode == MODE_SEMAPHORE)
            held_test_cancel(lane);
        if (!would_block(lane, object, mode))
            return true;
        if (sched_block(lane, object, timed))
            return false;
    }
}

void held_let_go(struct abi_lane *lane, const volatile void *object)
{
    if (!sched_on(lane))
        return;
    sched_wake(object, UINT32_MAX);
    sched_point(lane);
}
