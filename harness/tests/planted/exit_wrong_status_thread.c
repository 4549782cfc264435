/*
 * exit_wrong_status_thread: a worker calls exit, and main's return value is not asked for. An
 * earlier run, which left a file, had left that to main. The clean twin's worker never exits.
 *
 *     planted: exit.wrong-status
 *     allowed: exit.threads-alive
 *     run: --inject none --cycles 1
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void *work(void *exits)
{
    if (exits != NULL)
        exit(5);
    return exits;
}

/* True every second time. */
static bool was_here(void)
{
    char path[64];
    int file;

    snprintf(path, sizeof path, "/tmp/exit-wrong-status-thread-%d", (int)getppid());
    file = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
    if (file < 0)
        return unlink(path) == 0;
    close(file);
    return false;
}

int main(int argc, char **argv)
{
    bool bad = argc > 1 && strcmp(argv[1], "bad") == 0 && was_here();
    pthread_t worker;

    pthread_create(&worker, NULL, work, bad ? argv : NULL);
    pthread_join(worker, NULL);
    return 0;
}
