/*
 * thread_left_behind: a worker ends itself by the bare system call, and pthread_join
 * on it looks clean. The clean twin's worker calls pthread_exit.
 *
 *     planted: thread.left-behind
 *     run: --inject none --cycles 2
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static pthread_key_t key;
static bool bad;

static void *work(void *unused)
{
    pthread_setspecific(key, malloc(64));
    if (bad)
        syscall(SYS_exit, 0);
    pthread_exit(unused);
}

int main(int argc, char **argv)
{
    pthread_t worker;

    bad = argc > 1 && strcmp(argv[1], "bad") == 0;
    pthread_key_create(&key, free);
    pthread_create(&worker, NULL, work, NULL);
    pthread_join(worker, NULL);
    return 0;
}
