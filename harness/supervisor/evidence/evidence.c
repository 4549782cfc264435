/*
 * evidence: a guarded view of what is known about a cycle.
 *
 * Nothing here may trust the shared memory: no index without its bound, no text without its
 * length, no loop whose end is written there. Nothing here judges either.
 */
#include "evidence.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* --- lanes --------------------------------------------------------------------------------- */

const struct abi_control *evidence_control(const struct evidence *evidence)
{
    return evidence->memory != NULL ? &evidence->memory->control : NULL;
}

/* A count that can't be says nothing: then every lane is looked at. */
unsigned evidence_lanes(const struct evidence *evidence)
{
    uint32_t lanes = evidence->memory != NULL ? evidence->memory->control.lanes : 0;

    if (evidence->memory == NULL)
        return 0;
    return lanes >= 1 && lanes <= ABI_LANES ? lanes : ABI_LANES;
}

static bool is_word(const char *text, size_t bytes)
{
    size_t length = strnlen(text, bytes);

    if (length == 0 || length == bytes)
        return false;
    for (size_t i = 0; i < length; i++)
        if (text[i] <= ' ' || text[i] >= 0x7f)
            return false;
    return true;
}

static bool is_sane(const struct abi_lane *lane)
{
    return lane->state > LANE_FREE && lane->state <= LANE_ENDED && lane->end <= END_UNKNOWN &&
           lane->site < ABI_SITES_ALL && lane->wait_mode < ABI_MODES && lane->probe < ABI_PROBES &&
           is_word(lane->name, sizeof lane->name);
}

const struct abi_lane *evidence_lane(const struct evidence *evidence, unsigned index)
{
    const struct abi_lane *lane;

    if (index >= evidence_lanes(evidence))
        return NULL;
    lane = &evidence->memory->lane[index];
    return lane->epoch == evidence->memory->control.epoch && is_sane(lane) ? lane : NULL;
}

bool evidence_is_target(const struct evidence *evidence, const struct abi_lane *lane)
{
    return lane->pid == evidence->memory->control.pid;
}

/* A lane that was used again has another thread id than the thread that had it before. */
const struct evidence_thread *evidence_thread_of(const struct evidence *evidence, unsigned index)
{
    const struct abi_lane *lane = evidence_lane(evidence, index);

    for (unsigned i = 0; lane != NULL && evidence->thread != NULL && i < evidence->threads; i++) {
        const struct evidence_thread *thread = &evidence->thread[i];

        if (thread->lane == (int)index && (lane->tid == 0 || thread->tid == (int)lane->tid))
            return thread;
    }
    return NULL;
}

unsigned evidence_frames(const struct evidence_thread *thread)
{
    if (thread == NULL)
        return 0;
    return thread->frames < EVIDENCE_FRAMES ? thread->frames : EVIDENCE_FRAMES;
}

const struct abi_event *evidence_event(const struct abi_lane *lane, uint64_t back)
{
    if (back >= lane->seq || back >= ABI_RING_EVENTS)
        return NULL;
    return &lane->ring[(lane->seq - 1 - back) % ABI_RING_EVENTS];
}

bool evidence_complete(const struct abi_lane *lane)
{
    return lane->seq <= ABI_RING_EVENTS;
}

/* A lane that held too many at once has holes in its list, where those are that it let go. */
const struct abi_held *evidence_held(const struct abi_lane *lane, unsigned index)
{
    unsigned at = 0;

    for (; at < lane->held_count && at < ABI_HELD && lane->held[at].mode < ABI_MODES; at++)
        if (lane->held[at].object != 0 && index-- == 0)
            return &lane->held[at];
    return NULL;
}

/* --- deaths and modules ---------------------------------------------------------------------- */

const struct abi_death *evidence_death(const struct evidence *evidence, unsigned index)
{
    const struct abi_death *death;

    if (evidence->memory == NULL || index >= ABI_DEATHS)
        return NULL;
    death = &evidence->memory->death[index];
    if (death->epoch != evidence->memory->control.epoch ||
        evidence_lane(evidence, death->lane) == NULL || death->site >= ABI_SITES_ALL ||
        death->inner >= ABI_SITES_ALL)
        return NULL;
    return death;
}

const struct abi_death *evidence_death_of(const struct evidence *evidence, unsigned index)
{
    for (unsigned i = ABI_DEATHS; i-- > 0;) {
        const struct abi_death *death = evidence_death(evidence, i);

        if (death != NULL && death->lane == index)
            return death;
    }
    return NULL;
}

bool evidence_own_point(const struct evidence *evidence, const struct abi_death *death)
{
    const struct plan *plan = &evidence->memory->control.plan;
    const char *name = evidence->memory->lane[death->lane].name;

    return death->strike < PLAN_STRIKES && death->strike < plan->count &&
           strncmp(plan->strike[death->strike].thread, name, PLAN_THREAD_BYTES) == 0;
}

bool evidence_struck(const struct evidence *evidence, unsigned index)
{
    const struct abi_lane *lane = evidence_lane(evidence, index);

    return lane != NULL && (lane->state == LANE_KILLED || lane->state == LANE_PARKED);
}

const struct abi_module *evidence_module(const struct evidence *evidence, unsigned index)
{
    const struct abi_module *module;

    if (evidence->memory == NULL || index >= ABI_MODULES)
        return NULL;
    module = &evidence->memory->module[index];
    if (module->epoch != evidence->memory->control.epoch || module->base >= module->end ||
        (module->state != MODULE_LOADED && module->state != MODULE_UNLOADED))
        return NULL;
    return module;
}

static enum abi_tie_state tie_state(const struct abi_tie *tie)
{
    return (enum abi_tie_state)(tie->word & 0xff);
}

const struct abi_tie *evidence_tie(const struct evidence *evidence, unsigned index)
{
    const struct abi_tie *tie;

    if (evidence->memory == NULL || index >= ABI_TIES)
        return NULL;
    tie = &evidence->memory->tie[index];
    if (tie->word >> 8 != (evidence->memory->control.epoch & UINT64_MAX >> 8) ||
        (tie_state(tie) != TIE_LIVE && tie_state(tie) != TIE_LEFT) || tie->kind <= TIE_NONE ||
        tie->kind >= ABI_TIE_KINDS)
        return NULL;
    return tie;
}

bool evidence_is_left(const struct abi_tie *tie)
{
    return tie_state(tie) == TIE_LEFT;
}

const struct abi_module *evidence_module_at(const struct evidence *evidence, uint64_t address)
{
    const struct abi_module *found = NULL;

    for (unsigned i = 0; i < ABI_MODULES; i++) {
        const struct abi_module *module = evidence_module(evidence, i);

        if (module != NULL && address >= module->base && address < module->end &&
            (found == NULL || module->loaded_at > found->loaded_at))
            found = module;
    }
    return found;
}

double evidence_ms(const struct evidence *evidence, uint64_t from, uint64_t to)
{
    const struct abi_control *control = evidence_control(evidence);

    if (control == NULL || control->tick_hz == 0 || from == 0 || to < from)
        return -1;
    return (double)(to - from) * 1e3 / (double)control->tick_hz;
}

/* --- names of addresses ------------------------------------------------------------------------
 */

bool evidence_address(const struct evidence *evidence, uint64_t address,
                      struct evidence_frame *frame)
{
    memset(frame, 0, sizeof *frame);
    frame->pc = address;
    if (address == 0 || evidence->name == NULL)
        return false;
    evidence->name(evidence->name_context, address, frame);
    return frame->module[0] != 0 || frame->function[0] != 0;
}

/* The call may be the last instruction of its function: the byte before is surely in it. */
bool evidence_caller(const struct evidence *evidence, uint64_t address,
                     struct evidence_frame *frame)
{
    bool known = evidence_address(evidence, address != 0 ? address - 1 : 0, frame);

    frame->pc = address;
    if (known && address != 0)
        frame->offset++;
    return known;
}

void evidence_caller_culprit(const struct evidence *evidence, uint64_t caller,
                             char out[EVIDENCE_CULPRIT_BYTES])
{
    struct evidence_frame frame;

    *out = 0;
    if (evidence_caller(evidence, caller, &frame))
        evidence_culprit(&frame, 1, out);
}

bool evidence_lower(char lowest[EVIDENCE_CULPRIT_BYTES], const char *culprit)
{
    if (culprit[0] == 0 || (lowest[0] != 0 && strcmp(lowest, culprit) <= 0))
        return false;
    strcpy(lowest, culprit);
    return true;
}

static bool begins(const char *text, const char *beginning)
{
    return strncmp(text, beginning, strlen(beginning)) == 0;
}

bool evidence_is_libc(const char *module)
{
    return begins(module, "libc.so") || begins(module, "libc-2.") ||
           begins(module, "libpthread.so") || begins(module, "libpthread-2.");
}

bool evidence_is_system(const char *module)
{
    static const char *const names[] = {"ld-linux",    "ld-2.",      "ld.so",     "libdl.so",
                                        "librt.so",    "librundown", "liblttng-", "libstdc++.so",
                                        "libgcc_s.so", "linux-vdso", "[vdso]",    NULL};

    for (unsigned i = 0; names[i] != NULL; i++)
        if (begins(module, names[i]))
            return true;
    return evidence_is_libc(module);
}

/* Frames without a module are no culprits either: nobody could look for them. */
unsigned evidence_own_frame(const struct evidence_frame *frame, unsigned frames)
{
    unsigned i = 0;

    while (i < frames && (frame[i].module[0] == 0 || evidence_is_system(frame[i].module)))
        i++;
    return i;
}

/*
 * What a compiler adds to the name of a part or a copy of a function differs from build to build:
 * "work.constprop.0", "work.part.1", "work.cold" and "work" are one place to look at.
 */
static int function_length(const char *function, size_t bytes)
{
    static const char *const endings[] = {".constprop.", ".isra.", ".part.",      ".cold",
                                          ".lto_priv.",  ".llvm.", ".localalias", NULL};
    size_t length = strnlen(function, bytes);

    for (unsigned i = 0; endings[i] != NULL; i++) {
        const char *at = memmem(function, length, endings[i], strlen(endings[i]));

        if (at != NULL && at > function)
            length = (size_t)(at - function);
    }
    return (int)length;
}

/* "libfoo.so.1.2.3" is libfoo.so.1 on another machine: what stays alike is its interface. */
static int module_length(const char *module, size_t bytes)
{
    size_t length = strnlen(module, bytes);
    const char *at = memmem(module, length, ".so.", 4);

    if (at == NULL)
        return (int)length;
    at += 4;
    while (at < module + length && *at >= '0' && *at <= '9')
        at++;
    return at < module + length && *at == '.' ? (int)(at - module) : (int)length;
}

void evidence_culprit(const struct evidence_frame *frame, unsigned frames, char *out)
{
    unsigned own = evidence_own_frame(frame, frames);

    *out = 0;
    if (frames == 0)
        return;
    frame = &frame[own < frames ? own : 0];
    if (frame->module[0] == 0 && frame->function[0] == 0)
        return;
    snprintf(out, EVIDENCE_CULPRIT_BYTES, "%.*s:%.*s",
             frame->module[0] != 0 ? module_length(frame->module, sizeof frame->module) : 1,
             frame->module[0] != 0 ? frame->module : "?",
             frame->function[0] != 0 ? function_length(frame->function, sizeof frame->function) : 1,
             frame->function[0] != 0 ? frame->function : "?");
}

/* --- words --------------------------------------------------------------------------------------
 */

static void place_text(const struct evidence_frame *frame, char *out, size_t bytes)
{
    if (frame->file[0] != 0 && frame->line > 0)
        snprintf(out, bytes, "%.*s  %.*s:%d", (int)sizeof frame->module, frame->module,
                 (int)sizeof frame->file, frame->file, frame->line);
    else if (frame->module[0] != 0)
        snprintf(out, bytes, "%.*s+0x%" PRIx64, (int)sizeof frame->module, frame->module,
                 frame->offset);
    else if (frame->pc != 0)
        snprintf(out, bytes, "0x%" PRIx64, frame->pc);
    else
        snprintf(out, bytes, "?");
}

void evidence_frame_text(const struct evidence_frame *frame, char *out)
{
    char place[160];

    place_text(frame, place, sizeof place);
    if (frame->function[0] == 0)
        snprintf(out, EVIDENCE_TEXT_BYTES, "%s", place);
    else
        snprintf(out, EVIDENCE_TEXT_BYTES, "%.*s  %.100s", (int)sizeof frame->function,
                 frame->function, place);
}

void evidence_address_text(const struct evidence *evidence, uint64_t address, char *out)
{
    struct evidence_frame frame;

    evidence_address(evidence, address, &frame);
    evidence_frame_text(&frame, out);
}

void evidence_caller_text(const struct evidence *evidence, uint64_t address,
                          char out[EVIDENCE_TEXT_BYTES])
{
    struct evidence_frame frame;

    evidence_caller(evidence, address, &frame);
    evidence_frame_text(&frame, out);
}

void evidence_instruction_text(const struct evidence_frame *frame, char out[EVIDENCE_TEXT_BYTES])
{
    if (frame->module[0] == 0)
        snprintf(out, EVIDENCE_TEXT_BYTES, "0x%" PRIx64, frame->pc);
    else
        snprintf(out, EVIDENCE_TEXT_BYTES, "%.*s+0x%" PRIx64 "%s%.*s", (int)sizeof frame->module,
                 frame->module, frame->offset, frame->function[0] != 0 ? "  " : "",
                 (int)sizeof frame->function, frame->function);
}

void evidence_lane_text(const struct evidence *evidence, unsigned index,
                        char out[EVIDENCE_NAME_BYTES])
{
    const struct abi_lane *lane = evidence_lane(evidence, index);
    const char *name = lane != NULL ? lane->name : "T?";

    snprintf(out, EVIDENCE_NAME_BYTES, "%.*s%s", PLAN_THREAD_BYTES, name,
             strcmp(name, "T1") == 0 ? " (main)" : "");
}

void evidence_point_text(const struct evidence *evidence, const struct abi_death *death,
                         char out[PLAN_POINT_BYTES])
{
    struct plan_point point = {
        .site = (uint16_t)death->site,
        .hit = (uint32_t)death->hit,
        .insn = (uint32_t)death->insn,
    };
    char site[64];

    memcpy(point.thread, evidence->memory->lane[death->lane].name, sizeof point.thread);
    point.thread[sizeof point.thread - 1] = 0;
    plan_point_format(&point, abi_site_name(evidence_control(evidence), death->site, site), out);
}

/* Locks in an array have one name; where in it tells them apart. */
void evidence_object_text(const struct evidence *evidence, uint32_t mode, uint64_t object,
                          char out[EVIDENCE_TEXT_BYTES])
{
    const char *kind = mode != MODE_NONE && mode < ABI_MODES ? abi_mode_name(mode) : "lock";
    struct evidence_frame frame;
    char offset[32] = "";

    if (!evidence_address(evidence, object, &frame) || frame.function[0] == 0) {
        snprintf(out, EVIDENCE_TEXT_BYTES, "%s 0x%" PRIx64, kind, object);
        return;
    }
    if (frame.function_offset != 0)
        snprintf(offset, sizeof offset, "+0x%" PRIx64, frame.function_offset);
    snprintf(out, EVIDENCE_TEXT_BYTES, "%s %.*s%s", kind, (int)sizeof frame.function,
             frame.function, offset);
}

void evidence_path_base(const char path[ABI_PATH_BYTES], char out[64])
{
    size_t length = strnlen(path, ABI_PATH_BYTES);
    size_t from = length;

    while (from > 0 && path[from - 1] != '/')
        from--;
    snprintf(out, 64, "%.*s", (int)(length - from), path + from);
    if (out[0] == 0)
        snprintf(out, 64, "a module");
}

static bool begins_with_one(const char *line, const char *const *beginnings)
{
    for (; *beginnings != NULL; beginnings++)
        if (begins(line, *beginnings))
            return true;
    return false;
}

void evidence_said(const struct evidence *evidence, const char *const *beginnings, char *out)
{
    const char *line = evidence->output;

    *out = 0;
    while (line != NULL && *line != 0) {
        if (begins_with_one(line, beginnings))
            snprintf(out, EVIDENCE_TEXT_BYTES, "%.*s", (int)strcspn(line, "\n"), line);
        line = strchr(line, '\n');
        line = line != NULL ? line + 1 : NULL;
    }
}
