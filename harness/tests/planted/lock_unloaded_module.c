/*
 * The module of lock_unloaded.
 */
#include <pthread.h>

void planted_enter(void);
void planted_leave(void);

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;

void planted_enter(void)
{
    pthread_mutex_lock(&gate);
}

void planted_leave(void)
{
    pthread_mutex_unlock(&gate);
}
