/*
 * exit_thread_created: an exit handler starts a thread and joins it. The clean twin does the work
 * itself.
 *
 *     planted: exit.thread-created
 *     run: --inject none --cycles 2
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static bool bad;
static volatile int flushed;

static void *flush(void *unused)
{
    flushed = 1;
    return unused;
}

static void handler(void)
{
    pthread_t late;

    if (!bad)
        flush(NULL);
    else if (pthread_create(&late, NULL, flush, NULL) == 0)
        pthread_join(late, NULL);
}

int main(int argc, char **argv)
{
    bad = argc > 1 && strcmp(argv[1], "bad") == 0;
    atexit(handler);
    return 0;
}
