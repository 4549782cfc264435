/*
 * unload: who was still in a module when it went away: threads whose start routine or whose call
 * leads back there, and locks in its data that a thread had or wanted.
 *
 * The agent looks right after the module has gone, and only at threads that were alive then; an
 * unload that the plan ordered is not looked at, nor is a thread that the plan holds still. Rows
 * C1, C2 and F3.
 */
#include <harness/detector.h>

#include <harness/supervisor/evidence/evidence.h>

#include <string.h>

enum { SHOWN = 6 };

/** struct report - one code's occurrences. @culprit: the lowest, for the signature. */
struct report {
    struct judgement *judgement;
    enum stop_code code;
    struct finding *finding;
    unsigned count;
    char culprit[EVIDENCE_CULPRIT_BYTES];
};

/* --- words --------------------------------------------------------------------------------- */

static void blame(const struct evidence *evidence, struct report *report,
                  const struct evidence_frame *frame)
{
    char text[EVIDENCE_CULPRIT_BYTES];

    evidence_culprit(frame, 1, text);
    if (text[0] == 0 || (report->culprit[0] != 0 && strcmp(report->culprit, text) <= 0))
        return;
    strcpy(report->culprit, text);
    finding_sign(report->finding, text, "");
}

/* True if this one is still to be told. */
static bool begin(struct report *report)
{
    if (report->count++ == 0)
        report->finding = judgement_add(report->judgement, report->code);
    return report->count <= SHOWN;
}

static void finish(struct report *report)
{
    if (report->count > SHOWN)
        finding_say(report->finding, "and %u more", report->count - SHOWN);
}

static void say_unload(struct finding *finding, const struct evidence *evidence,
                       const struct abi_tie *tie)
{
    const struct abi_module *module = evidence_module_at(evidence, tie->address);
    char path[64];
    char who[EVIDENCE_NAME_BYTES];
    char where[EVIDENCE_TEXT_BYTES];

    if (module == NULL || module->unloaded_at == 0)
        return;
    evidence_path_base(module->path, path);
    evidence_lane_text(evidence, module->unloader_lane, who);
    evidence_caller_text(evidence, module->unload_caller, where);
    finding_say(finding, "           when %s was unloaded by %s, in %s", path, who, where);
}

/* --- threads ------------------------------------------------------------------------------- */

static void say_wait(struct finding *finding, const struct evidence *evidence,
                     const struct abi_tie *tie)
{
    char object[EVIDENCE_TEXT_BYTES];
    char where[EVIDENCE_TEXT_BYTES];

    if (tie->caller == 0)
        return;
    evidence_caller_text(evidence, tie->caller, where);
    if (tie->mode == MODE_JOIN || tie->mode >= ABI_MODES) {
        finding_say(finding, "           it waited in %s", where);
        return;
    }
    evidence_object_text(evidence, tie->mode, tie->object, object);
    finding_say(finding, "           it waited for the %.60s, in %s", object, where);
}

static void judge_thread(const struct evidence *evidence, struct report *report,
                         const struct abi_tie *tie)
{
    bool starts = tie->kind == TIE_THREAD;
    struct evidence_frame frame;
    char who[EVIDENCE_NAME_BYTES];
    char text[EVIDENCE_TEXT_BYTES];
    bool tell = begin(report);

    if (starts)
        evidence_address(evidence, tie->address, &frame);
    else
        evidence_caller(evidence, tie->address, &frame);
    blame(evidence, report, &frame);
    if (!tell)
        return;
    evidence_lane_text(evidence, tie->lane, who);
    evidence_frame_text(&frame, text);
    finding_say(report->finding, starts ? "%-10s was alive, and began in %s" : "%-10s was in %s",
                who, text);
    say_wait(report->finding, evidence, tie);
    say_unload(report->finding, evidence, tie);
}

/* --- locks --------------------------------------------------------------------------------- */

static void judge_lock(const struct evidence *evidence, struct report *report,
                       const struct abi_tie *tie)
{
    struct evidence_frame frame;
    char who[EVIDENCE_NAME_BYTES];
    char object[EVIDENCE_TEXT_BYTES];
    char where[EVIDENCE_TEXT_BYTES];
    bool tell = begin(report);

    evidence_address(evidence, tie->address, &frame);
    blame(evidence, report, &frame);
    if (!tell)
        return;
    evidence_lane_text(evidence, tie->lane, who);
    evidence_object_text(evidence, tie->mode, tie->address, object);
    evidence_caller_text(evidence, tie->caller, where);
    if (tie->kind == TIE_LOCK_HELD)
        finding_say(report->finding, "%-10s had the %.60s, taken in %s", who, object, where);
    else
        finding_say(report->finding, "%-10s waited for the %.60s, in %s", who, object, where);
    say_unload(report->finding, evidence, tie);
}

/* --- both ---------------------------------------------------------------------------------- */

static void judge(const struct evidence *evidence, struct judgement *judgement)
{
    struct report threads = {.judgement = judgement, .code = STOP_MODULE_THREAD_ALIVE_AT_UNLOAD};
    struct report locks = {.judgement = judgement, .code = STOP_LOCK_IN_UNLOADED_MODULE};

    for (unsigned i = 0; i < ABI_TIES; i++) {
        const struct abi_tie *tie = evidence_tie(evidence, i);

        if (tie == NULL || !evidence_is_left(tie))
            continue;
        if (tie->kind == TIE_THREAD || tie->kind == TIE_INSIDE)
            judge_thread(evidence, &threads, tie);
        else if (tie->kind == TIE_LOCK_HELD || tie->kind == TIE_LOCK_AWAITED)
            judge_lock(evidence, &locks, tie);
    }
    finish(&threads);
    finish(&locks);
}

const struct detector detector_unload = {
    .name = "unload",
    .summary = "threads in a module, and locks of it in use, when it was unloaded",
    .codes = "module.thread-alive-at-unload lock.in-unloaded-module",
    .judge = judge,
};
