/*
 * recorder_place: the recorder's directory and the tracer's wait files.
 *
 * The tracer's library keeps one file per user in /dev/shm (lttng-ust-wait-*), on which
 * programs wait for a session daemon. A user's own tracing may need the same file, so one
 * goes only if nobody has it open. Nothing else outside our own directory may be touched here.
 */
#include <harness/supervisor/recorder/recorder_place.h>

#include <harness/supervisor/process/clock.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/pidfd.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define WAIT_PREFIX "lttng-ust-wait-"

enum { STALE_AFTER_S = 60, TREE_FDS = 16, NAMES_TRIED = 16 };

static bool has_prefix(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

const char *recorder_place_path(const struct recorder_place *place, const char *name, char *path,
                                size_t size)
{
    int n = snprintf(path, size, "%s/%s", place->dir, name);

    if (n < 0 || (size_t)n >= size)
        path[0] = '\0';
    return path;
}

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *where)
{
    (void)info, (void)where;
    if (kind == FTW_DP || kind == FTW_D || kind == FTW_DNR)
        rmdir(path);
    else
        unlink(path);
    return 0;
}

void recorder_place_clear(const char *path)
{
    nftw(path, remove_entry, TREE_FDS, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

/* nftw has no argument for its callback; the tree's two roots, for one call at a time. */
static struct {
    const char *to;
    size_t from_length;
    int links;
} linking;

static int link_entry(const char *path, const struct stat *info, int kind, struct FTW *where)
{
    char to[RECORDER_PLACE_PATH];
    int n = snprintf(to, sizeof to, "%s%s", linking.to, path + linking.from_length);

    (void)info, (void)where;
    if (n < 0 || (size_t)n >= sizeof to)
        return -1;
    if (kind == FTW_D)
        return mkdir(to, 0700) < 0 && errno != EEXIST ? -1 : 0;
    if (kind != FTW_F)
        return 0;
    linking.links++;
    return link(path, to);
}

int recorder_place_link(const char *from, const char *to)
{
    linking.to = to;
    linking.from_length = strlen(from);
    linking.links = 0;
    return nftw(from, link_entry, TREE_FDS, FTW_PHYS) == 0 ? linking.links : -1;
}

void recorder_place_last_line(const char *path, char *line, size_t size)
{
    char next[512];
    FILE *file = fopen(path, "re");

    line[0] = '\0';
    if (file == NULL)
        return;
    while (fgets(next, sizeof next, file) != NULL) {
        next[strcspn(next, "\n")] = '\0';
        if (next[0] != '\0')
            snprintf(line, size, "%s", next);
    }
    fclose(file);
}

/* --- wait files --- */

static bool wait_is_ours(int root, const char *name, struct stat *info)
{
    return has_prefix(name, WAIT_PREFIX) && fstatat(root, name, info, AT_SYMLINK_NOFOLLOW) == 0 &&
           S_ISREG(info->st_mode) && info->st_uid == geteuid();
}

/* Does the process @pid map this file? One that we may not look into counts as no. */
static bool process_maps(const char *pid, const struct stat *file)
{
    char path[300], line[512];
    unsigned long high, low, inode;
    bool found = false;
    FILE *maps;

    snprintf(path, sizeof path, "/proc/%s/maps", pid);
    maps = fopen(path, "re");
    while (maps != NULL && !found && fgets(line, sizeof line, maps) != NULL) {
        if (sscanf(line, "%*s %*s %*s %lx:%lx %lu", &high, &low, &inode) == 3)
            found = makedev(high, low) == file->st_dev && inode == file->st_ino;
    }
    if (maps != NULL)
        fclose(maps);
    return found;
}

/* A process other than @but that maps the file; 0 if there is none. */
static pid_t find_mapper(const struct stat *file, pid_t but)
{
    DIR *proc = opendir("/proc");
    const struct dirent *entry;
    pid_t found = 0, pid;

    while (proc != NULL && found == 0 && (entry = readdir(proc)) != NULL) {
        pid = (pid_t)strtol(entry->d_name, NULL, 10);
        if (pid > 0 && pid != but && process_maps(entry->d_name, file))
            found = pid;
    }
    if (proc != NULL)
        closedir(proc);
    return found;
}

/*
 * Nobody at all has it open or mapped, other users included: the kernel grants a write lease
 * then only. The file is let go at once; SIGURG, ignored by default, is what somebody who
 * opens it in between would cost us.
 */
static bool lease_is_free(int root, const char *name)
{
    int fd = openat(root, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    bool granted;

    if (fd < 0)
        return false;
    granted = fcntl(fd, F_SETSIG, SIGURG) == 0 && fcntl(fd, F_SETLEASE, F_WRLCK) == 0;
    close(fd);
    return granted;
}

/* Could a process that we cannot look into map the file? */
static bool others_may_map(const struct stat *file)
{
    return geteuid() != 0 && (file->st_mode & S_IRWXO) != 0;
}

/* True once nobody that we see maps the file; false if somebody still does at @deadline. */
static bool nobody_seen(const struct stat *file, pid_t but, long deadline)
{
    pid_t pid;

    while ((pid = find_mapper(file, but)) != 0) {
        struct pollfd end = {.fd = pidfd_open(pid, 0), .events = POLLIN};
        long left = deadline - clock_ms();
        int ended = end.fd < 0 || left <= 0 ? end.fd < 0 : poll(&end, 1, (int)left);

        if (end.fd >= 0)
            close(end.fd);
        if (ended <= 0)
            return false;
    }
    return true;
}

static void remove_waits(const struct recorder_place *place, int wait_ms)
{
    DIR *root = opendir(RECORDER_PLACE_ROOT);
    long now = clock_ms();
    const struct dirent *entry;
    struct stat info;

    while (root != NULL && (entry = readdir(root)) != NULL) {
        if (!wait_is_ours(dirfd(root), entry->d_name, &info))
            continue;
        /* An older one may have users who are not ours, and who will not end for us. */
        if (nobody_seen(&info, place->owner, info.st_ctime < place->made ? now : now + wait_ms) &&
            (!others_may_map(&info) || lease_is_free(dirfd(root), entry->d_name)))
            unlinkat(dirfd(root), entry->d_name, 0);
    }
    if (root != NULL)
        closedir(root);
}

/* --- processes --- */

/* The first @size - 1 bytes of a file of /proc; returns how many. */
static size_t read_proc(const char *pid, const char *name, char *text, size_t size)
{
    char path[300];
    ssize_t n = -1;
    int fd;

    snprintf(path, sizeof path, "/proc/%s/%s", pid, name);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        n = read(fd, text, size - 1);
        close(fd);
    }
    text[n > 0 ? n : 0] = '\0';
    return n > 0 ? (size_t)n : 0;
}

static bool uses_place(const struct recorder_place *place, const char *pid)
{
    static char environment[1 << 17];
    char entry[128], name[64];
    size_t n;

    if (read_proc(pid, "comm", name, sizeof name) == 0 || !has_prefix(name, "lttng-"))
        return false;
    snprintf(entry, sizeof entry, "LTTNG_HOME=%s", place->dir);
    n = read_proc(pid, "environ", environment, sizeof environment);
    return memmem(environment, n, entry, strlen(entry) + 1) != NULL;
}

static void end_process(pid_t pid, int wait_ms)
{
    struct pollfd end = {.fd = pidfd_open(pid, 0), .events = POLLIN};

    if (end.fd < 0)
        return;
    if (pidfd_send_signal(end.fd, SIGKILL, NULL, 0) == 0)
        poll(&end, 1, wait_ms);
    close(end.fd);
}

void recorder_place_end_users(const struct recorder_place *place, int wait_ms)
{
    DIR *proc = place->dir[0] != '\0' ? opendir("/proc") : NULL;
    const struct dirent *entry;

    while (proc != NULL && (entry = readdir(proc)) != NULL) {
        pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);

        if (pid > 0 && uses_place(place, entry->d_name))
            end_process(pid, wait_ms);
    }
    if (proc != NULL)
        closedir(proc);
}

/* --- the directory --- */

/* Old, ours, and its lock is free: whoever made it is dead. */
static bool is_stale(int root, const char *name)
{
    struct stat info;
    bool stale = false;
    int fd = openat(root, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0)
        return false;
    if (fstat(fd, &info) == 0 && info.st_uid == geteuid() &&
        time(NULL) - info.st_mtime > STALE_AFTER_S)
        stale = flock(fd, LOCK_EX | LOCK_NB) == 0;
    close(fd);
    return stale;
}

static void remove_stale(void)
{
    DIR *root = opendir(RECORDER_PLACE_ROOT);
    const struct dirent *entry;
    char path[300];

    while (root != NULL && (entry = readdir(root)) != NULL) {
        if (has_prefix(entry->d_name, RECORDER_PLACE_PREFIX) &&
            is_stale(dirfd(root), entry->d_name)) {
            snprintf(path, sizeof path, "%s/%s", RECORDER_PLACE_ROOT, entry->d_name);
            recorder_place_clear(path);
        }
    }
    if (root != NULL)
        closedir(root);
}

/* As mkdtemp, but the name is known before the directory is there. */
static bool draw_name(struct recorder_place *place)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    unsigned char drawn[6];
    size_t length;

    if (getrandom(drawn, sizeof drawn, 0) != sizeof drawn)
        return false;
    length = (size_t)snprintf(place->dir, sizeof place->dir, "%s/%s", RECORDER_PLACE_ROOT,
                              RECORDER_PLACE_PREFIX);
    for (size_t i = 0; i < sizeof drawn; i++)
        place->dir[length++] = letters[drawn[i] % (sizeof letters - 1)];
    place->dir[length] = '\0';
    return true;
}

static int make_directory(struct recorder_place *place,
                          int (*announce)(void *context, const char *path, struct error *e),
                          void *context, struct error *e)
{
    int code = 0, saved;

    for (unsigned tries = 0; tries < NAMES_TRIED; tries++) {
        if (!draw_name(place))
            break;
        if (access(place->dir, F_OK) == 0)
            continue; /* somebody else's must not be announced as ours */
        if (announce != NULL && (code = announce(context, place->dir, e)) != 0)
            break;
        if (mkdir(place->dir, 0700) == 0)
            return 0;
        if (errno != EEXIST)
            break;
    }
    saved = errno;
    place->dir[0] = '\0';
    return code != 0 ? code
                     : error_set(e, ERROR_RECORDER, "%s: %s: make it a writable tmpfs",
                                 RECORDER_PLACE_ROOT, strerror(saved));
}

int recorder_place_make(struct recorder_place *place,
                        int (*announce)(void *context, const char *path, struct error *e),
                        void *context, struct error *e)
{
    struct stat info;
    int code;

    place->lock = -1;
    place->owner = getpid();
    remove_stale();
    code = make_directory(place, announce, context, e);
    if (code != 0)
        return code;
    place->made = 0;
    place->lock = open(place->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (place->lock >= 0)
        flock(place->lock, LOCK_EX); /* a sweeper holds it for an instant at most */
    if (place->lock >= 0 && fstat(place->lock, &info) == 0)
        place->made = info.st_ctime;
    return 0;
}

void recorder_place_remove(struct recorder_place *place, int wait_ms)
{
    if (place->dir[0] != '\0') {
        recorder_place_clear(place->dir);
        remove_waits(place, wait_ms);
        place->dir[0] = '\0';
    }
    if (place->lock >= 0)
        close(place->lock);
    place->lock = -1;
}
