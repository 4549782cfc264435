/*
 * exit_wrong_status_leader: main ends by the raw system call and gives it 6; a worker ends after
 * it. The parent gets 0, the last thread's, and no exit handler ran. An earlier run, which left a
 * file, had returned 6 from main. The clean twin returns each time.
 *
 *     planted: exit.wrong-status
 *     allowed: thread.left-behind
 *     run: --inject none --cycles 1
 */
#include "was_here.h"

#include <pthread.h>
#include <stdbool.h>
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

int main(int argc, char **argv)
{
    bool bad = argc > 1 && strcmp(argv[1], "bad") == 0 && was_here("exit-wrong-status-leader");
    pthread_t worker;

    pthread_create(&worker, NULL, work, bad ? argv : NULL);
    if (bad)
        syscall(SYS_exit, 6);
    pthread_join(worker, NULL);
    return 6;
}
