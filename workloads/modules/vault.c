/*
 * vault: a lock in a module's data. Whoever keeps it must be gone before the module is.
 * Source: catalogue row F3.
 */
#include <workloads/modules/vault.h>

struct vault vault = {.mutex = PTHREAD_MUTEX_INITIALIZER};
