/*
 * Tests of watch_files: whose files they are that a process waits for. Each case is a parent and
 * its child, which waits; what the parent has, or another child of it, the child's wait can end.
 */
#include <harness/supervisor/watch/watch_files.h>

#include <harness/supervisor/watch/watch.h>

#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CUnit/Basic.h>

enum { LONG_MS = 100000000 };

static int pair[2]; /* a pipe of whoever called new_pipe() */
static int event;   /* of the parent, where it makes one */

static void new_pipe(void)
{
    if (pipe(pair) != 0)
        _exit(4);
}

static void do_nothing(void) {}

/* --- what the parent does before it forks ------------------------------------------------------
 */

static void new_event(void)
{
    event = eventfd(0, 0);
}

/* Another child, which could do anything. */
static void another_child(void)
{
    if (fork() != 0)
        return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;)
        pause();
}

/* --- how the child waits -----------------------------------------------------------------------
 */

static void read_pair(void)
{
    char byte;

    if (read(pair[0], &byte, 1) < 0)
        _exit(4);
}

static void read_own_pipe(void)
{
    new_pipe();
    read_pair();
}

static void fill_own_pipe(void)
{
    static const char block[4096];

    new_pipe();
    while (write(pair[1], block, sizeof block) > 0)
        ;
}

static void read_event(void)
{
    eventfd_t value;

    eventfd_read(event, &value);
}

static void read_own_event(void)
{
    new_event();
    read_event();
}

static void new_sockets(void)
{
    int sockets[2];

    if (socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) != 0)
        _exit(4);
}

static void read_pipe_with_socket(void)
{
    new_sockets();
    read_own_pipe();
}

static void poll_own(int limit)
{
    struct pollfd file[2] = {{.fd = -1}, {.events = POLLIN}};

    new_pipe();
    file[1].fd = pair[0];
    poll(file, 2, limit);
}

static void poll_for_ever(void)
{
    poll_own(-1);
}

static void poll_limited(void)
{
    poll_own(LONG_MS);
}

static void select_pair(void)
{
    fd_set set;

    FD_ZERO(&set);
    FD_SET(pair[0], &set);
    select(pair[0] + 1, &set, NULL, NULL, NULL);
}

static void select_own(void)
{
    new_pipe();
    select_pair();
}

static void add(int set, int fd)
{
    struct epoll_event what = {.events = EPOLLIN, .data.fd = fd};

    if (fd < 0 || epoll_ctl(set, EPOLL_CTL_ADD, fd, &what) != 0)
        _exit(4);
}

static void epoll_on(int first, int second, int limit)
{
    struct epoll_event got;
    int set = epoll_create1(0);

    add(set, first);
    add(set, second);
    epoll_wait(set, &got, 1, limit);
}

static int timer(time_t seconds)
{
    struct itimerspec when = {.it_value.tv_sec = seconds};
    int fd = timerfd_create(CLOCK_MONOTONIC, 0);

    timerfd_settime(fd, 0, &when, NULL);
    return fd;
}

static void epoll_own(void)
{
    epoll_on(eventfd(0, 0), timer(0), -1);
}

static void epoll_armed(void)
{
    epoll_on(eventfd(0, 0), timer(LONG_MS), -1);
}

static void epoll_limited(void)
{
    epoll_on(eventfd(0, 0), timer(0), LONG_MS);
}

static void epoll_parents(void)
{
    epoll_on(eventfd(0, 0), event, -1);
}

static void just_pause(void)
{
    pause();
}

/* --- a case ------------------------------------------------------------------------------------
 */

static const struct {
    const char *what;
    void (*before)(void);
    void (*wait)(void);
    bool inside;
} cases[] = {
    {"its own pipe", do_nothing, read_own_pipe, true},
    {"its own full pipe", do_nothing, fill_own_pipe, true},
    {"its parent's pipe", new_pipe, read_pair, false},
    {"its own eventfd", do_nothing, read_own_event, true},
    {"its own eventfd, and its parent has one", new_event, read_own_event, true},
    {"its parent's eventfd", new_event, read_event, false},
    {"its own pipe, and it has a socket", do_nothing, read_pipe_with_socket, false},
    {"its own pipe, and its parent has sockets", new_sockets, read_own_pipe, true},
    {"its own pipe, and its parent has other sockets", new_sockets, read_pipe_with_socket, false},
    {"its own pipe, and it has a brother", another_child, read_own_pipe, false},
    {"poll", do_nothing, poll_for_ever, true},
    {"poll with a limit", do_nothing, poll_limited, false},
    {"select", do_nothing, select_own, true},
    {"select on its parent's pipe", new_pipe, select_pair, false},
    {"epoll on an eventfd and a disarmed timer", do_nothing, epoll_own, true},
    {"epoll on a timer that runs", do_nothing, epoll_armed, false},
    {"epoll with a limit", do_nothing, epoll_limited, false},
    {"epoll on its parent's eventfd", new_event, epoll_parents, false},
    {"pause", do_nothing, just_pause, false},
};

/* In the parent; tells the test its child's number, and lives as long as the test lets it. */
static void be_parent(unsigned index, int tell)
{
    pid_t child;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    cases[index].before();
    child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(tell);
        cases[index].wait();
        _exit(3);
    }
    if (write(tell, &child, sizeof child) != sizeof child)
        _exit(4);
    for (;;)
        pause();
}

static bool waits(pid_t child, struct evidence_thread *thread)
{
    watch_thread(child, child, thread);
    return thread->state == THREAD_WAITING && thread->syscall >= 0;
}

/* A wait for memory, or for a lock of the kernel's, comes before the one that was meant. */
static bool is_inside(pid_t child)
{
    struct evidence_thread thread = {0};
    unsigned long calm = 0;
    long before = -1;

    while (calm < 50) {
        bool still = waits(child, &thread) && thread.syscall == before;

        calm = still ? calm + 1 : 0;
        before = thread.syscall;
        sched_yield();
    }
    return watch_files_inside(child, child, &thread);
}

static void test_cases(void)
{
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        pid_t parent, child = 0;
        int tell[2];
        bool inside;

        CU_ASSERT_EQUAL_FATAL(pipe(tell), 0);
        if ((parent = fork()) == 0)
            be_parent(i, tell[1]);
        close(tell[1]);
        CU_ASSERT_EQUAL_FATAL(read(tell[0], &child, sizeof child), (ssize_t)sizeof child);
        close(tell[0]);
        inside = is_inside(child);
        if (inside != cases[i].inside)
            printf("\n    %s: %s\n", cases[i].what, inside ? "inside" : "outside");
        CU_ASSERT_EQUAL(inside, cases[i].inside);
        kill(parent, SIGKILL);
        waitpid(parent, NULL, 0);
    }
}

int main(void)
{
    CU_pSuite suite;
    unsigned failed;

    if (CU_initialize_registry() != CUE_SUCCESS)
        return 1;
    suite = CU_add_suite("watch files", NULL, NULL);
    CU_ADD_TEST(suite, test_cases);
    CU_basic_set_mode(CU_BRM_VERBOSE);
    CU_basic_run_tests();
    failed = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failed != 0;
}
