/*
 * was_here.h: a program that behaves differently every second time that one server starts it.
 */
#ifndef RUNDOWN_PLANTED_WAS_HERE_H
#define RUNDOWN_PLANTED_WAS_HERE_H

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

/** was_here() - true every second time that a child of this parent asks under @name (a file in
 * /tmp remembers it, and is removed by the second). */
static inline bool was_here(const char *name)
{
    char path[96];
    int file;

    snprintf(path, sizeof path, "/tmp/%s-%d", name, (int)getppid());
    file = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
    if (file < 0)
        return unlink(path) == 0;
    close(file);
    return false;
}

#endif
