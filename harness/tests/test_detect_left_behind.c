/*
 * Tests of the detector left-behind: threads that ended themselves by the bare system call.
 */
#include "evidence_damage.h"

#include <sys/syscall.h>

#include <CUnit/Basic.h>

extern const struct detector detector_left_behind;

static struct fixture f;
static struct judgement judgement;

static void open_two(void)
{
    fixture_open(&f);
    fixture_lane(&f, "T1");
    fixture_lane(&f, "T1.1");
    f.memory->lane[1].start = AT_WORKER;
}

static void vanish(unsigned lane)
{
    f.memory->lane[lane].end = END_UNKNOWN; /* as the agent marks it */
}

static const struct finding *judge(enum stop_code code)
{
    fixture_judge(&f, &detector_left_behind, &judgement);
    CU_ASSERT_EQUAL(judgement.findings, code != STOP_NONE);
    return fixture_found(&judgement, code);
}

static void expect_silence(void)
{
    judge(STOP_NONE);
    fixture_close(&f);
}

static void test_joined(void)
{
    const struct finding *finding;

    open_two();
    f.memory->lane[0].site = SITE_KEY_CREATE;
    fixture_event(&f, 0, EVENT_CALL, 0, AT_PLUGIN, 0, AT_MAIN);
    f.memory->lane[0].site = 0;
    fixture_hold(&f, 1, LOCK_A, MODE_MUTEX, AT_UPDATE);
    fixture_event(&f, 0, EVENT_JOIN_BEGIN, 0, 0x7f00, 2, AT_MAIN);
    fixture_event(&f, 0, EVENT_JOIN_END, 0, 0x7f00, 0, AT_MAIN);
    vanish(1);
    finding = judge(STOP_THREAD_LEFT_BEHIND);
    CU_ASSERT(fixture_says(finding, "T1.1       ended itself by the bare system call"));
    CU_ASSERT(fixture_says(finding, "it ran worker  prog"));
    CU_ASSERT(fixture_says(finding, "T1 (main) joined it, which looked clean, in main"));
    CU_ASSERT(fixture_says(finding, "left locked: mutex lock_a, taken in update"));
    CU_ASSERT(fixture_says(finding, "the key destructor stop  libplug.so"));
    CU_ASSERT(fixture_says(finding, "cleanup handlers"));
    CU_ASSERT_STRING_EQUAL(finding->signature, "thread.left-behind prog:worker -");
    fixture_close(&f);
}

static void test_not_joined(void)
{
    open_two();
    vanish(1);
    CU_ASSERT(fixture_says(judge(STOP_THREAD_LEFT_BEHIND), "its stack and thread block"));
    fixture_close(&f);
}

/* Every thread was listed, and this one, which told of no end, was not among them. */
static void test_missing_in_a_hang(void)
{
    open_two();
    fixture_hang(&f, HANG_PROVED);
    fixture_wait(&f, 0, SITE_LOCK, LOCK_A, MODE_MUTEX, AT_MAIN);
    fixture_thread(&f, 0, THREAD_WAITING, SYS_futex);
    judge(STOP_THREAD_LEFT_BEHIND);
    fixture_close(&f);
}

static void test_several(void)
{
    open_two();
    for (unsigned i = 0; i < 5; i++)
        vanish(fixture_lane(&f, "T1.2"));
    CU_ASSERT(fixture_says(judge(STOP_THREAD_LEFT_BEHIND), "and 1 threads more"));
    fixture_close(&f);
}

static void test_twin_alive(void)
{
    open_two();
    expect_silence();
}

static void test_twin_ended(void)
{
    open_two();
    f.memory->lane[1].state = LANE_ENDED;
    f.memory->lane[1].end = END_EXIT;
    expect_silence();
}

static void test_twin_the_plan(void)
{
    open_two();
    fixture_kill(&f, 1, SITE_MALLOC, 3, 5);
    expect_silence();
}

static void test_twin_never_born(void)
{
    open_two();
    f.memory->lane[1].state = LANE_FREE; /* pthread_create failed */
    vanish(1);
    expect_silence();
}

/* Nobody sees the end of a thread of unknown birth. */
static void test_twin_unknown(void)
{
    open_two();
    vanish(fixture_lane(&f, "T?1"));
    expect_silence();
}

static void test_twin_replaced_by_exec(void)
{
    open_two();
    vanish(1);
    fixture_event(&f, 0, EVENT_EXEC, 0, 0, 0, AT_MAIN);
    expect_silence();
}

static void test_damage(void)
{
    open_two();
    fixture_thread(&f, 0, THREAD_GONE, -2);
    fixture_hold(&f, 1, LOCK_A, MODE_MUTEX, AT_UPDATE);
    vanish(1);
    fixture_damage(&f, &detector_left_behind, 0x1ef7);
    fixture_close(&f);
}

int main(void)
{
    static const struct fixture_case cases[] = {
        {"joined", test_joined},
        {"not joined", test_not_joined},
        {"missing in a hang", test_missing_in_a_hang},
        {"several", test_several},
        {"twin: alive", test_twin_alive},
        {"twin: ended", test_twin_ended},
        {"twin: the plan", test_twin_the_plan},
        {"twin: never born", test_twin_never_born},
        {"twin: unknown", test_twin_unknown},
        {"twin: exec", test_twin_replaced_by_exec},
        {"damaged memory", test_damage},
        {NULL, NULL},
    };

    return fixture_main("detector left-behind", cases);
}
