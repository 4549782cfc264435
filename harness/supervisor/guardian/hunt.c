/*
 * hunt: ending all that descends from the calling process.
 *
 * Guardian, keepers and, in the guardian's stead, the supervisor run this. It never waits,
 * reaps nothing itself and prints nothing. Who cannot be looked at counts as alive: a hunt
 * may take too long, but it may not call a living tree dead.
 */
#include "hunt.h"
#include <harness/common/array.h>
#include <harness/supervisor/process/clock.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    PAUSE_MAX_MS = 64, /* between two strikes */
    PASSES_MAX = 100,  /* walks of one strike; a hunt strikes again anyway */
    REAPS_MAX = 32,    /* calls of the owner's reap before one walk */
};

/* ---- who is spared --------------------------------------------------------------- */

bool hunt_spare(struct hunt *h, pid_t pid)
{
    struct process_tree_look look;
    enum process_tree_sight sight = process_tree_look(h->proc, pid, &look);

    if (sight == PROCESS_TREE_GONE)
        return true;
    if (sight != PROCESS_TREE_SEEN || !ARRAY_ROOM(h->spared, h->spared_count, h->spared_room))
        return false;
    h->spared[h->spared_count++] = (struct hunt_spared){.pid = pid, .start = look.start};
    return true;
}

bool hunt_spare_all(struct hunt *h)
{
    bool all;

    h->now.count = 0;
    all = process_tree_children(h->proc, h->self, &h->now) == PROCESS_TREE_SEEN;
    for (size_t i = 0; i < h->now.count; i++)
        all &= hunt_spare(h, h->now.at[i]);
    return all;
}

void hunt_spare_none(struct hunt *h)
{
    h->spared_count = 0;
}

/* One that ended may have left its number to a stranger, hence the look at the start. */
static bool is_spared(const struct hunt *h, pid_t pid)
{
    struct process_tree_look look;

    for (size_t i = 0; i < h->spared_count; i++)
        if (h->spared[i].pid == pid)
            return process_tree_look(h->proc, pid, &look) != PROCESS_TREE_SEEN ||
                   look.start == h->spared[i].start;
    return false;
}

void hunt_reap_children(struct hunt *h)
{
    h->now.count = 0;
    process_tree_children(h->proc, h->self, &h->now);
    for (size_t i = 0; i < h->now.count; i++)
        if (!is_spared(h, h->now.at[i]))
            waitpid(h->now.at[i], NULL, WNOHANG | __WALL);
}

/* ---- one process ----------------------------------------------------------------- */

/* A dead one matters only if it is ours to reap. */
static void meet_corpse(struct hunt *h, pid_t pid, const struct process_tree_look *look, int number)
{
    pid_t tracer;

    if (look->parent != h->self)
        return;
    tracer = number == SIGKILL ? process_tree_tracer(h->proc, pid) : 0;
    if (tracer != 0 && tracer != h->self)
        h->held++;
    else
        h->alive++;
}

/* Right after a SIGKILL a thread in ptrace-stop can only be in the exit stop. */
static bool signal_one(struct hunt *h, int pidfd, pid_t pid, int number)
{
    if (pidfd_send_signal(pidfd, number, NULL, 0) != 0) {
        if (errno == EPERM)
            h->refused++;
        else
            h->alive++;
        return errno == EPERM;
    }
    if (number == SIGKILL && process_tree_traced_stop(h->proc, pid))
        h->stuck++;
    else
        h->alive++;
    return true;
}

/* Does the number belong to our tree? Who cannot be looked at is counted here. */
static bool is_ours(struct hunt *h, pid_t pid, pid_t parent, struct process_tree_look *look)
{
    switch (process_tree_look(h->proc, pid, look)) {
    case PROCESS_TREE_SEEN:
        return look->parent == parent || look->parent == h->self;
    case PROCESS_TREE_HIDDEN:
        h->refused++;
        return false;
    case PROCESS_TREE_UNSEEN:
        h->alive++;
        return false;
    default:
        return false;
    }
}

/*
 * Signals one process that was listed below @parent; true if it lives. The pid may have
 * changed hands since: the pidfd pins one process, and a look taken after that tells
 * whether the number belongs to our tree. (The look before spares the dead a pidfd.)
 */
static bool meet(struct hunt *h, pid_t pid, pid_t parent, int number)
{
    struct process_tree_look look;
    bool lives = false;
    int pidfd;

    if (!is_ours(h, pid, parent, &look))
        return false;
    if (process_tree_dead(&look)) {
        meet_corpse(h, pid, &look, number);
        return false;
    }
    if (number == SIGSTOP && look.state == 'T') {
        h->alive++;
        return true;
    }
    pidfd = pidfd_open(pid, 0);
    if (pidfd >= 0 && is_ours(h, pid, parent, &look))
        lives = signal_one(h, pidfd, pid, number);
    else
        h->alive++; /* in motion: the next walk will tell */
    if (pidfd >= 0)
        close(pidfd);
    return lives;
}

/* ---- one walk -------------------------------------------------------------------- */

/*
 * Signals the children of @parent and leaves the living ones at the end of the list. The
 * last in a list came last, and are the likeliest to be gone soon, so they come first.
 */
static void walk_below(struct hunt *h, pid_t parent, int number)
{
    size_t first = h->now.count, kept = first;

    if (process_tree_children(h->proc, parent, &h->now) > PROCESS_TREE_GONE)
        h->alive++; /* it may have children that were not listed */
    for (size_t i = h->now.count; i > first; i--) {
        pid_t pid = h->now.at[i - 1];

        if ((parent == h->self && is_spared(h, pid)) || !meet(h, pid, parent, number))
            h->now.at[i - 1] = 0;
    }
    for (size_t i = first; i < h->now.count; i++)
        if (h->now.at[i] != 0)
            h->now.at[kept++] = h->now.at[i];
    h->now.count = kept;
}

/* Parents come before their children, so a walk ends: who is listed was stopped before. */
void hunt_pass(struct hunt *h, int number)
{
    for (int i = 0; i < REAPS_MAX && h->reap(h->owner); i++)
        ;
    h->now.count = h->alive = h->held = h->stuck = h->refused = 0;
    walk_below(h, h->self, number);
    for (size_t i = 0; i < h->now.count; i++)
        walk_below(h, h->now.at[i], number);
}

/* ---- one strike ------------------------------------------------------------------ */

static int pid_order(const void *a, const void *b)
{
    pid_t x = *(const pid_t *)a, y = *(const pid_t *)b;

    return (x > y) - (x < y);
}

/* Did the last pass meet anybody whom the one before had not? Makes it the one before. */
static bool has_news(struct hunt *h)
{
    struct process_tree_pids swap = h->before;
    bool news = false;

    if (h->now.count == 0)
        return false;
    qsort(h->now.at, h->now.count, sizeof(pid_t), pid_order);
    for (size_t i = 0; i < h->now.count && !news; i++)
        news = h->before.count == 0 || bsearch(&h->now.at[i], h->before.at, h->before.count,
                                               sizeof(pid_t), pid_order) == NULL;
    h->before = h->now;
    h->now = swap;
    return news;
}

/*
 * Stop all, then kill all. A stopped process cannot fork, and a fork that a signal
 * overtakes starts over, so a walk that meets nobody new has met everybody.
 */
void hunt_strike(struct hunt *h)
{
    h->before.count = 0;
    for (int pass = 0; pass < PASSES_MAX; pass++) {
        hunt_pass(h, SIGSTOP);
        if (!has_news(h))
            break;
    }
    hunt_pass(h, SIGKILL);
    hunt_delay(h);
}

void hunt_begin(struct hunt *h)
{
    h->next_ms = 0;
    h->pause_ms = 1;
}

void hunt_delay(struct hunt *h)
{
    h->next_ms = clock_ms() + h->pause_ms;
    h->pause_ms = h->pause_ms < PAUSE_MAX_MS ? 2 * h->pause_ms : PAUSE_MAX_MS;
}

int hunt_due(const struct hunt *h)
{
    int64_t left = h->next_ms - clock_ms();

    return left > 0 ? (int)left : 0;
}

int hunt_result(const struct hunt *h)
{
    if (h->refused > 0)
        return EPERM;
    return h->stuck > 0 ? EBUSY : 0;
}

void hunt_free(struct hunt *h)
{
    free(h->spared);
    h->spared = NULL;
    h->spared_count = h->spared_room = 0;
    process_tree_free(&h->now);
    process_tree_free(&h->before);
}
