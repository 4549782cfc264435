/*
 * sched: hands the turn from lane to lane.
 *
 * CONTROL->schedule_owner is the lane that has the turn (index + 1). All decisions are taken
 * by the thread that has it, so they need no lock; the only races are with threads that the
 * kernel has stopped for reasons of its own, and those are settled by a compare-and-exchange
 * on the owner.
 *
 * Strategy: the dry cycles keep on with one lane until it blocks and then take the first in
 * order of birth. Controlled cycles take a random walk: at each point every lane that can go
 * on is equally likely. Decisions are numbers of the plan's schedule stream.
 */
#include "sched.h"

#include <limits.h>

enum sched_state {
    SCHED_OFF = 0,
    SCHED_READY,
    SCHED_BLOCKED,
    SCHED_TIMED,   /* blocked, but with a time limit that passes when nobody else can go on */
    SCHED_EXPIRED, /* its time limit has passed */
    SCHED_GONE,
};

enum { STEAL_NS = 20000000 };

/* Lanes in wait_turn(): the kernel says that they sleep even if the turn is already theirs. */
static bool waits[ABI_LANES];

/* An owner that was found asleep, with all that would change if it went on. */
struct sleeper {
    uint32_t owner;
    uint64_t steps;
    uint64_t seq;
};

static uint32_t lane_count(void)
{
    uint32_t lanes = __atomic_load_n(&CONTROL->lanes, __ATOMIC_ACQUIRE);

    return lanes < ABI_LANES ? lanes : ABI_LANES;
}

static bool can_run(const struct abi_lane *lane)
{
    return lane->epoch == CONTROL->epoch &&
           (lane->sched_state == SCHED_READY || lane->sched_state == SCHED_EXPIRED) &&
           lane->state != LANE_PARKED && lane->state != LANE_KILLED;
}

/* The hash of all decisions: two cycles with equal hashes were scheduled alike. */
static void note_decision(const struct abi_lane *lane)
{
    CONTROL->schedule_steps++;
    CONTROL->schedule_hash = (CONTROL->schedule_hash ^ (lane_index(lane) + 1) ^
                              (uint64_t)lane->site << 16 ^ lane->seq << 32) *
                             UINT64_C(0x100000001b3);
}

static struct abi_lane *first_ready(const struct abi_lane *current)
{
    if (can_run(current))
        return (struct abi_lane *)current;
    for (uint32_t i = 0; i < lane_count(); i++)
        if (can_run(&agent_memory->lane[i]))
            return &agent_memory->lane[i];
    return NULL;
}

static struct abi_lane *random_ready(void)
{
    uint32_t ready[ABI_LANES];
    uint32_t count = 0;
    uint64_t number = plan_mix(CONTROL->plan.schedule, 0, CONTROL->schedule_steps);

    for (uint32_t i = 0; i < lane_count(); i++)
        if (can_run(&agent_memory->lane[i]))
            ready[count++] = i;
    return count > 0 ? &agent_memory->lane[ready[plan_below(number, count)]] : NULL;
}

/* Nobody can go on: the first time limit passes. */
static struct abi_lane *first_timed(void)
{
    for (uint32_t i = 0; i < lane_count(); i++) {
        struct abi_lane *lane = &agent_memory->lane[i];

        if (lane->epoch == CONTROL->epoch && lane->sched_state == SCHED_TIMED) {
            lane->sched_state = SCHED_EXPIRED;
            return lane;
        }
    }
    return NULL;
}

static struct abi_lane *choose(const struct abi_lane *current)
{
    struct abi_lane *next =
        CONTROL->purpose == PURPOSE_CYCLE ? random_ready() : first_ready(current);

    return next != NULL ? next : first_timed();
}

static void give_turn(struct abi_lane *next)
{
    __atomic_store_n(&CONTROL->schedule_owner, lane_index(next) + 1, __ATOMIC_RELEASE);
    __atomic_store_n(&next->sched_turn, 1, __ATOMIC_RELEASE);
    agent_futex_wake(&next->sched_turn);
}

/* The owner sleeps in something that no hook models, so it will not give the turn away. */
static bool owner_sleeps(uint32_t owner)
{
    const struct abi_lane *lane;
    char state;

    if (owner == 0 || owner > ABI_LANES)
        return true;
    lane = &agent_memory->lane[owner - 1];
    if (lane->state == LANE_BORN || __atomic_load_n(&waits[owner - 1], __ATOMIC_ACQUIRE))
        return false;
    state = agent_task_state(lane->tid);
    return state == 'S' || state == 'D' || state == 'Z' || state == 'X' || state == 't';
}

/* It slept when we looked last, and has done nothing since. */
static bool slept_before(uint32_t owner, struct sleeper *seen)
{
    uint64_t seq = owner != 0 ? agent_memory->lane[owner - 1].seq : 0;
    struct sleeper now = {owner, CONTROL->schedule_steps, seq};
    bool same = seen->owner == now.owner && seen->steps == now.steps && seen->seq == now.seq;

    *seen = now;
    return same || owner == 0;
}

static void steal_turn(struct abi_lane *lane, struct sleeper *seen)
{
    uint32_t owner = __atomic_load_n(&CONTROL->schedule_owner, __ATOMIC_ACQUIRE);

    if (!can_run(lane) || owner == lane_index(lane) + 1 || !owner_sleeps(owner) ||
        !slept_before(owner, seen))
        return;
    if (__atomic_compare_exchange_n(&CONTROL->schedule_owner, &owner, lane_index(lane) + 1, false,
                                    __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {
        CONTROL->schedule_stolen++;
        lane->sched_turn = 1;
    }
}

/* Has given its turn away for good, and may still be on its way out. */
static const struct abi_lane *leaving;

/* A thread's last steps would be seen at some times only: a join that waits, a stack to reuse. */
static void let_leave(void)
{
    const struct abi_lane *lane = leaving;
    char state;

    leaving = NULL;
    if (lane == NULL)
        return;
    while ((state = agent_task_state(lane->tid)) == 'R' || state == 'D')
        RAW1(SYS_sched_yield, 0);
}

/*
 * A lane that could go on looks now and then whether the turn is lost in the kernel. One that
 * cannot waits without a time limit, so that the watch can prove a deadlock.
 */
static void wait_turn(struct abi_lane *lane)
{
    struct {
        int64_t seconds;
        int64_t nanoseconds;
    } limit = {0, STEAL_NS};
    struct sleeper seen = {UINT32_MAX, 0, 0};

    __atomic_store_n(&waits[lane_index(lane)], true, __ATOMIC_RELEASE);
    while (__atomic_load_n(&lane->sched_turn, __ATOMIC_ACQUIRE) == 0) {
        raw_syscall(SYS_futex, (long)&lane->sched_turn, 0, 0, can_run(lane) ? (long)&limit : 0, 0,
                    0);
        if (UNLIKELY(lane->attention & ATTEND_DIE)) /* its turn would never come */
            strike_vanish();
        if (__atomic_load_n(&lane->sched_turn, __ATOMIC_ACQUIRE) == 0)
            steal_turn(lane, &seen);
    }
    lane->sched_turn = 0;
    __atomic_store_n(&waits[lane_index(lane)], false, __ATOMIC_RELEASE);
    let_leave();
}

/* Gives the turn to @next and comes back when it is ours again. */
static void hand_over(struct abi_lane *lane, struct abi_lane *next)
{
    if (next == lane)
        return;
    if (next != NULL)
        give_turn(next);
    else /* a real deadlock: everybody waits, and the watch will find us */
        __atomic_store_n(&CONTROL->schedule_owner, 0, __ATOMIC_RELEASE);
    wait_turn(lane);
}

void sched_expect(struct abi_lane *lane)
{
    if (CONTROL->schedule_owner != 0)
        lane->sched_state = SCHED_READY;
}

void sched_leave(struct abi_lane *lane)
{
    struct abi_lane *next;

    if (!sched_on(lane) || lane->sched_state == SCHED_GONE)
        return;
    sched_wake((void *)lane, UINT32_MAX);
    lane->sched_state = SCHED_GONE;
    if (CONTROL->schedule_owner == lane_index(lane) + 1 && (next = choose(lane)) != NULL) {
        leaving = lane;
        give_turn(next);
    }
}

void sched_point(struct abi_lane *lane)
{
    if (!sched_on(lane) || lane->sched_state == SCHED_GONE || lane->stepping != 0 ||
        lane->loading != 0)
        return;
    note_decision(lane);
    hand_over(lane, choose(lane));
}

bool sched_block(struct abi_lane *lane, const volatile void *object, bool timed)
{
    lane->sched_object = (uint64_t)object;
    lane->sched_priority = (int64_t)++CONTROL->schedule_order;
    lane->sched_state = timed ? SCHED_TIMED : SCHED_BLOCKED;
    note_decision(lane);
    hand_over(lane, choose(lane));
    if (lane->sched_state != SCHED_EXPIRED && lane->sched_state != SCHED_READY)
        wait_turn(lane); /* a stolen turn came too early */
    timed = lane->sched_state == SCHED_EXPIRED;
    lane->sched_state = SCHED_READY;
    lane->sched_object = 0;
    return timed;
}

static struct abi_lane *longest_blocked(uint64_t object)
{
    struct abi_lane *found = NULL;

    for (uint32_t i = 0; i < lane_count(); i++) {
        struct abi_lane *lane = &agent_memory->lane[i];

        if (lane->epoch == CONTROL->epoch && lane->sched_object == object &&
            (lane->sched_state == SCHED_BLOCKED || lane->sched_state == SCHED_TIMED) &&
            (found == NULL || lane->sched_priority < found->sched_priority))
            found = lane;
    }
    return found;
}

static void make_ready(struct abi_lane *lane)
{
    lane->sched_state = SCHED_READY;
    agent_futex_wake(&lane->sched_turn); /* it waits with a time limit from now on */
}

void sched_wake(const volatile void *object, uint32_t most)
{
    struct abi_lane *lane;

    if (!sched_on(agent_lane))
        return;
    while (most-- > 0 && (lane = longest_blocked((uint64_t)object)) != NULL)
        make_ready(lane);
}

void sched_interrupt(struct abi_lane *lane)
{
    if (lane != NULL && (lane->sched_state == SCHED_BLOCKED || lane->sched_state == SCHED_TIMED))
        make_ready(lane);
}

void sched_park(struct abi_lane *lane)
{
    struct abi_lane *next;

    if (!sched_on(lane))
        return;
    next = choose(lane);
    if (next != NULL)
        give_turn(next);
    else
        __atomic_store_n(&CONTROL->schedule_owner, 0, __ATOMIC_RELEASE);
}

void sched_unpark(struct abi_lane *lane)
{
    uint32_t nobody = 0;

    if (!sched_on(lane))
        return;
    if (__atomic_compare_exchange_n(&CONTROL->schedule_owner, &nobody, lane_index(lane) + 1, false,
                                    __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
        return; /* all the others wait for us */
    wait_turn(lane);
}

/* --- the end of a thread ------------------------------------------------------------------- */

static pthread_key_t last_key;
static int have_key;

/* Key destructors run in up to four rounds; ours comes back until the last. */
static void last_destructor(void *argument)
{
    struct abi_lane *lane = argument;

    if (++lane->sched_rounds < PTHREAD_DESTRUCTOR_ITERATIONS)
        pthread_setspecific(last_key, lane);
    else
        sched_leave(lane);
}

static void watch_end(struct abi_lane *lane)
{
    if (have_key)
        pthread_setspecific(last_key, lane);
}

IN_EVERY_CYCLE void sched_begin(struct abi_lane *lane)
{
    CONTROL->schedule_owner = 0;
    CONTROL->schedule_steps = 0;
    CONTROL->schedule_hash = UINT64_C(0xcbf29ce484222325);
    CONTROL->schedule_stolen = 0;
    if (CONTROL->plan.mode != PLAN_CONTROLLED)
        return;
    have_key = real.pthread_key_create(&last_key, last_destructor) == 0;
    CONTROL->schedule_owner = lane_index(lane) + 1;
    lane->sched_state = SCHED_READY;
    watch_end(lane);
}

void sched_enter(struct abi_lane *lane)
{
    if (!sched_on(lane))
        return;
    wait_turn(lane);
    watch_end(lane);
}

bool sched_gone(const struct abi_lane *lane)
{
    return lane->sched_state == SCHED_GONE || lane->state == LANE_KILLED;
}
