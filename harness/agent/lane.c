/*
 * lane: one lane per thread, names by birth, events. Written by the lane's own thread, except
 * at birth (the creator) and at a park's end.
 */
#include "agent.h"
#include "emit.h"
#include "heap_check.h"
#include "lap.h"
#include "sched.h"

#include <string.h>

__thread struct abi_lane *agent_lane INITIAL_EXEC;

static void append_number(char *name, char separator, uint32_t number)
{
    char digits[12];
    size_t length = strlen(name);
    unsigned count = 0;

    do
        digits[count++] = (char)('0' + number % 10);
    while ((number /= 10) != 0);
    if (length + count + 2 > PLAN_THREAD_BYTES)
        return; /* too deep a family: the parent's name stands for it */
    if (separator != 0)
        name[length++] = separator;
    while (count > 0)
        name[length++] = digits[--count];
    name[length] = 0;
}

static bool thread_is_gone(const struct abi_lane *lane)
{
    return RAW3(SYS_tgkill, lane->pid, lane->tid, 0) != 0;
}

/* A lane of an ended thread whose tid is gone; the oldest comes first. */
static struct abi_lane *recycle(void)
{
    for (unsigned i = 1; i < ABI_LANES; i++) {
        struct abi_lane *lane = &agent_memory->lane[i];
        uint32_t ended = LANE_ENDED;

        if (lane->state == LANE_ENDED && lane->epoch == CONTROL->epoch && thread_is_gone(lane) &&
            __atomic_compare_exchange_n(&lane->state, &ended, LANE_BORN, false, __ATOMIC_ACQ_REL,
                                        __ATOMIC_RELAXED))
            return lane;
    }
    return NULL;
}

static struct abi_lane *claim(void)
{
    uint32_t index = __atomic_load_n(&CONTROL->lanes, __ATOMIC_RELAXED);

    while (index < ABI_LANES)
        if (__atomic_compare_exchange_n(&CONTROL->lanes, &index, index + 1, false, __ATOMIC_ACQ_REL,
                                        __ATOMIC_RELAXED))
            return &agent_memory->lane[index];
    return recycle();
}

/* Counts of a recycled lane stay in the sum: exact totals outlive their thread. */
IN_EVERY_CYCLE static void reset(struct abi_lane *lane)
{
    bool recycled = lane->epoch == CONTROL->epoch;
    int64_t bytes = recycled ? lane->live_bytes : 0;
    int64_t blocks = recycled ? lane->live_blocks : 0;
    uint64_t seq = recycled ? lane->seq : 0;

    memset(lane, 0, offsetof(struct abi_lane, held));
    lane->live_bytes = bytes;
    lane->live_blocks = blocks;
    lane->seq = seq;
    lane->pid = CONTROL->pid;
    lane->careful = heap_checks(HEAP_CHECKS);
    lane->state = LANE_BORN;
    __atomic_store_n(&lane->epoch, CONTROL->epoch, __ATOMIC_RELEASE);
}

static struct abi_lane *no_lane(void)
{
    __atomic_fetch_add(&CONTROL->lane_overflow, 1, __ATOMIC_RELAXED);
    return NULL;
}

/* Of the target's own: a child has a count of its own, which nobody asks for. */
void lane_count_alive(const struct abi_lane *lane, int32_t change)
{
    if (!lane->elsewhere)
        __atomic_fetch_add(&CONTROL->alive, (uint32_t)change, __ATOMIC_RELAXED);
}

IN_EVERY_CYCLE static void identify(struct abi_lane *lane)
{
    lane->tid = (uint32_t)RAW1(SYS_gettid, 0);
    lane->pthread = (uint64_t)__builtin_thread_pointer(); /* pthread_self(), without libc */
    agent_lane = lane;
}

struct abi_lane *lane_claim_child(struct abi_lane *parent)
{
    struct abi_lane *lane = claim();

    parent->children++;
    if (lane == NULL)
        return no_lane();
    reset(lane);
    lane->pid = parent->pid;
    lane->elsewhere = parent->elsewhere;
    lane->careful |= lane->elsewhere;
    lane->parent = lane_index(parent);
    memcpy(lane->name, parent->name, sizeof lane->name);
    append_number(lane->name, '.', parent->children);
    strike_arm(lane);
    return lane;
}

void lane_run(struct abi_lane *lane)
{
    identify(lane);
    __atomic_store_n(&lane->state, LANE_RUNS, __ATOMIC_RELEASE);
    fatal_stack(lane);
    lane_event(lane, EVENT_THREAD_BORN, lane->parent, lane->start, 0);
}

struct abi_lane *lane_adopt(void)
{
    struct abi_lane *lane;

    if (!agent_active || (lane = claim()) == NULL)
        return NULL;
    reset(lane);
    strcpy(lane->name, "T?");
    append_number(lane->name, 0,
                  __atomic_add_fetch(&CONTROL->unknown_threads, 1, __ATOMIC_RELAXED));
    lane->pid = (uint32_t)RAW1(SYS_getpid, 0);
    lane->elsewhere = lane->pid != CONTROL->pid;
    lane->careful |= lane->elsewhere;
    lane_count_alive(lane, 1);
    strike_arm(lane);
    lane_run(lane);
    return lane;
}

IN_EVERY_CYCLE void lane_begin_main(void)
{
    struct abi_lane *lane = &agent_memory->lane[0];

    CONTROL->lanes = 1;
    CONTROL->alive = 1;
    reset(lane);
    lane->name[0] = 'T';
    lane->name[1] = '1';
    strike_arm(lane);
    identify(lane);
    lane->state = LANE_RUNS;
    lap_begin_cycle();
    sched_begin(lane);
    lane_event(lane, EVENT_CYCLE_BEGIN, 0, CONTROL->cycle, 0);
}

void lane_begin_forked(struct abi_lane *parent)
{
    struct abi_lane *lane = claim();

    agent_lane = NULL;
    if (lane == NULL) {
        no_lane();
        agent_active = 0;
        return;
    }
    reset(lane);
    lane->pid = (uint32_t)RAW1(SYS_getpid, 0);
    lane->parent = lane_index(parent);
    lane->elsewhere = lane->careful = 1;
    memcpy(lane->name, parent->name, sizeof lane->name);
    append_number(lane->name, 'f', parent->forks);
    /* What the parent's thread held, its copy holds in the child. */
    memcpy(lane->held, parent->held, sizeof lane->held);
    lane->held_count = parent->held_count;
    strike_arm(lane);
    lane_run(lane);
}

void lane_end(struct abi_lane *lane, enum abi_end how)
{
    if (lane->end != END_RUNNING)
        return;
    lane->end = how;
    lane_event(lane, EVENT_THREAD_ENDS, how, 0, 0);
    lane_count_alive(lane, -1);
    __atomic_store_n(&lane->state, LANE_ENDED, __ATOMIC_RELEASE);
}

/* Its state stays as it was, since it has told of no end: thread.left-behind. */
void lane_vanished(struct abi_lane *lane)
{
    uint32_t running = END_RUNNING;

    if (!__atomic_compare_exchange_n(&lane->end, &running, END_UNKNOWN, false, __ATOMIC_ACQ_REL,
                                     __ATOMIC_RELAXED))
        return;
    lane_count_alive(lane, -1);
    __atomic_fetch_or(&CONTROL->anomaly, ANOMALY_LOOK, __ATOMIC_RELAXED);
}

/* A main thread that has ended stays in the list of threads until the process ends. */
static bool has_vanished(const struct abi_lane *lane)
{
    if (lane->state != LANE_RUNS || lane->end != END_RUNNING || lane->name[1] == '?')
        return false;
    return thread_is_gone(lane) || (lane->tid == lane->pid && agent_task_state(lane->tid) == 'Z');
}

void lane_count_vanished(const struct abi_lane *self)
{
    uint32_t lanes = CONTROL->lanes < ABI_LANES ? CONTROL->lanes : ABI_LANES;

    for (uint32_t i = 0; i < lanes && CONTROL->alive > 1; i++) {
        struct abi_lane *lane = &agent_memory->lane[i];

        if (lane != self && lane->epoch == CONTROL->epoch && lane->pid == self->pid &&
            has_vanished(lane))
            lane_vanished(lane);
    }
}

IN_EVERY_CYCLE void lane_event(struct abi_lane *lane, uint16_t kind, uint32_t aux, uint64_t object,
                               uint64_t other)
{
    lane->now = agent_ticks();
    lane_put(lane, kind, (uint16_t)lane->site, aux, object, other, lane->site_caller, lane->now);
    if (UNLIKELY(CONTROL->options & OPTION_TRACE))
        emit_event(lane, kind, aux, object, other);
}
