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
#include <harness/supervisor/evidence.h>

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

/* The request of the thread that drove the exit; NULL where its ring has lost it. */
static const struct abi_event *exit_request(const struct evidence *evidence)
{
    const struct abi_control *control = evidence_control(evidence);
    const struct abi_lane *lane =
        control != NULL ? evidence_lane(evidence, control->exiting_lane) : NULL;
    const struct abi_event *event;

    for (uint64_t back = 0; lane != NULL && (event = evidence_event(lane, back)) != NULL; back++)
        if (event->kind == EVENT_EXIT_PHASE && event->aux == PHASE_REQUESTED)
            return event;
    return NULL;
}

static void say_request(struct finding *finding, const struct evidence *evidence)
{
    const struct abi_event *event = exit_request(evidence);
    struct evidence_frame frame;
    char name[EVIDENCE_NAME_BYTES];
    char text[EVIDENCE_TEXT_BYTES];
    char culprit[EVIDENCE_CULPRIT_BYTES] = "";

    if (event == NULL)
        return;
    evidence_lane_text(evidence, evidence_control(evidence)->exiting_lane, name);
    if (evidence_caller(evidence, event->caller, &frame)) {
        evidence_frame_text(&frame, text);
        evidence_culprit(&frame, 1, culprit);
        finding_say(finding, "%-10s asked to end with %d, in %s", name, (int)event->object, text);
    } else {
        finding_say(finding, "%-10s asked to end with %d", name, (int)event->object);
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
    say_request(note(finding, "so it handles that signal, which is its right"), evidence);
}

static void judge_status(const struct evidence *evidence, struct judgement *judgement, int expected)
{
    struct finding *finding = judgement_add(judgement, STOP_EXIT_WRONG_STATUS);
    bool ordered = evidence->struck && expected != dry_status(evidence);

    finding_say(finding, "the process ended with status %d, expected was %d, %s",
                WEXITSTATUS(evidence->status), expected,
                ordered ? "as the injection ordered" : "as in the dry cycle");
    say_request(finding, evidence);
    if (ordered && is_asked_for(evidence, WEXITSTATUS(evidence->status)))
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
