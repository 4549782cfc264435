/*
 * lock_order_inversion_cycles: each run takes two mutexes in one order, the next one in the
 * other, by another thread; which of the two it is a file tells. No run alone is at fault. In the
 * clean twin both threads take them in one order.
 *
 *     planted: lock.order-inversion
 *     run: --inject none --cycles 3
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static pthread_mutex_t one = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t other = PTHREAD_MUTEX_INITIALIZER;
static pthread_barrier_t start, end; /* both threads live in between */
static bool bad, turned;

/* The dry run and three cycles leave nothing behind. */
static bool is_turned(void)
{
    char path[64];
    int file;

    snprintf(path, sizeof path, "/tmp/lock-order-%d", (int)getppid());
    file = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
    if (file >= 0)
        return close(file) != 0;
    unlink(path);
    return true;
}

static void take(pthread_mutex_t *first, pthread_mutex_t *second)
{
    pthread_mutex_lock(first);
    pthread_mutex_lock(second);
    pthread_mutex_unlock(second);
    pthread_mutex_unlock(first);
}

static void *straight(void *unused)
{
    pthread_barrier_wait(&start);
    if (!bad || !turned)
        take(&one, &other);
    pthread_barrier_wait(&end);
    return unused;
}

static void *backwards(void *unused)
{
    pthread_barrier_wait(&start);
    if (!bad)
        take(&one, &other);
    else if (turned)
        take(&other, &one);
    pthread_barrier_wait(&end);
    return unused;
}

int main(int argc, char **argv)
{
    pthread_t worker[2];

    bad = argc > 1 && strcmp(argv[1], "bad") == 0;
    turned = bad && is_turned();
    pthread_barrier_init(&start, NULL, 2);
    pthread_barrier_init(&end, NULL, 2);
    pthread_create(&worker[0], NULL, straight, NULL);
    pthread_create(&worker[1], NULL, backwards, NULL);
    pthread_join(worker[0], NULL);
    pthread_join(worker[1], NULL);
    return 0;
}
