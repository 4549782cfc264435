/*
 * lock_owner_died_ignored: the owner of a robust mutex returns with it, and who gets it next goes
 * on as if nothing had been. The clean twin declares it repaired.
 *
 *     planted: lock.owner-died-ignored
 *     run: --inject none --cycles 2
 */
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

static pthread_mutex_t mutex; /* guards nothing but this lesson */

static void *work(void *unused)
{
    pthread_mutex_lock(&mutex);
    return unused;
}

int main(int argc, char **argv)
{
    bool bad = argc > 1 && strcmp(argv[1], "bad") == 0;
    pthread_mutexattr_t robust;
    pthread_t worker;

    pthread_mutexattr_init(&robust);
    pthread_mutexattr_setrobust(&robust, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_init(&mutex, &robust);
    pthread_create(&worker, NULL, work, NULL);
    pthread_join(worker, NULL);
    if (pthread_mutex_lock(&mutex) == EOWNERDEAD && !bad)
        pthread_mutex_consistent(&mutex);
    pthread_mutex_unlock(&mutex);
    for (int i = 0; i < 3; i++) /* refused, where it was ignored */
        if (pthread_mutex_lock(&mutex) == 0)
            pthread_mutex_unlock(&mutex);
    return 0;
}
