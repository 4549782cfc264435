/*
 * hook_exit: the exit family, phase by phase, and the destructors of modules.
 */
#include "agent.h"
#include "emit.h"
#include "held.h"
#include "inits.h"
#include "heap_check.h"
#include "loader_table.h"

#include <sys/syscall.h>

/* Lane number plus 1 of the first thread that asked to exit of its own accord, 0 none. */
static PER_CYCLE uint32_t first_asker;

/* An injector's intent stands in the ring right before what it does. */
static bool is_ordered(const struct abi_lane *lane)
{
    return lane->seq > 0 &&
           lane->ring[(lane->seq - 1) % ABI_RING_EVENTS].kind == EVENT_INJECT_INTENT;
}

/* Two threads that drive the exit at once: exit.concurrent, unless the plan is the second. */
static void note_asker(const struct abi_lane *lane)
{
    uint32_t self = lane_index(lane) + 1;
    uint32_t first = 0;

    if (is_ordered(lane) || __atomic_compare_exchange_n(&first_asker, &first, self, false,
                                                        __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
        return;
    if (first != self)
        __atomic_fetch_or(&CONTROL->anomaly, ANOMALY_LOOK, __ATOMIC_RELAXED);
}

/* _exit while another thread runs the handlers: exit.concurrent, as a note. */
static void note_cut_off(const struct abi_lane *lane, uint32_t phase, uint32_t before)
{
    if (phase == PHASE_LEAVE && before != PHASE_RUNNING && before != PHASE_LEAVE &&
        CONTROL->exiting_lane != lane_index(lane))
        __atomic_fetch_or(&CONTROL->anomaly, ANOMALY_NOTE, __ATOMIC_RELAXED);
}

void exit_phase(struct abi_lane *lane, uint32_t phase, int status)
{
    uint32_t before = CONTROL->phase;

    if (lane == NULL || lane->pid != CONTROL->pid)
        return; /* a forked child has an exit of its own */
    if (before == PHASE_RUNNING && CONTROL->alive > 1)
        lane_count_vanished(lane);
    if (phase == PHASE_REQUESTED) {
        __atomic_fetch_add(&CONTROL->exit_calls, 1, __ATOMIC_RELAXED);
        note_asker(lane);
        if (before == PHASE_RUNNING &&
            __atomic_compare_exchange_n(&CONTROL->phase, &before, phase, false, __ATOMIC_ACQ_REL,
                                        __ATOMIC_RELAXED)) {
            CONTROL->exiting_lane = lane_index(lane);
            CONTROL->exit_status = status;
            /* exit.threads-alive or exit.locks-held, unless something worse comes */
            if (CONTROL->alive > 1 || held_by_living())
                __atomic_fetch_or(&CONTROL->anomaly, ANOMALY_NOTE, __ATOMIC_RELAXED);
        }
    } else {
        note_cut_off(lane, phase, before);
        CONTROL->phase = phase;
    }
    if (UNLIKELY(heap_checks(HEAP_CHECKS)) &&
        (phase >= PHASE_FINI || lane->site == SITE_QUICK_EXIT)) /* whose _exit is libc's own */
        heap_check_end(lane);
    lane_event(lane, EVENT_EXIT_PHASE, phase, (uint64_t)status, CONTROL->alive);
}

enum { LOOKED_BACK = 512 }; /* events of the exit path */

static bool takes_away(const struct abi_event *event, uint64_t object)
{
    return (event->kind == EVENT_DESTROYED && event->object == object) ||
           (event->kind == EVENT_FREE && object - event->object < event->other);
}

/* exit.destroyed-in-use, if it used that before; what it allocated meanwhile may lie there, too. */
void exit_used(const struct abi_lane *lane, uint64_t object)
{
    uint32_t index = CONTROL->exiting_lane;
    const struct abi_lane *exiting = &agent_memory->lane[index % ABI_LANES];
    uint64_t seq = __atomic_load_n(&exiting->seq, __ATOMIC_ACQUIRE);

    if (lane->pid != CONTROL->pid || lane == exiting || exiting->epoch != CONTROL->epoch)
        return;
    for (unsigned back = 1; back <= LOOKED_BACK && back <= seq; back++) {
        const struct abi_event *event = &exiting->ring[(seq - back) % ABI_RING_EVENTS];

        if (event->kind == EVENT_EXIT_PHASE && event->aux == PHASE_REQUESTED)
            return;
        if (takes_away(event, object)) {
            __atomic_fetch_or(&CONTROL->anomaly, ANOMALY_LOOK, __ATOMIC_RELAXED);
            return;
        }
    }
}

/* The program leaves by itself: what the dead have left locked is tried now. */
void probe_at_exit(struct agent_call call)
{
    if (call.lane == NULL)
        return;
    agent_outside(call);
    probe_run(call.lane);
    agent_inside(call);
}

#define EXIT_HOOK(name, SITE, PHASE)                                                               \
    HOOK void name(int status)                                                                     \
    {                                                                                              \
        struct agent_call call;                                                                    \
                                                                                                   \
        if (agent_is_borrowed())                                                                   \
            real.name(status);                                                                     \
        call = agent_enter(SITE, CALLER());                                                        \
        exit_phase(call.lane, PHASE, status);                                                      \
        if (PHASE == PHASE_LEAVE)                                                                  \
            emit_close_gate();                                                                     \
        else                                                                                       \
            probe_at_exit(call);                                                                   \
        look_at_end(call.lane);                                                                    \
        agent_leave(call);                                                                         \
        real.name(status);                                                                         \
        __builtin_unreachable();                                                                   \
    }
EXIT_HOOK(exit, SITE_EXIT, PHASE_REQUESTED)
EXIT_HOOK(quick_exit, SITE_QUICK_EXIT, PHASE_REQUESTED)
EXIT_HOOK(_exit, SITE_EXIT_NOW, PHASE_LEAVE)
EXIT_HOOK(_Exit, SITE_EXIT_NOW, PHASE_LEAVE)

HOOK void abort(void)
{
    struct agent_call call = agent_enter(SITE_ABORT, CALLER());

    if (call.lane != NULL)
        lane_event(call.lane, EVENT_CALL, 0, 0, 0);
    agent_leave(call);
    real.abort();
    __builtin_unreachable();
}

HOOK void __cxa_finalize(void *module);
HOOK void __cxa_finalize(void *module)
{
    struct agent_call call = agent_enter(SITE_DTOR, CALLER());

    if (call.lane != NULL)
        lane_event(call.lane, EVENT_CALL, 0, (uint64_t)module, 0);
    AGENT_CALL(call, real.cxa_finalize(module));
    if (call.lane != NULL)
        inits_finished(call.lane, (uint64_t)module, CALLER());
    agent_leave(call);
}

/* Most modules' destructors have run when ours does; what follows is libc's own. */
__attribute__((destructor)) static void agent_destructor(void)
{
    struct agent_call call;

    if (!agent_active)
        return;
    call = agent_enter(SITE_FINI, 0);
    exit_phase(call.lane, PHASE_FINI, CONTROL->exit_status);
    if (call.lane != NULL && call.lane->pid == CONTROL->pid)
        modules_at_exit();
    agent_leave(call);
    emit_close_gate();
}
