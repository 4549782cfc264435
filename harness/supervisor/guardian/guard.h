/*
 * guard.h: the guardian process, which guardian_start() forks.
 *
 * It forks a keeper per child, answers the supervisor's requests in the order they come, and
 * outlives nobody: when the supervisor asks it to stop, or dies, it ends all trees and then
 * itself.
 */
#ifndef HARNESS_SUPERVISOR_GUARD_H
#define HARNESS_SUPERVISOR_GUARD_H

#include "child.h"

/**
 * struct guard_task - descriptors of the new process, all above 2.
 * @control: requests come, replies go. @notices: struct guardian_notice goes.
 * @supervisor: a pidfd of it. @proc: of /proc.
 */
struct guard_task {
    int control, notices, supervisor, proc;
    struct child_origin origin;
};

/**
 * guard_main() - in a newly forked process of one thread, with every signal blocked.
 *
 * First sends a struct guardian_reply of sequence 0, with the failure if it cannot start.
 * Exits with 0, or with the errno of hunt_result() if it had to leave somebody.
 */
_Noreturn void guard_main(const struct guard_task *task);

#endif
