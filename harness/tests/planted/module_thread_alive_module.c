/*
 * The module of module_thread_alive. host_work() is the program's.
 */
#include <pthread.h>
#include <stdlib.h>

void host_work(void);
pthread_t planted_start(void);

static void *work(void *argument)
{
    host_work();
    return argument;
}

pthread_t planted_start(void)
{
    pthread_t worker;

    if (pthread_create(&worker, NULL, work, NULL) != 0)
        abort();
    return worker;
}
