/*
 * spawn: a child's description as a request, and a refusal in words.
 *
 * The supervisor's side. The strings of a child may be more than a message holds, so they
 * travel in a memfd; child.c takes apart what spawn_pack() puts together.
 */
#include "spawn.h"
#include "fds.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int spawn_check(const struct guardian_spawn *s, struct error *e)
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

/* Lays out the payload that struct guardian_request describes; -1 with errno. */
static int spawn_payload(const struct guardian_spawn *s, struct guardian_request *r)
{
    const char *cwd = s->cwd != NULL ? s->cwd : "";
    const char *path = s->path != NULL ? s->path : s->argv != NULL ? s->argv[0] : "";
    char *memory = MAP_FAILED, *at;
    int fd = fds_lift(memfd_create("spawn", MFD_CLOEXEC), 3);

    r->length = s->length;
    r->payload = s->length + strlen(cwd) + 1 + strlen(path) + 1;
    r->payload += strings_size(s->argv, &r->argc) + strings_size(s->envp, &r->envc);
    if (fd >= 0 && ftruncate(fd, (off_t)r->payload) == 0)
        memory = mmap(NULL, r->payload, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED) {
        fds_close(&fd, 1);
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

int spawn_pack(const struct guardian_spawn *s, struct guardian_request *r, int fds[MESSAGE_FDS])
{
    *r = (struct guardian_request){.operation = GUARDIAN_SPAWN,
                                   .tag = s->tag,
                                   .function = s->function,
                                   .has_envp = s->envp != NULL,
                                   .fd_count = s->fd_count};
    fds[0] = spawn_payload(s, r);
    if (fds[0] < 0)
        return -1;
    for (unsigned i = 0; i < s->fd_count; i++) {
        fds[i + 1] = s->fds[i].from;
        r->to[i] = s->fds[i].to;
    }
    return (int)s->fd_count + 1;
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

int spawn_refused(const struct guardian_spawn *s, const struct guardian_failure *failure,
                  struct error *e)
{
    const char *why = strerror(failure->number);
    const char *path = s->path != NULL ? s->path : s->argv != NULL ? s->argv[0] : "a function";

    switch (failure->stage) {
    case GUARDIAN_AT_EXEC:
        return error_set(e, exec_code(failure->number), "%s: cannot be executed: %s%s", path, why,
                         failure->number == ENOENT ? " (it, or the interpreter it names)" : "");
    case GUARDIAN_AT_CWD:
        return error_set(e, ERROR_TARGET, "%s: cannot start in directory '%s': %s", path, s->cwd,
                         why);
    case GUARDIAN_AT_FDS:
        return error_set(e, ERROR_TARGET, "%s: its descriptors cannot be placed: %s: see ulimit -n",
                         path, why);
    default:
        return error_set(e,
                         failure->number == ENOMEM   ? ERROR_MEMORY
                         : failure->number == EAGAIN ? ERROR_BUSY
                                                     : ERROR_SYSTEM,
                         "%s: no process for it: %s: see ulimit -u", path, why);
    }
}
