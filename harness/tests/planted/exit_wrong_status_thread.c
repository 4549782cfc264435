/*
 * exit_wrong_status_thread: a worker calls exit, and main's return value is not asked for. An
 * earlier run, which left a file, had left that to main. The clean twin's worker never exits.
 *
 *     planted: exit.wrong-status
 *     allowed: exit.threads-alive
 *     run: --inject none --cycles 1
 */
#include "was_here.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void *work(void *exits)
{
    if (exits != NULL)
        exit(5);
    return exits;
}

int main(int argc, char **argv)
{
    bool bad = argc > 1 && strcmp(argv[1], "bad") == 0 && was_here("exit-wrong-status-thread");
    pthread_t worker;

    pthread_create(&worker, NULL, work, bad ? argv : NULL);
    pthread_join(worker, NULL);
    return 0;
}
