/*
 * exit_wrong_status_group: a worker ends the process by the raw exit_group, past libc: its status
 * wins over what main meant to return. An earlier run, which left a file, had not. The clean
 * twin's worker returns.
 *
 *     planted: exit.wrong-status
 *     run: --inject none --cycles 1
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static void *work(void *ends)
{
    if (ends != NULL)
        syscall(SYS_exit_group, 4);
    return ends;
}

/* True every second time. */
static bool was_here(void)
{
    char path[64];
    int file;

    snprintf(path, sizeof path, "/tmp/exit-wrong-status-group-%d", (int)getppid());
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
