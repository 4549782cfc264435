/*
 * guard_trees: the trees the guardian has planted.
 *
 * Runs in the guardian process, whose rules hold: it waits for nobody and prints nothing. A
 * tree's keeper does the killing; only when somebody killed the keeper do we hunt ourselves,
 * and then for all strays at once, since nothing tells whose they were.
 */
#include "guard_trees.h"
#include "fds.h"
#include "keeper.h"
#include "message.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { NOTICES_MAX = 4096 }; /* waiting notices beyond which orphans' are dropped */

struct guard_waiting {
    struct guard_waiting *next;
    struct guardian_notice notice;
};

/* ---- what it says ---------------------------------------------------------------- */

void guard_trees_reply(struct guard_trees *trees, uint32_t *sequence,
                       struct guardian_failure failure, pid_t pid)
{
    struct guardian_reply reply = {.sequence = *sequence, .failure = failure, .pid = pid};

    if (*sequence != 0)
        message_send(trees->control, &reply, sizeof reply, NULL, 0, MSG_DONTWAIT);
    *sequence = 0;
}

static void answer_kill(struct guard_trees *trees, struct guard_tree *t, int number)
{
    struct guardian_failure failure = {.stage = number ? GUARDIAN_AT_KILL : GUARDIAN_WENT_WELL,
                                       .number = number};

    guard_trees_reply(trees, &t->killing, failure, t->child);
}

void guard_trees_flush(struct guard_trees *trees)
{
    struct guard_waiting *w;

    while ((w = trees->waiting) != NULL) {
        if (!message_send(trees->notices, &w->notice, sizeof w->notice, NULL, 0, MSG_DONTWAIT))
            return;
        trees->waiting = w->next;
        trees->waiting_count--;
        free(w);
    }
    trees->last = &trees->waiting;
}

static void note(struct guard_trees *trees, struct guardian_notice notice)
{
    struct guard_waiting *w;

    if (notice.adopted && trees->waiting_count >= NOTICES_MAX)
        return;
    w = calloc(1, sizeof *w);
    if (w == NULL)
        return;
    w->notice = notice;
    *trees->last = w;
    trees->last = &w->next;
    trees->waiting_count++;
}

static void note_child(struct guard_trees *trees, struct guard_tree *t, int status)
{
    note(trees, (struct guardian_notice){.pid = t->child, .status = status, .tag = t->tag});
    t->ended = true;
}

/* ---- what keepers say ------------------------------------------------------------ */

static void take_exit(struct guard_trees *trees, struct guard_tree *t,
                      const struct keeper_word *word)
{
    if (word->adopted)
        note(trees, (struct guardian_notice){
                        .pid = word->pid, .status = word->status, .tag = t->tag, .adopted = true});
    else
        note_child(trees, t, word->status);
}

static void take_word(struct guard_trees *trees, struct guard_tree *t,
                      const struct keeper_word *word)
{
    if (word->kind == KEEPER_EXIT) {
        take_exit(trees, t, word);
    } else if (word->kind == KEEPER_DONE) {
        t->done = true;
        t->result = word->status;
        answer_kill(trees, t, t->result);
    } else if (word->failure.stage != GUARDIAN_WENT_WELL) {
        t->failure = word->failure; /* told when the keeper, and so the child, is gone */
    } else {
        t->child = word->pid;
        guard_trees_reply(trees, &t->spawning, word->failure, word->pid);
    }
}

/* Returns whether there may be more to read. */
static bool listen_to(struct guard_trees *trees, struct guard_tree *t)
{
    struct keeper_word word;
    int left = GUARDIAN_AT_ONCE_MAX;

    while (left > 0 && t->sock >= 0 &&
           recv(t->sock, &word, sizeof word, MSG_DONTWAIT) == sizeof word) {
        take_word(trees, t, &word);
        left--;
    }
    return left == 0;
}

void guard_trees_listen(struct guard_trees *trees)
{
    for (struct guard_tree *t = trees->first; t != NULL; t = t->next)
        listen_to(trees, t);
}

/* ---- who ends -------------------------------------------------------------------- */

static void drop(struct guard_trees *trees, struct guard_tree *t)
{
    struct guard_tree **at = &trees->first;

    while (*at != t)
        at = &(*at)->next;
    *at = t->next;
    fds_close(&t->sock, 1);
    free(t);
}

static void hunt_strays(struct guard_trees *trees)
{
    trees->hunting = true;
    trees->hunt.alive = 1; /* until a strike says otherwise */
    hunt_begin(&trees->hunt);
}

/* Strays of a child whose pid nobody knows cannot be asked for later, so they go now. */
static void lose(struct guard_trees *trees, struct guard_tree *t)
{
    t->lost = true;
    fds_close(&t->sock, 1);
    t->sock = -1;
    if (t->child == 0 || t->killing != 0 || trees->ending)
        hunt_strays(trees);
}

/* The dead add nothing, so all that it still said is read: its child's end is said last. */
static void keeper_gone(struct guard_trees *trees, struct guard_tree *t, int status)
{
    t->keeper = 0;
    while (listen_to(trees, t))
        ;
    if (t->failure.stage == GUARDIAN_WENT_WELL)
        t->failure = (struct guardian_failure){.stage = GUARDIAN_AT_FORK, .number = ECHILD};
    guard_trees_reply(trees, &t->spawning, t->failure, 0);
    if (status == 0) {
        answer_kill(trees, t, 0);
        drop(trees, t);
    } else {
        lose(trees, t);
    }
}

static void stray_gone(struct guard_trees *trees, pid_t pid, int status)
{
    struct guard_tree *t = trees->first;

    while (t != NULL && !(t->lost && !t->ended && t->child == pid))
        t = t->next;
    if (t != NULL)
        note_child(trees, t, status);
    else
        note(trees, (struct guardian_notice){.pid = pid, .status = status, .adopted = true});
}

/* Keepers that somebody stops are sent on; a stray that stops is none of our business. */
static void meet(struct guard_trees *trees, pid_t pid, int status)
{
    struct guard_tree *t = trees->first;

    while (t != NULL && t->keeper != pid)
        t = t->next;
    if (WIFSTOPPED(status)) {
        if (t != NULL)
            kill(pid, SIGCONT);
    } else if (t != NULL) {
        keeper_gone(trees, t, status);
    } else {
        stray_gone(trees, pid, status);
    }
}

static bool reap(void *owner)
{
    struct guard_trees *trees = owner;
    int status, left = GUARDIAN_AT_ONCE_MAX;
    pid_t pid = 0;

    while (left-- > 0 && (pid = waitpid(-1, &status, WNOHANG | WUNTRACED | __WALL)) > 0)
        meet(trees, pid, status);
    trees->more = pid > 0;
    return trees->more;
}

void guard_trees_reap(struct guard_trees *trees)
{
    reap(trees);
}

/* ---- strays ---------------------------------------------------------------------- */

static bool has_lost(const struct guard_trees *trees)
{
    for (const struct guard_tree *t = trees->first; t != NULL; t = t->next)
        if (t->lost)
            return true;
    return false;
}

/* A keeper that cannot be spared would be killed as a stray. */
static bool spare_keepers(struct guard_trees *trees)
{
    bool all = true;

    hunt_spare_none(&trees->hunt);
    for (const struct guard_tree *t = trees->first; t != NULL; t = t->next)
        if (t->keeper != 0)
            all &= hunt_spare(&trees->hunt, t->keeper);
    return all;
}

/* A keeper may have been killed after it reaped its child and before it said so. */
static void forget(struct guard_trees *trees, struct guard_tree *t)
{
    if (t->child != 0 && !t->ended)
        note_child(trees, t, -1);
    drop(trees, t);
}

/* Answers every lost keeper's request; forgets the keepers once no stray is left. */
static void settle_strays(struct guard_trees *trees)
{
    bool none = trees->hunt.held + trees->hunt.stuck + trees->hunt.refused == 0;
    struct guard_tree *next;

    for (struct guard_tree *t = trees->first; t != NULL; t = next) {
        next = t->next;
        if (t->lost && trees->hunting)
            answer_kill(trees, t, hunt_result(&trees->hunt));
        if (t->lost && none)
            forget(trees, t);
    }
    trees->hunting = trees->ending;
}

void guard_trees_strays(struct guard_trees *trees)
{
    if (trees->hunting ? hunt_due(&trees->hunt) > 0 : !has_lost(trees))
        return;
    if (!spare_keepers(trees)) {
        hunt_delay(&trees->hunt);
        return;
    }
    if (trees->hunting)
        hunt_strike(&trees->hunt);
    else
        hunt_pass(&trees->hunt, 0);
    if (trees->hunt.alive == 0)
        settle_strays(trees);
}

int guard_trees_due(const struct guard_trees *trees)
{
    if (trees->more)
        return 0;
    return trees->hunting ? hunt_due(&trees->hunt) : -1;
}

/* ---- the trees together ---------------------------------------------------------- */

void guard_trees_begin(struct guard_trees *trees, int control, int notices, int proc)
{
    *trees = (struct guard_trees){.control = control,
                                  .notices = notices,
                                  .hunt = {.proc = proc, .self = getpid(), .reap = reap}};
    trees->hunt.owner = trees;
    trees->last = &trees->waiting;
}

void guard_trees_add(struct guard_trees *trees, struct guard_tree *t)
{
    t->next = trees->first;
    trees->first = t;
}

struct guard_tree *guard_trees_of(const struct guard_trees *trees, pid_t child)
{
    struct guard_tree *t = trees->first;

    while (t != NULL && (t->child != child || child <= 0))
        t = t->next;
    return t;
}

void guard_trees_kill(struct guard_trees *trees, struct guard_tree *t)
{
    if (t->lost) {
        hunt_strays(trees);
    } else {
        t->done = false;
        keeper_order_kill(t->sock);
    }
}

void guard_trees_end(struct guard_trees *trees)
{
    trees->ending = true;
    hunt_strays(trees);
    for (struct guard_tree *t = trees->first; t != NULL; t = t->next)
        if (!t->lost)
            guard_trees_kill(trees, t);
}

bool guard_trees_over(const struct guard_trees *trees)
{
    for (const struct guard_tree *t = trees->first; t != NULL; t = t->next)
        if (!t->lost && !t->done)
            return false;
    return trees->hunt.alive == 0;
}

int guard_trees_result(const struct guard_trees *trees)
{
    int result = hunt_result(&trees->hunt);

    for (const struct guard_tree *t = trees->first; t != NULL && result == 0; t = t->next)
        if (t->done)
            result = t->result;
    return result;
}
