/* lap.h: the counts at the end of a lap. Called with lane->depth > 0. */
#ifndef AGENT_LAP_H
#define AGENT_LAP_H

#include "agent.h"

/** Takes the counts, and hands them to the supervisor; waits when it is far behind. */
void lap_end(struct abi_lane *lane, uint64_t lap);

#endif
