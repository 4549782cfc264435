/*
 * inits: what constructors and destructors of modules do that they should leave: load or unload
 * other modules, and call into one that is not set up yet or is torn down already.
 *
 * The agent has seen each as it happened. A call is seen only where the called code itself calls
 * something that the agent stands in front of, and only by the thread that loads, unloads or
 * exits. Row C6, rules 1 and 3.
 */
#include <harness/detector.h>

#include <harness/supervisor/evidence/evidence.h>

#include <string.h>

enum { SHOWN = 6, DEEP = 16 };

/** struct report - one code's occurrences. @culprit: the lowest, for the signature. */
struct report {
    struct judgement *judgement;
    enum stop_code code;
    struct finding *finding;
    unsigned count;
    char culprit[EVIDENCE_CULPRIT_BYTES];
};

/* --- words --------------------------------------------------------------------------------- */

static void blame(const struct evidence *evidence, struct report *report, uint64_t caller)
{
    char text[EVIDENCE_CULPRIT_BYTES];

    evidence_caller_culprit(evidence, caller, text);
    if (evidence_lower(report->culprit, text))
        finding_sign(report->finding, text, "");
}

/* True if this one is still to be told. */
static bool begin(const struct evidence *evidence, struct report *report, const struct abi_tie *tie)
{
    if (report->count++ == 0)
        report->finding = judgement_add(report->judgement, report->code);
    blame(evidence, report, tie->address);
    return report->count <= SHOWN;
}

static void finish(struct report *report)
{
    if (report->count > SHOWN)
        finding_say(report->finding, "and %u more", report->count - SHOWN);
}

static bool is_begin(const struct abi_event *event)
{
    return event->kind == EVENT_LOAD_BEGIN || event->kind == EVENT_UNLOAD_BEGIN;
}

static bool is_end(const struct abi_event *event)
{
    return event->kind == EVENT_LOAD_END || event->kind == EVENT_UNLOAD_END;
}

/* The call of dlopen or dlclose that this was inside of; NULL where the ring has forgotten it. */
static const struct abi_event *around(const struct evidence *evidence, const struct abi_tie *tie,
                                      bool is_call)
{
    const struct abi_lane *lane = evidence_lane(evidence, tie->lane);
    const struct abi_event *event;
    unsigned depth = is_call;

    for (uint64_t back = 0; lane != NULL && (event = evidence_event(lane, back)) != NULL; back++) {
        if (event->time == 0 || event->time > tie->time)
            continue;
        if (is_end(event) && depth++ == DEEP)
            return NULL;
        if (is_begin(event) && depth-- == 0)
            return event;
    }
    return NULL;
}

static void say_around(struct finding *finding, const struct evidence *evidence,
                       const struct abi_tie *tie, bool is_call)
{
    const struct abi_event *event = around(evidence, tie, is_call);
    char where[EVIDENCE_TEXT_BYTES];

    if (event == NULL)
        return;
    evidence_caller_text(evidence, event->caller, where);
    finding_say(finding, "           inside the %s that was called in %s",
                event->kind == EVENT_LOAD_BEGIN ? "dlopen" : "dlclose", where);
}

/* --- loads --------------------------------------------------------------------------------- */

static void name_of(const struct evidence *evidence, uint64_t handle, char out[64])
{
    strcpy(out, "a module");
    for (unsigned i = 0; i < ABI_MODULES; i++) {
        const struct abi_module *module = evidence_module(evidence, i);

        if (module != NULL && handle != 0 && module->handle == handle)
            evidence_path_base(module->path, out);
    }
}

static void judge_load(const struct evidence *evidence, struct report *report,
                       const struct abi_tie *tie)
{
    char who[EVIDENCE_NAME_BYTES];
    char name[64];
    char where[EVIDENCE_TEXT_BYTES];

    if (!begin(evidence, report, tie))
        return;
    evidence_lane_text(evidence, tie->lane, who);
    name_of(evidence, tie->object, name);
    evidence_caller_text(evidence, tie->address, where);
    finding_say(report->finding, "%-10s %s %s, in %s", who,
                tie->kind == TIE_LOAD_INSIDE ? "loaded" : "closed", name, where);
    say_around(report->finding, evidence, tie, true);
}

/* --- calls --------------------------------------------------------------------------------- */

static void judge_call(const struct evidence *evidence, struct report *report,
                       const struct abi_tie *tie)
{
    const struct abi_control *control = evidence_control(evidence);
    char who[EVIDENCE_NAME_BYTES];
    char where[EVIDENCE_TEXT_BYTES];
    char site[64];

    if (!begin(evidence, report, tie))
        return;
    evidence_lane_text(evidence, tie->lane, who);
    evidence_caller_text(evidence, tie->address, where);
    finding_say(report->finding, "%-10s ran %s %s", who, where,
                report->code == STOP_MODULE_CALL_BEFORE_INIT ? "before its module's constructors"
                                                             : "after its module's destructors");
    if (tie->mode < ABI_SITES_ALL)
        finding_say(report->finding, "           seen where it called %s",
                    abi_site_name(control, tie->mode, site));
    say_around(report->finding, evidence, tie, false);
}

static void judge_tie(const struct evidence *evidence, const struct abi_tie *tie,
                      struct report *loads, struct report *early, struct report *late)
{
    switch (tie->kind) {
    case TIE_LOAD_INSIDE:
    case TIE_UNLOAD_INSIDE:
        judge_load(evidence, loads, tie);
        break;
    case TIE_BEFORE_INIT:
        judge_call(evidence, early, tie);
        break;
    case TIE_AFTER_FINI:
        judge_call(evidence, late, tie);
        break;
    default:
        break;
    }
}

static void judge(const struct evidence *evidence, struct judgement *judgement)
{
    struct report loads = {.judgement = judgement, .code = STOP_LOADER_LOAD_INSIDE};
    struct report early = {.judgement = judgement, .code = STOP_MODULE_CALL_BEFORE_INIT};
    struct report late = {.judgement = judgement, .code = STOP_MODULE_CALL_AFTER_FINI};

    for (unsigned i = 0; i < ABI_TIES; i++) {
        const struct abi_tie *tie = evidence_tie(evidence, i);

        if (tie != NULL)
            judge_tie(evidence, tie, &loads, &early, &late);
    }
    finish(&loads);
    finish(&early);
    finish(&late);
}

const struct detector detector_inits = {
    .name = "inits",
    .summary = "constructors and destructors that load, or call a module too early or too late",
    .codes = "loader.load-inside module.call-before-init module.call-after-fini",
    .judge = judge,
};
