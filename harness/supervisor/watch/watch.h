/*
 * watch.h: is this target hung? Proved, not guessed.
 *
 * A hang is proved when in two samples, with no event between, every thread of the target and
 * of its children is blocked without a time limit in a wait that only another thread of them
 * could end. See docs/architecture.md for what is not a proof.
 */
#ifndef SUPERVISOR_WATCH_H
#define SUPERVISOR_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include <harness/agent_abi.h>
#include <harness/detector.h>

#include "watch_spin.h"

/** struct watch - one job's; zero it before use. */
struct watch {
    uint64_t epoch;       /* cycle being looked at */
    uint64_t progress;    /* events and heartbeats at the last sample */
    uint64_t fingerprint; /* of the last sample in which nothing could run, 0 none */
    uint64_t next_ns;     /* not before this */
    uint64_t backoff_ns;
    unsigned agreeing;            /* samples in a row with the same fingerprint */
    unsigned proved;              /* threads that were proved to spin just before */
    unsigned spinning;            /* times that threads which run were looked into, in this cycle */
    char why[FINDING_TEXT_BYTES]; /* why it is no proof */
    unsigned words;               /* that the proved spinners read */
    struct watch_spin_word word[WATCH_SPIN_WORDS];
};

enum watch_state { WATCH_FINE, WATCH_PROVED, WATCH_SPINNING, WATCH_DEADLINE };

/**
 * watch_look() - called often; does next to nothing while cycles pass.
 * @pid: the target, which the caller has made sure of: what the shared memory says of it, the
 * target can write. 0: there is none. @now_ns: CLOCK_MONOTONIC. @patience_ns: how old a target may
 * be before it is sampled (three times its cell's median). @deadline_ns: age at which patience
 * ends.
 */
enum watch_state watch_look(struct watch *watch, const struct abi_memory *memory, int pid,
                            uint64_t now_ns, uint64_t patience_ns, uint64_t deadline_ns);

/** watch_tids() - the threads of a process; returns how many, at most @max. */
unsigned watch_tids(int pid, int *tids, unsigned max);

/** watch_letter() - what /proc says of a thread's state: 'R', 'T' ...; 'X' if it is gone. */
char watch_letter(int pid, int tid);

/**
 * watch_leaves() - the kernel is taking the thread down, or has: it is gone, a zombie, or shows the
 * call that it was in when its process was ended, for as long as it waits for a processor.
 */
bool watch_leaves(int pid, int tid);

/** watch_thread() - state and system call of one thread, as /proc says. */
void watch_thread(int pid, int tid, struct evidence_thread *out);

#endif
