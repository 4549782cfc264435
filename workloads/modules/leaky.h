/*
 * leaky.h: a module that works out something with memory of its own, and may not give it back.
 */
#ifndef WORKLOADS_MODULES_LEAKY_H
#define WORKLOADS_MODULES_LEAKY_H

#include <stddef.h>
#include <stdint.h>

#define LEAKY_EXPORT __attribute__((visibility("default")))

/** leaky_use() - the answer to @question, worked out in a block that is freed, and @lost bytes in
 * one that is not; 0 loses none. Returns 0 if there is no memory. */
LEAKY_EXPORT uint64_t leaky_use(uint64_t question, size_t lost);

/** leaky_answer() - what leaky_use() has to return. Pure. */
static inline uint64_t leaky_answer(uint64_t question)
{
    return (question | 1) * UINT64_C(0xff51afd7ed558ccd) | 1;
}

#endif
