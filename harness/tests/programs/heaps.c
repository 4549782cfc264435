/*
 * heaps: leaves its heap in a certain state, for test_look.
 *
 *     heaps each|kept|once    in every lap a block: lost, kept in a list, kept but for the first
 *     heaps lost              one block is lost, and there are no laps
 *     heaps overrun           a header is written over; the program says that something is wrong
 *     heaps overrun-hangs     the same, and it needs a lock that a thread has had
 *     heaps overrun-quiet     the same, and nobody notices
 *     heaps inside            a thread is killed (by the plan) while it allocates
 */
#include <harness/marks.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct node {
    struct node *next;
    char text[40];
};

static struct node *list;
static char *volatile name, *volatile next;

static __attribute__((noinline)) void lap(const char *act, uint64_t number)
{
    struct node *node = calloc(1, sizeof *node);

    if (strcmp(act, "each") == 0 || (strcmp(act, "once") == 0 && number == 0))
        return;
    node->next = list;
    list = node;
}

static void laps(const char *act)
{
    uint32_t count = rundown_mark_laps ? rundown_mark_laps() : 1;

    for (uint64_t i = 0; i < count; i++) {
        if (rundown_mark_lap_begin)
            rundown_mark_lap_begin(i);
        lap(act, i);
        if (rundown_mark_lap_end)
            rundown_mark_lap_end(i);
    }
}

static __attribute__((noinline)) void overrun(void)
{
    volatile size_t length = 40;

    name = malloc(24);
    next = malloc(24);
    memset(next, 0, 24);
    memset(name, 'x', length);
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void *lock_once(void *argument)
{
    pthread_mutex_lock(&lock);
    pthread_mutex_unlock(&lock);
    return argument;
}

static void lock_after_another(void)
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, lock_once, NULL) == 0)
        pthread_join(thread, NULL);
    lock_once(NULL);
}

static void *churn(void *argument)
{
    for (unsigned i = 0; i < 200; i++) {
        void *volatile block = malloc(2000);

        free(block);
    }
    return argument;
}

static int inside(void)
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, churn, NULL) != 0)
        return 0;
    pthread_join(thread, NULL);
    mark_invariant("it was killed");
    return 0;
}

int main(int count, char **arguments)
{
    const char *act = count > 1 ? arguments[1] : "";
    char *volatile lost = NULL;

    if (strcmp(act, "inside") == 0)
        return inside();
    if (strncmp(act, "overrun", 7) == 0)
        overrun();
    if (strcmp(act, "overrun") == 0)
        mark_invariant("an overrun");
    else if (strcmp(act, "overrun-hangs") == 0)
        lock_after_another();
    else if (strcmp(act, "lost") == 0)
        lost = malloc(100);
    else if (strncmp(act, "overrun", 7) != 0)
        laps(act);
    lost = NULL;
    return lost != NULL;
}
