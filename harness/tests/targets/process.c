/*
 * process: programs that treat their process in ways that might not agree with an agent in it:
 * descriptors, signals, stacks, hundreds of threads, other processes and programs.
 *
 * The scene "child" is the program that the others start: it ends with status 7 where nothing of
 * the agent is to be seen in it, and with another where something is.
 */
#include "scene.h"

#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum { MANY = 300, WORKERS = 4, ROUNDS = 50, CHILD = 7 };

extern char **environ;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static char self[4096];

/* --- helpers ------------------------------------------------------------------------------------
 */

static void *work(void *argument)
{
    for (int i = 0; i < ROUNDS; i++) {
        void *block;

        pthread_mutex_lock(&mutex);
        block = malloc(64);
        pthread_mutex_unlock(&mutex);
        free(block);
    }
    return argument;
}

static int work_in_threads(void)
{
    pthread_t thread[WORKERS];

    for (int i = 0; i < WORKERS; i++)
        NEED(pthread_create(&thread[i], NULL, work, NULL) == 0);
    for (int i = 0; i < WORKERS; i++)
        NEED(pthread_join(thread[i], NULL) == 0);
    return 0;
}

static int status_of(pid_t child)
{
    int status = -1;

    return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status)
               ? WEXITSTATUS(status)
               : -1;
}

static bool maps_name(const char *what)
{
    FILE *maps = fopen("/proc/self/maps", "re");
    char line[4096];
    bool found = false;

    while (maps != NULL && fgets(line, sizeof line, maps) != NULL)
        found |= strstr(line, what) != NULL;
    if (maps != NULL)
        fclose(maps);
    return found;
}

/* A started program: nothing of the agent in its environment, its memory, its descriptors. */
static int play_child(void)
{
    if (getenv("RUNDOWN_AGENT") != NULL || getenv("LD_PRELOAD") != NULL)
        return 11;
    if (maps_name("librundown"))
        return 12;
    for (int fd = 3; fd < 1100; fd++)
        if (fcntl(fd, F_GETFD) >= 0)
            return 13;
    return CHILD;
}

/* --- environment and descriptors
 * ------------------------------------------------------------------ */

static int play_environment(void)
{
    NEED(getenv("RUNDOWN_AGENT") == NULL && getenv("LD_PRELOAD") == NULL);
    for (char **entry = environ; *entry != NULL; entry++)
        NEED(strstr(*entry, "librundown-agent") == NULL);
    for (int fd = 3; fd < 1100; fd++)
        NEED(fcntl(fd, F_GETFD) < 0 && errno == EBADF);
    return 0;
}

/* What the program sets itself is for its children, and is there. */
static int play_preload(void)
{
    char *argv[] = {self, (char *)"preloaded", NULL};
    pid_t child;

    NEED(setenv("LD_PRELOAD", "/nowhere/libnothing.so", 1) == 0);
    NEED((child = fork()) >= 0);
    if (child == 0) {
        close(STDERR_FILENO); /* the loader complains */
        execv(self, argv);
        _exit(126);
    }
    NEED(status_of(child) == CHILD);
    return 0;
}

static int play_preloaded(void)
{
    const char *preload = getenv("LD_PRELOAD");

    return preload != NULL && strcmp(preload, "/nowhere/libnothing.so") == 0 ? CHILD : 14;
}

static int play_close_all(void)
{
    NEED(close_range(3, ~0u, 0) == 0);
    NEED(work_in_threads() == 0);
    NEED(open("/dev/null", O_RDONLY | O_CLOEXEC) == 3);
    return 0;
}

/* --- signals
 * ------------------------------------------------------------------------------------------ */

static int play_blocked(void)
{
    sigset_t all;
    sigset_t now;

    NEED(sigprocmask(SIG_BLOCK, NULL, &now) == 0);
    for (int signal = 1; signal < 32; signal++)
        NEED(sigismember(&now, signal) == 0);
    sigfillset(&all);
    NEED(pthread_sigmask(SIG_SETMASK, &all, NULL) == 0);
    NEED(work_in_threads() == 0);
    NEED(pthread_sigmask(SIG_BLOCK, NULL, &now) == 0);
    for (int signal = 1; signal < 32; signal++)
        NEED(sigismember(&now, signal) == (signal != SIGKILL && signal != SIGSTOP));
    return 0;
}

static int play_ignored(void)
{
    static const int ignored[] = {SIGTRAP, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTERM};
    struct sigaction action;

    for (unsigned i = 0; i < sizeof ignored / sizeof ignored[0]; i++)
        NEED(signal(ignored[i], SIG_IGN) != SIG_ERR);
    NEED(work_in_threads() == 0);
    for (unsigned i = 0; i < sizeof ignored / sizeof ignored[0]; i++) {
        NEED(sigaction(ignored[i], NULL, &action) == 0 && action.sa_handler == SIG_IGN);
        NEED(raise(ignored[i]) == 0);
    }
    return 0;
}

static sigjmp_buf after_fault;
static char *fault_stack;
static volatile bool on_fault_stack;
static void *volatile fault_address;

static void on_fault(int signal, siginfo_t *info, void *context)
{
    char here;

    on_fault_stack = &here >= fault_stack && &here < fault_stack + SIGSTKSZ;
    fault_address = info->si_addr;
    siglongjmp(after_fault, 1);
}

static int fault_once(void)
{
    char *page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    stack_t stack = {.ss_sp = fault_stack = malloc((size_t)SIGSTKSZ), .ss_size = (size_t)SIGSTKSZ};

    NEED(page != MAP_FAILED && fault_stack != NULL && sigaltstack(&stack, NULL) == 0);
    for (int i = 0; i < 3; i++) {
        on_fault_stack = false;
        fault_address = NULL;
        if (sigsetjmp(after_fault, 1) == 0)
            page[i] = 1;
        NEED(on_fault_stack && fault_address == page + i);
    }
    stack.ss_flags = SS_DISABLE;
    NEED(sigaltstack(&stack, NULL) == 0);
    free(fault_stack);
    return 0;
}

static void *fault_in_thread(void *status)
{
    *(int *)status = fault_once();
    return NULL;
}

/* A handler of the program's own, on its own stack, as garbage collectors have it. */
static int play_fault(void)
{
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    pthread_t thread;
    int status = 1;

    NEED(sigaction(SIGSEGV, &action, NULL) == 0);
    NEED(fault_once() == 0);
    NEED(pthread_create(&thread, NULL, fault_in_thread, &status) == 0);
    NEED(pthread_join(thread, NULL) == 0 && status == 0);
    NEED(work_in_threads() == 0);
    return 0;
}

/* --- threads that hear nothing
 * ------------------------------------------------------------------------ */

static pthread_barrier_t all_up;
static sem_t never;
static bool by_system_call;

static void *hear_nothing(void *argument)
{
    uint64_t everything = UINT64_MAX;
    sigset_t all;
    int signal;

    sigfillset(&all);
    if (by_system_call && argument != NULL)
        syscall(SYS_rt_sigprocmask, SIG_SETMASK, &everything, NULL, sizeof everything);
    else
        pthread_sigmask(SIG_SETMASK, &all, NULL);
    pthread_barrier_wait(&all_up);
    if (argument == NULL)
        for (;;)
            sigwait(&all, &signal);
    for (;;)
        sem_wait(&never);
    return NULL;
}

static unsigned threads_now(void)
{
    FILE *status = fopen("/proc/self/status", "re");
    char line[256];
    unsigned threads = 0;

    while (status != NULL && fgets(line, sizeof line, status) != NULL)
        if (sscanf(line, "Threads: %u", &threads) == 1)
            break;
    if (status != NULL)
        fclose(status);
    return threads;
}

/* One that has been ended is counted until the kernel is done with it, which takes its time. */
static void count_left(void)
{
    struct timespec moment = {0, 1000000};

    for (int i = 0; i < 300 && threads_now() > 1; i++)
        nanosleep(&moment, NULL);
    say("left", threads_now());
}

/* T1's first lock: everybody is there, and blocks what there is to block. */
static int play_deaf(void)
{
    pthread_t thread;

    NEED(atexit(count_left) == 0 && sem_init(&never, 0, 0) == 0);
    NEED(pthread_barrier_init(&all_up, NULL, WORKERS + 1) == 0);
    for (uintptr_t i = 0; i < WORKERS; i++)
        NEED(pthread_create(&thread, NULL, hear_nothing, (void *)i) == 0);
    pthread_barrier_wait(&all_up);
    pthread_mutex_lock(&mutex);
    pthread_mutex_unlock(&mutex);
    return 0;
}

static int play_stone_deaf(void)
{
    by_system_call = true;
    return play_deaf();
}

/* --- threads
 * ---------------------------------------------------------------------------------------------- */

static int play_small(void)
{
    pthread_attr_t attributes;
    pthread_t thread[WORKERS];

    NEED(pthread_attr_init(&attributes) == 0);
    NEED(pthread_attr_setstacksize(&attributes, PTHREAD_STACK_MIN) == 0);
    for (int i = 0; i < WORKERS; i++)
        NEED(pthread_create(&thread[i], &attributes, work, NULL) == 0);
    for (int i = 0; i < WORKERS; i++)
        NEED(pthread_join(thread[i], NULL) == 0);
    return 0;
}

static pthread_barrier_t barrier;

static void *meet(void *argument)
{
    void *block = malloc(64);

    pthread_barrier_wait(&barrier);
    free(block);
    work(NULL);
    return argument;
}

/* More at once than the agent has lanes for. */
static int play_many(void)
{
    static pthread_t thread[MANY];
    pthread_attr_t attributes;
    void *result;

    NEED(pthread_barrier_init(&barrier, NULL, MANY + 1) == 0);
    NEED(pthread_attr_init(&attributes) == 0);
    NEED(pthread_attr_setstacksize(&attributes, 65536) == 0);
    for (uintptr_t i = 0; i < MANY; i++)
        NEED(pthread_create(&thread[i], &attributes, meet, (void *)(i + 1)) == 0);
    pthread_barrier_wait(&barrier);
    for (uintptr_t i = 0; i < MANY; i++)
        NEED(pthread_join(thread[i], &result) == 0 && (uintptr_t)result == i + 1);
    return 0;
}

/* As many, one after the other: each leaves one block. */
static void *leave_block(void *argument)
{
    void *volatile block = malloc(100);

    return block;
}

static int play_one_by_one(void)
{
    for (int i = 0; i < MANY; i++) {
        pthread_t thread;
        void *block;

        NEED(pthread_create(&thread, NULL, leave_block, NULL) == 0);
        NEED(pthread_join(thread, &block) == 0 && block != NULL);
        if (i % 3 == 0)
            free(block);
    }
    return 0;
}

/* --- processes
 * ------------------------------------------------------------------------------------------------
 */

/* A child goes on with everything: threads, heap, another fork. */
static int play_fork(void)
{
    pid_t child = fork();

    NEED(child >= 0);
    if (child == 0) {
        if (work_in_threads() != 0 || (child = fork()) < 0)
            _exit(1);
        if (child == 0)
            exit(work_in_threads() == 0 ? 3 : 1);
        _exit(status_of(child) == 3 ? 4 : 1);
    }
    NEED(status_of(child) == 4);
    NEED(work_in_threads() == 0);
    return 0;
}

/* --- handlers of fork
 * -----------------------------------------------------------------------------
 */

static pthread_mutex_t table = PTHREAD_MUTEX_INITIALIZER;

static void take_table(void)
{
    pthread_mutex_lock(&table);
}

static void give_table(void)
{
    pthread_mutex_unlock(&table);
}

/* Forks alone if nobody makes it do so in between. */
static int play_handlers(void)
{
    NEED(pthread_atfork(take_table, give_table, give_table) == 0);
    for (int i = 0; i < ROUNDS; i++)
        free(malloc(64));
    return 0;
}

/* libc forks by itself in there. Who it is left to would be a process too many. */
static int play_daemon(void)
{
    pid_t child, rest;
    int status = -1;

    NEED(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0);
    NEED((child = fork()) >= 0);
    if (child == 0)
        _exit(daemon(1, 1) == 0 && work_in_threads() == 0 ? CHILD : 1);
    NEED(status_of(child) == 0);
    NEED((rest = wait(&status)) > 0 && rest != child);
    NEED(WIFEXITED(status) && WEXITSTATUS(status) == CHILD);
    return 0;
}

static pid_t start_by_vfork(char *const argv[])
{
    pid_t child = vfork();

    if (child == 0) {
        execv(self, argv);
        _exit(126);
    }
    return child;
}

static int play_vfork(void)
{
    char *argv[] = {self, (char *)"child", NULL};

    for (int i = 0; i < 3; i++)
        NEED(status_of(start_by_vfork(argv)) == CHILD);
    NEED(work_in_threads() == 0);
    return 0;
}

/* A child that finds nothing to become ends on its parent's memory. */
static int play_vfork_missing(void)
{
    char *argv[] = {(char *)"missing", NULL};
    pid_t child = vfork();

    if (child == 0) {
        execv("/nonexistent/program", argv);
        _exit(127);
    }
    NEED(status_of(child) == 127);
    NEED(work_in_threads() == 0);
    return 0;
}

static int play_spawn(void)
{
    char *argv[] = {self, (char *)"child", NULL};
    pid_t child;

    NEED(posix_spawn(&child, self, NULL, NULL, argv, environ) == 0);
    NEED(status_of(child) == CHILD);
    NEED(posix_spawnp(&child, self, NULL, NULL, argv, environ) == 0);
    NEED(status_of(child) == CHILD);
    NEED(posix_spawn(&child, "/nowhere/nothing", NULL, NULL, argv, environ) == ENOENT);
    NEED(work_in_threads() == 0);
    return 0;
}

static int play_shell(void)
{
    char command[5000];
    char line[64] = "";
    FILE *pipe;
    int status;

    snprintf(command, sizeof command, "'%s' child", self);
    status = system(command);
    NEED(WIFEXITED(status) && WEXITSTATUS(status) == CHILD);
    NEED((pipe = popen("echo word", "r")) != NULL);
    NEED(fgets(line, sizeof line, pipe) != NULL && strcmp(line, "word\n") == 0);
    NEED(pclose(pipe) == 0);
    NEED(work_in_threads() == 0);
    return 0;
}

/* Replaces itself by what ends with status 0 if it finds nothing of the agent. */
static int play_exec(void)
{
    char *argv[] = {self, (char *)"replaced", NULL};

    NEED(work_in_threads() == 0);
    execve(self, argv, environ);
    return 1;
}

static int play_replaced(void)
{
    int status = play_child();

    say("replaced", (unsigned)status);
    return status == CHILD ? 0 : status;
}

/* --- forks by threads ---------------------------------------------------------------------------
 */

static pid_t forker[2];

/* The copy leaves by _exit, or as the last thread of its process by returning. */
static void *fork_and_end(void *argument)
{
    intptr_t number = (intptr_t)argument;
    pid_t child = fork();

    if (child == 0 && number == 0)
        _exit(CHILD);
    if (child == 0)
        return NULL;
    __atomic_store_n(&forker[number], (pid_t)syscall(SYS_gettid), __ATOMIC_RELEASE);
    return status_of(child) == (number == 0 ? CHILD : 0) ? &forker[number] : NULL;
}

/* Both have ended when they are joined: then their copies in the children look more alive. */
static int play_fork_in_threads(void)
{
    pthread_t thread[2];

    for (intptr_t i = 0; i < 2; i++)
        NEED(pthread_create(&thread[i], NULL, fork_and_end, (void *)i) == 0);
    for (int i = 0; i < 2; i++) {
        void *result = NULL;
        pid_t tid;

        while ((tid = __atomic_load_n(&forker[i], __ATOMIC_ACQUIRE)) == 0 ||
               syscall(SYS_tgkill, getpid(), tid, 0) == 0)
            sched_yield();
        NEED(pthread_join(thread[i], &result) == 0 && result == &forker[i]);
    }
    return 0;
}

int main(int argc, char **argv)
{
    static const struct scene scenes[] = {
        {"child", play_child},
        {"replaced", play_replaced},
        {"preloaded", play_preloaded},
        {"environment", play_environment},
        {"preload", play_preload},
        {"close-all", play_close_all},
        {"blocked", play_blocked},
        {"ignored", play_ignored},
        {"fault", play_fault},
        {"small", play_small},
        {"many", play_many},
        {"one-by-one", play_one_by_one},
        {"fork-in-threads", play_fork_in_threads},
        {"handlers", play_handlers},
        {"daemon", play_daemon},
        {"fork", play_fork},
        {"vfork", play_vfork},
        {"vfork-missing", play_vfork_missing},
        {"spawn", play_spawn},
        {"shell", play_shell},
        {"exec", play_exec},
        {"deaf", play_deaf},
        {"stone-deaf", play_stone_deaf},
        {NULL, NULL},
    };

    snprintf(self, sizeof self, "%s", argv[0]);
    return scene_play(scenes, argc, argv);
}
