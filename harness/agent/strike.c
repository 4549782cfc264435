/*
 * strike: carries out the plan, and nothing but the plan.
 *
 * Intent is logged before the act, so the log is complete even when the act is SIGKILL. A
 * strike happens at a hook's entry or, in a stepped call, at an instruction outside the agent.
 */
#include "agent.h"
#include "emit.h"
#include "inits.h"
#include "sched.h"

#include <string.h>
#include <sys/ucontext.h>

static bool concerns(const struct plan_point *point, const struct abi_lane *lane)
{
    return strcmp(point->thread, lane->name) == 0 && point->site < ABI_SITES_ALL;
}

IN_EVERY_CYCLE void strike_arm(struct abi_lane *lane)
{
    const struct plan *plan = &CONTROL->plan;

    if (CONTROL->purpose == PURPOSE_STEP) {
        for (unsigned site = 1; site < ABI_SITES; site++)
            lane->due[site] = abi_site_inside(site) ? 1 : 0;
        return;
    }
    if (CONTROL->purpose != PURPOSE_CYCLE)
        return;
    for (unsigned i = 0; i < plan->count; i++)
        if (concerns(&plan->strike[i], lane))
            lane->due[plan->strike[i].site] = plan->strike[i].hit;
}

/* The dry cycle steps the calls at hits 1, 2, 4 ... */
static void measure(struct abi_lane *lane, uint32_t site)
{
    uint32_t hit = lane->hits[site];

    lane->due[site] = hit < (1u << (PROFILE_LENGTHS - 1)) ? hit * 2 : 0;
    /* Under the scheduler these two never reach the real function. */
    if (site == SITE_COND_WAIT || site == SITE_COND_TIMEDWAIT || site == SITE_BARRIER_WAIT)
        return;
    if (lane->stepping == 0)
        step_begin(lane, 2, PROFILE_MAX_LENGTH);
}

void strike_due(struct abi_lane *lane, uint32_t site)
{
    const struct plan *plan = &CONTROL->plan;

    if (agent_is_borrowed())
        return;
    if (CONTROL->purpose == PURPOSE_STEP) {
        measure(lane, site);
        return;
    }
    lane->due[site] = 0;
    for (unsigned i = 0; i < plan->count; i++) {
        const struct plan_point *point = &plan->strike[i];

        if (!concerns(point, lane) || point->site != site || point->hit != lane->hits[site])
            continue;
        if (point->insn == 0 || !abi_site_inside(site)) {
            strike_fire(lane, i, NULL);
        } else if (lane->stepping == 0) {
            lane->strike = i + 1;
            step_begin(lane, 1, point->insn);
        }
    }
}

/* DWARF numbers the registers in another order than the kernel's context. */
static void copy_registers(uint64_t regs[17], const void *context)
{
    static const unsigned char order[17] = {REG_RAX, REG_RDX, REG_RCX, REG_RBX, REG_RSI, REG_RDI,
                                            REG_RBP, REG_RSP, REG_R8,  REG_R9,  REG_R10, REG_R11,
                                            REG_R12, REG_R13, REG_R14, REG_R15, REG_RIP};
    const ucontext_t *uc = context;

    for (unsigned i = 0; i < 17; i++)
        regs[i] = (uint64_t)uc->uc_mcontext.gregs[order[i]];
}

static void __attribute__((noinline)) own_registers(uint64_t regs[17])
{
    memset(regs, 0, 17 * sizeof regs[0]);
    regs[6] = (uint64_t) * (uint64_t *)__builtin_frame_address(0);
    regs[7] = (uint64_t)__builtin_frame_address(0) + 16;
    regs[16] = (uint64_t)__builtin_return_address(0);
}

/* As much of the stack as is surely there: up to the end of its 4 KiB neighbour page. */
static void copy_stack(struct abi_death *death)
{
    uint64_t from = death->regs[7];
    uint64_t limit = agent_lane->stack_high;
    uint64_t bytes = limit > from ? limit - from : 4096 - (from & 4095);

    if (bytes > ABI_STACK_BYTES)
        bytes = ABI_STACK_BYTES;
    death->stack_address = from;
    death->stack_bytes = (uint32_t)bytes;
    memcpy(death->stack, (const void *)from, bytes);
}

void strike_record(struct abi_lane *lane, unsigned strike, const void *context)
{
    uint32_t index = __atomic_fetch_add(&CONTROL->deaths, 1, __ATOMIC_RELAXED);
    struct abi_death *death;

    if (index >= ABI_DEATHS)
        return;
    death = &agent_memory->death[index];
    death->lane = lane_index(lane);
    death->strike = strike;
    death->tid = lane->tid;
    death->site = CONTROL->plan.strike[strike].site;
    death->hit = CONTROL->plan.strike[strike].hit;
    death->insn = lane->stepping != 0 ? lane->step_count : 0;
    death->inner = lane->site;
    death->caller = lane->site_caller;
    death->time = agent_ticks();
    if (context != NULL)
        copy_registers(death->regs, context);
    else
        own_registers(death->regs);
    copy_stack(death);
    death->held_count = lane->held_count < ABI_HELD ? lane->held_count : ABI_HELD;
    memcpy(death->held, lane->held, death->held_count * sizeof death->held[0]);
    __atomic_store_n(&death->epoch, CONTROL->epoch, __ATOMIC_RELEASE);
}

/*
 * Its end would be the end of a process, with a status of 0 at that: its parent would be told
 * that all is well. Whoever wants that kills the process.
 */
static bool is_a_whole_child(const struct abi_lane *lane)
{
    char text[4096];
    const char *line;

    if (!lane->elsewhere ||
        agent_task_read((long)RAW1(SYS_gettid, 0), "status", text, sizeof text) == 0)
        return false;
    line = strstr(text, "\nThreads:\t");
    return line != NULL && strncmp(line, "\nThreads:\t1\n", 12) == 0;
}

void strike_fire(struct abi_lane *lane, unsigned index, void *context)
{
    const struct plan_point *point = &CONTROL->plan.strike[index];
    const struct injector *injector;
    struct injector_strike strike = {&strike_services, point->argument};
    uint64_t where = context != NULL ? (uint64_t)((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP]
                                     : lane->site_caller;

    if (point->injector >= injector_count())
        return;
    injector = injector_registry[point->injector];
    if (injector->effect == EFFECT_THREAD_DIES && is_a_whole_child(lane))
        return;
    lane->strike = index + 1;
    if (injector->effect == EFFECT_THREAD_DIES || injector->effect == EFFECT_THREAD_PARKED)
        strike_record(lane, index, context);
    __atomic_fetch_or(&CONTROL->intended, UINT64_C(1) << index, __ATOMIC_RELEASE);
    __atomic_fetch_or(&CONTROL->fired, UINT64_C(1) << index, __ATOMIC_RELEASE);
    lane_event(lane, EVENT_INJECT_INTENT, index, where, point->injector);
    if (CONTROL->options & OPTION_STOP_AT) /* to ourselves: another thread would take its time */
        RAW3(SYS_tgkill, RAW1(SYS_getpid, 0), RAW1(SYS_gettid, 0), SIGSTOP);
    if (injector->act != NULL)
        injector->act(&strike);
    if (__atomic_load_n(&CONTROL->fired, __ATOMIC_ACQUIRE) & UINT64_C(1) << index)
        lane_event(lane, EVENT_INJECT_FIRED, index, 0, 0);
}

void strike_vanish(void)
{
    struct abi_lane *lane = agent_lane;

    if (lane != NULL) {
        sched_own(lane); /* or who joins us would wait for good */
        if (lane->end == END_RUNNING)
            lane_count_alive(lane, -1);
        lane->end = END_KILLED;
        __atomic_store_n(&lane->state, LANE_KILLED, __ATOMIC_RELEASE);
        sched_leave(lane);
    }
    for (;;)
        RAW1(SYS_exit, 0);
}

/* The one place where a lane's end is not its short one. */
void agent_attend(struct abi_lane *lane)
{
    if (lane->attention & ATTEND_STEP)
        step_end(lane);
    if (lane->attention & ATTEND_INITS)
        inits_look(lane);
}
