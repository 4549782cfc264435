/*
 * timeline_words: what an event's numbers mean, kind by kind. The kind itself stands before them
 * in the line, so it is not said again.
 */
#include "timeline_words.h"

#include "evidence.h"

#include <harness/injector.h>

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* struct words - the text of one event being put together. */
struct words {
    const struct evidence *evidence;
    const struct abi_event *event;
    char *out;
    size_t bytes;
    size_t length;
};

__attribute__((format(printf, 2, 3))) static void say(struct words *words, const char *format, ...)
{
    size_t left = words->bytes - words->length;
    va_list args;
    int length;

    va_start(args, format);
    length = vsnprintf(words->out + words->length, left, format, args);
    va_end(args);
    if (length > 0)
        words->length += (size_t)length < left ? (size_t)length : left - 1;
}

static void say_lane(struct words *words, uint64_t index)
{
    char name[EVIDENCE_NAME_BYTES];

    evidence_lane_text(words->evidence, index < ABI_LANES ? (unsigned)index : ABI_LANES, name);
    say(words, "%s", name);
}

static void say_object(struct words *words)
{
    char text[EVIDENCE_TEXT_BYTES];

    evidence_object_text(words->evidence, words->event->aux, words->event->object, text);
    say(words, "%s", text);
}

static void say_module(struct words *words, uint32_t index)
{
    const struct abi_module *module =
        index < ABI_MODULES ? evidence_module(words->evidence, index) : NULL;
    char name[64];

    if (module == NULL)
        return;
    evidence_path_base(module->path, name);
    say(words, "%s", name);
}

/* Of several with one handle the last: the others have been unloaded since. */
static void say_loaded(struct words *words)
{
    uint64_t handle = words->event->object;
    uint32_t found = ABI_MODULES;

    for (uint32_t i = 0; i < ABI_MODULES; i++) {
        const struct abi_module *module = evidence_module(words->evidence, i);

        if (module != NULL && module->handle == handle)
            found = i;
    }
    say_module(words, found);
}

static void say_code(struct words *words, uint64_t address)
{
    char text[EVIDENCE_TEXT_BYTES];

    evidence_address_text(words->evidence, address, text);
    say(words, "%s", text);
}

/* --- kinds ---------------------------------------------------------------------------------- */

static void say_end(struct words *words)
{
    static const char *const ends[] = {
        [END_RUNNING] = "",          [END_RETURN] = "returned from its start routine",
        [END_EXIT] = "pthread_exit", [END_CANCEL] = "cancelled",
        [END_KILLED] = "killed",     [END_UNKNOWN] = "",
    };

    if (words->event->aux < sizeof ends / sizeof ends[0])
        say(words, "%s", ends[words->event->aux]);
}

static void say_phase(struct words *words)
{
    switch (words->event->aux) {
    case PHASE_REQUESTED:
        say(words, "exit was asked for, with status %d", (int)words->event->object);
        break;
    case PHASE_HANDLERS:
        say(words, "exit handlers and destructors begin");
        break;
    case PHASE_FINI:
        say(words, "most modules have been torn down");
        break;
    case PHASE_LEAVE:
        say(words, "the process is left");
        break;
    default:
        break;
    }
}

/* Which strike of the plan it is, and whose point. */
static void say_strike(struct words *words)
{
    const struct abi_control *control = evidence_control(words->evidence);
    uint32_t index = words->event->aux;
    const struct plan_point *point;
    char text[PLAN_POINT_BYTES], site[64];

    if (control == NULL || index >= PLAN_STRIKES || index >= control->plan.count)
        return;
    point = &control->plan.strike[index];
    if (point->injector >= injector_count() || memchr(point->thread, 0, sizeof point->thread) == 0)
        return;
    plan_point_format(point, abi_site_name(control, point->site, site), text);
    say(words, "%s at %s", injector_registry[point->injector]->name, text);
}

static void say_signal(struct words *words)
{
    const char *name = sigabbrev_np((int)words->event->aux);

    if (name != NULL)
        say(words, "SIG%s at 0x%" PRIx64, name, words->event->object);
    else
        say(words, "signal %" PRIu32 " at 0x%" PRIx64, words->event->aux, words->event->object);
}

static void say_message(struct words *words)
{
    const struct abi_control *control = evidence_control(words->evidence);

    if (control != NULL)
        say(words, "%.*s", (int)sizeof control->message, control->message);
}

static void say_join(struct words *words)
{
    if (words->event->other > 0 && words->event->other <= ABI_LANES)
        say_lane(words, words->event->other - 1);
    else
        say(words, "tid %" PRIu32, words->event->aux);
}

static void say_born(struct words *words)
{
    say(words, "of ");
    say_lane(words, words->event->aux);
    say(words, ", to run ");
    say_code(words, words->event->object);
}

static bool say_lock_event(struct words *words)
{
    const struct abi_event *event = words->event;

    switch (event->kind) {
    case EVENT_WAIT_BEGIN:
    case EVENT_ACQUIRED:
    case EVENT_RELEASED:
    case EVENT_WAIT_FAILED:
        say_object(words);
        return true;
    case EVENT_DESTROYED:
        say(words, "0x%" PRIx64 "%s", event->object, event->aux != 0 ? ", which is held" : "");
        return true;
    case EVENT_OWNER_DIED:
    case EVENT_CONSISTENT:
        say(words, "robust mutex 0x%" PRIx64, event->object);
        return true;
    case EVENT_SIGNALLED:
        say(words, "0x%" PRIx64 "%s", event->object, event->aux == 1 ? ", to all" : "");
        return true;
    default:
        return false;
    }
}

static bool say_heap_event(struct words *words)
{
    const struct abi_event *event = words->event;

    switch (event->kind) {
    case EVENT_ALLOC:
    case EVENT_FREE:
        say(words, "0x%" PRIx64 ", %" PRIu64 " bytes", event->object, event->other);
        return true;
    case EVENT_FREE_UNKNOWN:
        say(words, "0x%" PRIx64 ", of unknown birth", event->object);
        return true;
    case EVENT_FREE_HELD:
        say(words, "0x%" PRIx64 ", in which ", event->other);
        say_object(words);
        say(words, " is held");
        return true;
    default:
        return false;
    }
}

static bool say_module_event(struct words *words)
{
    const struct abi_event *event = words->event;

    switch (event->kind) {
    case EVENT_LOAD_BEGIN:
        return true;
    case EVENT_LOAD_END:
        if (event->object == 0)
            say(words, "failed");
        else
            say_loaded(words);
        return true;
    case EVENT_UNLOAD_BEGIN:
        say_module(words, event->aux);
        return true;
    case EVENT_UNLOAD_END:
        if (event->other != 0)
            say(words, "failed");
        else
            say(words, "%" PRIu32 " gone", event->aux);
        return true;
    default:
        return false;
    }
}

static void say_other_event(struct words *words)
{
    const struct abi_event *event = words->event;

    switch (event->kind) {
    case EVENT_THREAD_BORN:
        say_born(words);
        break;
    case EVENT_THREAD_ENDS:
        say_end(words);
        break;
    case EVENT_JOIN_BEGIN:
        say_join(words);
        break;
    case EVENT_EXIT_PHASE:
        say_phase(words);
        break;
    case EVENT_INJECT_INTENT:
    case EVENT_INJECT_FIRED:
    case EVENT_PARKED:
    case EVENT_RESUMED:
        say_strike(words);
        break;
    case EVENT_SIGNAL:
        say_signal(words);
        break;
    case EVENT_INVARIANT:
        say_message(words);
        break;
    case EVENT_FORKED:
        say(words, "process %" PRIu64, event->object);
        break;
    case EVENT_CYCLE_BEGIN:
    case EVENT_LAP_BEGIN:
    case EVENT_LAP_END:
    case EVENT_HEARTBEAT:
        say(words, "%" PRIu64, event->object);
        break;
    case EVENT_PROBE:
        say(words, "%s %s", abi_probe_name(event->aux), event->object != 0 ? "begins" : "ended");
        break;
    default:
        break;
    }
}

/* Where the line is known, the module says nothing more. */
static void say_where(struct words *words, uint64_t address)
{
    struct evidence_frame frame;
    char text[EVIDENCE_TEXT_BYTES];

    if (!evidence_caller(words->evidence, address, &frame))
        return;
    evidence_frame_text(&frame, text);
    if (frame.line > 0 && frame.function[0] != 0)
        say(words, "  in %.*s  %.*s:%d", (int)sizeof frame.function, frame.function,
            (int)sizeof frame.file, frame.file, frame.line);
    else
        say(words, "  in %s", text);
}

static void say_all(struct words *words)
{
    if (!say_lock_event(words) && !say_heap_event(words) && !say_module_event(words))
        say_other_event(words);
}

/* The site tells lock from trylock, and is all that there is of a "call". */
void timeline_words(const struct evidence *evidence, const struct abi_event *event, char *out,
                    size_t bytes)
{
    struct words words = {evidence, event, out, bytes, 0};
    char site[64];
    size_t begin;

    out[0] = 0;
    if (event->site != 0 && evidence->memory != NULL)
        say(&words, "%-12s ", abi_site_name(&evidence->memory->control, event->site, site));
    begin = words.length;
    say_all(&words);
    while (words.length == begin && words.length > 0 && out[words.length - 1] == ' ')
        begin = --words.length;
    out[words.length] = 0;
    if (event->caller != 0)
        say_where(&words, event->caller);
}
