/*
 * exit_wrong_status_leader: main ends by the raw system call and gives it 6; a worker ends after
 * it. The parent gets 0, the last thread's, and no exit handler ran. An earlier run, which left a
 * file, had returned 6 from main. The clean twin returns each time.
 *
 *     planted: exit.wrong-status
 *     allowed: thread.left-behind
 *     run: --inject none --cycles 1
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Until main is a zombie. */
static void *work(void *waits)
{
    char path[64], text[256];
    const char *paren = NULL;

    snprintf(path, sizeof path, "/proc/self/task/%d/stat", (int)getpid());
    while (waits != NULL && (paren == NULL || paren[2] != 'Z')) {
        FILE *stat = fopen(path, "re");

        paren = stat != NULL && fgets(text, sizeof text, stat) != NULL ? strrchr(text, ')') : NULL;
        if (stat != NULL)
            fclose(stat);
    }
    return waits;
}

/* True every second time. */
static bool was_here(void)
{
    char path[64];
    int file;

    snprintf(path, sizeof path, "/tmp/exit-wrong-status-leader-%d", (int)getppid());
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
    if (bad)
        syscall(SYS_exit, 6);
    pthread_join(worker, NULL);
    return 6;
}
