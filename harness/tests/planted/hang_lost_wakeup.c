/*
 * hang_lost_wakeup: a condition is signalled before anybody waits for it, and nothing remembers
 * that. The clean twin keeps the event in a variable.
 *
 *     planted: hang.lost-wakeup
 *     run: --inject none --cycles 2
 */
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* guards ready */
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static bool ready;

static void *work(void *unused)
{
    pthread_mutex_lock(&mutex);
    ready = true;
    pthread_cond_signal(&condition);
    pthread_mutex_unlock(&mutex);
    return unused;
}

int main(int argc, char **argv)
{
    bool bad = argc > 1 && strcmp(argv[1], "bad") == 0;
    pthread_t worker;

    pthread_create(&worker, NULL, work, NULL);
    pthread_join(worker, NULL);
    pthread_mutex_lock(&mutex);
    while (bad || !ready)
        pthread_cond_wait(&condition, &mutex);
    pthread_mutex_unlock(&mutex);
    return 0;
}
