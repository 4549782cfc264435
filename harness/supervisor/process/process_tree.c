/*
 * process_tree: looking at processes and their children through /proc.
 *
 * Nothing here acts on a process. A look that fails for want of a descriptor is told apart
 * from a process that is gone: a hunt would else take a tree it cannot see for a dead one.
 */
#include "process_tree.h"

#include <harness/common/array.h>

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static enum process_tree_sight sight_of(int number)
{
    switch (number) {
    case ENOENT:
    case ESRCH:
        return PROCESS_TREE_GONE;
    case EACCES:
    case EPERM:
        return PROCESS_TREE_HIDDEN;
    default:
        return PROCESS_TREE_UNSEEN;
    }
}

static bool pids_add(struct process_tree_pids *p, pid_t pid)
{
    if (!ARRAY_ROOM(p->at, p->count, p->room))
        return false;
    p->at[p->count++] = pid;
    return true;
}

void process_tree_free(struct process_tree_pids *pids)
{
    free(pids->at);
    *pids = (struct process_tree_pids){0};
}

/* ---- one process ----------------------------------------------------------------- */

/* Reads a small file of /proc as a string. */
static enum process_tree_sight text_read(int proc, const char *path, char *text, size_t size)
{
    int fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
    ssize_t got;
    int number;

    if (fd < 0)
        return sight_of(errno);
    got = read(fd, text, size - 1);
    number = got == 0 ? ESRCH : errno;
    close(fd);
    text[got > 0 ? got : 0] = '\0';
    return got > 0 ? PROCESS_TREE_SEEN : sight_of(number);
}

/* @path: of a stat file. The program's name may hold anything, so count from its end. */
static enum process_tree_sight look_at(int proc, const char *path, struct process_tree_look *look)
{
    char text[1024], *end;
    enum process_tree_sight sight = text_read(proc, path, text, sizeof text);

    if (sight != PROCESS_TREE_SEEN)
        return sight;
    end = strrchr(text, ')');
    if (end == NULL ||
        sscanf(end + 1,
               " %c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %d %*d %llu",
               &look->state, &look->parent, &look->threads, &look->start) != 4)
        return PROCESS_TREE_UNSEEN;
    return PROCESS_TREE_SEEN;
}

enum process_tree_sight process_tree_look(int proc, pid_t pid, struct process_tree_look *look)
{
    char path[32];

    snprintf(path, sizeof path, "%d/stat", pid);
    return look_at(proc, path, look);
}

bool process_tree_dead(const struct process_tree_look *look)
{
    return look->state == 'X' || (look->state == 'Z' && look->threads <= 1);
}

pid_t process_tree_tracer(int proc, pid_t pid)
{
    char path[32], text[1024], *line;

    snprintf(path, sizeof path, "%d/status", pid);
    if (text_read(proc, path, text, sizeof text) != PROCESS_TREE_SEEN)
        return 0;
    line = strstr(text, "\nTracerPid:");
    return line != NULL ? atoi(line + strlen("\nTracerPid:")) : 0;
}

/* ---- its threads, and their children --------------------------------------------- */

/* NULL with errno. */
static DIR *tasks_open(int proc, pid_t pid)
{
    char path[32];
    DIR *tasks;
    int fd;

    snprintf(path, sizeof path, "%d/task", pid);
    fd = openat(proc, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    tasks = fd >= 0 ? fdopendir(fd) : NULL;
    if (tasks == NULL && fd >= 0) {
        close(fd);
        errno = ENOMEM;
    }
    return tasks;
}

/* The name of the next thread; NULL at the end, with an errno of 0 or of what went wrong. */
static const char *tasks_next(DIR *tasks)
{
    struct dirent *entry;

    do {
        errno = 0;
        entry = readdir(tasks);
    } while (entry != NULL && !isdigit((unsigned char)entry->d_name[0]));
    return entry != NULL ? entry->d_name : NULL;
}

bool process_tree_traced_stop(int proc, pid_t pid)
{
    DIR *tasks = tasks_open(proc, pid);
    const char *thread;
    bool stopped = false;

    while (tasks != NULL && !stopped && (thread = tasks_next(tasks)) != NULL) {
        char path[NAME_MAX + 8];
        struct process_tree_look look;

        snprintf(path, sizeof path, "%s/stat", thread);
        stopped = look_at(dirfd(tasks), path, &look) == PROCESS_TREE_SEEN && look.state == 't';
    }
    if (tasks != NULL)
        closedir(tasks);
    return stopped;
}

/* Takes the numbers out of a piece of text; one that is cut off goes on in @pid. */
static bool numbers_take(const char *text, size_t size, pid_t *pid, struct process_tree_pids *out)
{
    bool all = true;

    for (size_t i = 0; i < size; i++) {
        if (isdigit((unsigned char)text[i])) {
            *pid = 10 * *pid + (text[i] - '0');
        } else if (*pid > 0) {
            all &= pids_add(out, *pid);
            *pid = 0;
        }
    }
    return all;
}

static enum process_tree_sight children_of_thread(int tasks, const char *thread,
                                                  struct process_tree_pids *out)
{
    char path[NAME_MAX + 16], text[4096];
    pid_t pid = 0;
    bool all = true;
    ssize_t got;
    int fd, number;

    snprintf(path, sizeof path, "%s/children", thread);
    fd = openat(tasks, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return sight_of(errno);
    while ((got = read(fd, text, sizeof text)) > 0)
        all &= numbers_take(text, (size_t)got, &pid, out);
    number = errno;
    close(fd);
    if (got < 0)
        return sight_of(number);
    return all ? PROCESS_TREE_SEEN : PROCESS_TREE_UNSEEN;
}

enum process_tree_sight process_tree_children(int proc, pid_t pid, struct process_tree_pids *out)
{
    DIR *tasks = tasks_open(proc, pid);
    enum process_tree_sight all = PROCESS_TREE_SEEN;
    const char *thread;

    if (tasks == NULL)
        return sight_of(errno);
    while ((thread = tasks_next(tasks)) != NULL) {
        enum process_tree_sight sight = children_of_thread(dirfd(tasks), thread, out);

        if (sight > PROCESS_TREE_GONE) /* a thread that ended gave its children away */
            all = sight;
    }
    if (errno != 0 && all == PROCESS_TREE_SEEN)
        all = sight_of(errno);
    closedir(tasks);
    return all;
}
