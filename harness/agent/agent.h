/*
 * agent.h: what the files of the agent share. Nothing outside harness/agent includes it.
 *
 * Rules of this house. The agent runs inside somebody's program, with any lock of it held and
 * possibly in a thread that has just seen everybody else die. So: no malloc, no stdio, no lock
 * that the target could own; raw system calls where libc's wrapper is hooked; state lives in
 * the shared memory (a few hot words in TLS). It records; the supervisor speaks.
 *
 * A hook reads
 *     call = agent_enter(SITE_X, CALLER());      strikes due here happen now
 *     AGENT_CALL(call, result = real.x(...));    user code and signals may run meanwhile
 *     agent_leave(call);
 * call.lane is NULL where nothing may be recorded (before main, inside agent code, no lane left);
 * then the hook only passes on.
 */
#ifndef AGENT_AGENT_H
#define AGENT_AGENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>

#include <harness/agent_abi.h>
#include <harness/injector.h>

#include "real.h"

#define HOOK __attribute__((visibility("default")))

/*
 * Code that each forked cycle runs, and the server does not, lies together: a page of it that is
 * needed is a fault in every cycle.
 */
#define IN_EVERY_CYCLE __attribute__((hot))

#define LIKELY(x)   __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)
#define CALLER()    ((uint64_t)__builtin_return_address(0))
/* What a cycle writes lies on one page: each page that it writes is copied. */
#define PER_CYCLE    __attribute__((section(".data.cycle")))
#define INITIAL_EXEC __attribute__((tls_model("initial-exec")))

/* Code here is reached by one instruction, not through a table. */
#pragma GCC visibility push(hidden)

/* The shared memory; NULL while the agent is only a passenger (no environment variable). */
extern struct abi_memory *agent_memory;
#define CONTROL (&agent_memory->control)

/* 1 from the wrapped main of a target on; 0 in the fork server and before. */
extern int agent_active;

extern __thread struct abi_lane *agent_lane INITIAL_EXEC;

/* --- raw system calls -------------------------------------------------------------- */

static inline long raw_syscall(long number, long a, long b, long c, long d, long e, long f)
{
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    long result;

    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}
#define RAW1(n, a)          raw_syscall(n, (long)(a), 0, 0, 0, 0, 0)
#define RAW2(n, a, b)       raw_syscall(n, (long)(a), (long)(b), 0, 0, 0, 0)
#define RAW3(n, a, b, c)    raw_syscall(n, (long)(a), (long)(b), (long)(c), 0, 0, 0)
#define RAW4(n, a, b, c, d) raw_syscall(n, (long)(a), (long)(b), (long)(c), (long)(d), 0, 0)

static inline uint64_t agent_ticks(void)
{
    return __builtin_ia32_rdtsc();
}

/** futex on shared memory, no time limit; returns at a wake, a change or a signal. */
static inline void agent_futex_wait(uint32_t *word, uint32_t value)
{
    raw_syscall(SYS_futex, (long)word, 0 /* FUTEX_WAIT, shared */, value, 0, 0, 0);
}

static inline void agent_futex_wake(uint32_t *word)
{
    raw_syscall(SYS_futex, (long)word, 1 /* FUTEX_WAKE, shared */, INT32_MAX, 0, 0, 0);
}

/* --- lane.c: threads and their events ----------------------------------------------- */

/** The calling thread's lane, made up as T?n if nobody saw its birth; NULL if none is left. */
struct abi_lane *lane_adopt(void);
/** A lane for a thread that @parent is about to create. */
struct abi_lane *lane_claim_child(struct abi_lane *parent);
/** Makes the calling thread the owner of @lane. */
void lane_run(struct abi_lane *lane);
void lane_end(struct abi_lane *lane, enum abi_end how);
/** One thread more, or less, in abi_control.alive, if @lane is the target's own. */
void lane_count_alive(const struct abi_lane *lane, int32_t change);
/** The thread of @lane has ended, and never said so: by a raw system call of its own. */
void lane_vanished(struct abi_lane *lane);
/** lane_vanished() for all of @self's process that are gone; costs a system call a live thread. */
void lane_count_vanished(const struct abi_lane *self);
/** T1 of a fresh cycle. */
void lane_begin_main(void);
/** The only thread of a forked child, named after its parent: "T1.2f1". */
void lane_begin_forked(struct abi_lane *parent);

/** fork with all its handlers, by the thread of @lane (or of none); the child has a lane of its
 * own. */
pid_t agent_fork(struct abi_lane *lane);

static inline unsigned lane_index(const struct abi_lane *lane)
{
    return (unsigned)(lane - agent_memory->lane);
}

static inline struct abi_event *lane_put(struct abi_lane *lane, uint16_t kind, uint16_t site,
                                         uint32_t aux, uint64_t object, uint64_t other,
                                         uint64_t caller, uint64_t time)
{
    struct abi_event *event = &lane->ring[lane->seq % ABI_RING_EVENTS];

    event->time = time;
    event->kind = kind;
    event->site = site;
    event->aux = aux;
    event->object = object;
    event->other = other;
    event->caller = caller;
    __atomic_store_n(&lane->seq, lane->seq + 1, __ATOMIC_RELEASE);
    return event;
}

/** Writes one event with a time stamp; passes it to the recorder when that is on. */
void lane_event(struct abi_lane *lane, uint16_t kind, uint32_t aux, uint64_t object,
                uint64_t other);

/* --- strike.c, step.c: carrying out the plan ------------------------------------------ */

/** A hit has come at which the plan, or the dry cycle, wants something. */
void strike_due(struct abi_lane *lane, uint32_t site);
/** Sets lane->due for all sites from the plan. */
void strike_arm(struct abi_lane *lane);
/** Fires strike @index; @context is the ucontext in a step, NULL at an entry. */
void strike_fire(struct abi_lane *lane, unsigned index, void *context);
/** Notes a thread that the plan kills or parks, with registers, stack and held locks. */
void strike_record(struct abi_lane *lane, unsigned strike, const void *context);
/** Ends the calling thread by raw SYS_exit, recorded. */
void strike_vanish(void) __attribute__((__noreturn__));
/** One hook event of somebody else while a thread is parked. */
void strike_park_tick(void);
/** Wants the call under way stepped: @mode as lane->stepping, @goal in instructions. */
void step_begin(struct abi_lane *lane, uint32_t mode, uint32_t goal);
/** A real function comes next: sets the trap flag, if it is the one to be stepped. */
void step_go(struct abi_lane *lane);
/** A real function is back. */
void step_end(struct abi_lane *lane);
/**
 * Long work of ours below a stepped call, or the recorder's: without the trap flag, since each
 * instruction of it would cost a signal. True if step_resume() is due.
 */
bool step_pause(const struct abi_lane *lane);
void step_resume(void);
/** In a forked child: nobody is stepped there, whatever other threads its parent has. */
void step_forked(void);
bool agent_owns_address(uint64_t address);
extern const struct injector_services strike_services;

/* --- fatal.c ------------------------------------------------------------------------- */

void fatal_install(void);
/** Lets @signal do what it would do without us. */
void fatal_release(int signal);
/** The alternate signal stack of a lane, for the calling thread. */
void fatal_stack(struct abi_lane *lane);

/* Code of the recorder's modules: [emit_low, emit_low + emit_span); 0 long while it is off. */
extern uint64_t emit_low;
extern uint64_t emit_span;

/** Whether @caller is the recorder's code: what it calls is not the program's doing. */
static inline bool emit_calls(uint64_t caller)
{
    return UNLIKELY(emit_span != 0) && caller - emit_low < emit_span;
}

/* --- hooks' frame ---------------------------------------------------------------------- */

void agent_attend(struct abi_lane *lane);
/** A hook event, while a thread is parked or laps are counted by events. @lane->depth is 1. */
void agent_tick(struct abi_lane *lane);
typedef uint64_t __attribute__((__may_alias__)) agent_word;

/** One hooked call under way. @lane is NULL where nothing is recorded; @outer names the call
 *  that it is nested in (malloc inside dlopen). */
struct agent_call {
    struct abi_lane *lane;
    uint32_t outer;
};

static inline struct agent_call agent_enter(uint32_t site, uint64_t caller)
{
    struct agent_call call = {NULL, 0};
    struct abi_lane *lane = agent_lane; /* NULL in the fork server, and before main */
    uint32_t hit;

    if (emit_calls(caller))
        return call;
    if (UNLIKELY(lane == NULL) && (lane = lane_adopt()) == NULL)
        return call;
    if (UNLIKELY(lane->depth != 0))
        return call;
    lane->depth = 1;
    call.lane = lane;
    call.outer = lane->site;
    lane->site = site;
    lane->site_caller = caller;
    hit = ++lane->hits[site];
    if (UNLIKELY(*(const volatile agent_word *)&CONTROL->parked != 0)) /* or paced */
        agent_tick(lane);
    if (UNLIKELY(hit == lane->due[site]))
        strike_due(lane, site);
    return call;
}

/**
 * Whether this is a child of vfork, which runs on its parent's memory: its lane is the parent's,
 * and what it does is nothing of the parent's.
 */
static inline bool agent_is_borrowed(void)
{
    const struct abi_lane *lane = agent_lane;

    return lane != NULL && lane->pid != (uint32_t)RAW1(SYS_getpid, 0);
}

/** Between enter and leave: the real function runs, and with it anybody's code. */
static inline void agent_outside(struct agent_call call)
{
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    if (call.lane != NULL) {
        call.lane->depth = 0;
        if (UNLIKELY(call.lane->attention & ATTEND_STEP))
            step_go(call.lane);
    }
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
}

static inline void agent_inside(struct agent_call call)
{
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    if (call.lane != NULL) {
        call.lane->depth = 1;
        if (UNLIKELY(call.lane->attention != 0))
            agent_attend(call.lane);
    }
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
}

static inline void agent_leave(struct agent_call call)
{
    if (call.lane == NULL)
        return;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    call.lane->site = call.outer; /* the two lie side by side: one store */
    call.lane->depth = 0;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    if (UNLIKELY(call.lane->attention & ATTEND_DIE))
        strike_vanish();
}

/** The common hook: enter, an event, the real call, leave. @result is assigned by @expression. */
#define AGENT_CALL(call, expression)                                                               \
    do {                                                                                           \
        agent_outside(call);                                                                       \
        expression;                                                                                \
        agent_inside(call);                                                                        \
    } while (0)

/* --- task.c ------------------------------------------------------------------------------- */

/** Reads /proc/self/task/TID/NAME into @out, NUL-terminated; the length, 0 if it cannot. */
long agent_task_read(long tid, const char *name, char *out, long size);
/** The state's letter ('R', 'S', 'Z' ...), 'X' for a thread that is gone. */
char agent_task_state(uint32_t tid);

/* --- look.c --------------------------------------------------------------------------------- */

/** The cycle is about to end: stops here, if the heap is to be read. @lane may be NULL. */
void look_at_end(const struct abi_lane *lane);
/** The same after the last lap, which is the program's steady state. */
void look_at_last_lap(const struct abi_lane *lane);

/* --- lap.c, probe.c ------------------------------------------------------------------------ */

void lap_take(struct abi_lap *out);
/** lap_at.c: the code of --lap-at is made to come by, if its module is there now. */
void lap_at_install(void);
/** Once a cycle, if the run asks for it and a thread was killed or parked. */
void probe_run(struct abi_lane *lane);
void probe_at_exit(struct agent_call call);
/** Notes the exit path's phase; the first caller wins the gate. */
void exit_phase(struct abi_lane *lane, uint32_t phase, int status);
/** During an exit: the lane uses a lock or event that the exit path may have taken away. */
void exit_used(const struct abi_lane *lane, uint64_t object);

#pragma GCC visibility pop

#endif
