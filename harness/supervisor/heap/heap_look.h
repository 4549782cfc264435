/*
 * heap_look.h: the heap of a target that stands still, as evidence.
 *
 * Brings together what arena_walk.h and reach.h need: the maps, the table of live blocks that the
 * agent keeps in shared memory, the threads' registers. Judges nothing.
 */
#ifndef SUPERVISOR_HEAP_LOOK_H
#define SUPERVISOR_HEAP_LOOK_H

#include <harness/detector.h>

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/**
 * struct heap_look_request - whom to look at.
 * @tid: threads held by ptrace by the calling thread. @memory_fd: of @memory, -1 if there is none.
 * @reach: search for pointers, too; @asked: the user wants it.
 * @memory: has the table of live blocks; NULL: evidence->memory has it.
 */
struct heap_look_request {
    pid_t pid;
    const pid_t *tid;
    size_t tids;
    int memory_fd;
    bool reach;
    bool asked;
    const struct abi_memory *memory;
};

/**
 * heap_look() - fills evidence->heap and evidence->reach.
 *
 * Threads, crash and memory have to be in the evidence. Never fails: what cannot be had is
 * not there, and heap.refused says why. Changes nothing in the target.
 */
void heap_look(struct evidence *evidence, const struct heap_look_request *request);

#endif
