/*
 * hook_lock: mutexes, rwlocks, spin locks, stdio's locks; pthread's and C11's names of them.
 *
 * A wait is noted before it begins (lane->wait_*), so that a thread that never comes back has
 * said what it waits for. The list of held locks is the lane's own.
 */
#include "agent.h"
#include "held.h"
#include "order.h"

#include <errno.h>

enum { HOOK_TRIES, HOOK_WAITS, HOOK_TIMED };

/* How an acquiring call ended. EOWNERDEAD hands over the lock with a warning. */
static inline void acquired(struct agent_call call, const volatile void *object, uint32_t mode,
                            int how, int result)
{
    struct abi_lane *lane = call.lane;

    if (lane == NULL)
        return;
    held_wait_end(lane);
    if (result == EOWNERDEAD) {
        held_inherit(object);
        __atomic_fetch_or(&CONTROL->anomaly, ANOMALY_NOTE, __ATOMIC_RELAXED);
        lane_event(lane, EVENT_OWNER_DIED, mode, (uint64_t)object, 0);
    }
    if (how == HOOK_WAITS && (result == 0 || result == EOWNERDEAD))
        order_taking(lane, object, mode);
    if (result == 0 || result == EOWNERDEAD)
        held_add(lane, object, mode);
    else
        lane_event(lane, EVENT_WAIT_FAILED, mode, (uint64_t)object, (uint64_t)result);
    agent_leave(call);
}

static void released(struct agent_call call, const volatile void *object, uint32_t mode)
{
    if (call.lane != NULL)
        held_drop(call.lane, object, mode);
}

/* Acquire: object plus further parameters; HOW says what it does where the lock is taken. */
#define ACQUIRE_HOOK(name, SITE, MODE, HOW, PARAMETERS, ARGUMENTS)                                 \
    HOOK int name PARAMETERS                                                                       \
    {                                                                                              \
        struct agent_call call = agent_enter(SITE, CALLER());                                      \
        int result = ETIMEDOUT;                                                                    \
                                                                                                   \
        if (call.lane != NULL)                                                                     \
            held_wait_begin(call.lane, object, MODE);                                              \
        if (HOW == HOOK_TRIES || held_wait_turn(call.lane, object, MODE, HOW == HOOK_TIMED))       \
            AGENT_CALL(call, result = real.name ARGUMENTS);                                        \
        acquired(call, object, MODE, HOW, result);                                                 \
        return result;                                                                             \
    }

#define RELEASE_HOOK(name, SITE, MODE, TYPE)                                                       \
    HOOK int name(TYPE *object)                                                                    \
    {                                                                                              \
        struct agent_call call = agent_enter(SITE, CALLER());                                      \
        int result;                                                                                \
                                                                                                   \
        released(call, object, MODE);                                                              \
        AGENT_CALL(call, result = real.name(object));                                              \
        held_let_go(call.lane, object);                                                            \
        agent_leave(call);                                                                         \
        return result;                                                                             \
    }

#define DESTROY_HOOK(name, SITE, TYPE)                                                             \
    HOOK int name(TYPE *object)                                                                    \
    {                                                                                              \
        struct agent_call call = agent_enter(SITE, CALLER());                                      \
        int result;                                                                                \
                                                                                                   \
        if (call.lane != NULL)                                                                     \
            held_destroyed(call.lane, object);                                                     \
        AGENT_CALL(call, result = real.name(object));                                              \
        agent_leave(call);                                                                         \
        return result;                                                                             \
    }

typedef const struct timespec *deadline;

ACQUIRE_HOOK(pthread_mutex_lock, SITE_LOCK, MODE_MUTEX, HOOK_WAITS, (pthread_mutex_t * object),
             (object))
ACQUIRE_HOOK(pthread_mutex_trylock, SITE_TRYLOCK, MODE_MUTEX, HOOK_TRIES,
             (pthread_mutex_t * object), (object))
ACQUIRE_HOOK(pthread_mutex_timedlock, SITE_TIMEDLOCK, MODE_MUTEX, HOOK_TIMED,
             (pthread_mutex_t * object, deadline until), (object, until))
ACQUIRE_HOOK(pthread_mutex_clocklock, SITE_TIMEDLOCK, MODE_MUTEX, HOOK_TIMED,
             (pthread_mutex_t * object, clockid_t clock, deadline until), (object, clock, until))
RELEASE_HOOK(pthread_mutex_unlock, SITE_UNLOCK, MODE_MUTEX, pthread_mutex_t)
/* No site of its own: it cannot block, and only says that a dead owner's work was repaired. */
HOOK int pthread_mutex_consistent(pthread_mutex_t *object)
{
    struct abi_lane *lane = agent_active ? agent_lane : NULL;

    if (lane != NULL && lane->depth == 0) {
        lane->depth = 1;
        lane_event(lane, EVENT_CONSISTENT, MODE_MUTEX, (uint64_t)object, 0);
        lane->depth = 0;
    }
    return real.pthread_mutex_consistent(object);
}

/*
 * No site of their own either: a plan's points would all be others. Only says that what was known
 * of this address was another lock's.
 */
#define INIT_HOOK(name, PARAMETERS, ARGUMENTS)                                                     \
    HOOK int name PARAMETERS                                                                       \
    {                                                                                              \
        struct abi_lane *lane = agent_active ? agent_lane : NULL;                                  \
                                                                                                   \
        if (lane != NULL && lane->depth == 0) {                                                    \
            lane->depth = 1;                                                                       \
            order_born(lane, object, CALLER());                                                    \
            lane->depth = 0;                                                                       \
        }                                                                                          \
        return real.name ARGUMENTS;                                                                \
    }
INIT_HOOK(pthread_mutex_init, (pthread_mutex_t * object, const pthread_mutexattr_t *attributes),
          (object, attributes))
INIT_HOOK(pthread_rwlock_init, (pthread_rwlock_t * object, const pthread_rwlockattr_t *attributes),
          (object, attributes))
INIT_HOOK(pthread_spin_init, (pthread_spinlock_t * object, int shared), (object, shared))
INIT_HOOK(mtx_init, (mtx_t * object, int type), (object, type))

DESTROY_HOOK(pthread_mutex_destroy, SITE_LOCK_DESTROY, pthread_mutex_t)

ACQUIRE_HOOK(pthread_rwlock_rdlock, SITE_RDLOCK, MODE_READ, HOOK_WAITS, (pthread_rwlock_t * object),
             (object))
ACQUIRE_HOOK(pthread_rwlock_tryrdlock, SITE_TRYRDLOCK, MODE_READ, HOOK_TRIES,
             (pthread_rwlock_t * object), (object))
ACQUIRE_HOOK(pthread_rwlock_timedrdlock, SITE_TIMEDRDLOCK, MODE_READ, HOOK_TIMED,
             (pthread_rwlock_t * object, deadline until), (object, until))
ACQUIRE_HOOK(pthread_rwlock_clockrdlock, SITE_TIMEDRDLOCK, MODE_READ, HOOK_TIMED,
             (pthread_rwlock_t * object, clockid_t clock, deadline until), (object, clock, until))
ACQUIRE_HOOK(pthread_rwlock_wrlock, SITE_WRLOCK, MODE_WRITE, HOOK_WAITS,
             (pthread_rwlock_t * object), (object))
ACQUIRE_HOOK(pthread_rwlock_trywrlock, SITE_TRYWRLOCK, MODE_WRITE, HOOK_TRIES,
             (pthread_rwlock_t * object), (object))
ACQUIRE_HOOK(pthread_rwlock_timedwrlock, SITE_TIMEDWRLOCK, MODE_WRITE, HOOK_TIMED,
             (pthread_rwlock_t * object, deadline until), (object, until))
ACQUIRE_HOOK(pthread_rwlock_clockwrlock, SITE_TIMEDWRLOCK, MODE_WRITE, HOOK_TIMED,
             (pthread_rwlock_t * object, clockid_t clock, deadline until), (object, clock, until))
RELEASE_HOOK(pthread_rwlock_unlock, SITE_RWUNLOCK, MODE_NONE, pthread_rwlock_t)
DESTROY_HOOK(pthread_rwlock_destroy, SITE_RWLOCK_DESTROY, pthread_rwlock_t)

ACQUIRE_HOOK(pthread_spin_lock, SITE_SPIN_LOCK, MODE_SPIN, HOOK_WAITS,
             (pthread_spinlock_t * object), (object))
ACQUIRE_HOOK(pthread_spin_trylock, SITE_SPIN_TRYLOCK, MODE_SPIN, HOOK_TRIES,
             (pthread_spinlock_t * object), (object))
RELEASE_HOOK(pthread_spin_unlock, SITE_SPIN_UNLOCK, MODE_SPIN, pthread_spinlock_t)
DESTROY_HOOK(pthread_spin_destroy, SITE_LOCK_DESTROY, pthread_spinlock_t)

ACQUIRE_HOOK(ftrylockfile, SITE_FTRYLOCKFILE, MODE_STDIO, HOOK_TRIES, (FILE * object), (object))

HOOK void flockfile(FILE *stream)
{
    struct agent_call call = agent_enter(SITE_FLOCKFILE, CALLER());

    if (call.lane != NULL)
        held_wait_begin(call.lane, stream, MODE_STDIO);
    held_wait_turn(call.lane, stream, MODE_STDIO, false);
    AGENT_CALL(call, real.flockfile(stream));
    acquired(call, stream, MODE_STDIO, HOOK_TRIES, 0);
}

HOOK void funlockfile(FILE *stream)
{
    struct agent_call call = agent_enter(SITE_FUNLOCKFILE, CALLER());

    released(call, stream, MODE_STDIO);
    AGENT_CALL(call, real.funlockfile(stream));
    held_let_go(call.lane, stream);
    agent_leave(call);
}

/* C11: libc calls its own pthread functions inside, which pass no hook. */
static int c11(int result)
{
    return result == thrd_success ? 0 : result == thrd_busy ? EBUSY : ETIMEDOUT;
}

#define C11_ACQUIRE(name, SITE, HOW, PARAMETERS, ARGUMENTS)                                        \
    HOOK int name PARAMETERS                                                                       \
    {                                                                                              \
        struct agent_call call = agent_enter(SITE, CALLER());                                      \
        int result = thrd_timedout;                                                                \
                                                                                                   \
        if (call.lane != NULL)                                                                     \
            held_wait_begin(call.lane, object, MODE_MUTEX);                                        \
        if (HOW == HOOK_TRIES || held_wait_turn(call.lane, object, MODE_MUTEX, HOW == HOOK_TIMED)) \
            AGENT_CALL(call, result = real.name ARGUMENTS);                                        \
        acquired(call, object, MODE_MUTEX, HOW, c11(result));                                      \
        return result;                                                                             \
    }
C11_ACQUIRE(mtx_lock, SITE_LOCK, HOOK_WAITS, (mtx_t * object), (object))
C11_ACQUIRE(mtx_trylock, SITE_TRYLOCK, HOOK_TRIES, (mtx_t * object), (object))
C11_ACQUIRE(mtx_timedlock, SITE_TIMEDLOCK, HOOK_TIMED, (mtx_t * object, deadline until),
            (object, until))
RELEASE_HOOK(mtx_unlock, SITE_UNLOCK, MODE_MUTEX, mtx_t)

HOOK void mtx_destroy(mtx_t *object)
{
    struct agent_call call = agent_enter(SITE_LOCK_DESTROY, CALLER());

    if (call.lane != NULL)
        held_destroyed(call.lane, object);
    AGENT_CALL(call, real.mtx_destroy(object));
    agent_leave(call);
}
