/*
 * hang_starvation: two readers hand a rwlock to each other so that there is always one inside, and
 * a writer does not get it as long as they go on. The clean twin's readers stop soon.
 *
 * They go on for seconds, not for ever: the dry cycle has to end.
 *
 *     planted: hang.starvation
 *     run: --inject none --cycles 1 --deadline 500ms
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

enum { ROUNDS = 100, LIMIT_S = 3 };

static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER; /* guards nothing but this lesson */
static sem_t leave[2];                                     /* the other reader is inside */
static sem_t inside;                                       /* the first one is */
static volatile time_t until;

static bool go_on(int round)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return until == 0 ? round < ROUNDS : now.tv_sec < until;
}

static void *reader(void *argument)
{
    int self = argument != NULL;

    for (int round = 0; go_on(round); round++) {
        pthread_rwlock_rdlock(&lock);
        sem_post(self == 0 && round == 0 ? &inside : &leave[!self]);
        sem_wait(&leave[self]);
        pthread_rwlock_unlock(&lock);
    }
    sem_post(&leave[!self]);
    return NULL;
}

static void *writer(void *unused)
{
    pthread_rwlock_wrlock(&lock);
    pthread_rwlock_unlock(&lock);
    return unused;
}

static void set_limit(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    until = now.tv_sec + LIMIT_S;
}

int main(int argc, char **argv)
{
    pthread_t thread[3];

    if (argc > 1 && strcmp(argv[1], "bad") == 0)
        set_limit();
    sem_init(&leave[0], 0, 0);
    sem_init(&leave[1], 0, 0);
    sem_init(&inside, 0, 0);
    pthread_create(&thread[0], NULL, reader, NULL);
    sem_wait(&inside);
    pthread_create(&thread[1], NULL, reader, &lock);
    pthread_create(&thread[2], NULL, writer, NULL);
    for (int i = 0; i < 3; i++)
        pthread_join(thread[i], NULL);
    return 0;
}
