/*
 * thread_lost_at_fork: a process with a pool forks, and the child hands the pool work. Nobody is
 * there to do it. The clean twin's child does it itself.
 *
 *     planted: thread.lost-at-fork
 *     allowed: exit.threads-alive
 *     run: --inject none --cycles 2
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static sem_t work, done;
static volatile bool stop;
static volatile int results;

static void *serve(void *unused)
{
    for (;;) {
        sem_wait(&work);
        if (stop)
            return unused;
        results++;
        sem_post(&done);
    }
}

static void ask(void)
{
    sem_post(&work);
    sem_wait(&done);
}

static int child(bool bad)
{
    if (bad)
        ask();
    else
        results++;
    return results == 2 ? 0 : 1;
}

int main(int argc, char **argv)
{
    bool bad = argc > 1 && strcmp(argv[1], "bad") == 0;
    pthread_t worker;
    int status = 1;
    pid_t pid;

    sem_init(&work, 0, 0);
    sem_init(&done, 0, 0);
    pthread_create(&worker, NULL, serve, NULL);
    ask();
    pid = fork();
    if (pid == 0)
        _exit(child(bad));
    waitpid(pid, &status, 0);
    stop = true;
    sem_post(&work);
    pthread_join(worker, NULL);
    return status != 0;
}
