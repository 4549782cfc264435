/*
 * test_hunt: the end of a small tree of processes, and who is left out of it.
 *
 * Every process of a tree holds one end of a pipe, so end-of-file proves that all are gone.
 */
#include <harness/supervisor/guardian/hunt.h>

#include <CUnit/Basic.h>
#include <CUnit/CUnit.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { DEADLINE_MS = 60000, PROCESSES = 4 };

static int proc;

static bool reap(void *owner)
{
    return waitpid(-1, NULL, WNOHANG) > 0;
}

static struct hunt hunt_of(bool (*reaper)(void *))
{
    return (struct hunt){.proc = proc, .self = getpid(), .reap = reaper};
}

/* Strikes until nobody is left; every pause is the hunt's own. */
static void finish(struct hunt *h)
{
    hunt_begin(h);
    for (;;) {
        hunt_strike(h);
        if (h->alive == 0)
            break;
        poll(NULL, 0, hunt_due(h));
    }
    CU_ASSERT_EQUAL(hunt_result(h), 0);
    hunt_free(h);
}

static bool ready(int fd)
{
    struct pollfd polled = {.fd = fd, .events = POLLIN};

    return poll(&polled, 1, DEADLINE_MS) == 1;
}

static bool ended(int fd)
{
    char byte;

    return ready(fd) && read(fd, &byte, 1) == 0;
}

static bool answers(int fd)
{
    char byte = 'p';

    return write(fd, &byte, 1) == 1 && ready(fd) && read(fd, &byte, 1) == 1;
}

/* Says that it is there, and then repeats whatever it is told. */
static _Noreturn void echo(int fd)
{
    char byte = 'r';

    if (write(fd, &byte, 1) != 1)
        _exit(1);
    while (read(fd, &byte, 1) == 1 && write(fd, &byte, 1) == 1)
        ;
    for (;;)
        pause();
}

/* Starts a chain of processes; with @orphans all but the last of them end at once. */
static int plant(pid_t *first, int count, bool orphans)
{
    int ends[2];
    char byte;

    CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    *first = fork();
    if (*first == 0) {
        close(ends[0]);
        for (int i = 1; i < count; i++) {
            setsid();
            if (fork() == 0)
                continue;
            if (orphans)
                _exit(0);
            for (;;)
                pause();
        }
        echo(ends[1]);
    }
    close(ends[1]);
    CU_ASSERT(ready(ends[0]) && read(ends[0], &byte, 1) == 1);
    return ends[0];
}

static void test_ends_all(void)
{
    struct hunt h = hunt_of(reap);
    pid_t pid;
    int chain = plant(&pid, PROCESSES, false), orphan = plant(&pid, PROCESSES, true);

    hunt_pass(&h, 0);
    CU_ASSERT(h.alive > 0);
    CU_ASSERT(answers(chain) && answers(orphan));
    finish(&h);
    CU_ASSERT(ended(chain) && ended(orphan));
    CU_ASSERT(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD);
    close(chain);
    close(orphan);
}

/* Nobody to end, and nobody to wait for. */
static void test_alone(void)
{
    struct hunt h = hunt_of(reap);

    hunt_begin(&h);
    CU_ASSERT_EQUAL(hunt_due(&h), 0);
    hunt_strike(&h);
    CU_ASSERT_EQUAL(h.alive, 0);
    CU_ASSERT_EQUAL(hunt_result(&h), 0);
    hunt_free(&h);
}

static bool reap_others(void *hunt)
{
    hunt_reap_children(hunt);
    return false;
}

static void test_spares(void)
{
    struct hunt h = hunt_of(reap_others);
    pid_t own, pid;
    int spared = plant(&own, PROCESSES, false), quarry;

    h.owner = &h;
    CU_ASSERT(hunt_spare_all(&h));
    quarry = plant(&pid, PROCESSES, false);
    finish(&h);
    CU_ASSERT(ended(quarry));
    CU_ASSERT(answers(spared));
    h = hunt_of(reap);
    finish(&h);
    CU_ASSERT(ended(spared));
    close(spared);
    close(quarry);
}

/* Whoever began at another time than the spared one is not the spared one. */
static void test_spares_no_stranger(void)
{
    struct hunt h = hunt_of(reap_others);
    pid_t pid;
    int quarry = plant(&pid, 1, false);

    h.owner = &h;
    CU_ASSERT(hunt_spare(&h, pid));
    CU_ASSERT_EQUAL_FATAL(h.spared_count, 1);
    h.spared[0].start--;
    finish(&h);
    CU_ASSERT(ended(quarry));
    close(quarry);
}

/* Leaves no number free for a descriptor; returns the limits of before. */
static struct rlimit run_short(void)
{
    struct rlimit before, none;
    int next = open("/dev/null", O_RDONLY | O_CLOEXEC);

    CU_ASSERT_FATAL(next >= 0);
    close(next);
    CU_ASSERT_EQUAL(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = before;
    none.rlim_cur = (rlim_t)next;
    CU_ASSERT_EQUAL(setrlimit(RLIMIT_NOFILE, &none), 0);
    return before;
}

/* A hunt without descriptors sees nobody, and must not take that for success. */
static void test_unseen_is_not_dead(void)
{
    struct hunt h = hunt_of(reap);
    struct rlimit before;
    pid_t pid;
    int chain = plant(&pid, PROCESSES, false);

    before = run_short();
    hunt_begin(&h);
    hunt_strike(&h);
    CU_ASSERT(h.alive > 0);
    CU_ASSERT_FALSE(hunt_spare(&h, pid));
    CU_ASSERT_FALSE(hunt_spare_all(&h));
    CU_ASSERT_EQUAL(setrlimit(RLIMIT_NOFILE, &before), 0);
    CU_ASSERT(answers(chain));
    finish(&h);
    CU_ASSERT(ended(chain));
    close(chain);
}

int main(void)
{
    CU_TestInfo tests[] = {{"all descendants end", test_ends_all},
                           {"nobody is there", test_alone},
                           {"the spared live on", test_spares},
                           {"a stranger is not spared", test_spares_no_stranger},
                           {"the unseen are not dead", test_unseen_is_not_dead},
                           CU_TEST_INFO_NULL};
    CU_SuiteInfo suites[] = {{"hunt", NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};
    unsigned failed;

    signal(SIGPIPE, SIG_IGN);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (proc < 0 || CU_initialize_registry() != CUE_SUCCESS ||
        CU_register_suites(suites) != CUE_SUCCESS)
        return 1;
    CU_basic_set_mode(CU_BRM_VERBOSE);
    CU_basic_run_tests();
    failed = CU_get_number_of_failures();
    CU_cleanup_registry();
    close(proc);
    return failed != 0;
}
