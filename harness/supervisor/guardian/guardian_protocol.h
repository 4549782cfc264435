/*
 * guardian_protocol.h: what supervisor and guardian say to each other.
 *
 * Structures alone. Both sides are one binary in one address space layout, so there is no
 * version, and pointers to functions may travel.
 */
#ifndef HARNESS_SUPERVISOR_GUARDIAN_PROTOCOL_H
#define HARNESS_SUPERVISOR_GUARDIAN_PROTOCOL_H

#include "guardian.h"
#include "message.h"

#include <assert.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* A spawn carries its payload first, and then the child's descriptors. */
static_assert((int)MESSAGE_FDS >= GUARDIAN_FDS + 1, "a child's descriptors must fit a message");

enum { GUARDIAN_AT_ONCE_MAX = 512 }; /* reaped or read in one go: a flood must not drown an order */

enum guardian_operation { GUARDIAN_SPAWN, GUARDIAN_KILL, GUARDIAN_REMOVE, GUARDIAN_STOP };

/** enum guardian_stage - where a request failed. */
enum guardian_stage {
    GUARDIAN_WENT_WELL,
    GUARDIAN_AT_ASKING,
    GUARDIAN_AT_FORK,
    GUARDIAN_AT_FDS,
    GUARDIAN_AT_CWD,
    GUARDIAN_AT_EXEC,
    GUARDIAN_AT_KILL,
};

/** struct guardian_failure - @number: the errno of it; 0 where all went well. */
struct guardian_failure {
    enum guardian_stage stage;
    int number;
};

/**
 * struct guardian_request - supervisor to guardian.
 *
 * A spawn's payload, a memfd of @payload bytes, holds: the argument (first, so that it is
 * aligned) of @length bytes, the directory, the path, @argc strings of argv and @envc of envp,
 * each string with its NUL. @to: the child's numbers for the descriptors that come with it.
 * @pid: a kill's. @name: a removal's, below the directory that comes with it.
 */
struct guardian_request {
    enum guardian_operation operation;
    uint32_t sequence;
    pid_t pid;
    uint64_t tag;
    int (*function)(void *argument, size_t length);
    size_t length, payload, argc, envc;
    bool has_envp;
    unsigned fd_count;
    int to[GUARDIAN_FDS];
    char name[NAME_MAX + 1];
};

/** struct guardian_reply - guardian to supervisor; a sequence of 0 answers the start. */
struct guardian_reply {
    uint32_t sequence;
    struct guardian_failure failure;
    pid_t pid;
};

#endif
