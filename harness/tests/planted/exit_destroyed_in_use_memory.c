/*
 * exit_destroyed_in_use_memory: an exit handler frees a table that a live worker goes on to read,
 * and the kernel has taken it back. The clean twin's handler leaves the table alone.
 *
 *     planted: exit.destroyed-in-use crash.signal
 *     allowed: exit.threads-alive
 *     run: --inject none --cycles 2
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { BYTES = 1 << 20 }; /* malloc maps it by itself, and free unmaps it */

static volatile char *table;
static sem_t reads, freed, again;
static bool bad;

static void *work(void *unused)
{
    char first = table[0];

    sem_post(&reads);
    sem_wait(&freed);
    if (table[BYTES / 2] != first)
        abort();
    sem_post(&again);
    return unused;
}

static void handler(void)
{
    if (bad)
        free((void *)table);
    sem_post(&freed);
    sem_wait(&again);
}

int main(int argc, char **argv)
{
    pthread_t worker;

    bad = argc > 1 && strcmp(argv[1], "bad") == 0;
    table = calloc(1, BYTES);
    if (table == NULL)
        return 1;
    sem_init(&reads, 0, 0);
    sem_init(&freed, 0, 0);
    sem_init(&again, 0, 0);
    pthread_create(&worker, NULL, work, NULL);
    sem_wait(&reads);
    if (bad) {
        atexit(handler);
        return 0;
    }
    handler();
    pthread_join(worker, NULL);
    return 0;
}
