/*
 * trust.h: what of a job's shared memory the supervisor may act on.
 *
 * The target can write to all of that memory, and a broken one may have. Numbers there that
 * somebody is killed or traced by, that a loop ends at or that a sum is made of, are held here
 * against what the supervisor has put down itself, and against the kernel's word. For the
 * supervisor's one thread.
 */
#ifndef SUPERVISOR_TRUST_H
#define SUPERVISOR_TRUST_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <harness/agent_abi.h>

/**
 * struct trust - what was agreed on with the server as a batch began; nobody changes that until
 * the next. All zero: nothing was.
 */
struct trust {
    uint64_t magic;
    uint64_t registry;
    uint64_t batch_first;
    uint64_t batch_count;
    uint32_t version;
    uint32_t size;
    uint32_t options;
    uint32_t purpose;
    uint32_t laps;
    uint32_t guard_every;
};

/** trust_note() - the terms as they stand: call it when the supervisor has written them. */
void trust_note(struct trust *trust, const struct abi_control *control);

/**
 * trust_broken() - somebody has written over the terms, over the target's number so that it is
 * another process, or has taken the cycle in the supervisor's name.
 * @server: the job's; 0: the target's number is not looked at. False before the first trust_note().
 * Not to be asked between the supervisor's own claim and its CLAIM_DONE.
 */
bool trust_broken(const struct trust *trust, const struct abi_control *control, pid_t server);

/**
 * trust_restore() - puts the terms back and clears the counts, for the last words on a batch whose
 * server is gone. The cycle becomes the batch's first, if it is none of it.
 */
void trust_restore(const struct trust *trust, struct abi_control *control);

/** trust_cycle() - the cycle under way; the batch's first, if what is there is none of it. */
uint64_t trust_cycle(const struct trust *trust, const struct abi_control *control);

/** trust_counts() - the batch's counts can be; else nothing is known of them. */
bool trust_counts(const struct trust *trust, const struct abi_control *control);

/**
 * trust_pid() - the target under way, if it is a child of @server by the kernel's word; else 0.
 *
 * A target that has been reaped is nobody's child any more.
 */
pid_t trust_pid(const struct abi_control *control, pid_t server);

/** trust_signal() - sends @number to that target, and to nobody else whatever happens meanwhile. */
void trust_signal(const struct abi_control *control, pid_t server, int number);

#endif
