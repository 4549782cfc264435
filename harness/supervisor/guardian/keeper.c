/*
 * keeper: forks one child, reaps it and its orphans, and ends them all when told to.
 *
 * Runs in a process of its own. It waits in poll() alone, prints nothing, starts no thread
 * and leaves by _exit alone. The guardian's silence (its death) is an order to kill, so a
 * tree never outlives the guardian.
 */
#include "keeper.h"
#include "fds.h"
#include "hunt.h"
#include "message.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * @started: the child's pipe, -1 once it has spoken. @quiet: the child never ran, so
 * its end is not news. @cut: the guardian is gone. @more: there may be more to reap.
 */
struct keeper {
    int up, started, signals;
    pid_t child;
    bool quiet, killing, told, cut, childless, more;
    struct hunt hunt;
};

/* Only words about orphans may be dropped; for the others the guardian always makes room. */
static void keeper_tell(const struct keeper *k, struct keeper_word word)
{
    message_send(k->up, &word, sizeof word, NULL, 0, word.adopted ? MSG_DONTWAIT : 0);
}

static void keeper_started(struct keeper *k)
{
    struct keeper_word word = {.kind = KEEPER_STARTED, .pid = k->child};
    ssize_t got;

    if (k->started < 0)
        return;
    got = read(k->started, &word.failure, sizeof word.failure);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    close(k->started);
    k->started = -1;
    k->quiet = got == sizeof word.failure;
    keeper_tell(k, word);
}

static void keeper_ended(struct keeper *k, pid_t pid, int status)
{
    struct keeper_word word = {
        .kind = KEEPER_EXIT, .pid = pid, .status = status, .adopted = pid != k->child};

    if (!word.adopted) {
        keeper_started(k);
        k->child = 0;
    }
    /* Orphans that die while we kill are no news. */
    if (word.adopted ? !k->killing : !k->quiet)
        keeper_tell(k, word);
}

static bool keeper_reap(void *keeper)
{
    struct keeper *k = keeper;
    int status, left = GUARDIAN_AT_ONCE_MAX;
    pid_t pid = 0;

    while (left-- > 0 && (pid = waitpid(-1, &status, WNOHANG | __WALL)) > 0)
        keeper_ended(k, pid, status);
    k->childless = pid < 0 && errno == ECHILD;
    k->more = pid > 0;
    return k->more;
}

/* The guardian has one thing to say, and its silence says the same. */
static void keeper_listen(struct keeper *k)
{
    char order;
    ssize_t got;

    while (!k->cut && !message_later(got = recv(k->up, &order, 1, MSG_DONTWAIT))) {
        k->cut = got <= 0;
        k->killing = true;
        k->told = false;
        hunt_begin(&k->hunt);
    }
}

static void keeper_strike(struct keeper *k)
{
    hunt_strike(&k->hunt);
    if (k->hunt.alive > 0 || k->childless)
        return;
    if (k->cut)
        _exit(0);
    if (!k->told)
        keeper_tell(k, (struct keeper_word){.kind = KEEPER_DONE, .status = hunt_result(&k->hunt)});
    k->told = true;
}

static void keeper_wait(const struct keeper *k)
{
    struct signalfd_siginfo info;
    struct pollfd fds[] = {{.fd = k->signals, .events = POLLIN},
                           {.fd = k->cut ? -1 : k->up, .events = POLLIN},
                           {.fd = k->started, .events = POLLIN}};

    poll(fds, sizeof fds / sizeof *fds, k->more ? 0 : k->killing ? hunt_due(&k->hunt) : -1);
    while (read(k->signals, &info, sizeof info) > 0)
        ;
}

static _Noreturn void keeper_run(struct keeper *k)
{
    for (;;) {
        keeper_wait(k);
        keeper_listen(k);
        keeper_started(k);
        keeper_reap(k);
        if (!k->childless && k->killing && hunt_due(&k->hunt) == 0)
            keeper_strike(k);
        if (k->childless)
            _exit(0);
    }
}

static _Noreturn void keeper_refuse(const struct keeper *k)
{
    struct guardian_failure failure = {.stage = GUARDIAN_AT_FORK, .number = errno};

    keeper_tell(k, (struct keeper_word){.kind = KEEPER_STARTED, .failure = failure});
    _exit(0);
}

/* Forks the child; returns in the keeper alone. */
static void keeper_fork(struct keeper *k, const struct keeper_task *task)
{
    struct child c = {.request = task->request, .origin = task->origin};
    int ends[2];

    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
        keeper_refuse(k);
    memcpy(c.fds, task->fds, sizeof c.fds);
    c.report = ends[1];
    k->child = fork();
    if (k->child == 0)
        child_run(&c);
    if (k->child < 0)
        keeper_refuse(k);
    k->started = ends[0];
}

_Noreturn void keeper_main(const struct keeper_task *task)
{
    struct keeper k = {.up = task->up,
                       .signals = task->signals,
                       .hunt = {.proc = task->proc, .self = getpid(), .reap = keeper_reap}};

    k.hunt.owner = &k;
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    prctl(PR_SET_NAME, "rundown-keeper");
    keeper_fork(&k, task);
    fds_close_except((int[]){k.up, k.signals, k.hunt.proc, k.started}, 4);
    keeper_run(&k);
}

void keeper_order_kill(int sock)
{
    message_send(sock, "k", 1, NULL, 0, MSG_DONTWAIT);
}
