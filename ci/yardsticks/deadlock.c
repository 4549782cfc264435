/*
 * deadlock: two threads that take two locks in opposite order and meet, always. How long it
 * takes from there to a verdict is what ci/bench asks.
 */
#include <pthread.h>

static pthread_mutex_t lock[2] = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER};
static pthread_barrier_t both;

static void *cross(void *first)
{
    long one = (long)first;

    pthread_mutex_lock(&lock[one]);
    pthread_barrier_wait(&both);
    pthread_mutex_lock(&lock[1 - one]);
    return NULL;
}

int main(void)
{
    pthread_t other;

    pthread_barrier_init(&both, NULL, 2);
    if (pthread_create(&other, NULL, cross, (void *)1L) != 0)
        return 4;
    cross((void *)0L);
    return 0;
}
