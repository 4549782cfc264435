/*
 * heap-lock: somebody waits for the lock of an arena, and a thread stopped inside the
 * allocator.
 *
 * An arena's lock records no owner, so the owner is named by where it was: killed or suspended
 * in a call of the allocator (or in fork, which takes every arena's lock), past its entry. Which
 * of several such threads has it can't be told; all are named. Rows A1, A5, B1 and C1.
 */
#include <harness/detector.h>

#include <harness/supervisor/evidence/waits.h>

static void judge(const struct evidence *evidence, struct judgement *judgement)
{
    struct waits waits;

    if (evidence->hang == HANG_NONE)
        return;
    waits_read(&waits, evidence);
    waits_raise(judgement, &waits, STOP_HEAP_LOCK_ORPHANED, 1u << WAITS_HEAP, false, false);
    waits_raise(judgement, &waits, STOP_LOCK_OWNER_SUSPENDED, 1u << WAITS_HEAP, false, true);
}

const struct detector detector_heap_lock = {
    .name = "heap-lock",
    .summary = "a thread waits in the allocator for one that was stopped in there",
    .codes = "heap.lock-orphaned lock.owner-suspended",
    .judge = judge,
};
