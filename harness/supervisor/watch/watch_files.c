/*
 * watch_files: who could make a file ready. Whatever cannot be read counts for "somebody could".
 */
#include "watch_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { LINK_BYTES = 128, FILES = 1024, SOCKETS_BYTES = 4096 };

static bool link_of(int pid, const char *fd, char out[LINK_BYTES])
{
    char path[300];
    ssize_t length;

    snprintf(path, sizeof path, "/proc/%d/fd/%s", pid, fd);
    length = readlink(path, out, LINK_BYTES - 1);
    out[length > 0 ? length : 0] = 0;
    return length > 0;
}

static ssize_t text_of(const char *path, char *out, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t length = 0;
    ssize_t got = 0;

    while (fd >= 0 && length < size - 1 && (got = read(fd, out + length, size - 1 - length)) > 0)
        length += (size_t)got;
    if (fd >= 0)
        close(fd);
    out[length] = 0;
    return fd < 0 || got < 0 ? -1 : (ssize_t)length;
}

/* Pipes have a number in their name; eventfds, which all have one name, in a line about them. */
static bool name_of(int pid, const char *fd, char out[LINK_BYTES])
{
    char path[300], info[1024];
    const char *id;

    if (!link_of(pid, fd, out))
        return false;
    if (strcmp(out, "anon_inode:[eventfd]") != 0)
        return true;
    snprintf(path, sizeof path, "/proc/%d/fdinfo/%s", pid, fd);
    if (text_of(path, info, sizeof info) > 0 && (id = strstr(info, "eventfd-id:")) != NULL)
        snprintf(out, LINK_BYTES, "eventfd %d", atoi(id + strlen("eventfd-id:")));
    return true;
}

/* Calls @each for the files of a process until it returns false; false then, or if it cannot. */
static bool all_files(int pid, bool (*each)(const char *name, void *context), void *context)
{
    char path[64], name[LINK_BYTES];
    struct dirent *entry;
    bool good = true;
    DIR *files;

    snprintf(path, sizeof path, "/proc/%d/fd", pid);
    files = opendir(path);
    if (files == NULL)
        return false;
    while (good && (entry = readdir(files)) != NULL)
        if (entry->d_name[0] != '.')
            good = name_of(pid, entry->d_name, name) && each(name, context);
    closedir(files);
    return good;
}

static bool is_another(const char *name, void *other)
{
    return strcmp(name, other) != 0;
}

static bool is_socket(const char *name)
{
    return strncmp(name, "socket:", 7) == 0;
}

/* The fork server's sockets are the recorder's; what it has of its own a target made after that. */
static bool is_no_own_socket(const char *name, void *servers)
{
    return !is_socket(name) || strstr(servers, name) != NULL;
}

/* Their names, one after the other; one that is not read, or has no room, counts as unknown. */
static bool add_socket(const char *name, void *names)
{
    if (is_socket(name) && strlen(names) + strlen(name) < SOCKETS_BYTES)
        strcat(names, name);
    return true;
}

static int parent_of(int pid)
{
    char path[64], text[512];
    const char *at;

    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    if (text_of(path, text, sizeof text) <= 0 || (at = strrchr(text, ')')) == NULL ||
        strlen(at) < 4)
        return 0;
    return atoi(at + 4); /* ") S PPID" */
}

/* Whoever leaves the tree comes to the parent, which is a sub-reaper. */
static bool is_only_child(int parent, int pid)
{
    char path[64], text[256], only[32];

    snprintf(path, sizeof path, "/proc/%d/task/%d/children", parent, parent);
    snprintf(only, sizeof only, "%d ", pid);
    return text_of(path, text, sizeof text) > 0 && strcmp(text, only) == 0;
}

static bool is_disarmed(const char *info)
{
    return strstr(info, "\nit_value: (0, 0)\n") != NULL;
}

static bool file_inside(int parent, int pid, int fd, bool in_epoll);

static bool epoll_inside(int parent, int pid, const char *info)
{
    for (const char *line = strstr(info, "\ntfd:"); line != NULL; line = strstr(line + 1, "\ntfd:"))
        if (!file_inside(parent, pid, atoi(line + 5), true))
            return false;
    return true;
}

static bool file_inside(int parent, int pid, int fd, bool in_epoll)
{
    char number[16], path[64], name[LINK_BYTES], info[65536];

    snprintf(number, sizeof number, "%d", fd);
    if (fd < 0 || !name_of(pid, number, name))
        return false;
    if (strncmp(name, "pipe:[", 6) == 0 || strncmp(name, "eventfd ", 8) == 0)
        return all_files(parent, is_another, name);
    snprintf(path, sizeof path, "/proc/%d/fdinfo/%d", pid, fd);
    if (strcmp(name, "anon_inode:[timerfd]") == 0)
        return text_of(path, info, sizeof info) > 0 && is_disarmed(info);
    if (strcmp(name, "anon_inode:[eventpoll]") != 0 || in_epoll)
        return false; /* an epoll set in another would have to be gone through as well */
    return text_of(path, info, sizeof info) < (ssize_t)sizeof info - 1 && info[0] != 0 &&
           epoll_inside(parent, pid, info);
}

/* --- lists of files in the target's memory ---------------------------------------------------- */

static bool copy(int pid, uint64_t address, void *out, size_t size)
{
    struct iovec here = {out, size}, there = {(void *)(uintptr_t)address, size};

    return process_vm_readv(pid, &here, 1, &there, 1, 0) == (ssize_t)size;
}

static bool poll_inside(int parent, int pid, uint64_t address, uint64_t count)
{
    struct pollfd file;

    for (uint64_t i = 0; i < count; i++) {
        if (i >= FILES || !copy(pid, address + i * sizeof file, &file, sizeof file))
            return false;
        if (file.fd >= 0 && !file_inside(parent, pid, file.fd, false))
            return false;
    }
    return true;
}

static bool select_inside(int parent, int pid, const struct evidence_thread *thread)
{
    uint64_t count = thread->argument[0];

    for (unsigned i = 1; i <= 3; i++) {
        fd_set set;

        /* The kernel overwrites them as it leaves, and only what is below @count is the call's. */
        if (thread->argument[i] == 0)
            continue;
        if (count > FD_SETSIZE || !copy(pid, thread->argument[i], &set, (count + 63) / 64 * 8))
            return false;
        for (uint64_t fd = 0; fd < count; fd++)
            if (FD_ISSET(fd, &set) && !file_inside(parent, pid, (int)fd, false))
                return false;
    }
    return true;
}

/* poll's and epoll_wait's limit is an int: what lies above it in the register is nobody's. */
static bool for_ever(uint64_t milliseconds)
{
    return (int)milliseconds < 0;
}

static bool call_inside(int parent, int pid, const struct evidence_thread *thread)
{
    const uint64_t *argument = thread->argument;

    switch (thread->syscall) {
    case SYS_read:
    case SYS_readv:
    case SYS_write:
    case SYS_writev:
        return file_inside(parent, pid, (int)argument[0], true);
    case SYS_poll:
        return for_ever(argument[2]) && poll_inside(parent, pid, argument[0], argument[1]);
    case SYS_ppoll:
        return argument[2] == 0 && poll_inside(parent, pid, argument[0], argument[1]);
    case SYS_select:
    case SYS_pselect6:
        return argument[4] == 0 && select_inside(parent, pid, thread);
    case SYS_epoll_wait:
    case SYS_epoll_pwait:
        return for_ever(argument[3]) && file_inside(parent, pid, (int)argument[0], false);
    default:
        return false;
    }
}

bool watch_files_inside(int root, int pid, const struct evidence_thread *thread)
{
    int parent = parent_of(root);
    char servers[SOCKETS_BYTES] = "";

    if (parent <= 0 || !call_inside(parent, pid, thread) || !is_only_child(parent, root))
        return false;
    all_files(parent, add_socket, servers);
    return all_files(pid, is_no_own_socket, servers);
}
