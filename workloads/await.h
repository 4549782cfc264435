/*
 * await.h: waits that signals do not cut short, for workloads.
 */
#ifndef WORKLOADS_AWAIT_H
#define WORKLOADS_AWAIT_H

#include <errno.h>
#include <semaphore.h>
#include <stdint.h>
#include <time.h>

/** await() - until somebody has posted @semaphore for us. */
static inline void await(sem_t *semaphore)
{
    while (sem_wait(semaphore) != 0)
        continue;
}

/** await_for() - the same, but no longer than so many milliseconds: who was to post may be dead. */
static inline void await_for(sem_t *semaphore, int64_t ms)
{
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += ms % 1000 * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    while (sem_clockwait(semaphore, CLOCK_MONOTONIC, &until) != 0 && errno == EINTR)
        continue;
}

/** nap() - so many milliseconds, asleep. */
static inline void nap(int64_t ms)
{
    struct timespec left = {ms / 1000, ms % 1000 * 1000000};

    while (nanosleep(&left, &left) != 0 && errno == EINTR)
        continue;
}

#endif
