/*
 * module_joins: its constructor starts a thread and waits for its end, under the loader's lock.
 */
#include <pthread.h>

static void *nothing(void *argument)
{
    return argument;
}

__attribute__((constructor)) static void start_and_join(void)
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, nothing, NULL) == 0)
        pthread_join(thread, NULL);
}
