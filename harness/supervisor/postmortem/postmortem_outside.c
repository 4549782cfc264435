/*
 * postmortem_outside: waits whose other side is known to the kernel alone: children, locks on
 * files, pipes and sockets. Read from /proc, which may have moved on since the stop.
 *
 * Only looks. What this user may not see is left out, and then nothing is said about it.
 */
#include "postmortem_parts.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    PROCESSES_MAX = 20000,
    FILES_MAX = 4096, /* of one process */
    LOCKS_MAX = 20000,
    LINEAGE_MAX = 64,
};

/* --- processes
 * ------------------------------------------------------------------------------------ */

void postmortem_read_line(const char *path, char *out, size_t bytes)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length = fd >= 0 ? read(fd, out, bytes - 1) : -1;

    if (fd >= 0)
        close(fd);
    out[length > 0 ? length : 0] = 0;
    out[strcspn(out, "\n")] = 0;
}

static void read_comm(pid_t pid, char comm[17])
{
    char path[64];

    snprintf(path, sizeof path, "/proc/%d/comm", (int)pid);
    postmortem_read_line(path, comm, 17);
}

static long status_number(pid_t tid, const char *field)
{
    char path[64], line[256];
    long number = 0;
    FILE *file;

    snprintf(path, sizeof path, "/proc/%d/status", (int)tid);
    file = fopen(path, "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, field, strlen(field)) == 0) {
            number = strtol(line + strlen(field), NULL, 10);
            break;
        }
    if (file != NULL)
        fclose(file);
    return number;
}

pid_t postmortem_elsewhere(pid_t tid, char comm[17])
{
    pid_t pid = (pid_t)status_number(tid, "Tgid:");

    comm[0] = 0;
    if (pid > 0)
        read_comm(pid, comm);
    return pid;
}

bool postmortem_is_ancestor(const struct postmortem_process *process, pid_t pid)
{
    pid_t at = process->pid;

    for (unsigned i = 0; i < LINEAGE_MAX && at > 1; i++) {
        at = (pid_t)status_number(at, "PPid:");
        if (at == pid)
            return true;
    }
    return false;
}

static void outsider_text(pid_t pid, char *out, size_t bytes)
{
    char comm[17];

    read_comm(pid, comm);
    snprintf(out, bytes, "process %d (%s)", (int)pid, comm);
}

static struct postmortem_process *process_of(struct postmortem *all, pid_t pid)
{
    for (unsigned i = 0; i < all->processes; i++)
        if (all->process[i].pid == pid)
            return &all->process[i];
    return NULL;
}

/* --- children
 * ------------------------------------------------------------------------------------- */

static unsigned count_children(struct postmortem_process *process, struct postmortem_process **only)
{
    struct postmortem *all = process->all;
    unsigned count = 0;

    for (unsigned i = 0; i < all->processes; i++)
        if (all->process[i].parent == process) {
            *only = &all->process[i];
            count++;
        }
    return count;
}

/* The child that the call names, 0 for any. */
static pid_t named_child(const struct postmortem_thread *thread)
{
    pid_t pid = (pid_t)thread->argument[0];

    if (thread->call == SYS_waitid)
        return (idtype_t)thread->argument[0] == P_PID ? (pid_t)thread->argument[1] : 0;
    return pid > 0 ? pid : 0;
}

void postmortem_say_child(struct postmortem_thread *thread)
{
    struct postmortem_wait *wait = &thread->wait;
    struct postmortem_process *child = NULL;
    pid_t named = named_child(thread);
    unsigned count = count_children(thread->process, &child);

    wait->value = count;
    if (named > 0) {
        child = process_of(thread->process->all, named);
        snprintf(wait->what, sizeof wait->what, "waits for process %d to end", (int)named);
    } else if (count == 1) {
        snprintf(wait->what, sizeof wait->what, "waits for its child %d to end", (int)child->pid);
    } else {
        snprintf(wait->what, sizeof wait->what, "waits for one of %u children to end", count);
        child = NULL;
    }
    wait->owner = POSTMORTEM_OWNER_UNRECORDED;
    if (child == NULL)
        return;
    wait->owner = POSTMORTEM_OWNER_PROCESS;
    wait->process = child;
    wait->owner_tid = child->own;
    snprintf(wait->object_text, sizeof wait->object_text, "process %d", (int)child->pid);
    snprintf(wait->owner_text, sizeof wait->owner_text, "%s (%s): see below",
             child->refused[0] != 0 ? "which could not be read" : "which is",
             child->program[0] != 0 ? child->program : child->comm);
}

/* --- locks on files
 * ----------------------------------------------------------------------------------
 */

static bool stat_fd(pid_t pid, int fd, struct stat *status, char *name, size_t bytes)
{
    char path[64];
    ssize_t length;

    snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)pid, fd);
    length = readlink(path, name, bytes - 1);
    name[length > 0 ? length : 0] = 0;
    return stat(path, status) == 0;
}

/* struct file_lock - a line of /proc/locks. @number: a waiter's is that of what it waits for. */
struct file_lock {
    unsigned number;
    bool waits;
    pid_t pid;
    unsigned long inode;
};

static bool parse_lock(const char *line, struct file_lock *lock)
{
    char arrow[4] = "", rest[200] = "";
    int at = 0, pid = 0;
    unsigned major, minor;

    if (sscanf(line, "%u: %n", &lock->number, &at) != 1 || at == 0)
        return false;
    lock->waits = sscanf(line + at, "%3s", arrow) == 1 && strcmp(arrow, "->") == 0;
    snprintf(rest, sizeof rest, "%s", line + at + (lock->waits ? 3 : 0));
    if (sscanf(rest, "%*s %*s %*s %d %x:%x:%lu", &pid, &major, &minor, &lock->inode) != 4)
        return false;
    lock->pid = pid;
    return true;
}

/* The process that has a lock on the file while ours waits; -1 for one that nobody may see. */
static pid_t holder_of(unsigned long inode)
{
    FILE *file = fopen("/proc/locks", "re");
    char line[256];
    struct file_lock lock;
    pid_t holder = 0;

    for (unsigned i = 0; file != NULL && i < LOCKS_MAX && fgets(line, sizeof line, file) != NULL;
         i++)
        if (parse_lock(line, &lock) && lock.inode == inode && !lock.waits && holder == 0)
            holder = lock.pid;
    if (file != NULL)
        fclose(file);
    return holder;
}

/* fcntl is a wait for a lock only with these commands. */
static bool is_locking(const struct postmortem_thread *thread)
{
    return thread->call == SYS_flock || thread->argument[1] == F_SETLKW ||
           thread->argument[1] == F_OFD_SETLKW;
}

void postmortem_say_file_lock(struct postmortem_thread *thread)
{
    struct postmortem_wait *wait = &thread->wait;
    int fd = (int)thread->argument[0];
    char name[256], who[64];
    struct stat status;
    pid_t holder;

    wait->owner = POSTMORTEM_OWNER_UNRECORDED;
    if (!is_locking(thread) || !stat_fd(thread->process->pid, fd, &status, name, sizeof name))
        return;
    snprintf(wait->object_text, sizeof wait->object_text, "file lock %.80s", name);
    snprintf(wait->what, sizeof wait->what, "waits for a lock on %.150s", name);
    holder = holder_of(status.st_ino);
    if (holder == thread->process->pid) {
        wait->owner = POSTMORTEM_OWNER_SELF_SIDE;
        snprintf(wait->owner_text, sizeof wait->owner_text,
                 "held by this process itself, by another open file or thread");
    } else if (holder > 0) {
        outsider_text(holder, who, sizeof who);
        wait->owner = POSTMORTEM_OWNER_OUTSIDE;
        wait->process = process_of(thread->process->all, holder);
        wait->owner_tid = holder;
        snprintf(wait->owner_text, sizeof wait->owner_text, "held by %s", who);
    } else if (holder < 0) {
        snprintf(wait->owner_text, sizeof wait->owner_text,
                 "held by an open file: which process has it is not told");
    }
}

/* --- pipes and sockets
 * ---------------------------------------------------------------------------------
 */

/* struct ends - who has the other end of a pipe or socket. */
struct ends {
    char name[64]; /* "pipe:[123]" */
    int forbidden; /* access mode that is no such end: O_WRONLY for a reader's peer; -1 none */
    pid_t self;
    int own_fd; /* -1: the process itself has no such end */
    pid_t other;
    unsigned others;
    bool hidden;
};

static int access_of(pid_t pid, const char *fd)
{
    char path[300], line[128];
    int flags = -1;
    FILE *file;

    snprintf(path, sizeof path, "/proc/%d/fdinfo/%s", (int)pid, fd);
    file = fopen(path, "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (sscanf(line, "flags: %o", (unsigned *)&flags) == 1)
            break;
    if (file != NULL)
        fclose(file);
    return flags < 0 ? -1 : flags & O_ACCMODE;
}

static void look_at_fd(struct ends *ends, pid_t pid, const char *folder, const char *fd)
{
    char path[400], name[64];
    ssize_t length;

    snprintf(path, sizeof path, "%s/%s", folder, fd);
    length = readlink(path, name, sizeof name - 1);
    if (length <= 0)
        return;
    name[length] = 0;
    if (strcmp(name, ends->name) != 0 ||
        (ends->forbidden >= 0 && access_of(pid, fd) == ends->forbidden))
        return;
    if (pid == ends->self) {
        ends->own_fd = atoi(fd);
    } else if (pid != getpid() && ends->other != pid) {
        ends->other = pid;
        ends->others++;
    }
}

static void look_at_process(struct ends *ends, pid_t pid)
{
    char folder[64];
    struct dirent *entry;
    DIR *files;

    snprintf(folder, sizeof folder, "/proc/%d/fd", (int)pid);
    files = opendir(folder);
    if (files == NULL)
        ends->hidden = ends->hidden || errno == EACCES || errno == EPERM;
    for (unsigned i = 0; files != NULL && i < FILES_MAX && (entry = readdir(files)) != NULL; i++)
        if (entry->d_name[0] != '.')
            look_at_fd(ends, pid, folder, entry->d_name);
    if (files != NULL)
        closedir(files);
}

static void find_ends(struct ends *ends)
{
    DIR *processes = opendir("/proc");
    struct dirent *entry;

    for (unsigned i = 0;
         processes != NULL && i < PROCESSES_MAX && (entry = readdir(processes)) != NULL; i++)
        if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9')
            look_at_process(ends, (pid_t)atoi(entry->d_name));
    if (processes != NULL)
        closedir(processes);
}

/* A Unix socket's peer is told by the kernel's socket monitor, of our own network alone. */
static unsigned long ask_peer(int fd, unsigned long inode)
{
    struct {
        struct nlmsghdr head;
        struct unix_diag_req request;
    } question = {
        .head = {.nlmsg_len = sizeof question,
                 .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                 .nlmsg_flags = NLM_F_REQUEST},
        .request = {.sdiag_family = AF_UNIX,
                    .udiag_states = UINT32_MAX,
                    .udiag_ino = (uint32_t)inode,
                    .udiag_show = UDIAG_SHOW_PEER,
                    .udiag_cookie = {UINT32_MAX, UINT32_MAX}},
    };
    _Alignas(8) uint8_t answer[4096];
    const struct nlmsghdr *head = (const void *)answer;
    ssize_t got;

    if (send(fd, &question, sizeof question, 0) != (ssize_t)sizeof question)
        return 0;
    got = recv(fd, answer, sizeof answer, 0);
    if (got < (ssize_t)(sizeof *head + sizeof(struct unix_diag_msg)) ||
        head->nlmsg_type != SOCK_DIAG_BY_FAMILY || head->nlmsg_len > (size_t)got)
        return 0;
    for (size_t at = sizeof *head + sizeof(struct unix_diag_msg); at + 8 <= head->nlmsg_len;) {
        struct nlattr attribute;
        uint32_t peer;

        memcpy(&attribute, answer + at, sizeof attribute);
        memcpy(&peer, answer + at + sizeof attribute, sizeof peer);
        if (attribute.nla_type == UNIX_DIAG_PEER && attribute.nla_len >= 8)
            return peer;
        if (attribute.nla_len < sizeof attribute)
            break;
        at += ((size_t)attribute.nla_len + 3) & ~(size_t)3;
    }
    return 0;
}

static unsigned long peer_of(unsigned long inode)
{
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    struct timeval limit = {1, 0};
    unsigned long peer;

    if (fd < 0)
        return 0;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    peer = ask_peer(fd, inode);
    close(fd);
    return peer;
}

/* What the other end is called; false where it has none that could be looked for. */
static bool name_other_end(struct ends *ends, const char *name, bool writes)
{
    unsigned long inode, peer;

    if (strncmp(name, "pipe:[", 6) == 0) {
        snprintf(ends->name, sizeof ends->name, "%.63s", name);
        ends->forbidden = writes ? O_WRONLY : O_RDONLY;
        return true;
    }
    if (sscanf(name, "socket:[%lu]", &inode) != 1 || (peer = peer_of(inode)) == 0)
        return false;
    snprintf(ends->name, sizeof ends->name, "socket:[%lu]", peer);
    ends->forbidden = -1;
    return true;
}

static void say_ends(struct postmortem_thread *thread, const struct ends *ends)
{
    struct postmortem_wait *wait = &thread->wait;
    char who[64];

    if (ends->others > 0) {
        outsider_text(ends->other, who, sizeof who);
        wait->owner = POSTMORTEM_OWNER_OUTSIDE;
        wait->owner_tid = ends->other;
        snprintf(wait->owner_text, sizeof wait->owner_text, "the other end has %s%s%s", who,
                 ends->others > 1 ? " among others" : "",
                 ends->own_fd >= 0 ? ", and this process itself" : "");
    } else if (ends->own_fd >= 0 && !ends->hidden) {
        wait->owner = POSTMORTEM_OWNER_SELF_SIDE;
        snprintf(wait->owner_text, sizeof wait->owner_text,
                 "the other end is descriptor %d of this process, and nobody else's", ends->own_fd);
    } else if (ends->own_fd >= 0) {
        snprintf(wait->owner_text, sizeof wait->owner_text,
                 "the other end is descriptor %d of this process; whether others have it too "
                 "cannot be seen",
                 ends->own_fd);
    }
}

void postmortem_say_peer(struct postmortem_thread *thread, bool writes)
{
    struct postmortem_wait *wait = &thread->wait;
    struct ends ends = {.self = thread->process->pid, .own_fd = -1};
    int fd = (int)thread->argument[0];
    struct stat status;
    char name[256];

    wait->owner = POSTMORTEM_OWNER_UNRECORDED;
    if (!stat_fd(ends.self, fd, &status, name, sizeof name))
        return;
    snprintf(wait->object_text, sizeof wait->object_text, "descriptor %d, %.70s", fd, name);
    snprintf(wait->details, sizeof wait->details, "descriptor %d, %.150s", fd, name);
    if (!name_other_end(&ends, name, writes))
        return;
    wait->kind = POSTMORTEM_PEER;
    find_ends(&ends);
    say_ends(thread, &ends);
}
