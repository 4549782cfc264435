/*
 * lock_orphaned_fork: a process forks while a worker holds a mutex, and the child wants it. The
 * clean twin's worker has given it back by then.
 *
 *     planted: lock.orphaned
 *     run: --inject none --cycles 2
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* guards nothing but this lesson */
static sem_t taken, leave;
static bool bad;

static void *work(void *unused)
{
    pthread_mutex_lock(&mutex);
    if (!bad)
        pthread_mutex_unlock(&mutex);
    sem_post(&taken);
    sem_wait(&leave);
    if (bad)
        pthread_mutex_unlock(&mutex);
    return unused;
}

int main(int argc, char **argv)
{
    pthread_t worker;
    int status = 1;
    pid_t pid;

    bad = argc > 1 && strcmp(argv[1], "bad") == 0;
    sem_init(&taken, 0, 0);
    sem_init(&leave, 0, 0);
    pthread_create(&worker, NULL, work, NULL);
    sem_wait(&taken);
    pid = fork();
    if (pid == 0) {
        pthread_mutex_lock(&mutex);
        pthread_mutex_unlock(&mutex);
        _exit(0);
    }
    waitpid(pid, &status, 0);
    sem_post(&leave);
    pthread_join(worker, NULL);
    return status != 0;
}
