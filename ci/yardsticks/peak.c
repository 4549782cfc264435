/*
 * peak: runs a command and tells the most memory that its process ever held.
 *     peak FILE COMMAND [ARGUMENT...]
 *
 * Writes the KiB into FILE and ends with the command's status. It reads VmHWM of that process
 * alone, again and again while it runs: wait4's number would mix in the largest of its children.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* The peak so far in KiB, or @before when the process has no memory any more. */
static unsigned long peak_of(pid_t pid, unsigned long before)
{
    char path[64], line[256];
    unsigned long peak = before;
    FILE *status;

    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    status = fopen(path, "r");
    while (status != NULL && fgets(line, sizeof line, status) != NULL)
        if (sscanf(line, "VmHWM: %lu kB", &peak) == 1)
            break;
    if (status != NULL)
        fclose(status);
    return peak;
}

static int watch(pid_t pid, unsigned long *peak)
{
    const struct timespec pause = {0, 5000000};
    int status;

    *peak = 0;
    for (;;) {
        pid_t ended = waitpid(pid, &status, WNOHANG);

        if (ended == pid)
            return status;
        if (ended < 0 && errno != EINTR)
            return -1;
        *peak = peak_of(pid, *peak);
        nanosleep(&pause, NULL);
    }
}

static int write_peak(const char *path, unsigned long peak)
{
    FILE *out = fopen(path, "w");

    if (out == NULL || fprintf(out, "%lu\n", peak) < 0 || fclose(out) != 0) {
        perror(path);
        return 4;
    }
    return 0;
}

int main(int argc, char **argv)
{
    unsigned long peak;
    pid_t pid;
    int status;

    if (argc < 3) {
        fputs("usage: peak FILE COMMAND [ARGUMENT...]\n", stderr);
        return 2;
    }
    pid = fork();
    if (pid == 0) {
        execvp(argv[2], argv + 2);
        perror(argv[2]);
        _exit(127);
    }
    status = pid > 0 ? watch(pid, &peak) : -1;
    if (status == -1 || write_peak(argv[1], peak) != 0)
        return 4;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
