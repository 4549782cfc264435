/*
 * lock_held_long: a worker sleeps with a mutex held, and main waits for it. The clean twin's worker
 * sleeps with the mutex given back, and then works under it without sleeping; both for longer than
 * --held-long, and not for longer than that, since this twin runs ten thousand times.
 *
 *     planted: lock.held-long
 *     run: --inject none --held-long 20ms --cycles 2
 */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

static pthread_mutex_t table = PTHREAD_MUTEX_INITIALIZER; /* guards nothing but this lesson */
static sem_t taken;
static bool bad;

static void nap(long ms)
{
    struct timespec left = {0, ms * 1000000};

    while (nanosleep(&left, &left) != 0 && errno == EINTR)
        ;
}

/* So long by its own processor time, however busy the machine is. */
static void work_hard(void)
{
    struct timespec now;

    do
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    while (now.tv_sec == 0 && now.tv_nsec < 30000000);
}

static void *work(void *unused)
{
    if (!bad)
        nap(40);
    pthread_mutex_lock(&table);
    sem_post(&taken);
    if (bad)
        nap(500);
    else
        work_hard();
    pthread_mutex_unlock(&table);
    return unused;
}

int main(int argc, char **argv)
{
    pthread_t worker;

    bad = argc > 1 && strcmp(argv[1], "bad") == 0;
    sem_init(&taken, 0, 0);
    pthread_create(&worker, NULL, work, NULL);
    sem_wait(&taken);
    pthread_mutex_lock(&table);
    pthread_mutex_unlock(&table);
    pthread_join(worker, NULL);
    return 0;
}
