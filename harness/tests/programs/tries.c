/*
 * tries: a program whose runs differ, for what is run again. FILE counts them.
 *     tries server FILE FIRST LAST   kills its parent, the fork server, in runs FIRST to LAST
 *     tries slow FILE FIRST LAST     is not done in these runs, in a way that proves no hang
 *     tries poll                     waits for its worker's word, looking every millisecond
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static void nap(void)
{
    struct timespec millisecond = {0, 1000000};

    nanosleep(&millisecond, NULL);
}

/* This run's number, from 1: one byte more in the file. */
static long count_run(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    long runs = -1;

    if (fd >= 0 && write(fd, "x", 1) == 1)
        runs = (long)lseek(fd, 0, SEEK_END);
    close(fd);
    return runs;
}

static atomic_int done;

static void *work(void *unused)
{
    for (int i = 0; i < 50; i++) {
        char *volatile block = malloc(100);

        free(block);
    }
    atomic_store(&done, 1);
    return unused;
}

static int poll_worker(void)
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, work, NULL) != 0)
        return 2;
    while (!atomic_load(&done))
        nap();
    return pthread_join(thread, NULL);
}

int main(int count, char **arguments)
{
    long run;

    if (count == 2 && strcmp(arguments[1], "poll") == 0)
        return poll_worker();
    if (count != 5 || (run = count_run(arguments[2])) < 0)
        return 2;
    if (run < atol(arguments[3]) || run > atol(arguments[4]))
        return 0;
    if (strcmp(arguments[1], "server") == 0)
        kill(getppid(), SIGKILL);
    for (;;)
        nap();
}
