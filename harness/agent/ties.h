/*
 * ties.h: what leads into modules that came after main, for the day on which they go: callbacks
 * on record, threads inside, locks in their data. Nothing is noted while no module came.
 */
#ifndef AGENT_TIES_H
#define AGENT_TIES_H

#include "agent.h"

/** A module may be there that can go again: what is registered now is worth a look. */
static inline bool ties_wanted(void)
{
    const struct abi_lane *lane = agent_lane;

    return agent_active && (CONTROL->modules != 0 || (lane != NULL && lane->loading > 0)) &&
           (lane == NULL || !lane->elsewhere);
}

/** Notes a callback, if @function lies in such a module. Cheap enough for every registration. */
void ties_add(enum abi_tie_kind kind, uint64_t function, uint64_t object, uint64_t caller);

/** The callback of that kind and object was taken back. */
void ties_drop(enum abi_tie_kind kind, uint64_t object);

/** Notes what is seen once and for all; the supervisor will look at this cycle. */
void ties_note(const struct abi_tie *tie);

/**
 * @module has just gone, by @unloader: what still leads there is left over. @ordered: it was
 * the plan that had it unloaded, so no thread and no lock is to blame.
 */
void ties_gone(const struct abi_module *module, const struct abi_lane *unloader, bool ordered);

/** The signal whose handler begins at @address; 0 if there is none. */
uint32_t ties_signal_at(uint64_t address);

#endif
