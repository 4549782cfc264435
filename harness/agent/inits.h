/*
 * inits.h: whose code runs while modules are set up and torn down: before the constructors of a
 * module, or after its destructors.
 */
#ifndef AGENT_INITS_H
#define AGENT_INITS_H

#include "agent.h"

/**
 * The first in the agent's constructor, the second before main: find out where the loader keeps
 * that a module's constructors were called. Without that only destructors can be judged.
 */
void inits_compare_before(void);
void inits_compare_after(void);

/** The outermost dlopen (@opens) or dlclose of this lane begins: its code is looked at from now. */
void inits_begin(struct abi_lane *lane, bool opens);
/** A dlclose by a constructor begins; returns whether inits_begin() was told that it opens. */
bool inits_pause(struct abi_lane *lane);
/** That call is over. */
void inits_end(struct abi_lane *lane);
/** True inside of such a call, so a load or unload now is a constructor's or destructor's. */
static inline bool inits_under_way(const struct abi_lane *lane)
{
    return (lane->attention & ATTEND_INITS) != 0 && lane->loading > 0;
}

/** A hooked call of this lane is back: looks at where it came from. */
void inits_look(struct abi_lane *lane);

/** __cxa_finalize(@dso), called at @caller, is back: mostly the last thing that a module does. */
void inits_finished(struct abi_lane *lane, uint64_t dso, uint64_t caller);

#endif
