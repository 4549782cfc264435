/*
 * Tests of the autopsy's own part: what the plan's doing is called, whom a stream's lock names,
 * and that nobody held by ptrace is forgotten. The rest needs a whole run (end to end).
 */
#include "unwind_target.h"

#include <harness/supervisor/evidence/autopsy.h>
#include <harness/supervisor/process/unwind.h>

#include <harness/injector.h>

#include <pthread.h>

#include <CUnit/Basic.h>

static struct job job;
static struct autopsy autopsy;

static void open_job(void)
{
    struct error e = {0};

    CU_ASSERT_EQUAL_FATAL(job_open(&job, &e), 0);
    job.memory->control.epoch = 1;
    job.memory->control.lanes = 1;
    job.server = getpid(); /* whose modules are read where the target has none any more */
    memset(&autopsy, 0, sizeof autopsy);
    autopsy.hz = 1e9;
}

static void close_job(void)
{
    autopsy_close(&autopsy);
    job.server = 0;
    job_close(&job, NULL);
}

/* --- effects -------------------------------------------------------------------------------- */

static void strike_with(const char *injector)
{
    struct abi_control *control = &job.memory->control;
    int index = injector_find(injector);

    CU_ASSERT_FATAL(index >= 0);
    memset(&control->plan, 0, sizeof control->plan);
    control->plan.count = 1;
    control->plan.strike[0].injector = (uint16_t)index;
    strcpy(control->plan.strike[0].thread, "T1.1");
    control->plan.strike[0].argument = 9;
    control->fired = 1;
    autopsy_collect(&autopsy, &job, HANG_NONE, NULL, NULL, 0);
    autopsy_release(&autopsy);
}

/* Nobody died at a place that could be recorded: all were on their way out of a hook. */
static void test_all_others_die(void)
{
    open_job();
    strike_with("exit-nt-order");
    CU_ASSERT_TRUE(autopsy.evidence.effect_thread);
    CU_ASSERT_EQUAL(autopsy.evidence.effect_status, 9);
    strike_with("exit");
    CU_ASSERT_FALSE(autopsy.evidence.effect_thread);
    CU_ASSERT_EQUAL(autopsy.evidence.effect_status, 9);
    strike_with("thread-kill");
    CU_ASSERT_TRUE(autopsy.evidence.effect_thread);
    CU_ASSERT_EQUAL(autopsy.evidence.effect_status, -1);
    close_job();
}

/* --- a stream's owner ----------------------------------------------------------------------------
 */

static struct board *posted;

static void *take_stream(void *argument)
{
    atomic_store(&posted->tid[0], (int)syscall(SYS_gettid));
    flockfile(stderr);
    return argument;
}

/* The main thread has the stream, the other one wants it. */
static void stream_target(struct board *board)
{
    pthread_t thread;

    posted = board;
    atomic_store(&board->address[0], (uint64_t)pthread_self());
    flockfile(stderr);
    pthread_create(&thread, NULL, take_stream, NULL);
    board_post(board, 1);
    pthread_join(thread, NULL);
}

static const struct evidence_thread *thread_of(int tid)
{
    for (unsigned i = 0; i < autopsy.evidence.threads; i++)
        if (autopsy.evidence.thread[i].tid == tid)
            return &autopsy.evidence.thread[i];
    return NULL;
}

static void test_stream_names_its_owner(void)
{
    struct board *board = board_new();
    const struct evidence_thread *thread;
    pid_t pid;

    open_job();
    pid = target_start(stream_target, board);
    board_wait(board, 1);
    while (atomic_load(&board->tid[0]) == 0)
        sched_yield();
    target_wait_call(pid, atomic_load(&board->tid[0]), SYS_futex);
    target_wait_call(pid, pid, SYS_futex);
    job.memory->control.pid = (uint32_t)pid;
    autopsy_collect(&autopsy, &job, HANG_PROVED, NULL, NULL, 0);
    thread = thread_of(atomic_load(&board->tid[0]));
    CU_ASSERT_PTR_NOT_NULL_FATAL(thread);
    CU_ASSERT_EQUAL(thread->stream_owner, atomic_load(&board->address[0]));
    thread = thread_of(pid); /* joins: that is no stream */
    CU_ASSERT_PTR_NOT_NULL_FATAL(thread);
    CU_ASSERT_EQUAL(thread->stream_owner, 0);
    kill(pid, SIGKILL);
    autopsy_release(&autopsy);
    CU_ASSERT_EQUAL(autopsy.seized, 0);
    target_join(pid);
    close_job();
    board_free(board);
}

/* --- letting go
 * ------------------------------------------------------------------------------------ */

/* The child of a vfork borrows its parent's memory; the parent never stops for anybody. */
static void vfork_target(struct board *board)
{
    if (vfork() == 0) {
        board_post(board, 1);
        board_wait(board, 2);
        _exit(0);
    }
}

static void test_held_until_dead(void)
{
    struct board *board = board_new();
    pid_t pid = target_start(vfork_target, board);
    int64_t deadline = target_now_s() + TARGET_WAIT_S;
    struct error e = {0};

    memset(&autopsy, 0, sizeof autopsy);
    board_wait(board, 1);
    target_wait_state(pid, pid, 'D');
    CU_ASSERT_EQUAL_FATAL(unwind_seize_all(pid, autopsy.tid, EVIDENCE_THREADS, &autopsy.tids, &e),
                          0);
    autopsy.seized = pid;
    autopsy_release(&autopsy);
    CU_ASSERT_EQUAL(autopsy.seized, pid);
    CU_ASSERT_EQUAL(autopsy.tids, 1);
    kill(pid, SIGKILL);
    board_post(board, 2);
    while (autopsy.seized != 0) {
        if (target_now_s() > deadline)
            target_broken("a dead thread to be let go");
        autopsy_release(&autopsy);
    }
    target_join(pid);
    board_free(board);
}

int main(void)
{
    CU_pSuite suite;

    if (CU_initialize_registry() != CUE_SUCCESS)
        return 1;
    suite = CU_add_suite("autopsy", NULL, NULL);
    CU_ADD_TEST(suite, test_all_others_die);
    CU_ADD_TEST(suite, test_stream_names_its_owner);
    CU_ADD_TEST(suite, test_held_until_dead);
    CU_basic_set_mode(CU_BRM_VERBOSE);
    CU_basic_run_tests();
    return CU_get_number_of_failures() != 0;
}
