/*
 * steps: one call, made four times in the same way; the plan strikes into the fourth. What it says
 * before and after tells whether the thread has come through.
 *
 * The calls before are there so that the fourth does nothing for the first time.
 */
#include "scene.h"

#include <dlfcn.h>
#include <limits.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <sys/wait.h>

enum { TIMES = 4, THREADS = 4, ROUNDS = 12, MEETINGS = 40, LINGER = 20, PATIENCE = 100000000 };

extern void *__libc_malloc(size_t bytes);

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static void *block[TIMES];
static sem_t semaphore;

static void on_trap(int signal)
{
    say("own_trap", (unsigned)signal);
}

/* --- calls -------------------------------------------------------------------------------------
 */

static bool do_malloc(int i)
{
    return (block[i] = malloc(3000)) != NULL;
}

static bool do_calloc(int i)
{
    return (block[i] = calloc(3, 100)) != NULL;
}

static bool do_realloc(int i)
{
    return (block[i] = realloc(block[i], 400)) != NULL;
}

static bool do_free(int i)
{
    free(block[i]);
    return true;
}

static bool do_lock(int i)
{
    bool locked = pthread_mutex_lock(&mutex) == 0;

    return locked && pthread_mutex_unlock(&mutex) == 0;
}

static bool do_post(int i)
{
    return sem_post(&semaphore) == 0;
}

static bool do_open(int i)
{
    return (block[i] = dlopen("plug_plain.so", RTLD_NOW)) != NULL;
}

static bool do_close(int i)
{
    return dlclose(block[i]) == 0;
}

static bool do_fork(int i)
{
    int status;
    pid_t child = fork();

    if (child == 0)
        _exit(0);
    return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

static void *nothing(void *argument)
{
    return argument;
}

static bool do_create(int i)
{
    pthread_t thread;

    return pthread_create(&thread, NULL, nothing, NULL) == 0 && pthread_join(thread, NULL) == 0;
}

static void free_first(void)
{
    free(block[0]);
}

static bool do_once(int i)
{
    static pthread_once_t once[TIMES]; /* PTHREAD_ONCE_INIT is all zero */

    return pthread_once(&once[i], free_first) == 0;
}

/* --- scenes -------------------------------------------------------------------------------------
 */

static int strike_into(bool (*call)(int))
{
    for (int i = 0; i < TIMES; i++) {
        say("before", (unsigned)i);
        NEED(call(i));
        say("after", (unsigned)i);
    }
    return 0;
}

static int play_malloc(void)
{
    return strike_into(do_malloc);
}

static int play_calloc(void)
{
    return strike_into(do_calloc);
}

/* Each block is followed by another, so it has to move. */
static int play_realloc(void)
{
    for (int i = 0; i < TIMES; i++)
        NEED((block[i] = malloc(200)) != NULL && malloc(100) != NULL);
    return strike_into(do_realloc);
}

static int play_free(void)
{
    for (int i = 0; i < TIMES; i++)
        NEED(do_malloc(i) && malloc(100) != NULL);
    return strike_into(do_free);
}

/* The stepped call is the fourth; what it frees was there before. */
static int free_in_once(void *(*allocate)(size_t))
{
    for (int i = 0; i < TIMES; i++) {
        NEED((block[0] = allocate(3000)) != NULL && allocate(100) != NULL);
        NEED(do_once(i));
    }
    return 0;
}

static int play_free_known(void)
{
    return free_in_once(malloc);
}

/* Past the hooks: the free is of a block that nobody has told the agent of. */
static int play_free_unknown(void)
{
    return free_in_once(__libc_malloc);
}

static int play_lock(void)
{
    return strike_into(do_lock);
}

static int play_post(void)
{
    NEED(sem_init(&semaphore, 0, 0) == 0);
    return strike_into(do_post);
}

static int play_open(void)
{
    return strike_into(do_open);
}

static int play_close(void)
{
    for (int i = 0; i < TIMES; i++)
        NEED(do_open(i));
    return strike_into(do_close);
}

static int play_fork(void)
{
    return strike_into(do_fork);
}

static int play_create(void)
{
    return strike_into(do_create);
}

/* All signals blocked, and what would announce the step ignored. */
static int play_deaf(void)
{
    sigset_t all;
    sigset_t now;
    struct sigaction action;

    sigfillset(&all);
    NEED(sigprocmask(SIG_SETMASK, &all, NULL) == 0);
    NEED(signal(SIGTRAP, SIG_IGN) != SIG_ERR && signal(SIGSEGV, SIG_IGN) != SIG_ERR);
    NEED(strike_into(do_malloc) == 0);
    NEED(sigaction(SIGTRAP, NULL, &action) == 0 && action.sa_handler == SIG_IGN);
    NEED(sigaction(SIGSEGV, NULL, &action) == 0 && action.sa_handler == SIG_IGN);
    NEED(sigprocmask(SIG_BLOCK, NULL, &now) == 0);
    NEED(sigismember(&now, SIGTRAP) == 1 && sigismember(&now, SIGSEGV) == 1);
    return 0;
}

/* A program that handles SIGTRAP for itself. */
static int play_own_trap(void)
{
    struct sigaction action;

    NEED(signal(SIGTRAP, on_trap) != SIG_ERR);
    NEED(strike_into(do_malloc) == 0);
    NEED(raise(SIGTRAP) == 0);
    NEED(sigaction(SIGTRAP, NULL, &action) == 0 && action.sa_handler == on_trap);
    return 0;
}

/* --- the signal mask -----------------------------------------------------------------------------
 */

static bool blocks(int signal)
{
    sigset_t now;

    return pthread_sigmask(SIG_BLOCK, NULL, &now) == 0 && sigismember(&now, signal) == 1;
}

static bool change(int how, int signal)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, signal);
    return pthread_sigmask(how, &set, NULL) == 0;
}

/* A constructor sees the program's mask, and what it makes of it stays. */
static int load_and_look(bool trap, bool turn)
{
    int (*saw)(void) = NULL;
    void *handle;

    NEED(change(trap ? SIG_BLOCK : SIG_UNBLOCK, SIGTRAP) && change(SIG_UNBLOCK, SIGUSR1));
    NEED(change(turn ? SIG_BLOCK : SIG_UNBLOCK, SIGUSR2));
    NEED((handle = dlopen("plug_mask.so", RTLD_NOW)) != NULL);
    NEED(blocks(SIGUSR1) && blocks(SIGUSR2) == turn && blocks(SIGTRAP) == (trap != turn));
    *(void **)&saw = dlsym(handle, "mask_saw_trap");
    NEED(saw != NULL && saw() == trap);
    NEED(dlclose(handle) == 0);
    return 0;
}

/* The calls that a dry cycle steps: hits 1, 2, 4 and 8. */
static int play_mask(void)
{
    for (int i = 0; i < 8; i++)
        NEED(load_and_look(i & 1, i < 4) == 0);
    for (int i = 0; i < 8; i++)
        NEED(load_and_look(!(i & 1), i >= 4) == 0);
    return 0;
}

static int handles_trap(bool own, bool blocked)
{
    struct sigaction action;

    return sigaction(SIGTRAP, NULL, &action) == 0 &&
           action.sa_handler == (own ? on_trap : SIG_DFL) && blocks(SIGTRAP) == blocked;
}

static int fork_and_look(bool own, bool blocked)
{
    int status = -1;
    pid_t child;

    NEED(signal(SIGTRAP, own ? on_trap : SIG_DFL) != SIG_ERR);
    NEED(change(blocked ? SIG_BLOCK : SIG_UNBLOCK, SIGTRAP));
    NEED((child = fork()) >= 0);
    if (child == 0)
        _exit(handles_trap(own, blocked) ? 0 : 1);
    NEED(waitpid(child, &status, 0) == child && status == 0);
    NEED(handles_trap(own, blocked));
    return 0;
}

/* A child has the program's idea of SIGTRAP, though its parent was stepped up to its birth. */
static int play_child(void)
{
    for (int i = 0; i < 8; i++)
        NEED(fork_and_look(i == 1 || i > 3, (i & 1) != 0) == 0);
    return 0;
}

/* Ends with status 0 if SIGTRAP is as play_spawn() had it. */
static int play_spawned(void)
{
    struct sigaction action;

    NEED(sigaction(SIGTRAP, NULL, &action) == 0 && action.sa_handler == SIG_IGN);
    NEED(blocks(SIGTRAP));
    return 0;
}

/* What is ignored or blocked stays so in a new program. */
static int play_spawn(void)
{
    char *argv[] = {(char *)"steps", (char *)"spawned", NULL};

    NEED(signal(SIGTRAP, SIG_IGN) != SIG_ERR && change(SIG_BLOCK, SIGTRAP));
    for (int i = 0; i < TIMES; i++) {
        int status = -1;
        pid_t child;

        NEED(posix_spawn(&child, "/proc/self/exe", NULL, NULL, argv, environ) == 0);
        NEED(waitpid(child, &status, 0) == child && status == 0);
    }
    return 0;
}

static void *in_thread(void *status)
{
    *(int *)status = strike_into(do_malloc);
    return NULL;
}

/* The smallest stack that a thread may have. */
static int play_small(void)
{
    int status = 1;
    pthread_attr_t attributes;
    pthread_t thread;

    NEED(pthread_attr_init(&attributes) == 0);
    NEED(pthread_attr_setstacksize(&attributes, PTHREAD_STACK_MIN) == 0);
    NEED(pthread_create(&thread, &attributes, in_thread, &status) == 0);
    NEED(pthread_join(thread, NULL) == 0);
    say("small", (unsigned)status);
    return 0;
}

static void *hold_and_unlock(void *argument)
{
    pthread_mutex_lock(&mutex);
    say("before", 0);
    block[0] = malloc(3000);
    say("after", 0);
    pthread_mutex_unlock(&mutex);
    return NULL;
}

/* Struck, T1.1 leaves a mutex behind; main takes note and goes on. */
static int play_held(void)
{
    pthread_t thread;

    say("mutex", (uintptr_t)&mutex);
    NEED(pthread_create(&thread, NULL, hold_and_unlock, NULL) == 0);
    NEED(pthread_join(thread, NULL) == 0);
    say("orphaned", pthread_mutex_trylock(&mutex) == EBUSY);
    return 0;
}

static volatile bool about;
static volatile bool through;

static void *be_parked(void *argument)
{
    about = true;
    block[0] = malloc(3000);
    through = true;
    return NULL;
}

/* Main goes on until the other one is through, with a hook in each round. */
static int play_resumed(void)
{
    pthread_t thread;

    NEED(pthread_create(&thread, NULL, be_parked, NULL) == 0);
    while (!through)
        free(malloc(10));
    NEED(pthread_join(thread, NULL) == 0);
    say("after", 0);
    return 0;
}

/* Main waits for good: whoever looks at it ends it. */
static int play_parked(void)
{
    pthread_t thread;

    NEED(pthread_create(&thread, NULL, be_parked, NULL) == 0);
    NEED(pthread_join(thread, NULL) == 0);
    return 0;
}

/* --- for the scheduler
 * ------------------------------------------------------------------------------- */

static unsigned turns[THREADS * ROUNDS];
static unsigned turn_count;
static unsigned waiting;

static void *take_turns(void *argument)
{
    unsigned number = (unsigned)(uintptr_t)argument;

    for (int i = 0; i < ROUNDS; i++) {
        void *own = malloc(100 * number);

        pthread_mutex_lock(&mutex);
        turns[turn_count++] = number;
        pthread_mutex_unlock(&mutex);
        free(own);
    }
    pthread_mutex_lock(&mutex);
    if (++waiting < THREADS)
        while (waiting < THREADS)
            pthread_cond_wait(&condition, &mutex);
    else
        pthread_cond_broadcast(&condition);
    pthread_mutex_unlock(&mutex);
    return NULL;
}

/* Who came when, as one number. */
static int play_turns(void)
{
    pthread_t thread[THREADS];
    unsigned long long order = 0xcbf29ce484222325;

    for (uintptr_t i = 0; i < THREADS; i++)
        NEED(pthread_create(&thread[i], NULL, take_turns, (void *)(i + 1)) == 0);
    for (int i = 0; i < THREADS; i++)
        NEED(pthread_join(thread[i], NULL) == 0);
    NEED(turn_count == THREADS * ROUNDS);
    for (unsigned i = 0; i < turn_count; i++)
        order = (order ^ turns[i]) * 0x100000001b3;
    say("order", order >> 1);
    return 0;
}

static int told;
static int ends[2];

static void wait_a_while(void)
{
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec = (until.tv_nsec + 1000000) % 1000000000;
    until.tv_sec += until.tv_nsec < 1000000;
    pthread_mutex_lock(&mutex);
    pthread_cond_timedwait(&condition, &mutex, &until);
    pthread_mutex_unlock(&mutex);
}

static void *tell(void *argument)
{
    if (argument != NULL)
        wait_a_while();
    pthread_mutex_lock(&mutex);
    __atomic_store_n(&told, 1, __ATOMIC_RELEASE);
    pthread_mutex_unlock(&mutex);
    return write(ends[1], "", 1) == 1 ? argument : NULL;
}

static void look_at_it(void)
{
    while (__atomic_load_n(&told, __ATOMIC_ACQUIRE) == 0)
        continue;
}

static void look_with_lock(void)
{
    int seen = 0;

    while (seen == 0) {
        pthread_mutex_lock(&mutex);
        seen = told;
        pthread_mutex_unlock(&mutex);
    }
}

static void read_it(void)
{
    char byte;

    (void)!read(ends[0], &byte, 1);
}

/* Main waits in a way that gives no turn away, for a thread that has none, or has to wait itself.
 */
static int play_told(void (*wait)(void), void *limit)
{
    pthread_t thread;

    NEED(pipe(ends) == 0);
    NEED(pthread_create(&thread, NULL, tell, limit) == 0);
    wait();
    NEED(told == 1);
    NEED(pthread_join(thread, NULL) == 0);
    return 0;
}

static int play_look(void)
{
    return play_told(look_at_it, NULL);
}

static int play_look_late(void)
{
    return play_told(look_at_it, &told);
}

static int play_look_locked(void)
{
    return play_told(look_with_lock, NULL);
}

static int play_look_locked_late(void)
{
    return play_told(look_with_lock, &told);
}

static int play_read_late(void)
{
    return play_told(read_it, &told);
}

static int meeting[2];

/* Whoever waits longer does so for one that waits for the turn. */
static void meet(int mine)
{
    __atomic_store_n(&meeting[mine], 1, __ATOMIC_RELEASE);
    for (int i = 0; i < PATIENCE && __atomic_load_n(&meeting[1 - mine], __ATOMIC_ACQUIRE) == 0; i++)
        continue;
}

static void linger(int steps)
{
    for (volatile int i = 0; i < steps; i++)
        continue;
}

static void *meet_and_leave(void *steps)
{
    (void)!write(ends[1], "", 1);
    meet(1);
    linger((int)(intptr_t)steps);
    return NULL;
}

/* Main has lost its turn when it comes to the join, and the other leaves at the same moment. */
static int play_join_late(void)
{
    pthread_t thread;

    NEED(pipe(ends) == 0);
    for (int i = 0; i < MEETINGS; i++) {
        int ahead = (i - MEETINGS / 2) * LINGER;

        meeting[0] = meeting[1] = 0;
        NEED(pthread_create(&thread, NULL, meet_and_leave, (void *)(intptr_t)ahead) == 0);
        read_it();
        meet(0);
        linger(-ahead);
        NEED(pthread_join(thread, NULL) == 0);
    }
    return 0;
}

int main(int argc, char **argv)
{
    static const struct scene scenes[] = {
        {"join-late", play_join_late},
        {"look", play_look},
        {"look-late", play_look_late},
        {"look-locked", play_look_locked},
        {"look-locked-late", play_look_locked_late},
        {"read-late", play_read_late},
        {"malloc", play_malloc},
        {"calloc", play_calloc},
        {"realloc", play_realloc},
        {"free", play_free},
        {"free-known", play_free_known},
        {"free-unknown", play_free_unknown},
        {"lock", play_lock},
        {"post", play_post},
        {"dlopen", play_open},
        {"dlclose", play_close},
        {"fork", play_fork},
        {"create", play_create},
        {"deaf", play_deaf},
        {"own-trap", play_own_trap},
        {"small", play_small},
        {"held", play_held},
        {"resumed", play_resumed},
        {"parked", play_parked},
        {"turns", play_turns},
        {"mask", play_mask},
        {"child", play_child},
        {"spawn", play_spawn},
        {"spawned", play_spawned},
        {NULL, NULL},
    };

    return scene_play(scenes, argc, argv);
}
