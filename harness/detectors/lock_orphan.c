/*
 * lock-orphan: somebody waits for a lock whose owner is dead, has ended, is suspended, or does
 * not exist in this child of a fork.
 *
 * The owner is who has the lock on its list of held locks or, if nobody has, who was stopped
 * half-way through taking or releasing it. Rows A2, A4 (locks of the pthread library), A5, B3
 * and F4.
 */
#include <harness/detector.h>

#include <harness/supervisor/evidence/waits.h>

static void judge(const struct evidence *evidence, struct judgement *judgement)
{
    unsigned kinds = 1u << WAITS_LOCK | 1u << WAITS_STDIO;
    struct waits waits;

    if (evidence->hang == HANG_NONE)
        return;
    waits_read(&waits, evidence);
    waits_raise(judgement, &waits, STOP_LOCK_ORPHANED, kinds, false, false);
    waits_raise(judgement, &waits, STOP_LOCK_SPIN_ORPHANED, 1u << WAITS_LOCK, true, false);
    waits_raise(judgement, &waits, STOP_LOCK_OWNER_SUSPENDED, kinds, false, true);
    waits_raise(judgement, &waits, STOP_LOCK_OWNER_SUSPENDED, 1u << WAITS_LOCK, true, true);
}

const struct detector detector_lock_orphan = {
    .name = "lock-orphan",
    .summary = "a thread waits for a lock whose owner is gone or suspended",
    .codes = "lock.orphaned lock.spin-orphaned lock.owner-suspended",
    .judge = judge,
};
