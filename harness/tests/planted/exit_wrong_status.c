/*
 * exit_wrong_status: the status depends on what an earlier run has left behind: 0 the first time, 3
 * the next. The clean twin leaves nothing and looks for nothing.
 *
 *     planted: exit.wrong-status
 *     run: --inject none --cycles 1
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    char path[64];
    int file;

    if (argc < 2 || strcmp(argv[1], "bad") != 0)
        return 0;
    snprintf(path, sizeof path, "/tmp/exit-wrong-status-%d", (int)getppid());
    file = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
    if (file >= 0)
        return close(file);
    unlink(path);
    return 3;
}
