/*
 * status: the parent received another exit status than this way of ending should give.
 *
 * Expected is what the plan ordered, else what the dry cycle ended with. Where the plan killed,
 * parked or ended a thread, or made a call fail, the program may rightly say so by its status:
 * then it is a note. So it is where a signal was sent and the program handled it. Nothing is
 * expected where the victim was the main thread. A crash or a broken invariant explains a
 * status and is told of by others. Row B8.
 */
#include <harness/detector.h>

#include <harness/common/server.h>
#include <harness/supervisor/evidence/evidence.h>

#include <sys/wait.h>

/* -1: anything will do. */
static int dry_status(const struct evidence *evidence)
{
    return WIFEXITED(evidence->expected_status) ? WEXITSTATUS(evidence->expected_status) : -1;
}

static int expected_status(const struct evidence *evidence)
{
    int signal;
    int status = 0;

    if (evidence->memory != NULL)
        server_expected(&evidence->memory->control, &signal, &status);
    if (status < 0)
        return -1;
    return evidence->effect_status >= 0 ? evidence->effect_status & 0xff : dry_status(evidence);
}

static bool is_explained(const struct evidence *evidence)
{
    const struct abi_control *control = evidence_control(evidence);

    return control != NULL && (control->anomaly & (ANOMALY_INVARIANT | ANOMALY_SIGNAL));
}

struct request {
    unsigned lane;
    const struct abi_event *event;
};

/* A request of the target's own to end with that very status. */
static bool find_asked(const struct evidence *evidence, int status, struct request *out)
{
    unsigned lanes = evidence_lanes(evidence);

    for (unsigned i = 0; i < lanes; i++) {
        const struct abi_lane *lane = evidence_lane(evidence, i);
        const struct abi_event *event;

        if (lane == NULL || !evidence_is_target(evidence, lane))
            continue;
        for (uint64_t back = 0; (event = evidence_event(lane, back)) != NULL; back++)
            if (event->kind == EVENT_EXIT_PHASE && (int)(event->object & 0xff) == status) {
                *out = (struct request){i, event};
                return true;
            }
    }
    return false;
}

static void say_request(struct finding *finding, const struct evidence *evidence)
{
    struct request request;
    struct evidence_frame frame;
    char name[EVIDENCE_NAME_BYTES];
    char text[EVIDENCE_TEXT_BYTES];
    char culprit[EVIDENCE_CULPRIT_BYTES] = "";
    int status = WEXITSTATUS(evidence->status);

    if (!find_asked(evidence, status, &request))
        return;
    evidence_lane_text(evidence, request.lane, name);
    if (evidence_caller(evidence, request.event->caller, &frame)) {
        evidence_frame_text(&frame, text);
        evidence_culprit(&frame, 1, culprit);
        finding_say(finding, "%-10s asked to end with %d, in %s", name, status, text);
    } else {
        finding_say(finding, "%-10s asked to end with %d", name, status);
    }
    finding_sign(finding, culprit, "");
}

static bool is_ended(const struct evidence *evidence)
{
    return evidence->ended && evidence->hang == HANG_NONE && WIFEXITED(evidence->status) &&
           !is_explained(evidence);
}

static struct finding *note(struct finding *finding, const char *why)
{
    if (finding != NULL)
        finding->severity = STOP_SEVERITY_NOTE;
    finding_say(finding, "%s", why);
    return finding;
}

/* Ordered to die of a signal, and alive enough to choose a status: it has a handler. */
static void judge_handled(const struct evidence *evidence, struct judgement *judgement)
{
    struct finding *finding = judgement_add(judgement, STOP_EXIT_WRONG_STATUS);

    finding_say(finding, "the process ended with status %d, not of the signal that was sent",
                WEXITSTATUS(evidence->status));
    say_request(note(finding, "so it handles that signal, or was quicker"), evidence);
}

static void judge_status(const struct evidence *evidence, struct judgement *judgement, int expected)
{
    struct finding *finding = judgement_add(judgement, STOP_EXIT_WRONG_STATUS);
    bool ordered = evidence->struck && expected != dry_status(evidence);
    struct request own;

    finding_say(finding, "the process ended with status %d, expected was %d, %s",
                WEXITSTATUS(evidence->status), expected,
                ordered ? "as the injection ordered" : "as in the dry cycle");
    say_request(finding, evidence);
    if (ordered && find_asked(evidence, WEXITSTATUS(evidence->status), &own))
        note(finding, "an exit of its own came before the injected one");
    else if (evidence->effect_thread || evidence->effect_failure)
        note(finding, "which may be its answer to the injection");
}

static void judge(const struct evidence *evidence, struct judgement *judgement)
{
    int expected;

    if (!is_ended(evidence))
        return;
    expected = expected_status(evidence);
    if (evidence->effect_signal != 0)
        judge_handled(evidence, judgement);
    else if (expected >= 0 && WEXITSTATUS(evidence->status) != expected)
        judge_status(evidence, judgement, expected);
}

const struct detector detector_status = {
    .name = "status",
    .summary = "the exit status is not the one expected of this way of ending",
    .codes = "exit.wrong-status",
    .judge = judge,
};
