/*
 * test_unwind_seize: stopping all of a process, and letting it go as it was.
 *
 * The targets notice what a careless tracer would do to them: a lost signal, a stop that
 * ended, a thread that was missed, an exit status that somebody else took.
 */
#include <harness/supervisor/process/unwind.h>

#include <harness/tests/unwind_tests.h>

#include <CUnit/Basic.h>
#include <dirent.h>
#include <pthread.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>

enum {
    TIDS = 64,
    SIGNALS = 300,
    ROUNDS = 60,
};

static pid_t tids[TIDS];

static void seize(pid_t pid, size_t *count)
{
    struct error e = {0};

    CU_ASSERT_EQUAL_FATAL(unwind_seize_all(pid, tids, TIDS, count, &e), 0);
}

static void *sleeper(void *arg)
{
    struct board *board = arg;

    atomic_fetch_add(&board->counter, 1);
    target_sleep(board);
    return NULL;
}

static void crowd_target(struct board *board)
{
    pthread_t thread;

    for (int i = 0; i < 5; i++)
        pthread_create(&thread, NULL, sleeper, board);
    while (atomic_load(&board->counter) < 5)
        sched_yield();
    board_post(board, 1);
    target_sleep(board);
}

static void test_all_stop_and_go(void)
{
    struct board *board = board_new();
    pid_t pid = target_start(crowd_target, board);
    size_t count;
    long call;

    board_wait(board, 1);
    seize(pid, &count);
    CU_ASSERT_EQUAL(count, 6);
    for (size_t i = 0; i < count; i++)
        CU_ASSERT_EQUAL(target_state(pid, tids[i], &call), 't');
    CU_ASSERT_EQUAL(unwind_detach_all(pid, tids, count), 0);
    for (size_t i = 0; i < count; i++)
        target_wait_call(pid, tids[i], SYS_futex);
    target_kill(pid);
    board_free(board);
}

static void test_too_many(void)
{
    struct board *board = board_new();
    pid_t pid = target_start(crowd_target, board);
    struct error e = {0};
    size_t count;

    board_wait(board, 1);
    CU_ASSERT_EQUAL(unwind_seize_all(pid, tids, 2, &count, &e), ERROR_FULL);
    CU_ASSERT_EQUAL(count, 2);
    CU_ASSERT_TRUE(strstr(e.text, "more than 2 threads") != NULL);
    CU_ASSERT_EQUAL(unwind_detach_all(pid, tids, count), 0);
    CU_ASSERT_EQUAL(unwind_seize_all(pid, tids, 6, &count, &e), 0);
    CU_ASSERT_EQUAL(count, 6);
    CU_ASSERT_EQUAL(unwind_detach_all(pid, tids, count), 0);
    target_kill(pid);
    board_free(board);
}

/* ---- as it was: running, or stopped ---- */

static void counting_target(struct board *board)
{
    board_post(board, 1);
    while (atomic_load(&board->stage) < 2)
        atomic_fetch_add(&board->counter, 1);
}

static void wait_for_progress(struct board *board)
{
    uint32_t before = atomic_load(&board->counter);
    int64_t deadline = target_now_s() + TARGET_WAIT_S;

    while (atomic_load(&board->counter) == before) {
        if (target_now_s() > deadline)
            target_broken("progress");
        sched_yield();
    }
}

static void test_running_goes_on(void)
{
    struct board *board = board_new();
    pid_t pid = target_start(counting_target, board);
    uint32_t before;
    size_t count;

    board_wait(board, 1);
    seize(pid, &count);
    before = atomic_load(&board->counter);
    for (int i = 0; i < 1000; i++)
        sched_yield();
    CU_ASSERT_EQUAL(atomic_load(&board->counter), before);
    CU_ASSERT_EQUAL(unwind_detach_all(pid, tids, count), 0);
    wait_for_progress(board);
    board_post(board, 2);
    CU_ASSERT_EQUAL(target_join(pid), 0);
    board_free(board);
}

static void test_stopped_stays_stopped(void)
{
    struct board *board = board_new();
    pid_t pid = target_start(crowd_target, board);
    size_t count;

    board_wait(board, 1);
    kill(pid, SIGSTOP);
    target_wait_state(pid, pid, 'T');
    for (int i = 0; i < 3; i++) {
        seize(pid, &count);
        CU_ASSERT_EQUAL(count, 6);
        CU_ASSERT_EQUAL(unwind_detach_all(pid, tids, count), 0);
        for (size_t t = 0; t < count; t++)
            target_wait_state(pid, tids[t], 'T');
    }
    kill(pid, SIGCONT);
    for (size_t t = 0; t < count; t++)
        target_wait_call(pid, tids[t], SYS_futex);
    target_kill(pid);
    board_free(board);
}

/* ---- signals on their way ---- */

static struct board *signal_board;

static void count_signal(int signal, siginfo_t *info, void *context)
{
    atomic_fetch_add(&signal_board->sum, info->si_value.sival_int);
    atomic_fetch_add(&signal_board->counter, 1);
}

static void signal_target(struct board *board)
{
    struct sigaction action = {.sa_sigaction = count_signal, .sa_flags = SA_SIGINFO};

    signal_board = board;
    sigaction(SIGRTMIN, &action, NULL);
    sigaction(SIGUSR1, &action, NULL);
    board_post(board, 1);
    board_wait(board, 2);
}

static void test_no_signal_is_lost(void)
{
    struct board *board = board_new();
    pid_t pid = target_start(signal_target, board);
    int64_t sum = 0, deadline = target_now_s() + TARGET_WAIT_S;
    size_t count;

    board_wait(board, 1);
    for (int i = 1; i <= SIGNALS; i++) {
        union sigval value = {.sival_int = i};

        CU_ASSERT_EQUAL_FATAL(sigqueue(pid, SIGRTMIN, value), 0);
        sum += i;
        seize(pid, &count);
        CU_ASSERT_EQUAL(unwind_detach_all(pid, tids, count), 0);
    }
    while (atomic_load(&board->counter) < SIGNALS && target_now_s() < deadline)
        sched_yield();
    CU_ASSERT_EQUAL(atomic_load(&board->counter), SIGNALS);
    CU_ASSERT_EQUAL(atomic_load(&board->sum), sum);
    board_post(board, 2);
    CU_ASSERT_EQUAL(target_join(pid), 0);
    board_free(board);
}

/* ---- threads that come, go and die meanwhile ---- */

static void *short_life(void *arg)
{
    return arg;
}

static void *breeder(void *arg)
{
    struct board *board = arg;
    pthread_t thread;

    while (atomic_load(&board->stage) < 2) {
        if (pthread_create(&thread, NULL, short_life, NULL) == 0)
            pthread_join(thread, NULL);
        atomic_fetch_add(&board->counter, 1);
    }
    return NULL;
}

static void breeding_target(struct board *board)
{
    pthread_t thread[3];

    for (int i = 0; i < 3; i++)
        pthread_create(&thread[i], NULL, breeder, board);
    board_post(board, 1);
    for (int i = 0; i < 3; i++)
        pthread_join(thread[i], NULL);
}

/* Every thread that /proc shows is stopped, and is in the list. */
static bool all_held(pid_t pid, size_t count)
{
    char path[32];
    struct dirent *entry;
    bool held = true;
    size_t seen = 0;
    DIR *tasks;

    snprintf(path, sizeof path, "/proc/%d/task", pid);
    tasks = opendir(path);
    while (tasks != NULL && (entry = readdir(tasks)) != NULL) {
        pid_t tid = (pid_t)atoi(entry->d_name);
        size_t i = 0;
        long call;

        while (i < count && tids[i] != tid)
            i++;
        if (tid > 0)
            held = held && i < count && target_state(pid, tid, &call) == 't';
        seen += tid > 0;
    }
    if (tasks != NULL)
        closedir(tasks);
    return held && seen == count;
}

static void test_threads_come_and_go(void)
{
    struct board *board = board_new();
    pid_t pid = target_start(breeding_target, board);
    size_t count;

    board_wait(board, 1);
    for (int i = 0; i < ROUNDS; i++) {
        wait_for_progress(board);
        seize(pid, &count);
        CU_ASSERT_TRUE(all_held(pid, count));
        CU_ASSERT_EQUAL(unwind_detach_all(pid, tids, count), 0);
    }
    board_post(board, 2);
    CU_ASSERT_EQUAL(target_join(pid), 0);
    board_free(board);
}

/* Threads that are dying may take their time on a busy machine: the caller asks again. */
static void let_go(pid_t pid, size_t count)
{
    int64_t deadline = target_now_s() + TARGET_WAIT_S;

    while (unwind_detach_all(pid, tids, count) > 0) {
        if (target_now_s() > deadline)
            target_broken("threads to be let go");
    }
}

static void test_death_while_held(void)
{
    struct board *board = board_new();
    pid_t pid = target_start(crowd_target, board);
    struct unwind_regs regs;
    struct error e = {0};
    size_t count;
    int status;

    board_wait(board, 1);
    seize(pid, &count);
    CU_ASSERT_EQUAL(unwind_registers(pid, &regs, &e), 0);
    CU_ASSERT_NOT_EQUAL(regs.r[UNWIND_RIP], 0);
    kill(pid, SIGKILL);
    target_wait_state(pid, pid, 'Z');
    CU_ASSERT_NOT_EQUAL(unwind_registers(tids[1], &regs, &e), 0);
    let_go(pid, count);
    status = target_join(pid);
    CU_ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    board_free(board);
}

/* The target dies at any moment of seizing; its parent still learns how. */
static void dying_target(struct board *board)
{
    pthread_t thread;

    pthread_create(&thread, NULL, sleeper, board);
    board_post(board, 1);
    while (atomic_load(&board->stage) < 2)
        ;
    _exit(42);
}

static void test_death_while_seizing(void)
{
    for (int i = 0; i < ROUNDS; i++) {
        struct board *board = board_new();
        pid_t pid = target_start(dying_target, board);
        struct error e = {0};
        size_t count;
        int code, status;

        board_wait(board, 1);
        board_post(board, 2);
        for (int spin = 0; spin < i; spin++)
            sched_yield();
        code = unwind_seize_all(pid, tids, TIDS, &count, &e);
        CU_ASSERT_TRUE(code == 0 || code == ERROR_NOT_FOUND);
        let_go(pid, count);
        status = target_join(pid);
        CU_ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 42);
        board_free(board);
    }
}

/* ---- threads that can't be stopped ---- */

/* The child of a vfork borrows its parent's memory; the parent sleeps through everything. */
static void vfork_target(struct board *board)
{
    pid_t child = vfork();
    int status = 1;

    if (child == 0) {
        board_post(board, 1);
        board_wait(board, 2);
        _exit(0);
    }
    waitpid(child, &status, 0);
    _exit(status);
}

static void test_uninterruptible(void)
{
    struct board *board = board_new();
    pid_t pid = target_start(vfork_target, board);
    struct unwind_regs regs;
    struct error e = {0};
    size_t count;

    board_wait(board, 1);
    target_wait_state(pid, pid, 'D');
    seize(pid, &count);
    CU_ASSERT_EQUAL(count, 1);
    CU_ASSERT_EQUAL(unwind_registers(pid, &regs, &e), ERROR_BUSY);
    CU_ASSERT_EQUAL(unwind_detach_all(pid, tids, count), 1);
    board_post(board, 2);
    target_wait_state(pid, pid, 't');
    CU_ASSERT_EQUAL(unwind_detach_all(pid, tids, count), 0);
    CU_ASSERT_EQUAL(target_join(pid), 0);
    board_free(board);
}

/* ---- refusals ---- */

static pid_t prey;

static void debugger_target(struct board *board)
{
    if (ptrace(PTRACE_SEIZE, prey, NULL, NULL) == 0)
        board_post(board, 2);
    target_sleep(board);
}

static void test_other_debugger(void)
{
    struct board *board = board_new(), *other = board_new();
    struct error e = {0};
    char number[16];
    size_t count = 5;
    pid_t debugger;

    prey = target_start(crowd_target, board);
    board_wait(board, 1);
    debugger = target_start(debugger_target, other);
    board_wait(other, 2);
    snprintf(number, sizeof number, "%d", debugger);
    CU_ASSERT_EQUAL(unwind_seize_all(prey, tids, TIDS, &count, &e), ERROR_BUSY);
    CU_ASSERT_EQUAL(count, 0);
    CU_ASSERT_TRUE(strstr(e.text, number) != NULL);
    target_kill(debugger);
    /* The threads seized before the refusal were let go. */
    CU_ASSERT_EQUAL(unwind_seize_all(prey, tids, TIDS, &count, &e), 0);
    CU_ASSERT_EQUAL(count, 6);
    CU_ASSERT_EQUAL(unwind_detach_all(prey, tids, count), 0);
    target_kill(prey);
    board_free(board);
    board_free(other);
}

static void ending_target(struct board *board) {}

static void test_no_process(void)
{
    pid_t pid = target_start(ending_target, NULL);
    struct error e = {0};
    size_t count = 5;

    target_wait_state(pid, pid, 'Z');
    CU_ASSERT_EQUAL(unwind_seize_all(pid, tids, TIDS, &count, &e), ERROR_NOT_FOUND);
    CU_ASSERT_EQUAL(target_join(pid), 0);
    CU_ASSERT_EQUAL(unwind_seize_all(pid, tids, TIDS, &count, &e), ERROR_NOT_FOUND);
    CU_ASSERT_EQUAL(count, 0);
    CU_ASSERT_EQUAL(unwind_detach_all(pid, tids, 0), 0);
}

static CU_TestInfo tests[] = {
    {"all stop, and all go on", test_all_stop_and_go},
    {"more threads than room", test_too_many},
    {"a running process runs on", test_running_goes_on},
    {"a stopped process stays stopped", test_stopped_stays_stopped},
    {"no signal is lost", test_no_signal_is_lost},
    {"threads come and go", test_threads_come_and_go},
    {"death while held", test_death_while_held},
    {"death while being seized", test_death_while_seizing},
    {"a thread that can't be stopped", test_uninterruptible},
    {"another debugger", test_other_debugger},
    {"no such process", test_no_process},
    CU_TEST_INFO_NULL,
};

int main(void)
{
    return unwind_tests("unwind_seize", NULL, NULL, tests);
}
