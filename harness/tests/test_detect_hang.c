/*
 * Tests of the detector hang: what is said where nobody can be blamed, and silence elsewhere.
 */
#include "evidence_damage.h"

#include <string.h>
#include <sys/syscall.h>

#include <CUnit/Basic.h>

extern const struct detector detector_hang;
extern const struct detector detector_deadlock;
extern const struct detector detector_heap_lock;
extern const struct detector detector_lock_orphan;

static struct fixture f;
static struct judgement judgement;

static void open_two(enum evidence_hang hang)
{
    fixture_open(&f);
    fixture_hang(&f, hang);
    fixture_lane(&f, "T1");
    fixture_lane(&f, "T1.1");
}

static const struct finding *judge(enum stop_code code)
{
    fixture_judge(&f, &detector_hang, &judgement);
    CU_ASSERT_EQUAL(judgement.findings, code != STOP_NONE);
    return fixture_found(&judgement, code);
}

static void expect_silence(void)
{
    judge(STOP_NONE);
    fixture_close(&f);
}

/* Silent only because @teller has spoken. */
static void expect_silence_after(const struct detector *teller)
{
    fixture_judge(&f, teller, &judgement);
    CU_ASSERT_EQUAL(judgement.findings, 1);
    detector_hang.judge(&f.evidence, &judgement);
    CU_ASSERT_EQUAL(judgement.findings, 1);
    fixture_judge(&f, &detector_hang, &judgement);
    CU_ASSERT_EQUAL(judgement.findings, 1);
    fixture_close(&f);
}

/* A join leads to the one who waits for an event; there the chain ends. */
static void test_lost_wakeup(void)
{
    const struct finding *finding;

    open_two(HANG_PROVED);
    fixture_join(&f, 0, 1, AT_MAIN);
    fixture_wait(&f, 1, SITE_COND_WAIT, READY, MODE_CONDITION, AT_WORKER);
    finding = judge(STOP_HANG_LOST_WAKEUP);
    CU_ASSERT_EQUAL(finding->severity, STOP_SEVERITY_FINDING);
    CU_ASSERT(fixture_says(finding, "T1 (main)  waits for T1.1 to end"));
    CU_ASSERT(fixture_says(finding, "T1.1       waits for condition ready"));
    CU_ASSERT(fixture_says(finding, "cond_wait  in worker  prog  prog.c:20"));
    CU_ASSERT_STRING_EQUAL(finding->signature, "hang.lost-wakeup - prog:worker");
    fixture_close(&f);
}

static void test_lost_wakeup_behind_a_live_owner(void)
{
    open_two(HANG_PROVED);
    fixture_hold(&f, 1, LOCK_A, MODE_MUTEX, AT_WORKER);
    fixture_wait(&f, 0, SITE_LOCK, LOCK_A, MODE_MUTEX, AT_MAIN);
    fixture_wait(&f, 1, SITE_SEM_WAIT, READY, MODE_SEMAPHORE, AT_WORKER);
    CU_ASSERT(fixture_says(judge(STOP_HANG_LOST_WAKEUP), "holds mutex lock_a"));
    fixture_close(&f);
}

static void test_one_thread_in_pause(void)
{
    open_two(HANG_PROVED);
    f.memory->lane[1].state = LANE_ENDED;
    fixture_thread(&f, 0, THREAD_WAITING, SYS_pause);
    CU_ASSERT(fixture_says(judge(STOP_HANG_LOST_WAKEUP), "waits for a signal"));
    fixture_close(&f);
}

static void test_locks_without_a_known_owner(void)
{
    const struct finding *finding;

    open_two(HANG_PROVED);
    fixture_wait(&f, 0, SITE_LOCK, LOCK_A, MODE_MUTEX, AT_MAIN);
    fixture_wait(&f, 1, SITE_LOCK, LOCK_B, MODE_MUTEX, AT_WORKER);
    finding = judge(STOP_HANG_DEADLOCK);
    CU_ASSERT_STRING_EQUAL(finding->signature, "hang.deadlock - prog:main");
    fixture_close(&f);
}

static void test_pipes(void)
{
    open_two(HANG_PROVED);
    fixture_thread(&f, 0, THREAD_WAITING, SYS_read);
    fixture_thread(&f, 1, THREAD_WAITING, SYS_read);
    CU_ASSERT(fixture_says(judge(STOP_HANG_DEADLOCK), "waits for something to read"));
    fixture_close(&f);
}

static void test_nothing_known(void)
{
    fixture_open(&f);
    fixture_hang(&f, HANG_PROVED);
    CU_ASSERT(fixture_says(judge(STOP_HANG_DEADLOCK), "nothing is known of its threads"));
    fixture_close(&f);
}

static void test_who_was_killed_is_told(void)
{
    const struct finding *finding;

    open_two(HANG_PROVED);
    fixture_call(&f, 1, SITE_COND_SIGNAL, AT_WORKER);
    fixture_kill(&f, 1, SITE_COND_SIGNAL, 1, 0);
    fixture_wait(&f, 0, SITE_COND_WAIT, READY, MODE_CONDITION, AT_MAIN);
    f.evidence.left_processes = 2;
    finding = judge(STOP_HANG_LOST_WAKEUP);
    CU_ASSERT(fixture_says(finding, "T1.1       was killed at T1.1:cond_signal#1"));
    CU_ASSERT(fixture_says(finding, "processes that the target started are left: at least 2"));
    fixture_close(&f);
}

/* Whoever waits for a suspended thread waits rightly: the plan's doing, no fault. */
static void test_suspended_thread_makes_a_note(void)
{
    const struct finding *finding;

    open_two(HANG_PROVED);
    fixture_join(&f, 0, 1, AT_MAIN);
    fixture_call(&f, 1, SITE_SEM_POST, AT_WORKER);
    fixture_park(&f, 1, SITE_SEM_POST, 1, 0);
    finding = judge(STOP_HANG_DEADLOCK);
    CU_ASSERT_EQUAL(finding->severity, STOP_SEVERITY_NOTE);
    CU_ASSERT(fixture_says(finding, "no fault"));
    fixture_close(&f);
}

static void test_livelock(void)
{
    const struct finding *finding;

    open_two(HANG_SPINNING);
    fixture_kill(&f, 1, SITE_MALLOC, 1, 0);
    fixture_thread(&f, 0, THREAD_RUNNING, -1);
    fixture_frame(&f, 0, "prog", "spin_until", "prog.c", 55);
    finding = judge(STOP_HANG_LIVELOCK);
    CU_ASSERT(fixture_says(finding, "T1 (main)  runs"));
    CU_ASSERT(fixture_says(finding, "in spin_until  prog  prog.c:55"));
    CU_ASSERT_STRING_EQUAL(finding->signature, "hang.livelock - prog:spin_until");
    fixture_close(&f);
}

static void test_deadline(void)
{
    const struct finding *finding;

    open_two(HANG_DEADLINE);
    strcpy(f.evidence.why, "T1.1 waits with a time limit");
    fixture_thread(&f, 0, THREAD_RUNNING, -1);
    fixture_wait(&f, 1, SITE_SEM_TIMEDWAIT, READY, MODE_SEMAPHORE, AT_WORKER);
    fixture_thread(&f, 1, THREAD_WAITING, SYS_futex);
    f.evidence.thread[1].waits = false;
    finding = judge(STOP_HANG_DEADLINE);
    CU_ASSERT_EQUAL(finding->severity, STOP_SEVERITY_NOTE);
    CU_ASSERT(fixture_says(finding, "not proved: T1.1 waits with a time limit"));
    CU_ASSERT(fixture_says(finding, "waits for semaphore ready, with a time limit"));
    f.evidence.hang_ms = 250;
    finding = judge(STOP_HANG_DEADLINE);
    CU_ASSERT(fixture_says(finding, "T1 (main)  has passed no hook for 250 ms"));
    fixture_close(&f);
}

static void test_stopped(void)
{
    open_two(HANG_NONE);
    f.evidence.ended = false;
    f.memory->control.anomaly = ANOMALY_STOPPED;
    CU_ASSERT_PTR_NOT_NULL(judge(STOP_HANG_STOPPED));
    f.memory->control.options = OPTION_STOP_AT; /* by us, for a debugger */
    judge(STOP_NONE);
    f.memory->control.options = 0;
    f.memory->control.anomaly |= ANOMALY_SIGNAL; /* by the agent, for the autopsy */
    judge(STOP_NONE);
    fixture_close(&f);
}

static void test_many_threads_fit(void)
{
    open_two(HANG_PROVED);
    for (unsigned i = 0; i < 100; i++)
        fixture_wait(&f, fixture_lane(&f, "T1.5"), SITE_COND_WAIT, READY, MODE_CONDITION,
                     AT_WORKER);
    CU_ASSERT(fixture_says(judge(STOP_HANG_DEADLOCK), "and 86 more threads"));
    fixture_close(&f);
}

/* The kernel saw it run afterwards: whatever was proved, it was not that. */
static void test_proof_that_does_not_hold(void)
{
    const struct finding *finding;

    open_two(HANG_PROVED);
    fixture_wait(&f, 0, SITE_SEM_WAIT, READY, MODE_SEMAPHORE, AT_MAIN);
    fixture_thread(&f, 0, THREAD_WAITING, SYS_futex);
    fixture_thread(&f, 1, THREAD_RUNNING, -1);
    finding = judge(STOP_HANG_DEADLINE);
    CU_ASSERT_EQUAL(finding->severity, STOP_SEVERITY_NOTE);
    CU_ASSERT(fixture_says(finding, "not proved after all: T1.1 ran"));
    fixture_close(&f);
}

/* The recorder's own threads are no part of the program. */
static void test_recorder_is_left_out(void)
{
    const struct finding *finding;
    unsigned thread;

    open_two(HANG_PROVED);
    fixture_wait(&f, 0, SITE_COND_WAIT, READY, MODE_CONDITION, AT_MAIN);
    f.memory->lane[1].state = LANE_ENDED;
    thread = fixture_thread(&f, -1, THREAD_WAITING, SYS_recvmsg);
    fixture_frame(&f, thread, "libc.so.6", "recvmsg", "", 0);
    fixture_frame(&f, thread, "liblttng-ust.so.1", "ust_listener_thread", "", 0);
    finding = judge(STOP_HANG_LOST_WAKEUP);
    CU_ASSERT_EQUAL(finding->lines, 1);
    fixture_close(&f);
}

static void test_twin_owner_is_dead(void)
{
    open_two(HANG_PROVED);
    fixture_hold(&f, 1, LOCK_A, MODE_MUTEX, AT_WORKER);
    fixture_kill(&f, 1, SITE_MALLOC, 1, 0);
    fixture_wait(&f, 0, SITE_LOCK, LOCK_A, MODE_MUTEX, AT_MAIN);
    expect_silence_after(&detector_lock_orphan);
}

static void test_twin_heap_is_stuck_behind_a_join(void)
{
    open_two(HANG_PROVED);
    fixture_lane(&f, "T1.2");
    fixture_join(&f, 0, 1, AT_MAIN);
    fixture_call(&f, 1, SITE_MALLOC, AT_WORKER);
    fixture_call(&f, 2, SITE_MALLOC, AT_WORKER);
    fixture_kill(&f, 2, SITE_MALLOC, 1, 44);
    expect_silence_after(&detector_heap_lock);
}

static void test_twin_circle(void)
{
    open_two(HANG_PROVED);
    fixture_hold(&f, 0, LOCK_A, MODE_MUTEX, AT_MAIN);
    fixture_wait(&f, 0, SITE_LOCK, LOCK_A, MODE_MUTEX, AT_MAIN);
    expect_silence_after(&detector_deadlock);
}

static void test_twin_spin_lock_has_a_name(void)
{
    open_two(HANG_SPINNING);
    fixture_hold(&f, 1, LOCK_A, MODE_SPIN, AT_WORKER);
    fixture_kill(&f, 1, SITE_MALLOC, 1, 0);
    fixture_wait(&f, 0, SITE_SPIN_LOCK, LOCK_A, MODE_SPIN, AT_MAIN);
    fixture_thread(&f, 0, THREAD_RUNNING, -1);
    expect_silence_after(&detector_lock_orphan);
}

static void test_twin_no_hang(void)
{
    open_two(HANG_NONE);
    f.evidence.ended = true;
    expect_silence();
}

static void test_damage(void)
{
    open_two(HANG_PROVED);
    fixture_join(&f, 0, 1, AT_MAIN);
    fixture_wait(&f, 1, SITE_COND_WAIT, READY, MODE_CONDITION, AT_WORKER);
    fixture_thread(&f, 1, THREAD_WAITING, SYS_futex);
    fixture_damage(&f, &detector_hang, 0x4a96);
    fixture_close(&f);
}

int main(void)
{
    static const struct fixture_case cases[] = {
        {"a lost wake-up", test_lost_wakeup},
        {"behind a live owner", test_lost_wakeup_behind_a_live_owner},
        {"one thread in pause", test_one_thread_in_pause},
        {"locks without a known owner", test_locks_without_a_known_owner},
        {"pipes", test_pipes},
        {"nothing known", test_nothing_known},
        {"who was killed", test_who_was_killed_is_told},
        {"a suspended thread", test_suspended_thread_makes_a_note},
        {"a livelock", test_livelock},
        {"a deadline", test_deadline},
        {"stopped", test_stopped},
        {"many threads", test_many_threads_fit},
        {"a proof that does not hold", test_proof_that_does_not_hold},
        {"the recorder", test_recorder_is_left_out},
        {"twin: a dead owner", test_twin_owner_is_dead},
        {"twin: a stuck heap", test_twin_heap_is_stuck_behind_a_join},
        {"twin: a circle", test_twin_circle},
        {"twin: an orphaned spin lock", test_twin_spin_lock_has_a_name},
        {"twin: no hang", test_twin_no_hang},
        {"damaged memory", test_damage},
        {NULL, NULL},
    };

    return fixture_main("detector hang", cases);
}
