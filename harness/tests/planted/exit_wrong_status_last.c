/*
 * exit_wrong_status_last: main leaves by pthread_exit, and the last thread returns what was meant
 * as the status: the parent gets 0. An earlier run, which left a file, had joined it and returned
 * 3. The clean twin joins it each time.
 *
 *     planted: exit.wrong-status
 *     run: --inject none --cycles 1
 */
#include "was_here.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

static pthread_t first;

static void *work(void *waits)
{
    if (waits != NULL)
        pthread_join(first, NULL); /* so that main has ended */
    return (void *)3;
}

int main(int argc, char **argv)
{
    bool leave = argc > 1 && strcmp(argv[1], "bad") == 0 && was_here("exit-wrong-status-last");
    pthread_t worker;
    void *result;

    first = pthread_self();
    pthread_create(&worker, NULL, work, leave ? &first : NULL);
    if (leave)
        pthread_exit(NULL);
    pthread_join(worker, &result);
    return (int)(intptr_t)result;
}
