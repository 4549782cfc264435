/*
 * hook_process: fork, and everything that starts another program. The environment no longer
 * names us (start.c), so a program that the target starts runs without us.
 */
#include "agent.h"
#include "emit.h"

HOOK pid_t fork(void)
{
    struct agent_call call = agent_enter(SITE_FORK, CALLER());
    struct abi_lane *parent = call.lane;
    pid_t pid;

    if (parent != NULL)
        parent->forks++;
    AGENT_CALL(call, pid = real.fork());
    if (pid == 0) {
        if (parent != NULL)
            lane_begin_forked(parent);
        return 0;
    }
    if (parent != NULL)
        lane_event(parent, EVENT_FORKED, 0, (uint64_t)pid, 0);
    agent_leave(call);
    return pid;
}

#define START_HOOK(result_type, name, SITE, PARAMETERS, ARGUMENTS)                                 \
    HOOK result_type name PARAMETERS                                                               \
    {                                                                                              \
        struct agent_call call = agent_enter(SITE, CALLER());                                      \
        result_type result;                                                                        \
                                                                                                   \
        if (call.lane != NULL)                                                                     \
            lane_event(call.lane, EVENT_CALL, 0, 0, 0);                                            \
        AGENT_CALL(call, result = real.name ARGUMENTS);                                            \
        agent_leave(call);                                                                         \
        return result;                                                                             \
    }
START_HOOK(int, system, SITE_SYSTEM, (const char *command), (command))
START_HOOK(FILE *, popen, SITE_POPEN, (const char *command, const char *mode), (command, mode))
START_HOOK(int, posix_spawn, SITE_SPAWN,
           (pid_t * pid, const char *path, const posix_spawn_file_actions_t *actions,
            const posix_spawnattr_t *attributes, char *const argv[], char *const envp[]),
           (pid, path, actions, attributes, argv, envp))
START_HOOK(int, posix_spawnp, SITE_SPAWN,
           (pid_t * pid, const char *path, const posix_spawn_file_actions_t *actions,
            const posix_spawnattr_t *attributes, char *const argv[], char *const envp[]),
           (pid, path, actions, attributes, argv, envp))
/* In a child of vfork the parent's lane is ours: leave it as it was before the image goes. */
#define EXEC_HOOK(name, PARAMETERS, ARGUMENTS)                                                     \
    HOOK int name PARAMETERS                                                                       \
    {                                                                                              \
        struct agent_call call = agent_enter(SITE_EXEC, CALLER());                                 \
                                                                                                   \
        if (call.lane != NULL)                                                                     \
            lane_event(call.lane, EVENT_EXEC, 0, 0, 0);                                            \
        agent_leave(call);                                                                         \
        return real.name ARGUMENTS;                                                                \
    }
EXEC_HOOK(execve, (const char *path, char *const argv[], char *const envp[]), (path, argv, envp))
EXEC_HOOK(execv, (const char *path, char *const argv[]), (path, argv))
EXEC_HOOK(execvp, (const char *path, char *const argv[]), (path, argv))
EXEC_HOOK(execvpe, (const char *path, char *const argv[], char *const envp[]), (path, argv, envp))
EXEC_HOOK(fexecve, (int fd, char *const argv[], char *const envp[]), (fd, argv, envp))

/* A timer can wake a thread that seems to wait for ever: no proof of a hang while one runs. */
HOOK unsigned alarm(unsigned seconds)
{
    if (agent_active)
        CONTROL->timers = 1;
    return real.alarm(seconds);
}

HOOK int setitimer(__itimer_which_t which, const struct itimerval *value, struct itimerval *old)
{
    if (agent_active)
        CONTROL->timers = 1;
    return real.setitimer(which, value, old);
}
