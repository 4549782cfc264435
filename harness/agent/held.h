/*
 * held.h: what a lane holds and what it waits for. Called with lane->depth > 0, by the lane's
 * own thread alone.
 */
#ifndef AGENT_HELD_H
#define AGENT_HELD_H

#include "agent.h"

/** Says what the thread is about to wait for; no event yet, most waits are none. */
void held_wait_begin(struct abi_lane *lane, const volatile void *object, uint32_t mode);
void held_wait_end(struct abi_lane *lane);
void held_add(struct abi_lane *lane, const volatile void *object, uint32_t mode);
/**
 * @mode MODE_NONE: whatever it is held as (an rwlock's unlock does not say). The event has the
 * mode it was held in; MODE_NONE says that this lane did not have it.
 */
void held_drop(struct abi_lane *lane, const volatile void *object, uint32_t mode);
/** A lock is destroyed: an event, and an anomaly if a thread of this process holds it. */
void held_destroyed(struct abi_lane *lane, const volatile void *object);
/** True if a thread of the target holds any lock that the plan has not left to it by a kill. */
bool held_by_living(void);

/**
 * Locks held in this process, counted by the kilobyte that they lie in: a hint for free(), which
 * must not look through all lanes. It may say yes too often, but never no wrongly.
 */
enum { HELD_SHARDS = 64, HELD_SHARD_SHIFT = 10 };
struct held_shard {
    uint32_t locks;
} __attribute__((aligned(64)));
extern struct held_shard held_shards[HELD_SHARDS];

/** True if a lock that somebody holds may lie in the @bytes from @block on. */
static inline bool held_near(const volatile void *block, uint64_t bytes)
{
    uint64_t first = (uint64_t)block >> HELD_SHARD_SHIFT;
    uint64_t last = ((uint64_t)block + bytes) >> HELD_SHARD_SHIFT;

    if (LIKELY(first == last))
        return held_shards[first % HELD_SHARDS].locks != 0;
    if (last - first >= HELD_SHARDS)
        last = first + HELD_SHARDS - 1;
    for (; first <= last; first++)
        if (UNLIKELY(__atomic_load_n(&held_shards[first % HELD_SHARDS].locks, __ATOMIC_RELAXED)))
            return true;
    return false;
}

/**
 * The @bytes from @block on are about to be freed, and held_near() said yes: an event and an
 * anomaly for each lock in there that a thread of this process holds.
 */
void held_freed(struct abi_lane *lane, const volatile void *block, uint64_t bytes);

/** A robust mutex was handed over by its dead owner: the owner's list forgets it. */
void held_inherit(const volatile void *object);
/** Controlled mode: waits until taking @object in @mode would not block. False: time is up. */
bool held_wait_turn(struct abi_lane *lane, const volatile void *object, uint32_t mode, bool timed);
/** Controlled mode: a wait that is a cancellation point is one here, too. */
void held_test_cancel(struct abi_lane *lane);
/** Controlled mode: @object has been let go. */
void held_let_go(struct abi_lane *lane, const volatile void *object);

#endif
