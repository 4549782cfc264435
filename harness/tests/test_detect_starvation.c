/*
 * Tests of the detector starvation.
 */
#include "evidence_damage.h"

#include <CUnit/Basic.h>

extern const struct detector detector_starvation;
extern const struct detector detector_hang;

static struct fixture f;
static struct judgement judgement;

/* T1 waits to write; @takes of T1.1 follow. A tick is a microsecond. */
static void open_waiter(enum evidence_hang hang, unsigned takes)
{
    fixture_open(&f);
    fixture_hang(&f, hang);
    f.memory->control.start_ticks = 1;
    f.now = 1;
    fixture_lane(&f, "T1");
    fixture_lane(&f, "T1.1");
    fixture_wait(&f, 0, SITE_WRLOCK, LOCK_A, MODE_WRITE, AT_MAIN);
    for (unsigned i = 0; i < takes; i++) {
        fixture_event(&f, 1, EVENT_ACQUIRED, MODE_READ, LOCK_A, 0, AT_WORKER);
        fixture_event(&f, 1, EVENT_RELEASED, MODE_READ, LOCK_A, 0, AT_WORKER);
    }
    f.memory->lane[1].now = f.now;
}

static const struct finding *judge(enum stop_code code)
{
    fixture_judge(&f, &detector_starvation, &judgement);
    CU_ASSERT_EQUAL(judgement.findings, code != STOP_NONE);
    return fixture_found(&judgement, code);
}

static void expect_silence(void)
{
    judge(STOP_NONE);
    fixture_close(&f);
}

static void test_writer(void)
{
    const struct finding *finding;

    open_waiter(HANG_DEADLINE, 60);
    finding = judge(STOP_HANG_STARVATION);
    CU_ASSERT_EQUAL(finding->severity, STOP_SEVERITY_NOTE);
    CU_ASSERT(fixture_says(finding, "T1 (main)  waits for write lock lock_a, in main"));
    CU_ASSERT(fixture_says(finding, "T1.1       took it 60 times or more meanwhile to read"));
    CU_ASSERT(fixture_says(finding, "not proved"));
    CU_ASSERT_STRING_EQUAL(finding->signature, "hang.starvation prog:worker prog:main");
    detector_hang.judge(&f.evidence, &judgement); /* has nothing to add */
    CU_ASSERT_EQUAL(judgement.findings, 1);
    fixture_close(&f);
}

static void test_confirmed(void)
{
    open_waiter(HANG_DEADLINE, 60);
    f.evidence.confirmed = true;
    CU_ASSERT_EQUAL(judge(STOP_HANG_STARVATION)->severity, STOP_SEVERITY_FINDING);
    fixture_close(&f);
}

static void test_twin_few_takes(void)
{
    open_waiter(HANG_DEADLINE, 20);
    expect_silence();
}

static void test_twin_proved(void)
{
    open_waiter(HANG_PROVED, 60);
    expect_silence();
}

static void test_twin_before_it_waited(void)
{
    open_waiter(HANG_DEADLINE, 60);
    f.memory->lane[0].wait_since = f.now;
    expect_silence();
}

static void test_twin_waits_but_briefly(void)
{
    open_waiter(HANG_DEADLINE, 1000);
    f.memory->lane[0].wait_since = f.now - 400; /* of 2,000 */
    expect_silence();
}

static void test_twin_with_a_limit(void)
{
    open_waiter(HANG_DEADLINE, 60);
    f.memory->lane[0].site = SITE_TIMEDWRLOCK;
    expect_silence();
}

/* A child's lock at the same address is another one. */
static void test_twin_another_process(void)
{
    open_waiter(HANG_DEADLINE, 60);
    f.memory->lane[1].pid++;
    expect_silence();
}

static void test_damage(void)
{
    open_waiter(HANG_DEADLINE, 60);
    fixture_thread(&f, 0, THREAD_WAITING, -2);
    fixture_damage(&f, &detector_starvation, 0x57a2);
    fixture_close(&f);
}

int main(void)
{
    static const struct fixture_case cases[] = {
        {"a writer", test_writer},
        {"confirmed", test_confirmed},
        {"twin: few takes", test_twin_few_takes},
        {"twin: proved", test_twin_proved},
        {"twin: before it waited", test_twin_before_it_waited},
        {"twin: briefly", test_twin_waits_but_briefly},
        {"twin: with a limit", test_twin_with_a_limit},
        {"twin: another process", test_twin_another_process},
        {"damaged memory", test_damage},
        {NULL, NULL},
    };

    return fixture_main("detector starvation", cases);
}
