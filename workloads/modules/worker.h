/*
 * worker.h: what a module with a worker thread offers to the host that loads it. Every module
 * of this kind exports the same three names, so a host can load a good one or a bad one.
 */
#ifndef WORKLOADS_MODULES_WORKER_H
#define WORKLOADS_MODULES_WORKER_H

#include <stdint.h>

#define WORKER_EXPORT __attribute__((visibility("default")))

/** worker_start() - makes the worker. 0, or an errno value; then there is nothing to stop. */
WORKER_EXPORT int worker_start(void);

/** worker_use() - has the worker compute its answer to @question, and waits for it. */
WORKER_EXPORT uint64_t worker_use(uint64_t question);

/** worker_stop() - tells the worker to leave, and returns when it is gone. */
WORKER_EXPORT void worker_stop(void);

/** worker_answer() - what worker_use() has to return. Pure. */
static inline uint64_t worker_answer(uint64_t question)
{
    return (question ^ (question >> 31)) * UINT64_C(0x9e3779b97f4a7c15);
}

#endif
