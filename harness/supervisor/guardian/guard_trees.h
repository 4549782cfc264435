/*
 * guard_trees.h: the trees the guardian has planted: what their keepers say, who ended, and
 * the end of those whose keeper was killed.
 *
 * The guardian process alone uses it. Nothing here waits: neither for a process nor for the
 * supervisor to read. What finds no memory is left out.
 */
#ifndef HARNESS_SUPERVISOR_GUARD_TREES_H
#define HARNESS_SUPERVISOR_GUARD_TREES_H

#include "guardian_protocol.h"
#include "hunt.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/**
 * struct guard_tree - one child with its keeper.
 * @spawning, @killing: sequences of requests that wait for an answer; 0: none.
 * @done: the keeper can end nobody more, @result tells why.
 * @lost: somebody killed the keeper; its tree is now below the guardian, mixed with that of
 *     other lost ones.
 * @ended: the child has been reaped.
 */
struct guard_tree {
    struct guard_tree *next;
    pid_t keeper, child;
    int sock;
    uint64_t tag;
    uint32_t spawning, killing;
    struct guardian_failure failure;
    int result;
    bool done, lost, ended;
};

struct guard_waiting;

/**
 * struct guard_trees - @control, @notices: where replies and notices go.
 * @first: the newest tree.
 * @waiting: notices that are not sent yet, oldest first; @last: where the next one hangs.
 * @hunt: for strays, the children of lost keepers; it spares the keepers.
 * @ending: all of them are to go, and no notice is sent any more.
 * @more: there may be more to reap.
 */
struct guard_trees {
    int control, notices;
    struct guard_tree *first;
    struct guard_waiting *waiting, **last;
    size_t waiting_count;
    struct hunt hunt;
    bool hunting, ending, more;
};

/** guard_trees_begin() - @proc: descriptor of /proc; it and the others stay the caller's. */
void guard_trees_begin(struct guard_trees *trees, int control, int notices, int proc);

/** guard_trees_reply() - answer a request once: @sequence, if it is not 0 yet, becomes 0. */
void guard_trees_reply(struct guard_trees *trees, uint32_t *sequence,
                       struct guardian_failure failure, pid_t pid);

/** guard_trees_flush() - send as many waiting notices as the supervisor has room for. */
void guard_trees_flush(struct guard_trees *trees);

/** guard_trees_add() - a tree whose keeper runs; @t is allocated, and ours from here. */
void guard_trees_add(struct guard_trees *trees, struct guard_tree *t);

/** guard_trees_of() - the newest tree of a child; NULL if there is none. */
struct guard_tree *guard_trees_of(const struct guard_trees *trees, pid_t child);

/** guard_trees_listen() - take what the keepers have said. */
void guard_trees_listen(struct guard_trees *trees);

/** guard_trees_reap() - reap keepers and strays. May free trees. */
void guard_trees_reap(struct guard_trees *trees);

/** guard_trees_kill() - see to it that a tree ends; its @killing is answered then. */
void guard_trees_kill(struct guard_trees *trees, struct guard_tree *t);

/** guard_trees_end() - see to it that all of them end; from now on no notice is sent. */
void guard_trees_end(struct guard_trees *trees);

/** guard_trees_strays() - strike at strays if it is time; forget the lost whose tree is gone. */
void guard_trees_strays(struct guard_trees *trees);

/** guard_trees_due() - milliseconds until guard_trees_strays() has work; -1: when one ends. */
int guard_trees_due(const struct guard_trees *trees);

/** guard_trees_over() - after guard_trees_end(): is nobody left whom we could end? */
bool guard_trees_over(const struct guard_trees *trees);

/** guard_trees_result() - why somebody is left, as of hunt_result(). */
int guard_trees_result(const struct guard_trees *trees);

#endif
