/*
 * exit_destroyed_in_use: an exit handler destroys a mutex that a live worker goes on to lock. In
 * the clean twin main joins the worker before it destroys the mutex.
 *
 *     planted: exit.destroyed-in-use
 *     allowed: exit.threads-alive
 *     run: --inject none --cycles 2
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static pthread_mutex_t table = PTHREAD_MUTEX_INITIALIZER; /* guards entries */
static int entries;
static sem_t used, destroyed, again;
static pthread_t worker;
static bool bad;

static void use(void)
{
    pthread_mutex_lock(&table);
    entries++;
    pthread_mutex_unlock(&table);
}

static void *work(void *unused)
{
    use();
    sem_post(&used);
    sem_wait(&destroyed);
    use();
    sem_post(&again);
    return unused;
}

static void handler(void)
{
    if (!bad)
        return;
    pthread_mutex_destroy(&table);
    sem_post(&destroyed);
    sem_wait(&again);
}

int main(int argc, char **argv)
{
    bad = argc > 1 && strcmp(argv[1], "bad") == 0;
    sem_init(&used, 0, 0);
    sem_init(&destroyed, 0, 0);
    sem_init(&again, 0, 0);
    atexit(handler);
    pthread_create(&worker, NULL, work, NULL);
    sem_wait(&used);
    if (bad)
        return 0;
    sem_post(&destroyed);
    pthread_join(worker, NULL);
    pthread_mutex_destroy(&table);
    return 0;
}
