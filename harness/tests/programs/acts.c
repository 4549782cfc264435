/*
 * acts: the program on which the end-to-end tests set rundown: one act for each trouble that a
 * program can make, chosen by the first argument.
 *
 * It knows nothing of rundown and is linked to nothing but libc. What it does must depend on its
 * arguments alone, never on time. An act that returns gives the exit status.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { THREADS = 3, ROUNDS = 20, STATUS_WRONG = 70 };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static int number_of(const char *text)
{
    return text != NULL ? atoi(text) : 0;
}

/* --- ends ---------------------------------------------------------------------------------- */

static int act_exit(char **arguments)
{
    return number_of(arguments[0]);
}

static int act_become(char **arguments)
{
    execv(arguments[0], arguments);
    return 1;
}

static int *volatile nowhere = (int *)16;

static int act_crash(char **arguments)
{
    *nowhere = 1;
    return 0;
}

/* Says its words, then crashes. */
static int act_say_and_crash(char **arguments)
{
    for (char **word = arguments; *word != NULL; word++) {
        puts(*word);
        fflush(stdout);
        fprintf(stderr, "%s (stderr)\n", *word);
    }
    return act_crash(arguments);
}

/* Crashes in one of two cycles: the one act that chance decides, for tests of rates. */
static int act_coin(char **arguments)
{
    unsigned char side;

    if (getrandom(&side, 1, 0) != 1)
        return STATUS_WRONG;
    return side & 1 ? act_crash(arguments) : 0;
}

/* A default mutex taken twice by its owner. */
static int act_hang(char **arguments)
{
    pthread_mutex_lock(&mutex);
    pthread_mutex_lock(&mutex);
    return 0;
}

/* --- threads ------------------------------------------------------------------------------- */

static void *work_locked(void *argument)
{
    for (int i = 0; i < ROUNDS; i++) {
        void *volatile block; /* else the compiler leaves the pair out */

        pthread_mutex_lock(&mutex);
        block = malloc(64);
        pthread_mutex_unlock(&mutex);
        free(block);
    }
    return NULL;
}

/*
 * Every malloc of the threads (as many as the first argument says) is under one mutex: who is
 * killed there orphans it. Were all others through by then, main still wants it.
 */
static int act_threads(char **arguments)
{
    int count = arguments[0] != NULL ? number_of(arguments[0]) : THREADS;
    pthread_t thread[THREADS];

    if (count > THREADS)
        return STATUS_WRONG;
    for (int i = 0; i < count; i++)
        if (pthread_create(&thread[i], NULL, work_locked, NULL) != 0)
            return STATUS_WRONG;
    for (int i = 0; i < count; i++)
        if (pthread_join(thread[i], NULL) != 0)
            return STATUS_WRONG;
    pthread_mutex_lock(&mutex);
    pthread_mutex_unlock(&mutex);
    return 0;
}

static void *work_alone(void *argument)
{
    for (int i = 0; i < ROUNDS; i++)
        if (malloc(3000) == NULL) /* too large for the thread's cache, and kept */
            abort();
    return NULL;
}

/* Nobody else wants what the one thread may leave locked: the arena that it has for itself. */
static int act_alone(char **arguments)
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, work_alone, NULL) != 0)
        return STATUS_WRONG;
    return pthread_join(thread, NULL) == 0 ? 0 : STATUS_WRONG;
}

static int act_close_all(char **arguments)
{
    close_range(0, ~0u, 0);
    return act_threads(arguments);
}

static int act_block_signals(char **arguments)
{
    sigset_t all;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, NULL);
    return act_threads(arguments);
}

/* --- input and output ---------------------------------------------------------------------- */

/* All of standard input must be the second argument; crashes if not, so that it is a finding. */
static int act_expect(char **arguments)
{
    char text[4096];
    size_t length = fread(text, 1, sizeof text - 1, stdin);

    text[length] = 0;
    if (arguments[0] == NULL || strcmp(text, arguments[0]) != 0)
        abort();
    return 0;
}

static bool write_all(const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t done = write(STDOUT_FILENO, bytes, length);

        if (done <= 0)
            return false;
        bytes += done;
        length -= (size_t)done;
    }
    return true;
}

/* As many numbered lines of 16 bytes as make the first argument's MiB. */
static int act_fill(char **arguments)
{
    static char page[4096 + 1];
    int pages = number_of(arguments[0]) << 8;

    for (int i = 0; i < pages; i++) {
        for (int line = 0; line < 256; line++)
            snprintf(page + 16 * line, 17, "line %010d\n", 256 * i + line);
        if (!write_all(page, 4096))
            return STATUS_WRONG;
    }
    return 0;
}

/* Writes the file of that name until its disk is full. */
static int act_fill_disk(char **arguments)
{
    static const char page[1 << 16];
    int file = arguments[0] != NULL ? open(arguments[0], O_WRONLY | O_CREAT, 0666) : -1;

    if (file < 0)
        return STATUS_WRONG;
    while (write(file, page, sizeof page) > 0)
        ;
    return errno == ENOSPC ? 0 : STATUS_WRONG;
}

static int act_fill_and_crash(char **arguments)
{
    return act_fill(arguments) != 0 ? STATUS_WRONG : act_crash(arguments);
}

/* --- processes ----------------------------------------------------------------------------- */

static int act_fork(char **arguments)
{
    int status;
    pid_t child = fork();

    if (child == 0)
        _exit(number_of(arguments[0]));
    if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status))
        return STATUS_WRONG;
    return WEXITSTATUS(status);
}

/* The daemon lives until it is killed; a byte in the pipe says that it has come so far. */
static void become_daemon(int ready)
{
    setsid();
    if (fork() != 0)
        _exit(0);
    signal(SIGHUP, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
    if (write(ready, "", 1) != 1)
        _exit(1);
    close_range(0, ~0u, 0);
    for (;;)
        pause();
}

static int act_daemon(char **arguments)
{
    int ends[2];
    char byte;
    pid_t child;

    if (pipe(ends) != 0 || (child = fork()) < 0)
        return STATUS_WRONG;
    if (child == 0)
        become_daemon(ends[1]);
    close(ends[1]);
    return waitpid(child, NULL, 0) == child && read(ends[0], &byte, 1) == 1 ? 0 : STATUS_WRONG;
}

/* A child goes on writing after its parent's end. */
static int act_chatter(char **arguments)
{
    static const char line[] = "still here\n";

    switch (fork()) {
    case -1:
        return STATUS_WRONG;
    case 0:
        while (write_all(line, sizeof line - 1))
            ;
        _exit(0);
    default:
        return 0;
    }
}

/*
 * Takes and gives locks, and dies by its own SIGKILL the moment it has one more, whose choice
 * depends on the process alone. Says beforehand who it is and which lock that will be.
 */
static int act_last_lock(char **arguments)
{
    static pthread_mutex_t shelf[64]; /* all zero: as PTHREAD_MUTEX_INITIALIZER */
    pthread_mutex_t *last = &shelf[getpid() % 64];

    for (int i = 0; i < 200; i++) {
        pthread_mutex_lock(&shelf[i % 64]);
        pthread_mutex_unlock(&shelf[i % 64]);
    }
    printf("%d %p\n", getpid(), (void *)last);
    fflush(stdout);
    pthread_mutex_lock(last);
    kill(getpid(), SIGKILL);
    return STATUS_WRONG;
}

static int act_kill_group(char **arguments)
{
    kill(0, SIGKILL);
    return STATUS_WRONG;
}

static int act_kill_parents_group(char **arguments)
{
    kill(-getpgid(getppid()), SIGKILL);
    return 0;
}

static bool has_word(char **words, const char *wanted)
{
    for (; *words != NULL; words++)
        if (strcmp(*words, wanted) == 0)
            return true;
    return false;
}

/* Makes the file; true if it was not there. */
static bool is_first(const char *file)
{
    return open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666) >= 0;
}

static void refuse_signals(void)
{
    sigset_t all;

    for (int number = 1; number < NSIG; number++)
        signal(number, SIG_IGN);
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
}

/* Says in the pipe of that name that a cycle has begun, then crashes. */
static int act_ring_and_crash(char **arguments)
{
    int pipe = arguments[0] != NULL ? open(arguments[0], O_WRONLY) : -1;

    return pipe < 0 || write(pipe, "", 1) != 1 ? STATUS_WRONG : act_crash(arguments);
}

/* Of these the caller, too, goes on as one more. */
static void leave_sessions(int count)
{
    for (int i = 0; i < count; i++)
        if (fork() == 0) {
            setsid();
            if (fork() != 0)
                _exit(0);
            return;
        }
}

/*
 * Says in the pipe of that name that it is there, and stays for good; with all that helps to
 * stay: "daemon", "bomb" (many of those), "signals" (deaf to them), "close" (no descriptors).
 * "later": not the first time, so that the dry cycle ends.
 */
static int act_stay(char **arguments)
{
    int pipe = arguments[0] != NULL ? open(arguments[0], O_WRONLY) : -1;

    if (pipe < 0)
        return STATUS_WRONG;
    if (has_word(arguments, "later") && is_first("later"))
        return 0;
    if (has_word(arguments, "signals"))
        refuse_signals();
    leave_sessions(has_word(arguments, "bomb") ? 30 : has_word(arguments, "daemon") ? 1 : 0);
    if (has_word(arguments, "close")) {
        dup2(pipe, 0);
        close_range(1, ~0u, 0);
        pipe = 0;
    }
    if (write(pipe, "", 1) != 1)
        return STATUS_WRONG;
    close(pipe);
    for (;;)
        pause();
}

/* --- the heap ------------------------------------------------------------------------------ */

static sem_t started, in_allocator;

static void stays_in_allocator(int signal)
{
    sem_post(&in_allocator);
    for (;;)
        pause();
}

static void *exits_beside_it(void *unused)
{
    sem_post(&started);
    sem_wait(&in_allocator);
    exit(0);
}

/* Main stands still inside malloc, with the main arena's lock, which exit() has no need of. */
static int act_heap_held(char **arguments)
{
    void *volatile *volatile loose = malloc(2000);
    void *volatile last = malloc(16); /* so that the loose one stays a chunk of its own */
    pthread_t thread;

    sem_init(&started, 0, 0);
    sem_init(&in_allocator, 0, 0);
    signal(SIGSEGV, stays_in_allocator);
    if (loose == NULL || last == NULL || pthread_create(&thread, NULL, exits_beside_it, NULL) != 0)
        return STATUS_WRONG;
    sem_wait(&started); /* what it allocated would have sorted the loose one away */
    free((void *)loose);
    loose[1] = (void *)~(UINTPTR_MAX >> 4); /* its list goes on where nothing can be */
    last = malloc(3000);
    return STATUS_WRONG;
}

/* --- constructors -------------------------------------------------------------------------- */

/* A socket that is there before main: such a program cannot be forked at its main. */
__attribute__((constructor)) static void open_early(int argc, char **argv, char **envp)
{
    if (argc > 1 && strcmp(argv[1], "socket") == 0 && socket(AF_UNIX, SOCK_STREAM, 0) < 0)
        _exit(STATUS_WRONG);
}

static int act_socket(char **arguments)
{
    return act_threads(arguments);
}

static const struct {
    const char *name;
    int (*act)(char **arguments);
} acts[] = {
    {"exit", act_exit},
    {"crash", act_crash},
    {"coin", act_coin},
    {"say-and-crash", act_say_and_crash},
    {"become", act_become},
    {"hang", act_hang},
    {"threads", act_threads},
    {"alone", act_alone},
    {"close-all", act_close_all},
    {"block-signals", act_block_signals},
    {"expect", act_expect},
    {"fill", act_fill},
    {"fill-disk", act_fill_disk},
    {"fill-and-crash", act_fill_and_crash},
    {"fork", act_fork},
    {"daemon", act_daemon},
    {"chatter", act_chatter},
    {"last-lock", act_last_lock},
    {"heap-held", act_heap_held},
    {"kill-group", act_kill_group},
    {"kill-parents-group", act_kill_parents_group},
    {"ring-and-crash", act_ring_and_crash},
    {"stay", act_stay},
    {"socket", act_socket},
};

int main(int argc, char **argv)
{
    for (size_t i = 0; argc > 1 && i < sizeof acts / sizeof acts[0]; i++)
        if (strcmp(argv[1], acts[i].name) == 0)
            return acts[i].act(argv + 2);
    return STATUS_WRONG;
}
