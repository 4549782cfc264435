/* lap.h: the counts at the end of a lap. Called with lane->depth > 0. */
#ifndef AGENT_LAP_H
#define AGENT_LAP_H

#include "agent.h"

/** Of a new cycle, by its main thread, before anything is counted. */
void lap_begin_cycle(void);

/** Takes the counts, and hands them to the supervisor; waits when it is far behind. */
void lap_end(struct abi_lane *lane, uint64_t lap);

/** The same where any thread may be the one that ends a lap, and others run on. */
void lap_count(struct abi_lane *lane);

#endif
