/*
 * removal: taking a directory tree away.
 *
 * The guardian does this last, when no process of the run is left to write. A tree may be
 * nested deeper than a path is long and than the stack would bear, so directories move up
 * instead of being descended into. Each repeated sweep has removed or moved something, so
 * the sweeps end. Paths are never built: every name is looked up below a descriptor.
 */
#include "removal.h"
#include "fds.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Opens a directory through no link and into no other mount, and makes it ours to empty. */
static int beneath(int dir, const char *name)
{
    struct open_how how = {.flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV};
    int fd = (int)syscall(SYS_openat2, dir, name, &how, sizeof how);

    if (fd < 0 && errno == EACCES && fchmodat(dir, name, 0700, AT_SYMLINK_NOFOLLOW) == 0)
        fd = (int)syscall(SYS_openat2, dir, name, &how, sizeof how);
    if (fd >= 0)
        fchmod(fd, 0700);
    return fd;
}

static bool remove_simple(int dir, const char *name)
{
    return unlinkat(dir, name, 0) == 0 || unlinkat(dir, name, AT_REMOVEDIR) == 0;
}

static bool is_taken(int number)
{
    return number == EEXIST || number == ENOTEMPTY || number == ENOTDIR;
}

/*
 * Hangs a directory into @top under a name that is free there. A plain rename, which every
 * file system knows: all it may replace is an empty directory of the same tree.
 */
static bool hoist(int dir, const char *name, int top)
{
    static unsigned serial;
    bool opened = false;
    char fresh[32];
    int fd;

    for (;;) {
        snprintf(fresh, sizeof fresh, ".removed-%u", serial++);
        if (renameat(dir, name, top, fresh) == 0)
            return true;
        if (errno == EACCES && !opened) { /* its ".." changes, so it must be writable */
            opened = true;
            fd = beneath(dir, name);
            fds_close(&fd, 1);
        } else if (!is_taken(errno)) {
            return false;
        }
    }
}

static bool remove_directory(int dir, const char *name, int top);

/* One sweep; true if it removed or hoisted anything. @top: -1 in the top itself. */
static bool sweep(int dir, int top)
{
    int copy = fcntl(dir, F_DUPFD_CLOEXEC, 3);
    DIR *stream = copy >= 0 ? fdopendir(copy) : NULL;
    struct dirent *entry;
    bool moved = false;

    if (stream == NULL) {
        fds_close(&copy, 1);
        return false;
    }
    rewinddir(stream);
    while ((entry = readdir(stream)) != NULL) {
        const char *name = entry->d_name;

        if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0)
            moved |= remove_simple(dir, name) ||
                     (top < 0 ? remove_directory(dir, name, dir) : hoist(dir, name, top));
    }
    closedir(stream);
    return moved;
}

/*
 * Empties a directory of @top into it: files go, directories move up. So any depth of
 * nesting costs a few descriptors and no stack.
 */
static bool remove_directory(int dir, const char *name, int top)
{
    int fd = beneath(dir, name);
    bool moved = false;

    if (fd < 0)
        return false;
    while (sweep(fd, top))
        moved = true;
    close(fd);
    return unlinkat(dir, name, AT_REMOVEDIR) == 0 || moved;
}

bool removal_tree(int parent, const char *name)
{
    int fd;

    if (remove_simple(parent, name) || errno == ENOENT)
        return true;
    fd = beneath(parent, name);
    if (fd < 0)
        return false;
    while (sweep(fd, -1))
        ;
    close(fd);
    return unlinkat(parent, name, AT_REMOVEDIR) == 0;
}
