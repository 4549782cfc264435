/*
 * invariant: the program itself says that its data are in a state which its rule forbids.
 *
 * Its words come from memory that it may have damaged, so they are read as bytes. Rows A2, A3
 * and B2.
 */
#include <harness/detector.h>

#include <harness/supervisor/evidence/evidence.h>

#include <string.h>
#include <sys/wait.h>

struct complaint {
    unsigned lane;
    const struct abi_event *event;
};

/* The first complaint that a ring still has: the message is the first one's too. */
static void find_first(const struct evidence *evidence, struct complaint *first)
{
    unsigned lanes = evidence_lanes(evidence);

    for (unsigned i = 0; i < lanes; i++) {
        const struct abi_lane *lane = evidence_lane(evidence, i);
        const struct abi_event *event;

        for (uint64_t back = 0; lane != NULL && (event = evidence_event(lane, back)) != NULL;
             back++)
            if (event->kind == EVENT_INVARIANT &&
                (first->event == NULL || event->time < first->event->time))
                *first = (struct complaint){i, event};
    }
}

static void say_who(struct finding *finding, const struct evidence *evidence)
{
    struct complaint first = {0};
    char name[EVIDENCE_NAME_BYTES];
    char text[EVIDENCE_TEXT_BYTES];
    char culprit[EVIDENCE_CULPRIT_BYTES] = "";

    find_first(evidence, &first);
    if (first.event == NULL)
        return;
    evidence_lane_text(evidence, first.lane, name);
    evidence_caller_text(evidence, first.event->caller, text);
    finding_say(finding, "%-10s said so, in %s", name, text);
    evidence_caller_culprit(evidence, first.event->caller, culprit);
    finding_sign(finding, culprit, "");
}

static void judge(const struct evidence *evidence, struct judgement *judgement)
{
    const struct abi_control *control = evidence_control(evidence);
    struct finding *finding;

    if (control == NULL || !(control->anomaly & ANOMALY_INVARIANT))
        return;
    finding = judgement_add(judgement, STOP_STATE_INVARIANT);
    if (control->message[0] != 0)
        finding_say(finding, "%.*s", ABI_MESSAGE_BYTES, control->message);
    else
        finding_say(finding, "the program says so, and no more");
    if (control->invariants > 1)
        finding_say(finding, "and %u more such words", control->invariants - 1);
    say_who(finding, evidence);
    if (evidence->ended && evidence->hang == HANG_NONE && WIFEXITED(evidence->status))
        finding_say(finding, "the process then ended with status %d",
                    WEXITSTATUS(evidence->status));
}

const struct detector detector_invariant = {
    .name = "invariant",
    .summary = "the program's own rule about its data is broken",
    .codes = "state.invariant",
    .judge = judge,
};
