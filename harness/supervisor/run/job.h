/*
 * job.h: one job: a shared memory, a server that makes targets in it, and their output.
 *
 * The supervisor has at most as many jobs as it was told to; each serves one target at a time
 * and goes on to the next when that one's cells are done.
 */
#ifndef SUPERVISOR_JOB_H
#define SUPERVISOR_JOB_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <harness/agent_abi.h>

#include <harness/supervisor/guardian/guardian.h>
#include "target.h"
#include "trust.h"

enum { JOB_OUTPUT_BYTES = 65536 };

/* What the run needs of its surroundings. */
struct place {
    char libdir[4096];         /* librundown-agent.so, rundown-target, modules/ */
    char *const *recorder_env; /* NAME=value for servers while the recorder is on, or NULL */
    bool trace;
    uint64_t memory_bytes; /* data of one target, 0: no limit */
    bool core_limited;     /* @core_bytes is the most that one target's core file has */
    uint64_t core_bytes;
};

/** struct job - owned by the run; job_open() to job_close(). */
struct job {
    struct abi_memory *memory;
    struct target *target;
    int memory_fd;
    int bell;   /* eventfd, non-blocking: the server rings */
    int output; /* read end of the target's stdout and stderr, non-blocking */
    int output_writer;
    pid_t server; /* 0: none */
    bool alive;
    struct trust trust; /* terms of the batch under way */
    /* the last bytes of the cycle under way */
    char tail[JOB_OUTPUT_BYTES];
    size_t tail_bytes; /* all that came in this cycle; the ring keeps the last */
    uint64_t tail_epoch;
};

/** job_open() - memory and pipes; no server yet. */
int job_open(struct job *job, struct error *e);

/**
 * job_start() - a server for @target; it rings when it is ready or refuses.
 * ERROR_NOT_FOUND, ERROR_NOT_EXECUTABLE (the program), ERROR_SYSTEM.
 */
int job_start(struct job *job, struct guardian *guardian, const struct place *place,
              struct target *target, uint64_t seed, struct error *e);

/** job_stop() - ends the server and all that it made. */
void job_stop(struct job *job, struct guardian *guardian);
void job_close(struct job *job, struct guardian *guardian);

/** job_wake() - wakes all that wait on a futex word of a job's memory. */
void job_wake(uint32_t *word);

/** job_name_sites() - the names of @target's user sites, by which lines say where. */
void job_name_sites(const struct target *target, struct abi_control *control);

/** job_command() - hands the server a command and wakes it. */
void job_command(struct job *job, uint32_t command);

/** job_drain() - reads what the target has written, and tells the server. */
void job_drain(struct job *job);

/** job_tail() - the last output of this cycle as a string; caller frees. */
char *job_tail(const struct job *job, size_t *length);

/** job_profile() - builds the profile from the dry cycles' lanes; sorts it. */
void job_profile(const struct job *job, struct profile *out);

#endif
