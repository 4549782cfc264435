/*
 * jobs.h: a module that has no thread of its own: its work is done by the host's pool.
 */
#ifndef WORKLOADS_MODULES_JOBS_H
#define WORKLOADS_MODULES_JOBS_H

#include <stdbool.h>
#include <stdint.h>

#define JOBS_EXPORT __attribute__((visibility("default")))

/**
 * struct jobs_host - what the host lends to the module.
 * @submit: queues a call of @work. @wait: returns once all that was queued is done, and the
 * pool's threads have come back from the module. @rules: path of a module that an item may load.
 */
struct jobs_host {
    void (*submit)(void (*work)(uint64_t), uint64_t argument);
    void (*wait)(void);
    const char *rules;
};

/** jobs_begin() - before anything else. @host must last. @loads: items load a module of rules.
 * @inside: the destructor waits for the items, else jobs_end() does. */
JOBS_EXPORT void jobs_begin(const struct jobs_host *host, bool loads, bool inside);

/** jobs_add() - queues an item; does not wait. */
JOBS_EXPORT void jobs_add(uint64_t number);

/** jobs_end() - the last call before the module is released. */
JOBS_EXPORT void jobs_end(void);

#endif
