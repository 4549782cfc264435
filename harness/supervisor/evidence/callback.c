/*
 * callback: names calls into unloaded modules. All that it reads was the target's.
 */
#include "callback.h"
#include "evidence.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

enum { RAX = 0, RIP = 16, FRAMES_LOOKED_AT = 4 };

/* --- words --------------------------------------------------------------------------------- */

static void signal_text(uint64_t signal, char out[CALLBACK_KIND_BYTES])
{
    const char *name = signal < NSIG ? sigabbrev_np((int)signal) : NULL;

    if (name != NULL)
        snprintf(out, CALLBACK_KIND_BYTES, "the handler of SIG%s", name);
    else
        snprintf(out, CALLBACK_KIND_BYTES, "the handler of signal %" PRIu64, signal);
}

void callback_kind(const struct abi_tie *tie, char out[CALLBACK_KIND_BYTES])
{
    static const char *const words[] = {
        [TIE_KEY] = "the destructor of a thread-specific key",
        [TIE_THREAD_LOCAL] = "the destructor of a thread_local object",
        [TIE_EXIT] = "an exit handler",
        [TIE_QUICK_EXIT] = "a handler of quick_exit",
        [TIE_SIGNAL] = NULL,
        [TIE_TIMER] = "the function of a timer",
    };

    out[0] = 0;
    if (tie->kind == TIE_SIGNAL)
        signal_text(tie->object, out);
    else if (tie->kind > TIE_NONE && tie->kind <= TIE_LAST_CALLBACK)
        snprintf(out, CALLBACK_KIND_BYTES, "%s", words[tie->kind]);
}

void callback_say(struct finding *finding, const struct evidence *evidence,
                  const struct callback *callback)
{
    char who[EVIDENCE_NAME_BYTES];
    char where[EVIDENCE_TEXT_BYTES];

    if (callback->where == 0)
        return;
    evidence_caller_text(evidence, callback->where, where);
    if (callback->who < ABI_LANES) {
        evidence_lane_text(evidence, callback->who, who);
        finding_say(finding, "           put on record by %s, in %s", who, where);
    } else {
        finding_say(finding, "           put on record in %s", where);
    }
}

/* --- on record ----------------------------------------------------------------------------- */

/* The last one that was registered there. */
static const struct abi_tie *tie_at(const struct evidence *evidence, uint64_t address)
{
    const struct abi_tie *found = NULL;

    for (unsigned i = 0; i < ABI_TIES; i++) {
        const struct abi_tie *tie = evidence_tie(evidence, i);

        if (tie != NULL && tie->address == address && tie->kind <= TIE_LAST_CALLBACK &&
            (found == NULL || tie->time > found->time))
            found = tie;
    }
    return found;
}

static bool is_on_record(const struct evidence *evidence, uint64_t address, struct callback *out)
{
    const struct abi_tie *tie = tie_at(evidence, address);

    if (tie == NULL)
        return false;
    callback_kind(tie, out->kind);
    out->who = tie->lane;
    out->where = tie->caller;
    return true;
}

static bool is_handler(const struct abi_crash *crash, struct callback *out)
{
    if (crash->handler_of == 0)
        return false;
    signal_text(crash->handler_of, out->kind);
    return true;
}

const struct abi_tie *callback_uncaught(const struct evidence *evidence, int signal)
{
    for (unsigned i = 0; signal == SIGSEGV && i < ABI_TIES; i++) {
        const struct abi_tie *tie = evidence_tie(evidence, i);

        if (tie != NULL && evidence_is_left(tie) &&
            (tie->kind == TIE_TIMER || (tie->kind == TIE_SIGNAL && tie->object == SIGSEGV)))
            return tie;
    }
    return NULL;
}

/* --- a thread's start ---------------------------------------------------------------------- */

/* Where the thread of lane @index was created. */
static uint64_t creation_of(const struct evidence *evidence, unsigned index, unsigned parent)
{
    const struct abi_lane *lane = evidence_lane(evidence, parent);
    const struct abi_event *event;

    for (uint64_t back = 0; lane != NULL && (event = evidence_event(lane, back)) != NULL; back++)
        if (event->kind == EVENT_CALL && event->site == SITE_THREAD_CREATE && event->aux == index)
            return event->caller;
    return 0;
}

static bool is_start(const struct evidence *evidence, const struct abi_crash *crash,
                     struct callback *out)
{
    const struct abi_lane *lane = evidence_lane(evidence, crash->lane);

    if (lane == NULL || lane->start != crash->regs[RIP])
        return false;
    snprintf(out->kind, sizeof out->kind, "the start routine of a thread");
    out->who = lane->parent;
    out->where = creation_of(evidence, crash->lane, lane->parent);
    return true;
}

/* --- the stack ----------------------------------------------------------------------------- */

static bool is_called_by(const struct evidence *evidence, struct callback *out)
{
    static const struct {
        const char *function;
        const char *kind;
    } callers[] = {
        {"__nptl_deallocate_tsd", "the destructor of a thread-specific key"},
        {"__call_tls_dtors", "the destructor of a thread_local object"},
        {"__run_exit_handlers", "an exit handler"},
        {"__restore_rt", "a signal handler"},
        {"timer_sigev_thread", "the function of a timer"},
        {"__run_fork_handlers", "a handler of pthread_atfork"},
        {"__run_prefork_handlers", "a handler of pthread_atfork"},
        {"__run_postfork_handlers", "a handler of pthread_atfork"},
        {NULL, NULL},
    };
    const struct evidence_frame *frame = &evidence->crash_frame[1];

    if (evidence->crash_frames < 2)
        return false;
    for (unsigned i = 0; callers[i].function != NULL; i++)
        if (strcmp(frame->function, callers[i].function) == 0 &&
            evidence_is_system(frame->module)) {
            snprintf(out->kind, sizeof out->kind, "%s", callers[i].kind);
            return true;
        }
    return false;
}

/* --- a thread's end ------------------------------------------------------------------------ */

static bool asked_to_end(const struct abi_lane *lane)
{
    const struct abi_event *event;

    for (uint64_t back = 0; (event = evidence_event(lane, back)) != NULL; back++) {
        if (event->kind == EVENT_CALL && event->site == SITE_THREAD_EXIT)
            return true;
        if (event->kind == EVENT_THREAD_BORN)
            break;
    }
    return false;
}

static bool was_cancelled(const struct evidence *evidence, const struct abi_lane *lane)
{
    unsigned lanes = evidence_lanes(evidence);

    for (unsigned i = 0; lane->pthread != 0 && i < lanes; i++) {
        const struct abi_lane *other = evidence_lane(evidence, i);
        const struct abi_event *event;

        for (uint64_t back = 0; other != NULL && (event = evidence_event(other, back)) != NULL;
             back++)
            if (event->kind == EVENT_CALL && event->site == SITE_CANCEL &&
                event->object == lane->pthread)
                return true;
    }
    return false;
}

/*
 * Handlers are called as functions, or reached by a long jump, which brings the 1 of its setjmp
 * (C without exceptions: the handler's call follows in the function that pushed it).
 */
static bool is_cleanup(const struct evidence *evidence, const struct abi_crash *crash,
                       struct callback *out)
{
    const struct abi_lane *lane = evidence_lane(evidence, crash->lane);
    bool called = evidence->crash_frames > 0 && evidence->crash_frame[0].function[0] != 0 &&
                  evidence->crash_frame[0].function_offset == 0;

    if (lane == NULL || lane->state != LANE_RUNS || (!called && crash->regs[RAX] != 1) ||
        (!asked_to_end(lane) && !was_cancelled(evidence, lane)))
        return false;
    snprintf(out->kind, sizeof out->kind, "a cleanup handler of a thread that was ending");
    return true;
}

/* Called where nothing but destructors of the thread's own data is called any more. */
static bool is_at_the_end(const struct evidence *evidence, const struct abi_crash *crash,
                          struct callback *out)
{
    const struct abi_lane *lane = evidence_lane(evidence, crash->lane);

    if (lane == NULL || lane->state != LANE_ENDED)
        return false;
    snprintf(out->kind, sizeof out->kind, "a destructor that runs at a thread's end");
    return true;
}

bool callback_of_crash(const struct evidence *evidence, const struct abi_module *module,
                       struct callback *out)
{
    const struct abi_control *control = evidence_control(evidence);
    const struct abi_crash *crash = &control->crash;
    uint64_t address = crash->regs[RIP];

    memset(out, 0, sizeof *out);
    out->address = address;
    out->who = ABI_LANES;
    if (address < module->base || address >= module->end)
        return false;
    return is_on_record(evidence, address, out) || is_handler(crash, out) ||
           is_start(evidence, crash, out) || is_called_by(evidence, out) ||
           is_cleanup(evidence, crash, out) || is_at_the_end(evidence, crash, out);
}
