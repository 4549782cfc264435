/*
 * hook_process: fork, and everything that starts another program. The environment no longer
 * names us (start.c), so a program that the target starts runs without us.
 */
#include "agent.h"
#include "emit.h"

#include <string.h>

/* A fork under way, on its caller's stack: what the child must not look up in its parent's lane. */
struct forking {
    struct abi_lane *parent;
    uint32_t held_count;
    struct abi_held held[ABI_HELD];
};

static __thread struct forking *forking INITIAL_EXEC;

/* Runs after all other handlers have taken their locks, since ours was registered first. */
static void before_fork(void)
{
    if (forking == NULL)
        return;
    forking->held_count = forking->parent->held_count;
    memcpy(forking->held, forking->parent->held, sizeof forking->held);
}

/*
 * Runs in the child before all other handlers, for the same reason (the agent is linked
 * -z initfirst): what they unlock there is the child's, and no act of the parent's. By now the
 * parent may have let go what it held when it forked.
 */
IN_EVERY_CYCLE static void begin_child(void)
{
    struct abi_lane *parent = agent_active ? agent_lane : NULL;

    step_forked();
    if (forking != NULL)
        parent = forking->parent;
    else if (parent != NULL) /* libc forks by itself: daemon(), forkpty() */
        __atomic_add_fetch(&parent->forks, 1, __ATOMIC_RELAXED);
    if (parent == NULL)
        return;
    lane_begin_forked(parent);
    if (agent_lane == NULL || forking == NULL)
        return;
    memcpy(agent_lane->held, forking->held, sizeof forking->held);
    agent_lane->held_count = forking->held_count;
}

__attribute__((constructor)) static void register_handlers(void)
{
    pthread_atfork(before_fork, NULL, begin_child);
}

/* _Fork runs no handlers, so that what ours do is done by hand. */
static pid_t fork_without_handlers(void)
{
    pid_t pid;

    before_fork();
    pid = real._Fork();
    if (pid == 0)
        begin_child();
    return pid;
}

static inline pid_t fork_of(struct abi_lane *lane, pid_t (*how)(void))
{
    struct forking now = {.parent = lane};
    pid_t pid;

    if (lane != NULL) {
        lane->forks++;
        forking = &now;
    }
    pid = how();
    forking = NULL;
    return pid;
}

pid_t agent_fork(struct abi_lane *lane)
{
    return fork_of(lane, real.fork);
}

static inline pid_t fork_by(pid_t (*how)(void), struct agent_call call)
{
    pid_t pid;

    agent_outside(call);
    pid = fork_of(call.lane, how);
    if (pid == 0)
        return 0; /* @call is the parent's, and it lives in memory that we share with it */
    agent_inside(call);
    if (call.lane != NULL)
        lane_event(call.lane, EVENT_FORKED, 0, (uint64_t)pid, 0);
    agent_leave(call);
    return pid;
}

HOOK pid_t fork(void)
{
    return fork_by(real.fork, agent_enter(SITE_FORK, CALLER()));
}

/* What a handler of signals may call: nothing is taken before, and nothing put right after. */
HOOK pid_t _Fork(void)
{
    return fork_by(fork_without_handlers, agent_enter(SITE_FORK, CALLER()));
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
#define EXEC_HOOK(name, PARAMETERS, ARGUMENTS)                                                     \
    HOOK int name PARAMETERS                                                                       \
    {                                                                                              \
        struct agent_call call = {NULL, 0};                                                        \
                                                                                                   \
        if (!agent_is_borrowed())                                                                  \
            call = agent_enter(SITE_EXEC, CALLER());                                               \
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
