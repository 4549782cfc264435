/*
 * real.h: the functions that the agent stands in front of, as the program would find them
 * without it. Filled once, before the first hook can need one.
 */
#ifndef AGENT_REAL_H
#define AGENT_REAL_H

#include <dlfcn.h>
#include <link.h>
#include <malloc.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

/* What every program calls, and the loader before any constructor has run. Laid out by hand:
 * clang-format would set one of these lists in a staircase. */
/* clang-format off */
#define REAL_ALLOC_LIST(X) \
    X(malloc) X(calloc) X(realloc) X(reallocarray) X(free) X(memalign) X(posix_memalign) \
    X(aligned_alloc) X(valloc) X(pvalloc)

#define REAL_OTHER_LIST(X) \
    X(pthread_mutex_lock) X(pthread_mutex_trylock) X(pthread_mutex_timedlock) \
    X(pthread_mutex_clocklock) X(pthread_mutex_unlock) X(pthread_mutex_destroy) \
    X(pthread_mutex_consistent) X(pthread_rwlock_rdlock) X(pthread_rwlock_tryrdlock) \
    X(pthread_rwlock_timedrdlock) X(pthread_rwlock_clockrdlock) X(pthread_rwlock_wrlock) \
    X(pthread_rwlock_trywrlock) X(pthread_rwlock_timedwrlock) X(pthread_rwlock_clockwrlock) \
    X(pthread_rwlock_unlock) X(pthread_rwlock_destroy) X(pthread_spin_lock) \
    X(pthread_spin_trylock) X(pthread_spin_unlock) X(pthread_mutex_init) X(pthread_rwlock_init) \
    X(pthread_spin_init) X(pthread_spin_destroy) X(mtx_init) X(flockfile) X(ftrylockfile) \
    X(funlockfile) X(pthread_cond_wait) X(pthread_cond_timedwait) X(pthread_cond_clockwait) \
    X(pthread_cond_signal) X(pthread_cond_broadcast) X(pthread_cond_destroy) X(sem_wait) \
    X(sem_trywait) X(sem_timedwait) X(sem_clockwait) X(sem_post) X(pthread_barrier_init) \
    X(pthread_barrier_wait) X(pthread_once) X(pthread_key_create) X(pthread_key_delete) \
    X(pthread_create) X(pthread_exit) X(pthread_join) X(pthread_tryjoin_np) \
    X(pthread_timedjoin_np) X(pthread_clockjoin_np) X(pthread_detach) X(pthread_cancel) \
    X(mtx_lock) X(mtx_trylock) X(mtx_timedlock) X(mtx_unlock) X(mtx_destroy) X(cnd_wait) \
    X(cnd_timedwait) X(cnd_signal) X(cnd_broadcast) X(cnd_destroy) X(call_once) \
    X(thrd_create) X(thrd_exit) X(thrd_join) X(thrd_detach) X(dlopen) X(dlmopen) X(dlclose) \
    X(dl_iterate_phdr) X(exit) X(_exit) X(_Exit) X(quick_exit) X(abort) X(fork) X(_Fork) X(vfork) X(system) \
    X(popen) X(posix_spawn) X(posix_spawnp) X(execve) X(execv) X(execvp) X(execvpe) \
    X(fexecve) X(alarm) X(setitimer) X(tss_create) X(tss_delete) X(on_exit) X(timer_create) \
    X(timer_delete) X(malloc_usable_size)
/* clang-format on */

/* Reached by one instruction, not through a table. */
#pragma GCC visibility push(hidden)

struct real_functions {
#define REAL_POINTER(name) __typeof__(name) *name;
    REAL_ALLOC_LIST(REAL_POINTER)
    REAL_OTHER_LIST(REAL_POINTER)
#undef REAL_POINTER
    int (*libc_start_main)(int (*)(int, char **, char **), int, char **, void (*)(void),
                           void (*)(void), void (*)(void), void *);
    void (*cxa_finalize)(void *);
    int (*cxa_atexit)(void (*)(void *), void *, void *);
    int (*cxa_at_quick_exit)(void (*)(void *), void *);
    int (*cxa_thread_atexit_impl)(void (*)(void *), void *, void *);
};

extern struct real_functions real;

/** Fills real; idempotent; called by the constructor and by whatever hook comes first. */
void real_resolve(void);

/** A block of the arena that serves the loader before anything is resolved. */
enum { REAL_EARLY_BYTES = 16384 };
extern char real_early[REAL_EARLY_BYTES];

static inline bool real_early_block(const void *block)
{
    return (uintptr_t)block - (uintptr_t)real_early < sizeof real_early;
}

#pragma GCC visibility pop

#endif
