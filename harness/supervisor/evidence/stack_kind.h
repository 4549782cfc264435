/*
 * stack_kind.h: what a stack says about locks that record no owner: the allocator's, the
 * loader's and those of stdio. Pure functions over named frames.
 */
#ifndef SUPERVISOR_STACK_KIND_H
#define SUPERVISOR_STACK_KIND_H

#include <harness/detector.h>

/** enum stack_kind - parts of the C library that lock for themselves; bits. */
enum stack_kind {
    STACK_ELSEWHERE = 0,
    STACK_HEAP = 1 << 0,
    STACK_LOADER = 1 << 1,
    STACK_STDIO = 1 << 2,
};

/**
 * stack_kind_waiting() - for which of these locks a blocked thread waits: the innermost that
 * the library's frames on top of the stack belong to.
 */
enum stack_kind stack_kind_waiting(const struct evidence_frame *frame, unsigned frames);

/**
 * stack_kind_inside() - bits: which of these locks a stopped thread may hold. Those of the
 * allocator and of stdio only on top of the stack, since no foreign code runs under them; the
 * loader's anywhere, since constructors and destructors do.
 */
unsigned stack_kind_inside(const struct evidence_frame *frame, unsigned frames);

/**
 * stack_kind_at_lock() - a stopped thread that stack_kind_inside() suspects stood where that lock
 * is waited for, or was given up: it hardly has it, if anybody else may.
 */
bool stack_kind_at_lock(const struct evidence_frame *frame, unsigned frames, enum stack_kind kind);

#endif
