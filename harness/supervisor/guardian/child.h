/*
 * child.h: the child, from the keeper's fork until it executes.
 */
#ifndef HARNESS_SUPERVISOR_CHILD_H
#define HARNESS_SUPERVISOR_CHILD_H

#include "guardian_protocol.h"

/**
 * struct child_origin - what the supervisor was called, and how nice; children are that again.
 * @name: as of PR_GET_NAME.
 */
struct child_origin {
    char name[16];
    int nice;
};

/**
 * struct child - @fds: the payload, then the descriptors of the request; -1 beyond them.
 * @report: the pipe to the keeper. Closing it, as exec does, says that all went well; else
 *     a struct guardian_failure comes through it.
 */
struct child {
    const struct guardian_request *request;
    const struct child_origin *origin;
    int report;
    int fds[MESSAGE_FDS];
};

/**
 * child_run() - become what the request names. In a newly forked process of one thread, with
 * every signal blocked.
 */
_Noreturn void child_run(struct child *c);

#endif
