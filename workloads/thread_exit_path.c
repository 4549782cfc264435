/*
 * thread-exit-path: one thread that leaves in each of the ways that there are, with something for
 * every step of a thread's end to do; and a check which of the steps were taken.
 *
 * What the process's own end does to a thread is seen by a parent, so those two ways are gone in
 * a child. So is the end of the last thread, whose status the parent reads. What is expected
 * is what Linux and glibc do; docs/thread-exit.md is made from what this prints (report=1).
 * Source: catalogue E; PE (a thread's exit, step by step).
 */
#include <harness/workload.h>
#include <harness/common/workload.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { REPORT };

static const struct workload_parameter parameters[] = {
    [REPORT] = {"report", "1: print what was seen, one step a line", 0, 0, 1},
    {.name = NULL},
};

enum way { RETURNS, EXITS, CANCELLED, CANCELLED_ASYNC, BARE, PROCESS_EXIT, PROCESS_KILL, WAYS };

#define TOLERATED                                                                                  \
    "thread-kill thread-suspend thread-cancel main-kill main-pthread_exit exit exit-nt-order "     \
    "exit-twice exit_group _exit quick_exit abort sigterm sigkill alloc-fail"

static const struct workload_variant variants[] = {
    [RETURNS] = {.name = "return", .summary = "its function returns", .tolerates = TOLERATED},
    [EXITS] = {.name = "pthread_exit",
               .summary = "it calls pthread_exit()",
               .tolerates = TOLERATED},
    [CANCELLED] = {.name = "cancel",
                   .summary = "it is cancelled at a cancellation point",
                   .tolerates = TOLERATED},
    [CANCELLED_ASYNC] = {.name = "cancel-async",
                         .summary = "it is cancelled wherever it is",
                         .tolerates = TOLERATED},
    [BARE] = {.name = "bare",
              .summary = "the bare system call: nothing of the C library's own is done",
              .bad = true,
              .codes = "thread.left-behind",
              .injectors = ""},
    [PROCESS_EXIT] = {.name = "process-exit",
                      .summary = "another thread ends the process",
                      .tolerates = TOLERATED},
    [PROCESS_KILL] = {.name = "process-kill",
                      .summary = "the process is killed",
                      .tolerates = TOLERATED},
    {.name = NULL},
};

enum step {
    CLEANUP,
    KEY,
    THREAD_LOCAL,
    ROBUST,
    PENDING,
    COUNT,
    JOINER,
    VALUE,
    STACK,
    HEIR,
    PIDFD,
    LAST
};

enum { NOT_HERE = -1, ANY = -2, STATUS_OWN = 7, STEPS = LAST + 1 };

/*
 * The joiner, its value, the stack and the count are nobody's once the process is gone. Whether
 * the bare status of a last thread is the process's no rule says, so any will do.
 */
static const struct {
    const char *name;
    int expected[WAYS];
} steps[STEPS] = {
    [CLEANUP] = {"cleanup handlers run", {0, 1, 1, 1, 0, 0, 0}},
    [KEY] = {"destructors of thread-specific keys run", {1, 1, 1, 1, 0, 0, 0}},
    [THREAD_LOCAL] = {"destructors of thread_local objects run", {1, 1, 1, 1, 0, 0, 0}},
    [ROBUST] = {"an owned robust mutex is handed on (EOWNERDEAD)", {1, 1, 1, 1, 1, 1, 1}},
    [PENDING] = {"a signal that waited for the thread is dropped",
                 {1, 1, 1, 1, 1, NOT_HERE, NOT_HERE}},
    [COUNT] = {"the count of live threads goes down", {1, 1, 1, 1, 1, NOT_HERE, NOT_HERE}},
    [JOINER] = {"the joiner is released", {1, 1, 1, 1, 1, NOT_HERE, NOT_HERE}},
    [VALUE] = {"the joiner is told a value", {1, 1, 1, 1, 0, NOT_HERE, NOT_HERE}},
    [STACK] = {"stack and thread block are free again after the join",
               {1, 1, 1, 1, 1, NOT_HERE, NOT_HERE}},
    [HEIR] = {"the next thread on that stack gets its thread-specific values",
              {0, 0, 0, 0, 1, NOT_HERE, NOT_HERE}},
    [PIDFD] = {"the process's pidfd tells", {0, 0, 0, 0, 0, 1, 1}},
    [LAST] = {"wait status where it was the last thread (main ends by pthread_exit)",
              {0, 0, 0, 0, ANY, STATUS_OWN, -SIGKILL}},
};

/* In memory that a child shares. */
struct shared {
    pthread_mutex_t robust;
    atomic_int ran[THREAD_LOCAL + 1];
};

static struct {
    const struct workload_context *context;
    struct shared *shared;
    pthread_key_t key;
    sem_t ready; /* of a child's thread: it has all that it is to leave */
    atomic_int delivered;
    bool whole; /* nothing that it needs could not be had */
    int seen[STEPS];
} scene;

/* --- what a thread leaves ----------------------------------------------------------------------
 */

int __cxa_thread_atexit_impl(void (*function)(void *), void *object, void *dso);
extern void *__dso_handle;

static void ran(void *step)
{
    atomic_fetch_add(&scene.shared->ran[(intptr_t)step - 1], 1);
}

static void deliver(int signal)
{
    (void)signal;
    atomic_fetch_add(&scene.delivered, 1);
}

static void block_and_send(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    pthread_kill(pthread_self(), SIGUSR1);
}

static void leave(enum way way)
{
    int before;

    switch (way) {
    case EXITS:
        pthread_exit(scene.shared);
    case CANCELLED:
        pthread_cancel(pthread_self());
        pthread_testcancel();
        break;
    case CANCELLED_ASYNC:
        pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, &before);
        pthread_cancel(pthread_self());
        break;
    case BARE:
        syscall(SYS_exit, STATUS_OWN);
        break;
    case PROCESS_EXIT:
    case PROCESS_KILL:
        sem_post(&scene.ready);
        for (;;)
            pause();
    default:
        break;
    }
}

static enum way way_of(void)
{
    return (enum way)scene.context->variant;
}

static void *worker(void *unused)
{
    (void)unused;
    __cxa_thread_atexit_impl(ran, (void *)(THREAD_LOCAL + (intptr_t)1), &__dso_handle);
    pthread_setspecific(scene.key, (void *)(KEY + (intptr_t)1));
    pthread_mutex_lock(&scene.shared->robust);
    block_and_send();
    pthread_cleanup_push(ran, (void *)(CLEANUP + (intptr_t)1));
    leave(way_of());
    pthread_cleanup_pop(0);
    return scene.shared;
}

/* --- the thread leaves, the process stays -------------------------------------------------------
 */

/* Threads of this process by the kernel's count; 0 if it does not say. */
static int live_threads(void)
{
    char text[4096];
    int file = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
    ssize_t length = file >= 0 ? read(file, text, sizeof text - 1) : -1;
    const char *at;

    if (file >= 0)
        close(file);
    text[length > 0 ? length : 0] = 0;
    at = strstr(text, "\nThreads:");
    return at != NULL ? atoi(at + sizeof "\nThreads:" - 1) : 0;
}

/* A thread that was joined is gone from the kernel's list a moment later. */
static bool goes_down(int before)
{
    while (live_threads() > before)
        sched_yield();
    return true;
}

static void *nothing(void *argument)
{
    return argument;
}

static bool same_stack(pthread_t before)
{
    pthread_t next;

    if (pthread_create(&next, NULL, nothing, NULL) != 0)
        return true;
    pthread_join(next, NULL);
    return pthread_equal(next, before);
}

static bool is_handed_on(void)
{
    int error = pthread_mutex_lock(&scene.shared->robust);

    if (error == EOWNERDEAD)
        pthread_mutex_consistent(&scene.shared->robust);
    if (error == 0 || error == EOWNERDEAD)
        pthread_mutex_unlock(&scene.shared->robust);
    return error == EOWNERDEAD;
}

static bool tells(int pidfd)
{
    struct pollfd poll_one = {.fd = pidfd, .events = POLLIN};
    bool told = poll(&poll_one, 1, 0) == 1;

    close(pidfd);
    return told;
}

static void see_steps(void)
{
    for (unsigned step = CLEANUP; step <= THREAD_LOCAL; step++)
        scene.seen[step] = atomic_load(&scene.shared->ran[step]);
}

static void see_thread(void)
{
    int before = live_threads();
    int pidfd = (int)syscall(SYS_pidfd_open, getpid(), 0);
    pthread_t thread;
    void *value = NULL;

    if (pthread_create(&thread, NULL, worker, NULL) != 0 || pidfd < 0) {
        scene.whole = false;
        return;
    }
    scene.seen[JOINER] = pthread_join(thread, &value) == 0;
    scene.seen[VALUE] = value == scene.shared || value == PTHREAD_CANCELED;
    scene.seen[COUNT] = goes_down(before);
    scene.seen[ROBUST] = is_handed_on();
    scene.seen[PENDING] = atomic_load(&scene.delivered) == 0;
    see_steps();
    scene.seen[STACK] = same_stack(thread);
    scene.seen[HEIR] = atomic_load(&scene.shared->ran[KEY]) > scene.seen[KEY];
    scene.seen[PIDFD] = tells(pidfd);
}

/* --- the process leaves
 * ---------------------------------------------------------------------------- */

/* The last thread of a child, whose main ends by pthread_exit. */
static void *last(void *unused)
{
    leave(way_of());
    return unused;
}

static void end_with_last_thread(void)
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, last, NULL) != 0)
        _exit(0);
    pthread_exit(NULL);
}

static void end_with_thread_alive(void)
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, worker, NULL) != 0)
        _exit(0);
    while (sem_wait(&scene.ready) != 0)
        continue;
    if (way_of() == PROCESS_EXIT)
        _exit(STATUS_OWN);
    kill(getpid(), SIGKILL);
}

static void see_process(void (*child)(void))
{
    pid_t pid = fork();
    siginfo_t info = {0};
    int pidfd;

    if (pid == 0) {
        child();
        _exit(0);
    }
    pidfd = pid > 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
    if (pidfd < 0) {
        scene.whole = false;
        return;
    }
    while (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT) != 0 && errno == EINTR)
        continue;
    if (way_of() >= PROCESS_EXIT)
        scene.seen[PIDFD] = tells(pidfd);
    else
        close(pidfd);
    scene.seen[LAST] = info.si_code == CLD_EXITED ? info.si_status : -info.si_status;
    waitpid(pid, NULL, 0);
}

/* --- the workload ---------------------------------------------------------------------------- */

static int make_robust(pthread_mutex_t *mutex)
{
    pthread_mutexattr_t attributes;
    int error = pthread_mutexattr_init(&attributes);

    if (error != 0)
        return error;
    pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    error = pthread_mutex_init(mutex, &attributes);
    pthread_mutexattr_destroy(&attributes);
    return error;
}

static int setup(struct workload_context *context)
{
    struct sigaction action = {.sa_handler = deliver};
    void *memory =
        mmap(NULL, sizeof *scene.shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    scene.context = context;
    if (memory == MAP_FAILED)
        return ERROR_SYSTEM;
    scene.shared = memory;
    if (make_robust(&scene.shared->robust) != 0 || pthread_key_create(&scene.key, ran) != 0)
        return ERROR_SYSTEM;
    if (sem_init(&scene.ready, 0, 0) != 0)
        return ERROR_SYSTEM;
    return sigaction(SIGUSR1, &action, NULL) == 0 ? 0 : ERROR_SYSTEM;
}

static void body(struct workload_context *context, uint32_t lap)
{
    (void)context;
    (void)lap;
    memset(scene.shared->ran, 0, sizeof scene.shared->ran);
    scene.whole = true;
    for (unsigned step = 0; step < STEPS; step++)
        scene.seen[step] = NOT_HERE;
    if (way_of() < PROCESS_EXIT) {
        see_thread();
        see_process(end_with_last_thread);
    } else {
        see_process(end_with_thread_alive);
        if (scene.whole)
            scene.seen[ROBUST] = is_handed_on();
        see_steps();
    }
}

static void report(unsigned step)
{
    int seen = scene.seen[step];

    if (step == LAST)
        dprintf(STDOUT_FILENO, "%s|%s %d\n", steps[step].name, seen < 0 ? "signal" : "exit",
                abs(seen));
    else
        dprintf(STDOUT_FILENO, "%s|%s\n", steps[step].name,
                seen == NOT_HERE ? "-" : (seen > 0 ? "yes" : "no"));
}

static void check(struct workload_context *context)
{
    enum way way = way_of();

    for (unsigned step = 0; step < STEPS && scene.whole; step++) {
        if (steps[step].expected[way] != ANY && scene.seen[step] != steps[step].expected[way])
            workload_broken("thread-exit-path: %s: %d, not %d", steps[step].name, scene.seen[step],
                            steps[step].expected[way]);
        if (context->value[REPORT] != 0)
            report(step);
    }
}

static void teardown(struct workload_context *context)
{
    (void)context;
    pthread_key_delete(scene.key);
    pthread_mutex_destroy(&scene.shared->robust);
    munmap(scene.shared, sizeof *scene.shared);
}

const struct workload workload_thread_exit_path = {
    .name = "thread-exit-path",
    .summary = "a thread leaves in each of seven ways: which steps of its end are taken",
    .source = "E",
    .parameters = parameters,
    .variants = variants,
    .setup = setup,
    .body = body,
    .check = check,
    .teardown = teardown,
};
