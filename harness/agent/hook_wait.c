/*
 * hook_wait: conditions, semaphores, barriers, once. A condition gives its mutex up while it
 * waits and has it again afterwards, even when the thread is cancelled inside.
 */
#include "agent.h"
#include "held.h"
#include "sched.h"

#include <errno.h>

struct condition_wait {
    struct agent_call call;
    void *mutex;
};

/* Also the way out of a cancelled wait: the mutex is held again, whatever happened. */
static void wait_over(struct condition_wait *wait)
{
    struct abi_lane *lane = wait->call.lane;

    if (lane == NULL)
        return;
    agent_inside(wait->call);
    held_wait_end(lane);
    held_add(lane, wait->mutex, MODE_MUTEX);
    agent_leave(wait->call);
}

/*
 * Controlled mode: the condition's queue is ours, and the real one is never entered. Returns
 * true when the wait is over this way; a cancelled thread leaves from here, mutex in hand.
 */
static bool wait_turnwise(struct condition_wait *wait, const void *condition, bool timed,
                          int *result)
{
    struct abi_lane *lane = wait->call.lane;

    if (!sched_on(lane))
        return false;
    pthread_testcancel();
    agent_inside(wait->call);
    sched_own(lane);
    real.pthread_mutex_unlock(wait->mutex);
    sched_wake(wait->mutex, UINT32_MAX);
    *result = sched_block(lane, condition, timed) ? ETIMEDOUT : 0;
    held_wait_turn(lane, wait->mutex, MODE_MUTEX, false);
    real.pthread_mutex_lock(wait->mutex);
    agent_outside(wait->call);
    pthread_testcancel();
    return true;
}

static void wait_begins(struct condition_wait *wait, const void *condition)
{
    struct abi_lane *lane = wait->call.lane;

    if (lane == NULL)
        return;
    held_drop(lane, wait->mutex, MODE_MUTEX);
    held_wait_begin(lane, condition, MODE_CONDITION);
    lane->wait_other = (uint64_t)wait->mutex;
    lane_event(lane, EVENT_WAIT_BEGIN, MODE_CONDITION, (uint64_t)condition, (uint64_t)wait->mutex);
    agent_outside(wait->call);
}

#define CONDITION_HOOK(name, SITE, TIMEDOUT, PARAMETERS, ARGUMENTS)                                \
    HOOK int name PARAMETERS                                                                       \
    {                                                                                              \
        struct condition_wait wait                                                                 \
            __attribute__((cleanup(wait_over))) = {agent_enter(SITE, CALLER()), mutex};            \
        int result;                                                                                \
                                                                                                   \
        wait_begins(&wait, condition);                                                             \
        if (wait_turnwise(&wait, condition, TIMEDOUT != 0, &result))                               \
            return result != 0 ? TIMEDOUT : 0;                                                     \
        return real.name ARGUMENTS;                                                                \
    }

typedef const struct timespec *deadline;

CONDITION_HOOK(pthread_cond_wait, SITE_COND_WAIT, 0,
               (pthread_cond_t * condition, pthread_mutex_t *mutex), (condition, mutex))
CONDITION_HOOK(pthread_cond_timedwait, SITE_COND_TIMEDWAIT, ETIMEDOUT,
               (pthread_cond_t * condition, pthread_mutex_t *mutex, deadline until),
               (condition, mutex, until))
CONDITION_HOOK(pthread_cond_clockwait, SITE_COND_TIMEDWAIT, ETIMEDOUT,
               (pthread_cond_t * condition, pthread_mutex_t *mutex, clockid_t clock,
                deadline until),
               (condition, mutex, clock, until))
CONDITION_HOOK(cnd_wait, SITE_COND_WAIT, 0, (cnd_t * condition, mtx_t *mutex), (condition, mutex))
CONDITION_HOOK(cnd_timedwait, SITE_COND_TIMEDWAIT, thrd_timedout,
               (cnd_t * condition, mtx_t *mutex, deadline until), (condition, mutex, until))

#define SIGNAL_HOOK(name, SITE, TYPE, BROADCAST)                                                   \
    HOOK int name(TYPE *object)                                                                    \
    {                                                                                              \
        struct agent_call call = agent_enter(SITE, CALLER());                                      \
        int result;                                                                                \
                                                                                                   \
        if (call.lane != NULL)                                                                     \
            lane_event(call.lane, EVENT_SIGNALLED, BROADCAST, (uint64_t)object, 0);                \
        AGENT_CALL(call, result = real.name(object));                                              \
        if (sched_on(call.lane)) {                                                                 \
            sched_wake(object, BROADCAST ? UINT32_MAX : 1);                                        \
            sched_point(call.lane);                                                                \
        }                                                                                          \
        agent_leave(call);                                                                         \
        return result;                                                                             \
    }
SIGNAL_HOOK(pthread_cond_signal, SITE_COND_SIGNAL, pthread_cond_t, 0)
SIGNAL_HOOK(pthread_cond_broadcast, SITE_COND_BROADCAST, pthread_cond_t, 1)
SIGNAL_HOOK(cnd_signal, SITE_COND_SIGNAL, cnd_t, 0)
SIGNAL_HOOK(cnd_broadcast, SITE_COND_BROADCAST, cnd_t, 1)
SIGNAL_HOOK(sem_post, SITE_SEM_POST, sem_t, 0)

HOOK int pthread_cond_destroy(pthread_cond_t *object)
{
    struct agent_call call = agent_enter(SITE_COND_DESTROY, CALLER());
    int result;

    if (call.lane != NULL)
        held_destroyed(call.lane, object);
    AGENT_CALL(call, result = real.pthread_cond_destroy(object));
    agent_leave(call);
    return result;
}

HOOK void cnd_destroy(cnd_t *object)
{
    struct agent_call call = agent_enter(SITE_COND_DESTROY, CALLER());

    if (call.lane != NULL)
        held_destroyed(call.lane, object);
    AGENT_CALL(call, real.cnd_destroy(object));
    agent_leave(call);
}

/* A wait that hands over nothing that could be held. Cancellation may unwind through it. */
struct plain_wait {
    struct agent_call call;
    const void *object;
    uint32_t mode;
    int result;
    bool timed;
};

static void plain_over(struct plain_wait *wait)
{
    struct abi_lane *lane = wait->call.lane;

    if (lane == NULL)
        return;
    agent_inside(wait->call);
    held_wait_end(lane);
    lane_event(lane, wait->result == 0 ? EVENT_ACQUIRED : EVENT_WAIT_FAILED, wait->mode,
               (uint64_t)wait->object, (uint64_t)wait->result);
    if (wait->mode == MODE_ONCE)
        held_let_go(lane, wait->object);
    agent_leave(wait->call);
}

static void plain_begins(struct plain_wait *wait)
{
    struct abi_lane *lane = wait->call.lane;

    if (lane == NULL)
        return;
    held_wait_begin(lane, wait->object, wait->mode);
    lane_event(lane, EVENT_WAIT_BEGIN, wait->mode, (uint64_t)wait->object, 0);
    if (wait->mode != MODE_BARRIER && !held_wait_turn(lane, wait->object, wait->mode, wait->timed))
        wait->result = ETIMEDOUT;
    agent_outside(wait->call);
}

#define PLAIN_HOOK(name, SITE, MODE, TIMED, PARAMETERS, ARGUMENTS)                                 \
    HOOK int name PARAMETERS                                                                       \
    {                                                                                              \
        struct plain_wait wait __attribute__((cleanup(plain_over))) = {                            \
            agent_enter(SITE, CALLER()), object, MODE, ECANCELED, TIMED};                          \
        int result;                                                                                \
                                                                                                   \
        plain_begins(&wait);                                                                       \
        if (wait.result == ETIMEDOUT) {                                                            \
            errno = ETIMEDOUT; /* semaphores say it so */                                          \
            return -1;                                                                             \
        }                                                                                          \
        result = real.name ARGUMENTS;                                                              \
        wait.result = result;                                                                      \
        return result;                                                                             \
    }
PLAIN_HOOK(sem_wait, SITE_SEM_WAIT, MODE_SEMAPHORE, false, (sem_t * object), (object))
PLAIN_HOOK(sem_timedwait, SITE_SEM_TIMEDWAIT, MODE_SEMAPHORE, true,
           (sem_t * object, deadline until), (object, until))
PLAIN_HOOK(sem_clockwait, SITE_SEM_TIMEDWAIT, MODE_SEMAPHORE, true,
           (sem_t * object, clockid_t clock, deadline until), (object, clock, until))
PLAIN_HOOK(pthread_once, SITE_ONCE, MODE_ONCE, false,
           (pthread_once_t * object, void (*routine)(void)), (object, routine))

HOOK void call_once(once_flag *object, void (*routine)(void))
{
    struct plain_wait wait __attribute__((cleanup(plain_over))) = {agent_enter(SITE_ONCE, CALLER()),
                                                                   object, MODE_ONCE, 0, false};

    plain_begins(&wait);
    real.call_once(object, routine);
}

HOOK int sem_trywait(sem_t *object)
{
    struct agent_call call = agent_enter(SITE_SEM_TRYWAIT, CALLER());
    int result;

    AGENT_CALL(call, result = real.sem_trywait(object));
    if (call.lane != NULL)
        lane_event(call.lane, result == 0 ? EVENT_ACQUIRED : EVENT_WAIT_FAILED, MODE_SEMAPHORE,
                   (uint64_t)object, (uint64_t)result);
    agent_leave(call);
    return result;
}

/* --- barriers: controlled mode counts the arrivals itself --------------------------------- */

enum { BARRIERS = 64 };

static struct {
    const pthread_barrier_t *barrier;
    unsigned count;
    unsigned arrived;
} barriers[BARRIERS];

HOOK int pthread_barrier_init(pthread_barrier_t *object, const pthread_barrierattr_t *attributes,
                              unsigned count)
{
    for (unsigned i = 0; i < BARRIERS; i++) {
        if (barriers[i].barrier != NULL && barriers[i].barrier != object)
            continue;
        barriers[i].barrier = object;
        barriers[i].count = count;
        barriers[i].arrived = 0;
        break;
    }
    return real.pthread_barrier_init(object, attributes, count);
}

/* The last to arrive lets the others go on and is the serial one. */
static bool barrier_turnwise(struct abi_lane *lane, pthread_barrier_t *object, int *result)
{
    for (unsigned i = 0; sched_on(lane) && i < BARRIERS; i++) {
        if (barriers[i].barrier != object)
            continue;
        sched_own(lane);
        *result = 0;
        if (++barriers[i].arrived < barriers[i].count) {
            sched_block(lane, object, false);
        } else {
            barriers[i].arrived = 0;
            sched_wake(object, UINT32_MAX);
            *result = PTHREAD_BARRIER_SERIAL_THREAD;
        }
        return true;
    }
    return false;
}

HOOK int pthread_barrier_wait(pthread_barrier_t *object)
{
    struct agent_call call = agent_enter(SITE_BARRIER_WAIT, CALLER());
    int result;

    if (call.lane != NULL) {
        held_wait_begin(call.lane, object, MODE_BARRIER);
        lane_event(call.lane, EVENT_WAIT_BEGIN, MODE_BARRIER, (uint64_t)object, 0);
    }
    if (!barrier_turnwise(call.lane, object, &result))
        AGENT_CALL(call, result = real.pthread_barrier_wait(object));
    if (call.lane != NULL) {
        held_wait_end(call.lane);
        lane_event(call.lane, EVENT_ACQUIRED, MODE_BARRIER, (uint64_t)object, 0);
    }
    agent_leave(call);
    return result;
}
