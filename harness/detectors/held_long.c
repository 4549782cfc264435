/*
 * held-long: a thread slept with a lock held, and others waited for it meanwhile.
 *
 * The watch has measured that (watch_held.h): how long the holder slept in the kernel, not how long
 * the lock was held by the clock, so that a loaded machine is no reason. When it took the lock and
 * gave it back, and where, the ring says. A note: there are locks whose purpose this is.
 * The nearest row of the catalogue is F2: the code of others under a lock of one's own.
 */
#include <harness/detector.h>

#include <harness/supervisor/evidence/evidence.h>
#include <harness/supervisor/evidence/syscall_words.h>

#include <stdio.h>

#define SET_IN "           "

static const char *call_text(long number)
{
    const struct syscall_words *words = syscall_words(number);

    return words != NULL ? words->slow : "stays in a system call";
}

/* When that holder gave it back; 0 if it never did, or the ring has lost it. */
static uint64_t released_at(const struct abi_lane *lane, const struct evidence_hold *hold)
{
    const struct abi_event *event;
    uint64_t time = 0;

    for (uint64_t back = 0; (event = evidence_event(lane, back)) != NULL; back++)
        if (event->kind == EVENT_RELEASED && event->object == hold->object &&
            event->time >= hold->time)
            time = event->time;
    return time;
}

static void say_holder(struct finding *finding, const struct evidence *evidence,
                       const struct evidence_hold *hold, const struct abi_lane *lane)
{
    char name[EVIDENCE_NAME_BYTES];
    char object[EVIDENCE_TEXT_BYTES], place[EVIDENCE_TEXT_BYTES];
    double held_ms = evidence_ms(evidence, hold->time, released_at(lane, hold));

    evidence_lane_text(evidence, hold->holder, name);
    evidence_object_text(evidence, hold->mode, hold->object, object);
    evidence_caller_text(evidence, hold->caller, place);
    if (held_ms >= 0)
        finding_say(finding, "%-10s held %.70s for %.0f ms, taken in %.80s", name, object, held_ms,
                    place);
    else
        finding_say(finding, "%-10s holds %.70s, taken in %.90s", name, object, place);
}

static void say_meanwhile(struct finding *finding, const struct evidence *evidence,
                          const struct evidence_hold *hold)
{
    char place[EVIDENCE_TEXT_BYTES];
    char site[64];

    finding_say(finding, SET_IN "meanwhile it slept, for %.0f ms at least: it %s", hold->asleep_ms,
                call_text(hold->syscall));
    if (hold->site == 0 || hold->site >= ABI_SITES_ALL)
        return;
    evidence_caller_text(evidence, hold->site_caller, place);
    finding_say(finding, SET_IN "inside %.40s, called in %.100s",
                abi_site_name(evidence_control(evidence), hold->site, site), place);
}

static void say_waiters(struct finding *finding, const struct evidence *evidence,
                        const struct evidence_hold *hold, char lowest[EVIDENCE_CULPRIT_BYTES])
{
    for (unsigned i = 0; i < hold->waiters && i < EVIDENCE_HOLD_WAITERS; i++) {
        char name[EVIDENCE_NAME_BYTES];
        char place[EVIDENCE_TEXT_BYTES];
        char text[EVIDENCE_CULPRIT_BYTES];

        evidence_lane_text(evidence, hold->waiter[i].lane, name);
        evidence_caller_text(evidence, hold->waiter[i].caller, place);
        finding_say(finding, "%-10s waited for it, for %.0f ms at least, in %.100s", name,
                    hold->waiter[i].waited_ms, place);
        evidence_caller_culprit(evidence, hold->waiter[i].caller, text);
        evidence_lower(lowest, text);
    }
}

static void judge_hold(const struct evidence *evidence, struct judgement *judgement,
                       const struct evidence_hold *hold)
{
    const struct abi_lane *lane = evidence_lane(evidence, hold->holder);
    char culprit[EVIDENCE_CULPRIT_BYTES], waiter[EVIDENCE_CULPRIT_BYTES] = "";
    struct finding *finding;

    if (lane == NULL || hold->waiters == 0)
        return;
    finding = judgement_add(judgement, STOP_LOCK_HELD_LONG);
    say_holder(finding, evidence, hold, lane);
    say_meanwhile(finding, evidence, hold);
    say_waiters(finding, evidence, hold, waiter);
    evidence_caller_culprit(evidence, hold->caller, culprit);
    finding_sign(finding, culprit, waiter);
}

/* Where nothing moves any more somebody else says whose fault it is. */
static void judge(const struct evidence *evidence, struct judgement *judgement)
{
    if (evidence->hang == HANG_PROVED || evidence->hang == HANG_SPINNING || evidence->struck)
        return;
    for (unsigned i = 0; i < evidence->holds && i < EVIDENCE_HOLDS; i++)
        judge_hold(evidence, judgement, &evidence->hold[i]);
}

const struct detector detector_held_long = {
    .name = "held-long",
    .summary = "a thread slept with a lock held, and others waited for it",
    .codes = "lock.held-long",
    .judge = judge,
};
