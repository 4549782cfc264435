/*
 * hang_livelock: main burns for a spin lock whose owner lives, and sleeps until an event that
 * nobody will bring. In the clean twin the owner unlocks before it sleeps.
 *
 *     planted: hang.livelock
 *     run: --inject none --cycles 2
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <string.h>

static pthread_spinlock_t spin; /* guards nothing but this lesson */
static sem_t taken, leave;
static bool bad;

static void *work(void *unused)
{
    pthread_spin_lock(&spin);
    if (!bad)
        pthread_spin_unlock(&spin);
    sem_post(&taken);
    sem_wait(&leave);
    if (bad)
        pthread_spin_unlock(&spin);
    return unused;
}

int main(int argc, char **argv)
{
    pthread_t worker;

    bad = argc > 1 && strcmp(argv[1], "bad") == 0;
    pthread_spin_init(&spin, PTHREAD_PROCESS_PRIVATE);
    sem_init(&taken, 0, 0);
    sem_init(&leave, 0, 0);
    pthread_create(&worker, NULL, work, NULL);
    sem_wait(&taken);
    pthread_spin_lock(&spin);
    pthread_spin_unlock(&spin);
    sem_post(&leave);
    pthread_join(worker, NULL);
    return 0;
}
