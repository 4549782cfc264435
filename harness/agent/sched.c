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
 *
 * A lane may wait for another by looking again and again, at a word, a pipe or a time. So in a dry
 * cycle nobody has the turn for ever, time limits pass as decisions are taken, and from one who
 * takes no decision at all the turn is taken away.
 */
#include "sched.h"

#include <limits.h>

enum sched_state {
    SCHED_OFF = 0,
    SCHED_READY,
    SCHED_BLOCKED,
    SCHED_TIMED,   /* blocked, with a time limit that passes when nobody else can go on, or late */
    SCHED_EXPIRED, /* its time limit has passed */
    SCHED_ASTRAY,  /* lost its turn somewhere, and gets none before it comes by again */
    SCHED_GONE,
};

enum {
    STEAL_NS = 20000000,
    WORK_LOOKS = 100,   /* that see an owner work on without a decision, before he loses the turn */
    TURN_STEPS = 10000, /* decisions that one lane takes in a row, and after which a limit passes */
};

/* abi_lane.sched_turn; LOOK: the lane may go on, so it is to wait with a time limit. */
enum { TURN_NONE = 0, TURN_HERE, TURN_LOOK };

/* Lanes in wait_turn(): the kernel says that they sleep even if the turn is already theirs. */
static bool waits[ABI_LANES];

/* An owner as it was found, with all that would change if it went on. @looks: that found it so. */
struct seen {
    uint32_t owner;
    uint64_t steps;
    uint64_t seq;
    unsigned looks;
    bool slept;
};

/* Who has had the turn since which step. */
static const struct abi_lane *keeper;
static uint64_t kept_since;

static bool has_turn(const struct abi_lane *lane)
{
    return __atomic_load_n(&CONTROL->schedule_owner, __ATOMIC_ACQUIRE) == lane_index(lane) + 1;
}

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

/* Whose limit has not passed yet would go on if the turn were lost. */
static bool may_steal(const struct abi_lane *lane)
{
    return can_run(lane) || lane->sched_state == SCHED_TIMED;
}

/* The hash of all decisions: two cycles with equal hashes were scheduled alike. */
static void note_decision(const struct abi_lane *lane)
{
    CONTROL->schedule_steps++;
    CONTROL->schedule_hash = (CONTROL->schedule_hash ^ (lane_index(lane) + 1) ^
                              (uint64_t)lane->site << 16 ^ lane->seq << 32) *
                             UINT64_C(0x100000001b3);
}

/* The next one, in order of birth; from @current on if that has had its part. */
static struct abi_lane *first_ready(const struct abi_lane *current)
{
    uint64_t steps = CONTROL->schedule_steps;
    uint32_t count = lane_count();
    uint32_t first = 0;

    if (current != keeper) {
        keeper = current;
        kept_since = steps;
    }
    if (can_run(current)) {
        if (steps - kept_since < TURN_STEPS)
            return (struct abi_lane *)current;
        kept_since = steps;
        first = lane_index(current) + 1;
    }
    for (uint32_t i = 0; i < count; i++)
        if (can_run(&agent_memory->lane[(first + i) % count]))
            return &agent_memory->lane[(first + i) % count];
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

static bool is_timed(const struct abi_lane *lane, uint64_t object)
{
    (void)object;
    return lane->epoch == CONTROL->epoch && lane->sched_state == SCHED_TIMED;
}

static bool is_blocked_on(const struct abi_lane *lane, uint64_t object)
{
    return lane->epoch == CONTROL->epoch && lane->sched_object == object &&
           (lane->sched_state == SCHED_BLOCKED || lane->sched_state == SCHED_TIMED);
}

static struct abi_lane *longest_waiting(bool (*fits)(const struct abi_lane *lane, uint64_t object),
                                        uint64_t object)
{
    struct abi_lane *found = NULL;

    for (uint32_t i = 0; i < lane_count(); i++) {
        struct abi_lane *lane = &agent_memory->lane[i];

        if (fits(lane, object) && (found == NULL || lane->sched_priority < found->sched_priority))
            found = lane;
    }
    return found;
}

/* Nobody can go on: the first time limit passes. */
static struct abi_lane *first_timed(void)
{
    for (uint32_t i = 0; i < lane_count(); i++) {
        struct abi_lane *lane = &agent_memory->lane[i];

        if (is_timed(lane, 0)) {
            lane->sched_state = SCHED_EXPIRED;
            return lane;
        }
    }
    return NULL;
}

/* Somebody works on: who has waited longest has waited long enough, now and then. */
static void pass_time(void)
{
    struct abi_lane *lane;

    if (CONTROL->schedule_steps % TURN_STEPS == TURN_STEPS - 1 &&
        (lane = longest_waiting(is_timed, 0)) != NULL)
        lane->sched_state = SCHED_EXPIRED;
}

static struct abi_lane *choose(const struct abi_lane *current)
{
    struct abi_lane *next;

    pass_time();
    next = CONTROL->purpose == PURPOSE_CYCLE ? random_ready() : first_ready(current);
    return next != NULL ? next : first_timed();
}

/* NULL: to nobody. Who can go on takes it then. */
static void give_turn(struct abi_lane *next)
{
    uint32_t owner = next != NULL ? lane_index(next) + 1 : 0;

    __atomic_store_n(&CONTROL->schedule_owner, owner, __ATOMIC_RELEASE);
    if (next == NULL)
        return;
    __atomic_store_n(&next->sched_turn, TURN_HERE, __ATOMIC_RELEASE);
    agent_futex_wake(&next->sched_turn);
}

/* NULL: nobody has the turn, or the number is none that we wrote. */
static struct abi_lane *lane_of(uint32_t owner)
{
    return owner != 0 && owner <= ABI_LANES ? &agent_memory->lane[owner - 1] : NULL;
}

/* It has begun, and does not wait for a turn that may be its own already. */
static bool is_on_its_way(const struct abi_lane *lane)
{
    return lane->state != LANE_BORN && !__atomic_load_n(&waits[lane_index(lane)], __ATOMIC_ACQUIRE);
}

/* In something that no hook models, so it will not give the turn away. */
static bool is_asleep(const struct abi_lane *lane)
{
    char state = is_on_its_way(lane) ? agent_task_state(lane->tid) : 'R';

    return state == 'S' || state == 'D' || state == 'Z' || state == 'X' || state == 't';
}

/* Whether it is to lose the turn: it slept when we looked last too, and has done nothing since, or
 * it has worked without a decision for long, and is not the slower for being stepped. */
static bool look(uint32_t owner, struct seen *seen)
{
    const struct abi_lane *lane = lane_of(owner);
    struct seen now = {.owner = owner, .steps = CONTROL->schedule_steps};
    bool same;

    if (lane == NULL)
        return true;
    now.seq = lane->seq;
    now.slept = is_asleep(lane);
    same = seen->owner == now.owner && seen->steps == now.steps && seen->seq == now.seq;
    now.looks = same ? seen->looks + 1 : 0;
    same = same && seen->slept && now.slept;
    *seen = now;
    return same || (now.looks >= WORK_LOOKS && lane->stepping == 0 && is_on_its_way(lane));
}

/* Chosen again it would keep the turn as long as before. */
static void lead_astray(struct abi_lane *lane)
{
    uint32_t ready = SCHED_READY;

    if (lane != NULL)
        __atomic_compare_exchange_n(&lane->sched_state, &ready, SCHED_ASTRAY, false,
                                    __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

/* Whoever led it astray may do so when it is back already, so it looks each time. */
static void come_back(struct abi_lane *lane)
{
    uint32_t astray = SCHED_ASTRAY;

    __atomic_compare_exchange_n(&lane->sched_state, &astray, SCHED_READY, false, __ATOMIC_ACQ_REL,
                                __ATOMIC_RELAXED);
}

static void steal_turn(struct abi_lane *lane, struct seen *seen)
{
    uint32_t owner = __atomic_load_n(&CONTROL->schedule_owner, __ATOMIC_ACQUIRE);
    struct abi_lane *before = lane_of(owner);

    if (has_turn(lane) || !may_steal(lane) || !look(owner, seen))
        return;
    if (__atomic_compare_exchange_n(&CONTROL->schedule_owner, &owner, lane_index(lane) + 1, false,
                                    __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {
        CONTROL->schedule_stolen++;
        lead_astray(before);
        if (lane->sched_state == SCHED_TIMED)
            lane->sched_state = SCHED_EXPIRED;
        lane->sched_turn = TURN_HERE;
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
 * A lane that could go on looks now and then whether the turn is lost. One that cannot waits
 * without a time limit, so that the watch can prove a deadlock.
 */
static void wait_turn(struct abi_lane *lane)
{
    struct {
        int64_t seconds;
        int64_t nanoseconds;
    } limit = {0, STEAL_NS};
    struct seen seen = {.owner = UINT32_MAX};

    __atomic_store_n(&waits[lane_index(lane)], true, __ATOMIC_RELEASE);
    while (__atomic_load_n(&lane->sched_turn, __ATOMIC_ACQUIRE) != TURN_HERE) {
        uint32_t told = TURN_LOOK;

        __atomic_compare_exchange_n(&lane->sched_turn, &told, TURN_NONE, false, __ATOMIC_ACQ_REL,
                                    __ATOMIC_ACQUIRE);
        come_back(lane);
        raw_syscall(SYS_futex, (long)&lane->sched_turn, 0, TURN_NONE,
                    lane->sched_state != SCHED_BLOCKED ? (long)&limit : 0, 0, 0);
        if (UNLIKELY(lane->attention & ATTEND_DIE)) /* its turn would never come */
            strike_vanish();
        if (__atomic_load_n(&lane->sched_turn, __ATOMIC_ACQUIRE) != TURN_HERE)
            steal_turn(lane, &seen);
    }
    lane->sched_turn = TURN_NONE;
    __atomic_store_n(&waits[lane_index(lane)], false, __ATOMIC_RELEASE);
    let_leave();
}

/* Gives the turn to @next and comes back when it is ours again. */
static void hand_over(struct abi_lane *lane, struct abi_lane *next)
{
    if (next == lane)
        return;
    if (next != NULL || has_turn(lane))
        give_turn(next); /* NULL: a real deadlock. Everybody waits, and the watch will find us */
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
    if (!has_turn(lane))
        return;
    next = choose(lane);
    leaving = next != NULL ? lane : NULL;
    give_turn(next); /* NULL: who is astray takes it when he comes by */
}

bool sched_own(struct abi_lane *lane)
{
    bool had;

    if (!sched_on(lane) || sched_gone(lane))
        return false;
    had = has_turn(lane);
    if (!had && !(lane->attention & ATTEND_DIE)) /* who is to die would wait for ever */
        wait_turn(lane);
    return had;
}

void sched_point(struct abi_lane *lane)
{
    if (!sched_own(lane) || lane->stepping != 0 || lane->loading != 0)
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
    hand_over(lane, has_turn(lane) ? choose(lane) : NULL);
    if (lane->sched_state != SCHED_EXPIRED && lane->sched_state != SCHED_READY)
        wait_turn(lane); /* a stolen turn came too early */
    timed = lane->sched_state == SCHED_EXPIRED;
    lane->sched_state = SCHED_READY;
    lane->sched_object = 0;
    return timed;
}

static void make_ready(struct abi_lane *lane)
{
    uint32_t none = TURN_NONE;

    lane->sched_state = SCHED_READY;
    __atomic_compare_exchange_n(&lane->sched_turn, &none, TURN_LOOK, false, __ATOMIC_ACQ_REL,
                                __ATOMIC_RELAXED);
    agent_futex_wake(&lane->sched_turn);
}

void sched_wake(const volatile void *object, uint32_t most)
{
    struct abi_lane *lane;

    sched_own(agent_lane); /* or it would miss who has looked and does not wait yet */
    if (!sched_on(agent_lane))
        return;
    while (most-- > 0 && (lane = longest_waiting(is_blocked_on, (uint64_t)object)) != NULL)
        make_ready(lane);
}

void sched_interrupt(struct abi_lane *lane)
{
    if (lane != NULL && (lane->sched_state == SCHED_BLOCKED || lane->sched_state == SCHED_TIMED))
        make_ready(lane);
}

void sched_park(struct abi_lane *lane)
{
    if (sched_on(lane) && has_turn(lane))
        give_turn(choose(lane));
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
