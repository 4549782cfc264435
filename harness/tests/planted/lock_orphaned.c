/*
 * lock_orphaned: a worker returns with a mutex locked, and main waits for it. The clean twin's
 * worker unlocks it first.
 *
 *     planted: lock.orphaned
 *     run: --inject none --cycles 2
 */
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* guards nothing but this lesson */
static bool bad;

static void *work(void *unused)
{
    pthread_mutex_lock(&mutex);
    if (!bad)
        pthread_mutex_unlock(&mutex);
    return unused;
}

int main(int argc, char **argv)
{
    pthread_t worker;

    bad = argc > 1 && strcmp(argv[1], "bad") == 0;
    pthread_create(&worker, NULL, work, NULL);
    pthread_join(worker, NULL);
    pthread_mutex_lock(&mutex);
    pthread_mutex_unlock(&mutex);
    return 0;
}
