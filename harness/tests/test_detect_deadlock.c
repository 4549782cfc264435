/*
 * Tests of the detector deadlock: circles of live threads.
 */
#include "evidence_damage.h"

#include <string.h>
#include <sys/syscall.h>

#include <CUnit/Basic.h>

extern const struct detector detector_deadlock;

static struct fixture f;
static struct judgement judgement;

static void open_two(void)
{
    fixture_open(&f);
    fixture_hang(&f, HANG_PROVED);
    fixture_lane(&f, "T1");
    fixture_lane(&f, "T1.1");
}

static const struct finding *judge(enum stop_code code)
{
    fixture_judge(&f, &detector_deadlock, &judgement);
    return fixture_found(&judgement, code);
}

static void cross(unsigned one, unsigned other)
{
    fixture_hold(&f, one, LOCK_A, MODE_MUTEX, AT_WORKER);
    fixture_hold(&f, other, LOCK_B, MODE_MUTEX, AT_UPDATE);
    fixture_wait(&f, one, SITE_LOCK, LOCK_B, MODE_MUTEX, AT_WORKER);
    fixture_wait(&f, other, SITE_LOCK, LOCK_A, MODE_MUTEX, AT_UPDATE);
}

static void test_two_locks(void)
{
    const struct finding *finding;

    open_two();
    cross(0, 1);
    finding = judge(STOP_LOCK_DEADLOCK);
    CU_ASSERT_EQUAL(judgement.findings, 1);
    CU_ASSERT(fixture_says(finding, "T1 (main)  waits for mutex lock_b"));
    CU_ASSERT(fixture_says(finding, "holds mutex lock_a, taken in worker  prog  prog.c:20"));
    CU_ASSERT(fixture_says(finding, "the circle: T1 ─mutex─► T1.1 ─mutex─► T1"));
    CU_ASSERT_STRING_EQUAL(finding->signature, "lock.deadlock prog:update prog:worker");
    fixture_close(&f);
}

/* Who of the two was born first is chance; the bug is one. */
static void test_signature_does_not_depend_on_the_threads(void)
{
    char first[FINDING_SIGNATURE_BYTES];

    open_two();
    cross(0, 1);
    strcpy(first, judge(STOP_LOCK_DEADLOCK)->signature);
    fixture_close(&f);
    open_two();
    cross(1, 0);
    CU_ASSERT_STRING_EQUAL(judge(STOP_LOCK_DEADLOCK)->signature, first);
    fixture_close(&f);
}

static void test_own_lock(void)
{
    const struct finding *finding;

    open_two();
    fixture_hold(&f, 1, LOCK_A, MODE_MUTEX, AT_UPDATE);
    fixture_wait(&f, 1, SITE_LOCK, LOCK_A, MODE_MUTEX, AT_WORKER);
    fixture_join(&f, 0, 1, AT_MAIN);
    finding = judge(STOP_LOCK_DEADLOCK);
    CU_ASSERT(fixture_says(finding, "the circle: T1.1 ─mutex─► T1.1"));
    CU_ASSERT_STRING_EQUAL(finding->signature, "lock.deadlock prog:worker prog:worker");
    fixture_close(&f);
}

static void test_join_while_holding(void)
{
    const struct finding *finding;

    open_two();
    fixture_hold(&f, 0, LOCK_A, MODE_MUTEX, AT_MAIN);
    fixture_join(&f, 0, 1, AT_MAIN);
    fixture_wait(&f, 1, SITE_LOCK, LOCK_A, MODE_MUTEX, AT_WORKER);
    finding = judge(STOP_LOCK_DEADLOCK);
    CU_ASSERT(fixture_says(finding, "T1 (main)  waits for T1.1 to end"));
    CU_ASSERT(fixture_says(finding, "the circle: T1 ─join─► T1.1 ─mutex─► T1"));
    fixture_close(&f);
}

static void test_without_proof_it_is_still_one(void)
{
    open_two();
    cross(0, 1);
    fixture_hang(&f, HANG_DEADLINE);
    fixture_thread(&f, 0, THREAD_WAITING, SYS_futex);
    fixture_thread(&f, 1, THREAD_WAITING, SYS_futex);
    CU_ASSERT_PTR_NOT_NULL(judge(STOP_LOCK_DEADLOCK));
    fixture_close(&f);
}

static void expect_silence(void)
{
    judge(STOP_NONE);
    CU_ASSERT_EQUAL(judgement.findings, 0);
    fixture_close(&f);
}

static void test_twin_chain_without_a_circle(void)
{
    open_two();
    fixture_hold(&f, 1, LOCK_A, MODE_MUTEX, AT_UPDATE);
    fixture_wait(&f, 0, SITE_LOCK, LOCK_A, MODE_MUTEX, AT_MAIN);
    fixture_wait(&f, 1, SITE_SEM_WAIT, READY, MODE_SEMAPHORE, AT_WORKER);
    expect_silence();
}

static void test_twin_one_of_them_is_dead(void)
{
    open_two();
    cross(0, 1);
    fixture_kill(&f, 1, SITE_LOCK, 1, 3);
    expect_silence();
}

static void test_twin_one_of_them_runs(void)
{
    open_two();
    cross(0, 1);
    fixture_hang(&f, HANG_DEADLINE);
    fixture_thread(&f, 0, THREAD_RUNNING, -1);
    fixture_thread(&f, 1, THREAD_WAITING, SYS_futex);
    expect_silence();
}

static void test_twin_with_a_time_limit(void)
{
    open_two();
    cross(0, 1);
    fixture_thread(&f, 0, THREAD_WAITING, SYS_futex);
    fixture_thread(&f, 1, THREAD_WAITING, SYS_futex);
    f.evidence.thread[0].waits = false;
    expect_silence();
}

static void test_twin_no_hang(void)
{
    open_two();
    cross(0, 1);
    fixture_hang(&f, HANG_NONE);
    expect_silence();
}

static void test_damage(void)
{
    open_two();
    cross(0, 1);
    fixture_thread(&f, 0, THREAD_WAITING, SYS_futex);
    fixture_damage(&f, &detector_deadlock, 0xdead);
    fixture_close(&f);
}

int main(void)
{
    static const struct fixture_case cases[] = {
        {"two locks", test_two_locks},
        {"one bug, one signature", test_signature_does_not_depend_on_the_threads},
        {"its own lock", test_own_lock},
        {"a join while holding", test_join_while_holding},
        {"without proof", test_without_proof_it_is_still_one},
        {"twin: a chain", test_twin_chain_without_a_circle},
        {"twin: one is dead", test_twin_one_of_them_is_dead},
        {"twin: one runs", test_twin_one_of_them_runs},
        {"twin: a time limit", test_twin_with_a_time_limit},
        {"twin: no hang", test_twin_no_hang},
        {"damaged memory", test_damage},
        {NULL, NULL},
    };

    return fixture_main("detector deadlock", cases);
}
