/*
 * process_tree.h: looking at processes and their children through /proc.
 *
 * Only looks: nothing here signals, waits or blocks. Whatever it says is about a number, and
 * a number may change hands right afterwards; who acts on it pins the process first. Every
 * @proc is a descriptor of /proc.
 */
#ifndef HARNESS_SUPERVISOR_PROCESS_TREE_H
#define HARNESS_SUPERVISOR_PROCESS_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/** enum process_tree_sight - "gone" is knowledge; what could not be looked at may well live. */
enum process_tree_sight {
    PROCESS_TREE_SEEN,
    PROCESS_TREE_GONE,
    PROCESS_TREE_HIDDEN, /* from this user, as by hidepid */
    PROCESS_TREE_UNSEEN, /* no descriptor or no memory to look with */
};

/** struct process_tree_look - @start: in clock ticks since boot; tells two of one number apart. */
struct process_tree_look {
    char state;
    pid_t parent;
    int threads;
    unsigned long long start;
};

/** struct process_tree_pids - a list; all zero is empty, process_tree_free() ends it. */
struct process_tree_pids {
    pid_t *at;
    size_t count, room;
};

/** process_tree_look() - @look is filled if the process is seen. */
enum process_tree_sight process_tree_look(int proc, pid_t pid, struct process_tree_look *look);

/** process_tree_dead() - is only the reaping left? A leader may be a zombie whose threads run. */
bool process_tree_dead(const struct process_tree_look *look);

/** process_tree_tracer() - who traces it; 0 if nobody, or if that cannot be seen. */
pid_t process_tree_tracer(int proc, pid_t pid);

/** process_tree_traced_stop() - does a tracer hold one of its threads? false if unseen. */
bool process_tree_traced_stop(int proc, pid_t pid);

/**
 * process_tree_children() - append the children of all threads of a process.
 *
 * The kernel's list may miss some while children end; a walk that must be complete is
 * repeated. Returns PROCESS_TREE_SEEN, or why the list may be short: then it holds what
 * could be read.
 */
enum process_tree_sight process_tree_children(int proc, pid_t pid, struct process_tree_pids *out);

/** process_tree_free() - frees the list's memory, and leaves it empty. */
void process_tree_free(struct process_tree_pids *pids);

#endif
