/*
 * lock_spin_orphaned: a worker returns with a spin lock, and main burns for it. The clean twin's
 * worker unlocks it first.
 *
 *     planted: lock.spin-orphaned
 *     run: --inject none --cycles 2
 */
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

static pthread_spinlock_t spin; /* guards nothing but this lesson */
static bool bad;

static void *work(void *unused)
{
    pthread_spin_lock(&spin);
    if (!bad)
        pthread_spin_unlock(&spin);
    return unused;
}

int main(int argc, char **argv)
{
    pthread_t worker;

    bad = argc > 1 && strcmp(argv[1], "bad") == 0;
    pthread_spin_init(&spin, PTHREAD_PROCESS_PRIVATE);
    pthread_create(&worker, NULL, work, NULL);
    pthread_join(worker, NULL);
    pthread_spin_lock(&spin);
    pthread_spin_unlock(&spin);
    pthread_spin_destroy(&spin);
    return 0;
}
