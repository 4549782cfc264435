/*
 * lost-at-fork: the child of a fork waits for an event, or an end, that a thread of its parent
 * would bring, and fork has copied no thread but the caller.
 *
 * Named is who has signalled that event in the parent before the fork, or waited there for what
 * the child has signalled since: a pool's worker. Where no such thread is known the hang remains
 * hang.lost-wakeup. A lock whose owner was not copied is lock.orphaned, and one of the heap
 * heap.lock-orphaned: they name the lock, too. Row F4.
 */
#include <harness/detector.h>

#include <harness/supervisor/evidence/waits.h>

static void judge(const struct evidence *evidence, struct judgement *judgement)
{
    struct waits waits;

    if (evidence->hang == HANG_NONE)
        return;
    waits_read(&waits, evidence);
    waits_raise(judgement, &waits, STOP_THREAD_LOST_AT_FORK, 1u << WAITS_EVENT | 1u << WAITS_JOIN,
                false, false);
}

const struct detector detector_lost_at_fork = {
    .name = "lost-at-fork",
    .summary = "the child of a fork waits for a thread that exists in its parent alone",
    .codes = "thread.lost-at-fork",
    .judge = judge,
};
