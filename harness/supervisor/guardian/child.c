/*
 * child: from the keeper's fork until the program, or the function, begins.
 *
 * It was forked from a process of one thread, so it may allocate; but it prints nothing,
 * waits for nobody and leaves by _exit alone, for it shares the supervisor's stdio buffers
 * and exit handlers. Until child_place() it holds descriptors of the guardian's, and must
 * not linger.
 */
#include "child.h"
#include "fds.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

enum { CHILD_FAILED = 127 }; /* never seen by a user: the failure travels through a pipe */

static _Noreturn void child_fail(const struct child *c, enum guardian_stage stage)
{
    struct guardian_failure failure = {.stage = stage, .number = errno};

    while (write(c->report, &failure, sizeof failure) < 0 && errno == EINTR)
        ;
    _exit(CHILD_FAILED);
}

/* The C library keeps two numbers to itself and refuses them; they are plain already. */
static void child_signals(void)
{
    struct sigaction plain = {.sa_handler = SIG_DFL};
    sigset_t none;

    for (int number = 1; number < NSIG; number++)
        sigaction(number, &plain, NULL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* ---- descriptors ----------------------------------------------------------------- */

static bool is_named(const struct guardian_request *r, int number)
{
    for (unsigned i = 0; i < r->fd_count; i++)
        if (r->to[i] == number)
            return true;
    return false;
}

/* Gives 0, 1 and 2 to /dev/null where the request does not name them. */
static bool child_null(const struct child *c, int base)
{
    int null = fds_lift(open("/dev/null", O_RDWR | O_CLOEXEC), base);

    for (int number = 0; number <= 2; number++)
        if (!is_named(c->request, number) && dup2(null, number) < 0)
            return false;
    return true;
}

/* Moves every source above every wanted number, so no order of placing can destroy one. */
static bool child_lift(struct child *c, int base)
{
    int high = fcntl(c->report, F_DUPFD_CLOEXEC, base);

    if (high < 0)
        return false;
    c->report = high;
    for (unsigned i = 0; i < c->request->fd_count; i++)
        if ((c->fds[i + 1] = fds_lift(c->fds[i + 1], base)) < 0)
            return false;
    return true;
}

static bool child_place(struct child *c)
{
    const struct guardian_request *r = c->request;
    int base = 3, keep[MESSAGE_FDS];

    for (unsigned i = 0; i < r->fd_count; i++)
        base = r->to[i] >= base ? r->to[i] + 1 : base;
    if (!child_lift(c, base))
        return false;
    for (unsigned i = 0; i < r->fd_count; i++)
        if (dup2(c->fds[i + 1], keep[i] = r->to[i]) < 0)
            return false;
    if (!child_null(c, base))
        return false;
    keep[r->fd_count] = c->report;
    return fds_close_except(keep, r->fd_count + 1);
}

/* ---- what it becomes ------------------------------------------------------------- */

static char **child_strings(char **text, size_t count)
{
    char **list = malloc((count + 1) * sizeof *list);

    if (list == NULL)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        list[i] = *text;
        *text += strlen(*text) + 1;
    }
    list[count] = NULL;
    return list;
}

static _Noreturn void child_execute(const struct child *c, char *memory, const char *path,
                                    char **argv)
{
    const struct guardian_request *r = c->request;

    if (r->function != NULL) {
        prctl(PR_SET_NAME, c->origin->name);
        close(c->report);
        _exit(r->function(memory, r->length));
    }
    execve(path, argv, environ);
    child_fail(c, GUARDIAN_AT_EXEC);
}

_Noreturn void child_run(struct child *c)
{
    const struct guardian_request *r = c->request;
    char *memory, *text, *cwd, *path, **argv, **envp;

    setsid(); /* also its own scheduling group, so that a bomb competes less with its keeper */
    setpriority(PRIO_PROCESS, 0, c->origin->nice);
    memory = mmap(NULL, r->payload, PROT_READ | PROT_WRITE, MAP_PRIVATE, c->fds[0], 0);
    if (memory == MAP_FAILED)
        child_fail(c, GUARDIAN_AT_FORK);
    cwd = memory + r->length;
    path = cwd + strlen(cwd) + 1;
    text = path + strlen(path) + 1;
    argv = child_strings(&text, r->argc);
    envp = child_strings(&text, r->envc);
    if (argv == NULL || envp == NULL)
        child_fail(c, GUARDIAN_AT_FORK);
    if (r->has_envp)
        environ = envp;
    if (!child_place(c))
        child_fail(c, GUARDIAN_AT_FDS);
    if (cwd[0] != '\0' && chdir(cwd) != 0)
        child_fail(c, GUARDIAN_AT_CWD);
    child_signals();
    child_execute(c, memory, path, argv);
}
