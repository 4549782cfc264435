/*
 * guardian.h: the process that starts every other process of a run and that leaves
 * none behind, however the run ends.
 *
 *     supervisor -> guardian -> one keeper per child -> child -> whatever it makes
 *
 * The supervisor forks the guardian before anything else and makes processes through
 * it alone. A keeper is a sub-reaper: an orphan of its child, setsid or not, comes
 * back to it, so one tree can be ended without touching its neighbour. Guardian and
 * keepers sit in a session of their own, with every signal blocked; a terminal's
 * Ctrl-C reaches the supervisor alone.
 *
 * None of these functions may be called in a signal handler or by two threads at once.
 */
#ifndef HARNESS_SUPERVISOR_GUARDIAN_H
#define HARNESS_SUPERVISOR_GUARDIAN_H

#include <harness/error.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { GUARDIAN_FDS = 16 };

struct guardian;

/**
 * struct guardian_spawn - one child: a program (@argv) or a function (@function).
 * @path: the file to execute, not searched for in PATH; NULL: argv[0].
 * @argv, @envp: end in NULL. An @envp of NULL: the environment of guardian_start().
 *     No limit of ours; the kernel's is a quarter of RLIMIT_STACK.
 * @cwd: NULL: the directory of guardian_start().
 * @fds, @fd_count: our descriptor and its number in the child. Numbers 0 to 2 that are
 *     not named become /dev/null, all others above 2 are closed.
 * @function: run in the forked child without exec; what it returns is the exit status.
 *     It must lie in an object that was mapped at guardian_start(), and sees the memory
 *     of that moment: nothing later but @argument, of which it owns a copy.
 * @tag: handed back in the child's notices.
 *
 * A child leads a session of its own, as a service does (so SIGTSTP does not stop it,
 * SIGSTOP does). It blocks no signal, handles none, and has the limits, umask and
 * credentials that the supervisor had at guardian_start().
 */
struct guardian_spawn {
    const char *path;
    const char *const *argv;
    const char *const *envp;
    const char *cwd;
    struct {
        int from, to;
    } fds[GUARDIAN_FDS];
    unsigned fd_count;
    int (*function)(void *argument, size_t length);
    const void *argument;
    size_t length;
    uint64_t tag;
};

/**
 * struct guardian_notice - one process has ended.
 * @pid: it is already reaped: good for naming, not for signalling.
 * @status: as of waitpid(); -1 where nobody knows, because the child's keeper was killed
 *     after it reaped the child and before it could tell.
 * @tag: of the child, or of the child from whose tree it came.
 * @adopted: not a child but an orphan of its tree. These notices may be dropped when
 *     many come at once, and are while the tree is being ended; a child's own never is.
 * @lost: the guardian itself has died (@pid and @status are its own, @status -1 if
 *     unknown). Comes once, and last; only guardian_stop() is of use then.
 */
struct guardian_notice {
    pid_t pid;
    int status;
    uint64_t tag;
    bool adopted;
    bool lost;
};

/**
 * guardian_start() - fork the guardian and make the caller a sub-reaper.
 * @out: to be ended by guardian_stop(); untouched on error.
 *
 * The caller must have one thread. Flushes stdio, so that no child prints our buffers.
 * Children that the caller already has are never taken for the guardian's.
 * Returns 0, ERROR_MEMORY, or ERROR_SYSTEM (also where /proc lacks "children" files).
 */
int guardian_start(struct guardian **out, struct error *e);

/** guardian_pid() - the guardian's own process. */
pid_t guardian_pid(const struct guardian *g);

/**
 * guardian_spawn() - start one child; returns when it runs its program or function.
 *
 * Returns 0 and @pid, or
 * ERROR_NOT_FOUND (ENOENT, ENOTDIR of the program or its interpreter),
 * ERROR_NOT_EXECUTABLE (any other refusal of execve), ERROR_RANGE (the description is
 * senseless, or E2BIG), ERROR_TARGET (its directory or descriptors), ERROR_MEMORY,
 * ERROR_SYSTEM. A child that failed so is reaped and gives no notice.
 */
int guardian_spawn(struct guardian *g, const struct guardian_spawn *spawn, pid_t *pid,
                   struct error *e);

/** guardian_fd() - non-blocking, polls readable when guardian_notice() has something to say. */
int guardian_fd(const struct guardian *g);

/** guardian_notice() - the next notice, oldest first; false if there is none now. */
bool guardian_notice(struct guardian *g, struct guardian_notice *notice);

/**
 * guardian_kill_tree() - end a child and all that descends from it, orphans included.
 * @pid: from guardian_spawn(); it may have ended before. If it was used twice, the newest.
 *
 * Blocks until none is left; their notices can be read then. A zombie that a tracer
 * holds back counts as ended.
 * Returns 0 (also if nothing was left), ERROR_BUSY (a tracer holds one at
 * PTRACE_EVENT_EXIT: let it run or detach; or one outlived a minute, as in a hung file
 * system), ERROR_PERMISSION (one runs as another user), ERROR_SYSTEM (guardian lost).
 */
int guardian_kill_tree(struct guardian *g, pid_t pid, struct error *e);

/**
 * guardian_remove_on_death() - remove a path should the caller die without guardian_stop().
 * @path: a file or a directory tree of our own, present or still to come. Its parent
 *     must exist, and is pinned now: renaming it misleads nobody.
 *
 * The removal comes after the last process has gone. It follows no symbolic link and
 * enters no other mount. Returns 0, ERROR_RANGE (no final name, such as "/" or ".."),
 * ERROR_NOT_FOUND (no such parent), ERROR_PERMISSION, ERROR_MEMORY, ERROR_SYSTEM.
 */
int guardian_remove_on_death(struct guardian *g, const char *path, struct error *e);

/**
 * guardian_stop() - kill and reap everything, end the guardian, free @g (may be NULL).
 *
 * If the guardian has been killed, does its work: every descendant that came after
 * guardian_start() is ended, so then the caller must have no other children of its own.
 * Returns 0, or ERROR_BUSY or ERROR_PERMISSION as guardian_kill_tree(); @g is freed anyway.
 */
int guardian_stop(struct guardian *g, struct error *e);

#endif
