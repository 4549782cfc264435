/*
 * guard: the guardian process.
 *
 * Every signal is blocked, and it waits in poll() alone: never for a child, never for the
 * supervisor to read. It prints nothing, starts no thread and leaves by _exit alone. It may
 * allocate; what it cannot note for want of memory it refuses or leaves out, but it goes on.
 */
#include "guard.h"
#include "fds.h"
#include "guard_trees.h"
#include "guardian_protocol.h"
#include "keeper.h"
#include "message.h"
#include "removal.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    HASTE = 10, /* a fork bomb leaves its equals little time */
    POLLED_FIRST = 8,
};

struct grave {
    struct grave *next;
    int parent;
    char name[NAME_MAX + 1];
};

/* @bury: the graves are to be emptied. Its ends of @trees' sockets are @trees' own members. */
struct guard {
    int signals, supervisor, proc;
    struct child_origin origin;
    struct guard_trees trees;
    struct grave *graves;
    struct pollfd *polled;
    size_t polled_room;
    bool bury;
};

/* ---- requests -------------------------------------------------------------------- */

static void guard_refuse(struct guard *g, struct guardian_request *r, enum guardian_stage stage,
                         int number)
{
    struct guardian_failure failure = {.stage = stage, .number = number};

    guard_trees_reply(&g->trees, &r->sequence, failure, 0);
}

/* Forks the keeper; returns 0 or an errno. */
static int guard_plant(struct guard *g, struct guard_tree *t, const struct guardian_request *r,
                       const int *fds)
{
    struct keeper_task task = {
        .signals = g->signals, .proc = g->proc, .origin = &g->origin, .request = r, .fds = fds};
    int ends[2], number;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
        return errno;
    t->sock = ends[0];
    task.up = ends[1];
    t->keeper = fork();
    number = errno;
    if (t->keeper == 0)
        keeper_main(&task);
    close(ends[1]);
    if (t->keeper < 0)
        close(ends[0]);
    return t->keeper > 0 ? 0 : number;
}

static void guard_request_spawn(struct guard *g, struct guardian_request *r, const int *fds)
{
    struct guard_tree *t = calloc(1, sizeof *t);
    int number = t != NULL ? guard_plant(g, t, r, fds) : ENOMEM;

    if (number != 0) {
        guard_refuse(g, r, GUARDIAN_AT_FORK, number);
        free(t);
        return;
    }
    t->tag = r->tag;
    t->spawning = r->sequence;
    guard_trees_add(&g->trees, t);
}

static void guard_request_kill(struct guard *g, struct guardian_request *r)
{
    struct guard_tree *t = guard_trees_of(&g->trees, r->pid);

    if (t == NULL) {
        guard_trees_reply(&g->trees, &r->sequence, (struct guardian_failure){0}, r->pid);
        return;
    }
    t->killing = r->sequence;
    guard_trees_kill(&g->trees, t);
}

static void guard_request_remove(struct guard *g, struct guardian_request *r, int *parent)
{
    struct grave *grave = calloc(1, sizeof *grave);

    if (grave == NULL) {
        guard_refuse(g, r, GUARDIAN_AT_ASKING, ENOMEM);
        return;
    }
    memcpy(grave->name, r->name, sizeof grave->name);
    grave->parent = *parent;
    *parent = -1;
    grave->next = g->graves;
    g->graves = grave;
    guard_trees_reply(&g->trees, &r->sequence, (struct guardian_failure){0}, 0);
}

/* @bury: the supervisor died; after an orderly stop its paths are its own business. */
static void guard_end(struct guard *g, bool bury)
{
    if (g->trees.ending)
        return;
    g->bury = bury;
    guard_trees_end(&g->trees);
}

/* After the supervisor's end both of its descriptors would be ready for ever. */
static void guard_deaf(struct guard *g)
{
    guard_end(g, true);
    fds_close((int[]){g->trees.control, g->supervisor}, 2);
    g->trees.control = g->supervisor = -1;
}

/* Has everything come along? The kernel drops descriptors that find no number here. */
static bool guard_complete(const struct guardian_request *r, const int *fds)
{
    unsigned wanted = r->operation == GUARDIAN_SPAWN    ? r->fd_count + 1
                      : r->operation == GUARDIAN_REMOVE ? 1
                                                        : 0;

    return wanted == 0 || fds[wanted - 1] >= 0;
}

static void guard_obey(struct guard *g, struct guardian_request *r, int *fds)
{
    if (r->operation == GUARDIAN_STOP || g->trees.ending)
        guard_end(g, false);
    else if (!guard_complete(r, fds))
        guard_refuse(g, r, GUARDIAN_AT_FDS, EMFILE);
    else if (r->operation == GUARDIAN_SPAWN)
        guard_request_spawn(g, r, fds);
    else if (r->operation == GUARDIAN_REMOVE)
        guard_request_remove(g, r, &fds[0]);
    else
        guard_request_kill(g, r);
}

static void guard_request(struct guard *g)
{
    struct guardian_request r;
    int fds[MESSAGE_FDS];
    ssize_t got = message_receive(g->trees.control, &r, sizeof r, fds);

    if (message_later(got))
        return;
    if (got == sizeof r)
        guard_obey(g, &r, fds);
    else
        guard_deaf(g);
    fds_close(fds, MESSAGE_FDS);
}

/* ---- its life -------------------------------------------------------------------- */

static size_t guard_poll_set(struct guard *g)
{
    struct pollfd fixed[] = {
        {.fd = g->trees.control, .events = POLLIN},
        {.fd = g->supervisor, .events = POLLIN},
        {.fd = g->signals, .events = POLLIN},
        {.fd = g->trees.waiting != NULL && !g->trees.ending ? g->trees.notices : -1,
         .events = POLLOUT}};
    size_t count = sizeof fixed / sizeof *fixed, wanted = count;
    struct pollfd *larger;

    for (struct guard_tree *t = g->trees.first; t != NULL; t = t->next)
        wanted++;
    if (wanted > g->polled_room && (larger = realloc(g->polled, wanted * sizeof *larger)) != NULL) {
        g->polled = larger;
        g->polled_room = wanted;
    }
    assert(g->polled_room >= count);
    memcpy(g->polled, fixed, sizeof fixed);
    for (struct guard_tree *t = g->trees.first; t != NULL && count < g->polled_room; t = t->next)
        g->polled[count++] = (struct pollfd){.fd = t->sock, .events = POLLIN};
    return count;
}

static void guard_wait(struct guard *g)
{
    struct signalfd_siginfo info;
    size_t count = guard_poll_set(g);

    poll(g->polled, count, guard_trees_due(&g->trees));
    while (read(g->signals, &info, sizeof info) > 0)
        ;
    if (g->polled[1].revents != 0)
        guard_deaf(g);
    else if (g->polled[0].revents != 0)
        guard_request(g);
}

static _Noreturn void guard_leave(const struct guard *g)
{
    for (const struct grave *grave = g->graves; g->bury && grave != NULL; grave = grave->next)
        removal_tree(grave->parent, grave->name);
    _exit(guard_trees_result(&g->trees));
}

static _Noreturn void guard_run(struct guard *g)
{
    for (;;) {
        guard_wait(g);
        guard_trees_listen(&g->trees);
        guard_trees_reap(&g->trees);
        guard_trees_strays(&g->trees);
        if (!g->trees.ending)
            guard_trees_flush(&g->trees);
        else if (guard_trees_over(&g->trees))
            guard_leave(g);
    }
}

/* ---- its birth ------------------------------------------------------------------- */

/* The guardian's own end of a pipeline would keep its reader waiting. */
static bool guard_detach(const struct guard *g)
{
    int keep[] = {g->trees.control, g->trees.notices, g->signals, g->supervisor, g->proc};
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    for (int number = 0; number <= 2; number++)
        if (dup2(null, number) < 0)
            return false;
    return fds_close_except(keep, sizeof keep / sizeof *keep);
}

static void guard_settle_in(const struct guard *g)
{
    struct sigaction plain = {.sa_handler = SIG_DFL};

    setsid();
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    prctl(PR_SET_NAME, "rundown-guard");
    setpriority(PRIO_PROCESS, 0, g->origin.nice - HASTE); /* where we may; keepers inherit it */
    sigaction(SIGCHLD, &plain, NULL); /* ignored, it would reap behind our back */
}

/* Takes what it needs to live; false with errno. */
static bool guard_equip(struct guard *g)
{
    sigset_t children;

    sigemptyset(&children);
    sigaddset(&children, SIGCHLD);
    g->signals = fds_lift(signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK), 3);
    g->polled = calloc(POLLED_FIRST, sizeof *g->polled);
    g->polled_room = POLLED_FIRST;
    return g->signals >= 0 && g->polled != NULL && guard_detach(g);
}

_Noreturn void guard_main(const struct guard_task *task)
{
    struct guard g = {.supervisor = task->supervisor, .proc = task->proc, .origin = task->origin};
    struct guardian_reply ready = {0};

    guard_trees_begin(&g.trees, task->control, task->notices, task->proc);
    guard_settle_in(&g);
    if (!guard_equip(&g))
        ready.failure = (struct guardian_failure){.stage = GUARDIAN_AT_FORK, .number = errno};
    if (!message_send(task->control, &ready, sizeof ready, NULL, 0, 0) ||
        ready.failure.stage != GUARDIAN_WENT_WELL)
        _exit(1);
    guard_run(&g);
}
