/*
 * exit_concurrent: a worker calls exit, and main returns while the handlers run. In the clean twin
 * main waits for the worker, which ends otherwise.
 *
 *     planted: exit.concurrent
 *     allowed: exit.threads-alive
 *     run: --inject none --cycles 2
 */
#include <gnu/libc-version.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static sem_t exiting, seen;
static bool bad;

/* Registered first and so run last: by main, since the worker stands in the other one. */
static void mains_handler(void)
{
    sem_post(&seen);
}

/* Main is in exit, too, before this comes to its end. */
static void workers_handler(void)
{
    if (!bad)
        return;
    sem_post(&exiting);
    sem_wait(&seen);
}

/* From 2.41 on a second exit() waits for the first before it runs any handler. */
static bool exits_take_turns(void)
{
    return strverscmp(gnu_get_libc_version(), "2.41") >= 0;
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
    atexit(mains_handler);
    atexit(workers_handler);
    pthread_create(&worker, NULL, work, NULL);
    if (!bad) {
        pthread_join(worker, NULL);
        return 0;
    }
    sem_wait(&exiting);
    if (exits_take_turns())
        sem_post(&seen);
    return 0;
}
