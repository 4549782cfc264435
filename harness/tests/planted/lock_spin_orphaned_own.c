/*
 * lock_spin_orphaned_own: a worker is killed inside a home-grown spin lock, and another one burns
 * for it. In the clean twin workers are killed where the lock is free.
 *
 *     planted: lock.spin-orphaned
 *     run: --inject thread-kill@T1.1:trylock#2 --no-control --cycles 3
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

static atomic_uint lock; /* guards nothing but this lesson */
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static bool bad;

static void take(void)
{
    while (atomic_exchange(&lock, 1) != 0)
        continue;
}

static void give(void)
{
    lock = 0;
}

/* A hook that the plan can strike at. */
static void pass(void)
{
    if (pthread_mutex_trylock(&gate) == 0)
        pthread_mutex_unlock(&gate);
}

static void *work(void *unused)
{
    pass();
    take();
    if (bad)
        pass();
    give();
    if (!bad)
        pass();
    return unused;
}

int main(int argc, char **argv)
{
    pthread_t worker[2];

    bad = argc > 1 && strcmp(argv[1], "bad") == 0;
    pthread_create(&worker[0], NULL, work, NULL);
    pthread_join(worker[0], NULL);
    pthread_create(&worker[1], NULL, work, NULL);
    pthread_join(worker[1], NULL);
    return 0;
}
