/*
 * copy_tree: see copy_tree.h. A run's directory may come from anybody: no link is followed, and
 * nothing is written outside of the place that was named.
 */
#include <results/merge/copy_tree.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DEPTH = 32, CHUNK = 1 << 16 };

bool copy_tree_is_inside(const char *path)
{
    if (*path == '/' || *path == 0)
        return false;
    for (const char *part = path; part != NULL; part = strchr(part, '/')) {
        part += *part == '/';
        if (strncmp(part, "..", 2) == 0 && (part[2] == '/' || part[2] == 0))
            return false;
    }
    return true;
}

static int failed(const char *path, struct error *e)
{
    return error_set(e, errno == ENOSPC || errno == EDQUOT ? ERROR_FULL : ERROR_SYSTEM,
                     "merge: %s: %s", path, strerror(errno));
}

static int make_parents(const char *path, struct error *e)
{
    char *copy = strdup(path);
    int code = 0;

    if (copy == NULL)
        return error_set(e, ERROR_MEMORY, "merge: out of memory");
    for (char *slash = strchr(copy + 1, '/'); slash != NULL && code == 0;
         slash = strchr(slash + 1, '/')) {
        *slash = 0;
        if (mkdir(copy, 0777) != 0 && errno != EEXIST)
            code = failed(copy, e);
        *slash = '/';
    }
    free(copy);
    return code;
}

static int copy_bytes(int in, int out)
{
    char chunk[CHUNK];
    ssize_t got, put;

    while ((got = read(in, chunk, sizeof chunk)) > 0)
        for (ssize_t at = 0; at < got; at += put)
            if ((put = write(out, chunk + at, (size_t)(got - at))) < 0)
                return -1;
    return got < 0 ? -1 : 0;
}

static int copy_file(int from, const char *name, int to, struct error *e)
{
    int in = openat(from, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    int out = openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
    int code = in < 0 || out < 0 || copy_bytes(in, out) != 0 ? failed(name, e) : 0;

    if (in >= 0)
        close(in);
    if (out >= 0 && close(out) != 0 && code == 0)
        code = failed(name, e);
    return code;
}

static int copy_directory(int from, int to, unsigned depth, struct error *e);

static int copy_below(int from, const char *name, int to, unsigned depth, struct error *e)
{
    int in = openat(from, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    int out = -1, code;

    if (in < 0 || mkdirat(to, name, 0777) != 0 ||
        (out = openat(to, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)) < 0)
        code = failed(name, e);
    else
        code = copy_directory(in, out, depth + 1, e);
    if (out >= 0)
        close(out);
    if (in >= 0)
        close(in);
    return code;
}

static int copy_entry(int from, const char *name, int to, unsigned depth, struct error *e)
{
    struct stat info;

    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return 0;
    if (fstatat(from, name, &info, AT_SYMLINK_NOFOLLOW) != 0)
        return failed(name, e);
    if (S_ISREG(info.st_mode))
        return copy_file(from, name, to, e);
    return S_ISDIR(info.st_mode) && depth < DEPTH ? copy_below(from, name, to, depth, e) : 0;
}

static int copy_directory(int from, int to, unsigned depth, struct error *e)
{
    int again = dup(from);
    DIR *directory = again >= 0 ? fdopendir(again) : NULL;
    struct dirent *entry;
    int code = 0;

    if (directory == NULL) {
        code = failed("a trace", e);
        if (again >= 0)
            close(again);
        return code;
    }
    while (code == 0 && (entry = readdir(directory)) != NULL)
        code = copy_entry(from, entry->d_name, to, depth, e);
    closedir(directory);
    return code;
}

int copy_tree(const char *from, const char *to, struct error *e)
{
    int in = open(from, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW), out = -1;
    int code;

    if (in < 0)
        return error_set(e, ERROR_NOT_FOUND, "merge: %s: %s", from, strerror(errno));
    code = make_parents(to, e);
    if (code == 0 && ((mkdir(to, 0777) != 0 && errno != EEXIST) ||
                      (out = open(to, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)) < 0))
        code = failed(to, e);
    if (code == 0)
        code = copy_directory(in, out, 0, e);
    if (out >= 0)
        close(out);
    close(in);
    return code;
}
