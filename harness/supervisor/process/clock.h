/*
 * clock.h: the time by which the guardian's processes and the supervisor set deadlines.
 */
#ifndef HARNESS_SUPERVISOR_CLOCK_H
#define HARNESS_SUPERVISOR_CLOCK_H

#include <stdint.h>
#include <time.h>

/** clock_ms() - milliseconds of CLOCK_MONOTONIC: good for differences. Cannot fail. */
static inline int64_t clock_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

#endif
