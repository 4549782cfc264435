/*
 * test_guardian: children, their notices, and above all their end.
 *
 * Whether a process is gone is read from the end-of-file of a socket that only it and
 * its kin hold; whether it lives, from a byte it sends back. Nothing here waits for a
 * time to pass: deadlines only turn a hang into a failure. Started by root, the whole
 * suite runs again as nobody.
 */
#include <harness/supervisor/guardian/guardian.h>

#include <CUnit/Basic.h>
#include <CUnit/CUnit.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { DEADLINE_MS = 60000, LINK = 9, BOMB = 200, FUEL = 3000, NOBODY = 65534 };

static struct guardian *g;
static struct error failure;

/* ---- helpers --------------------------------------------------------------------- */

static bool ready(int fd)
{
    struct pollfd polled = {.fd = fd, .events = POLLIN};

    return poll(&polled, 1, DEADLINE_MS) == 1;
}

static bool get(int fd, void *data, size_t size)
{
    char *at = data;

    while (size > 0) {
        ssize_t got = ready(fd) ? read(fd, at, size) : -1;

        if (got <= 0)
            return false;
        at += got;
        size -= (size_t)got;
    }
    return true;
}

static bool put(int fd, const void *data, size_t size)
{
    return write(fd, data, size) == (ssize_t)size;
}

/* Reads to the end, so true proves that every holder of the other side is gone. */
static bool ended(int fd)
{
    char bytes[4096];
    ssize_t got;

    do
        got = ready(fd) ? read(fd, bytes, sizeof bytes) : -1;
    while (got > 0);
    return got == 0 || (got < 0 && errno == ECONNRESET);
}

static bool answers(int fd)
{
    char byte = 'p';

    return put(fd, &byte, 1) && get(fd, &byte, 1) && byte == 'p';
}

static void begin(void)
{
    g = NULL;
    CU_ASSERT_EQUAL_FATAL(guardian_start(&g, &failure), 0);
}

/* Ends the guardian and sees to it that this process has no child left, dead or alive. */
static void finish(void)
{
    CU_ASSERT_EQUAL(guardian_stop(g, &failure), 0);
    CU_ASSERT_EQUAL(waitpid(-1, NULL, WNOHANG), -1);
    CU_ASSERT_EQUAL(errno, ECHILD);
}

static bool notice_of(pid_t pid, struct guardian_notice *notice)
{
    do {
        while (guardian_notice(g, notice))
            if (notice->pid == pid)
                return true;
    } while (ready(guardian_fd(g)));
    return false;
}

static bool exited(pid_t pid, int status)
{
    struct guardian_notice n;

    return notice_of(pid, &n) && WIFEXITED(n.status) && WEXITSTATUS(n.status) == status;
}

static bool killed(pid_t pid)
{
    struct guardian_notice n;

    return notice_of(pid, &n) && WIFSIGNALED(n.status) && WTERMSIG(n.status) == SIGKILL;
}

/* Starts a function with one end of a socket as LINK; the other is returned. */
static int spawn_linked(int (*function)(void *, size_t), const void *argument, size_t length,
                        uint64_t tag, pid_t *pid)
{
    struct guardian_spawn s = {
        .function = function, .argument = argument, .length = length, .tag = tag};
    int ends[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        return -1;
    s.fds[0].from = ends[1];
    s.fds[0].to = LINK;
    s.fd_count = 1;
    if (guardian_spawn(g, &s, pid, &failure) != 0) {
        close(ends[0]);
        ends[0] = -1;
    }
    close(ends[1]);
    return ends[0];
}

/* Starts a program with its standard output in a pipe, which is returned. */
static int spawn_program(struct guardian_spawn *s, pid_t *pid)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) != 0)
        return -1;
    s->fds[s->fd_count].from = ends[1];
    s->fds[s->fd_count++].to = 1;
    if (guardian_spawn(g, s, pid, &failure) != 0) {
        close(ends[0]);
        ends[0] = -1;
    }
    close(ends[1]);
    return ends[0];
}

static void read_text(int fd, char *text, size_t size)
{
    size_t used = 0;
    ssize_t got;

    while (used + 1 < size && ready(fd) && (got = read(fd, text + used, size - used - 1)) > 0)
        used += (size_t)got;
    text[used] = '\0';
}

static pid_t parent_of(pid_t pid)
{
    char path[32], text[512], *end;
    FILE *file;
    int parent = 0;

    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    file = fopen(path, "re");
    if (file == NULL)
        return 0;
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    end = strrchr(text, ')');
    return end != NULL && sscanf(end + 1, " %*c %d", &parent) == 1 ? parent : 0;
}

static bool kill_and_wait(pid_t pid)
{
    int pidfd = pidfd_open(pid, 0);
    bool gone = pidfd >= 0 && kill(pid, SIGKILL) == 0 && ready(pidfd);

    close(pidfd);
    return gone;
}

/* ---- what children do ------------------------------------------------------------ */

static int child_status(void *argument, size_t length)
{
    return length == sizeof(int) ? *(int *)argument : 99;
}

static _Noreturn void echo_for_ever(void)
{
    char byte;

    while (read(LINK, &byte, 1) == 1 && write(LINK, &byte, 1) == 1)
        ;
    for (;;)
        pause();
}

static void say_pid(void)
{
    pid_t pid = getpid();

    if (write(LINK, &pid, sizeof pid) != sizeof pid)
        _exit(98);
}

static int child_echo(void *argument, size_t length)
{
    say_pid();
    echo_for_ever();
}

static int child_stops(void *argument, size_t length)
{
    say_pid();
    raise(SIGSTOP);
    return 0;
}

static int child_kills_its_group(void *argument, size_t length)
{
    kill(0, SIGKILL);
    return 0;
}

/* @reaper: the child adopts its orphans itself. @stay: it outlives the making of one. */
struct daemon {
    bool reaper, stay;
};

static _Noreturn void daemon_run(void)
{
    signal(SIGTERM, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    setsid();
    if (fork() != 0)
        _exit(0);
    say_pid();
    echo_for_ever();
}

static int child_daemon(void *argument, size_t length)
{
    const struct daemon *d = argument;
    pid_t pid;

    if (d->reaper)
        prctl(PR_SET_CHILD_SUBREAPER, 1);
    pid = fork();
    if (pid == 0)
        daemon_run();
    waitpid(pid, NULL, 0);
    while (d->stay)
        pause();
    return 0;
}

/* What is left of the forks that a bomb may make; afterwards its processes only wait. */
static _Atomic int *fuel;

static void take_fuel(void)
{
    alarm(DEADLINE_MS / 1000); /* in every process, so that a failing test leaves nothing */
    while (atomic_fetch_sub(fuel, 1) <= 0)
        pause();
}

static void wait_for_go(void)
{
    char byte = 'r';

    if (write(LINK, &byte, 1) != 1 || read(LINK, &byte, 1) != 1)
        _exit(98);
}

/* Lives on in its child, and its child in its own: no pid lasts. */
static _Noreturn void comet(bool new_session)
{
    wait_for_go();
    for (;;) {
        take_fuel();
        if (fork() > 0)
            _exit(0);
        if (new_session)
            setsid();
    }
}

/* Makes a new child whenever one dies. */
static _Noreturn void phoenix(void)
{
    pid_t pid;

    wait_for_go();
    for (;;) {
        take_fuel();
        pid = fork();
        if (pid == 0)
            _exit(0);
        waitpid(pid, NULL, 0);
    }
}

static int child_bomb(void *argument, size_t length)
{
    fuel = mmap(NULL, sizeof *fuel, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    atomic_init(fuel, FUEL);
    for (int i = 0; i < BOMB; i++) {
        pid_t pid = fork();

        if (pid == 0 && i % 4 == 0)
            phoenix();
        if (pid == 0)
            comet(i % 4 == 1);
        if (pid < 0)
            return 98;
    }
    alarm(DEADLINE_MS / 1000);
    for (;;)
        pause();
}

/* Waits until all of a bomb is there, and lights it. */
static bool light(int fd)
{
    char bytes[BOMB];

    return get(fd, bytes, sizeof bytes) && put(fd, bytes, sizeof bytes);
}

static int child_open_fds(void *argument, size_t length)
{
    char open_fds[64];

    for (int fd = 0; fd < 64; fd++)
        open_fds[fd] = fcntl(fd, F_GETFD) >= 0;
    return put(LINK, open_fds, sizeof open_fds) ? 0 : 98;
}

/* Each number must lead to the pipe that holds that number. */
static int child_reads_numbers(void *argument, size_t length)
{
    unsigned char byte;
    int right = 0;

    for (int fd = 3; fd < 3 + GUARDIAN_FDS; fd++)
        right += read(fd, &byte, 1) == 1 && byte == fd;
    return right;
}

static int child_nulls(void *argument, size_t length)
{
    struct stat st;
    int nulls = 0;

    for (int fd = 0; fd < 3; fd++)
        nulls += fstat(fd, &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3);
    return nulls;
}

static int child_signals(void *argument, size_t length)
{
    struct sigaction now;
    sigset_t mask;

    sigprocmask(SIG_SETMASK, NULL, &mask);
    for (int number = 1; number < NSIG; number++) {
        if (sigismember(&mask, number) == 1)
            return number;
        if (sigaction(number, NULL, &now) == 0 && now.sa_handler != SIG_DFL)
            return number;
    }
    return 0;
}

static int child_checks_argument(void *argument, size_t length)
{
    const unsigned char *bytes = argument;

    for (size_t i = 0; i < length; i++)
        if (bytes[i] != i % 251)
            return 1;
    return length == 1 << 20 ? 7 : 2;
}

/* ---- spawning -------------------------------------------------------------------- */

static void test_program_with_everything(void)
{
    const char *const argv[] = {"sh", "-c", "read l <&7; echo \"$0 $1 $WORD $l $HOME.\"; pwd -P",
                                "zero", NULL};
    const char *const envp[] = {"WORD=said", NULL};
    struct guardian_spawn s = {.path = "/bin/sh", .argv = argv, .envp = envp, .cwd = "/proc"};
    char text[256];
    int in[2], out;
    pid_t pid;

    begin();
    CU_ASSERT_EQUAL_FATAL(pipe2(in, O_CLOEXEC), 0);
    s.fds[0].from = in[0];
    s.fds[0].to = 7;
    s.fd_count = 1;
    out = spawn_program(&s, &pid);
    CU_ASSERT(out >= 0);
    CU_ASSERT(put(in[1], "line\n", 5));
    read_text(out, text, sizeof text);
    CU_ASSERT_STRING_EQUAL(text, "zero  said line .\n/proc\n");
    CU_ASSERT(exited(pid, 0));
    close(in[0]);
    close(in[1]);
    close(out);
    finish();
}

/* Numbers in transit rise and wanted ones fall, so most are both at once. */
static void test_descriptors_do_not_collide(void)
{
    struct guardian_spawn s = {.function = child_reads_numbers, .fd_count = GUARDIAN_FDS};
    int ends[GUARDIAN_FDS][2];
    pid_t pid;

    begin();
    for (int i = 0; i < GUARDIAN_FDS; i++) {
        unsigned char byte = (unsigned char)(2 + GUARDIAN_FDS - i);

        CU_ASSERT_EQUAL_FATAL(pipe2(ends[i], O_CLOEXEC), 0);
        CU_ASSERT(put(ends[i][1], &byte, 1));
        s.fds[i].from = ends[i][0];
        s.fds[i].to = byte;
    }
    CU_ASSERT_EQUAL(guardian_spawn(g, &s, &pid, &failure), 0);
    CU_ASSERT(exited(pid, GUARDIAN_FDS));
    for (int i = 0; i < GUARDIAN_FDS; i++) {
        close(ends[i][0]);
        close(ends[i][1]);
    }
    finish();
}

static void test_program_descriptors(void)
{
    const char *const argv[] = {
        "/bin/sh", "-c",
        "for i in 3 4 5 6 7 8 9 ; do eval \"read l <&$i\"; printf '%s.' \"$l\"; done; "
        "for i in 1 2 3 4 5 6 7 8 9 10 11 12; do [ ! -e /proc/$$/fd/$i ] || printf \" $i\"; done",
        NULL};
    struct guardian_spawn s = {.argv = argv};
    char text[256], line[8];
    int ends[7][2], out;
    pid_t pid;

    begin();
    for (int i = 0; i < 7; i++) {
        CU_ASSERT_EQUAL_FATAL(pipe2(ends[i], O_CLOEXEC), 0);
        snprintf(line, sizeof line, "%d\n", 9 - i);
        CU_ASSERT(put(ends[i][1], line, strlen(line)));
        s.fds[s.fd_count].from = ends[i][0];
        s.fds[s.fd_count++].to = 9 - i;
    }
    out = spawn_program(&s, &pid);
    read_text(out, text, sizeof text);
    CU_ASSERT_STRING_EQUAL(text, "3.4.5.6.7.8.9. 1 2 3 4 5 6 7 8 9");
    CU_ASSERT(exited(pid, 0));
    for (int i = 0; i < 7; i++) {
        close(ends[i][0]);
        close(ends[i][1]);
    }
    close(out);
    finish();
}

static void test_function_descriptors(void)
{
    struct guardian_spawn s = {.function = child_nulls};
    char open_fds[64] = {0};
    pid_t pid;
    int fd;

    begin();
    fd = spawn_linked(child_open_fds, NULL, 0, 0, &pid);
    CU_ASSERT(get(fd, open_fds, sizeof open_fds));
    for (int i = 0; i < 64; i++)
        CU_ASSERT_EQUAL(open_fds[i], i < 3 || i == LINK);
    close(fd);
    CU_ASSERT_EQUAL(guardian_spawn(g, &s, &pid, &failure), 0);
    CU_ASSERT(exited(pid, 3));
    finish();
}

static void test_functions(void)
{
    unsigned char *bytes = malloc(1 << 20);
    struct guardian_spawn s = {.function = child_status, .length = sizeof(int)};
    pid_t pid;

    begin();
    for (int status = 0; status < 3; status++) {
        s.argument = &status;
        CU_ASSERT_EQUAL(guardian_spawn(g, &s, &pid, &failure), 0);
        CU_ASSERT(exited(pid, status));
    }
    for (size_t i = 0; i < 1 << 20; i++)
        bytes[i] = i % 251;
    s = (struct guardian_spawn){
        .function = child_checks_argument, .argument = bytes, .length = 1 << 20};
    CU_ASSERT_EQUAL(guardian_spawn(g, &s, &pid, &failure), 0);
    CU_ASSERT(exited(pid, 7));
    free(bytes);
    finish();
}

/* Whatever the supervisor blocks, handles or ignores. */
static void test_signals_are_plain(void)
{
    struct guardian_spawn s = {.function = child_signals};
    sigset_t mask, before;
    pid_t pid;

    sigfillset(&mask);
    sigprocmask(SIG_SETMASK, &mask, &before);
    signal(SIGHUP, SIG_IGN);
    begin();
    CU_ASSERT_EQUAL(guardian_spawn(g, &s, &pid, &failure), 0);
    CU_ASSERT(exited(pid, 0));
    finish();
    signal(SIGHUP, SIG_DFL);
    sigprocmask(SIG_SETMASK, &before, NULL);
}

static int spawn_path(const char *path)
{
    const char *const argv[] = {"x", NULL};
    struct guardian_spawn s = {.path = path, .argv = argv};
    pid_t pid;

    return guardian_spawn(g, &s, &pid, &failure);
}

static void write_file(const char *path, mode_t mode, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

    CU_ASSERT(fd >= 0 && put(fd, text, strlen(text)));
    fchmod(fd, mode);
    close(fd);
}

/* A child that could not start gives no notice, so the next child's is the first. */
static void test_failures_to_execute(void)
{
    char path[] = "/tmp/test_guardian.XXXXXX", file[64];
    struct guardian_spawn s = {.function = child_status, .argument = &(int){5}, .length = 4};
    struct guardian_notice n;
    pid_t pid;

    begin();
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(path));
    snprintf(file, sizeof file, "%s/file", path);
    CU_ASSERT_EQUAL(spawn_path("/nowhere/at/all"), ERROR_NOT_FOUND);
    CU_ASSERT(strstr(failure.text, "/nowhere/at/all") != NULL);
    CU_ASSERT_EQUAL(spawn_path("/dev/null/x"), ERROR_NOT_FOUND);
    CU_ASSERT_EQUAL(spawn_path(path), ERROR_NOT_EXECUTABLE);
    write_file(file, 0600, "#!/bin/sh\n");
    CU_ASSERT_EQUAL(spawn_path(file), ERROR_NOT_EXECUTABLE);
    write_file(file, 0700, "neither a script nor a program\n");
    CU_ASSERT_EQUAL(spawn_path(file), ERROR_NOT_EXECUTABLE);
    write_file(file, 0700, "#!/nowhere/interpreter\n");
    CU_ASSERT_EQUAL(spawn_path(file), ERROR_NOT_FOUND);
    CU_ASSERT_EQUAL(guardian_spawn(g, &s, &pid, &failure), 0);
    CU_ASSERT(ready(guardian_fd(g)) && guardian_notice(g, &n));
    CU_ASSERT_EQUAL(n.pid, pid);
    unlink(file);
    rmdir(path);
    finish();
}

static void test_senseless_spawns(void)
{
    const char *const argv[] = {"/bin/true", NULL};
    struct guardian_spawn s = {.argv = argv, .cwd = "/nowhere"};
    pid_t pid;

    begin();
    CU_ASSERT_EQUAL(guardian_spawn(g, &s, &pid, &failure), ERROR_TARGET);
    s = (struct guardian_spawn){0};
    CU_ASSERT_EQUAL(guardian_spawn(g, &s, &pid, &failure), ERROR_RANGE);
    s = (struct guardian_spawn){.argv = argv, .function = child_nulls};
    CU_ASSERT_EQUAL(guardian_spawn(g, &s, &pid, &failure), ERROR_RANGE);
    s = (struct guardian_spawn){.argv = argv, .fds = {{0, 3}, {1, 3}}, .fd_count = 2};
    CU_ASSERT_EQUAL(guardian_spawn(g, &s, &pid, &failure), ERROR_RANGE);
    s = (struct guardian_spawn){.argv = argv, .fds = {{0, -1}}, .fd_count = 1};
    CU_ASSERT_EQUAL(guardian_spawn(g, &s, &pid, &failure), ERROR_RANGE);
    s = (struct guardian_spawn){.argv = argv, .fds = {{987654, 3}}, .fd_count = 1};
    CU_ASSERT_EQUAL(guardian_spawn(g, &s, &pid, &failure), ERROR_RANGE);
    s = (struct guardian_spawn){.argv = argv, .fds = {{0, INT_MAX - 1}}, .fd_count = 1};
    CU_ASSERT_EQUAL(guardian_spawn(g, &s, &pid, &failure), ERROR_TARGET);
    s = (struct guardian_spawn){.argv = argv, .fd_count = GUARDIAN_FDS + 1};
    CU_ASSERT_EQUAL(guardian_spawn(g, &s, &pid, &failure), ERROR_RANGE);
    finish();
}

/* 20 strings of 104,857 bytes: 2 MiB, which the kernel takes from an 8 MiB stack up. */
static void test_big_argv(void)
{
    enum { COUNT = 20, SIZE = (2 << 20) / COUNT };
    const char *argv[COUNT + 5] = {"/bin/sh", "-c",
                                   "n=0; for a; do n=$((n + ${#a} + 1)); done; echo $# $n", "sh"};
    struct rlimit before, limit;
    struct guardian_spawn s = {.argv = argv};
    char *string = malloc(SIZE), *huge = malloc(1 << 18), text[64], wanted[64];
    pid_t pid;
    int out;

    getrlimit(RLIMIT_STACK, &before);
    limit = before;
    limit.rlim_cur = limit.rlim_max == RLIM_INFINITY ? 64 << 20 : limit.rlim_max;
    CU_ASSERT_EQUAL(setrlimit(RLIMIT_STACK, &limit), 0);
    begin();
    memset(string, 'x', SIZE - 1);
    string[SIZE - 1] = '\0';
    for (int i = 0; i < COUNT; i++)
        argv[4 + i] = string;
    out = spawn_program(&s, &pid);
    snprintf(wanted, sizeof wanted, "%d %d\n", COUNT, COUNT * SIZE);
    read_text(out, text, sizeof text);
    CU_ASSERT_STRING_EQUAL(text, wanted);
    CU_ASSERT(exited(pid, 0));
    close(out);
    memset(huge, 'x', (1 << 18) - 1);
    huge[(1 << 18) - 1] = '\0';
    argv[4] = huge;
    s.fd_count = 0;
    CU_ASSERT_EQUAL(guardian_spawn(g, &s, &pid, &failure), ERROR_RANGE);
    free(string);
    free(huge);
    finish();
    setrlimit(RLIMIT_STACK, &before);
}

/* ---- notices --------------------------------------------------------------------- */

static void test_notices(void)
{
    struct daemon d = {.stay = true};
    struct guardian_notice n;
    pid_t pid, orphan = 0, echo = 0, said = 0;
    int fd, fd2;

    begin();
    CU_ASSERT_FALSE(guardian_notice(g, &n));
    fd = spawn_linked(child_daemon, &d, sizeof d, 11, &pid);
    fd2 = spawn_linked(child_echo, NULL, 0, 1ULL << 63, &echo);
    CU_ASSERT(get(fd, &orphan, sizeof orphan) && get(fd2, &said, sizeof said));
    CU_ASSERT_EQUAL(said, echo);
    CU_ASSERT_EQUAL(kill(orphan, SIGUSR1), 0);
    CU_ASSERT(notice_of(orphan, &n) && n.adopted && n.tag == 11 && !n.lost);
    CU_ASSERT(WIFSIGNALED(n.status) && WTERMSIG(n.status) == SIGUSR1);
    CU_ASSERT_EQUAL(kill(echo, SIGUSR2), 0);
    CU_ASSERT(notice_of(echo, &n) && !n.adopted && n.tag == 1ULL << 63);
    CU_ASSERT(WIFSIGNALED(n.status) && WTERMSIG(n.status) == SIGUSR2);
    close(fd);
    close(fd2);
    finish();
}

/* More than a socket's buffer takes, with nobody reading meanwhile. */
static void test_many_notices_wait(void)
{
    enum { MANY = 600 };
    struct guardian_notice n;
    bool seen[MANY] = {0};
    struct guardian_spawn s = {.function = child_status, .argument = &(int){0}, .length = 4};
    pid_t pid;

    begin();
    for (s.tag = 0; s.tag < MANY; s.tag++)
        CU_ASSERT_EQUAL_FATAL(guardian_spawn(g, &s, &pid, &failure), 0);
    for (int i = 0; i < MANY; i++) {
        CU_ASSERT_FATAL(ready(guardian_fd(g)) && guardian_notice(g, &n));
        CU_ASSERT(n.tag < MANY && !seen[n.tag] && !n.adopted);
        seen[n.tag] = true;
    }
    CU_ASSERT_FALSE(guardian_notice(g, &n));
    finish();
}

/* ---- the end of trees ------------------------------------------------------------ */

/* All ways to have an orphan; its neighbour's must live on. */
static void test_kill_tree_ends_orphans(void)
{
    struct daemon neighbour = {0};
    pid_t other, pid, orphan = 0;
    int kept, fd;

    begin();
    kept = spawn_linked(child_daemon, &neighbour, sizeof neighbour, 0, &other);
    CU_ASSERT(get(kept, &orphan, sizeof orphan));
    for (int way = 0; way < 4; way++) {
        struct daemon d = {.reaper = way & 1, .stay = way & 2};

        fd = spawn_linked(child_daemon, &d, sizeof d, 0, &pid);
        CU_ASSERT(get(fd, &orphan, sizeof orphan));
        CU_ASSERT(answers(fd));
        if (!d.stay)
            CU_ASSERT(exited(pid, 0));
        CU_ASSERT_EQUAL(guardian_kill_tree(g, pid, &failure), 0);
        CU_ASSERT(ended(fd));
        CU_ASSERT(kill(orphan, 0) == -1 && errno == ESRCH);
        if (d.stay)
            CU_ASSERT(killed(pid));
        CU_ASSERT_EQUAL(guardian_kill_tree(g, pid, &failure), 0);
        close(fd);
    }
    CU_ASSERT(answers(kept));
    finish();
    CU_ASSERT(ended(kept));
    close(kept);
}

static void test_stop_ends_all(void)
{
    int fds[8];
    pid_t pid, orphan;

    begin();
    for (int i = 0; i < 8; i++) {
        struct daemon d = {.reaper = i & 1, .stay = i & 2};

        fds[i] = i < 4 ? spawn_linked(child_daemon, &d, sizeof d, 0, &pid)
                       : spawn_linked(child_echo, NULL, 0, 0, &pid);
        CU_ASSERT(get(fds[i], &orphan, sizeof orphan));
    }
    finish();
    for (int i = 0; i < 8; i++) {
        CU_ASSERT(ended(fds[i]));
        close(fds[i]);
    }
}

static void test_stopped_child(void)
{
    pid_t pid, said;
    int fd;

    begin();
    fd = spawn_linked(child_stops, NULL, 0, 0, &pid);
    CU_ASSERT(get(fd, &said, sizeof said));
    CU_ASSERT_EQUAL(guardian_kill_tree(g, pid, &failure), 0);
    CU_ASSERT(ended(fd) && killed(pid));
    close(fd);
    fd = spawn_linked(child_stops, NULL, 0, 0, &pid);
    CU_ASSERT(get(fd, &said, sizeof said));
    finish();
    CU_ASSERT(ended(fd));
    close(fd);
}

static bool seize(pid_t pid, long options)
{
    int status;

    return ptrace(PTRACE_SEIZE, pid, NULL, options) == 0 &&
           ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) == 0 && waitpid(pid, &status, __WALL) == pid &&
           WIFSTOPPED(status);
}

/* The zombie is ours to wait for, and so is its notice until we have. */
static void test_traced_child(void)
{
    pid_t pid, said;
    int fd, status = 0;

    begin();
    fd = spawn_linked(child_echo, NULL, 0, 0, &pid);
    CU_ASSERT(get(fd, &said, sizeof said));
    CU_ASSERT(seize(pid, 0));
    CU_ASSERT_EQUAL(guardian_kill_tree(g, pid, &failure), 0);
    CU_ASSERT(ended(fd));
    CU_ASSERT_EQUAL(waitpid(pid, &status, __WALL), pid);
    CU_ASSERT(WIFSIGNALED(status));
    CU_ASSERT(killed(pid));
    close(fd);
    finish();
}

/* PTRACE_O_TRACEEXIT makes even a SIGKILL wait for the tracer. */
static void test_child_held_at_exit(void)
{
    pid_t pid, said;
    int fd, status = 0;

    begin();
    fd = spawn_linked(child_echo, NULL, 0, 0, &pid);
    CU_ASSERT(get(fd, &said, sizeof said));
    CU_ASSERT(seize(pid, PTRACE_O_TRACEEXIT));
    CU_ASSERT_EQUAL(guardian_kill_tree(g, pid, &failure), ERROR_BUSY);
    CU_ASSERT(strstr(failure.text, "tracer") != NULL);
    CU_ASSERT_EQUAL(waitpid(pid, &status, __WALL), pid);
    CU_ASSERT_EQUAL(status >> 8, SIGTRAP | (PTRACE_EVENT_EXIT << 8));
    CU_ASSERT_EQUAL(ptrace(PTRACE_DETACH, pid, NULL, NULL), 0);
    CU_ASSERT(ended(fd) && killed(pid));
    CU_ASSERT_EQUAL(guardian_kill_tree(g, pid, &failure), 0);
    close(fd);
    finish();
}

static void test_fork_bomb(void)
{
    pid_t pid;
    int fd;

    begin();
    fd = spawn_linked(child_bomb, NULL, 0, 0, &pid);
    CU_ASSERT_FATAL(light(fd));
    CU_ASSERT_EQUAL(guardian_kill_tree(g, pid, &failure), 0);
    CU_ASSERT(ended(fd));
    CU_ASSERT(killed(pid));
    close(fd);
    finish();
}

/* ---- deaths from outside --------------------------------------------------------- */

static const char *doomed_path;

/* A supervisor that plants a daemon and a bomb and then waits for its death. */
static _Noreturn void doomed_supervisor(int link, int bomb)
{
    struct guardian_spawn s = {.function = child_daemon,
                               .argument = &(struct daemon){.reaper = false, .stay = false},
                               .length = sizeof(struct daemon),
                               .fds = {{link, LINK}},
                               .fd_count = 1};
    pid_t pid;

    setpgid(0, 0);
    if (guardian_start(&g, &failure) != 0 || guardian_spawn(g, &s, &pid, &failure) != 0)
        _exit(1);
    s = (struct guardian_spawn){.function = child_bomb, .fds = {{bomb, LINK}}, .fd_count = 1};
    if (bomb >= 0 && guardian_spawn(g, &s, &pid, &failure) != 0)
        _exit(2);
    if (doomed_path != NULL && guardian_remove_on_death(g, doomed_path, &failure) != 0)
        _exit(3);
    pid = guardian_pid(g);
    if (!put(link, &pid, sizeof pid))
        _exit(4);
    for (;;)
        pause();
}

/* Two pids come over the link: the daemon's and the guardian's, in either order. */
static pid_t doomed_guardian(int link, pid_t supervisor)
{
    pid_t pids[2] = {0, 0};

    CU_ASSERT(get(link, pids, sizeof pids));
    return parent_of(pids[0]) == supervisor ? pids[0] : pids[1];
}

static void supervisor_dies(int number, bool group, bool with_bomb)
{
    int link[2], bomb[2] = {-1, -1}, pidfd;
    pid_t supervisor, guardian;

    CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, link), 0);
    if (with_bomb)
        CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, bomb), 0);
    supervisor = fork();
    if (supervisor == 0)
        doomed_supervisor(link[1], bomb[1]);
    close(link[1]);
    close(bomb[1]);
    guardian = doomed_guardian(link[0], supervisor);
    CU_ASSERT_EQUAL(parent_of(guardian), supervisor);
    CU_ASSERT_NOT_EQUAL(getsid(guardian), getsid(supervisor));
    if (with_bomb)
        CU_ASSERT_FATAL(light(bomb[0]));
    pidfd = pidfd_open(guardian, 0);
    CU_ASSERT_EQUAL(kill(group ? -supervisor : supervisor, number), 0);
    CU_ASSERT_EQUAL(waitpid(supervisor, NULL, 0), supervisor);
    CU_ASSERT(ended(link[0]));
    if (with_bomb)
        CU_ASSERT(ended(bomb[0]));
    CU_ASSERT(pidfd >= 0 && ready(pidfd));
    CU_ASSERT_EQUAL(waitpid(guardian, NULL, 0), guardian);
    CU_ASSERT(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD);
    close(pidfd);
    close(link[0]);
    close(bomb[0]);
}

static void test_supervisor_killed(void)
{
    supervisor_dies(SIGKILL, false, true);
}

/* What a terminal's Ctrl-C does. */
static void test_supervisor_interrupted(void)
{
    supervisor_dies(SIGINT, true, false);
}

/*
 * A supervisor whose end shows in one way only: its sockets live on in a process of its
 * own (@execs false), or it lives on itself as another program.
 */
static _Noreturn void halfway_supervisor(int link, int said, bool execs)
{
    struct guardian_spawn s = {.function = child_daemon,
                               .argument = &(struct daemon){.reaper = false, .stay = false},
                               .length = sizeof(struct daemon),
                               .fds = {{link, LINK}},
                               .fd_count = 1};
    pid_t pid;
    char go;

    if (guardian_start(&g, &failure) != 0 || guardian_spawn(g, &s, &pid, &failure) != 0)
        _exit(1);
    close(link);
    pid = execs ? getpid() : fork();
    while (pid == 0)
        pause();
    if (!put(said, &pid, sizeof pid) || !get(said, &go, 1))
        _exit(2);
    if (!execs)
        raise(SIGKILL);
    dup2(said, 0);
    execl("/bin/sh", "sh", "-c", "read line", (char *)NULL);
    _exit(3);
}

static void supervisor_half_dies(bool execs)
{
    int link[2], said[2];
    pid_t supervisor, left = 0, orphan;

    CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, link), 0);
    CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, said), 0);
    supervisor = fork();
    if (supervisor == 0)
        halfway_supervisor(link[1], said[1], execs);
    close(link[1]);
    close(said[1]);
    CU_ASSERT(get(link[0], &orphan, sizeof orphan));
    CU_ASSERT_FATAL(get(said[0], &left, sizeof left) && left > 0);
    CU_ASSERT(answers(link[0]) && put(said[0], "g", 1));
    CU_ASSERT(ended(link[0]));
    CU_ASSERT_EQUAL(waitpid(left, NULL, WNOHANG), 0);
    CU_ASSERT_EQUAL(kill(left, SIGKILL), 0);
    while (waitpid(-1, NULL, 0) > 0)
        ;
    close(link[0]);
    close(said[0]);
}

static void test_supervisor_leaves_its_sockets(void)
{
    supervisor_half_dies(false);
}

static void test_supervisor_becomes_another(void)
{
    supervisor_half_dies(true);
}

/* A reader of our output must not wait for the guardian. */
static void test_guardian_holds_no_output(void)
{
    int output[2], saved = fcntl(1, F_DUPFD_CLOEXEC, 3);

    CU_ASSERT_EQUAL_FATAL(pipe2(output, O_CLOEXEC), 0);
    dup2(output[1], 1);
    begin();
    dup2(saved, 1);
    close(output[1]);
    CU_ASSERT(ended(output[0]));
    close(output[0]);
    close(saved);
    finish();
}

static void test_guardian_survives_signals(void)
{
    static const int numbers[] = {SIGTERM, SIGINT,  SIGHUP,  SIGQUIT, SIGTSTP, SIGTTIN,
                                  SIGUSR1, SIGPIPE, SIGALRM, SIGCHLD, SIGSTOP};
    struct guardian_spawn s = {.function = child_kills_its_group};
    struct daemon d = {.stay = true};
    pid_t pid, orphan;
    int fd;

    begin();
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        CU_ASSERT_EQUAL(kill(guardian_pid(g), numbers[i]), 0);
    CU_ASSERT_EQUAL(guardian_spawn(g, &s, &pid, &failure), 0);
    CU_ASSERT(killed(pid));
    fd = spawn_linked(child_daemon, &d, sizeof d, 0, &pid);
    CU_ASSERT(get(fd, &orphan, sizeof orphan));
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        CU_ASSERT_EQUAL(kill(parent_of(pid), numbers[i]), 0);
    CU_ASSERT_EQUAL(guardian_kill_tree(g, pid, &failure), 0);
    CU_ASSERT(ended(fd));
    close(fd);
    finish();
}

/* A child that was ours before the guardian must outlive the clearing up. */
static void test_guardian_killed(void)
{
    struct daemon d = {.stay = false};
    struct guardian_notice n;
    pid_t own, pid, orphan;
    int link[2], fd, fd2;

    CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, link), 0);
    own = fork();
    if (own == 0) {
        dup2(link[1], LINK);
        child_echo(NULL, 0);
    }
    close(link[1]);
    CU_ASSERT(get(link[0], &pid, sizeof pid));
    begin();
    fd = spawn_linked(child_daemon, &d, sizeof d, 0, &pid);
    fd2 = spawn_linked(child_stops, NULL, 0, 0, &pid);
    CU_ASSERT(get(fd, &orphan, sizeof orphan) && get(fd2, &orphan, sizeof orphan));
    CU_ASSERT_EQUAL(kill(guardian_pid(g), SIGKILL), 0);
    CU_ASSERT(notice_of(guardian_pid(g), &n) && n.lost);
    CU_ASSERT(WIFSIGNALED(n.status) && WTERMSIG(n.status) == SIGKILL);
    CU_ASSERT_FALSE(guardian_notice(g, &n));
    CU_ASSERT_EQUAL(guardian_kill_tree(g, pid, &failure), ERROR_SYSTEM);
    CU_ASSERT_EQUAL(guardian_stop(g, &failure), 0);
    CU_ASSERT(ended(fd) && ended(fd2));
    CU_ASSERT(answers(link[0]));
    CU_ASSERT_EQUAL(kill(own, SIGKILL), 0);
    CU_ASSERT_EQUAL(waitpid(-1, NULL, 0), own);
    CU_ASSERT(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD);
    close(fd);
    close(fd2);
    close(link[0]);
}

/*
 * Guardian and keepers at once: nothing of them is left to help the supervisor, which
 * was no sub-reaper before and is none afterwards.
 */
static void test_guardian_and_keeper_killed(void)
{
    pid_t pid, keeper;
    int fd, reaper = -1;

    prctl(PR_SET_CHILD_SUBREAPER, 0);
    begin();
    fd = spawn_linked(child_bomb, NULL, 0, 0, &pid);
    CU_ASSERT_FATAL(light(fd));
    keeper = parent_of(pid);
    CU_ASSERT_EQUAL(parent_of(keeper), guardian_pid(g));
    CU_ASSERT_EQUAL(kill(guardian_pid(g), SIGSTOP), 0);
    CU_ASSERT(kill_and_wait(keeper));
    CU_ASSERT_EQUAL(kill(guardian_pid(g), SIGKILL), 0);
    finish();
    CU_ASSERT(ended(fd));
    close(fd);
    CU_ASSERT(prctl(PR_GET_CHILD_SUBREAPER, &reaper) == 0 && reaper == 0);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
}

/* The child keeps its tag and its notice; its tree can still be ended. */
static void test_keeper_killed(void)
{
    struct daemon d = {.stay = true};
    struct guardian_notice n;
    pid_t pid, other, orphan;
    int fd, fd2;

    begin();
    fd = spawn_linked(child_daemon, &d, sizeof d, 42, &pid);
    fd2 = spawn_linked(child_echo, NULL, 0, 43, &other);
    CU_ASSERT(get(fd, &orphan, sizeof orphan) && get(fd2, &n.pid, sizeof n.pid));
    CU_ASSERT(kill_and_wait(parent_of(pid)));
    CU_ASSERT(answers(fd));
    CU_ASSERT_EQUAL(guardian_kill_tree(g, pid, &failure), 0);
    CU_ASSERT(ended(fd));
    CU_ASSERT(notice_of(pid, &n) && !n.adopted && n.tag == 42);
    CU_ASSERT(answers(fd2));
    CU_ASSERT(kill_and_wait(parent_of(other)));
    CU_ASSERT_EQUAL(kill(other, SIGUSR1), 0);
    CU_ASSERT(notice_of(other, &n) && !n.adopted && n.tag == 43);
    CU_ASSERT(ended(fd2));
    close(fd);
    close(fd2);
    finish();
}

/* ---- few descriptors ------------------------------------------------------------- */

static int lowest_free(void)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

    close(fd);
    return fd;
}

/* Each number more lets the start come one step further; until it succeeds, nothing is left. */
static void test_start_short_of_descriptors(void)
{
    int first = lowest_free(), code = ERROR_SYSTEM;
    struct rlimit before, limit;

    CU_ASSERT_EQUAL(getrlimit(RLIMIT_NOFILE, &before), 0);
    for (limit = before, limit.rlim_cur = (rlim_t)first; code != 0; limit.rlim_cur++) {
        CU_ASSERT_FATAL(limit.rlim_cur < before.rlim_cur);
        CU_ASSERT_EQUAL(setrlimit(RLIMIT_NOFILE, &limit), 0);
        code = guardian_start(&g, &failure);
        CU_ASSERT_EQUAL(setrlimit(RLIMIT_NOFILE, &before), 0);
        if (code != 0) {
            CU_ASSERT_EQUAL(code, ERROR_SYSTEM);
            CU_ASSERT_PTR_NULL(strstr(failure.text, "from outside"));
            CU_ASSERT_EQUAL(lowest_free(), first);
            CU_ASSERT(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD);
        }
    }
    finish();
    CU_ASSERT_EQUAL(lowest_free(), first);
}

/* ---- removal --------------------------------------------------------------------- */

static char top[PATH_MAX], run[PATH_MAX + 8], outside[PATH_MAX + 8];

static void make_directory(const char *name)
{
    char path[2 * PATH_MAX];

    snprintf(path, sizeof path, "%s/%s", top, name);
    CU_ASSERT_EQUAL(mkdir(path, 0700), 0);
}

static void make_file(const char *name)
{
    char path[2 * PATH_MAX];

    snprintf(path, sizeof path, "%s/%s", top, name);
    write_file(path, 0600, "bytes");
}

/* Deeper than any path may be long, so only relative calls get to its end. */
static void make_deep(void)
{
    int dir = open(run, O_PATH | O_DIRECTORY | O_CLOEXEC);

    for (int i = 0; i < 600; i++) {
        int next;

        CU_ASSERT_EQUAL(mkdirat(dir, "nested-nested-nested", 0700), 0);
        next = openat(dir, "nested-nested-nested", O_PATH | O_DIRECTORY | O_CLOEXEC);
        close(dir);
        dir = next;
    }
    close(dir);
}

/* Everything that could mislead a removal: links, locked directories, its own names. */
static void make_run(void)
{
    char path[2 * PATH_MAX];

    strcpy(top, "/tmp/test_guardian.XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(top));
    snprintf(run, sizeof run, "%s/run", top);
    snprintf(outside, sizeof outside, "%s/outside", top);
    make_directory("outside");
    make_file("outside/kept");
    make_directory("run");
    make_directory("run/.removed-0");
    make_file("run/.removed-0/file");
    make_directory("run/locked");
    make_directory("run/locked/inner");
    make_file("run/locked/inner/file");
    snprintf(path, sizeof path, "%s/link", run);
    CU_ASSERT_EQUAL(symlink(outside, path), 0);
    snprintf(path, sizeof path, "%s/locked/link", run);
    CU_ASSERT_EQUAL(symlink(outside, path), 0);
    make_deep();
    snprintf(path, sizeof path, "%s/locked/inner", run);
    chmod(path, 0);
    snprintf(path, sizeof path, "%s/locked", run);
    chmod(path, 0);
}

static bool exists(const char *name)
{
    char path[2 * PATH_MAX];
    struct stat st;

    snprintf(path, sizeof path, "%s/%s", top, name);
    return lstat(path, &st) == 0;
}

static void remove_top(void)
{
    char path[2 * PATH_MAX];

    snprintf(path, sizeof path, "%s/kept", outside);
    CU_ASSERT_EQUAL(unlink(path), 0);
    CU_ASSERT_EQUAL(rmdir(outside), 0);
    CU_ASSERT_EQUAL(rmdir(top), 0);
}

static void test_remove_on_death(void)
{
    make_run();
    doomed_path = run;
    supervisor_dies(SIGKILL, false, false);
    doomed_path = NULL;
    CU_ASSERT_FALSE(exists("run"));
    CU_ASSERT(exists("outside/kept"));
    remove_top();
}

/* Removal where something is mounted: the foreign file must survive. */
static _Noreturn void mounting_supervisor(int link)
{
    char path[2 * PATH_MAX];

    snprintf(path, sizeof path, "%s/mounted", run);
    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount(outside, path, NULL, MS_BIND, NULL) != 0)
        _exit(77);
    if (guardian_start(&g, &failure) != 0 || guardian_remove_on_death(g, run, &failure) != 0)
        _exit(1);
    raise(SIGKILL);
    _exit(2);
}

static void test_remove_enters_no_mount(void)
{
    int status = 0, link[2];
    char path[2 * PATH_MAX];
    pid_t pid;

    make_run();
    make_directory("run/mounted");
    make_directory("run/plain");
    make_file("run/plain/file");
    CU_ASSERT_EQUAL_FATAL(pipe2(link, O_CLOEXEC), 0);
    pid = fork();
    if (pid == 0)
        mounting_supervisor(link[1]);
    close(link[1]);
    CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
    CU_ASSERT(WIFSIGNALED(status) || WEXITSTATUS(status) == 77);
    while (waitpid(-1, NULL, 0) > 0)
        ;
    close(link[0]);
    CU_ASSERT(exists("outside/kept"));
    CU_ASSERT_EQUAL(exists("run/plain"), WIFEXITED(status));
    if (WIFEXITED(status)) {
        doomed_path = run;
        supervisor_dies(SIGKILL, false, false);
        doomed_path = NULL;
    } else {
        snprintf(path, sizeof path, "%s/mounted", run);
        CU_ASSERT_EQUAL(rmdir(path), 0);
        CU_ASSERT_EQUAL(rmdir(run), 0);
    }
    remove_top();
}

static void test_remove_paths(void)
{
    char path[2 * PATH_MAX];

    strcpy(top, "/tmp/test_guardian.XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(top));
    begin();
    CU_ASSERT_EQUAL(guardian_remove_on_death(g, "/", &failure), ERROR_RANGE);
    CU_ASSERT_EQUAL(guardian_remove_on_death(g, "", &failure), ERROR_RANGE);
    CU_ASSERT_EQUAL(guardian_remove_on_death(g, "/tmp/..", &failure), ERROR_RANGE);
    CU_ASSERT_EQUAL(guardian_remove_on_death(g, "/tmp/./", &failure), ERROR_RANGE);
    snprintf(path, sizeof path, "%s/none/x", top);
    CU_ASSERT_EQUAL(guardian_remove_on_death(g, path, &failure), ERROR_NOT_FOUND);
    make_file("kept");
    snprintf(path, sizeof path, "%s/kept//", top);
    CU_ASSERT_EQUAL(guardian_remove_on_death(g, path, &failure), 0);
    finish();
    CU_ASSERT(exists("kept"));
    snprintf(path, sizeof path, "%s/kept", top);
    doomed_path = path;
    supervisor_dies(SIGKILL, false, false);
    doomed_path = NULL;
    CU_ASSERT_FALSE(exists("kept"));
    CU_ASSERT_EQUAL(rmdir(top), 0);
}

/* ---- the program ----------------------------------------------------------------- */

static const CU_TestInfo tests[] = {
    {"a program gets its arguments, environment, directory and descriptors",
     test_program_with_everything},
    {"descriptors do not collide", test_descriptors_do_not_collide},
    {"a program sees no other descriptors", test_program_descriptors},
    {"a function sees no other descriptors", test_function_descriptors},
    {"functions get their argument and give their status", test_functions},
    {"signals are plain", test_signals_are_plain},
    {"failures to execute", test_failures_to_execute},
    {"senseless spawns", test_senseless_spawns},
    {"2 MiB of arguments", test_big_argv},
    {"notices", test_notices},
    {"many notices wait", test_many_notices_wait},
    {"kill_tree ends orphans", test_kill_tree_ends_orphans},
    {"stop ends all", test_stop_ends_all},
    {"a stopped child", test_stopped_child},
    {"a traced child", test_traced_child},
    {"a child held at its exit", test_child_held_at_exit},
    {"a fork bomb", test_fork_bomb},
    {"the supervisor is killed", test_supervisor_killed},
    {"the supervisor is interrupted", test_supervisor_interrupted},
    {"the supervisor leaves its sockets to another", test_supervisor_leaves_its_sockets},
    {"the supervisor becomes another program", test_supervisor_becomes_another},
    {"the guardian holds no output", test_guardian_holds_no_output},
    {"the guardian survives signals", test_guardian_survives_signals},
    {"the guardian is killed", test_guardian_killed},
    {"guardian and keeper are killed", test_guardian_and_keeper_killed},
    {"a keeper is killed", test_keeper_killed},
    {"a start short of descriptors", test_start_short_of_descriptors},
    {"removal on death", test_remove_on_death},
    {"removal enters no mount", test_remove_enters_no_mount},
    {"removal of paths", test_remove_paths},
    CU_TEST_INFO_NULL,
};

/* Becomes nobody and starts over: execve makes the process dumpable again. */
static _Noreturn void again_as_nobody(void)
{
    if (setgroups(0, NULL) != 0 || setresgid(NOBODY, NOBODY, NOBODY) != 0 ||
        setresuid(NOBODY, NOBODY, NOBODY) != 0)
        _exit(1);
    execl("/proc/self/exe", "test_guardian", (char *)NULL);
    fprintf(stderr, "as nobody: %s\n", strerror(errno));
    _exit(1);
}

static int run_as_nobody(void)
{
    int status = -1;
    pid_t pid;

    fflush(NULL);
    pid = fork();
    if (pid == 0)
        again_as_nobody();
    return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0 ? 0 : 1;
}

int main(void)
{
    CU_SuiteInfo suites[] = {{"guardian", NULL, NULL, NULL, NULL, (CU_TestInfo *)tests},
                             CU_SUITE_INFO_NULL};
    int failed;

    signal(SIGPIPE, SIG_IGN);
    prctl(PR_SET_CHILD_SUBREAPER, 1); /* so that lost guardians come to us */
    if (CU_initialize_registry() != CUE_SUCCESS || CU_register_suites(suites) != CUE_SUCCESS)
        return 1;
    CU_basic_set_mode(CU_BRM_VERBOSE);
    CU_basic_run_tests();
    failed = CU_get_number_of_failures() != 0;
    CU_cleanup_registry();
    if (geteuid() == 0)
        failed |= run_as_nobody();
    return failed;
}
