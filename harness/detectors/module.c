/*
 * module: a module was closed as often as it was opened, and is still there.
 *
 * Calls are matched by the handle, in the rings, from the module's first load on. Rings forget:
 * where loads or unloads are lost, only a table entry with its handle can be judged. A reference
 * that was not dropped counts only once the process has ended, or where the user asked for
 * modules to be gone, which also makes a finding of the note. Row C5.
 */
#include <harness/detector.h>

#include <harness/supervisor/evidence/evidence.h>

#include <string.h>

struct calls {
    unsigned opened;
    unsigned closed;
    uint64_t last_open;
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
            return handle;
        if (event->kind == EVENT_LOAD_END && event->time != 0)
            handle = event->object;
    }
    return lane != NULL && evidence_complete(lane) ? handle : 0;
}

static void count_call(struct calls *calls, const struct abi_event *event, unsigned lane)
{
    if (event->kind == EVENT_LOAD_END) {
        calls->opened++;
        if (event->time > calls->last_open)
            calls->last_open = event->time;
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

/*
 * A module that came along with another is judged with that one. What was opened has its handle
 * in the table; in tables without any it comes first.
 */
static bool came_along(const struct evidence *evidence, unsigned index)
{
    const struct abi_module *module = evidence_module(evidence, index);

    for (unsigned i = 0; module->handle == 0 && i < ABI_MODULES; i++) {
        const struct abi_module *other = evidence_module(evidence, i);

        if (other != NULL && (other->handle != 0 || i < index) &&
            other->loaded_at == module->loaded_at && other->loader_lane == module->loader_lane)
            return true;
    }
    return false;
}

/* It came along with a module that has been unloaded since. */
static bool was_left(const struct abi_module *module)
{
    return module->handle == 0 && module->unloaded_at != 0;
}

/*
 * A module that is open again, and in use, has stayed if all earlier loads were closed. After a
 * strike a missing dlclose is the dead thread's, or that of a process which ended in the middle.
 */
static bool stays(const struct evidence *evidence, const struct abi_module *module,
                  struct calls *calls)
{
    if (calls->last_close == NULL)
        return false;
    if (calls->last_open > calls->last_close->time && calls->opened > 0)
        calls->opened--;
    if (evidence->struck && (calls->opened > calls->closed || module->loads > 0))
        return false;
    return calls->opened <= calls->closed || evidence->must_unload || evidence->ended;
}

/*
 * No ring knows of a dlclose any more (a library that cleans up at exit frees more than a ring
 * is long), but the table does: what was opened was closed as often, and is there.
 */
static bool table_knows(const struct abi_module *module, const struct calls *calls)
{
    return calls->last_close == NULL && module->handle != 0 && module->loads == 0 &&
           module->unload_caller != 0;
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
    char path[64];
    char who[EVIDENCE_NAME_BYTES];
    char text[EVIDENCE_TEXT_BYTES];

    evidence_path_base(module->path, path);
    if (calls->last_close != NULL) {
        evidence_lane_text(evidence, calls->closer, who);
        evidence_caller_text(evidence, calls->last_close->caller, text);
        finding_say(finding, "%s is still mapped after a dlclose by %s, in %s", path, who, text);
    } else {
        evidence_caller_text(evidence, module->unload_caller, text);
        finding_say(finding, "%s is still mapped after its last dlclose, in %s", path, text);
    }
    say_reason(finding, evidence, index, calls);
}

static void say_left(struct finding *finding, const struct evidence *evidence, unsigned index)
{
    const struct abi_module *module = evidence_module(evidence, index);
    const struct calls none = {0};
    char path[64];
    char who[EVIDENCE_NAME_BYTES];
    char text[EVIDENCE_TEXT_BYTES];

    evidence_path_base(module->path, path);
    evidence_lane_text(evidence, module->unloader_lane, who);
    evidence_caller_text(evidence, module->unload_caller, text);
    finding_say(finding, "%s is still mapped after what it was loaded for was closed by %s, in %s",
                path, who, text);
    say_reason(finding, evidence, index, &none);
}

/* --- judging
 * -------------------------------------------------------------------------------------- */

/* All that stay are one finding, signed by the lowest name. */
struct verdict {
    struct judgement *judgement;
    struct finding *finding;
    char lowest[64];
};

static struct finding *finding_for(struct verdict *verdict)
{
    if (verdict->finding == NULL)
        verdict->finding = judgement_add(verdict->judgement, STOP_MODULE_NOT_UNLOADED);
    return verdict->finding;
}

/* Of what came along nobody could ask that it goes: a language's runtime stays for good. */
static void raise_it(const struct evidence *evidence, struct verdict *verdict)
{
    if (verdict->finding != NULL && evidence->must_unload)
        verdict->finding->severity = STOP_SEVERITY_FINDING;
}

static void sign(struct verdict *verdict, const struct abi_module *module)
{
    struct evidence_frame frame = {0};
    char culprit[EVIDENCE_CULPRIT_BYTES];

    evidence_path_base(module->path, frame.module);
    if (verdict->lowest[0] != 0 && strcmp(verdict->lowest, frame.module) <= 0)
        return;
    memcpy(verdict->lowest, frame.module, sizeof verdict->lowest);
    evidence_culprit(&frame, 1, culprit);
    finding_sign(verdict->finding, culprit, "");
}

static void judge_module(const struct evidence *evidence, unsigned index, struct verdict *verdict)
{
    const struct abi_module *module = evidence_module(evidence, index);
    struct calls calls = {0};
    uint64_t handle;

    if (module == NULL || module->state != MODULE_LOADED)
        return;
    if (was_left(module)) {
        say_left(finding_for(verdict), evidence, index);
        sign(verdict, module);
        return;
    }
    if (came_along(evidence, index) || (handle = handle_of(evidence, module)) == 0)
        return;
    count_calls(evidence, module, handle, &calls);
    if (!stays(evidence, module, &calls) && !table_knows(module, &calls))
        return;
    say_module(finding_for(verdict), evidence, index, &calls);
    raise_it(evidence, verdict);
    sign(verdict, module);
}

static void judge(const struct evidence *evidence, struct judgement *judgement)
{
    struct verdict verdict = {.judgement = judgement};

    for (unsigned i = 0; i < ABI_MODULES; i++)
        judge_module(evidence, i, &verdict);
}

const struct detector detector_module = {
    .name = "module",
    .summary = "a module is still mapped after its dlclose",
    .codes = "module.not-unloaded",
    .judge = judge,
};
