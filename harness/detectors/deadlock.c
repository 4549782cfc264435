/*
 * deadlock: live threads wait for each other's locks, or joins, in a circle; a thread that
 * waits for its own lock is a circle of one.
 *
 * Circles through the loader's lock belong to loader-lock: they need another mend. A wait with
 * a time limit breaks a circle by itself and is no part of one. Rows C9, F1 and F2.
 */
#include <harness/detector.h>

#include <harness/supervisor/evidence/waits.h>

#include <string.h>

struct pair {
    char culprit[EVIDENCE_CULPRIT_BYTES];
    char waiter[EVIDENCE_CULPRIT_BYTES];
};

static bool is_lower(const struct pair *a, const struct pair *b)
{
    int difference = strcmp(a->culprit, b->culprit);

    return difference < 0 || (difference == 0 && strcmp(a->waiter, b->waiter) < 0);
}

/* The same circle gives the same signature, whichever of its threads came first. */
static void sign(struct finding *finding, const struct waits *waits,
                 const struct waits_circle *circle)
{
    struct pair lowest;
    struct pair pair;

    for (unsigned i = 0; i < circle->lanes; i++) {
        waits_sign(waits, circle->lane[i], pair.culprit);
        waits_sign(waits, circle->lane[(i + 1) % circle->lanes], pair.waiter);
        if (i == 0 || is_lower(&pair, &lowest))
            lowest = pair;
    }
    finding_sign(finding, lowest.culprit, lowest.waiter);
}

static void judge(const struct evidence *evidence, struct judgement *judgement)
{
    struct waits waits;
    struct waits_circle circle;
    struct finding *finding;

    if (evidence->hang == HANG_NONE)
        return;
    waits_read(&waits, evidence);
    if (!waits_circle(&waits, false, &circle))
        return;
    finding = judgement_add(judgement, STOP_LOCK_DEADLOCK);
    waits_say_circle(finding, &waits, &circle);
    sign(finding, &waits, &circle);
}

const struct detector detector_deadlock = {
    .name = "deadlock",
    .summary = "live threads wait for each other's locks in a circle",
    .codes = "lock.deadlock",
    .judge = judge,
};
