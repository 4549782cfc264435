/*
 * lock_owner_suspended: a worker is suspended while it holds the mutex that main wants. The clean
 * twin's worker passes the same place after it has given the mutex back.
 *
 *     planted: lock.owner-suspended
 *     run: --inject thread-suspend@T1.1:user:inside#1 --no-control --cycles 12
 */
#include <harness/marks.h>

#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <string.h>

enum { ROUNDS = 64 }; /* more events than any suspension lasts that has an end */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* guards nothing but this lesson */
static sem_t taken;
static bool bad;

static void *work(void *unused)
{
    pthread_mutex_lock(&mutex);
    if (!bad)
        pthread_mutex_unlock(&mutex);
    sem_post(&taken);
    mark_site("inside");
    if (bad)
        pthread_mutex_unlock(&mutex);
    return unused;
}

int main(int argc, char **argv)
{
    pthread_t worker;

    bad = argc > 1 && strcmp(argv[1], "bad") == 0;
    sem_init(&taken, 0, 0);
    pthread_create(&worker, NULL, work, NULL);
    sem_wait(&taken);
    for (int i = 0; i < ROUNDS; i++) {
        pthread_mutex_lock(&mutex);
        pthread_mutex_unlock(&mutex);
    }
    pthread_join(worker, NULL);
    return 0;
}
