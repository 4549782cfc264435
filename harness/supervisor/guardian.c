/*
 * guardian: starts every process of a run, and leaves none behind.
 *
 * Four kinds of process run this file: the supervisor (the public functions at the
 * end), the guardian it forked, the keepers the guardian forks (one per child), and
 * the child until it executes. Guardian and keepers never wait for a child, print
 * nothing, start no thread and leave by _exit alone. Ending a tree is the same hunt
 * in all three: stop whatever descends from us until a walk meets nothing new, then
 * kill it. Pids are signalled through pidfds after a look at their parent, because a
 * fork bomb turns the pid space round within seconds.
 */
#include "guardian.h"

#include <assert.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    PATIENCE_MS = 60000,       /* what a SIGKILL may take before we stop waiting for it */
    NUDGE_MS = 200,            /* a guardian silent this long may have been stopped: SIGCONT */
    PAUSE_MAX_MS = 64,         /* between two strikes of a hunt */
    PASSES_MAX = 100,          /* walks of one strike; a hunt strikes again anyway */
    REAPS_MAX = 32,            /* times AT_ONCE_MAX: reaped before one walk */
    AT_ONCE_MAX = 512,         /* reaped or read in one go: a flood must not drown an order */
    NOTICES_MAX = 4096,        /* waiting notices beyond which orphans' are dropped */
    PASSED = GUARDIAN_FDS + 1, /* descriptors in one message: the payload and the child's */
    HASTE = 10,                /* a fork bomb leaves its equals little time */
    CHILD_FAILED = 127,        /* never seen by a user: the failure travels through a pipe */
};

enum operation { OPERATION_SPAWN, OPERATION_KILL, OPERATION_REMOVE, OPERATION_STOP };

/* Where a request failed; the errno goes with it. */
enum stage { STAGE_NONE, STAGE_ASK, STAGE_FORK, STAGE_FDS, STAGE_CWD, STAGE_EXEC, STAGE_KILL };

/*
 * Supervisor to guardian. Both are one binary in one address space layout, so pointers
 * to functions may travel. The payload, a memfd, holds: the argument (first, so that it
 * is aligned), the directory, the path, argv and envp, each string with its NUL.
 */
struct request {
    enum operation operation;
    uint32_t sequence;
    pid_t pid;
    uint64_t tag;
    int (*function)(void *argument, size_t length);
    size_t length, payload, argc, envc;
    bool has_envp;
    unsigned fd_count;
    int to[GUARDIAN_FDS];
    char name[NAME_MAX + 1];
};

/* Guardian to supervisor; a sequence of 0 says "ready". */
struct reply {
    uint32_t sequence;
    enum stage stage;
    int number;
    pid_t pid;
};

/* Child to keeper, through a pipe that exec closes. */
struct failure {
    enum stage stage;
    int number;
};

/* Keeper to guardian. */
struct word {
    enum { WORD_STARTED, WORD_EXIT, WORD_DONE } kind;
    pid_t pid;
    int status;
    bool adopted;
    struct failure failure;
};

/* ---- small things ---------------------------------------------------------------- */

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void close_all(const int *fds, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (fds[i] >= 0)
            close(fds[i]);
}

/* Moves a descriptor to a number of at least @base; -1 with errno, and @fd is closed. */
static int fd_lift(int fd, int base)
{
    int high = fd;

    if (fd >= 0 && fd < base) {
        high = fcntl(fd, F_DUPFD_CLOEXEC, base);
        close(fd);
    }
    return high;
}

static int int_order(const void *a, const void *b)
{
    int x = *(const int *)a, y = *(const int *)b;

    return (x > y) - (x < y);
}

/* Closes everything above 2 but the given ones; numbers below 3 among them are harmless. */
static void close_except(int *keep, unsigned count)
{
    unsigned from = 3;

    qsort(keep, count, sizeof *keep, int_order);
    for (unsigned i = 0; i < count; i++) {
        if (keep[i] < (int)from)
            continue;
        if ((unsigned)keep[i] > from)
            close_range(from, (unsigned)keep[i] - 1, 0);
        from = (unsigned)keep[i] + 1;
    }
    close_range(from, ~0U, 0);
}

static bool message_send(int sock, const void *data, size_t size, const int *fds, unsigned count,
                         int flags)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(PASSED * sizeof(int))];
    } control = {0};
    struct iovec part = {.iov_base = (void *)data, .iov_len = size};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    ssize_t sent;

    if (count > 0) {
        message.msg_control = control.bytes;
        message.msg_controllen = CMSG_SPACE(count * sizeof(int));
        control.align.cmsg_level = SOL_SOCKET;
        control.align.cmsg_type = SCM_RIGHTS;
        control.align.cmsg_len = CMSG_LEN(count * sizeof(int));
        memcpy(CMSG_DATA(&control.align), fds, count * sizeof(int));
    }
    do
        sent = sendmsg(sock, &message, flags | MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent == (ssize_t)size;
}

/* Fills @fds with -1 beyond what came. Returns as recvmsg(); never waits. */
static ssize_t message_receive(int sock, void *data, size_t size, int fds[PASSED])
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(PASSED * sizeof(int))];
    } control = {0};
    struct iovec part = {.iov_base = data, .iov_len = size};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof control.bytes};
    struct cmsghdr *head;
    ssize_t got;

    memset(fds, -1, PASSED * sizeof(int));
    do
        got = recvmsg(sock, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    while (got < 0 && errno == EINTR);
    head = got > 0 ? CMSG_FIRSTHDR(&message) : NULL;
    if (head != NULL && head->cmsg_type == SCM_RIGHTS)
        memcpy(fds, CMSG_DATA(head), head->cmsg_len - CMSG_LEN(0));
    return got;
}

static bool message_later(ssize_t got)
{
    return got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

/* ---- looking at processes -------------------------------------------------------- */

struct pids {
    pid_t *at;
    size_t count, room;
};

/* A pid that finds no room is met again by the next walk. */
static void pids_add(struct pids *p, pid_t pid)
{
    if (p->count == p->room) {
        size_t room = p->room > 0 ? 2 * p->room : 64;
        pid_t *at = realloc(p->at, room * sizeof *at);

        if (at == NULL)
            return;
        p->at = at;
        p->room = room;
    }
    p->at[p->count++] = pid;
}

static bool pids_have(const struct pids *p, pid_t pid)
{
    for (size_t i = 0; i < p->count; i++)
        if (p->at[i] == pid)
            return true;
    return false;
}

struct look {
    char state;
    pid_t parent;
    int threads;
};

/* Reads a small file of /proc as a string; false if the process is gone. */
static bool proc_read(int proc, const char *path, char *text, size_t size)
{
    int fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
    ssize_t got;

    if (fd < 0)
        return false;
    got = read(fd, text, size - 1);
    close(fd);
    text[got > 0 ? got : 0] = '\0';
    return got > 0;
}

/* @path: of a stat file. The program's name may hold anything, so count from its end. */
static bool look_at(int proc, const char *path, struct look *look)
{
    char text[512], *end;

    if (!proc_read(proc, path, text, sizeof text) || (end = strrchr(text, ')')) == NULL)
        return false;
    return sscanf(end + 1, " %c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %d",
                  &look->state, &look->parent, &look->threads) == 3;
}

static bool look_at_process(int proc, pid_t pid, struct look *look)
{
    char path[32];

    snprintf(path, sizeof path, "%d/stat", pid);
    return look_at(proc, path, look);
}

/* A leader that left by pthread_exit() shows as a zombie while its threads run on. */
static bool look_dead(const struct look *look)
{
    return look->state == 'X' || (look->state == 'Z' && look->threads <= 1);
}

static pid_t tracer_of(int proc, pid_t pid)
{
    char path[32], text[1024], *line;

    snprintf(path, sizeof path, "%d/status", pid);
    if (!proc_read(proc, path, text, sizeof text))
        return 0;
    line = strstr(text, "\nTracerPid:");
    return line != NULL ? atoi(line + strlen("\nTracerPid:")) : 0;
}

static DIR *tasks_open(int proc, pid_t pid)
{
    char path[32];
    DIR *tasks;
    int fd;

    snprintf(path, sizeof path, "%d/task", pid);
    fd = openat(proc, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    tasks = fd >= 0 ? fdopendir(fd) : NULL;
    if (tasks == NULL && fd >= 0)
        close(fd);
    return tasks;
}

/* Is a thread in ptrace-stop? Right after a SIGKILL that can only be the exit stop. */
static bool tracing_stop(int proc, pid_t pid)
{
    DIR *tasks = tasks_open(proc, pid);
    struct dirent *entry;
    bool stopped = false;

    while (tasks != NULL && !stopped && (entry = readdir(tasks)) != NULL) {
        char path[NAME_MAX + 8];
        struct look look;

        snprintf(path, sizeof path, "%s/stat", entry->d_name);
        stopped = isdigit((unsigned char)entry->d_name[0]) && look_at(dirfd(tasks), path, &look) &&
                  look.state == 't';
    }
    if (tasks != NULL)
        closedir(tasks);
    return stopped;
}

static void children_of_thread(int tasks, const char *thread, struct pids *out)
{
    char path[NAME_MAX + 16], text[4096];
    pid_t pid = 0;
    ssize_t got;
    int fd;

    snprintf(path, sizeof path, "%s/children", thread);
    fd = openat(tasks, path, O_RDONLY | O_CLOEXEC);
    while (fd >= 0 && (got = read(fd, text, sizeof text)) > 0)
        for (ssize_t i = 0; i < got; i++) {
            if (isdigit((unsigned char)text[i])) {
                pid = 10 * pid + (text[i] - '0');
            } else if (pid > 0) {
                pids_add(out, pid);
                pid = 0;
            }
        }
    if (fd >= 0)
        close(fd);
}

static void children_of(int proc, pid_t pid, struct pids *out)
{
    DIR *tasks = tasks_open(proc, pid);
    struct dirent *entry;

    if (tasks == NULL)
        return;
    while ((entry = readdir(tasks)) != NULL)
        if (isdigit((unsigned char)entry->d_name[0]))
            children_of_thread(dirfd(tasks), entry->d_name, out);
    closedir(tasks);
}

/* ---- the hunt -------------------------------------------------------------------- */

/*
 * @reap: its owner's, called before each walk until it returns false: the dead lengthen a
 * walk, and time is what a fork bomb wins by.
 * @spare: children of ours that are not quarry. The counts are those of the last pass:
 * @alive will still be with us later, @held are zombies that another process traces,
 * @stuck are killed but wait for their tracer, @refused belong to another user.
 */
struct hunt {
    int proc;
    pid_t self;
    bool (*reap)(void *owner);
    void *owner;
    struct pids spare, now, before;
    size_t alive, held, stuck, refused;
    int64_t next_ms;
    int pause_ms;
};

/* A dead one matters only if it is ours to reap. */
static void hunt_corpse(struct hunt *h, pid_t pid, const struct look *look, int number)
{
    pid_t tracer;

    if (look->parent != h->self)
        return;
    tracer = number == SIGKILL ? tracer_of(h->proc, pid) : 0;
    if (tracer != 0 && tracer != h->self)
        h->held++;
    else
        h->alive++;
}

static bool hunt_strike_one(struct hunt *h, int pidfd, pid_t pid, int number)
{
    if (pidfd_send_signal(pidfd, number, NULL, 0) != 0) {
        if (errno == EPERM)
            h->refused++;
        else
            h->alive++;
        return errno == EPERM;
    }
    if (number == SIGKILL && tracing_stop(h->proc, pid))
        h->stuck++;
    else
        h->alive++;
    return true;
}

static bool hunt_knows(const struct hunt *h, pid_t pid, pid_t parent, struct look *look)
{
    return look_at_process(h->proc, pid, look) &&
           (look->parent == parent || look->parent == h->self);
}

/*
 * Signals one process that was listed below @parent; true if it lives. The pid may have
 * changed hands since: the pidfd pins one process, and a look taken after that tells
 * whether the number belongs to our tree. (The look before spares the dead a pidfd.)
 */
static bool hunt_one(struct hunt *h, pid_t pid, pid_t parent, int number)
{
    struct look look;
    bool lives = false;
    int pidfd;

    if (!hunt_knows(h, pid, parent, &look))
        return false;
    if (look_dead(&look)) {
        hunt_corpse(h, pid, &look, number);
        return false;
    }
    if (number == SIGSTOP && look.state == 'T') {
        h->alive++;
        return true;
    }
    pidfd = pidfd_open(pid, 0);
    if (pidfd >= 0 && hunt_knows(h, pid, parent, &look))
        lives = hunt_strike_one(h, pidfd, pid, number);
    else
        h->alive++; /* in motion: the next walk will tell */
    close_all(&pidfd, 1);
    return lives;
}

/*
 * Signals the children of @parent and leaves the living ones at the end of the list. The
 * last in a list came last, and are the likeliest to be gone soon, so they come first.
 */
static void hunt_below(struct hunt *h, pid_t parent, int number)
{
    size_t first = h->now.count, kept = first;

    children_of(h->proc, parent, &h->now);
    for (size_t i = h->now.count; i > first; i--) {
        pid_t pid = h->now.at[i - 1];

        if ((parent == h->self && pids_have(&h->spare, pid)) || !hunt_one(h, pid, parent, number))
            h->now.at[i - 1] = 0;
    }
    for (size_t i = first; i < h->now.count; i++)
        if (h->now.at[i] != 0)
            h->now.at[kept++] = h->now.at[i];
    h->now.count = kept;
}

/* One walk over all that descends from us, parents before children. */
static void hunt_pass(struct hunt *h, int number)
{
    for (int i = 0; i < REAPS_MAX && h->reap(h->owner); i++)
        ;
    h->now.count = h->alive = h->held = h->stuck = h->refused = 0;
    hunt_below(h, h->self, number);
    for (size_t i = 0; i < h->now.count; i++)
        hunt_below(h, h->now.at[i], number);
}

/* Did the last pass meet anybody whom the one before had not? Makes it the one before. */
static bool hunt_news(struct hunt *h)
{
    struct pids swap = h->before;
    bool news = false;

    if (h->now.count == 0)
        return false;
    qsort(h->now.at, h->now.count, sizeof(pid_t), int_order);
    for (size_t i = 0; i < h->now.count && !news; i++)
        news = h->before.count == 0 || bsearch(&h->now.at[i], h->before.at, h->before.count,
                                               sizeof(pid_t), int_order) == NULL;
    h->before = h->now;
    h->now = swap;
    return news;
}

/*
 * Stop all, then kill all. A stopped process cannot fork, and a fork that a signal
 * overtakes starts over, so a walk that meets nobody new has met everybody.
 */
static void hunt_strike(struct hunt *h)
{
    h->before.count = 0;
    for (int pass = 0; pass < PASSES_MAX; pass++) {
        hunt_pass(h, SIGSTOP);
        if (!hunt_news(h))
            break;
    }
    hunt_pass(h, SIGKILL);
    h->next_ms = now_ms() + h->pause_ms;
    h->pause_ms = h->pause_ms < PAUSE_MAX_MS ? 2 * h->pause_ms : PAUSE_MAX_MS;
}

static void hunt_begin(struct hunt *h)
{
    h->next_ms = 0;
    h->pause_ms = 1;
}

/* Milliseconds until the next strike. */
static int hunt_due(const struct hunt *h)
{
    int64_t left = h->next_ms - now_ms();

    return left > 0 ? (int)left : 0;
}

/* The errno that tells why nobody is left whom the hunt could end, 0 if nobody is left. */
static int hunt_result(const struct hunt *h)
{
    if (h->refused > 0)
        return EPERM;
    return h->stuck > 0 ? EBUSY : 0;
}

static void hunt_free(struct hunt *h)
{
    free(h->spare.at);
    free(h->now.at);
    free(h->before.at);
}

/* ---- removal --------------------------------------------------------------------- */

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

/* Hangs a directory into @top under a name that is free there. */
static bool hoist(int dir, const char *name, int top)
{
    static unsigned serial;
    bool opened = false;
    char fresh[32];
    int fd;

    for (;;) {
        snprintf(fresh, sizeof fresh, ".removed-%u", serial++);
        if (renameat2(dir, name, top, fresh, RENAME_NOREPLACE) == 0)
            return true;
        if (errno == EACCES && !opened) { /* its ".." changes, so it must be writable */
            opened = true;
            fd = beneath(dir, name);
            close_all(&fd, 1);
        } else if (errno != EEXIST) {
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
        close_all(&copy, 1);
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

static void remove_tree(int parent, const char *name)
{
    int fd;

    if (remove_simple(parent, name) || (fd = beneath(parent, name)) < 0)
        return;
    while (sweep(fd, -1))
        ;
    close(fd);
    unlinkat(parent, name, AT_REMOVEDIR);
}

/* ---- the child ------------------------------------------------------------------- */

/* What the supervisor was called and how nice it was; children are that again. */
static char program_name[16];
static int program_nice;

struct child {
    const struct request *request;
    int report;
    int fds[PASSED];
};

static _Noreturn void child_fail(const struct child *c, enum stage stage)
{
    struct failure failure = {.stage = stage, .number = errno};

    while (write(c->report, &failure, sizeof failure) < 0 && errno == EINTR)
        ;
    _exit(CHILD_FAILED);
}

static void child_signals(void)
{
    struct sigaction plain = {.sa_handler = SIG_DFL};
    sigset_t none;

    for (int number = 1; number < NSIG; number++)
        sigaction(number, &plain, NULL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Gives 0, 1 and 2 to /dev/null where the request does not name them. */
static bool child_null(const struct child *c, int base)
{
    int null = fd_lift(open("/dev/null", O_RDWR | O_CLOEXEC), base);

    for (int number = 0; number <= 2; number++) {
        bool named = false;

        for (unsigned i = 0; i < c->request->fd_count; i++)
            named |= c->request->to[i] == number;
        if (!named && dup2(null, number) < 0)
            return false;
    }
    return true;
}

/* Every source first moves above every wanted number, so no order can destroy one. */
static bool child_place(struct child *c)
{
    const struct request *r = c->request;
    int base = 3, keep[PASSED], high;

    for (unsigned i = 0; i < r->fd_count; i++)
        base = r->to[i] >= base ? r->to[i] + 1 : base;
    high = fcntl(c->report, F_DUPFD_CLOEXEC, base);
    if (high < 0)
        return false;
    c->report = high;
    for (unsigned i = 0; i < r->fd_count; i++)
        if ((c->fds[i + 1] = fd_lift(c->fds[i + 1], base)) < 0)
            return false;
    for (unsigned i = 0; i < r->fd_count; i++)
        if (dup2(c->fds[i + 1], keep[i] = r->to[i]) < 0)
            return false;
    if (!child_null(c, base))
        return false;
    keep[r->fd_count] = c->report;
    close_except(keep, r->fd_count + 1);
    return true;
}

static char **child_strings(char **text, size_t count)
{
    char **list = malloc((count + 1) * sizeof *list);

    for (size_t i = 0; list != NULL && i < count; i++) {
        list[i] = *text;
        *text += strlen(*text) + 1;
    }
    if (list != NULL)
        list[count] = NULL;
    return list;
}

static _Noreturn void child_execute(const struct child *c, char *memory, const char *path,
                                    char **argv)
{
    const struct request *r = c->request;

    if (r->function != NULL) {
        prctl(PR_SET_NAME, program_name);
        close(c->report);
        _exit(r->function(memory, r->length));
    }
    execve(path, argv, environ);
    child_fail(c, STAGE_EXEC);
}

static _Noreturn void child_run(struct child *c)
{
    const struct request *r = c->request;
    char *memory, *text, *cwd, *path, **argv, **envp;

    setsid(); /* also its own scheduling group, so that a bomb competes less with its keeper */
    setpriority(PRIO_PROCESS, 0, program_nice);
    memory = mmap(NULL, r->payload, PROT_READ | PROT_WRITE, MAP_PRIVATE, c->fds[0], 0);
    if (memory == MAP_FAILED)
        child_fail(c, STAGE_FORK);
    cwd = memory + r->length;
    path = cwd + strlen(cwd) + 1;
    text = path + strlen(path) + 1;
    argv = child_strings(&text, r->argc);
    envp = child_strings(&text, r->envc);
    if (argv == NULL || envp == NULL)
        child_fail(c, STAGE_FORK);
    if (r->has_envp)
        environ = envp;
    if (!child_place(c))
        child_fail(c, STAGE_FDS);
    if (cwd[0] != '\0' && chdir(cwd) != 0)
        child_fail(c, STAGE_CWD);
    child_signals();
    child_execute(c, memory, path, argv);
}

/* ---- the keeper ------------------------------------------------------------------ */

/*
 * @started: the child's pipe, -1 once it has spoken. @quiet: the child never ran, so
 * its end is not news. @cut: the guardian is gone. @more: there may be more to reap.
 */
struct keeper {
    int up, started, signals;
    pid_t child;
    bool quiet, killing, told, cut, childless, more;
    struct hunt hunt;
};

/* Only words about orphans may be dropped; for the others the guardian always makes room. */
static void keeper_tell(struct keeper *k, struct word word)
{
    message_send(k->up, &word, sizeof word, NULL, 0, word.adopted ? MSG_DONTWAIT : 0);
}

static void keeper_started(struct keeper *k)
{
    struct word word = {.kind = WORD_STARTED, .pid = k->child};
    ssize_t got;

    if (k->started < 0)
        return;
    got = read(k->started, &word.failure, sizeof word.failure);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    close(k->started);
    k->started = -1;
    k->quiet = got == sizeof word.failure;
    keeper_tell(k, word);
}

/* Orphans that die while we kill are no news. */
static bool keeper_reap(void *keeper)
{
    struct keeper *k = keeper;
    int status, left = AT_ONCE_MAX;
    pid_t pid = 0;

    while (left-- > 0 && (pid = waitpid(-1, &status, WNOHANG | __WALL)) > 0) {
        bool own = pid == k->child;

        if (own) {
            keeper_started(k);
            k->child = 0;
        }
        if (own ? !k->quiet : !k->killing)
            keeper_tell(
                k, (struct word){.kind = WORD_EXIT, .pid = pid, .status = status, .adopted = !own});
    }
    k->childless = pid < 0 && errno == ECHILD;
    k->more = pid > 0;
    return k->more;
}

/* The guardian has one thing to say, and its silence says the same. */
static void keeper_listen(struct keeper *k)
{
    char order;
    ssize_t got;

    while (!k->cut && !message_later(got = recv(k->up, &order, 1, MSG_DONTWAIT))) {
        k->cut = got <= 0;
        k->killing = true;
        k->told = false;
        hunt_begin(&k->hunt);
    }
}

static void keeper_strike(struct keeper *k)
{
    hunt_strike(&k->hunt);
    if (k->hunt.alive > 0 || k->childless)
        return;
    if (k->cut)
        _exit(0);
    if (!k->told)
        keeper_tell(k, (struct word){.kind = WORD_DONE, .status = hunt_result(&k->hunt)});
    k->told = true;
}

static void keeper_wait(struct keeper *k)
{
    struct signalfd_siginfo info;
    struct pollfd fds[] = {{.fd = k->signals, .events = POLLIN},
                           {.fd = k->cut ? -1 : k->up, .events = POLLIN},
                           {.fd = k->started, .events = POLLIN}};

    poll(fds, sizeof fds / sizeof *fds, k->more ? 0 : k->killing ? hunt_due(&k->hunt) : -1);
    while (read(k->signals, &info, sizeof info) > 0)
        ;
}

static _Noreturn void keeper_run(struct keeper *k)
{
    for (;;) {
        keeper_wait(k);
        keeper_listen(k);
        keeper_started(k);
        keeper_reap(k);
        if (!k->childless && k->killing && hunt_due(&k->hunt) == 0)
            keeper_strike(k);
        if (k->childless)
            _exit(0);
    }
}

static _Noreturn void keeper_refuse(struct keeper *k)
{
    keeper_tell(
        k, (struct word){.kind = WORD_STARTED, .failure = {.stage = STAGE_FORK, .number = errno}});
    _exit(0);
}

/* In the new keeper; @fds: the payload and the child's descriptors. */
static _Noreturn void keeper_main(struct keeper *k, const struct request *r, const int *fds)
{
    struct child c = {.request = r};
    int keep[] = {k->up, k->signals, k->hunt.proc, -1}, ends[2];

    prctl(PR_SET_CHILD_SUBREAPER, 1);
    prctl(PR_SET_NAME, "rundown-keeper");
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
        keeper_refuse(k);
    memcpy(c.fds, fds, sizeof c.fds);
    c.report = ends[1];
    k->child = fork();
    if (k->child == 0)
        child_run(&c);
    if (k->child < 0)
        keeper_refuse(k);
    keep[3] = k->started = ends[0];
    close_except(keep, sizeof keep / sizeof *keep);
    k->hunt.self = getpid();
    k->hunt.reap = keeper_reap;
    k->hunt.owner = k;
    keeper_run(k);
}

/* ---- the guardian ---------------------------------------------------------------- */

/*
 * One child with its keeper. @spawning, @killing: sequences of requests that wait for an
 * answer. @done: the keeper can end nobody more, @result tells why. @lost: somebody killed the
 * keeper; its tree is now below the guardian, mixed with that of other lost ones. @ended: the child
 * of a lost keeper has been reaped.
 */
struct tree {
    struct tree *next;
    pid_t keeper, child;
    int sock;
    uint64_t tag;
    uint32_t spawning, killing;
    struct failure failure;
    int result;
    bool done, lost, ended;
};

struct grave {
    struct grave *next;
    int parent;
    char name[NAME_MAX + 1];
};

struct waiting {
    struct waiting *next;
    struct guardian_notice notice;
};

/* @hunt: for strays, the children of lost keepers; it spares the keepers. */
struct guard {
    int control, notices, signals, supervisor;
    struct tree *trees;
    struct grave *graves;
    struct waiting *first, **last;
    size_t waiting;
    struct hunt hunt;
    struct pollfd *polled;
    size_t polled_room;
    bool hunting, ending, bury, more;
};

static void guard_reply(struct guard *g, uint32_t *sequence, struct failure failure, pid_t pid)
{
    struct reply reply = {
        .sequence = *sequence, .stage = failure.stage, .number = failure.number, .pid = pid};

    if (*sequence != 0)
        message_send(g->control, &reply, sizeof reply, NULL, 0, MSG_DONTWAIT);
    *sequence = 0;
}

static void guard_answer_kill(struct guard *g, struct tree *t, int number)
{
    guard_reply(g, &t->killing,
                (struct failure){.stage = number ? STAGE_KILL : 0, .number = number}, t->child);
}

static void guard_flush(struct guard *g)
{
    struct waiting *w;

    while ((w = g->first) != NULL) {
        if (!message_send(g->notices, &w->notice, sizeof w->notice, NULL, 0, MSG_DONTWAIT))
            return;
        g->first = w->next;
        g->waiting--;
        free(w);
    }
    g->last = &g->first;
}

static void guard_notice(struct guard *g, pid_t pid, int status, uint64_t tag, bool adopted)
{
    struct waiting *w;

    if ((adopted && g->waiting >= NOTICES_MAX) || (w = calloc(1, sizeof *w)) == NULL)
        return;
    w->notice =
        (struct guardian_notice){.pid = pid, .status = status, .tag = tag, .adopted = adopted};
    *g->last = w;
    g->last = &w->next;
    g->waiting++;
}

static void guard_word(struct guard *g, struct tree *t, const struct word *word)
{
    if (word->kind == WORD_EXIT) {
        guard_notice(g, word->pid, word->status, t->tag, word->adopted);
        t->ended |= !word->adopted;
    } else if (word->kind == WORD_DONE) {
        t->done = true;
        t->result = word->status;
        guard_answer_kill(g, t, t->result);
    } else if (word->failure.stage != STAGE_NONE) {
        t->failure = word->failure; /* told when the keeper, and so the child, is gone */
    } else {
        t->child = word->pid;
        guard_reply(g, &t->spawning, word->failure, word->pid);
    }
}

static void guard_listen(struct guard *g, struct tree *t)
{
    struct word word;

    for (int left = AT_ONCE_MAX;
         left > 0 && t->sock >= 0 && recv(t->sock, &word, sizeof word, MSG_DONTWAIT) == sizeof word;
         left--)
        guard_word(g, t, &word);
}

static void guard_drop(struct guard *g, struct tree *t)
{
    struct tree **at = &g->trees;

    while (*at != t)
        at = &(*at)->next;
    *at = t->next;
    close_all(&t->sock, 1);
    free(t);
}

/* Strays of a child whose pid nobody knows cannot be asked for later, so they go now. */
static void guard_lose(struct guard *g, struct tree *t)
{
    t->lost = true;
    close_all(&t->sock, 1);
    t->sock = -1;
    if (t->child == 0 || t->killing != 0 || g->ending) {
        g->hunting = true;
        hunt_begin(&g->hunt);
    }
}

static void guard_keeper_ended(struct guard *g, struct tree *t, int status)
{
    guard_listen(g, t);
    if (t->failure.stage == STAGE_NONE)
        t->failure = (struct failure){.stage = STAGE_FORK, .number = ECHILD};
    guard_reply(g, &t->spawning, t->failure, 0);
    if (status == 0) {
        guard_answer_kill(g, t, 0);
        guard_drop(g, t);
    } else {
        guard_lose(g, t);
    }
}

static void guard_stray_ended(struct guard *g, pid_t pid, int status)
{
    struct tree *t = g->trees;

    while (t != NULL && !(t->lost && !t->ended && t->child == pid))
        t = t->next;
    guard_notice(g, pid, status, t != NULL ? t->tag : 0, t == NULL);
    if (t != NULL)
        t->ended = true;
}

/* Keepers that somebody stops are sent on; a stray that stops is none of our business. */
static bool guard_reap(void *guard)
{
    struct guard *g = guard;
    int status, left = AT_ONCE_MAX;
    pid_t pid = 0;

    while (left-- > 0 && (pid = waitpid(-1, &status, WNOHANG | WUNTRACED | __WALL)) > 0) {
        struct tree *t = g->trees;

        while (t != NULL && t->keeper != pid)
            t = t->next;
        if (WIFSTOPPED(status)) {
            if (t != NULL)
                kill(pid, SIGCONT);
        } else if (t != NULL) {
            t->keeper = 0;
            guard_keeper_ended(g, t, status);
        } else {
            guard_stray_ended(g, pid, status);
        }
    }
    g->more = pid > 0;
    return g->more;
}

static void guard_kill(struct guard *g, struct tree *t)
{
    if (t->lost) {
        g->hunting = true;
        hunt_begin(&g->hunt);
    } else {
        t->done = false;
        message_send(t->sock, "k", 1, NULL, 0, MSG_DONTWAIT);
    }
}

static void guard_request_kill(struct guard *g, struct request *r)
{
    struct tree *t = g->trees; /* newest first */

    while (t != NULL && (t->child != r->pid || r->pid <= 0))
        t = t->next;
    if (t == NULL) {
        guard_reply(g, &r->sequence, (struct failure){0}, r->pid);
        return;
    }
    t->killing = r->sequence;
    guard_kill(g, t);
}

static void guard_refuse(struct guard *g, struct request *r, enum stage stage)
{
    guard_reply(g, &r->sequence, (struct failure){.stage = stage, .number = errno}, 0);
}

/* Forks the keeper; false with errno. */
static bool guard_plant(struct guard *g, struct tree *t, struct request *r, const int *fds)
{
    struct keeper k = {.signals = g->signals, .hunt = {.proc = g->hunt.proc}};
    int ends[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
        return false;
    t->sock = ends[0];
    k.up = ends[1];
    t->keeper = fork();
    if (t->keeper == 0)
        keeper_main(&k, r, fds);
    close(ends[1]);
    if (t->keeper < 0)
        close(ends[0]);
    return t->keeper > 0;
}

static void guard_request_spawn(struct guard *g, struct request *r, const int *fds)
{
    struct tree *t = calloc(1, sizeof *t);

    if (t == NULL || !guard_plant(g, t, r, fds)) {
        guard_refuse(g, r, STAGE_FORK);
        free(t);
        return;
    }
    t->tag = r->tag;
    t->spawning = r->sequence;
    t->next = g->trees;
    g->trees = t;
}

static void guard_request_remove(struct guard *g, struct request *r, int *parent)
{
    struct grave *grave = calloc(1, sizeof *grave);

    if (grave == NULL) {
        guard_refuse(g, r, STAGE_ASK);
        return;
    }
    memcpy(grave->name, r->name, sizeof grave->name);
    grave->parent = *parent;
    *parent = -1;
    grave->next = g->graves;
    g->graves = grave;
    guard_reply(g, &r->sequence, (struct failure){0}, 0);
}

/* @bury: the supervisor died; after an orderly stop its paths are its own business. */
static void guard_end(struct guard *g, bool bury)
{
    if (g->ending)
        return;
    g->bury = bury;
    g->ending = g->hunting = true;
    hunt_begin(&g->hunt);
    for (struct tree *t = g->trees; t != NULL; t = t->next)
        if (!t->lost)
            guard_kill(g, t);
}

/* After the supervisor's end both of its descriptors would be ready for ever. */
static void guard_deaf(struct guard *g)
{
    guard_end(g, true);
    close_all((int[]){g->control, g->supervisor}, 2);
    g->control = g->supervisor = -1;
}

static bool guard_complete(const struct request *r, const int *fds)
{
    unsigned wanted = r->operation == OPERATION_SPAWN    ? r->fd_count + 1
                      : r->operation == OPERATION_REMOVE ? 1
                                                         : 0;

    return wanted == 0 || fds[wanted - 1] >= 0;
}

static void guard_request(struct guard *g)
{
    struct request r;
    int fds[PASSED];
    ssize_t got = message_receive(g->control, &r, sizeof r, fds);

    if (message_later(got))
        return;
    if (got != sizeof r) {
        guard_deaf(g);
        return;
    }
    if (r.operation == OPERATION_STOP || g->ending) {
        guard_end(g, false);
    } else if (!guard_complete(&r, fds)) {
        errno = EMFILE; /* the kernel dropped what found no number here */
        guard_refuse(g, &r, STAGE_FDS);
    } else if (r.operation == OPERATION_SPAWN) {
        guard_request_spawn(g, &r, fds);
    } else if (r.operation == OPERATION_REMOVE) {
        guard_request_remove(g, &r, &fds[0]);
    } else {
        guard_request_kill(g, &r);
    }
    close_all(fds, PASSED);
}

static bool guard_has_lost(const struct guard *g)
{
    for (const struct tree *t = g->trees; t != NULL; t = t->next)
        if (t->lost)
            return true;
    return false;
}

/* Answers every lost keeper's request; forgets the keepers once no stray is left. */
static void guard_settle_strays(struct guard *g)
{
    bool none = g->hunt.held + g->hunt.stuck + g->hunt.refused == 0;
    struct tree *next;

    for (struct tree *t = g->trees; t != NULL; t = next) {
        next = t->next;
        if (t->lost && g->hunting)
            guard_answer_kill(g, t, hunt_result(&g->hunt));
        if (t->lost && none)
            guard_drop(g, t);
    }
    g->hunting = g->ending;
}

static void guard_strays(struct guard *g)
{
    if (!g->hunting && !guard_has_lost(g))
        return;
    g->hunt.spare.count = 0;
    for (struct tree *t = g->trees; t != NULL; t = t->next)
        if (t->keeper != 0)
            pids_add(&g->hunt.spare, t->keeper);
    if (!g->hunting)
        hunt_pass(&g->hunt, 0);
    else if (hunt_due(&g->hunt) == 0)
        hunt_strike(&g->hunt);
    else
        return;
    if (g->hunt.alive == 0)
        guard_settle_strays(g);
}

/* Have all trees ended, but for what a tracer or another user holds? */
static bool guard_over(const struct guard *g)
{
    for (const struct tree *t = g->trees; t != NULL; t = t->next)
        if (!t->lost && !t->done)
            return false;
    return g->hunt.next_ms > 0 && g->hunt.alive == 0;
}

static size_t guard_poll_set(struct guard *g)
{
    struct pollfd fixed[] = {
        {.fd = g->control, .events = POLLIN},
        {.fd = g->supervisor, .events = POLLIN},
        {.fd = g->signals, .events = POLLIN},
        {.fd = g->first != NULL && !g->ending ? g->notices : -1, .events = POLLOUT}};
    size_t count = sizeof fixed / sizeof *fixed, wanted = count;
    struct pollfd *larger;

    for (struct tree *t = g->trees; t != NULL; t = t->next)
        wanted++;
    if (wanted > g->polled_room && (larger = realloc(g->polled, wanted * sizeof *larger)) != NULL) {
        g->polled = larger;
        g->polled_room = wanted;
    }
    assert(g->polled_room >= count);
    memcpy(g->polled, fixed, sizeof fixed);
    for (struct tree *t = g->trees; t != NULL && count < g->polled_room; t = t->next)
        g->polled[count++] = (struct pollfd){.fd = t->sock, .events = POLLIN};
    return count;
}

static void guard_wait(struct guard *g)
{
    struct signalfd_siginfo info;
    size_t count = guard_poll_set(g);

    poll(g->polled, count, g->more ? 0 : g->hunting ? hunt_due(&g->hunt) : -1);
    while (read(g->signals, &info, sizeof info) > 0)
        ;
    if (g->polled[1].revents != 0)
        guard_deaf(g);
    else if (g->polled[0].revents != 0)
        guard_request(g);
}

static _Noreturn void guard_leave(struct guard *g)
{
    int result = hunt_result(&g->hunt);

    for (struct grave *grave = g->graves; g->bury && grave != NULL; grave = grave->next)
        remove_tree(grave->parent, grave->name);
    for (struct tree *t = g->trees; t != NULL; t = t->next)
        if (t->done && result == 0)
            result = t->result;
    _exit(result);
}

static _Noreturn void guard_run(struct guard *g)
{
    for (;;) {
        guard_wait(g);
        for (struct tree *t = g->trees; t != NULL; t = t->next)
            guard_listen(g, t);
        guard_reap(g);
        guard_strays(g);
        if (!g->ending)
            guard_flush(g);
        else if (guard_over(g))
            guard_leave(g);
    }
}

/* The guardian's own end of a pipeline would keep its reader waiting. */
static void guard_detach(struct guard *g)
{
    int keep[] = {g->control, g->notices, g->signals, g->supervisor, g->hunt.proc};
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    for (int number = 0; null >= 0 && number <= 2; number++)
        dup2(null, number);
    close_except(keep, sizeof keep / sizeof *keep);
}

/* In the new guardian, which the supervisor forked with every signal blocked. */
static _Noreturn void guard_main(struct guard *g)
{
    struct sigaction plain = {.sa_handler = SIG_DFL};
    sigset_t children;

    setsid();
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    prctl(PR_SET_NAME, "rundown-guard");
    setpriority(PRIO_PROCESS, 0, program_nice - HASTE); /* where we may; keepers inherit it */
    sigaction(SIGCHLD, &plain, NULL);                   /* ignored, it would reap behind our back */
    sigemptyset(&children);
    sigaddset(&children, SIGCHLD);
    g->signals = fd_lift(signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK), 3);
    g->polled = calloc(8, sizeof *g->polled);
    g->polled_room = 8;
    g->last = &g->first;
    g->hunt.self = getpid();
    g->hunt.reap = guard_reap;
    g->hunt.owner = g;
    guard_detach(g);
    if (g->signals < 0 || g->polled == NULL ||
        !message_send(g->control, &(struct reply){0}, sizeof(struct reply), NULL, 0, 0))
        _exit(errno);
    guard_run(g);
}

/* ---- the supervisor's side ------------------------------------------------------- */

/* @hunt spares the children that were there before the guardian. */
struct guardian {
    pid_t pid;
    int pidfd, control, notices;
    uint32_t sequence;
    int status, was_reaper;
    bool gone, told, reaped;
    struct hunt hunt;
};

static int system_error(struct error *e, const char *what)
{
    return error_set(e, errno == ENOMEM ? ERROR_MEMORY : ERROR_SYSTEM, "%s: %s", what,
                     strerror(errno));
}

static int lost_error(struct guardian *g, struct error *e)
{
    g->gone = true;
    return error_set(e, ERROR_SYSTEM,
                     "guardian: process %d was killed from outside: end the run and start again",
                     g->pid);
}

/* Waits for a descriptor of the guardian, which somebody may have stopped. */
static bool guardian_await(struct guardian *g, int fd)
{
    struct pollfd polled = {.fd = fd, .events = POLLIN};
    int64_t end = now_ms() + PATIENCE_MS;

    do {
        int ready = poll(&polled, 1, NUDGE_MS);

        if (ready > 0)
            return true;
        if (ready == 0)
            pidfd_send_signal(g->pidfd, SIGCONT, NULL, 0);
    } while (now_ms() < end);
    return false;
}

/* The answer to an earlier request, which we gave up waiting for, is skipped. */
static int guardian_hear(struct guardian *g, uint32_t sequence, struct reply *reply,
                         struct error *e)
{
    int none[PASSED];
    ssize_t got;

    for (;;) {
        if (!guardian_await(g, g->control))
            return error_set(e, ERROR_BUSY,
                             "guardian: no answer within %d s: look for processes "
                             "that hang in the kernel (state D)",
                             PATIENCE_MS / 1000);
        got = message_receive(g->control, reply, sizeof *reply, none);
        if (message_later(got))
            continue;
        if (got != sizeof *reply)
            return lost_error(g, e);
        if (reply->sequence == sequence)
            return 0;
    }
}

static int guardian_ask(struct guardian *g, struct request *r, const int *fds, unsigned count,
                        struct reply *reply, struct error *e)
{
    if (++g->sequence == 0)
        g->sequence = 1;
    r->sequence = g->sequence;
    if (g->gone)
        return lost_error(g, e);
    if (!message_send(g->control, r, sizeof *r, fds, count, 0)) {
        if (errno == EPIPE || errno == ECONNRESET)
            return lost_error(g, e);
        return error_set(e, errno == EBADF ? ERROR_RANGE : ERROR_SYSTEM,
                         "guardian: sending a request: %s", strerror(errno));
    }
    return guardian_hear(g, r->sequence, reply, e);
}

static void guardian_free(struct guardian *g)
{
    close_all((int[]){g->control, g->notices, g->pidfd, g->hunt.proc}, 4);
    hunt_free(&g->hunt);
    free(g);
}

/* Without these files no tree can be walked, so we rather refuse to plant one. */
static int start_proc(struct guardian *g, struct error *e)
{
    int fd;

    g->hunt.proc = fd_lift(open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC), 3);
    fd = g->hunt.proc < 0 ? -1 : openat(g->hunt.proc, "thread-self/children", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return error_set(e, ERROR_SYSTEM,
                         "guardian: /proc/thread-self/children: %s: mount /proc, or use a kernel "
                         "with CONFIG_PROC_CHILDREN",
                         strerror(errno));
    close(fd);
    g->hunt.self = getpid();
    children_of(g->hunt.proc, g->hunt.self, &g->hunt.spare);
    return 0;
}

static bool start_pair(int type, int ends[2])
{
    if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends) != 0)
        return false;
    ends[0] = fd_lift(ends[0], 3);
    ends[1] = fd_lift(ends[1], 3);
    return ends[0] >= 0 && ends[1] >= 0;
}

static int start_fork(struct guardian *g, struct guard *guard)
{
    sigset_t all, before;

    fflush(NULL);
    prctl(PR_GET_NAME, program_name);
    program_nice = getpriority(PRIO_PROCESS, 0);
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    g->pid = fork();
    if (g->pid == 0)
        guard_main(guard);
    sigprocmask(SIG_SETMASK, &before, NULL);
    return g->pid;
}

static int start_guardian(struct guardian *g, struct guard *guard, struct error *e)
{
    struct reply reply;
    int control[2] = {-1, -1}, notices[2] = {-1, -1};
    bool open = start_pair(SOCK_SEQPACKET, control) && start_pair(SOCK_SEQPACKET, notices);

    g->control = control[0];
    g->notices = notices[0];
    guard->control = control[1];
    guard->notices = notices[1];
    guard->supervisor = fd_lift(pidfd_open(getpid(), 0), 3);
    guard->hunt.proc = g->hunt.proc;
    if (!open || guard->supervisor < 0 || start_fork(g, guard) < 0) {
        int code = system_error(e, "guardian: cannot start");

        close_all((int[]){control[1], notices[1], guard->supervisor}, 3);
        return code;
    }
    close_all((int[]){control[1], notices[1], guard->supervisor}, 3);
    g->pidfd = fd_lift(pidfd_open(g->pid, 0), 3);
    fcntl(g->notices, F_SETFL, O_NONBLOCK);
    return guardian_hear(g, 0, &reply, e);
}

int guardian_start(struct guardian **out, struct error *e)
{
    struct guardian *g = calloc(1, sizeof *g);
    struct guard guard = {0};
    int code;

    if (g == NULL)
        return error_set(e, ERROR_MEMORY, "guardian: out of memory");
    g->pidfd = g->control = g->notices = -1;
    prctl(PR_GET_CHILD_SUBREAPER, &g->was_reaper);
    code = start_proc(g, e);
    if (code == 0)
        code = start_guardian(g, &guard, e);
    if (code != 0) {
        if (g->pid > 0) {
            kill(g->pid, SIGKILL);
            waitpid(g->pid, NULL, 0);
        }
        guardian_free(g);
        return code;
    }
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    *out = g;
    return 0;
}

pid_t guardian_pid(const struct guardian *g)
{
    return g->pid;
}

/* ---- spawning -------------------------------------------------------------------- */

static size_t strings_size(const char *const *list, size_t *count)
{
    size_t size = 0;

    for (*count = 0; list != NULL && list[*count] != NULL; ++*count)
        size += strlen(list[*count]) + 1;
    return size;
}

static char *strings_put(char *at, const char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        at = stpcpy(at, list[i]) + 1;
    return at;
}

static int spawn_check(const struct guardian_spawn *s, struct error *e)
{
    if ((s->function != NULL) == (s->argv != NULL) || (s->argv != NULL && s->argv[0] == NULL))
        return error_set(e, ERROR_RANGE, "spawn: give either a program or a function");
    if (s->fd_count > GUARDIAN_FDS || (s->length > 0 && s->argument == NULL))
        return error_set(e, ERROR_RANGE, "spawn: more than %d descriptors, or no argument bytes",
                         GUARDIAN_FDS);
    for (unsigned i = 0; i < s->fd_count; i++)
        for (unsigned j = 0; j <= i; j++)
            if (s->fds[i].to < 0 || (i != j && s->fds[i].to == s->fds[j].to))
                return error_set(e, ERROR_RANGE, "spawn: descriptor number %d is %s", s->fds[i].to,
                                 s->fds[i].to < 0 ? "negative" : "wanted twice");
    return 0;
}

/* Lays out the payload that struct request describes; -1 with errno. */
static int spawn_payload(const struct guardian_spawn *s, struct request *r)
{
    const char *cwd = s->cwd != NULL ? s->cwd : "";
    const char *path = s->path != NULL ? s->path : s->argv != NULL ? s->argv[0] : "";
    char *memory = MAP_FAILED, *at;
    int fd = memfd_create("spawn", MFD_CLOEXEC);

    r->length = s->length;
    r->payload = s->length + strlen(cwd) + 1 + strlen(path) + 1;
    r->payload += strings_size(s->argv, &r->argc) + strings_size(s->envp, &r->envc);
    if (fd >= 0 && ftruncate(fd, (off_t)r->payload) == 0)
        memory = mmap(NULL, r->payload, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED) {
        close_all(&fd, 1);
        return -1;
    }
    if (s->length > 0)
        memcpy(memory, s->argument, s->length);
    at = stpcpy(memory + s->length, cwd) + 1;
    at = stpcpy(at, path) + 1;
    at = strings_put(at, s->argv, r->argc);
    strings_put(at, s->envp, r->envc);
    munmap(memory, r->payload);
    return fd;
}

static int exec_code(int number)
{
    switch (number) {
    case ENOENT:
    case ENOTDIR:
        return ERROR_NOT_FOUND;
    case ENOMEM:
        return ERROR_MEMORY;
    case E2BIG:
        return ERROR_RANGE;
    case EAGAIN:
    case EIO:
    case EMFILE:
    case ENFILE:
        return ERROR_SYSTEM;
    default:
        return ERROR_NOT_EXECUTABLE;
    }
}

static int spawn_error(const struct guardian_spawn *s, const struct reply *reply, struct error *e)
{
    const char *why = strerror(reply->number);
    const char *path = s->path != NULL ? s->path : s->argv != NULL ? s->argv[0] : "a function";

    switch (reply->stage) {
    case STAGE_EXEC:
        return error_set(e, exec_code(reply->number), "%s: cannot be executed: %s%s", path, why,
                         reply->number == ENOENT ? " (it, or the interpreter it names)" : "");
    case STAGE_CWD:
        return error_set(e, ERROR_TARGET, "%s: cannot start in directory '%s': %s", path, s->cwd,
                         why);
    case STAGE_FDS:
        return error_set(e, ERROR_TARGET, "%s: its descriptors cannot be placed: %s: see ulimit -n",
                         path, why);
    default:
        return error_set(e, reply->number == ENOMEM ? ERROR_MEMORY : ERROR_SYSTEM,
                         "%s: no process for it: %s: see ulimit -u", path, why);
    }
}

int guardian_spawn(struct guardian *g, const struct guardian_spawn *spawn, pid_t *pid,
                   struct error *e)
{
    struct request r = {.operation = OPERATION_SPAWN,
                        .tag = spawn->tag,
                        .function = spawn->function,
                        .has_envp = spawn->envp != NULL,
                        .fd_count = spawn->fd_count};
    int fds[PASSED], code = spawn_check(spawn, e);
    struct reply reply;

    if (code != 0)
        return code;
    fds[0] = spawn_payload(spawn, &r);
    if (fds[0] < 0)
        return system_error(e, "spawn: writing the arguments");
    for (unsigned i = 0; i < spawn->fd_count; i++) {
        fds[i + 1] = spawn->fds[i].from;
        r.to[i] = spawn->fds[i].to;
    }
    code = guardian_ask(g, &r, fds, spawn->fd_count + 1, &reply, e);
    close(fds[0]);
    if (code == 0 && reply.stage != STAGE_NONE)
        code = spawn_error(spawn, &reply, e);
    if (code == 0)
        *pid = reply.pid;
    return code;
}

/* ---- notices, killing, removal --------------------------------------------------- */

int guardian_fd(const struct guardian *g)
{
    return g->notices;
}

static void guardian_reap(struct guardian *g)
{
    pid_t pid;

    if (g->reaped)
        return;
    do
        pid = waitpid(g->pid, &g->status, 0);
    while (pid < 0 && errno == EINTR);
    if (pid < 0)
        g->status = -1; /* somebody's waitpid(-1) was faster */
    g->reaped = true;
}

bool guardian_notice(struct guardian *g, struct guardian_notice *notice)
{
    ssize_t got;

    if (g->told)
        return false;
    do
        got = recv(g->notices, notice, sizeof *notice, MSG_DONTWAIT);
    while (got < 0 && errno == EINTR);
    if (got == sizeof *notice)
        return true;
    if (message_later(got))
        return false;
    g->gone = g->told = true;
    if (guardian_await(g, g->pidfd))
        guardian_reap(g);
    *notice =
        (struct guardian_notice){.pid = g->pid, .status = g->reaped ? g->status : -1, .lost = true};
    return true;
}

static int kill_error(int number, const char *whom, struct error *e)
{
    if (number == EPERM)
        return error_set(e, ERROR_PERMISSION,
                         "%s: a process of another user cannot be ended: end it by hand", whom);
    return error_set(e, ERROR_BUSY,
                     "%s: a tracer holds a killed process: detach from it or let it run", whom);
}

int guardian_kill_tree(struct guardian *g, pid_t pid, struct error *e)
{
    struct request r = {.operation = OPERATION_KILL, .pid = pid};
    struct reply reply;
    char whom[32];
    int code = guardian_ask(g, &r, NULL, 0, &reply, e);

    if (code != 0 || reply.stage == STAGE_NONE)
        return code;
    snprintf(whom, sizeof whom, "tree of %d", pid);
    return kill_error(reply.number, whom, e);
}

/* Opens the directory above a path and copies the path's last name. */
static int path_split(const char *path, char name[NAME_MAX + 1], struct error *e)
{
    size_t end = strlen(path), start;
    char *above;
    int fd;

    while (end > 1 && path[end - 1] == '/')
        end--;
    for (start = end; start > 0 && path[start - 1] != '/'; start--)
        ;
    snprintf(name, NAME_MAX + 1, "%.*s", (int)(end - start), path + start);
    if (name[0] == '\0' || end - start > NAME_MAX || strcmp(name, ".") == 0 ||
        strcmp(name, "..") == 0)
        return -error_set(e, ERROR_RANGE, "remove on death: '%s' does not end in a name", path);
    above = start > 0 ? strndup(path, start) : strdup(".");
    fd = above != NULL ? open(above, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
    free(above);
    if (fd < 0) {
        int code = errno == ENOENT || errno == ENOTDIR ? ERROR_NOT_FOUND
                   : errno == EACCES                   ? ERROR_PERMISSION
                   : errno == ENOMEM                   ? ERROR_MEMORY
                                                       : ERROR_SYSTEM;

        return -error_set(e, code, "remove on death: the directory above '%s': %s", path,
                          strerror(errno));
    }
    return fd;
}

int guardian_remove_on_death(struct guardian *g, const char *path, struct error *e)
{
    struct request r = {.operation = OPERATION_REMOVE};
    struct reply reply;
    int code, fd = path_split(path, r.name, e);

    if (fd < 0)
        return -fd;
    code = guardian_ask(g, &r, &fd, 1, &reply, e);
    close(fd);
    if (code == 0 && reply.stage != STAGE_NONE)
        code =
            error_set(e, ERROR_MEMORY, "remove on death: '%s': %s", path, strerror(reply.number));
    return code;
}

/* ---- stopping -------------------------------------------------------------------- */

/* Reaps what the dead guardian left us, one by one: other children are not ours to wait for. */
static bool stop_reap(void *hunt)
{
    struct hunt *h = hunt;

    h->now.count = 0;
    children_of(h->proc, h->self, &h->now);
    for (size_t i = 0; i < h->now.count; i++)
        if (!pids_have(&h->spare, h->now.at[i]))
            waitpid(h->now.at[i], NULL, WNOHANG | __WALL);
    return false;
}

/* The guardian's last work, done by its heir. */
static int stop_hunt(struct hunt *h, struct error *e)
{
    int64_t end = now_ms() + PATIENCE_MS;

    h->reap = stop_reap;
    h->owner = h;
    hunt_begin(h);
    for (;;) {
        hunt_strike(h);
        if (h->alive == 0)
            break;
        if (now_ms() >= end)
            return error_set(e, ERROR_BUSY,
                             "guardian: a killed process does not end: look for "
                             "one that hangs in the kernel (state D)");
        poll(NULL, 0, hunt_due(h));
    }
    return hunt_result(h) != 0 ? kill_error(hunt_result(h), "guardian", e) : 0;
}

static int stop_politely(struct guardian *g, struct error *e)
{
    struct request r = {.operation = OPERATION_STOP};

    message_send(g->control, &r, sizeof r, NULL, 0, 0);
    if (!guardian_await(g, g->pidfd))
        return error_set(e, ERROR_BUSY,
                         "guardian: a killed process does not end: process %d goes on trying",
                         g->pid);
    guardian_reap(g);
    if (g->status == -1) /* reaped elsewhere; its keepers would end their trees without it, too */
        return 0;
    if (WIFSIGNALED(g->status)) {
        g->gone = true;
        return 0;
    }
    return WEXITSTATUS(g->status) != 0 ? kill_error(WEXITSTATUS(g->status), "guardian", e) : 0;
}

int guardian_stop(struct guardian *g, struct error *e)
{
    int code = 0;

    if (g == NULL)
        return 0;
    if (!g->gone)
        code = stop_politely(g, e);
    if (g->gone) {
        if (guardian_await(g, g->pidfd))
            guardian_reap(g);
        code = stop_hunt(&g->hunt, e);
    }
    prctl(PR_SET_CHILD_SUBREAPER, g->was_reaper);
    guardian_free(g);
    return code;
}
