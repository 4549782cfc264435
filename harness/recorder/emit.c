/*
 * emit: turns a generic event into the tracepoint of its kind.
 *
 * Runs inside targets, in any thread, perhaps as the last thing before a death: no
 * allocation, no lock, no stdio of our own here. Gates and recursion guards are the
 * caller's work, since only the caller knows which deaths are due.
 */
#include <harness/recorder/emit.h>

#include <harness/recorder/provider.h>

#include <lttng/ust-fork.h>

#include <stddef.h>

#define HEAD(e) (e)->cycle, (e)->inj, (e)->pid, (e)->tid, (e)->seq

/* One function per kind: the macro of lttng-ust needs the name as a word. */
#define EMIT(name, ...)                                                                            \
    static void emit_##name(const struct recorder_event *e, const char *text, const char *text2)   \
    {                                                                                              \
        (void)text, (void)text2;                                                                   \
        lttng_ust_tracepoint(rundown, name, HEAD(e), __VA_ARGS__);                                 \
    }

EMIT(cycle_begin, e->a, text, text2)
EMIT(cycle_end, text, (int64_t)e->a, text2)
EMIT(inject_decided, text2, text, e->a, e->b)
EMIT(inject_fired, text2, text, e->a, (int64_t)e->b, e->c)
EMIT(lock_wait, e->a, text2, text, e->b)
EMIT(lock_acquire, e->a, text2, text, e->b, e->c)
EMIT(lock_release, e->a, text2, text)
EMIT(alloc, e->a, e->b, text, e->c)
EMIT(free, e->a, e->b, text, e->c)
EMIT(module_load_begin, text, e->a, e->b, (int64_t)e->c)
EMIT(module_load_end, text, e->a, e->b, (int64_t)e->c)
EMIT(module_unload_begin, text, e->a, e->b, (int64_t)e->c)
EMIT(module_unload_end, text, e->a, e->b, (int64_t)e->c)
EMIT(thread_start, e->a, e->b)
EMIT(thread_exit, text)
EMIT(exit_gate, (uint32_t)e->a, e->b)
EMIT(beat, e->a, e->b)

typedef void (*emit_function)(const struct recorder_event *e, const char *text, const char *text2);

static const emit_function emitters[RECORDER_KINDS] = {
#define EMIT_ROW(name, event) [RECORDER_##name] = emit_##event,
    RECORDER_KIND_LIST(EMIT_ROW)
#undef EMIT_ROW
};

static void emit_event(const struct recorder_event *e)
{
    if (e->kind < RECORDER_KINDS) {
        emitters[e->kind](e, e->text != NULL ? e->text : "", e->text2 != NULL ? e->text2 : "");
    }
}

static void emit_before_fork(sigset_t *saved)
{
    lttng_ust_before_fork(saved);
}

/*
 * The "parent" call in both processes on purpose: the child's call would start listener
 * threads and register anew, which costs ten times a fork.
 */
static void emit_after_fork(sigset_t *saved)
{
    lttng_ust_after_fork_parent(saved);
}

static bool emit_enabled(void)
{
    return lttng_ust_tracepoint_enabled(rundown, beat);
}

__attribute__((visibility("default"))) const struct recorder_ops rundown_recorder_ops = {
    .version = RECORDER_VERSION,
    .size = sizeof(struct recorder_ops),
    .event = emit_event,
    .before_fork = emit_before_fork,
    .after_fork = emit_after_fork,
    .enabled = emit_enabled,
};
