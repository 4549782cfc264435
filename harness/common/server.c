/*
 * server: the loop around cycles. Runs in the fork server, which is somebody's program before
 * its main: no allocation, no stdio, raw waiting.
 */
#include "server.h"

#include <harness/injector.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    NOTES_READ = 3,          /* cycles with nothing but notes that a batch hands over */
    SPAWN_PAUSE_MS = 10,     /* between two tries where the machine has no process left */
    SPAWN_PATIENCE_MS = 8000 /* and for how long there may be none */
};

static uint64_t now_ns(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

void server_say(struct server *server, uint32_t state)
{
    uint64_t one = 1;

    __atomic_store_n(&server->memory->control.server, state, __ATOMIC_RELEASE);
    while (write(server->bell, &one, sizeof one) < 0 && errno == EINTR)
        ;
}

/*
 * A server whose place another one has taken (it could not be ended, or its number was another
 * tree's) shares the memory with it, and would take its commands away.
 */
static uint32_t next_command(struct abi_control *control)
{
    uint32_t command;

    while ((command = __atomic_load_n(&control->command, __ATOMIC_ACQUIRE)) == COMMAND_WAIT)
        syscall(SYS_futex, &control->command, FUTEX_WAIT, COMMAND_WAIT, NULL, NULL, 0);
    if (__atomic_load_n(&control->server_pid, __ATOMIC_ACQUIRE) != (uint32_t)getpid())
        syscall(SYS_exit_group, 0);
    __atomic_store_n(&control->command, COMMAND_WAIT, __ATOMIC_RELEASE);
    return command;
}

/* Epochs whose low bits are zero would look like an empty heap slot; bit 19 is for freed blocks. */
static void next_epoch(struct abi_memory *memory)
{
    struct abi_control *control = &memory->control;

    control->epoch++;
    if (control->epoch & ABI_HEAP_FREED) {
        madvise(memory->heap, sizeof memory->heap, MADV_REMOVE);
        control->epoch = (control->epoch | (2 * ABI_HEAP_FREED - 1)) + 2;
    }
    if (control->options & OPTION_FRESH)
        memset(memory->call_site, 0, sizeof memory->call_site);
}

static void begin_cycle(struct abi_memory *memory, uint64_t cycle)
{
    struct abi_control *control = &memory->control;

    next_epoch(memory);
    __atomic_store_n(&control->lap, 0, __ATOMIC_SEQ_CST); /* before laps_read: see laps_collect() */
    memset(&control->pid, 0,
           offsetof(struct abi_control, plan) - offsetof(struct abi_control, pid));
    control->message[0] = 0;
    control->cycle = cycle;
    control->park_left = -1;
    plan_draw(&memory->spec, &memory->profile, control->plan.seed, control->plan.cell, cycle,
              control->plan.mode, &control->plan);
    control->start_ns = now_ns();
    control->start_ticks = __builtin_ia32_rdtsc();
}

void server_expected(const struct abi_control *control, int *signal, int *status)
{
    *signal = 0;
    *status = WIFEXITED(control->baseline_status) ? WEXITSTATUS(control->baseline_status) : -1;
    for (unsigned i = 0; i < control->plan.count && i < PLAN_STRIKES; i++) {
        const struct plan_point *point = &control->plan.strike[i];
        const struct injector *injector;

        if (!(control->fired & UINT64_C(1) << i) || point->injector >= injector_count() ||
            strchr(point->thread, 'f') != NULL) /* it struck a forked child, not the target */
            continue;
        injector = injector_registry[point->injector];
        if (injector->effect == EFFECT_SIGNAL)
            *signal = injector->effect_value;
        else if (injector->effect == EFFECT_STATUS)
            *status = (int)(point->argument & 0xff);
        else if (injector->victim == VICTIM_MAIN || strcmp(point->thread, "T1") == 0)
            *status = injector->effect == EFFECT_NOTHING ? *status : -1;
    }
}

static bool as_expected(const struct abi_control *control, int status)
{
    int signal;
    int exit_status;

    server_expected(control, &signal, &exit_status);
    if (signal == SIGTERM && WIFEXITED(status))
        return true; /* it has a handler, and leaves in order */
    if (signal != 0)
        return WIFSIGNALED(status) && WTERMSIG(status) == signal;
    return WIFEXITED(status) && (exit_status < 0 || WEXITSTATUS(status) == exit_status);
}

/* floor(4 log2 us) without libm: the three thresholds are 2^31 times 2^(1/4), 2^(1/2), 2^(3/4). */
unsigned server_bucket(uint64_t nanoseconds)
{
    uint64_t us = nanoseconds / 1000;
    uint32_t mantissa;
    unsigned bucket;

    if (us == 0)
        return 0;
    mantissa = (uint32_t)((us << __builtin_clzll(us)) >> 32);
    bucket = (unsigned)(63 - __builtin_clzll(us)) * 4 + (mantissa >= 0x9837F052) +
             (mantissa >= 0xB504F334) + (mantissa >= 0xD744FCCB);
    return bucket < ABI_HISTOGRAM ? bucket : ABI_HISTOGRAM - 1;
}

static void measure(struct abi_control *control)
{
    uint64_t took = now_ns() - control->start_ns;

    control->nanoseconds += took;
    if (control->claim != CLAIM_SERVER || control->disturbed)
        return; /* held or ended by the supervisor: no duration of the target's own */
    if (took > control->longest)
        control->longest = took;
    control->histogram[server_bucket(took)]++;
}

/* Processes that outlived the target came to us (we are their sub-reaper). */
static void end_children(void)
{
    char path[64];
    char text[4096];
    pid_t self = getpid();

    for (;;) {
        ssize_t length;
        int fd;

        if (waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD)
            return;
        snprintf(path, sizeof path, "/proc/%d/task/%d/children", self, self);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        length = fd >= 0 ? read(fd, text, sizeof text - 1) : -1;
        if (fd >= 0)
            close(fd);
        if (length <= 0)
            return;
        text[length] = 0;
        for (char *at = text; *at != 0;) {
            pid_t child = 0;

            while (*at >= '0' && *at <= '9')
                child = child * 10 + (*at++ - '0');
            while (*at == ' ' || *at == '\n')
                at++;
            if (child > 0)
                kill(child, SIGKILL);
        }
        waitpid(-1, NULL, 0);
    }
}

static uint32_t left_processes(void)
{
    return waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD ? 0 : ANOMALY_LEFT;
}

/* Output of this cycle must be read before the next one writes. */
static void wait_drained(struct abi_control *control)
{
    uint64_t drained;
    int unread = 0;

    while (ioctl(STDOUT_FILENO, FIONREAD, &unread) == 0 && unread > 0) {
        drained = __atomic_load_n(&control->drained, __ATOMIC_ACQUIRE);
        if (ioctl(STDOUT_FILENO, FIONREAD, &unread) != 0 || unread == 0)
            return;
        syscall(SYS_futex, (uint32_t *)&control->drained, FUTEX_WAIT, (uint32_t)drained, NULL, NULL,
                0);
    }
}

static void ring_and_wait(struct server *server)
{
    server_say(server, SERVER_ANOMALY);
    next_command(&server->memory->control);
    __atomic_store_n(&server->memory->control.server, SERVER_RUNS, __ATOMIC_RELEASE);
}

/* The supervisor gave this target up; the next cycle would write over what it reads. */
static void wait_until_read(struct abi_control *control)
{
    while (__atomic_load_n(&control->claim, __ATOMIC_ACQUIRE) == CLAIM_SUPERVISOR)
        syscall(SYS_futex, &control->claim, FUTEX_WAIT, CLAIM_SUPERVISOR, NULL, NULL, 0);
}

/*
 * Waits for the target's end; a stop on the way is an anomaly that the supervisor resolves. One
 * that comes while the supervisor has the target is kept until it is known whether the target
 * is ended or given back: the kernel tells of a stop but once.
 */
static int reap(struct server *server, pid_t pid)
{
    struct abi_control *control = &server->memory->control;
    int status = 0;

    for (;;) {
        pid_t got = waitpid(pid, &status, WUNTRACED);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if (!WIFSTOPPED(status))
            return status;
        wait_until_read(control);
        if (__atomic_load_n(&control->claim, __ATOMIC_ACQUIRE) != CLAIM_NONE)
            continue;
        if (!(control->anomaly & ANOMALY_SIGNAL) && !server_looks(control))
            __atomic_fetch_or(&control->anomaly, ANOMALY_STOPPED, __ATOMIC_RELAXED);
        ring_and_wait(server);
    }
}

/* Whether the end is ours to judge: it is not if the supervisor ended the target. */
static bool claim_end(struct abi_control *control)
{
    do {
        wait_until_read(control);
        if (server_claim(control, CLAIM_SERVER))
            return true;
    } while (__atomic_load_n(&control->claim, __ATOMIC_ACQUIRE) != CLAIM_DONE);
    return false;
}

static void judge(struct server *server, int status)
{
    struct abi_control *control = &server->memory->control;
    uint64_t planned = (UINT64_C(1) << control->plan.count) - 1;

    bool ours = claim_end(control);

    control->status = status;
    measure(control);
    wait_drained(control);
    control->anomaly |= left_processes();
    if (ours) {
        if (!control->hello)
            control->anomaly |= ANOMALY_NO_AGENT;
        if (!as_expected(control, status))
            control->anomaly |= ANOMALY_STATUS;
        if (abi_takes_laps(control))
            control->anomaly |= ANOMALY_SERIES;
    }
    if (ours && control->anomaly == ANOMALY_NOTE && ++control->noted > NOTES_READ)
        control->anomaly = 0; /* known by now: it would only cost the rate */
    if (ours && control->anomaly != 0)
        ring_and_wait(server);
    if (!ours || control->anomaly != 0)
        control->failed++;
    else if (control->fired != planned)
        control->not_fired++;
    else
        control->passed++;
    if (control->anomaly & ANOMALY_LEFT)
        end_children();
    control->pid = 0;
}

/* A machine that is out of processes for a moment is no fault of the target's. */
static pid_t spawn(struct server *server)
{
    const struct timespec pause = {0, SPAWN_PAUSE_MS * 1000000L};
    struct abi_control *control = &server->memory->control;
    pid_t pid = server->spawn(server);

    for (int left = SPAWN_PATIENCE_MS / SPAWN_PAUSE_MS;
         pid < 0 && errno == EAGAIN && left > 0 &&
         !__atomic_load_n(&control->stop, __ATOMIC_ACQUIRE);
         left--) {
        control->disturbed = 1; /* how long it took is nobody's duration */
        nanosleep(&pause, NULL);
        pid = server->spawn(server);
    }
    return pid;
}

/* Returns 1 in the target, which comes back through here: hot, so that this lies beside what it
 * runs next. */
__attribute__((hot)) static int run_cycle(struct server *server, uint64_t cycle)
{
    struct abi_control *control = &server->memory->control;
    pid_t pid;

    begin_cycle(server->memory, cycle);
    pid = spawn(server);
    if (pid == 0)
        return 1;
    if (pid < 0) {
        control->anomaly |= ANOMALY_SPAWN;
        control->status = -errno;
        ring_and_wait(server);
        control->failed++;
        return 0;
    }
    control->pid = (uint32_t)pid;
    judge(server, reap(server, pid));
    return 0;
}

__attribute__((hot)) static int run_batch(struct server *server)
{
    struct abi_control *control = &server->memory->control;

    control->done = control->passed = control->failed = control->not_fired = 0;
    control->nanoseconds = control->longest = 0;
    control->noted = 0;
    memset(control->histogram, 0, sizeof control->histogram);
    __atomic_store_n(&control->server, SERVER_RUNS, __ATOMIC_RELEASE);
    while (control->done < control->batch_count) {
        if (__atomic_load_n(&control->stop, __ATOMIC_ACQUIRE))
            break;
        if (run_cycle(server, control->batch_first + control->done))
            return 1;
        __atomic_store_n(&control->done, control->done + 1, __ATOMIC_RELEASE);
    }
    server_say(server, SERVER_DONE);
    return 0;
}

__attribute__((hot)) int server_run(struct server *server)
{
    struct abi_control *control = &server->memory->control;

    __atomic_store_n(&control->server_pid, (uint32_t)getpid(), __ATOMIC_RELEASE);
    server_say(server, SERVER_READY);
    for (;;) {
        switch (next_command(control)) {
        case COMMAND_RUN:
            if (run_batch(server))
                return 1;
            break;
        case COMMAND_QUIT:
            return 0;
        default:
            break;
        }
    }
}
