/*
 * vault.h: a module that has nothing but a lock in its data, and no code that anybody runs.
 */
#ifndef WORKLOADS_MODULES_VAULT_H
#define WORKLOADS_MODULES_VAULT_H

#include <pthread.h>

#define VAULT_EXPORT __attribute__((visibility("default")))

/** vault - @mutex guards @entries; nothing nests inside. */
struct vault {
    pthread_mutex_t mutex;
    unsigned entries;
};

VAULT_EXPORT extern struct vault vault;

#endif
