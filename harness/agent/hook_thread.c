/*
 * hook_thread: births, ends, joins. A thread's lane is claimed by its creator, so that its
 * name says whose child it is and its start routine needs no memory of ours.
 */
#include "agent.h"
#include "held.h"
#include "sched.h"

#include <errno.h>

/*
 * Runs when the thread leaves by any orderly way but its own return. In a child that it has forked
 * the same frames end, and @argument is the parent's lane: whose end it is says agent_lane.
 */
static void unwound(void *argument)
{
    struct abi_lane *lane = agent_lane;
    bool nested;

    (void)argument;
    if (lane == NULL)
        return;
    nested = lane->depth != 0;
    lane->depth = 1;
    lane_end(lane, lane->end == END_RUNNING ? END_CANCEL : (enum abi_end)lane->end);
    if (!nested)
        lane->depth = 0;
}

static void enter_thread(struct abi_lane *lane)
{
    struct agent_call call;

    lane->depth = 1;
    agent_lane = lane;
    sched_enter(lane);
    lane_run(lane);
    lane->depth = 0;
    call = agent_enter(SITE_THREAD_START, lane->start);
    agent_leave(call);
}

/* As for unwound(): @start is of the thread, the lane may be of its copy in a child. */
static void leave_thread(uint64_t start)
{
    struct agent_call call = agent_enter(SITE_THREAD_EXIT, start);

    if (call.lane != NULL)
        lane_end(call.lane, END_RETURN);
    agent_leave(call);
}

static void *thread_main(void *argument)
{
    struct abi_lane *lane = argument;
    void *(*start)(void *) = (void *(*)(void *))lane->start;
    void *result;

    pthread_cleanup_push(unwound, lane); /* first: it may be cancelled as it enters */
    enter_thread(lane);
    result = start((void *)lane->start_argument);
    leave_thread((uint64_t)start);
    pthread_cleanup_pop(0);
    return result;
}

static int c11_main(void *argument)
{
    struct abi_lane *lane = argument;
    int (*start)(void *) = (int (*)(void *))lane->start;
    int result;

    pthread_cleanup_push(unwound, lane); /* first: it may be cancelled as it enters */
    enter_thread(lane);
    result = start((void *)lane->start_argument);
    leave_thread((uint64_t)start);
    pthread_cleanup_pop(0);
    return result;
}

static struct abi_lane *expect_child(struct agent_call call, uint64_t start, uint64_t argument)
{
    struct abi_lane *child = call.lane != NULL ? lane_claim_child(call.lane) : NULL;

    if (child == NULL)
        return NULL;
    child->start = start;
    child->start_argument = argument;
    sched_expect(child);
    lane_count_alive(child, 1);
    return child;
}

/* The exiting thread itself: what others make meanwhile is their everyday work. */
static bool is_on_the_way_out(const struct abi_lane *lane)
{
    return CONTROL->phase != PHASE_RUNNING && lane->pid == CONTROL->pid &&
           lane_index(lane) == CONTROL->exiting_lane;
}

static void birth(struct agent_call call, struct abi_lane *child, uint64_t caller, bool failed)
{
    uint64_t start = child != NULL ? child->start : 0;

    if (call.lane == NULL)
        return;
    call.lane->site_caller = caller; /* not what was called meanwhile */
    lane_event(call.lane, EVENT_CALL, child != NULL ? lane_index(child) : UINT32_MAX, start,
               failed);
    if (!failed && is_on_the_way_out(call.lane)) /* exit.thread-created */
        __atomic_fetch_or(&CONTROL->anomaly, ANOMALY_LOOK, __ATOMIC_RELAXED);
    if (failed && child != NULL) {
        lane_count_alive(child, -1);
        child->end = END_UNKNOWN;
        child->sched_state = 0;
        child->state = LANE_FREE;
    }
}

HOOK int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *),
                        void *argument)
{
    struct agent_call call = agent_enter(SITE_THREAD_CREATE, CALLER());
    struct abi_lane *child = expect_child(call, (uint64_t)start, (uint64_t)argument);
    int result;

    AGENT_CALL(call, result = child != NULL
                                  ? real.pthread_create(thread, attributes, thread_main, child)
                                  : real.pthread_create(thread, attributes, start, argument));
    if (child != NULL && result == 0)
        child->pthread = *thread;
    birth(call, child, CALLER(), result != 0);
    sched_point(call.lane);
    agent_leave(call);
    return result;
}

HOOK int thrd_create(thrd_t *thread, thrd_start_t start, void *argument)
{
    struct agent_call call = agent_enter(SITE_THREAD_CREATE, CALLER());
    struct abi_lane *child = expect_child(call, (uint64_t)start, (uint64_t)argument);
    int result;

    AGENT_CALL(call, result = child != NULL ? real.thrd_create(thread, c11_main, child)
                                            : real.thrd_create(thread, start, argument));
    if (child != NULL && result == thrd_success)
        child->pthread = *thread;
    birth(call, child, CALLER(), result != thrd_success);
    sched_point(call.lane);
    agent_leave(call);
    return result;
}

static void about_to_exit(uint64_t caller)
{
    struct agent_call call = agent_enter(SITE_THREAD_EXIT, caller);

    if (call.lane != NULL && call.lane->end == END_RUNNING) {
        lane_event(call.lane, EVENT_CALL, 0, 0, 0);
        if (lane_index(call.lane) == 0) /* main has no frame of ours to unwind through */
            lane_end(call.lane, END_EXIT);
        else
            call.lane->end = END_RUNNING;
    }
    agent_leave(call);
}

HOOK void pthread_exit(void *value)
{
    about_to_exit(CALLER());
    real.pthread_exit(value);
    __builtin_unreachable();
}

HOOK void thrd_exit(int value)
{
    about_to_exit(CALLER());
    real.thrd_exit(value);
    __builtin_unreachable();
}

/* --- joining ------------------------------------------------------------------------- */

struct join_wait {
    struct agent_call call;
    pthread_t thread;
    int result;
    uint32_t tid;
};

/*
 * A child's only thread has the pthread_t of the one that forked it: the own process's is meant.
 * Stacks are used again, and a pthread_t with them: of those that had it the living one is
 * meant, else the last to end. Lanes are used again too, so the index says nothing.
 */
static bool is_meant_rather(const struct abi_lane *asking, const struct abi_lane *lane,
                            const struct abi_lane *found)
{
    if (found != NULL && (lane->pid == asking->pid) != (found->pid == asking->pid))
        return lane->pid == asking->pid;
    if (found == NULL || (lane->state == LANE_ENDED) != (found->state == LANE_ENDED))
        return found == NULL || found->state == LANE_ENDED;
    return lane->now >= found->now;
}

static struct abi_lane *lane_of(const struct abi_lane *asking, pthread_t thread)
{
    uint32_t lanes = CONTROL->lanes < ABI_LANES ? CONTROL->lanes : ABI_LANES;
    struct abi_lane *found = NULL;

    for (uint32_t i = 0; i < lanes; i++) {
        struct abi_lane *lane = &agent_memory->lane[i];

        if (lane->epoch == CONTROL->epoch && lane->pthread == thread &&
            is_meant_rather(asking, lane, found))
            found = lane;
    }
    return found;
}

/* Once there are no more lanes they are used again, while we were joining; thread ids are not. */
static bool is_still_of(const struct abi_lane *target, const struct join_wait *join)
{
    return CONTROL->lanes < ABI_LANES || (join->tid != 0 && target->tid == join->tid);
}

/* Joined, and it never told of its end. A thread that a child joins without having it lives on. */
static void find_vanished(const struct abi_lane *lane, const struct join_wait *join)
{
    uint64_t index = lane->wait_other - 1;
    struct abi_lane *target = &agent_memory->lane[index % ABI_LANES];

    if (join->result == 0 && index < ABI_LANES && target->state == LANE_RUNS &&
        target->pid == lane->pid && target->name[1] != '?' && is_still_of(target, join))
        lane_vanished(target);
}

static void join_over(struct join_wait *join)
{
    struct abi_lane *lane = join->call.lane;

    if (lane == NULL)
        return;
    agent_inside(join->call);
    find_vanished(lane, join);
    held_wait_end(lane);
    lane_event(lane, EVENT_JOIN_END, 0, join->thread, (uint64_t)join->result);
    if (lane->loading > 0) /* loader.join-inside, once that call has come to its end */
        __atomic_fetch_or(&CONTROL->anomaly, ANOMALY_LOOK, __ATOMIC_RELAXED);
    agent_leave(join->call);
}

static void join_begins(struct join_wait *join)
{
    struct abi_lane *lane = join->call.lane;
    struct abi_lane *target;

    if (lane == NULL)
        return;
    target = lane_of(lane, join->thread);
    held_wait_begin(lane, (void *)join->thread, MODE_JOIN);
    lane->wait_other = target != NULL ? lane_index(target) + 1u : 0;
    join->tid = target != NULL ? target->tid : 0;
    lane_event(lane, EVENT_JOIN_BEGIN, target != NULL ? target->tid : 0, join->thread,
               lane->wait_other);
    sched_own(lane);
    while (sched_on(lane) && sched_on(target) && !sched_gone(target)) {
        held_test_cancel(lane);
        sched_block(lane, target, false);
    }
    agent_outside(join->call);
}

typedef const struct timespec *deadline;

#define JOIN_HOOK(name, SITE, PARAMETERS, ARGUMENTS)                                               \
    HOOK int name PARAMETERS                                                                       \
    {                                                                                              \
        struct join_wait join __attribute__((cleanup(join_over))) = {agent_enter(SITE, CALLER()),  \
                                                                     thread, ECANCELED, 0};        \
        int result;                                                                                \
                                                                                                   \
        join_begins(&join);                                                                        \
        result = real.name ARGUMENTS;                                                              \
        join.result = result;                                                                      \
        return result;                                                                             \
    }
JOIN_HOOK(pthread_join, SITE_JOIN, (pthread_t thread, void **value), (thread, value))
JOIN_HOOK(pthread_tryjoin_np, SITE_TIMEDJOIN, (pthread_t thread, void **value), (thread, value))
JOIN_HOOK(pthread_timedjoin_np, SITE_TIMEDJOIN, (pthread_t thread, void **value, deadline until),
          (thread, value, until))
JOIN_HOOK(pthread_clockjoin_np, SITE_TIMEDJOIN,
          (pthread_t thread, void **value, clockid_t clock, deadline until),
          (thread, value, clock, until))
JOIN_HOOK(thrd_join, SITE_JOIN, (thrd_t thread, int *value), (thread, value))

#define SIMPLE_HOOK(name, SITE, OBJECT, PARAMETERS, ARGUMENTS)                                     \
    HOOK int name PARAMETERS                                                                       \
    {                                                                                              \
        struct agent_call call = agent_enter(SITE, CALLER());                                      \
        int result;                                                                                \
                                                                                                   \
        if (call.lane != NULL)                                                                     \
            lane_event(call.lane, EVENT_CALL, 0, (uint64_t)OBJECT, 0);                             \
        AGENT_CALL(call, result = real.name ARGUMENTS);                                            \
        agent_leave(call);                                                                         \
        return result;                                                                             \
    }
SIMPLE_HOOK(pthread_detach, SITE_DETACH, thread, (pthread_t thread), (thread))
SIMPLE_HOOK(thrd_detach, SITE_DETACH, thread, (thrd_t thread), (thread))

/*
 * lttng-ust's destructor cancels its listener threads, which a forked child does not have:
 * their stacks may be another thread's by now, or gone (seen: SIGSEGV in pthread_cancel).
 */
static bool cancels_the_recorder(uint64_t caller)
{
    return agent_active && emit_calls(caller) && !(CONTROL->options & OPTION_FRESH);
}

HOOK int pthread_cancel(pthread_t thread)
{
    struct agent_call call = agent_enter(SITE_CANCEL, CALLER());
    int result;

    if (cancels_the_recorder(CALLER()))
        return 0;
    if (call.lane != NULL)
        lane_event(call.lane, EVENT_CALL, 0, thread, 0);
    AGENT_CALL(call, result = real.pthread_cancel(thread));
    if (sched_on(call.lane)) {
        sched_own(call.lane);
        sched_interrupt(lane_of(call.lane, thread));
        sched_point(call.lane);
    }
    agent_leave(call);
    return result;
}
