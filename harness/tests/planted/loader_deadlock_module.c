/*
 * The module of loader_deadlock: its worker loads something when it is told to stop.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>

void planted_start(void);
void planted_stop(void);

static pthread_t worker;
static sem_t told;
static bool stopped;

static void *work(void *unused)
{
    void *handle;

    sem_wait(&told);
    handle = dlopen("libm.so.6", RTLD_NOW);
    if (handle != NULL)
        dlclose(handle);
    return unused;
}

void planted_start(void)
{
    sem_init(&told, 0, 0);
    pthread_create(&worker, NULL, work, NULL);
}

void planted_stop(void)
{
    stopped = true;
    sem_post(&told);
    pthread_join(worker, NULL);
}

__attribute__((destructor)) static void leave(void)
{
    if (!stopped)
        planted_stop();
}
