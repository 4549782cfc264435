/*
 * Tests of the detector heap-lock: a thread stopped inside the allocator, and who waits for it.
 */
#include "evidence_damage.h"

#include <harness/injector.h>

#include <string.h>
#include <sys/syscall.h>

#include <CUnit/Basic.h>

extern const struct detector detector_heap_lock;

static struct fixture f;
static struct judgement judgement;

/* T1 frees, T1.1 and T1.2 are in malloc; all of them hang. */
static void open_stuck(void)
{
    fixture_open(&f);
    fixture_hang(&f, HANG_PROVED);
    fixture_lane(&f, "T1");
    fixture_lane(&f, "T1.1");
    fixture_lane(&f, "T1.2");
    fixture_call(&f, 0, SITE_FREE, AT_MAIN);
    fixture_call(&f, 1, SITE_MALLOC, AT_WORKER);
    fixture_call(&f, 2, SITE_MALLOC, AT_WORKER);
}

static const struct finding *judge(enum stop_code code)
{
    fixture_judge(&f, &detector_heap_lock, &judgement);
    return fixture_found(&judgement, code);
}

static void test_killed_in_malloc(void)
{
    const struct finding *finding;

    open_stuck();
    fixture_kill(&f, 2, SITE_MALLOC, 17, 41);
    finding = judge(STOP_HEAP_LOCK_ORPHANED);
    CU_ASSERT_PTR_NOT_NULL_FATAL(finding);
    CU_ASSERT_EQUAL(judgement.findings, 1);
    CU_ASSERT(fixture_says(finding, "T1.2       was killed at T1.2:malloc#17+41i"));
    CU_ASSERT(fixture_says(finding, "at libc.so.6+0x41  _int_malloc"));
    CU_ASSERT(fixture_says(finding, "called from worker  prog  prog.c:20"));
    CU_ASSERT(fixture_says(finding, "T1 (main)  waits for the heap lock"));
    CU_ASSERT(fixture_says(finding, "free  in main  prog  prog.c:10"));
    CU_ASSERT(fixture_says(finding, "T1.1       waits for the heap lock"));
    CU_ASSERT_STRING_EQUAL(finding->signature, "heap.lock-orphaned prog:worker -");
    fixture_close(&f);
}

/* By the stack at its death, where the supervisor could unwind it. */
static void test_stack_of_the_dead(void)
{
    const struct finding *finding;
    unsigned thread;

    open_stuck();
    fixture_kill(&f, 2, SITE_MALLOC, 17, 41);
    thread = fixture_thread(&f, 2, THREAD_DEAD, -2);
    fixture_frame(&f, thread, "libc.so.6", "_int_malloc", "", 0);
    fixture_frame(&f, thread, "libc.so.6", "malloc", "", 0);
    fixture_frame(&f, thread, "libtree.so", "tree_insert", "tree.c", 7);
    finding = judge(STOP_HEAP_LOCK_ORPHANED);
    CU_ASSERT(fixture_says(finding, "called from tree_insert  libtree.so  tree.c:7"));
    CU_ASSERT_STRING_EQUAL(finding->signature, "heap.lock-orphaned libtree.so:tree_insert -");
    fixture_close(&f);
}

static void test_probe_is_named(void)
{
    const struct finding *finding;

    fixture_open(&f);
    fixture_hang(&f, HANG_PROVED);
    fixture_lane(&f, "T1");
    fixture_lane(&f, "T1.1");
    f.memory->lane[0].probe = PROBE_FORK;
    fixture_call(&f, 1, SITE_FREE, AT_WORKER);
    fixture_kill(&f, 1, SITE_FREE, 2, 30);
    finding = judge(STOP_HEAP_LOCK_ORPHANED);
    CU_ASSERT(fixture_says(finding, "probe fork"));
    CU_ASSERT_STRING_EQUAL(finding->signature, "heap.lock-orphaned prog:worker -");
    fixture_close(&f);
}

static void test_killed_in_malloc_inside_dlopen(void)
{
    const struct finding *finding;

    open_stuck();
    fixture_kill(&f, 2, SITE_DLOPEN, 1, 900);
    finding = judge(STOP_HEAP_LOCK_ORPHANED);
    CU_ASSERT(fixture_says(finding, "was killed at T1.2:dlopen#1+900i, inside malloc"));
    fixture_close(&f);
}

/* exit-nt-order takes the others along: the plan's point is not theirs. */
static void test_killed_along_with_others(void)
{
    const struct finding *finding;

    open_stuck();
    fixture_kill(&f, 2, SITE_MALLOC, 17, 0);
    strcpy(f.memory->control.plan.strike[0].thread, "T1");
    f.memory->lane[2].depth = 0;
    finding = judge(STOP_HEAP_LOCK_ORPHANED);
    CU_ASSERT(fixture_says(finding, "was killed along with the others, inside malloc"));
    fixture_close(&f);
}

/* The lane alone tells, where the table of deaths was full. */
static void test_killed_without_a_record(void)
{
    const struct finding *finding;

    open_stuck();
    f.memory->lane[2].state = LANE_KILLED;
    finding = judge(STOP_HEAP_LOCK_ORPHANED);
    CU_ASSERT(fixture_says(finding, "was killed, inside malloc"));
    fixture_close(&f);
}

/* With all others at a hook's end, where nothing is recorded: the injector tells. */
static void test_killed_with_the_others_without_a_record(void)
{
    int index = injector_find("exit-nt-order");

    open_stuck();
    f.memory->lane[2].state = LANE_KILLED;
    CU_ASSERT_FATAL(index >= 0);
    f.memory->control.plan.count = 1;
    f.memory->control.plan.strike[0].injector = (uint16_t)index;
    f.memory->control.fired = 1;
    CU_ASSERT(fixture_says(judge(STOP_HEAP_LOCK_ORPHANED),
                           "was killed along with the others, inside malloc"));
    fixture_close(&f);
}

static void test_all_that_may_have_it_are_named(void)
{
    const struct finding *finding;

    open_stuck();
    fixture_kill(&f, 1, SITE_MALLOC, 3, 50);
    fixture_kill(&f, 2, SITE_MALLOC, 17, 41);
    finding = judge(STOP_HEAP_LOCK_ORPHANED);
    CU_ASSERT(fixture_says(finding, "T1.1:malloc#3+50i"));
    CU_ASSERT(fixture_says(finding, "T1.2:malloc#17+41i"));
    fixture_close(&f);
}

static void test_parked_in_malloc(void)
{
    const struct finding *finding;

    open_stuck();
    fixture_park(&f, 2, SITE_MALLOC, 4, 60);
    finding = judge(STOP_LOCK_OWNER_SUSPENDED);
    CU_ASSERT_EQUAL(judgement.findings, 1);
    CU_ASSERT(fixture_says(finding, "T1.2       is suspended at T1.2:malloc#4+60i"));
    CU_ASSERT(fixture_says(finding, "has the lock of an arena of the heap"));
    fixture_close(&f);
}

static void test_twin_killed_at_the_entry(void)
{
    open_stuck();
    fixture_kill(&f, 2, SITE_MALLOC, 17, 0);
    judge(STOP_NONE);
    CU_ASSERT_EQUAL(judgement.findings, 0);
    fixture_close(&f);
}

static void test_twin_killed_outside(void)
{
    open_stuck();
    fixture_call(&f, 2, SITE_LOCK, AT_WORKER);
    fixture_kill(&f, 2, SITE_LOCK, 17, 9);
    judge(STOP_NONE);
    CU_ASSERT_EQUAL(judgement.findings, 0);
    fixture_close(&f);
}

static void test_twin_nobody_waits(void)
{
    open_stuck();
    fixture_call(&f, 0, SITE_ANY, 0);
    fixture_wait(&f, 1, SITE_LOCK, LOCK_A, MODE_MUTEX, AT_WORKER);
    fixture_kill(&f, 2, SITE_MALLOC, 17, 41);
    judge(STOP_NONE);
    CU_ASSERT_EQUAL(judgement.findings, 0);
    fixture_close(&f);
}

static void test_twin_no_hang(void)
{
    open_stuck();
    fixture_kill(&f, 2, SITE_MALLOC, 17, 41);
    fixture_hang(&f, HANG_NONE);
    judge(STOP_NONE);
    CU_ASSERT_EQUAL(judgement.findings, 0);
    fixture_close(&f);
}

static void test_twin_resumed(void)
{
    open_stuck();
    fixture_park(&f, 2, SITE_MALLOC, 4, 60);
    f.memory->lane[2].state = LANE_RUNS;
    for (int lane = 0; lane < 3; lane++)
        fixture_thread(&f, lane, THREAD_WAITING, SYS_futex);
    judge(STOP_NONE);
    CU_ASSERT_EQUAL(judgement.findings, 0);
    fixture_close(&f);
}

static void test_damage(void)
{
    open_stuck();
    fixture_thread(&f, 0, THREAD_WAITING, SYS_futex);
    fixture_kill(&f, 2, SITE_MALLOC, 17, 41);
    fixture_damage(&f, &detector_heap_lock, 0x4ea9);
    fixture_close(&f);
}

int main(void)
{
    static const struct fixture_case cases[] = {
        {"killed in malloc", test_killed_in_malloc},
        {"the stack of the dead", test_stack_of_the_dead},
        {"the probe is named", test_probe_is_named},
        {"malloc inside dlopen", test_killed_in_malloc_inside_dlopen},
        {"killed along with others", test_killed_along_with_others},
        {"killed without a record", test_killed_without_a_record},
        {"killed along, without a record", test_killed_with_the_others_without_a_record},
        {"several that may have it", test_all_that_may_have_it_are_named},
        {"parked in malloc", test_parked_in_malloc},
        {"twin: killed at the entry", test_twin_killed_at_the_entry},
        {"twin: killed outside", test_twin_killed_outside},
        {"twin: nobody waits", test_twin_nobody_waits},
        {"twin: no hang", test_twin_no_hang},
        {"twin: resumed", test_twin_resumed},
        {"damaged memory", test_damage},
        {NULL, NULL},
    };

    return fixture_main("detector heap-lock", cases);
}
