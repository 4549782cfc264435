/*
 * crew.h: threads that are started together and joined together, for workloads.
 *
 * A crew lies in static memory, never on main's stack: its threads may outlive main's frame
 * when the plan ends main's thread early. A thread that cannot be created (no memory) is left
 * out, and the others do their work all the same.
 */
#ifndef WORKLOADS_CREW_H
#define WORKLOADS_CREW_H

#include <pthread.h>
#include <stdbool.h>

enum { CREW_HIGH = 64 };

/** struct crew_member - what a thread's routine gets. @index: from 0. @runs: to be joined. */
struct crew_member {
    pthread_t thread;
    unsigned index;
    bool runs;
};

struct crew {
    unsigned count;
    struct crew_member member[CREW_HIGH];
};

/** crew_start() - starts @count threads, at most CREW_HIGH; each gets its crew_member. */
static inline void crew_start(struct crew *crew, unsigned count, void *(*routine)(void *))
{
    crew->count = count;
    for (unsigned i = 0; i < count; i++) {
        struct crew_member *member = &crew->member[i];

        member->index = i;
        member->runs = pthread_create(&member->thread, NULL, routine, member) == 0;
    }
}

/** crew_join() - waits for the end of all that run. Does nothing the second time. */
static inline void crew_join(struct crew *crew)
{
    for (unsigned i = 0; i < crew->count; i++) {
        if (crew->member[i].runs)
            pthread_join(crew->member[i].thread, NULL);
        crew->member[i].runs = false;
    }
}

#endif
