/*
 * exit_wrong_status_group: a worker ends the process by the raw exit_group, past libc: its status
 * wins over what main meant to return. An earlier run, which left a file, had not. The clean
 * twin's worker returns.
 *
 *     planted: exit.wrong-status
 *     run: --inject none --cycles 1
 */
#include "was_here.h"

#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static void *work(void *ends)
{
    if (ends != NULL)
        syscall(SYS_exit_group, 4);
    return ends;
}

int main(int argc, char **argv)
{
    bool bad = argc > 1 && strcmp(argv[1], "bad") == 0 && was_here("exit-wrong-status-group");
    pthread_t worker;

    pthread_create(&worker, NULL, work, bad ? argv : NULL);
    pthread_join(worker, NULL);
    return 0;
}
