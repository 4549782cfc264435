/*
 * recorder.h: how an event reaches the flight recorder.
 *
 * The agent and the supervisor link libc alone. They find the tracepoint provider,
 * librundown-lttng.so, by dlopen(RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE) and take the
 * one symbol it exports by dlsym. No header of LTTng may be included here.
 *
 * The flight recorder is the timeline; the ring in the shared block is the evidence.
 * A run without this library reaches the same verdicts.
 */
#ifndef HARNESS_RECORDER_H
#define HARNESS_RECORDER_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* History: 1 the first. */
#define RECORDER_VERSION 1

/* File name of the provider, and the symbol in it: a const struct recorder_ops. */
#define RECORDER_LIBRARY "librundown-lttng.so"
#define RECORDER_SYMBOL  "rundown_recorder_ops"

/** recorder_is_module() - whether a file of this name (without its folder) is the recorder's code:
 * our provider, or LTTng's libraries behind it. Pure, async-signal-safe. */
static inline bool recorder_is_module(const char *name)
{
    return strncmp(name, "liblttng-ust", 12) == 0 || strncmp(name, "librundown-lttng", 16) == 0;
}

/* The provider's name: events are called "rundown:<name>". */
#define RECORDER_PROVIDER "rundown"

/*
 * Every event begins with cycle, inj, pid, tid and seq. What follows, in this order,
 * is taken from the members named on the right; members not named are ignored.
 *
 * name                 fields
 * cycle_begin          seed a, workload text, variant text2
 * cycle_end            how text, status a, verdict text2
 * inject_decided       kind text2, site text, victim a, due_ns b
 * inject_fired         kind text2, site text, victim a, result b (signed), deferred c
 * lock_wait            lock a, kind text2, site text, owner b
 * lock_acquire         lock a, kind text2, site text, waited_ns b, owner_died c
 * lock_release         lock a, kind text2, site text
 * alloc                addr a, size b, site text, every_n c
 * free                 addr a, size b, site text, every_n c
 * module_*             name text, base a, handle b, rc c (signed)
 * thread_start         start a, creator b
 * thread_exit          how text
 * exit_gate            phase a (enum recorder_phase), by b
 * beat                 cpu a, n b
 */
#define RECORDER_KIND_LIST(X)                                                                      \
    X(CYCLE_BEGIN, cycle_begin)                                                                    \
    X(CYCLE_END, cycle_end)                                                                        \
    X(INJECT_DECIDED, inject_decided)                                                              \
    X(INJECT_FIRED, inject_fired)                                                                  \
    X(LOCK_WAIT, lock_wait)                                                                        \
    X(LOCK_ACQUIRE, lock_acquire)                                                                  \
    X(LOCK_RELEASE, lock_release)                                                                  \
    X(ALLOC, alloc)                                                                                \
    X(FREE, free)                                                                                  \
    X(MODULE_LOAD_BEGIN, module_load_begin)                                                        \
    X(MODULE_LOAD_END, module_load_end)                                                            \
    X(MODULE_UNLOAD_BEGIN, module_unload_begin)                                                    \
    X(MODULE_UNLOAD_END, module_unload_end)                                                        \
    X(THREAD_START, thread_start)                                                                  \
    X(THREAD_EXIT, thread_exit)                                                                    \
    X(EXIT_GATE, exit_gate)                                                                        \
    X(BEAT, beat)

enum recorder_kind {
#define RECORDER_ENUM(name, event) RECORDER_##name,
    RECORDER_KIND_LIST(RECORDER_ENUM)
#undef RECORDER_ENUM
        RECORDER_KINDS
};

/* Steps of the exit gate, in the order in which a healthy exit takes them. */
enum recorder_phase {
    RECORDER_PHASE_REQUESTED,
    RECORDER_PHASE_WON,
    RECORDER_PHASE_PARKED,
    RECORDER_PHASE_CLOSED,
    RECORDER_PHASE_DRAINED,
    RECORDER_PHASE_HANDLERS,
    RECORDER_PHASE_FINI,
    RECORDER_PHASE_LEAVE,
};

/**
 * struct recorder_event - one event, of any kind.
 * @kind: enum recorder_kind; an unknown one is dropped.
 * @inj: number of the injection that this event belongs to, 0 for none.
 * @cycle: as in the plan.
 * @pid, @tid: as the target's kernel numbers them.
 * @seq: counts the events of the lane (one lane per thread), from 1.
 * @a, @b, @c, @d: numbers, see the table above.
 * @text, @text2: NULL means "". They must not change until event() has returned.
 */
struct recorder_event {
    uint32_t kind;
    uint32_t inj;
    uint64_t cycle;
    uint32_t pid;
    uint32_t tid;
    uint64_t seq;
    uint64_t a;
    uint64_t b;
    uint64_t c;
    uint64_t d;
    const char *text;
    const char *text2;
};

/**
 * struct recorder_ops - what librundown-lttng.so exports.
 * @version: RECORDER_VERSION, to be compared before anything else is touched.
 * @size: sizeof of this structure, likewise.
 * @event: writes one event; drops it when no session records. Safe in any thread. The
 *     first event of a thread may allocate (thread-local storage), so the caller must
 *     keep its own hooks from coming back here. A thread that is killed inside it, or a
 *     process that ends while a thread is inside it, can end the stream of that CPU for
 *     every later process: the caller counts the threads inside and gates all deaths.
 * @before_fork: blocks all signals, stores the former mask in its argument and keeps the
 *     recorder's own threads out of their locks until @after_fork.
 * @after_fork: undoes @before_fork; to be called in the parent and in the child alike,
 *     with the same argument. The child then shares the parent's registration: it has no
 *     recorder threads and must have been ended before the parent leaves.
 * @enabled: true once a session records in this process.
 *
 * The load itself starts two threads (named *-ust) and waits at most
 * LTTNG_UST_REGISTER_TIMEOUT ms for the daemon. A process that loaded the library before
 * the daemon was up may never register.
 */
struct recorder_ops {
    uint32_t version;
    uint32_t size;
    void (*event)(const struct recorder_event *event);
    void (*before_fork)(sigset_t *saved);
    void (*after_fork)(sigset_t *saved);
    bool (*enabled)(void);
};

#endif
