/*
 * cycle.h: what becomes of a cycle that is not simply a pass. See cycle.c.
 */
#ifndef SUPERVISOR_CYCLE_H
#define SUPERVISOR_CYCLE_H

#include "run.h"

/** cycle_anomaly() - the server waits with a cycle that did not come out as planned. */
void cycle_anomaly(struct worker *worker);

/** cycle_tick() - time has passed: does the cycle under way hang? */
void cycle_tick(struct worker *worker, uint64_t now_ns);

/**
 * cycle_broken() - rundown itself failed in the cycle under way: it is run again when its batch is
 * over, and counts as broken if that fails, too. In a dry cycle it is the target's trouble.
 */
void cycle_broken(struct worker *worker, const char *text);

/** cycle_no_agent_text() - why there was no agent in the target. */
const char *cycle_no_agent_text(const struct abi_control *control);

#endif
