/*
 * watch_files.h: can anybody outside a target end a wait on its files?
 *
 * A program with an event loop has a thread in epoll_wait for ever, so without an answer no hang
 * of such a program could be proved. Reads /proc and, for poll and select, the target's memory.
 */
#ifndef SUPERVISOR_WATCH_FILES_H
#define SUPERVISOR_WATCH_FILES_H

#include <stdbool.h>

#include <harness/detector.h>

/**
 * watch_files_inside() - only processes of the target's own tree can end @thread's system call.
 * @root: the target, the first process of its tree. @pid: the thread's process. @thread: as
 *        watch_thread() has filled it.
 *
 * True for reading and writing pipes and eventfds, and for poll, select and epoll_wait without a
 * time limit on those and on disarmed timers, if the process that the target was forked from does
 * not have them too, the process has no socket but those of that process (the recorder's; through
 * another one it may have given a file away), and nobody has left the tree. False where any of that
 * is not known. The caller must have shown that all threads of the tree wait.
 */
bool watch_files_inside(int root, int pid, const struct evidence_thread *thread);

#endif
