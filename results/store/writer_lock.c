/*
 * writer_lock: the run's writer is whoever holds the record lock on its lock file.
 *
 * A record lock dies when its owner closes any descriptor of the file, so a file that this
 * process has locked must never be opened here a second time: the list of our own locks is
 * asked first. Not for use in several threads.
 */
#include <results/store/writer_lock.h>

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct writer_lock {
    struct writer_lock *next;
    dev_t device;
    ino_t inode;
    pid_t owner; /* a forked child inherits the list, not the locks */
    int fd;
    char path[];
};

static struct writer_lock *ours;

static bool held_by_us(const char *path)
{
    struct stat now;

    if (stat(path, &now) != 0)
        return false;
    for (const struct writer_lock *lock = ours; lock != NULL; lock = lock->next) {
        if (lock->owner == getpid() && lock->device == now.st_dev && lock->inode == now.st_ino)
            return true;
    }
    return false;
}

static int busy(const char *path, long pid, struct error *e)
{
    return error_set(e, ERROR_BUSY,
                     "store: %s: process %ld writes this run: wait for it, or stop it", path, pid);
}

static int from_errno(const char *what, const char *path, struct error *e)
{
    int code = ERROR_SYSTEM;

    if (errno == EACCES || errno == EPERM || errno == EROFS)
        code = ERROR_PERMISSION;
    else if (errno == ENOSPC || errno == EDQUOT)
        code = ERROR_FULL;
    else if (errno == ENOENT || errno == ENOTDIR)
        code = ERROR_NOT_FOUND;
    return error_set(e, code, "store: %s: cannot %s the lock file (%s): choose another directory",
                     path, what, strerror(errno));
}

/* Who holds the lock that we were refused; 0 if it has just been dropped. */
static long holder(int fd)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

    if (fcntl(fd, F_GETLK, &lock) != 0 || lock.l_type == F_UNLCK)
        return 0;
    return lock.l_pid;
}

static int lock_descriptor(const char *path, int fd, struct error *e)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

    if (fcntl(fd, F_SETLK, &lock) == 0)
        return 0;
    if (errno == EAGAIN || errno == EACCES)
        return busy(path, holder(fd), e);
    return from_errno("lock", path, e);
}

/* The last holder may have removed the file between our open and our lock. */
static bool still_there(const char *path, int fd, struct stat *mine)
{
    struct stat now;

    return fstat(fd, mine) == 0 && stat(path, &now) == 0 && now.st_dev == mine->st_dev &&
           now.st_ino == mine->st_ino;
}

static int open_locked(const char *path, int *fd, struct stat *mine, struct error *e)
{
    int code;

    do {
        if (held_by_us(path))
            return busy(path, getpid(), e);
        *fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
        if (*fd < 0)
            return from_errno("open", path, e);
        code = lock_descriptor(path, *fd, e);
        if (code == 0 && still_there(path, *fd, mine))
            return 0;
        close(*fd);
    } while (code == 0);
    return code;
}

int writer_lock_take(const char *path, struct writer_lock **out, struct error *e)
{
    size_t bytes = strlen(path) + 1;
    struct writer_lock *lock = malloc(sizeof *lock + bytes);
    struct stat mine;
    int code;

    *out = NULL;
    if (lock == NULL)
        return error_set(e, ERROR_MEMORY, "store: %s: out of memory", path);
    code = open_locked(path, &lock->fd, &mine, e);
    if (code != 0) {
        free(lock);
        return code;
    }
    memcpy(lock->path, path, bytes);
    lock->device = mine.st_dev;
    lock->inode = mine.st_ino;
    lock->owner = getpid();
    lock->next = ours;
    ours = lock;
    *out = lock;
    return 0;
}

void writer_lock_drop(struct writer_lock *lock)
{
    if (lock == NULL)
        return;
    for (struct writer_lock **at = &ours; *at != NULL; at = &(*at)->next) {
        if (*at == lock) {
            *at = lock->next;
            break;
        }
    }
    if (lock->owner == getpid())
        unlink(lock->path);
    close(lock->fd);
    free(lock);
}
