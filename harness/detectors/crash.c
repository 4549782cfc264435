/*
 * crash: the process died of a fatal signal that the plan had not ordered.
 *
 * One death is one finding, by the most telling code: a callback into a module that had been
 * unloaded, code or data of one, the allocator's own abort, or just the signal. What the agent
 * caught tells most; a signal that nobody caught (SIGKILL, a handler of the program's own that
 * gave up) is known from the wait status alone. Rows B6, C2, C7 and C9.
 */
#include <harness/detector.h>

#include <harness/supervisor/evidence/callback.h>
#include <harness/supervisor/evidence/evidence.h>
#include <harness/supervisor/evidence/evidence_blocks.h>
#include <harness/supervisor/evidence/stack_kind.h>

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

enum { FRAMES_SHOWN = 16, RIP = 16 };

/* What glibc writes before it aborts, each at the start of a line. */
static const char *const allocator_words[] = {
    "malloc(): ",
    "free(): ",
    "realloc(): ",
    "munmap_chunk(): ",
    "mremap_chunk(): ",
    "malloc_consolidate(): ",
    "malloc: top chunk is corrupt",
    "double free or corruption",
    "corrupted size vs. prev_size",
    "corrupted double-linked list",
    "tcache_thread_shutdown(): ",
    "break adjusted to free malloc space",
    NULL,
};

/** @crash: NULL where only the wait status is known. */
struct end {
    int signal;
    const struct abi_crash *crash;
};

/* After a hang it is we who end the process, so its status says nothing then. */
static struct end end_of(const struct evidence *evidence)
{
    const struct abi_control *control = evidence_control(evidence);
    struct end end = {0};

    if (control != NULL && control->epoch != 0 && control->crash.epoch == control->epoch &&
        control->crash.signal > 0 && control->crash.signal < NSIG) {
        end.signal = (int)control->crash.signal;
        end.crash = &control->crash;
    } else if (evidence->ended && evidence->hang == HANG_NONE && WIFSIGNALED(evidence->status)) {
        end.signal = WTERMSIG(evidence->status);
    }
    return end;
}

/* --- unloaded modules ------------------------------------------------------------------------- */

static bool is_in(const struct abi_module *module, uint64_t address)
{
    return address >= module->base && address < module->end;
}

/* The module that was there last, unless another one has taken its place. */
static const struct abi_module *unloaded_at(const struct evidence *evidence, uint64_t address)
{
    const struct abi_module *found = NULL;

    for (unsigned i = 0; i < ABI_MODULES; i++) {
        const struct abi_module *module = evidence_module(evidence, i);

        if (module == NULL || !is_in(module, address))
            continue;
        if (module->state == MODULE_LOADED)
            return NULL;
        if (found == NULL || module->unloaded_at > found->unloaded_at)
            found = module;
    }
    return found;
}

/* The supervisor has looked at the maps, the agent's table has not: so its word comes first. */
static const struct abi_module *unloaded(const struct evidence *evidence, const struct end *end,
                                         uint64_t *address)
{
    const uint64_t places[2] = {end->crash->regs[RIP], end->crash->address};

    if (end->signal != SIGSEGV && end->signal != SIGBUS && end->signal != SIGILL)
        return NULL;
    for (unsigned i = 0; i < 2; i++) {
        const struct abi_module *module = &evidence->unloaded;

        *address = places[i];
        if (module->epoch != 0 && is_in(module, places[i]))
            return module;
        if ((module = unloaded_at(evidence, places[i])) != NULL)
            return module;
    }
    return NULL;
}

/* --- words --------------------------------------------------------------------------------------
 */

static void who_text(const struct evidence *evidence, const struct end *end, char *out,
                     size_t bytes)
{
    if (end->crash == NULL)
        snprintf(out, bytes, "%s", "the process");
    else if (evidence_lane(evidence, end->crash->lane) == NULL)
        snprintf(out, bytes, "thread %" PRIu32, end->crash->tid);
    else
        evidence_lane_text(evidence, end->crash->lane, out);
}

static const char *reason(const struct end *end)
{
    if (end->crash == NULL)
        return "";
    if (end->crash->code <= 0)
        return end->signal == SIGABRT ? "" : ", sent by a call";
    if (end->signal == SIGSEGV && end->crash->code == SEGV_MAPERR)
        return ", nothing is mapped there";
    if (end->signal == SIGSEGV && end->crash->code == SEGV_ACCERR)
        return ", not allowed there";
    return "";
}

static void say_signal(struct finding *finding, const struct evidence *evidence,
                       const struct end *end)
{
    const char *name = sigabbrev_np(end->signal);
    char number[16];
    char who[EVIDENCE_NAME_BYTES];
    char address[32] = "";

    snprintf(number, sizeof number, "%d", end->signal);
    who_text(evidence, end, who, sizeof who);
    if (end->crash != NULL && end->crash->code > 0)
        snprintf(address, sizeof address, " at 0x%" PRIx64, end->crash->address);
    finding_say(finding, "%-10s died of %s%s%s%s", who, name != NULL ? "SIG" : "signal ",
                name != NULL ? name : number, address, reason(end));
}

static unsigned crash_frames(const struct evidence *evidence)
{
    return evidence->crash_frames < EVIDENCE_FRAMES ? evidence->crash_frames : EVIDENCE_FRAMES;
}

/* What comes below main and below a thread's routine is the same in every stack. */
static bool is_bottom(const struct evidence_frame *frame)
{
    return evidence_is_system(frame->module) &&
           (strcmp(frame->function, "wrapped_main") == 0 ||
            strcmp(frame->function, "thread_main") == 0 ||
            strcmp(frame->function, "c11_main") == 0 ||
            strcmp(frame->function, "start_thread") == 0 ||
            strcmp(frame->function, "__libc_start_call_main") == 0);
}

/* Without a stack, the instruction by itself is better than nothing. */
static void say_stack(struct finding *finding, const struct evidence *evidence,
                      const struct end *end)
{
    unsigned frames = crash_frames(evidence);
    char text[EVIDENCE_TEXT_BYTES];

    for (unsigned i = 0; i < frames && !(i > 0 && is_bottom(&evidence->crash_frame[i])); i++) {
        if (i == FRAMES_SHOWN) {
            finding_say(finding, "           and %u more", frames - i);
            break;
        }
        evidence_frame_text(&evidence->crash_frame[i], text);
        finding_say(finding, "           %s %s", i == 0 ? "at" : "in", text);
    }
    if (frames == 0 && end->crash != NULL) {
        evidence_address_text(evidence, end->crash->regs[RIP], text);
        finding_say(finding, "           at %s", text);
    }
}

static void culprit_of(const struct evidence *evidence, const struct end *end, char *out)
{
    struct evidence_frame frame;

    evidence_culprit(evidence->crash_frame, crash_frames(evidence), out);
    if (out[0] == 0 && end->crash != NULL &&
        evidence_address(evidence, end->crash->regs[RIP], &frame))
        evidence_culprit(&frame, 1, out);
}

/* --- one finding each
 * ------------------------------------------------------------------------------ */

static void ago_text(const struct evidence *evidence, const struct end *end,
                     const struct abi_module *module, char out[48])
{
    double ms = evidence_ms(evidence, module->unloaded_at, end->crash->time);

    if (ms < 0)
        snprintf(out, 48, "before");
    else if (ms == 0) /* the dlclose has not returned yet */
        snprintf(out, 48, "in that moment");
    else if (ms < 1)
        snprintf(out, 48, "%.3g us ago", ms * 1e3);
    else if (ms < 1000)
        snprintf(out, 48, "%.3g ms ago", ms);
    else
        snprintf(out, 48, "%.0f s ago", ms / 1e3);
}

/** struct unload - the end of a module in words. */
struct unload {
    char path[64];
    char ago[48];
    char who[EVIDENCE_NAME_BYTES];
    char where[EVIDENCE_TEXT_BYTES];
};

static void unload_words(const struct evidence *evidence, const struct end *end,
                         const struct abi_module *module, struct unload *out)
{
    evidence_path_base(module->path, out->path);
    ago_text(evidence, end, module, out->ago);
    evidence_lane_text(evidence, module->unloader_lane, out->who);
    evidence_caller_text(evidence, module->unload_caller, out->where);
}

/* In the middle of a function: that was left by a call, and is come back to. */
static void say_code(struct finding *finding, const struct evidence *evidence,
                     const struct end *end, const struct abi_module *module, uint64_t address)
{
    const struct evidence_frame *frame = &evidence->crash_frame[0];
    struct unload unload;

    unload_words(evidence, end, module, &unload);
    finding_say(finding, "           %s %s+0x%" PRIx64 ", unloaded %s by %s",
                address == end->crash->regs[RIP] ? "in the code of" : "on the data of", unload.path,
                address - module->base, unload.ago, unload.who);
    finding_say(finding, "           the dlclose was called in %s", unload.where);
    if (address == end->crash->regs[RIP] && crash_frames(evidence) > 0 && frame->function[0] != 0 &&
        frame->function_offset != 0)
        finding_say(finding, "           it was in a function of it: its stack led back there");
}

static void say_call(struct finding *finding, const struct evidence *evidence,
                     const struct end *end, const struct abi_module *module,
                     const struct callback *callback)
{
    struct unload unload;
    char text[EVIDENCE_TEXT_BYTES];

    unload_words(evidence, end, module, &unload);
    evidence_address_text(evidence, callback->address, text);
    finding_say(finding, "           called %s, which is gone: %s", callback->kind, text);
    callback_say(finding, evidence, callback);
    finding_say(finding, "           %s was unloaded %s by %s, in %s", unload.path, unload.ago,
                unload.who, unload.where);
}

/* The first frame in that module, if the stack could be followed there. */
static const struct evidence_frame *frame_in(const struct evidence *evidence, const char *module)
{
    unsigned frames = crash_frames(evidence);

    for (unsigned i = 0; i < frames; i++)
        if (strncmp(evidence->crash_frame[i].module, module,
                    sizeof evidence->crash_frame[i].module) == 0)
            return &evidence->crash_frame[i];
    return NULL;
}

/* The module is the culprit even where its function is not known any more. */
static void sign_unloaded(struct finding *finding, const struct evidence *evidence,
                          const struct abi_module *module)
{
    struct evidence_frame frame = {0};
    const struct evidence_frame *known;
    char culprit[EVIDENCE_CULPRIT_BYTES];
    char waiter[EVIDENCE_CULPRIT_BYTES] = "";

    evidence_path_base(module->path, frame.module);
    known = frame_in(evidence, frame.module);
    evidence_culprit(known != NULL ? known : &frame, 1, culprit);
    if (evidence_caller(evidence, module->unload_caller, &frame))
        evidence_culprit(&frame, 1, waiter);
    finding_sign(finding, culprit, waiter);
}

static bool judge_unloaded(const struct evidence *evidence, const struct end *end,
                           struct judgement *judgement)
{
    uint64_t address = 0;
    const struct abi_module *module = end->crash != NULL ? unloaded(evidence, end, &address) : NULL;
    struct callback callback;
    struct finding *finding;
    bool called;

    if (module == NULL)
        return false;
    called = callback_of_crash(evidence, module, &callback);
    finding = judgement_add(judgement,
                            called ? STOP_MODULE_CALLBACK_UNMAPPED : STOP_MODULE_CODE_UNMAPPED);
    say_signal(finding, evidence, end);
    if (called)
        say_call(finding, evidence, end, module, &callback);
    else
        say_code(finding, evidence, end, module, address);
    say_stack(finding, evidence, end);
    sign_unloaded(finding, evidence, module);
    return true;
}

/* No code but the allocator's own runs inside a call of it. */
static bool is_in_allocator(const struct evidence *evidence, const struct end *end)
{
    const struct abi_lane *lane =
        end->crash != NULL ? evidence_lane(evidence, end->crash->lane) : NULL;

    if (lane != NULL && lane->depth == 0 && abi_site_family(lane->site) == FAMILY_ALLOC)
        return true;
    return stack_kind_inside(evidence->crash_frame, crash_frames(evidence)) & STACK_HEAP;
}

static bool is_allocators(const struct evidence *evidence, const struct end *end, char *words)
{
    evidence_said(evidence, allocator_words, words);
    return end->signal == SIGABRT && (words[0] != 0 || is_in_allocator(evidence, end));
}

static void judge_signal(const struct evidence *evidence, const struct end *end,
                         struct judgement *judgement)
{
    char words[EVIDENCE_TEXT_BYTES];
    char culprit[EVIDENCE_CULPRIT_BYTES];
    bool allocator = is_allocators(evidence, end, words);
    struct finding *finding =
        judgement_add(judgement, allocator ? STOP_HEAP_ALLOCATOR_ABORT : STOP_CRASH_SIGNAL);

    say_signal(finding, evidence, end);
    if (allocator && words[0] != 0)
        finding_say(finding, "           its last words: %s", words);
    say_stack(finding, evidence, end);
    culprit_of(evidence, end, culprit);
    finding_sign(finding, culprit, "");
}

/* heap-block tells of the death: it is the same fault, seen where it was made. */
static bool is_heap_blocks(const struct evidence *evidence, const struct end *end)
{
    unsigned slot;
    int64_t offset;

    return end->crash != NULL && (evidence_sample_crash(evidence, &offset, &slot) != NULL ||
                                  evidence_fault_crash(evidence) != NULL);
}

static void judge(const struct evidence *evidence, struct judgement *judgement)
{
    struct end end = end_of(evidence);

    if (end.signal == 0 || end.signal == evidence->effect_signal || is_heap_blocks(evidence, &end))
        return;
    if (end.crash == NULL && callback_uncaught(evidence, end.signal) != NULL)
        return; /* the detector callback tells of it */
    if (!judge_unloaded(evidence, &end, judgement))
        judge_signal(evidence, &end, judgement);
}

const struct detector detector_crash = {
    .name = "crash",
    .summary = "a fatal signal that was not ordered, and what the address belonged to",
    .codes = "crash.signal module.code-unmapped module.callback-unmapped heap.allocator-abort",
    .judge = judge,
};
