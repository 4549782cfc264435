/*
 * The module of module_thread_inside. What it waits with is the program's.
 */
#include <pthread.h>
#include <stdbool.h>

extern pthread_mutex_t host_mutex;
extern pthread_cond_t host_changed;
extern bool host_has_begun;
extern bool host_may_end;

void planted_enter(void);

void planted_enter(void)
{
    pthread_mutex_lock(&host_mutex);
    host_has_begun = true;
    pthread_cond_broadcast(&host_changed);
    while (!host_may_end)
        pthread_cond_wait(&host_changed, &host_mutex);
    pthread_mutex_unlock(&host_mutex);
}
