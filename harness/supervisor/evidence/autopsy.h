/*
 * autopsy.h: from a failing target to evidence.
 *
 * Passing cycles never come here. A target that hangs is seized, read and let go; one that
 * stopped itself at a fatal signal is read as it stands; of one that has ended the shared
 * memory is left, and addresses are named by the server that it was forked from.
 */
#ifndef SUPERVISOR_AUTOPSY_H
#define SUPERVISOR_AUTOPSY_H

#include <harness/detector.h>

#include <harness/supervisor/run/job.h>
#include "staying.h"
#include <harness/supervisor/process/unwind.h>

/** struct autopsy - zero it before the first use; kept over many cycles for its symbol caches. */
struct autopsy {
    struct unwind *unwind;
    struct abi_memory *frozen; /* what the evidence's memory points to */
    struct evidence evidence;
    struct evidence_thread thread[EVIDENCE_THREADS];
    struct evidence_blocks blocks;
    char *output;
    struct abi_lap *lap;
    pid_t seized;
    pid_t tid[EVIDENCE_THREADS];
    size_t tids;
    char reason[STAYING_BYTES]; /* why the module that was last asked for stays */
    char refused[512]; /* why ptrace was refused, "" if it was not; said once by the caller */
    double hz;         /* ticks per second */
    const struct watch *watch;     /* of the job, set by the caller; may be NULL, as the next */
    const struct watch_held *held; /* what it saw of locks */
};

/**
 * autopsy_collect() - fills autopsy->evidence for the job's cycle.
 * @hang: how far the watch got, HANG_NONE for a cycle that ended or stopped by itself.
 * Never fails: what cannot be had is missing from the evidence. The target, if alive, is
 * held still until autopsy_release().
 */
void autopsy_collect(struct autopsy *autopsy, const struct job *job, enum evidence_hang hang,
                     const char *why, const struct abi_lap *laps, unsigned lap_count);

/**
 * autopsy_release() - lets the target go on (the caller ends it before, or does not).
 *
 * A thread that never stopped can be let go only after it was killed: till then autopsy->seized
 * stays set, and the caller calls again after the kill. Else it is 0. Idempotent.
 */
void autopsy_release(struct autopsy *autopsy);

/** autopsy_close() - gives the caches back. */
void autopsy_close(struct autopsy *autopsy);

/** autopsy_clock() - measures ticks per second since @ns and @ticks were taken together. */
double autopsy_clock(uint64_t ns, uint64_t ticks);

#endif
