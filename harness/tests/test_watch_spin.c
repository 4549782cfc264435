/*
 * Tests of watch_spin: which loops are proved to get nowhere and which are not, and that a
 * process goes on unharmed when it was looked into. The targets are children of ours.
 */
#include <harness/supervisor/watch/watch.h>
#include <harness/supervisor/watch/watch_spin.h>

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <CUnit/Basic.h>

enum { TRIES = 40 };

/* In the child's own memory, at the same place as in ours. */
static volatile uint64_t word;
static volatile uint64_t written;
static char why[FINDING_TEXT_BYTES];

static void spin_on_word(void)
{
    while (word == 0)
        continue;
}

static void spin_and_exchange(void)
{
    static uint64_t lock = 1;

    while (word == 0 && __atomic_exchange_n(&lock, 1, __ATOMIC_ACQUIRE) != 0)
        __builtin_ia32_pause();
}

static void spin_and_yield(void)
{
    while (word == 0)
        sched_yield();
}

/* Its turn is longer than anybody's patience, and each of them is another. */
static void count_in_a_register(void)
{
    for (uint64_t n = 0; word == 0; n++)
        __asm__ volatile("" : "+r"(n));
}

static void count_in_memory(void)
{
    while (word == 0)
        written++;
}

/* The registers recur and so does the memory, after two turns; in between it is another. */
static void write_and_take_back(void)
{
    while (word == 0) {
        written = 1;
        written = 0;
    }
}

static void ask_the_clock(void)
{
    while (word == 0)
        __builtin_ia32_rdtsc();
}

static void ask_the_system(void)
{
    while (word == 0)
        getppid();
}

static void share_memory(void)
{
    if (mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0) != MAP_FAILED)
        spin_on_word();
}

/* As the recorder does in every program that it follows, and nobody looks there. */
static void share_with_recorder(void)
{
    char path[64];
    int fd;

    snprintf(path, sizeof path, "/dev/shm/rundown-recorder-%d", (int)getpid());
    fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    unlink(path);
    if (fd >= 0 && ftruncate(fd, 4096) == 0 &&
        mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) != MAP_FAILED)
        spin_on_word();
}

static void note_signal(int signal)
{
    word = (uint64_t)signal;
}

static void handle_signals(void)
{
    signal(SIGTERM, note_signal);
    spin_on_word();
}

/* A step there would end the process. */
static void block_steps(void)
{
    sigset_t trap;

    sigemptyset(&trap);
    sigaddset(&trap, SIGTRAP);
    sigprocmask(SIG_BLOCK, &trap, NULL);
    spin_on_word();
}

/* A step over either would leave the step's own flag to the program, long after the look. */
static void save_its_flags(void)
{
    while (word == 0)
        __asm__ volatile("lea -128(%%rsp), %%rsp\n\t"
                         "pushfq\n\t"
                         ".rept 40\n\tnop\n\t.endr\n\t"
                         "popfq\n\t"
                         "lea 128(%%rsp), %%rsp" ::
                             : "memory", "cc");
}

static pid_t start(void (*loop)(void))
{
    int ends[2];
    char byte;
    pid_t pid;

    CU_ASSERT_EQUAL_FATAL(pipe(ends), 0);
    fflush(NULL);
    pid = fork();
    CU_ASSERT_FATAL(pid >= 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(ends[0]);
        close(ends[1]); /* the parent reads its end, and we are as good as in the loop */
        loop();
        _exit(0);
    }
    close(ends[1]);
    CU_ASSERT_EQUAL(read(ends[0], &byte, 1), 0);
    close(ends[0]);
    return pid;
}

/* How many looks of @TRIES proved it, up to the first. */
static bool is_proved(pid_t pid)
{
    int tid = pid;

    for (unsigned i = 0; i < TRIES; i++)
        if (watch_spin_proved(pid, &tid, 1, why))
            return true;
    return false;
}

/* Told to leave its loop, it does so as if nothing had been. */
static void check_unharmed(pid_t pid)
{
    uint64_t one = 1;
    struct iovec from = {&one, sizeof one};
    struct iovec to = {(void *)(uintptr_t)&word, sizeof word};
    int status = -1;

    CU_ASSERT_EQUAL(process_vm_writev(pid, &from, 1, &to, 1, 0), (ssize_t)sizeof one);
    CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
    CU_ASSERT_EQUAL(status, 0);
}

static void check(void (*loop)(void), bool proved, const char *reason)
{
    pid_t pid = start(loop);
    bool was;

    why[0] = 0;
    was = is_proved(pid);
    if (was != proved)
        fprintf(stderr, "\n    proved: %d; the last reason: '%s'\n", was, why);
    CU_ASSERT_EQUAL(was, proved);
    if (!proved && strstr(why, reason) == NULL)
        fprintf(stderr, "\n    wanted '%s', not '%s'\n", reason, why);
    CU_ASSERT_TRUE(proved || strstr(why, reason) != NULL);
    check_unharmed(pid);
}

static void test_spinning_is_proved(void)
{
    check(spin_on_word, true, "");
    check(spin_and_exchange, true, "");
    check(spin_and_yield, true, "");
    check(share_with_recorder, true, "");
}

static void test_work_is_not(void)
{
    check(count_in_a_register, false, "did not recur");
    check(count_in_memory, false, "");
    check(write_and_take_back, false, "writes to memory");
}

static void test_what_comes_from_outside_is_not(void)
{
    check(ask_the_clock, false, "asks the system or the clock");
    check(ask_the_system, false, "asks the system or the clock");
    check(handle_signals, false, "a signal could");
    check(block_steps, false, "being stepped already");
    check(share_memory, false, "others can write");
    check(save_its_flags, false, "saves its flags or");
}

static void test_nobody_is_no_proof(void)
{
    int tid = 0;

    CU_ASSERT_FALSE(watch_spin_proved(getpid(), &tid, 0, why));
    CU_ASSERT_FALSE(watch_spin_proved(getpid(), &tid, WATCH_SPINNERS + 1, why));
    tid = INT32_MAX;
    CU_ASSERT_FALSE(watch_spin_proved(INT32_MAX, &tid, 1, why));
}

/* Until the child of its vfork() has ended, nothing stops it. */
static void wait_below(int *pipe_ends)
{
    char byte;

    close(pipe_ends[1]);
    if (vfork() == 0) {
        (void)!read(pipe_ends[0], &byte, 1);
        _exit(0);
    }
    _exit(7);
}

/* Its stops are for whoever traces it, which here are we as well. */
static bool has_ended(pid_t pid)
{
    siginfo_t info = {0};

    CU_ASSERT_EQUAL_FATAL(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT), 0);
    return info.si_pid == pid && info.si_code != CLD_TRAPPED && info.si_code != CLD_STOPPED;
}

static void test_what_stops_late_is_let_go(void)
{
    int ends[2], status = -1;
    struct timespec pause = {0, 1000000};
    pid_t pid;

    CU_ASSERT_EQUAL_FATAL(pipe(ends), 0);
    pid = fork();
    if (pid == 0)
        wait_below(ends);
    close(ends[0]);
    while (watch_letter(pid, pid) != 'D')
        nanosleep(&pause, NULL);
    CU_ASSERT_FALSE(watch_spin_proved(pid, &pid, 1, why));
    CU_ASSERT_FALSE(watch_spin_proved(pid, &pid, 1, why)); /* nor is it stopped twice */
    close(ends[1]);
    while (!has_ended(pid)) {
        watch_spin_release();
        nanosleep(&pause, NULL);
    }
    CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
    CU_ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 7);
}

/* A step would begin its wait anew, and raise the step's signal when the wait ends. */
static void test_who_waits_is_not_stepped(void)
{
    int ends[2], status = -1;
    struct timespec pause = {0, 1000000};
    char byte;
    pid_t pid;

    CU_ASSERT_EQUAL_FATAL(pipe(ends), 0);
    pid = fork();
    if (pid == 0) {
        close(ends[1]);
        (void)!read(ends[0], &byte, 1);
        _exit(7);
    }
    close(ends[0]);
    while (watch_letter(pid, pid) != 'S')
        nanosleep(&pause, NULL);
    CU_ASSERT_FALSE(watch_spin_proved(pid, &pid, 1, why));
    CU_ASSERT_PTR_NOT_NULL(strstr(why, "it waits in a system call"));
    close(ends[1]);
    CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
    CU_ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 7);
}

int main(void)
{
    CU_pSuite suite;

    if (CU_initialize_registry() != CUE_SUCCESS)
        return 2;
    suite = CU_add_suite("watch_spin", NULL, NULL);
    CU_ADD_TEST(suite, test_spinning_is_proved);
    CU_ADD_TEST(suite, test_work_is_not);
    CU_ADD_TEST(suite, test_what_comes_from_outside_is_not);
    CU_ADD_TEST(suite, test_nobody_is_no_proof);
    CU_ADD_TEST(suite, test_what_stops_late_is_let_go);
    CU_ADD_TEST(suite, test_who_waits_is_not_stepped);
    CU_basic_set_mode(CU_BRM_VERBOSE);
    CU_basic_run_tests();
    return CU_get_number_of_failures() != 0;
}
