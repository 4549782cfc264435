/*
 * keeper.h: the process between the guardian and one child.
 *
 * A sub-reaper, to which the orphans of its child come back. It speaks to the guardian
 * through a socket: it tells by struct keeper_word, and is told one thing only, to kill.
 */
#ifndef HARNESS_SUPERVISOR_KEEPER_H
#define HARNESS_SUPERVISOR_KEEPER_H

#include "child.h"
#include "guardian_protocol.h"

#include <stdbool.h>
#include <sys/types.h>

/**
 * struct keeper_word - keeper to guardian.
 * @kind: STARTED comes first, with a @failure if the child does not run. EXIT tells of one
 *     that was reaped; DONE, that an order to kill has ended whom it could: @status is then
 *     as of hunt_result(). A keeper with no child left exits with status 0 instead.
 * @adopted: not the child but an orphan; such words may be dropped.
 */
struct keeper_word {
    enum { KEEPER_STARTED, KEEPER_EXIT, KEEPER_DONE } kind;
    pid_t pid;
    int status;
    bool adopted;
    struct guardian_failure failure;
};

/**
 * struct keeper_task - @up: its end of the socket. @signals: a non-blocking signalfd of
 *     SIGCHLD. @proc: of /proc. @fds: the payload and the child's descriptors.
 */
struct keeper_task {
    int up, signals, proc;
    const struct child_origin *origin;
    const struct guardian_request *request;
    const int *fds;
};

/** keeper_order_kill() - the guardian's one order, through its end of the socket. */
void keeper_order_kill(int sock);

/** keeper_main() - in a newly forked process of one thread, with every signal blocked. */
_Noreturn void keeper_main(const struct keeper_task *task);

#endif
