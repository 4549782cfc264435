/*
 * module: dlclose was called as often as dlopen, or at least once, and the module is still
 * there.
 *
 * Calls are matched by the handle, in the rings, from the module's first load on. Rings forget:
 * where the first load is lost, only a table entry with its handle can be judged. A note, since
 * many modules are meant to stay; a finding where the user asked for them to be gone. Row C5.
 */
#include <harness/detector.h>

#include <harness/supervisor/evidence.h>

struct calls {
    unsigned opened;
    unsigned closed;
    const struct abi_event *last_close;
    unsigned closer;
};

/* --- calls ------------------------------------------------------------------------------------ */

/* The load that brought the module in ended right after its table entry was made. */
static uint64_t handle_of(const struct evidence *evidence, const struct abi_module *module)
{
    const struct abi_lane *lane = evidence_lane(evidence, module->loader_lane);
    const struct abi_event *event;
    uint64_t handle = 0;

    if (module->handle != 0)
        return module->handle;
    for (uint64_t back = 0; lane != NULL && (event = evidence_event(lane, back)) != NULL; back++) {
        if (event->time != 0 && event->time < module->loaded_at)
            break;
        if (event->kind == EVENT_LOAD_END && event->time != 0)
            handle = event->object;
    }
    return handle;
}

static void count_call(struct calls *calls, const struct abi_event *event, unsigned lane)
{
    if (event->kind == EVENT_LOAD_END) {
        calls->opened++;
    } else if (event->kind == EVENT_UNLOAD_END && event->other == 0) {
        calls->closed++;
        if (calls->last_close == NULL || event->time > calls->last_close->time) {
            calls->last_close = event;
            calls->closer = lane;
        }
    }
}

static void count_calls(const struct evidence *evidence, const struct abi_module *module,
                        uint64_t handle, struct calls *calls)
{
    unsigned lanes = evidence_lanes(evidence);

    for (unsigned i = 0; i < lanes; i++) {
        const struct abi_lane *lane = evidence_lane(evidence, i);
        const struct abi_event *event;

        for (uint64_t back = 0; lane != NULL && (event = evidence_event(lane, back)) != NULL;
             back++)
            if (event->object == handle && event->time >= module->loaded_at)
                count_call(calls, event, i);
    }
}

/* A module that came along with another has that one's handle: it is judged with it. */
static bool came_along(const struct evidence *evidence, unsigned index)
{
    const struct abi_module *module = evidence_module(evidence, index);

    for (unsigned i = 0; i < index; i++) {
        const struct abi_module *other = evidence_module(evidence, i);

        if (other != NULL && other->loaded_at == module->loaded_at &&
            other->loader_lane == module->loader_lane)
            return true;
    }
    return false;
}

/* --- words --------------------------------------------------------------------------------------
 */

static void say_reason(struct finding *finding, const struct evidence *evidence, unsigned index,
                       const struct calls *calls)
{
    const char *reason =
        evidence->stays != NULL ? evidence->stays(evidence->name_context, index) : NULL;

    if (calls->opened > calls->closed)
        finding_say(finding, "           opened %u times, closed %u times: a reference is left",
                    calls->opened, calls->closed);
    else if (reason != NULL)
        finding_say(finding, "           %s", reason);
    else
        finding_say(finding, "           the reason is not known");
}

static void say_module(struct finding *finding, const struct evidence *evidence, unsigned index,
                       const struct calls *calls)
{
    const struct abi_module *module = evidence_module(evidence, index);
    struct evidence_frame frame;
    char path[64];
    char who[EVIDENCE_NAME_BYTES];
    char text[EVIDENCE_TEXT_BYTES];
    char culprit[EVIDENCE_CULPRIT_BYTES] = "";

    evidence_path_base(module->path, path);
    evidence_lane_text(evidence, calls->closer, who);
    evidence_caller_text(evidence, calls->last_close->caller, text);
    finding_say(finding, "%s is still mapped after a dlclose by %s, in %s", path, who, text);
    say_reason(finding, evidence, index, calls);
    evidence_path_base(module->path, frame.module);
    frame.function[0] = 0;
    evidence_culprit(&frame, 1, culprit);
    finding_sign(finding, culprit, "");
}

static void judge_module(const struct evidence *evidence, unsigned index,
                         struct judgement *judgement)
{
    const struct abi_module *module = evidence_module(evidence, index);
    struct calls calls = {0};
    struct finding *finding;
    uint64_t handle;

    if (module == NULL || module->state != MODULE_LOADED || came_along(evidence, index) ||
        (handle = handle_of(evidence, module)) == 0)
        return;
    count_calls(evidence, module, handle, &calls);
    if (calls.last_close == NULL)
        return;
    finding = judgement_add(judgement, STOP_MODULE_NOT_UNLOADED);
    if (finding != NULL && evidence->must_unload)
        finding->severity = STOP_SEVERITY_FINDING;
    say_module(finding, evidence, index, &calls);
}

static void judge(const struct evidence *evidence, struct judgement *judgement)
{
    for (unsigned i = 0; i < ABI_MODULES; i++)
        judge_module(evidence, i, judgement);
}

const struct detector detector_module = {
    .name = "module",
    .summary = "a module is still mapped after its dlclose",
    .codes = "module.not-unloaded",
    .judge = judge,
};
