/*
 * forks: the bare loop that a cycle is compared with: fork, _exit (or exit), wait, of a small
 * process.
 *     forks SECONDS [exit]
 *
 * Prints how many it did in a second. Nothing else may happen in the loop: it is the measure of
 * what a machine can do at all.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static int fork_once(bool in_order)
{
    pid_t child = fork();
    int status;

    if (child == 0 && in_order)
        exit(0);
    if (child == 0)
        _exit(0);
    return child > 0 && waitpid(child, &status, 0) == child && status == 0 ? 0 : -1;
}

int main(int argc, char **argv)
{
    double seconds = argc >= 2 ? atof(argv[1]) : 0;
    bool in_order = argc == 3 && strcmp(argv[2], "exit") == 0;
    double start = now(), end = start;
    unsigned long done = 0;

    if (seconds <= 0) {
        fputs("usage: forks SECONDS [exit]\n", stderr);
        return 2;
    }
    for (; end - start < seconds; end = now(), done++)
        if (fork_once(in_order) != 0) {
            perror("forks");
            return 4;
        }
    printf("%.3f\n", (double)done / (end - start));
    return 0;
}
