/*
 * hang_livelock_flag: a worker burns for a flag that main should set, which waits for an event
 * that nobody brings. Another worker is killed meanwhile, in the function that the first burns in:
 * it has nothing to do with the flag, and must not be blamed. The clean twin sets the flag first.
 *
 *     planted: hang.livelock
 *     allowed: thread.left-behind
 *     run: --inject thread-kill@T1.1:trylock#1 --no-control --cycles 2
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

static atomic_bool ready;
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static sem_t never;

static void *work(void *burns)
{
    if (burns == NULL) {
        if (pthread_mutex_trylock(&gate) == 0)
            pthread_mutex_unlock(&gate);
        return NULL;
    }
    while (!atomic_load(&ready))
        continue;
    return NULL;
}

static void set_ready(void)
{
    atomic_store(&ready, true);
}

int main(int argc, char **argv)
{
    bool bad = argc > 1 && strcmp(argv[1], "bad") == 0;
    pthread_t worker[2];
    static int burns;

    sem_init(&never, 0, 0);
    pthread_create(&worker[0], NULL, work, NULL);
    pthread_join(worker[0], NULL);
    pthread_create(&worker[1], NULL, work, &burns);
    if (bad)
        sem_wait(&never);
    set_ready();
    pthread_join(worker[1], NULL);
    return 0;
}
