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

/* From here on the code is the program's again: hooks work in what follows. Returns who called
 * the hook under way, for step_in(): those in between say who called them. */
static uint64_t step_out(void)
{
    if (agent_lane == NULL)
        return 0;
    agent_lane->depth = 0;
    return agent_lane->site_caller;
}

static void step_in(uint64_t caller)
{
    if (agent_lane == NULL)
        return;
    agent_lane->depth = 1;
    agent_lane->site_caller = caller;
}

/* --- others_vanish: each other thread gets a signal whose handler ends it ------------------
 *
 * It is glibc's own SIGSETXID: no mask of a program's holds it up, whatever function sets that,
 * since libc leaves it out; sigwait and sigaction don't take it either. setuid() and the like
 * install their handler again each time they need it. Only a program that makes the system
 * call itself can block it; then nobody is touched, and the strike has not fired.
 */

enum {
    DEATH_SIGNAL = 33,
    ROUNDS_ASLEEP = 200, /* of a thread that blocks it: libc does so for some moments */
    ROUNDS_AWAKE = 10000,
};

/* What the kernel takes; libc would refuse the number. */
struct kernel_action {
    void (*handler)(int, siginfo_t *, void *);
    uint64_t flags;
    void (*restorer)(void);
    uint64_t mask;
};
enum { KERNEL_RESTORER = 0x04000000 };

/* The bytes by which unwinders know a signal's frame. */
void service_restorer(void);
__asm__(".text\n"
        ".type service_restorer, @function\n"
        "nop\n"
        "service_restorer:\n"
        "movq $15, %rax\n" /* rt_sigreturn */
        "syscall\n"
        ".size service_restorer, . - service_restorer\n");

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

static bool blocks_death(long tid)
{
    char text[3072];
    const char *at;
    uint64_t mask = 0;

    if (agent_task_read(tid, "status", text, sizeof text) == 0 ||
        (at = strstr(text, "\nSigBlk:\t")) == NULL)
        return false; /* gone meanwhile */
    for (at += strlen("\nSigBlk:\t"); *at > ' '; at++)
        mask = mask << 4 | (uint64_t)(*at <= '9' ? *at - '0' : *at - 'a' + 10);
    return (mask & UINT64_C(1) << (DEATH_SIGNAL - 1)) != 0;
}

/* What is to be done with each thread but this one and the recorder's. */
struct others {
    long pid;
    bool strike;
    unsigned count;
    unsigned blocking;
    unsigned awake; /* of those that block it: they may let it through yet */
};

static void visit(struct others *others, long tid)
{
    if (others->strike)
        others->count += RAW3(SYS_tgkill, others->pid, tid, DEATH_SIGNAL) == 0;
    if (!blocks_death(tid))
        return;
    others->blocking++;
    others->awake += agent_task_state((uint32_t)tid) != 'S';
}

static struct others visit_others(bool strike)
{
    struct others others = {RAW1(SYS_getpid, 0), strike, 0, 0, 0};
    _Alignas(struct linux_dirent64) char buffer[1024];
    long fd = RAW4(SYS_openat, AT_FDCWD, "/proc/self/task", O_RDONLY | O_DIRECTORY, 0);
    long self = RAW1(SYS_gettid, 0);
    long length;

    while (fd >= 0 && (length = RAW3(SYS_getdents64, fd, buffer, sizeof buffer)) > 0) {
        for (long at = 0; at < length;) {
            struct linux_dirent64 *entry = (void *)(buffer + at);
            long tid = number_of(entry->name);

            at += entry->length;
            if (tid != 0 && tid != self && !is_recorders(tid) &&
                (tid != others.pid || !is_zombie(tid)))
                visit(&others, tid);
        }
    }
    if (fd >= 0)
        RAW1(SYS_close, fd);
    return others;
}

/* False: one blocks the signal for good, as far as can be seen. */
static bool can_be_reached(void)
{
    for (unsigned asleep = 0, round = 0; round < ROUNDS_AWAKE; round++) {
        struct others others = visit_others(false);

        if (others.blocking == 0)
            return true;
        asleep = others.awake == 0 ? asleep + 1 : 0;
        if (asleep == ROUNDS_ASLEEP)
            break;
        RAW1(SYS_sched_yield, 0);
    }
    return false;
}

static bool not_reached(void)
{
    __atomic_fetch_or(&CONTROL->remarks, REMARK_UNREACHED, __ATOMIC_RELAXED);
    __atomic_fetch_and(&CONTROL->fired, ~(UINT64_C(1) << (agent_lane->strike - 1)),
                       __ATOMIC_RELEASE);
    return false;
}

/* Some are dead, and one will not die: neither its exit nor its going on would say anything. */
static void __attribute__((__noreturn__)) call_off(void)
{
    int status = CONTROL->baseline_status;

    not_reached();
    emit_close_gate();
    for (;;)
        RAW1(SYS_exit_group, WIFEXITED(status) ? WEXITSTATUS(status) : 0);
}

static bool others_vanish(void)
{
    struct kernel_action action = {on_death, SA_SIGINFO | KERNEL_RESTORER, service_restorer,
                                   UINT64_MAX};

    if (!can_be_reached())
        return not_reached();
    RAW4(SYS_rt_sigaction, DEATH_SIGNAL, &action, NULL, sizeof action.mask);
    for (unsigned asleep = 0, round = 0; round < ROUNDS_AWAKE; round++) {
        struct others others = visit_others(true);

        if (others.count == 0)
            return true;
        asleep = others.blocking == others.count && others.awake == 0 ? asleep + 1 : 0;
        if (asleep == ROUNDS_ASLEEP)
            break;
        RAW1(SYS_sched_yield, 0);
    }
    call_off();
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
    uint64_t caller;

    if (asynchronous)
        pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
    caller = step_out();
    real.pthread_cancel(pthread_self());
    step_in(caller);
}

/* --- the rest
 * -------------------------------------------------------------------------------------------- */

static void fork_here(void)
{
    void *volatile block;
    uint64_t caller = step_out();
    pid_t pid = agent_fork(agent_lane);

    if (pid == 0) {
        block = real.malloc(64);
        real.free(block);
        RAW1(SYS_exit_group, 0);
    }
    if (pid > 0)
        RAW4(SYS_wait4, pid, NULL, 0, NULL);
    step_in(caller);
}

static void module_unload(int64_t index)
{
    struct abi_module *module = modules_pick(index);
    uint64_t caller;

    if (module == NULL)
        return;
    caller = step_out();
    modules_drop(module);
    step_in(caller);
}

static void module_reload(int64_t index)
{
    struct abi_module *module = modules_pick(index);
    char path[ABI_PATH_BYTES];
    uint64_t caller;

    if (module == NULL)
        return;
    memcpy(path, module->path, sizeof path);
    caller = step_out();
    modules_drop(module);
    dlopen(path, RTLD_NOW);
    step_in(caller);
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
