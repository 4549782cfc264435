/*
 * sched.h: one thread at a time, chosen by us.
 *
 * In controlled mode, and in the dry cycles that measure the profile, exactly one lane has the
 * turn. It gives the turn away at hooks; what would block in the kernel is tried, and a lane
 * that cannot go on waits for its turn instead, so that nothing depends on the kernel's
 * scheduler. Only what no hook models (a read from a pipe, a lock inside libc) blocks for
 * real; then the others take the turn away after a while, and the replay's promise is off.
 */
#ifndef AGENT_SCHED_H
#define AGENT_SCHED_H

#include "agent.h"

/** True while this thread is scheduled by us. */
static inline bool sched_on(const struct abi_lane *lane)
{
    return lane != NULL && lane->sched_state != 0;
}

/** T1 of a cycle: takes the first turn if the plan's mode asks for it. */
void sched_begin(struct abi_lane *lane);
/** A lane that its creator has made: it will wait for its first turn. */
void sched_expect(struct abi_lane *lane);
/** The new thread waits for its turn. */
void sched_enter(struct abi_lane *lane);
/** The thread is gone: whoever joins it may go on. */
void sched_leave(struct abi_lane *lane);
/** A point at which another lane may get the turn. */
void sched_point(struct abi_lane *lane);
/**
 * sched_own() - waits for the turn if it was taken away: who looks without it and then blocks may
 * miss what he waits for. True if it was ours all the time.
 */
bool sched_own(struct abi_lane *lane);
/** This lane cannot go on until somebody says sched_wake(@object). @timed: it may give up. */
bool sched_block(struct abi_lane *lane, const volatile void *object, bool timed);
/** Lanes that are blocked on @object can try again; @most of them, in the order they came. */
void sched_wake(const volatile void *object, uint32_t most);
/** The thread of a scheduled lane has left. */
bool sched_gone(const struct abi_lane *lane);
/** Before and after a park: a parked lane has no turn. */
void sched_park(struct abi_lane *lane);
void sched_unpark(struct abi_lane *lane);
/** A lane that is to be cancelled wakes up to see it. */
void sched_interrupt(struct abi_lane *lane);

#endif
