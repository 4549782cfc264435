/*
 * Tests of the detector recorder: whose stack ends in the flight recorder, and whose only passes
 * by it.
 */
#include "evidence_damage.h"

#include <string.h>
#include <sys/syscall.h>

#include <CUnit/Basic.h>

extern const struct detector detector_recorder;

static struct fixture f;
static struct judgement judgement;

/* T1 waits in libc, called from @module. */
static void open_stuck(const char *module)
{
    unsigned thread;

    fixture_open(&f);
    fixture_hang(&f, HANG_PROVED);
    fixture_lane(&f, "T1");
    fixture_lane(&f, "T1.1");
    thread = fixture_thread(&f, 0, THREAD_WAITING, SYS_futex);
    fixture_frame(&f, thread, "libc.so.6", "futex_wait", "", 0);
    fixture_frame(&f, thread, "librundown-agent.so", "pthread_mutex_lock", "", 0);
    fixture_frame(&f, thread, module, "leave", "", 0);
    fixture_frame(&f, thread, "libc.so.6", "exit", "", 0);
    fixture_frame(&f, thread, "prog", "main", "prog.c", 10);
}

static const struct finding *judge(void)
{
    fixture_judge(&f, &detector_recorder, &judgement);
    return fixture_found(&judgement, STOP_HARNESS_RECORDER);
}

static void test_stuck_at_exit(void)
{
    const struct finding *finding;

    open_stuck("liblttng-ust.so.1");
    f.memory->lane[1].in_tracepoint = 1;
    finding = judge();
    CU_ASSERT_PTR_NOT_NULL_FATAL(finding);
    CU_ASSERT(fixture_says(finding, "T1 (main)  is stuck in the flight recorder, in leave"));
    CU_ASSERT(fixture_says(finding, "T1.1       was in the middle of an event"));
    CU_ASSERT_EQUAL(finding->severity, STOP_SEVERITY_HARNESS);
    CU_ASSERT_STRING_EQUAL(finding->signature, "harness.recorder liblttng-ust.so.1:leave -");
    fixture_close(&f);
}

/* What is said of the same hang is our doing as well. */
static void test_takes_back_what_others_said(void)
{
    open_stuck("librundown-lttng.so");
    memset(&judgement, 0, sizeof judgement);
    judgement_add(&judgement, STOP_HANG_DEADLOCK);
    judgement_add(&judgement, STOP_EXIT_HANDLER_STUCK);
    detector_recorder.judge(&f.evidence, &judgement);
    CU_ASSERT_EQUAL(judgement.findings, 1);
    CU_ASSERT_EQUAL(judgement.finding[0].code, STOP_HARNESS_RECORDER);
    fixture_close(&f);
}

static void test_other_libraries_are_let_be(void)
{
    open_stuck("libpolicy.so");
    f.memory->lane[1].in_tracepoint = 1;
    CU_ASSERT_PTR_NULL(judge());
    fixture_close(&f);
}

/* The recorder called the program, which waits by itself. */
static void test_called_by_the_recorder(void)
{
    unsigned thread;

    open_stuck("libpolicy.so");
    thread = fixture_thread(&f, 1, THREAD_WAITING, SYS_futex);
    fixture_frame(&f, thread, "libc.so.6", "futex_wait", "", 0);
    fixture_frame(&f, thread, "libpolicy.so", "wait_for", "", 0);
    fixture_frame(&f, thread, "liblttng-ust.so.1", "callback", "", 0);
    CU_ASSERT_PTR_NULL(judge());
    fixture_close(&f);
}

/* Its own threads idle in there, and have no lane. */
static void test_its_own_threads_may_wait(void)
{
    unsigned thread;

    open_stuck("libpolicy.so");
    thread = fixture_thread(&f, -1, THREAD_WAITING, SYS_recvmsg);
    fixture_frame(&f, thread, "libc.so.6", "recvmsg", "", 0);
    fixture_frame(&f, thread, "liblttng-ust.so.1", "ust_listener_thread", "", 0);
    CU_ASSERT_PTR_NULL(judge());
    fixture_close(&f);
}

static void test_a_cycle_that_goes_on_is_no_hang(void)
{
    open_stuck("liblttng-ust.so.1");
    f.evidence.hang = HANG_NONE;
    CU_ASSERT_PTR_NULL(judge());
    fixture_close(&f);
}

static void test_damage(void)
{
    open_stuck("liblttng-ust.so.1");
    fixture_damage(&f, &detector_recorder, 0x4ea9);
    fixture_close(&f);
}

int main(void)
{
    static const struct fixture_case cases[] = {
        {"stuck at exit", test_stuck_at_exit},
        {"takes back what others said", test_takes_back_what_others_said},
        {"other libraries are let be", test_other_libraries_are_let_be},
        {"called by the recorder", test_called_by_the_recorder},
        {"its own threads may wait", test_its_own_threads_may_wait},
        {"a cycle that goes on is no hang", test_a_cycle_that_goes_on_is_no_hang},
        {"damaged memory", test_damage},
        {NULL, NULL},
    };

    return fixture_main("detector recorder", cases);
}
