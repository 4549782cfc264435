/*
 * guardian: the supervisor's side: asks the guardian process, and hears what it has to say.
 *
 *     guardian.c, spawn.c -> guardian_protocol.h -> guard.c, guard_trees.c -> keeper.c -> child.c
 *
 * No process is started here but the guardian itself. It may have been stopped or killed from
 * outside, so every wait for it has an end and nudges it, and guardian_stop() can do its work.
 */
#include "guardian.h"
#include <harness/supervisor/process/clock.h>
#include "fds.h"
#include "guard.h"
#include "guardian_protocol.h"
#include "hunt.h"
#include "message.h"
#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    PATIENCE_MS = 60000, /* what a SIGKILL may take before we stop waiting for it */
    NUDGE_MS = 200,      /* a guardian silent this long may have been stopped: SIGCONT */
};

/* @hunt spares the children that were there before the guardian. */
struct guardian {
    pid_t pid;
    int pidfd, control, notices;
    uint32_t sequence;
    int status, was_reaper;
    bool gone, told, reaped;
    struct hunt hunt;
};

static int system_error(struct error *e, const char *what)
{
    return error_set(e, errno == ENOMEM ? ERROR_MEMORY : ERROR_SYSTEM, "%s: %s", what,
                     strerror(errno));
}

static int lost_error(struct guardian *g, struct error *e)
{
    g->gone = true;
    return error_set(e, ERROR_SYSTEM,
                     "guardian: process %d was killed from outside: end the run and start again",
                     g->pid);
}

/* Waits for a descriptor of the guardian, which somebody may have stopped. */
static bool guardian_await(struct guardian *g, int fd)
{
    struct pollfd polled = {.fd = fd, .events = POLLIN};
    int64_t end = clock_ms() + PATIENCE_MS;

    do {
        int ready = poll(&polled, 1, NUDGE_MS);

        if (ready > 0)
            return true;
        if (ready == 0)
            pidfd_send_signal(g->pidfd, SIGCONT, NULL, 0);
    } while (clock_ms() < end);
    return false;
}

/* The answer to an earlier request, which we gave up waiting for, is skipped. */
static int guardian_hear(struct guardian *g, uint32_t sequence, struct guardian_reply *reply,
                         struct error *e)
{
    int none[MESSAGE_FDS];
    ssize_t got;

    for (;;) {
        if (!guardian_await(g, g->control))
            return error_set(e, ERROR_BUSY,
                             "guardian: no answer within %d s: look for processes "
                             "that hang in the kernel (state D)",
                             PATIENCE_MS / 1000);
        got = message_receive(g->control, reply, sizeof *reply, none);
        if (message_later(got))
            continue;
        if (got != sizeof *reply)
            return lost_error(g, e);
        if (reply->sequence == sequence)
            return 0;
    }
}

static int guardian_ask(struct guardian *g, struct guardian_request *r, const int *fds,
                        unsigned count, struct guardian_reply *reply, struct error *e)
{
    if (++g->sequence == 0)
        g->sequence = 1;
    r->sequence = g->sequence;
    if (g->gone)
        return lost_error(g, e);
    if (!message_send(g->control, r, sizeof *r, fds, count, 0)) {
        if (errno == EPIPE || errno == ECONNRESET)
            return lost_error(g, e);
        return error_set(e, errno == EBADF ? ERROR_RANGE : ERROR_SYSTEM,
                         "guardian: sending a request: %s", strerror(errno));
    }
    return guardian_hear(g, r->sequence, reply, e);
}

static void guardian_reap(struct guardian *g)
{
    pid_t pid;

    if (g->reaped)
        return;
    do
        pid = waitpid(g->pid, &g->status, 0);
    while (pid < 0 && errno == EINTR);
    if (pid < 0)
        g->status = -1; /* somebody's waitpid(-1) was faster */
    g->reaped = true;
}

static void guardian_free(struct guardian *g)
{
    fds_close((int[]){g->control, g->notices, g->pidfd, g->hunt.proc}, 4);
    hunt_free(&g->hunt);
    free(g);
}

/* Reaps what the dead guardian left us, one by one: other children are not ours to wait for. */
static bool stop_reap(void *hunt)
{
    hunt_reap_children(hunt);
    return false;
}

/* Without these files no tree can be walked, so we rather refuse to plant one. */
static int start_proc(struct guardian *g, struct error *e)
{
    int fd;

    g->hunt.proc = fds_lift(open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC), 3);
    fd = g->hunt.proc < 0 ? -1 : openat(g->hunt.proc, "thread-self/children", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return error_set(e, ERROR_SYSTEM,
                         "guardian: /proc/thread-self/children: %s: mount /proc, or use a kernel "
                         "with CONFIG_PROC_CHILDREN",
                         strerror(errno));
    close(fd);
    g->hunt.self = getpid();
    g->hunt.reap = stop_reap;
    g->hunt.owner = &g->hunt;
    if (!hunt_spare_all(&g->hunt))
        return error_set(e, ERROR_SYSTEM,
                         "guardian: the caller's own children cannot be listed: see ulimit -n");
    return 0;
}

/* Both -1 or ours to close, also on failure. */
static bool start_pair(int ends[2])
{
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
        return false;
    ends[0] = fds_lift(ends[0], 3);
    ends[1] = fds_lift(ends[1], 3);
    return ends[0] >= 0 && ends[1] >= 0;
}

/* The guardian begins with every signal blocked, so none of ours can end it half-way. */
static int start_fork(struct guardian *g, struct guard_task *task)
{
    sigset_t all, before;
    int number;

    fflush(NULL);
    prctl(PR_GET_NAME, task->origin.name);
    task->origin.nice = getpriority(PRIO_PROCESS, 0);
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    g->pid = fork();
    number = errno;
    if (g->pid == 0)
        guard_main(task);
    sigprocmask(SIG_SETMASK, &before, NULL);
    errno = number;
    return g->pid;
}

/* Makes the sockets and forks; the guardian's ends of them are closed here again. */
static int start_process(struct guardian *g, struct error *e)
{
    int control[2] = {-1, -1}, notices[2] = {-1, -1}, code = 0;
    bool open = start_pair(control) && start_pair(notices);
    struct guard_task task = {
        .control = control[1], .notices = notices[1], .supervisor = -1, .proc = g->hunt.proc};

    g->control = control[0];
    g->notices = notices[0];
    if (open)
        task.supervisor = fds_lift(pidfd_open(getpid(), 0), 3);
    if (task.supervisor < 0 || start_fork(g, &task) < 0)
        code = system_error(e, "guardian: cannot start");
    fds_close((int[]){task.control, task.notices, task.supervisor}, 3);
    return code;
}

/* Waits until the new process is a guardian. */
static int start_hear(struct guardian *g, struct error *e)
{
    struct guardian_reply reply;
    int code;

    g->pidfd = fds_lift(pidfd_open(g->pid, 0), 3);
    if (g->pidfd < 0 || fcntl(g->notices, F_SETFL, O_NONBLOCK) != 0)
        return system_error(e, "guardian: cannot watch its process");
    code = guardian_hear(g, 0, &reply, e);
    if (code == 0 && reply.failure.stage != GUARDIAN_WENT_WELL) {
        errno = reply.failure.number;
        code = system_error(e, "guardian: cannot start");
    }
    return code;
}

/* It has no children yet. */
static void start_undo(struct guardian *g)
{
    if (g->pid > 0) {
        kill(g->pid, SIGKILL);
        guardian_reap(g);
    }
    guardian_free(g);
}

int guardian_start(struct guardian **out, struct error *e)
{
    struct guardian *g = calloc(1, sizeof *g);
    int code;

    if (g == NULL)
        return error_set(e, ERROR_MEMORY, "guardian: out of memory");
    g->pidfd = g->control = g->notices = -1;
    prctl(PR_GET_CHILD_SUBREAPER, &g->was_reaper);
    code = start_proc(g, e);
    if (code == 0)
        code = start_process(g, e);
    if (code == 0)
        code = start_hear(g, e);
    if (code != 0) {
        start_undo(g);
        return code;
    }
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    *out = g;
    return 0;
}

pid_t guardian_pid(const struct guardian *g)
{
    return g->pid;
}

/* ---- requests --------------------------------------------------------------------- */

int guardian_spawn(struct guardian *g, const struct guardian_spawn *spawn, pid_t *pid,
                   struct error *e)
{
    int fds[MESSAGE_FDS], count, code = spawn_check(spawn, e);
    struct guardian_request r;
    struct guardian_reply reply;

    if (code != 0)
        return code;
    count = spawn_pack(spawn, &r, fds);
    if (count < 0)
        return system_error(e, "spawn: writing the arguments");
    code = guardian_ask(g, &r, fds, (unsigned)count, &reply, e);
    close(fds[0]);
    if (code == 0 && reply.failure.stage != GUARDIAN_WENT_WELL)
        code = spawn_refused(spawn, &reply.failure, e);
    if (code == 0)
        *pid = reply.pid;
    return code;
}

/* ---- notices, killing, removal --------------------------------------------------- */

int guardian_fd(const struct guardian *g)
{
    return g->notices;
}

bool guardian_notice(struct guardian *g, struct guardian_notice *notice)
{
    ssize_t got;

    if (g->told)
        return false;
    do
        got = recv(g->notices, notice, sizeof *notice, MSG_DONTWAIT);
    while (got < 0 && errno == EINTR);
    if (got == sizeof *notice)
        return true;
    if (message_later(got))
        return false;
    g->gone = g->told = true;
    if (guardian_await(g, g->pidfd))
        guardian_reap(g);
    *notice =
        (struct guardian_notice){.pid = g->pid, .status = g->reaped ? g->status : -1, .lost = true};
    return true;
}

static int kill_error(int number, const char *whom, struct error *e)
{
    if (number == EPERM)
        return error_set(e, ERROR_PERMISSION,
                         "%s: a process of another user cannot be ended: end it by hand", whom);
    return error_set(e, ERROR_BUSY,
                     "%s: a tracer holds a killed process: detach from it or let it run", whom);
}

int guardian_kill_tree(struct guardian *g, pid_t pid, struct error *e)
{
    struct guardian_request r = {.operation = GUARDIAN_KILL, .pid = pid};
    struct guardian_reply reply;
    char whom[32];
    int code = guardian_ask(g, &r, NULL, 0, &reply, e);

    if (code != 0 || reply.failure.stage == GUARDIAN_WENT_WELL)
        return code;
    snprintf(whom, sizeof whom, "tree of %d", pid);
    return kill_error(reply.failure.number, whom, e);
}

/* Opens the directory above a path and copies the path's last name. */
static int path_split(const char *path, char name[NAME_MAX + 1], struct error *e)
{
    size_t end = strlen(path), start;
    char *above;
    int fd;

    while (end > 1 && path[end - 1] == '/')
        end--;
    for (start = end; start > 0 && path[start - 1] != '/'; start--)
        ;
    snprintf(name, NAME_MAX + 1, "%.*s", (int)(end - start), path + start);
    if (name[0] == '\0' || end - start > NAME_MAX || strcmp(name, ".") == 0 ||
        strcmp(name, "..") == 0)
        return -error_set(e, ERROR_RANGE, "remove on death: '%s' does not end in a name", path);
    above = start > 0 ? strndup(path, start) : strdup(".");
    fd = above != NULL ? open(above, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
    free(above);
    if (fd < 0) {
        int code = errno == ENOENT || errno == ENOTDIR ? ERROR_NOT_FOUND
                   : errno == EACCES                   ? ERROR_PERMISSION
                   : errno == ENOMEM                   ? ERROR_MEMORY
                                                       : ERROR_SYSTEM;

        return -error_set(e, code, "remove on death: the directory above '%s': %s", path,
                          strerror(errno));
    }
    return fd;
}

int guardian_remove_on_death(struct guardian *g, const char *path, struct error *e)
{
    struct guardian_request r = {.operation = GUARDIAN_REMOVE};
    struct guardian_reply reply;
    int code, fd = path_split(path, r.name, e);

    if (fd < 0)
        return -fd;
    code = guardian_ask(g, &r, &fd, 1, &reply, e);
    close(fd);
    if (code == 0 && reply.failure.stage != GUARDIAN_WENT_WELL)
        code = error_set(e, ERROR_MEMORY, "remove on death: '%s': %s", path,
                         strerror(reply.failure.number));
    return code;
}

/* ---- stopping -------------------------------------------------------------------- */

/* The guardian's last work, done by its heir. */
static int stop_hunt(struct hunt *h, struct error *e)
{
    int64_t end = clock_ms() + PATIENCE_MS;

    hunt_begin(h);
    for (;;) {
        hunt_strike(h);
        if (h->alive == 0)
            break;
        if (clock_ms() >= end)
            return error_set(e, ERROR_BUSY,
                             "guardian: a killed process does not end: look for "
                             "one that hangs in the kernel (state D)");
        poll(NULL, 0, hunt_due(h));
    }
    return hunt_result(h) != 0 ? kill_error(hunt_result(h), "guardian", e) : 0;
}

static int stop_politely(struct guardian *g, struct error *e)
{
    struct guardian_request r = {.operation = GUARDIAN_STOP};

    message_send(g->control, &r, sizeof r, NULL, 0, 0);
    if (!guardian_await(g, g->pidfd))
        return error_set(e, ERROR_BUSY,
                         "guardian: a killed process does not end: process %d goes on trying",
                         g->pid);
    guardian_reap(g);
    if (g->status == -1) /* reaped elsewhere; its keepers would end their trees without it, too */
        return 0;
    if (WIFSIGNALED(g->status)) {
        g->gone = true;
        return 0;
    }
    return WEXITSTATUS(g->status) != 0 ? kill_error(WEXITSTATUS(g->status), "guardian", e) : 0;
}

int guardian_stop(struct guardian *g, struct error *e)
{
    int code = 0;

    if (g == NULL)
        return 0;
    if (!g->gone)
        code = stop_politely(g, e);
    if (g->gone) {
        if (guardian_await(g, g->pidfd))
            guardian_reap(g);
        code = stop_hunt(&g->hunt, e);
    }
    prctl(PR_SET_CHILD_SUBREAPER, g->was_reaper);
    guardian_free(g);
    return code;
}
