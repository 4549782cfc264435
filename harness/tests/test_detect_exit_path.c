/*
 * Tests of the detector exit-path.
 */
#include "evidence_damage.h"

#include <sys/syscall.h>

#include <CUnit/Basic.h>

extern const struct detector detector_exit_path;

static struct fixture f;
static struct judgement judgement;

static void open_two(enum evidence_hang hang)
{
    fixture_open(&f);
    if (hang != HANG_NONE)
        fixture_hang(&f, hang);
    fixture_lane(&f, "T1");
    fixture_lane(&f, "T1.1");
    f.memory->lane[1].start = AT_WORKER;
}

static const struct finding *judge(enum stop_code code)
{
    fixture_judge(&f, &detector_exit_path, &judgement);
    return fixture_found(&judgement, code);
}

static void expect_silence(void)
{
    judge(STOP_NONE);
    CU_ASSERT_EQUAL(judgement.findings, 0);
    fixture_close(&f);
}

static void stuck_stack(void)
{
    unsigned thread = fixture_thread(&f, 0, THREAD_WAITING, SYS_futex);

    fixture_frame(&f, thread, "libc.so.6", "pthread_mutex_lock", "", 0);
    fixture_frame(&f, thread, "prog", "flush_all", "prog.c", 60);
    fixture_frame(&f, thread, "prog", "at_exit", "prog.c", 61);
    fixture_frame(&f, thread, "libc.so.6", "__run_exit_handlers", "", 0);
    fixture_frame(&f, thread, "libc.so.6", "exit", "", 0);
    fixture_frame(&f, thread, "prog", "main", "prog.c", 10);
}

static void test_handler_stuck(void)
{
    const struct finding *finding;

    open_two(HANG_PROVED);
    fixture_hold(&f, 1, LOCK_A, MODE_MUTEX, AT_WORKER);
    fixture_kill(&f, 1, SITE_MALLOC, 1, 0);
    fixture_exit(&f, 0, 3, 1, AT_MAIN);
    fixture_wait(&f, 0, SITE_LOCK, LOCK_A, MODE_MUTEX, AT_UPDATE);
    stuck_stack();
    finding = judge(STOP_EXIT_HANDLER_STUCK);
    CU_ASSERT_EQUAL(judgement.findings, 1);
    CU_ASSERT(fixture_says(finding, "T1 (main)  asked to exit with status 3, in main  prog"));
    CU_ASSERT(fixture_says(finding, "waits for mutex lock_a"));
    CU_ASSERT(fixture_says(finding, "the handler: at_exit  prog  prog.c:61"));
    CU_ASSERT(fixture_says(finding, "the phase: the exit handlers"));
    CU_ASSERT_STRING_EQUAL(finding->signature, "exit.handler-stuck prog:at_exit prog:flush_all");
    fixture_close(&f);
}

/* The innermost of libc's frames says where on the way it stands. */
static void expect_phase(const char *function, const char *said)
{
    unsigned thread;

    open_two(HANG_PROVED);
    fixture_exit(&f, 0, 0, 1, AT_MAIN);
    fixture_wait(&f, 0, SITE_LOCK, LOCK_A, MODE_MUTEX, AT_PLUGIN);
    thread = fixture_thread(&f, 0, THREAD_WAITING, SYS_futex);
    fixture_frame(&f, thread, "libc.so.6", "pthread_mutex_lock", "", 0);
    fixture_frame(&f, thread, "libplug.so", "stop", "plug.c", 40);
    fixture_frame(&f, thread, "libc.so.6", function, "", 0);
    fixture_frame(&f, thread, "libc.so.6", "__run_exit_handlers", "", 0);
    CU_ASSERT(fixture_says(judge(STOP_EXIT_HANDLER_STUCK), said));
    fixture_close(&f);
}

static void test_phases(void)
{
    expect_phase("_dl_fini", "the phase: the destructors of modules");
    expect_phase("__cxa_finalize", "the phase: the destructors of a module's objects");
    expect_phase("_IO_cleanup", "the phase: the flush of all streams");
    expect_phase("__call_tls_dtors", "the phase: the destructors of thread_local objects");
}

/* Another code tells of it, and it is held no more. */
static void test_twin_lock_is_gone(void)
{
    static const enum abi_event_kind kinds[] = {EVENT_DESTROYED, EVENT_FREE_HELD, EVENT_RELEASED};

    for (unsigned i = 0; i < 3; i++) {
        open_two(HANG_NONE);
        fixture_hold(&f, 0, LOCK_A, MODE_MUTEX, AT_UPDATE);
        fixture_event(&f, 1, kinds[i], MODE_NONE, LOCK_A, 0, AT_WORKER);
        fixture_exit(&f, 0, 0, 1, AT_MAIN);
        expect_silence();
    }
}

static void test_slow_is_a_note(void)
{
    unsigned thread;

    open_two(HANG_DEADLINE);
    fixture_exit(&f, 0, 3, 1, AT_MAIN);
    fixture_thread(&f, 1, THREAD_DEAD, -1);
    thread = fixture_thread(&f, 0, THREAD_RUNNING, -1);
    fixture_judge(&f, &detector_exit_path, &judgement);
    CU_ASSERT_EQUAL(fixture_found(&judgement, STOP_EXIT_HANDLER_STUCK)->severity,
                    STOP_SEVERITY_NOTE);
    f.evidence.thread[thread].state = THREAD_WAITING;
    fixture_judge(&f, &detector_exit_path, &judgement);
    CU_ASSERT_EQUAL(fixture_found(&judgement, STOP_EXIT_HANDLER_STUCK)->severity,
                    STOP_SEVERITY_FINDING);
    fixture_close(&f);
}

static void test_twin_stuck_in_our_probe(void)
{
    open_two(HANG_PROVED);
    fixture_kill(&f, 1, SITE_MALLOC, 1, 30);
    fixture_exit(&f, 0, 0, 1, 0);
    f.memory->lane[0].probe = PROBE_FORK;
    expect_silence();
}

static void test_twin_hang_before_exit(void)
{
    open_two(HANG_PROVED);
    fixture_wait(&f, 0, SITE_LOCK, LOCK_A, MODE_MUTEX, AT_UPDATE);
    expect_silence();
}

static void test_twin_somebody_else_hangs(void)
{
    open_two(HANG_PROVED);
    fixture_exit(&f, 0, 0, 1, 0);
    f.memory->lane[0].state = LANE_ENDED;
    expect_silence();
}

static void test_threads_alive(void)
{
    const struct finding *finding;

    open_two(HANG_NONE);
    fixture_exit(&f, 0, 0, 2, 0);
    finding = judge(STOP_EXIT_THREADS_ALIVE);
    CU_ASSERT_EQUAL(judgement.findings, 1);
    CU_ASSERT_EQUAL(finding->severity, STOP_SEVERITY_NOTE);
    CU_ASSERT(fixture_says(finding, "T1 (main)  ended main with status 0"));
    CU_ASSERT(fixture_says(finding, "T1.1       runs"));
    CU_ASSERT_STRING_EQUAL(finding->signature, "exit.threads-alive prog:worker -");
    fixture_close(&f);
}

static void test_threads_alive_that_the_exit_waits_for(void)
{
    const struct finding *finding;

    open_two(HANG_PROVED);
    fixture_exit(&f, 0, 0, 2, AT_MAIN);
    fixture_join(&f, 0, 1, AT_PLUGIN);
    fixture_wait(&f, 1, SITE_SEM_WAIT, READY, MODE_SEMAPHORE, AT_WORKER);
    finding = judge(STOP_EXIT_THREADS_ALIVE);
    CU_ASSERT_EQUAL(finding->severity, STOP_SEVERITY_FINDING);
    CU_ASSERT(fixture_says(finding, "the exit path waits for such a thread"));
    CU_ASSERT_PTR_NOT_NULL(fixture_found(&judgement, STOP_EXIT_HANDLER_STUCK));
    fixture_close(&f);
}

static void test_twin_exit_ordered_by_the_plan(void)
{
    open_two(HANG_NONE);
    fixture_hold(&f, 1, LOCK_A, MODE_MUTEX, AT_WORKER);
    fixture_event(&f, 0, EVENT_INJECT_INTENT, 0, 0, 0, AT_MAIN);
    fixture_exit(&f, 0, 5, 2, AT_MAIN);
    expect_silence();
}

static void test_locks_held(void)
{
    const struct finding *finding;

    open_two(HANG_NONE);
    fixture_hold(&f, 1, LOCK_A, MODE_MUTEX, AT_UPDATE);
    fixture_exit(&f, 0, 0, 1, AT_MAIN);
    finding = judge(STOP_EXIT_LOCKS_HELD);
    CU_ASSERT_EQUAL(judgement.findings, 1);
    CU_ASSERT_EQUAL(finding->severity, STOP_SEVERITY_NOTE);
    CU_ASSERT(fixture_says(finding, "T1.1       holds mutex lock_a, taken in update"));
    CU_ASSERT_STRING_EQUAL(finding->signature, "exit.locks-held prog:update -");
    fixture_close(&f);
}

static void test_locks_held_that_the_exit_waits_for(void)
{
    open_two(HANG_PROVED);
    fixture_hold(&f, 1, LOCK_A, MODE_MUTEX, AT_UPDATE);
    fixture_wait(&f, 1, SITE_SEM_WAIT, READY, MODE_SEMAPHORE, AT_WORKER);
    fixture_exit(&f, 0, 0, 1, AT_MAIN);
    fixture_wait(&f, 0, SITE_LOCK, LOCK_A, MODE_MUTEX, AT_PLUGIN);
    CU_ASSERT_EQUAL(judge(STOP_EXIT_LOCKS_HELD)->severity, STOP_SEVERITY_FINDING);
    fixture_close(&f);
}

/* Taken after the request, or by one whom the plan struck. */
static void test_twin_locks(void)
{
    open_two(HANG_NONE);
    fixture_lane(&f, "T1.2");
    fixture_hold(&f, 2, LOCK_B, MODE_MUTEX, AT_UPDATE);
    fixture_kill(&f, 2, SITE_MALLOC, 1, 0);
    fixture_exit(&f, 0, 0, 1, AT_MAIN);
    fixture_hold(&f, 0, LOCK_A, MODE_MUTEX, AT_UPDATE);
    expect_silence();
}

static void test_concurrent(void)
{
    const struct finding *finding;

    open_two(HANG_NONE);
    fixture_exit(&f, 1, 4, 1, AT_WORKER);
    fixture_exit(&f, 0, 0, 1, AT_MAIN);
    finding = judge(STOP_EXIT_CONCURRENT);
    CU_ASSERT_PTR_NOT_NULL_FATAL(finding);
    CU_ASSERT(fixture_says(finding, "T1.1       asked to exit with status 4, in worker"));
    CU_ASSERT(fixture_says(finding, "T1 (main)  asked to exit with status 0, in main"));
    CU_ASSERT_STRING_EQUAL(finding->signature, "exit.concurrent prog:main prog:worker");
    fixture_close(&f);
}

static void test_cut_off(void)
{
    const struct finding *finding;

    open_two(HANG_NONE);
    fixture_exit(&f, 1, 4, 1, AT_WORKER);
    fixture_event(&f, 0, EVENT_EXIT_PHASE, PHASE_LEAVE, 0, 2, AT_MAIN);
    finding = judge(STOP_EXIT_CONCURRENT);
    CU_ASSERT_PTR_NOT_NULL_FATAL(finding);
    CU_ASSERT_EQUAL(finding->severity, STOP_SEVERITY_NOTE);
    CU_ASSERT(fixture_says(finding, "T1 (main)  called _exit meanwhile, in main"));
    CU_ASSERT_STRING_EQUAL(finding->signature, "exit.concurrent prog:main prog:worker");
    fixture_close(&f);
}

/* The thread that runs the handlers may leave by _exit in one of them. */
static void test_twin_cut_off_by_itself(void)
{
    open_two(HANG_NONE);
    fixture_exit(&f, 0, 4, 1, AT_MAIN);
    fixture_event(&f, 0, EVENT_EXIT_PHASE, PHASE_LEAVE, 0, 1, AT_MAIN);
    expect_silence();
}

static void test_twin_one_of_them_by_the_plan(void)
{
    open_two(HANG_NONE);
    fixture_event(&f, 1, EVENT_INJECT_INTENT, 0, 0, 0, AT_WORKER);
    fixture_exit(&f, 1, 4, 1, AT_WORKER);
    fixture_exit(&f, 0, 0, 1, AT_MAIN);
    expect_silence();
}

static void test_twin_the_other_is_a_child(void)
{
    unsigned child;

    open_two(HANG_NONE);
    child = fixture_forked(&f, "T1f1", 0);
    fixture_exit(&f, 0, 0, 1, AT_MAIN);
    fixture_exit(&f, child, 0, 1, AT_MAIN);
    expect_silence();
}

static void test_thread_created(void)
{
    const struct finding *finding;

    open_two(HANG_NONE);
    f.memory->lane[1].state = LANE_ENDED;
    fixture_exit(&f, 0, 0, 1, AT_MAIN);
    fixture_lane(&f, "T1.2");
    f.memory->lane[0].site = SITE_THREAD_CREATE;
    fixture_event(&f, 0, EVENT_CALL, 2, AT_WORKER, 0, AT_PLUGIN);
    finding = judge(STOP_EXIT_THREAD_CREATED);
    CU_ASSERT_PTR_NOT_NULL_FATAL(finding);
    CU_ASSERT(fixture_says(finding, "and then created T1.2, in stop  libplug.so"));
    CU_ASSERT_STRING_EQUAL(finding->signature, "exit.thread-created libplug.so:stop -");
    fixture_close(&f);
}

/* Before the request, in vain, or by another thread about its work. */
static void test_twin_threads_created(void)
{
    open_two(HANG_NONE);
    f.memory->lane[0].site = f.memory->lane[1].site = SITE_THREAD_CREATE;
    fixture_event(&f, 0, EVENT_CALL, 1, AT_WORKER, 0, AT_MAIN);
    fixture_exit(&f, 0, 0, 1, AT_MAIN);
    fixture_event(&f, 0, EVENT_CALL, UINT32_MAX, AT_WORKER, 1, AT_PLUGIN);
    fixture_event(&f, 1, EVENT_CALL, 2, AT_WORKER, 0, AT_WORKER);
    expect_silence();
}

static void test_damage(void)
{
    open_two(HANG_PROVED);
    fixture_hold(&f, 1, LOCK_A, MODE_MUTEX, AT_UPDATE);
    fixture_exit(&f, 0, 0, 2, AT_MAIN);
    fixture_exit(&f, 1, 0, 2, AT_WORKER);
    fixture_wait(&f, 0, SITE_LOCK, LOCK_A, MODE_MUTEX, AT_PLUGIN);
    stuck_stack();
    fixture_damage(&f, &detector_exit_path, 0xe817);
    fixture_close(&f);
}

int main(void)
{
    static const struct fixture_case cases[] = {
        {"a handler is stuck", test_handler_stuck},
        {"phases", test_phases},
        {"slow is a note", test_slow_is_a_note},
        {"threads alive", test_threads_alive},
        {"threads alive, waited for", test_threads_alive_that_the_exit_waits_for},
        {"locks held", test_locks_held},
        {"locks held, waited for", test_locks_held_that_the_exit_waits_for},
        {"two exits", test_concurrent},
        {"_exit beside an exit", test_cut_off},
        {"twin: _exit in a handler", test_twin_cut_off_by_itself},
        {"a thread created", test_thread_created},
        {"twin: our probe", test_twin_stuck_in_our_probe},
        {"twin: before exit", test_twin_hang_before_exit},
        {"twin: somebody else", test_twin_somebody_else_hangs},
        {"twin: ordered", test_twin_exit_ordered_by_the_plan},
        {"twin: locks", test_twin_locks},
        {"twin: a lock is gone", test_twin_lock_is_gone},
        {"twin: one exit ordered", test_twin_one_of_them_by_the_plan},
        {"twin: a child's exit", test_twin_the_other_is_a_child},
        {"twin: threads created", test_twin_threads_created},
        {"damaged memory", test_damage},
        {NULL, NULL},
    };

    return fixture_main("detector exit-path", cases);
}
