/*
 * emit.h: passing events on to the flight recorder, behind the gate that no death may land in.
 */
#ifndef AGENT_EMIT_H
#define AGENT_EMIT_H

#include "agent.h"

#include <harness/recorder.h>

/** The recorder's functions; NULL while it is off. */
extern const struct recorder_ops *emit_ops;

/** Loads the provider, in the fork server or at the start of a fresh target. */
void emit_open(void);

/** One event of this lane; called with lane->depth > 0. */
void emit_event(struct abi_lane *lane, uint16_t kind, uint32_t aux, uint64_t object,
                uint64_t other);

/** Closes the gate: returns when no lane is inside a tracepoint (or that thread is dead). */
void emit_close_gate(void);

/** fork under the recorder's guard. */
pid_t emit_fork(void);

#endif
