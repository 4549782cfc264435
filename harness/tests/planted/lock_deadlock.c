/*
 * lock_deadlock: a callback that is run under a lock takes that lock again, and waits for itself.
 * The clean twin lets the lock go before it calls.
 *
 *     planted: lock.deadlock
 *     run: --inject none --cycles 2
 */
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

static pthread_mutex_t table = PTHREAD_MUTEX_INITIALIZER; /* guards entries */
static int entries;
static bool bad;

static void on_change(void)
{
    pthread_mutex_lock(&table);
    entries++;
    pthread_mutex_unlock(&table);
}

static void change(void (*callback)(void))
{
    pthread_mutex_lock(&table);
    entries++;
    if (bad)
        callback();
    pthread_mutex_unlock(&table);
    if (!bad)
        callback();
}

int main(int argc, char **argv)
{
    bad = argc > 1 && strcmp(argv[1], "bad") == 0;
    change(on_change);
    return entries == 2 ? 0 : 1;
}
