/*
 * callback: a module went away, and what it had put on record to be called later is still there.
 *
 * Nobody has called it in this cycle (a call is a crash, and the detector crash names it), so it
 * is a note: many programs never come to the moment in which it would be called. Where the plan
 * struck, the clean-up may have been struck with it, and nothing is said. The exception is a crash
 * that nothing could catch, of which only the wait status is known. Row C7.
 */
#include <harness/detector.h>

#include <harness/supervisor/evidence/callback.h>
#include <harness/supervisor/evidence/evidence.h>

#include <signal.h>
#include <string.h>
#include <sys/wait.h>

enum { SHOWN = 6, RIP = 16 };

/** struct report - @culprit: the lowest, for the signature. */
struct report {
    struct judgement *judgement;
    struct finding *finding;
    unsigned count;
    char culprit[EVIDENCE_CULPRIT_BYTES];
};

static void blame(const struct evidence *evidence, struct report *report, uint64_t address)
{
    struct evidence_frame frame;
    char text[EVIDENCE_CULPRIT_BYTES] = "";

    if (evidence_address(evidence, address, &frame))
        evidence_culprit(&frame, 1, text);
    if (evidence_lower(report->culprit, text))
        finding_sign(report->finding, text, "");
}

static void say_unload(struct finding *finding, const struct evidence *evidence, uint64_t address)
{
    const struct abi_module *module = evidence_module_at(evidence, address);
    char who[EVIDENCE_NAME_BYTES];
    char where[EVIDENCE_TEXT_BYTES];

    if (module == NULL || module->unloaded_at == 0)
        return;
    evidence_lane_text(evidence, module->unloader_lane, who);
    evidence_caller_text(evidence, module->unload_caller, where);
    finding_say(finding, "           unloaded by %s, in %s", who, where);
}

static void say(const struct evidence *evidence, struct report *report, const struct abi_tie *tie)
{
    struct callback callback = {.address = tie->address, .who = tie->lane, .where = tie->caller};
    char text[EVIDENCE_TEXT_BYTES];

    callback_kind(tie, callback.kind);
    if (report->count++ == 0 && report->finding == NULL) {
        report->finding = judgement_add(report->judgement, STOP_MODULE_CALLBACK_UNMAPPED);
        if (report->finding != NULL)
            report->finding->severity = STOP_SEVERITY_NOTE;
    }
    blame(evidence, report, tie->address);
    if (report->count > SHOWN)
        return;
    evidence_address_text(evidence, tie->address, text);
    finding_say(report->finding, "%s is gone, and on record yet: %s", text, callback.kind);
    callback_say(report->finding, evidence, &callback);
    say_unload(report->finding, evidence, tie->address);
}

/* A destructor of a thread's own object goes with the thread. */
static bool is_over(const struct evidence *evidence, const struct abi_tie *tie)
{
    const struct abi_lane *lane = evidence_lane(evidence, tie->lane);

    return tie->kind == TIE_THREAD_LOCAL && (lane == NULL || lane->state != LANE_RUNS);
}

/* The crash is told by what crashed. */
static bool is_told(const struct evidence *evidence, const struct abi_tie *tie)
{
    const struct abi_control *control = evidence_control(evidence);

    return control->crash.epoch == control->epoch && control->crash.regs[RIP] == tie->address;
}

/* The crash that nobody caught is the call of what was left. */
static bool is_death(const struct evidence *evidence)
{
    const struct abi_control *control = evidence_control(evidence);

    return control != NULL && control->crash.epoch != control->epoch && evidence->ended &&
           evidence->hang == HANG_NONE && WIFSIGNALED(evidence->status) &&
           WTERMSIG(evidence->status) != evidence->effect_signal &&
           callback_uncaught(evidence, WTERMSIG(evidence->status)) != NULL;
}

static void say_death(const struct evidence *evidence, struct report *report)
{
    const struct abi_tie *tie = callback_uncaught(evidence, WTERMSIG(evidence->status));
    char kind[CALLBACK_KIND_BYTES];

    callback_kind(tie, kind);
    report->finding = judgement_add(report->judgement, STOP_MODULE_CALLBACK_UNMAPPED);
    finding_say(report->finding, "the process died of SIGSEGV, and could not catch it");
    finding_say(report->finding, "           as after a call of %s that is gone:", kind);
}

static void judge(const struct evidence *evidence, struct judgement *judgement)
{
    struct report report = {.judgement = judgement};
    bool death = is_death(evidence);

    if (death)
        say_death(evidence, &report);

    for (unsigned i = 0; i < ABI_TIES && (death || !evidence->struck); i++) {
        const struct abi_tie *tie = evidence_tie(evidence, i);

        if (tie != NULL && tie->kind <= TIE_LAST_CALLBACK && evidence_is_left(tie) &&
            !tie->ordered && !is_over(evidence, tie) && !is_told(evidence, tie))
            say(evidence, &report, tie);
    }
    if (report.count > SHOWN)
        finding_say(report.finding, "and %u more", report.count - SHOWN);
}

const struct detector detector_callback = {
    .name = "callback",
    .summary = "a callback into a module that is gone, still on record",
    .codes = "module.callback-unmapped",
    .judge = judge,
};
