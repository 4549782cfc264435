/*
 * exit_threads_alive: main returns while a worker lives. The clean twin lets it go, and joins it.
 *
 *     planted: exit.threads-alive
 *     run: --inject none --cycles 2
 */
#include <pthread.h>
#include <semaphore.h>
#include <string.h>

static sem_t leave;

static void *work(void *unused)
{
    sem_wait(&leave);
    return unused;
}

int main(int argc, char **argv)
{
    pthread_t worker;

    sem_init(&leave, 0, 0);
    pthread_create(&worker, NULL, work, NULL);
    if (argc > 1 && strcmp(argv[1], "bad") == 0)
        return 0;
    sem_post(&leave);
    pthread_join(worker, NULL);
    return 0;
}
