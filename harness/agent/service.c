/*
 * service: what injectors may ask of the agent (harness/injector.h). Each runs in the victim,
 * at a hook's entry or inside a stepped call, with lane->depth > 0.
 */
#include "agent.h"
#include "emit.h"
#include "loader_table.h"
#include "sched.h"

#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>

void agent_return_from_main(int status) __attribute__((__noreturn__));

/* From here on the code is the program's again: hooks work in what follows. */
static void step_out(void)
{
    if (agent_lane != NULL)
        agent_lane->depth = 0;
}

static void step_in(void)
{
    if (agent_lane != NULL)
        agent_lane->depth = 1;
}

/* --- others_vanish: each other thread gets a signal whose handler ends it ------------------ */

enum { DEATH_SIGNAL = 63 };

static void on_death(int signal, siginfo_t *info, void *context)
{
    struct abi_lane *lane = agent_lane;

    /* Never inside agent code or a tracepoint: the hook's end looks at this again. */
    if (lane != NULL && (lane->depth != 0 || lane->in_tracepoint != 0)) {
        lane->attention |= ATTEND_DIE;
        return;
    }
    if (lane != NULL)
        strike_record(lane, 0, context);
    strike_vanish();
}

struct linux_dirent64 {
    uint64_t inode;
    int64_t offset;
    unsigned short length;
    unsigned char type;
    char name[];
};

static long number_of(const char *text)
{
    long number = 0;

    while (*text >= '0' && *text <= '9')
        number = number * 10 + (*text++ - '0');
    return number;
}

static bool is_recorders(long tid)
{
    char name[32];
    long length = agent_task_read(tid, "comm", name, sizeof name);

    return length > 5 && memcmp(name + length - 5, "-ust\n", 5) == 0;
}

/* A main thread that has ended stays in the list until the process ends. */
static bool is_zombie(long tid)
{
    char state = agent_task_state((uint32_t)tid);

    return state == 'Z' || state == 'X';
}

/* Signals every thread but this one and the recorder's; returns how many there were. */
static unsigned signal_others(void)
{
    char buffer[2048];
    long fd = RAW4(SYS_openat, AT_FDCWD, "/proc/self/task", O_RDONLY | O_DIRECTORY, 0);
    long self = RAW1(SYS_gettid, 0);
    long pid = RAW1(SYS_getpid, 0);
    unsigned others = 0;
    long length;

    while (fd >= 0 && (length = RAW3(SYS_getdents64, fd, buffer, sizeof buffer)) > 0) {
        for (long at = 0; at < length;) {
            struct linux_dirent64 *entry = (void *)(buffer + at);
            long tid = number_of(entry->name);

            at += entry->length;
            if (tid == 0 || tid == self || is_recorders(tid) || (tid == pid && is_zombie(tid)))
                continue;
            if (RAW3(SYS_tgkill, pid, tid, DEATH_SIGNAL) == 0)
                others++;
        }
    }
    if (fd >= 0)
        RAW1(SYS_close, fd);
    return others;
}

static void others_vanish(void)
{
    struct sigaction action;

    memset(&action, 0, sizeof action);
    action.sa_sigaction = on_death;
    action.sa_flags = SA_SIGINFO;
    sigfillset(&action.sa_mask);
    sigaction(DEATH_SIGNAL, &action, NULL);
    /* A thread that blocks every signal stays: bounded, and the survivor goes on. */
    for (unsigned round = 0; round < 10000 && signal_others() > 0; round++)
        RAW1(SYS_sched_yield, 0);
}

/* --- ends of the process -------------------------------------------------------------------------
 */

static void signal_process(int signal)
{
    if (signal == SIGKILL)
        emit_close_gate();
    RAW2(SYS_kill, RAW1(SYS_getpid, 0), signal);
}

static void leave_exit(int status)
{
    exit_phase(agent_lane, PHASE_REQUESTED, status);
    step_out();
    real.exit(status);
}

static void leave_exit_now(int status)
{
    exit_phase(agent_lane, PHASE_LEAVE, status);
    emit_close_gate();
    real._exit(status);
}

static void leave_exit_group(int status)
{
    emit_close_gate();
    RAW1(SYS_exit_group, status);
}

static void leave_quick_exit(int status)
{
    exit_phase(agent_lane, PHASE_REQUESTED, status);
    step_out();
    real.quick_exit(status);
}

static void leave_abort(void)
{
    emit_close_gate();
    fatal_release(SIGABRT); /* ordered by the plan: nothing to hold still for */
    step_out();
    real.abort();
}

static void leave_thread_exit(void)
{
    lane_end(agent_lane, END_EXIT);
    step_out();
    real.pthread_exit(NULL);
}

static void *exit_thread(void *argument)
{
    real.exit((int)(long)argument);
    return NULL;
}

static void leave_exit_twice(int status)
{
    pthread_t twin;

    exit_phase(agent_lane, PHASE_REQUESTED, status);
    __atomic_fetch_add(&CONTROL->exit_calls, 1, __ATOMIC_RELAXED);
    step_out();
    real.pthread_create(&twin, NULL, exit_thread, (void *)(long)status);
    real.exit(status);
}

/* --- threads
 * ----------------------------------------------------------------------------------------- */

static void park(int64_t events)
{
    struct abi_lane *lane = agent_lane;

    lane_event(lane, EVENT_PARKED, lane->strike, lane->site_caller, (uint64_t)events);
    CONTROL->park_left = events;
    lane->park = 1;
    __atomic_store_n(&lane->state, LANE_PARKED, __ATOMIC_RELEASE);
    if (events != 0)
        __atomic_fetch_add(&CONTROL->parked, 1, __ATOMIC_ACQ_REL);
    sched_park(lane);
    while (events != 0 && __atomic_load_n(&lane->park, __ATOMIC_ACQUIRE) == 1)
        agent_futex_wait(&lane->park, 1);
    __atomic_store_n(&lane->state, LANE_RUNS, __ATOMIC_RELEASE);
    sched_unpark(lane);
    lane_event(lane, EVENT_RESUMED, lane->strike, 0, 0);
}

void strike_park_tick(void)
{
    uint32_t lanes = CONTROL->lanes < ABI_LANES ? CONTROL->lanes : ABI_LANES;

    if (CONTROL->park_left < 0 || __atomic_sub_fetch(&CONTROL->park_left, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    CONTROL->parked = 0;
    for (uint32_t i = 0; i < lanes; i++) {
        struct abi_lane *lane = &agent_memory->lane[i];

        if (lane->epoch != CONTROL->epoch || lane->park == 0)
            continue;
        __atomic_store_n(&lane->park, 0, __ATOMIC_RELEASE);
        agent_futex_wake(&lane->park);
    }
}

static void yield(int64_t turns)
{
    while (turns-- > 0) {
        RAW1(SYS_sched_yield, 0);
        sched_point(agent_lane);
    }
}

static void cancel(bool asynchronous)
{
    if (asynchronous)
        pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
    step_out();
    real.pthread_cancel(pthread_self());
    step_in();
}

/* --- the rest
 * -------------------------------------------------------------------------------------------- */

static void fork_here(void)
{
    void *volatile block;
    pid_t pid;

    step_out();
    pid = real.fork();
    if (pid == 0) {
        block = real.malloc(64);
        real.free(block);
        RAW1(SYS_exit_group, 0);
    }
    if (pid > 0)
        RAW4(SYS_wait4, pid, NULL, 0, NULL);
    step_in();
}

static void module_unload(int64_t index)
{
    struct abi_module *module = modules_pick(index);

    if (module == NULL)
        return;
    step_out();
    modules_drop(module);
    step_in();
}

static void module_reload(int64_t index)
{
    struct abi_module *module = modules_pick(index);
    char path[ABI_PATH_BYTES];

    if (module == NULL)
        return;
    memcpy(path, module->path, sizeof path);
    step_out();
    modules_drop(module);
    dlopen(path, RTLD_NOW);
    step_in();
}

static void fail_allocation(void)
{
    agent_lane->attention |= ATTEND_FAIL;
}

const struct injector_services strike_services = {
    .thread_vanish = strike_vanish,
    .others_vanish = others_vanish,
    .signal_process = signal_process,
    .park = park,
    .yield = yield,
    .exit = leave_exit,
    .exit_now = leave_exit_now,
    .exit_group = leave_exit_group,
    .quick_exit = leave_quick_exit,
    .abort = leave_abort,
    .thread_exit = leave_thread_exit,
    .return_from_main = agent_return_from_main,
    .exit_twice = leave_exit_twice,
    .cancel = cancel,
    .fork_here = fork_here,
    .module_unload = module_unload,
    .module_reload = module_reload,
    .fail_allocation = fail_allocation,
};
