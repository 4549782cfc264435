/*
 * laps.h: the counts at the ends of a cycle's laps, from the ring that the agent writes to the
 * series that the store keeps.
 */
#ifndef SUPERVISOR_LAPS_H
#define SUPERVISOR_LAPS_H

#include <harness/agent_abi.h>
#include <results/store/store.h>

#include "lap_sites.h"

/** struct laps - a worker's; all zero is empty. Gives itself back in laps_free(). */
struct laps {
    struct abi_lap *lap; /* of the cycle under way */
    size_t count;
    size_t room;
    struct lap_sites sites;      /* of the cycle under way */
    struct store_series *series; /* of the batch */
    size_t series_count;
    size_t series_room;
};

/** laps_collect() - takes what has come since, and lets an agent go on that waits for room. */
void laps_collect(struct laps *laps, struct abi_memory *memory);

/** laps_keep() - makes series of a cycle's laps, and of its sites that grow; what finds no memory
 * is left out. */
void laps_keep(struct laps *laps, const struct abi_memory *memory, int64_t cell, uint64_t cycle);

/** laps_move_series() - @from's series become @to's, which must have none. */
void laps_move_series(struct laps *to, struct laps *from);

/** laps_clear() - forgets the batch's series. */
void laps_clear(struct laps *laps);
void laps_free(struct laps *laps);

#endif
