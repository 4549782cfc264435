/*
 * lock_order_inversion: two workers take two mutexes in opposite order, one after the other, so
 * that nothing hangs. The clean twin takes them in opposite order only where it can do no harm:
 * under a third lock, by one thread alone, by trylock, and before the other thread was made.
 *
 *     planted: lock.order-inversion
 *     run: --inject none --cycles 4
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <string.h>

static pthread_mutex_t one = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t other = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t early = PTHREAD_MUTEX_INITIALIZER;
static sem_t done, leave;
static bool bad;

static void take(pthread_mutex_t *first, pthread_mutex_t *second)
{
    pthread_mutex_lock(first);
    pthread_mutex_lock(second);
    pthread_mutex_unlock(second);
    pthread_mutex_unlock(first);
}

static void try_other(void)
{
    pthread_mutex_lock(&other);
    if (pthread_mutex_trylock(&one) == 0)
        pthread_mutex_unlock(&one);
    pthread_mutex_unlock(&other);
}

static void take_backwards(void)
{
    if (bad) {
        take(&other, &one);
        return;
    }
    try_other();
    take(&other, &early);
    pthread_mutex_lock(&gate);
    take(&other, &one);
    pthread_mutex_unlock(&gate);
}

/* All of its own making: it cannot meet itself. */
static void take_both_ways(void)
{
    static pthread_mutex_t mine = PTHREAD_MUTEX_INITIALIZER;

    take(&mine, &one);
    take(&one, &mine);
}

static void *forwards(void *unused)
{
    if (!bad)
        pthread_mutex_lock(&gate);
    take(&one, &other);
    if (!bad)
        pthread_mutex_unlock(&gate);
    take_both_ways();
    sem_post(&done);
    sem_wait(&leave);
    return unused;
}

static void *backwards(void *unused)
{
    sem_wait(&done);
    take_backwards();
    sem_post(&leave);
    return unused;
}

int main(int argc, char **argv)
{
    pthread_t worker[2];

    bad = argc > 1 && strcmp(argv[1], "bad") == 0;
    sem_init(&done, 0, 0);
    sem_init(&leave, 0, 0);
    take(&early, &other); /* nobody else is there yet */
    pthread_create(&worker[0], NULL, backwards, NULL);
    pthread_create(&worker[1], NULL, forwards, NULL);
    pthread_join(worker[0], NULL);
    pthread_join(worker[1], NULL);
    return 0;
}
