/*
 * postmortem_parts.h: what the files of the post-mortem have from each other. Nobody else
 * includes it.
 */
#ifndef SUPERVISOR_POSTMORTEM_PARTS_H
#define SUPERVISOR_POSTMORTEM_PARTS_H

#include "postmortem.h"
#include <harness/supervisor/evidence/stack_kind.h>

/* --- a process, whatever it is read from --- */

/** postmortem_process_new() - the next entry; NULL if all are taken. */
struct postmortem_process *postmortem_process_new(struct postmortem *all, pid_t pid);

/** postmortem_read() - memory of the process; false if not all of it can be had. */
bool postmortem_read(const struct postmortem_process *process, uint64_t address, void *out,
                     size_t bytes);

/** postmortem_copy_stack() - keeps the used part of the stack, at most @budget; what it took. */
size_t postmortem_copy_stack(struct postmortem_thread *thread, size_t budget);

/** postmortem_copy_words() - keeps what lies around the futex that the thread sleeps on. */
void postmortem_copy_words(struct postmortem_thread *thread);

/** postmortem_words() - @bytes at @address out of that copy; false if it does not have them. */
bool postmortem_words(const struct postmortem_thread *thread, uint64_t address, void *out,
                      size_t bytes);

/** postmortem_stack_has() - the address of the first word on the copied stack that is @value, from
 * @from on; 0 if there is none. */
uint64_t postmortem_stack_has(const struct postmortem_thread *thread, uint64_t value,
                              uint64_t from);

/** postmortem_name_stacks() - unwinds and names every thread; nothing is stopped any more. */
void postmortem_name_stacks(struct postmortem_process *process);

/** postmortem_name_threads() - T1, T?1 ... by number, or the agent's names. */
void postmortem_name_threads(struct postmortem_process *process);

/** postmortem_own() - the thread that has this number in its own process, or NULL. */
struct postmortem_thread *postmortem_own(const struct postmortem_process *process, pid_t own);

/** postmortem_object() - "table_lock", "table+0x40", "0x7f..", "0x7f.. on the stack of T?2". */
void postmortem_object(const struct postmortem_process *process, uint64_t address, char *out,
                       size_t bytes);

/** postmortem_in_loader() - the address is in the loader's own data. */
bool postmortem_in_loader(const struct postmortem_process *process, uint64_t address);

/** postmortem_frame_kind() - which of the library's parts a frame belongs to. */
enum stack_kind postmortem_frame_kind(const struct postmortem_process *process,
                                      const struct evidence_frame *frame);

/** postmortem_remark() - one more thing that could not be known; the same is said once. */
void postmortem_remark(struct postmortem *all, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* --- what follows from it --- */

/** postmortem_read_waits() - thread->wait of every thread of every process. */
void postmortem_read_waits(struct postmortem *all);

/** postmortem_read_held() - thread->held, as far as it can be known. */
void postmortem_read_held(struct postmortem *all);

/** postmortem_find_circles() - thread->circle, and the counts. */
void postmortem_find_circles(struct postmortem *all);

/** postmortem_next() - whom a thread waits for without limit; NULL for the end of a chain. */
struct postmortem_thread *postmortem_next(const struct postmortem_thread *thread);

/** postmortem_judge_quiet() - process->quiet, once the waits are known. */
void postmortem_judge_quiet(struct postmortem *all);

/* --- by /proc, for a live process alone (postmortem_outside.c) --- */

/** postmortem_read_line() - the first line of a file, or "" if it can't be read; at most @bytes
 * - 1. */
void postmortem_read_line(const char *path, char *out, size_t bytes);

/** postmortem_waits_for_child() - the system call waits for a process. */
bool postmortem_waits_for_child(const struct postmortem_thread *thread);

/** postmortem_say_child(), _file_lock(), _peer() - fill in a wait of that kind. */
void postmortem_say_child(struct postmortem_thread *thread);
void postmortem_say_file_lock(struct postmortem_thread *thread);
void postmortem_say_peer(struct postmortem_thread *thread, bool writes);

/** postmortem_elsewhere() - who has thread number @tid on this machine: the process, 0 if nobody.
 */
pid_t postmortem_elsewhere(pid_t tid, char comm[17]);

/** postmortem_is_ancestor() - @pid is the parent of @process, or of its parent, and so on. */
bool postmortem_is_ancestor(const struct postmortem_process *process, pid_t pid);

/* --- two looks before the stop (postmortem_quiet.c) --- */

/**
 * struct postmortem_look - what /proc says of all threads at one moment.
 * @mark: of states, switches and calls: equal marks, nothing has moved.
 */
struct postmortem_look {
    uint64_t mark;
    bool able;
    char why[POSTMORTEM_TEXT];
    char handlers[POSTMORTEM_TEXT];
};

/** postmortem_look() - looks; does not stop anything. */
void postmortem_look(pid_t pid, struct postmortem_look *look);

#endif
