/*
 * lock_over_released: a mutex that main has locked is unlocked by a worker. In the clean twin each
 * unlocks what it has locked itself.
 *
 *     planted: lock.over-released
 *     run: --inject none --cycles 2
 */
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* guards nothing but this lesson */
static bool bad;

static void *work(void *unused)
{
    if (!bad)
        pthread_mutex_lock(&mutex);
    pthread_mutex_unlock(&mutex);
    return unused;
}

int main(int argc, char **argv)
{
    pthread_t worker;

    bad = argc > 1 && strcmp(argv[1], "bad") == 0;
    pthread_mutex_lock(&mutex);
    if (!bad)
        pthread_mutex_unlock(&mutex);
    pthread_create(&worker, NULL, work, NULL);
    pthread_join(worker, NULL);
    return 0;
}
