/*
 * order.h: in which order locks are taken. Called with lane->depth > 0, by the lane's own thread.
 */
#ifndef AGENT_ORDER_H
#define AGENT_ORDER_H

#include "agent.h"

#pragma GCC visibility push(hidden)

/** The lane has others and takes @object, too; what order_taking() does not do by itself. */
void order_nested(struct abi_lane *lane, uint64_t object, uint32_t mode);

/** A lock was initialised: where it lies was another one before. @lane: NULL is allowed. */
void order_born(struct abi_lane *lane, const volatile void *object, uint64_t caller);

/** A lock was destroyed. */
void order_died(const volatile void *object);

#pragma GCC visibility pop

/**
 * The lane has waited for @object, or would have: not for a trylock, nor for a wait with a time
 * limit. Before it is on the list of what the lane holds. One test, where nothing is held.
 */
static inline void order_taking(struct abi_lane *lane, const volatile void *object, uint32_t mode)
{
    if (UNLIKELY(lane->held_count != 0))
        order_nested(lane, (uint64_t)object, mode);
}

#endif
