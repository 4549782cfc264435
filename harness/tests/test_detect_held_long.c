/*
 * Tests of the detector held-long: what is said of a hold that the watch has measured, and when
 * nothing is said.
 */
#include "evidence_damage.h"

#include <sys/syscall.h>

#include <CUnit/Basic.h>

extern const struct detector detector_held_long;

static struct fixture f;
static struct judgement judgement;

/* T1.1 took the lock, slept 2.1 s and gave it back; T1 waited. A tick is a microsecond. */
static void open_hold(void)
{
    struct evidence_hold *hold;

    fixture_open(&f);
    fixture_lane(&f, "T1");
    fixture_lane(&f, "T1.1");
    hold = &f.evidence.hold[f.evidence.holds++];
    hold->time = fixture_event(&f, 1, EVENT_ACQUIRED, MODE_MUTEX, LOCK_A, 0, AT_WORKER)->time;
    f.now += 2300000;
    fixture_event(&f, 1, EVENT_RELEASED, MODE_MUTEX, LOCK_A, 0, AT_WORKER);
    hold->holder = 1;
    hold->object = LOCK_A;
    hold->mode = MODE_MUTEX;
    hold->caller = AT_WORKER;
    hold->asleep_ms = 2100;
    hold->syscall = SYS_clock_nanosleep;
    hold->waiters = 1;
    hold->waiter[0].lane = 0;
    hold->waiter[0].caller = AT_MAIN;
    hold->waiter[0].waited_ms = 2200;
}

static void test_hold(void)
{
    const struct finding *finding;

    open_hold();
    fixture_judge(&f, &detector_held_long, &judgement);
    finding = fixture_found(&judgement, STOP_LOCK_HELD_LONG);
    CU_ASSERT_PTR_NOT_NULL_FATAL(finding);
    CU_ASSERT_EQUAL(finding->severity, STOP_SEVERITY_NOTE);
    CU_ASSERT(fixture_says(finding, "T1.1       held mutex lock_a for 2300 ms, taken in worker"));
    CU_ASSERT(fixture_says(finding, "slept, for 2100 ms at least: it sleeps (clock_nanosleep)"));
    CU_ASSERT(fixture_says(finding, "T1 (main)  waited for it, for 2200 ms at least, in main"));
    CU_ASSERT_STRING_EQUAL(finding->signature, "lock.held-long prog:worker prog:main");
    fixture_close(&f);
}

static void test_inside_a_call(void)
{
    const struct finding *finding;

    open_hold();
    f.evidence.hold[0].site = SITE_JOIN;
    f.evidence.hold[0].site_caller = AT_UPDATE;
    f.evidence.hold[0].time = f.now + 1; /* never given back */
    fixture_judge(&f, &detector_held_long, &judgement);
    finding = fixture_found(&judgement, STOP_LOCK_HELD_LONG);
    CU_ASSERT_PTR_NOT_NULL_FATAL(finding);
    CU_ASSERT(fixture_says(finding, "holds mutex lock_a, taken in worker"));
    CU_ASSERT(fixture_says(finding, "inside join, called in update"));
    fixture_close(&f);
}

static void expect_silence(void)
{
    fixture_judge(&f, &detector_held_long, &judgement);
    CU_ASSERT_EQUAL(judgement.findings, 0);
    fixture_close(&f);
}

static void test_twins(void)
{
    open_hold();
    f.evidence.struck = true;
    expect_silence();
    open_hold();
    fixture_hang(&f, HANG_PROVED);
    expect_silence();
    open_hold();
    f.evidence.hold[0].waiters = 0;
    expect_silence();
    open_hold();
    f.evidence.holds = 0;
    expect_silence();
}

static void test_damage(void)
{
    open_hold();
    fixture_thread(&f, 1, THREAD_GONE, -2);
    fixture_damage(&f, &detector_held_long, 0x4e1d);
    fixture_close(&f);
}

int main(void)
{
    static const struct fixture_case cases[] = {
        {"a hold is told", test_hold},
        {"inside a call, and not given back", test_inside_a_call},
        {"twins: struck, hung, nobody waits", test_twins},
        {"damaged memory", test_damage},
        {NULL, NULL},
    };

    return fixture_main("detector held-long", cases);
}
