/*
 * fault: some faults whose places must be recognised in another build. Functions that matter are
 * not inlined, but a compiler may split them, copy them for their constants, and name the copies
 * as it likes.
 */
#include <harness/marks.h>

#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>

#define APART __attribute__((noinline))

int around(int number);

static pthread_mutex_t first = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t second = PTHREAD_MUTEX_INITIALIZER; /* nests inside first, but for a bug */
static sem_t taken[2];
static volatile int sum;

/* --- a crash, in a function that is called with constants alone ---------------------------- */

static APART void put(int *table, int index, int value, int scale)
{
    table[index * scale] = value;
    sum += value;
}

static APART int crash(void)
{
    int *volatile nowhere = (int *)16;

    put((int *)&sum, 0, around(1), 1);
    put(nowhere, 3, 7, 1);
    return sum;
}

/* --- a circle ------------------------------------------------------------------------------ */

static APART int take_second(void)
{
    pthread_mutex_lock(&second);
    sum++;
    return pthread_mutex_unlock(&second);
}

static APART int take_first(void)
{
    pthread_mutex_lock(&first);
    sum++;
    return pthread_mutex_unlock(&first);
}

static void *other_way(void *unused)
{
    pthread_mutex_lock(&second);
    sem_post(&taken[1]);
    sem_wait(&taken[0]);
    take_first();
    pthread_mutex_unlock(&second);
    return unused;
}

static APART int circle(void)
{
    pthread_t thread;

    pthread_create(&thread, NULL, other_way, NULL);
    pthread_mutex_lock(&first);
    sem_post(&taken[0]);
    sem_wait(&taken[1]);
    take_second();
    pthread_mutex_unlock(&first);
    return pthread_join(thread, NULL);
}

/* --- a lock whose owner is killed ------------------------------------------------------------ */

static APART int hold(int number)
{
    pthread_mutex_lock(&first);
    mark_site("inside");
    sum += number;
    return pthread_mutex_unlock(&first);
}

static void *holds(void *unused)
{
    hold(around(2));
    return unused;
}

static APART int orphan(void)
{
    pthread_t thread;

    pthread_create(&thread, NULL, holds, NULL);
    pthread_join(thread, NULL);
    return take_first();
}

/* --- a thread that nobody wakes ------------------------------------------------------------- */

static APART int wait_for(sem_t *semaphore)
{
    int result = sem_wait(semaphore);

    sum++;
    return result;
}

int main(int argc, char **argv)
{
    const char *act = argc > 1 ? argv[1] : "";

    sem_init(&taken[0], 0, 0);
    sem_init(&taken[1], 0, 0);
    if (strcmp(act, "crash") == 0)
        return crash();
    if (strcmp(act, "circle") == 0)
        return circle();
    if (strcmp(act, "orphan") == 0)
        return orphan();
    if (strcmp(act, "forgotten") == 0)
        return wait_for(&taken[0]);
    return 3;
}
