/*
 * Tests of the detector lost-at-fork.
 */
#include "evidence_damage.h"

#include <sys/syscall.h>

#include <CUnit/Basic.h>

extern const struct detector detector_lost_at_fork;
extern const struct detector detector_hang;

static struct fixture f;
static struct judgement judgement;
static unsigned child;

enum { WORK = 0x600300 };

/* T1.1 serves in the parent, by @before; then T1 forks a child that waits for READY. */
static void open_fork(void (*before)(void))
{
    fixture_open(&f);
    fixture_hang(&f, HANG_PROVED);
    fixture_lane(&f, "T1");
    fixture_lane(&f, "T1.1");
    before();
    child = fixture_forked(&f, "T1f1", 0);
    fixture_event(&f, 0, EVENT_FORKED, 0, FIXTURE_PID + 500, 0, AT_MAIN);
    fixture_event(&f, child, EVENT_SIGNALLED, 0, WORK, 0, AT_UPDATE);
    fixture_wait(&f, child, SITE_SEM_WAIT, READY, MODE_SEMAPHORE, AT_UPDATE);
    fixture_wait(&f, 1, SITE_SEM_WAIT, WORK, MODE_SEMAPHORE, AT_WORKER);
}

static void nothing(void) {}

static void served(void)
{
    fixture_event(&f, 1, EVENT_SIGNALLED, 0, READY, 0, AT_WORKER);
}

static void listened(void)
{
    fixture_event(&f, 1, EVENT_WAIT_BEGIN, MODE_SEMAPHORE, WORK, 0, AT_WORKER);
}

static const struct finding *judge(enum stop_code code)
{
    fixture_judge(&f, &detector_lost_at_fork, &judgement);
    CU_ASSERT_EQUAL(judgement.findings, code != STOP_NONE);
    return fixture_found(&judgement, code);
}

static void expect_silence(void)
{
    judge(STOP_NONE);
    fixture_close(&f);
}

static void test_who_served_before(void)
{
    const struct finding *finding;

    open_fork(served);
    finding = judge(STOP_THREAD_LOST_AT_FORK);
    CU_ASSERT(fixture_says(finding, "T1.1       lives on, in the parent process"));
    CU_ASSERT(fixture_says(finding, "it does not exist in the child"));
    CU_ASSERT(fixture_says(finding, "T1f1       waits for semaphore ready"));
    CU_ASSERT(fixture_says(finding, "forked off by T1 (main), in main  prog"));
    CU_ASSERT_STRING_EQUAL(finding->signature, "thread.lost-at-fork prog:worker prog:update");
    detector_hang.judge(&f.evidence, &judgement); /* told already */
    CU_ASSERT_EQUAL(judgement.findings, 1);
    fixture_close(&f);
}

static void test_who_listened(void)
{
    open_fork(listened);
    judge(STOP_THREAD_LOST_AT_FORK);
    fixture_close(&f);
}

static void test_join(void)
{
    open_fork(nothing);
    fixture_join(&f, child, 1, AT_UPDATE);
    judge(STOP_THREAD_LOST_AT_FORK);
    fixture_close(&f);
}

/* Nobody is known to have had to do with it: a lost wake-up, for all that can be said. */
static void test_twin_nobody_known(void)
{
    open_fork(nothing);
    expect_silence();
}

static void test_twin_served_after_the_fork(void)
{
    open_fork(nothing);
    served();
    expect_silence();
}

static void test_twin_ended_before_the_fork(void)
{
    open_fork(served);
    f.memory->lane[1].state = LANE_ENDED;
    f.memory->lane[1].now = 1;
    expect_silence();
}

static void test_twin_in_the_parent_itself(void)
{
    open_fork(served);
    f.memory->lane[child].pid = FIXTURE_PID;
    expect_silence();
}

static void test_damage(void)
{
    open_fork(served);
    fixture_thread(&f, 0, THREAD_WAITING, SYS_wait4);
    fixture_damage(&f, &detector_lost_at_fork, 0xf04c);
    fixture_close(&f);
}

int main(void)
{
    static const struct fixture_case cases[] = {
        {"who served before", test_who_served_before},
        {"who listened", test_who_listened},
        {"a join", test_join},
        {"twin: nobody known", test_twin_nobody_known},
        {"twin: served later", test_twin_served_after_the_fork},
        {"twin: ended before", test_twin_ended_before_the_fork},
        {"twin: in the parent", test_twin_in_the_parent_itself},
        {"damaged memory", test_damage},
        {NULL, NULL},
    };

    return fixture_main("detector lost-at-fork", cases);
}
