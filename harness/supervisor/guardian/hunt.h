/*
 * hunt.h: ending all that descends from the calling process.
 *
 * Stop whatever descends from us until a walk meets nothing new, then kill it; again until
 * nobody is left. Needs a sub-reaper, or orphans escape to init. Pids are signalled through
 * pidfds after a look at their parent, because a fork bomb turns the pid space round within
 * seconds. Nothing here waits: the owner sleeps for hunt_due() and reaps.
 *
 *     hunt_begin(h);
 *     do
 *         hunt_strike(h);
 *     while (h->alive > 0 && wait_for(hunt_due(h)));
 */
#ifndef HARNESS_SUPERVISOR_HUNT_H
#define HARNESS_SUPERVISOR_HUNT_H

#include <harness/supervisor/process/process_tree.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* A child of ours that is not quarry: this process, not a later one of that number. */
struct hunt_spared {
    pid_t pid;
    unsigned long long start;
};

/**
 * struct hunt - its owner sets the first four members; the others are zero at first.
 * @proc: descriptor of /proc, the owner's to close.
 * @self: our own pid.
 * @reap, @owner: called before each walk until it returns false: the dead lengthen a walk,
 *     and time is what a fork bomb wins by.
 * @alive: will still be with us later, or could not be looked at.
 * @held: zombies that another process traces.
 * @stuck: killed, but wait for their tracer.
 * @refused: belong to another user.
 *
 * The four counts are those of the last pass; who cannot be counted once is counted twice
 * rather than not at all, so they are good for a comparison with 0.
 */
struct hunt {
    int proc;
    pid_t self;
    bool (*reap)(void *owner);
    void *owner;
    size_t alive, held, stuck, refused;
    struct hunt_spared *spared;
    size_t spared_count, spared_room;
    struct process_tree_pids now, before;
    int64_t next_ms;
    int pause_ms;
};

/**
 * hunt_spare() - take one child out of the quarry, with all that descends from it.
 *
 * Returns false if it could not be seen or noted; it must not be hunted then.
 */
bool hunt_spare(struct hunt *h, pid_t pid);

/** hunt_spare_all() - hunt_spare() for every child that there is now. */
bool hunt_spare_all(struct hunt *h);

/** hunt_spare_none() - forget whom hunt_spare() named. */
void hunt_spare_none(struct hunt *h);

/** hunt_reap_children() - reap the dead children of ours that are not spared, and only those. */
void hunt_reap_children(struct hunt *h);

/** hunt_begin() - the next strike is due at once, and the pauses are short again. */
void hunt_begin(struct hunt *h);

/** hunt_pass() - one walk, which signals everybody it meets. @number: 0 only counts. */
void hunt_pass(struct hunt *h, int number);

/** hunt_strike() - stop all, then kill all. If @alive is 0 afterwards, the hunt is over. */
void hunt_strike(struct hunt *h);

/** hunt_delay() - put the next strike off by a pause, which is longer each time. */
void hunt_delay(struct hunt *h);

/** hunt_due() - milliseconds until the next strike, 0 if it is time. */
int hunt_due(const struct hunt *h);

/**
 * hunt_result() - of a hunt that is over.
 *
 * Returns 0 if nobody is left but @held, or the errno that tells why the hunt cannot end the
 * rest: EPERM (refused), EBUSY (stuck).
 */
int hunt_result(const struct hunt *h);

/** hunt_free() - frees the lists. */
void hunt_free(struct hunt *h);

#endif
