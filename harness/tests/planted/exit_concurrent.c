/*
 * exit_concurrent: a worker calls exit, and main returns while the handlers run. In the clean twin
 * main waits for the worker, which ends otherwise.
 *
 *     planted: exit.concurrent
 *     allowed: exit.threads-alive
 *     run: --inject none --cycles 2
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static sem_t exiting, seen;
static bool bad;

/* Main is on its way, too, before this comes to its end. */
static void handler(void)
{
    if (!bad)
        return;
    sem_post(&exiting);
    sem_wait(&seen);
}

static void *work(void *unused)
{
    if (bad)
        exit(0);
    return unused;
}

int main(int argc, char **argv)
{
    pthread_t worker;

    bad = argc > 1 && strcmp(argv[1], "bad") == 0;
    sem_init(&exiting, 0, 0);
    sem_init(&seen, 0, 0);
    atexit(handler);
    pthread_create(&worker, NULL, work, NULL);
    if (!bad) {
        pthread_join(worker, NULL);
        return 0;
    }
    sem_wait(&exiting);
    sem_post(&seen);
    return 0;
}
