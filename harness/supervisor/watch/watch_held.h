/*
 * watch_held.h: locks whose holder sleeps while others wait for them, seen from outside.
 *
 * The hooks note what each thread holds and waits for anyhow; here it is only read, so a lock
 * costs nothing more. Being slow is no fault: a machine that is loaded, a stop from outside or an
 * injection makes everybody slow. So what counts is the time that the holder itself gave away, by
 * sleeping in a system call: wall time less what it ran, less what it was ready to run (both from
 * /proc/PID/task/TID/schedstat).
 */
#ifndef SUPERVISOR_WATCH_HELD_H
#define SUPERVISOR_WATCH_HELD_H

#include <stdint.h>

#include <harness/agent_abi.h>
#include <harness/detector.h>

enum { WATCH_HELD_S = 2 };

/** struct watch_held_waiter - a wait that goes on, seen first at @since_ns. */
struct watch_held_waiter {
    uint64_t seq;
    uint64_t object;
    uint64_t since_ns;
};

/** struct watch_held_holder - what was seen of the holder of one lock since somebody waits. */
struct watch_held_holder {
    uint64_t object; /* 0: nothing */
    uint64_t time;   /* of the acquisition */
    uint64_t seen_ns;
    uint64_t busy_ns; /* ran, and was ready to run, by then */
    uint64_t asleep_ns;
    long syscall;
    char letter;
};

/** struct watch_held - one job's; zero it before use. */
struct watch_held {
    uint64_t epoch;
    uint64_t next_ns;
    struct watch_held_waiter waiter[ABI_LANES];
    struct watch_held_holder holder[ABI_LANES];
    unsigned holds;
    struct evidence_hold hold[EVIDENCE_HOLDS];
};

/**
 * watch_held_look() - called often, at every tick of a batch's cycle.
 * @now_ns: CLOCK_MONOTONIC. @limit_s: 0 for WATCH_HELD_S.
 *
 * Marks the cycle to be looked at (ANOMALY_LOOK) when it finds one. Keeps silent in a cycle in
 * which an injection has struck, which was stopped or continued by the supervisor, or whose
 * threads the controlled mode schedules.
 */
void watch_held_look(struct watch_held *held, struct abi_memory *memory, uint64_t now_ns,
                     double limit_s);

/** watch_held_tell() - puts what was found in this cycle into @evidence. */
void watch_held_tell(const struct watch_held *held, struct evidence *evidence);

#endif
