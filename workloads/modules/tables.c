/*
 * tables: what has to be freed when the module alone goes, and had better be left alone when the
 * process goes: others may have the lock then, for good. The destructor can't tell the one from
 * the other by itself, so the host says it.
 * Source: catalogue row C5; XP (a dynamic unload must clean up, a process exit must not try).
 */
#include <workloads/modules/tables.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { ROWS = 16 };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* guards rows; nothing nests inside */
static uint64_t *rows;
static struct tables_ways ways;
static atomic_bool exiting;

void tables_begin(struct tables_ways given)
{
    ways = given;
}

static void make(void)
{
    rows = malloc(ROWS * sizeof *rows);
    for (uint64_t i = 0; rows != NULL && i < ROWS; i++)
        rows[i] = tables_expected(i);
}

uint64_t tables_look_up(uint64_t key)
{
    uint64_t result;

    pthread_mutex_lock(&mutex);
    if (rows == NULL)
        make();
    result = rows != NULL ? rows[key % ROWS] : 0;
    pthread_mutex_unlock(&mutex);
    return result;
}

void tables_walk(void (*visit)(void))
{
    pthread_mutex_lock(&mutex);
    visit();
    pthread_mutex_unlock(&mutex);
}

void tables_exiting(void)
{
    atomic_store(&exiting, true);
}

__attribute__((destructor)) static void unload(void)
{
    if (atomic_load(&exiting) ? !ways.at_exit : !ways.at_unload)
        return;
    pthread_mutex_lock(&mutex);
    free(rows);
    rows = NULL;
    pthread_mutex_unlock(&mutex);
}
