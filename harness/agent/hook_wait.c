/*
 * hook_wait: conditions, semaphores, barriers, once. A condition gives its mutex up while it
 * waits and has it again afterwards, even when the thread is cancelled inside.
 */
#include "agent.h"
#include "held.h"

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

static void wait_begins(struct condition_wait *wait, const void *condition)
{
    struct abi_lane *lane = wait->call.lane;

    if (lane == NULL)
        return;
    held_drop(lane, wait->mutex, MODE_MUTEX);
    held_wait_begin(lane, condition, MODE_CONDITION);
    lane->wait_other = (uint64_t)wait->mutex;
    lane_event(lane, EVENT_WAIT_BEGIN, MODE_CONDITION, (uint64_t)condition,
               (uint64_t)wait->mutex);
    agent_outside(wait->call);
}

#define CONDITION_HOOK(name, SITE, PARAMETERS, ARGUMENTS)                                          \
    HOOK int name PARAMETERS                                                                       \
    {                                                                                              \
        struct condition_wait wait __attribute__((cleanup(wait_over))) = {                         \
            agent_enter(SITE, CALLER()), mutex};                                                   \
                                                                                                   \
        wait_begins(&wait, condition);                                                             \
        return real.name ARGUMENTS;                                                                \
    }

typedef const struct timespec *deadline;

CONDITION_HOOK(pthread_cond_wait, SITE_COND_WAIT,
               (pthread_cond_t * condition, pthread_mutex_t *mutex), (condition, mutex))
CONDITION_HOOK(pthread_cond_timedwait, SITE_COND_TIMEDWAIT,
               (pthread_cond_t * condition, pthread_mutex_t *mutex, deadline until),
               (condition, mutex, until))
CONDITION_HOOK(pthread_cond_clockwait, SITE_COND_TIMEDWAIT,
               (pthread_cond_t * condition, pthread_mutex_t *mutex, clockid_t clock,
                deadline until),
               (condition, mutex, clock, until))
CONDITION_HOOK(cnd_wait, SITE_COND_WAIT, (cnd_t * condition, mtx_t *mutex), (condition, mutex))
CONDITION_HOOK(cnd_timedwait, SITE_COND_TIMEDWAIT,
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
    agent_leave(wait->call);
}

static void plain_begins(struct plain_wait *wait)
{
    struct abi_lane *lane = wait->call.lane;

    if (lane == NULL)
        return;
    held_wait_begin(lane, wait->object, wait->mode);
    lane_event(lane, EVENT_WAIT_BEGIN, wait->mode, (uint64_t)wait->object, 0);
    agent_outside(wait->call);
}

#define PLAIN_HOOK(name, SITE, MODE, PARAMETERS, ARGUMENTS)                                        \
    HOOK int name PARAMETERS                                                                       \
    {                                                                                              \
        struct plain_wait wait __attribute__((cleanup(plain_over))) = {                            \
            agent_enter(SITE, CALLER()), object, MODE, ECANCELED};                                 \
        int result;                                                                                \
                                                                                                   \
        plain_begins(&wait);                                                                       \
        result = real.name ARGUMENTS;                                                              \
        wait.result = result;                                                                      \
        return result;                                                                             \
    }
PLAIN_HOOK(sem_wait, SITE_SEM_WAIT, MODE_SEMAPHORE, (sem_t * object), (object))
PLAIN_HOOK(sem_trywait, SITE_SEM_TRYWAIT, MODE_SEMAPHORE, (sem_t * object), (object))
PLAIN_HOOK(sem_timedwait, SITE_SEM_TIMEDWAIT, MODE_SEMAPHORE, (sem_t * object, deadline until),
           (object, until))
PLAIN_HOOK(sem_clockwait, SITE_SEM_TIMEDWAIT, MODE_SEMAPHORE,
           (sem_t * object, clockid_t clock, deadline until), (object, clock, until))
PLAIN_HOOK(pthread_barrier_wait, SITE_BARRIER_WAIT, MODE_BARRIER, (pthread_barrier_t * object),
           (object))
PLAIN_HOOK(pthread_once, SITE_ONCE, MODE_ONCE, (pthread_once_t * object, void (*routine)(void)),
           (object, routine))

HOOK void call_once(once_flag *object, void (*routine)(void))
{
    struct plain_wait wait __attribute__((cleanup(plain_over))) = {
        agent_enter(SITE_ONCE, CALLER()), object, MODE_ONCE, 0};

    plain_begins(&wait);
    real.call_once(object, routine);
}
