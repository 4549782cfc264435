/*
 * recorder_place.h: what the recorder leaves on the machine while it runs, and its removal.
 *
 * That is one directory under /dev/shm (socket files, logs, rings) and the wait files that
 * the tracer's library makes beside it. Both the supervisor and the helper may take the
 * place down, so a death of either leaves nothing.
 */
#ifndef HARNESS_SUPERVISOR_RECORDER_PLACE_H
#define HARNESS_SUPERVISOR_RECORDER_PLACE_H

#include <harness/error.h>

#include <stddef.h>
#include <sys/types.h>
#include <time.h>

#define RECORDER_PLACE_ROOT   "/dev/shm"
#define RECORDER_PLACE_PREFIX "rundown-recorder-"

enum { RECORDER_PLACE_PATH = 4096 };

/**
 * struct recorder_place - plain memory, good on both sides of a fork.
 * @dir: "/dev/shm/rundown-recorder-XXXXXX", mode 0700; "" once it is removed.
 * @lock: descriptor of @dir with a flock on it, close-on-exec; -1 for none. While it is
 *     held by anybody, no later run takes the directory for a dead one's.
 * @made: seconds of the clock of /dev/shm when it was made.
 * @owner: the process that made it. It may map wait files itself; that holds up nothing.
 */
struct recorder_place {
    char dir[64];
    pid_t owner;
    time_t made;
    int lock;
};

/**
 * recorder_place_make() - a fresh directory; first removes those of dead runs of this user.
 * @announce: told of its path before it is there; may be NULL.
 *
 * Returns 0, ERROR_RECORDER (no usable /dev/shm). Not thread-safe.
 */
int recorder_place_make(struct recorder_place *place,
                        int (*announce)(void *context, const char *path, struct error *e),
                        void *context, struct error *e);

/**
 * recorder_place_remove() - removes the directory and the wait files that nobody uses.
 * @wait_ms: how long a process that still maps a wait file of our time may take to end; after
 *     that the file stays, since somebody else's tracing may depend on it.
 *
 * Idempotent. Wait files of other users stay. One of ours that nobody has open is of no use,
 * whoever left it: the next program or daemon makes it anew.
 */
void recorder_place_remove(struct recorder_place *place, int wait_ms);

/**
 * recorder_place_end_users() - kills the tracer's processes that live in the directory.
 *
 * For when nobody else is left to do it: they are known by name and by LTTNG_HOME in their
 * environment. Waits at most @wait_ms for each to end.
 */
void recorder_place_end_users(const struct recorder_place *place, int wait_ms);

/** recorder_place_path() - "@dir/@name", or "" if it does not fit in @size bytes. */
const char *recorder_place_path(const struct recorder_place *place, const char *name, char *path,
                                size_t size);

/**
 * recorder_place_link() - the tree @from again as @to, by hard links: it outlives @from.
 *
 * Returns the number of files, -1 with errno if a directory or link could not be made.
 */
int recorder_place_link(const char *from, const char *to);

/** recorder_place_clear() - removes a tree; follows no link. A missing one is no error. */
void recorder_place_clear(const char *path);

/** recorder_place_last_line() - last non-empty line of a log, "" if there is none. */
void recorder_place_last_line(const char *path, char *line, size_t size);

#endif
