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
/** @mode MODE_NONE: whatever it is held as (an rwlock's unlock does not say). */
void held_drop(struct abi_lane *lane, const volatile void *object, uint32_t mode);
/** A lock is destroyed: an event, and an anomaly if anybody holds it. */
void held_destroyed(struct abi_lane *lane, const volatile void *object);
/** True if some lane of this cycle holds @object; its mode goes to @mode. */
bool held_by_anybody(const volatile void *object, uint32_t *mode);

/** A robust mutex was handed over by its dead owner: the owner's list forgets it. */
void held_inherit(const volatile void *object);
/** Controlled mode: waits until taking @object in @mode would not block. False: time is up. */
bool held_wait_turn(struct abi_lane *lane, const volatile void *object, uint32_t mode, bool timed);
/** Controlled mode: a wait that is a cancellation point is one here, too. */
void held_test_cancel(struct abi_lane *lane);
/** Controlled mode: @object has been let go. */
void held_let_go(struct abi_lane *lane, const volatile void *object);

#endif
