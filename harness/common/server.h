/*
 * server.h: runs cycles of one target, one after the other.
 *
 * The same loop serves two ways of making a target: the agent in a prepared program forks it
 * (it is inside the program's main), and our own process starts it afresh (fork and exec).
 * The loop draws the plan, makes the target, reaps it, and counts what passed by itself; only
 * an anomaly or the end of a batch wakes the supervisor.
 */
#ifndef COMMON_SERVER_H
#define COMMON_SERVER_H

#include <sys/types.h>

#include <harness/agent_abi.h>

/**
 * struct server - one loop.
 * @memory: the job's. @bell: descriptor of an eventfd that wakes the supervisor.
 * @spawn: makes the target of the cycle that the control block describes; returns its pid,
 *         0 in the target itself, or -1 (errno says why).
 */
struct server {
    struct abi_memory *memory;
    int bell;
    pid_t (*spawn)(struct server *server);
    void *context;
};

/** server_run() - until COMMAND_QUIT. Returns 1 in a target (spawn gave 0), 0 when it quits. */
int server_run(struct server *server);

/** server_say() - sets the server's state and rings the bell. */
void server_say(struct server *server, uint32_t state);

/**
 * server_expected() - what the plan's strikes that fired let the target end with.
 * @signal: 0 for none. @status: exit status, -1 for any orderly end of the baseline's kind.
 */
void server_expected(const struct abi_control *control, int *signal, int *status);

/** server_claim() - true if @who (enum abi_claim) is the one to judge this cycle. */
static inline bool server_claim(struct abi_control *control, uint32_t who)
{
    uint32_t nobody = CLAIM_NONE;

    return __atomic_compare_exchange_n(&control->claim, &nobody, who, false, __ATOMIC_ACQ_REL,
                                       __ATOMIC_ACQUIRE);
}

/** server_looks() - the target has stopped itself so that its heap is read, and goes on then. */
static inline int server_looks(const struct abi_control *control)
{
    return control->look != LOOK_NONE && control->look < LOOK_DONE;
}

/** server_bucket() - bucket of the histogram for a duration: floor(4 log2 µs). */
unsigned server_bucket(uint64_t nanoseconds);

#endif
