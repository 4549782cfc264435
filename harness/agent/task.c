/*
 * task: what /proc says of the own process's threads, by raw system calls.
 */
#include "agent.h"

#include <fcntl.h>
#include <string.h>

long agent_task_read(long tid, const char *name, char *out, long size)
{
    char path[64] = "/proc/self/task/";
    size_t at = strlen(path);
    char digits[16];
    unsigned count = 0;
    long fd, length;

    do
        digits[count++] = (char)('0' + tid % 10);
    while ((tid /= 10) != 0);
    while (count > 0)
        path[at++] = digits[--count];
    path[at++] = '/';
    strcpy(path + at, name);
    fd = RAW4(SYS_openat, AT_FDCWD, path, O_RDONLY, 0);
    if (fd < 0)
        return 0;
    length = RAW3(SYS_read, fd, out, size - 1);
    RAW1(SYS_close, fd);
    out[length > 0 ? length : 0] = 0;
    return length > 0 ? length : 0;
}

char agent_task_state(uint32_t tid)
{
    char text[256];
    const char *paren;

    if (agent_task_read(tid, "stat", text, sizeof text) == 0)
        return 'X';
    paren = strrchr(text, ')');
    return paren != NULL && paren[1] == ' ' ? paren[2] : 'X';
}
