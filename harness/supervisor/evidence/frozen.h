/*
 * frozen.h: a job's shared memory as it was at one moment, for whoever judges the cycle.
 *
 * The target's threads stand still while they are looked at, but a child that it forked, or one
 * that has left its tree, still has the memory and may write to it between two readings of one
 * number. What was checked in the copy stays what it was.
 */
#ifndef SUPERVISOR_FROZEN_H
#define SUPERVISOR_FROZEN_H

#include <harness/agent_abi.h>

/**
 * frozen_take() - copies into *@copy what belongs to the cycle under way: the control block, its
 * lanes with as much of their rings as is used, its records; neither the table of live blocks,
 * nor laps, nor what only server and agent read. The rest of the copy is 0.
 * @copy: NULL before the first time; kept from one to the next, and given back by frozen_free().
 *
 * Returns the copy, or NULL without memory.
 */
const struct abi_memory *frozen_take(struct abi_memory **copy, const struct abi_memory *memory);

/** frozen_free() - gives the copy back, and sets it to NULL. */
void frozen_free(struct abi_memory **copy);

#endif
