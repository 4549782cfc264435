/*
 * desk.h: a module that answers questions at a desk, which a worker of the host's sits at. The
 * worker may be there yet when the next one is asked for.
 */
#ifndef WORKLOADS_MODULES_DESK_H
#define WORKLOADS_MODULES_DESK_H

#include <stdbool.h>
#include <stdint.h>

#define DESK_EXPORT __attribute__((visibility("default")))

/**
 * desk_open() - begins a turn at the desk; whoever sits there from an earlier one has to leave.
 * @forgetful: there is one word for "leave", and this takes it back, seen or not.
 * Returns the turn's number, for desk_sit().
 */
DESK_EXPORT uint64_t desk_open(bool forgetful);

/** desk_sit() - answers questions until its turn is over. */
DESK_EXPORT void desk_sit(uint64_t turn);

/** desk_ask() - has @question answered, and waits for it. The desk is open. */
DESK_EXPORT uint64_t desk_ask(uint64_t question);

/** desk_close() - says that the turn is over, and does not wait. */
DESK_EXPORT void desk_close(void);

/** desk_answer() - what desk_ask() has to return. Pure. */
static inline uint64_t desk_answer(uint64_t question)
{
    return (question ^ (question >> 29)) * UINT64_C(0xbf58476d1ce4e5b9);
}

#endif
