/*
 * The module of loader_join_inside: its worker ends as soon as it is told to.
 */
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
    sem_wait(&told);
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
