/*
 * status: the parent received another exit status than this way of ending should give.
 *
 * Expected is what the plan ordered, else what the dry cycle ended with. Where the plan killed,
 * parked or ended a thread, or made a call fail, the program may rightly say so by its status:
 * then it is a note. So it is where a signal was sent and the program handled it. Nothing is
 * expected where the victim was the main thread. A crash or a broken invariant explains a
 * status and is told of by others. Row B8.
 *
 * Which status the parent gets, by the way of leaving (Linux 6.x with glibc 2.36; the lower 8
 * bits): exit, return from main   the argument; of several callers the last to come to its _exit,
 * since handlers may ask again. exit in any thread is the whole process's. _exit, _Exit, exit_group
 * the argument, at once: the first to reach the kernel wins. quick_exit               the argument.
 *   pthread_exit by main     0, once the last thread has ended, whatever that one returned: libc
 *                            ends the process with exit(0) then.
 *   main ended raw (killed)  what the last thread gives to the kernel when it ends, 0 where it ends
 *                            in libc's way; the process is a zombie leader until then. libc still
 *                            counts main, so no exit(0) and no exit handlers. (Seen on 6.18: main
 *                            gave 6, the last thread 7 or returned, and the parent got 7 or 0.
 *                            Kernels before 5.17 gave main's.)
 * In the last two, whoever calls exit before that decides after all.
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

/* --- how it left -------------------------------------------------------------------------------
 */

struct request {
    unsigned lane;
    const struct abi_event *event;
};

static bool is_request(const struct abi_event *event)
{
    return event->kind == EVENT_EXIT_PHASE &&
           (event->aux == PHASE_REQUESTED || event->aux == PHASE_LEAVE);
}

/* The last request of the target's own to end, with that very status if there is one (-1: any). */
static bool find_asked(const struct evidence *evidence, int status, struct request *out)
{
    unsigned lanes = evidence_lanes(evidence);

    out->event = NULL;
    for (unsigned i = 0; i < lanes; i++) {
        const struct abi_lane *lane = evidence_lane(evidence, i);
        const struct abi_event *event;

        if (lane == NULL || !evidence_is_target(evidence, lane))
            continue;
        for (uint64_t back = 0; (event = evidence_event(lane, back)) != NULL; back++)
            if (is_request(event) && (status < 0 || (int)(event->object & 0xff) == status) &&
                (out->event == NULL || event->time > out->event->time))
                *out = (struct request){i, event};
    }
    return out->event != NULL;
}

/* The thread that ended last, of those that told of it; ABI_LANES if main was the last. */
static unsigned last_thread(const struct evidence *evidence)
{
    unsigned last = ABI_LANES;

    for (unsigned i = 1; i < evidence_lanes(evidence); i++) {
        const struct abi_lane *lane = evidence_lane(evidence, i);

        if (lane != NULL && evidence_is_target(evidence, lane) && lane->state == LANE_ENDED &&
            (last == ABI_LANES || lane->now > evidence_lane(evidence, last)->now))
            last = i;
    }
    return last;
}

/* Threads that never ended: then only the whole process can have been ended, by somebody. */
static bool has_survivors(const struct evidence *evidence)
{
    for (unsigned i = 1; i < evidence_lanes(evidence); i++) {
        const struct abi_lane *lane = evidence_lane(evidence, i);

        if (lane != NULL && evidence_is_target(evidence, lane) && lane->end == END_RUNNING &&
            lane->state != LANE_KILLED)
            return true;
    }
    return false;
}

/* --- words -------------------------------------------------------------------------------------
 */

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
    } else if (request.event->site == SITE_MAIN_RETURN) {
        finding_say(finding, "%-10s returned %d from main", name, status);
    } else {
        finding_say(finding, "%-10s asked to end with %d", name, status);
    }
    finding_sign(finding, culprit, "");
}

static const char *rule_of_request(const struct evidence *evidence, const struct request *request)
{
    switch (request->event->site) {
    case SITE_EXIT_NOW:
        return evidence_control(evidence)->exit_calls > 0
                   ? "_exit has the last word, though an exit was under way with another status"
                   : "_exit ends the whole process at once: no other thread is asked, nor main's "
                     "return";
    case SITE_MAIN_RETURN:
        return "main's return is an exit of the whole process, whatever its threads return";
    default:
        return request->lane == 0 ? "exit ends the whole process with its argument"
                                  : "exit in any thread ends the whole process, and main's return "
                                    "is not asked for";
    }
}

static void say_main_end(struct finding *finding, const struct evidence *evidence,
                         const struct abi_lane *lane)
{
    const struct abi_event *event;
    char place[EVIDENCE_TEXT_BYTES];

    for (uint64_t back = 0; (event = evidence_event(lane, back)) != NULL; back++)
        if (event->kind == EVENT_THREAD_ENDS) {
            evidence_caller_text(evidence, event->caller, place);
            finding_say(finding, "T1 (main)  left by pthread_exit, in %.120s", place);
            return;
        }
}

static void say_last(struct finding *finding, const struct evidence *evidence)
{
    unsigned last = last_thread(evidence);
    char name[EVIDENCE_NAME_BYTES];

    if (last == ABI_LANES)
        return;
    evidence_lane_text(evidence, last, name);
    finding_say(finding, "%-10s ended last, and the process with it", name);
}

/* Nobody asked for the end of the whole process, as far as any hook has seen. */
static void say_unasked(struct finding *finding, const struct evidence *evidence)
{
    const struct abi_lane *lane = evidence_lane(evidence, 0);
    int status = WEXITSTATUS(evidence->status);

    if (lane == NULL || !evidence_is_target(evidence, lane))
        return;
    if (lane->end == END_EXIT && !has_survivors(evidence)) {
        say_main_end(finding, evidence, lane);
        say_last(finding, evidence);
        finding_say(finding,
                    status == 0 ? "the rule: once main has left by pthread_exit the last thread's "
                                  "end gives 0, whatever it returned"
                                : "no thread asked for that status: somebody gave it to the kernel "
                                  "itself (exit_group)");
    } else if (last_thread(evidence) != ABI_LANES && !has_survivors(evidence)) {
        finding_say(finding, "T1 (main)  ended by a raw system call, before the others");
        say_last(finding, evidence);
        finding_say(finding,
                    "the rule: then the parent gets what the last thread gave to the kernel, "
                    "0 if it ended in libc's way, and not main's; no exit handler runs");
    } else {
        finding_say(finding, "no thread asked for that status: somebody gave it to the kernel "
                             "itself (exit_group), past libc and its handlers");
    }
}

/* In words why it is that status, by the table above. */
static void say_rule(struct finding *finding, const struct evidence *evidence)
{
    struct request request;

    if (find_asked(evidence, WEXITSTATUS(evidence->status), &request))
        finding_say(finding, "the rule: %s", rule_of_request(evidence, &request));
    else
        say_unasked(finding, evidence);
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
    say_rule(finding, evidence);
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
