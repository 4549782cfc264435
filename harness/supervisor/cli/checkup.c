/*
 * checkup: the list of checks, and what all of them need.
 */
#include <harness/supervisor/cli/checkup.h>

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

const struct checkup_item checkup_items[] = {
    {"processor", checkup_processor},
    {"runner", checkup_runner},
    {"agent", checkup_agent},
    {"modules", checkup_modules},
    {"shared memory", checkup_memory},
    {"process descriptors", checkup_pidfd},
    {"open files", checkup_files},
    {"processes", checkup_processes},
    {"stack", checkup_stack},
    {"ptrace", checkup_ptrace},
    {"memory of targets", checkup_target_memory},
    {"waits of targets", checkup_waits},
    {"single steps", checkup_steps},
    {"breakpoints", checkup_breakpoints},
    {"user namespaces", checkup_namespaces},
    {"/dev/shm", checkup_shm},
    {"lttng daemon", checkup_daemon},
    {"lttng crash tool", checkup_crash_tool},
    {"lttng provider", checkup_provider},
    {"flight recorder", checkup_recorder},
    {"core dumps", checkup_cores},
    {"C library", checkup_libc},
    {"C library symbols", checkup_libc_symbols},
    {"debug information", checkup_debug_info},
    {"gdb", checkup_gdb},
    {"C compiler", checkup_compiler},
    {NULL, NULL},
};

void checkup_ok(struct checkup *checkup, const char *format, ...)
{
    va_list args;

    checkup->state = CHECKUP_OK;
    checkup->lost[0] = checkup->mend[0] = 0;
    va_start(args, format);
    vsnprintf(checkup->fact, sizeof checkup->fact, format, args);
    va_end(args);
}

void checkup_bad(struct checkup *checkup, enum checkup_state state, const char *lost,
                 const char *mend, const char *format, ...)
{
    va_list args;

    checkup->state = state;
    snprintf(checkup->lost, sizeof checkup->lost, "%s", lost);
    snprintf(checkup->mend, sizeof checkup->mend, "%s", mend);
    va_start(args, format);
    vsnprintf(checkup->fact, sizeof checkup->fact, format, args);
    va_end(args);
}

static void default_signals(void)
{
    sigset_t none;

    for (int number = 1; number < NSIG; number++)
        signal(number, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static void tell_death(int status, char *why, size_t size)
{
    int number = WIFSIGNALED(status) ? WTERMSIG(status) : 0;

    if (number == SIGALRM)
        snprintf(why, size, "no answer in %d s", CHECKUP_SECONDS);
    else
        snprintf(why, size, "killed by SIG%s", number ? sigabbrev_np(number) : "?");
}

int checkup_child(int (*body)(void *context), void *context, char *why, size_t size)
{
    pid_t child;
    int status;

    fflush(NULL);
    child = fork();
    if (child < 0) {
        snprintf(why, size, "fork: %s", strerror(errno));
        return -1;
    }
    if (child == 0) {
        default_signals();
        alarm(CHECKUP_SECONDS);
        _exit(body(context));
    }
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            return -1;
    if (WIFEXITED(status))
        return WEXITSTATUS(status);
    tell_death(status, why, size);
    return -1;
}

bool checkup_read(const char *path, char *line, size_t size)
{
    FILE *file = fopen(path, "re");
    bool read = file != NULL && fgets(line, (int)size, file) != NULL;

    if (file != NULL)
        fclose(file);
    if (read)
        line[strcspn(line, "\n")] = 0;
    return read;
}

bool checkup_find(const char *program, char *path, size_t size)
{
    const char *at = getenv("PATH");

    for (; at != NULL && *at != 0; at += strcspn(at, ":"), at += *at == ':') {
        snprintf(path, size, "%.*s/%s", (int)strcspn(at, ":"), at, program);
        if (access(path, X_OK) == 0)
            return true;
    }
    return false;
}
