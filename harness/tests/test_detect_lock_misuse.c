/*
 * Tests of the detector lock-misuse.
 */
#include "evidence_damage.h"

#include <errno.h>
#include <string.h>

#include <CUnit/Basic.h>

extern const struct detector detector_lock_misuse;

static struct fixture f;
static struct judgement judgement;

static void open_two(void)
{
    fixture_open(&f);
    fixture_lane(&f, "T1");
    fixture_lane(&f, "T1.1");
}

static const struct finding *judge(enum stop_code code)
{
    fixture_judge(&f, &detector_lock_misuse, &judgement);
    CU_ASSERT_EQUAL(judgement.findings, code != STOP_NONE);
    return fixture_found(&judgement, code);
}

static void expect_silence(void)
{
    judge(STOP_NONE);
    fixture_close(&f);
}

static void take(unsigned lane, uint64_t object)
{
    fixture_event(&f, lane, EVENT_ACQUIRED, MODE_MUTEX, object, 0, AT_UPDATE);
}

static void give(unsigned lane, uint64_t object)
{
    fixture_event(&f, lane, EVENT_RELEASED, MODE_MUTEX, object, 0, AT_WORKER);
}

/* --- destroyed or freed while held -------------------------------------------------------------
 */

static void test_destroyed_held(void)
{
    const struct finding *finding;

    open_two();
    fixture_hold(&f, 1, LOCK_A, MODE_MUTEX, AT_UPDATE);
    fixture_event(&f, 0, EVENT_DESTROYED, MODE_MUTEX, LOCK_A, 0, AT_MAIN);
    finding = judge(STOP_LOCK_DESTROYED_HELD);
    CU_ASSERT(
        fixture_says(finding, "T1 (main)  destroyed mutex lock_a while it was held, in main"));
    CU_ASSERT(fixture_says(finding, "held by T1.1, taken in update"));
    CU_ASSERT_STRING_EQUAL(finding->signature, "lock.destroyed-held prog:main -");
    fixture_close(&f);
}

/* It has been released since, so that nobody can be named any more. */
static void test_destroyed_held_by_somebody(void)
{
    open_two();
    fixture_event(&f, 0, EVENT_DESTROYED, MODE_WRITE, LOCK_A, 0, AT_MAIN);
    CU_ASSERT(fixture_says(judge(STOP_LOCK_DESTROYED_HELD), "destroyed write lock lock_a"));
    fixture_close(&f);
}

static void test_freed_held(void)
{
    const struct finding *finding;

    open_two();
    fixture_hold(&f, 1, LOCK_A, MODE_MUTEX, AT_UPDATE);
    fixture_event(&f, 1, EVENT_FREE_HELD, 0, LOCK_A, 0x5ff000, AT_WORKER);
    finding = judge(STOP_LOCK_FREED_HELD);
    CU_ASSERT(fixture_says(finding, "T1.1       freed the memory of mutex lock_a"));
    fixture_close(&f);
}

/* The agent has seen it, and the ring has it no more: told all the same. */
static void test_forgotten_by_the_ring(void)
{
    open_two();
    f.memory->control.anomaly = ANOMALY_LOCK;
    CU_ASSERT(fixture_says(judge(STOP_LOCK_DESTROYED_HELD), "a lock that was held was destroyed"));
    f.memory->control.anomaly = ANOMALY_HEAP;
    CU_ASSERT(fixture_says(judge(STOP_LOCK_FREED_HELD), "was in memory that was freed"));
    fixture_close(&f);
}

/* The supervisor sets the same bit for a suspended owner, after it has held the target. */
static void test_twin_suspended_owner(void)
{
    open_two();
    f.memory->control.anomaly = ANOMALY_LOCK;
    f.memory->control.disturbed = 1;
    expect_silence();
}

static void test_twin_destroyed_free(void)
{
    open_two();
    fixture_event(&f, 0, EVENT_DESTROYED, MODE_NONE, LOCK_A, 0, AT_MAIN);
    expect_silence();
}

/* A tear-down that meets the lock of a thread that the plan killed does nothing wrong. */
static void test_note_where_the_holder_was_struck(void)
{
    const struct finding *finding;

    open_two();
    fixture_hold(&f, 1, LOCK_A, MODE_MUTEX, AT_UPDATE);
    fixture_kill(&f, 1, SITE_MALLOC, 1, 4);
    fixture_event(&f, 0, EVENT_DESTROYED, MODE_MUTEX, LOCK_A, 0, AT_MAIN);
    finding = judge(STOP_LOCK_DESTROYED_HELD);
    CU_ASSERT_EQUAL(finding->severity, STOP_SEVERITY_NOTE);
    CU_ASSERT(fixture_says(finding, "held by T1.1, whom the injection struck"));
    fixture_event(&f, 0, EVENT_DESTROYED, MODE_MUTEX, LOCK_B, 0, AT_MAIN);
    CU_ASSERT_EQUAL(judge(STOP_LOCK_DESTROYED_HELD)->severity, STOP_SEVERITY_FINDING);
    fixture_close(&f);
}

static void test_many_times(void)
{
    open_two();
    for (unsigned i = 0; i < 20; i++)
        fixture_event(&f, 0, EVENT_DESTROYED, MODE_MUTEX, LOCK_A, 0, AT_MAIN);
    CU_ASSERT(fixture_says(judge(STOP_LOCK_DESTROYED_HELD), "and 14 times more"));
    fixture_close(&f);
}

/* --- released too often
 * ---------------------------------------------------------------------------- */

static void test_released_twice(void)
{
    const struct finding *finding;

    open_two();
    take(1, LOCK_A);
    give(1, LOCK_A);
    give(1, LOCK_A);
    finding = judge(STOP_LOCK_OVER_RELEASED);
    CU_ASSERT_EQUAL(finding->lines, 1);
    CU_ASSERT_EQUAL(finding->severity, STOP_SEVERITY_FINDING);
    CU_ASSERT(
        fixture_says(finding, "T1.1       released mutex lock_a without having it, in worker"));
    CU_ASSERT_STRING_EQUAL(finding->signature, "lock.over-released prog:worker -");
    fixture_close(&f);
}

static void test_released_by_another(void)
{
    open_two();
    fixture_hold(&f, 1, LOCK_A, MODE_MUTEX, AT_UPDATE);
    give(0, LOCK_A);
    CU_ASSERT(fixture_says(judge(STOP_LOCK_OVER_RELEASED), "T1 (main)  released mutex lock_a"));
    CU_ASSERT(fixture_says(&judgement.finding[0], "held by T1.1, taken in update"));
    fixture_close(&f);
}

static void test_agent_says_so(void)
{
    open_two();
    for (unsigned i = 0; i < ABI_RING_EVENTS; i++) /* the replay has no beginning any more */
        take(1, LOCK_B), give(1, LOCK_B);
    fixture_event(&f, 1, EVENT_RELEASED, MODE_NONE, LOCK_A, 0, AT_WORKER);
    CU_ASSERT(fixture_says(judge(STOP_LOCK_OVER_RELEASED), "released lock lock_a without"));
    fixture_close(&f);
}

static void test_twin_pairs(void)
{
    open_two();
    take(0, LOCK_A);
    take(0, LOCK_A); /* recursive */
    take(1, LOCK_B);
    give(0, LOCK_A);
    give(0, LOCK_A);
    give(1, LOCK_B);
    expect_silence();
}

/* A condition gives the mutex up and takes it again. */
static void test_twin_condition(void)
{
    open_two();
    take(1, LOCK_A);
    fixture_call(&f, 1, SITE_COND_WAIT, AT_WORKER);
    give(1, LOCK_A);
    fixture_event(&f, 1, EVENT_WAIT_BEGIN, MODE_CONDITION, READY, LOCK_A, AT_WORKER);
    take(1, LOCK_A);
    fixture_call(&f, 1, SITE_ANY, 0);
    give(1, LOCK_A);
    expect_silence();
}

static void test_twin_condition_without_its_mutex(void)
{
    open_two();
    fixture_call(&f, 1, SITE_COND_WAIT, AT_WORKER);
    give(1, LOCK_A);
    expect_silence();
}

/* Taken before main, where no hook looks. */
static void test_twin_taken_before_main(void)
{
    open_two();
    give(0, LOCK_A);
    expect_silence();
}

static void test_twin_taken_before_the_ring_begins(void)
{
    open_two();
    take(1, LOCK_A);
    for (unsigned i = 0; i < ABI_RING_EVENTS; i++)
        fixture_event(&f, 1, EVENT_ALLOC, 0, i, 8, 0);
    give(1, LOCK_A);
    expect_silence();
}

/* A child's thread has what its parent's thread had. */
static void test_twin_child(void)
{
    open_two();
    take(0, LOCK_A);
    give(fixture_forked(&f, "T1f1", 0), LOCK_A);
    give(0, LOCK_A);
    expect_silence();
}

static void test_twin_lane_used_again(void)
{
    open_two();
    take(1, LOCK_A); /* and never given back: another code's business */
    fixture_event(&f, 1, EVENT_THREAD_BORN, 0, 0, 0, 0);
    take(1, LOCK_A);
    give(1, LOCK_A);
    expect_silence();
}

static void test_twin_more_locks_than_we_follow(void)
{
    open_two();
    for (unsigned i = 0; i < 100; i++)
        take(1, 0x9000 + i);
    for (unsigned i = 0; i < 100; i++)
        give(1, 0x9000 + i);
    expect_silence();
}

/* --- dead owners
 * ------------------------------------------------------------------------------------- */

static void test_mutex_became_unusable(void)
{
    const struct finding *finding;

    open_two();
    fixture_event(&f, 1, EVENT_OWNER_DIED, MODE_MUTEX, LOCK_A, 0, AT_UPDATE);
    take(1, LOCK_A);
    for (unsigned i = 0; i < 3;
         i++) /* each who asks for it later is refused: still one take-over */
        fixture_event(&f, 0, EVENT_WAIT_FAILED, MODE_MUTEX, LOCK_A, ENOTRECOVERABLE, AT_MAIN);
    finding = judge(STOP_LOCK_OWNER_DIED_IGNORED);
    CU_ASSERT(fixture_says(finding, "took over mutex lock_a from a dead owner and did not repair"));
    CU_ASSERT_EQUAL(finding->lines, 1);
    give(1, LOCK_A);
    finding = judge(STOP_LOCK_OWNER_DIED_IGNORED);
    CU_ASSERT(fixture_says(finding, "T1.1       released mutex lock_a unrepaired"));
    CU_ASSERT_EQUAL(finding->lines, 1);
    fixture_close(&f);
}

/* Destroyed, or unusable: whoever unlocks it all the same was told so, and another code tells. */
static void test_twin_refused(void)
{
    open_two();
    fixture_event(&f, 1, EVENT_WAIT_FAILED, MODE_MUTEX, LOCK_A, EINVAL, AT_UPDATE);
    fixture_event(&f, 1, EVENT_RELEASED, MODE_NONE, LOCK_A, 0, AT_UPDATE);
    expect_silence();
    open_two();
    fixture_event(&f, 1, EVENT_WAIT_FAILED, MODE_MUTEX, LOCK_A, EBUSY, AT_UPDATE);
    fixture_event(&f, 1, EVENT_RELEASED, MODE_NONE, LOCK_A, 0, AT_UPDATE);
    judge(STOP_LOCK_OVER_RELEASED);
    fixture_close(&f);
}

/* It may have taken it before anybody looked; what it was seen to take is another matter. */
static void test_twin_unknown_birth(void)
{
    unsigned lane;

    open_two();
    lane = fixture_lane(&f, "T?1");
    take(1, LOCK_A);
    give(1, LOCK_A);
    fixture_event(&f, lane, EVENT_RELEASED, MODE_NONE, LOCK_A, 0, AT_UPDATE);
    judge(STOP_NONE);
    take(lane, LOCK_A);
    give(lane, LOCK_A);
    give(lane, LOCK_A);
    judge(STOP_LOCK_OVER_RELEASED);
    fixture_close(&f);
}

static uint32_t consistent(void)
{
    for (uint32_t kind = 1; kind < ABI_EVENTS; kind++)
        if (strcmp(abi_event_name(kind), "consistent") == 0)
            return kind;
    return EVENT_NONE;
}

/* Whether an unlock was wrong can be told only by an agent that tells of repairs, too. */
static void test_unlocked_without_repair(void)
{
    open_two();
    fixture_event(&f, 1, EVENT_OWNER_DIED, MODE_MUTEX, LOCK_A, 0, AT_UPDATE);
    take(1, LOCK_A);
    give(1, LOCK_A);
    if (consistent() != EVENT_NONE)
        CU_ASSERT(fixture_says(judge(STOP_LOCK_OWNER_DIED_IGNORED), "released mutex lock_a"))
    else
        judge(STOP_NONE);
    fixture_close(&f);
}

static void test_twin_repaired(void)
{
    open_two();
    fixture_event(&f, 1, EVENT_OWNER_DIED, MODE_MUTEX, LOCK_A, 0, AT_UPDATE);
    take(1, LOCK_A);
    if (consistent() != EVENT_NONE)
        fixture_event(&f, 1, (enum abi_event_kind)consistent(), 0, LOCK_A, 0, AT_UPDATE);
    give(1, LOCK_A);
    expect_silence();
}

static void test_twin_not_yet_released(void)
{
    open_two();
    fixture_event(&f, 1, EVENT_OWNER_DIED, MODE_MUTEX, LOCK_A, 0, AT_UPDATE);
    take(1, LOCK_A);
    expect_silence();
}

static void test_damage(void)
{
    open_two();
    fixture_thread(&f, 0, THREAD_GONE, -2);
    take(1, LOCK_A);
    give(1, LOCK_A);
    give(1, LOCK_A);
    fixture_hold(&f, 1, LOCK_B, MODE_MUTEX, AT_UPDATE);
    fixture_event(&f, 0, EVENT_DESTROYED, MODE_MUTEX, LOCK_B, 0, AT_MAIN);
    fixture_event(&f, 1, EVENT_OWNER_DIED, MODE_MUTEX, LOCK_A, 0, AT_UPDATE);
    fixture_event(&f, 0, EVENT_WAIT_FAILED, MODE_MUTEX, LOCK_A, ENOTRECOVERABLE, AT_MAIN);
    fixture_damage(&f, &detector_lock_misuse, 0x315);
    fixture_close(&f);
}

int main(void)
{
    static const struct fixture_case cases[] = {
        {"destroyed while held", test_destroyed_held},
        {"destroyed, holder unknown", test_destroyed_held_by_somebody},
        {"freed while held", test_freed_held},
        {"forgotten by the ring", test_forgotten_by_the_ring},
        {"many times", test_many_times},
        {"released twice", test_released_twice},
        {"released by another", test_released_by_another},
        {"the agent says so", test_agent_says_so},
        {"unusable after a death", test_mutex_became_unusable},
        {"unlocked without repair", test_unlocked_without_repair},
        {"twin: refused", test_twin_refused},
        {"twin: of unknown birth", test_twin_unknown_birth},
        {"twin: destroyed when free", test_twin_destroyed_free},
        {"a note: the holder was struck", test_note_where_the_holder_was_struck},
        {"twin: a suspended owner", test_twin_suspended_owner},
        {"twin: pairs", test_twin_pairs},
        {"twin: a condition", test_twin_condition},
        {"twin: a condition alone", test_twin_condition_without_its_mutex},
        {"twin: before main", test_twin_taken_before_main},
        {"twin: before the ring", test_twin_taken_before_the_ring_begins},
        {"twin: a child", test_twin_child},
        {"twin: a lane used again", test_twin_lane_used_again},
        {"twin: too many locks", test_twin_more_locks_than_we_follow},
        {"twin: repaired", test_twin_repaired},
        {"twin: not yet released", test_twin_not_yet_released},
        {"damaged memory", test_damage},
        {NULL, NULL},
    };

    return fixture_main("detector lock-misuse", cases);
}
