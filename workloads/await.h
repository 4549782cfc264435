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

/** nap() - so many milliseconds, asleep. */
static inline void nap(int64_t ms)
{
    struct timespec left = {ms / 1000, ms % 1000 * 1000000};

    while (nanosleep(&left, &left) != 0 && errno == EINTR)
        continue;
}

#endif
