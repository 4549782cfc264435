/*
 * left-behind: a thread of the program has ended itself by the bare system call, so that nothing
 * of the C library's clean-up ran, and nobody was told.
 *
 * The agent marks a thread that was joined, or is gone at the exit, and has told of no end; in a
 * hang that is proved the list of threads says so as well. What the plan has killed is marked by
 * the agent before it dies and is the plan's effect, no finding. Where another program has taken
 * the process over (exec) its threads are gone in an orderly way. Rows A7 and C1.
 */
#include <harness/detector.h>

#include <harness/supervisor/evidence/evidence.h>
#include <harness/supervisor/evidence/waits.h>

#include <stdio.h>
#include <string.h>

enum { SHOWN = 4, HELD_SHOWN = 4, KEYS_SHOWN = 4 };

/* --- who -------------------------------------------------------------------------------------- */

static bool was_replaced(const struct evidence *evidence)
{
    for (unsigned i = 0; i < evidence_lanes(evidence); i++) {
        const struct abi_lane *lane = evidence_lane(evidence, i);
        const struct abi_event *last = lane != NULL ? evidence_event(lane, 0) : NULL;

        if (last != NULL && last->kind == EVENT_EXEC && evidence_is_target(evidence, lane))
            return true;
    }
    return false;
}

/* It told of its birth, and of no end. Nobody sees the end of a T?n. */
static bool is_open(const struct evidence *evidence, const struct abi_lane *lane)
{
    return lane != NULL && lane->state == LANE_RUNS && strncmp(lane->name, "T?", 2) != 0 &&
           evidence_is_target(evidence, lane);
}

static bool is_left_behind(const struct waits *waits, unsigned index)
{
    const struct abi_lane *lane = evidence_lane(waits->evidence, index);

    if (!is_open(waits->evidence, lane))
        return false;
    return lane->end == END_UNKNOWN || (waits->listed && waits->node[index].life == WAITS_DEAD);
}

/* --- words ------------------------------------------------------------------------------------ */

/* The end of a join of this very lane, in any other; NULL if there was none. */
static const struct abi_event *join_of(const struct evidence *evidence, unsigned index,
                                       unsigned *joiner)
{
    for (unsigned i = 0; i < evidence_lanes(evidence); i++) {
        const struct abi_lane *lane = evidence_lane(evidence, i);
        const struct abi_event *event;
        const struct abi_event *end = NULL;

        for (uint64_t back = 0; lane != NULL && (event = evidence_event(lane, back)) != NULL;
             back++) {
            if (event->kind == EVENT_JOIN_END)
                end = event;
            if (event->kind != EVENT_JOIN_BEGIN || event->other != index + 1u || end == NULL)
                continue;
            *joiner = i;
            return end->object == event->object && end->other == 0 ? end : NULL;
        }
    }
    return NULL;
}

static void say_stack(struct finding *finding, const struct evidence *evidence, unsigned index)
{
    unsigned joiner = 0;
    const struct abi_event *joined = join_of(evidence, index, &joiner);
    char name[EVIDENCE_NAME_BYTES];
    char place[EVIDENCE_TEXT_BYTES];

    if (joined == NULL) {
        finding_say(finding,
                    "           left: its stack and thread block, for nobody has joined it");
        return;
    }
    evidence_lane_text(evidence, joiner, name);
    evidence_caller_text(evidence, joined->caller, place);
    finding_say(finding, "           %s joined it, which looked clean, in %.100s", name, place);
    finding_say(finding, "           (that gave its stack back; without it the stack stays, too)");
}

static void say_locks(struct finding *finding, const struct evidence *evidence, unsigned index)
{
    const struct abi_lane *lane = evidence_lane(evidence, index);
    const struct abi_held *held;
    char object[EVIDENCE_TEXT_BYTES];
    char place[EVIDENCE_TEXT_BYTES];

    for (unsigned i = 0; i < HELD_SHOWN && (held = evidence_held(lane, i)) != NULL; i++) {
        evidence_object_text(evidence, held->mode, held->object, object);
        evidence_caller_text(evidence, held->caller, place);
        finding_say(finding, "           left locked: %.80s, taken in %.90s", object, place);
    }
    if (lane->held_count > HELD_SHOWN)
        finding_say(finding, "           and %u locks more", lane->held_count - HELD_SHOWN);
}

/* Keys made so far that have a destructor. Whether it had set them no hook saw. */
static void say_keys(struct finding *finding, const struct evidence *evidence)
{
    char place[EVIDENCE_TEXT_BYTES];
    unsigned keys = 0;

    for (unsigned i = 0; i < evidence_lanes(evidence); i++) {
        const struct abi_lane *lane = evidence_lane(evidence, i);
        const struct abi_event *event;

        for (uint64_t back = 0; lane != NULL && (event = evidence_event(lane, back)) != NULL;
             back++) {
            if (event->kind != EVENT_CALL || event->site != SITE_KEY_CREATE || event->object == 0 ||
                keys++ >= KEYS_SHOWN)
                continue;
            evidence_address_text(evidence, event->object, place);
            finding_say(finding, "           not run, if it had a value: the key destructor %.110s",
                        place);
        }
    }
    if (keys > KEYS_SHOWN)
        finding_say(finding, "           and %u key destructors more", keys - KEYS_SHOWN);
    finding_say(finding,
                "           not run: cleanup handlers and thread_local destructors, if any");
    finding_say(finding,
                "           dropped: signals that were sent to it and that it had blocked");
}

/* The last thing that it said: where it was to end is known to it alone. */
static void say_last(struct finding *finding, const struct evidence *evidence, unsigned index)
{
    const struct abi_lane *lane = evidence_lane(evidence, index);
    const struct abi_event *event = evidence_event(lane, 0);
    char place[EVIDENCE_TEXT_BYTES];
    char site[64];

    if (event == NULL || event->caller == 0 || event->kind == EVENT_THREAD_BORN)
        return;
    evidence_caller_text(evidence, event->caller, place);
    finding_say(finding, "           last seen at %s, in %.120s",
                abi_site_name(evidence_control(evidence), event->site, site), place);
}

static void say_thread(struct finding *finding, const struct evidence *evidence, unsigned index,
                       char lowest[EVIDENCE_CULPRIT_BYTES])
{
    const struct abi_lane *lane = evidence_lane(evidence, index);
    char culprit[EVIDENCE_CULPRIT_BYTES] = "";
    char place[EVIDENCE_TEXT_BYTES];
    char name[EVIDENCE_NAME_BYTES];
    struct evidence_frame frame;

    evidence_lane_text(evidence, index, name);
    finding_say(finding, "%-10s ended itself by the bare system call (or a seccomp filter did)",
                name);
    if (evidence_address(evidence, lane->start, &frame)) {
        evidence_frame_text(&frame, place);
        evidence_culprit(&frame, 1, culprit);
        finding_say(finding, "           it ran %.150s", place);
    }
    say_last(finding, evidence, index);
    say_stack(finding, evidence, index);
    say_locks(finding, evidence, index);
    evidence_lower(lowest, culprit);
}

static void judge(const struct evidence *evidence, struct judgement *judgement)
{
    char lowest[EVIDENCE_CULPRIT_BYTES] = "";
    struct finding *finding = NULL;
    struct waits waits;
    unsigned count = 0;

    if (evidence->memory == NULL || was_replaced(evidence))
        return;
    waits_read(&waits, evidence);
    for (unsigned i = 0; i < ABI_LANES; i++) {
        if (!is_left_behind(&waits, i))
            continue;
        if (count++ == 0)
            finding = judgement_add(judgement, STOP_THREAD_LEFT_BEHIND);
        if (count <= SHOWN)
            say_thread(finding, evidence, i, lowest);
    }
    if (count > SHOWN)
        finding_say(finding, "and %u threads more", count - SHOWN);
    if (count > 0)
        say_keys(finding, evidence);
    finding_sign(finding, lowest, "");
}

const struct detector detector_left_behind = {
    .name = "left-behind",
    .summary = "a thread ended by the bare system call, without any clean-up",
    .codes = "thread.left-behind",
    .judge = judge,
};
