/*
 * heap_lock_orphaned: a worker is killed inside malloc. In the bad variant all threads share one
 * arena, whose lock is then nobody's; the clean twin's worker has an arena to itself.
 *
 *     planted: heap.lock-orphaned
 *     run: --inject thread-kill@T1.1:malloc --no-control --cycles 24
 */
#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ROUNDS = 32, BYTES = 3000 }; /* too large for the lists that need no lock */

static void churn(void)
{
    void *block[4];

    for (int i = 0; i < ROUNDS; i++) {
        for (int k = 0; k < 4; k++)
            block[k] = malloc(BYTES + 64 * (size_t)k);
        for (int k = 0; k < 4; k++)
            free(block[k]);
    }
}

static void *work(void *unused)
{
    churn();
    return unused;
}

int main(int argc, char **argv)
{
    pthread_t worker;

    if (argc > 1 && strcmp(argv[1], "bad") == 0)
        mallopt(M_ARENA_MAX, 1);
    pthread_create(&worker, NULL, work, NULL);
    pthread_join(worker, NULL);
    churn();
    _exit(0);
}
