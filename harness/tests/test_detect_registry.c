/*
 * Tests of all detectors together: what they list exists, one cause is told by one of them, and
 * a clean cycle by none.
 */
#include "evidence_damage.h"

#include <harness/supervisor/evidence/verdict.h>

#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

#include <CUnit/Basic.h>

static struct fixture f;
static struct judgement judgement;

/* Every detector on one cycle, alone and as the supervisor does it. */
static void judge_without(const char *const *without)
{
    static struct judgement one;

    for (unsigned i = 0; detector_registry[i] != NULL; i++)
        fixture_judge(&f, detector_registry[i], &one);
    verdict_judge(&f.evidence, without, &judgement);
}

static void judge_all(void)
{
    judge_without(NULL);
}

static void expect(const enum stop_code *codes)
{
    unsigned count = 0;

    judge_all();
    while (codes[count] != STOP_NONE)
        count++;
    for (unsigned i = 0; i < judgement.findings; i++)
        if (i >= count || judgement.finding[i].code != codes[i])
            fprintf(stderr, "\n%u: %s\n", i, stop_code_entry(judgement.finding[i].code)->slug);
    CU_ASSERT_EQUAL(judgement.findings, count);
    for (unsigned i = 0; i < count && i < judgement.findings; i++)
        CU_ASSERT_EQUAL(judgement.finding[i].code, codes[i]);
    fixture_close(&f);
}

static void open_two(enum evidence_hang hang)
{
    fixture_open(&f);
    if (hang != HANG_NONE)
        fixture_hang(&f, hang);
    fixture_lane(&f, "T1");
    fixture_lane(&f, "T1.1");
}

static void test_every_listed_code_exists(void)
{
    for (unsigned i = 0; detector_registry[i] != NULL; i++) {
        char codes[512];
        char *rest = codes;
        char *slug;
        unsigned listed = 0;

        snprintf(codes, sizeof codes, "%s", detector_registry[i]->codes);
        while ((slug = strtok_r(rest, " ", &rest)) != NULL) {
            listed++;
            if (stop_code_find(slug) == STOP_NONE)
                fprintf(stderr, "%s lists %s\n", detector_registry[i]->name, slug);
            CU_ASSERT_NOT_EQUAL(stop_code_find(slug), STOP_NONE);
        }
        CU_ASSERT(listed > 0);
    }
}

static void test_entries_are_whole(void)
{
    for (unsigned i = 0; detector_registry[i] != NULL; i++) {
        const struct detector *detector = detector_registry[i];

        CU_ASSERT(detector->name[0] != 0 && detector->summary[0] != 0);
        CU_ASSERT_PTR_NULL(strpbrk(detector->name, " _,"));
        CU_ASSERT_PTR_NOT_NULL(detector->judge);
        for (unsigned n = 0; n < i; n++)
            CU_ASSERT_STRING_NOT_EQUAL(detector->name, detector_registry[n]->name);
    }
}

static void test_clean_cycle(void)
{
    fixture_open(&f);
    fixture_lane(&f, "T1");
    fixture_exit(&f, 0, 0, 1, 0);
    expect((const enum stop_code[]){STOP_NONE});
}

static void test_no_evidence_at_all(void)
{
    fixture_open(&f);
    memset(&f.evidence, 0, sizeof f.evidence);
    f.evidence.effect_status = -1;
    expect((const enum stop_code[]){STOP_NONE});
}

static void test_stuck_heap(void)
{
    open_two(HANG_PROVED);
    fixture_call(&f, 0, SITE_MALLOC, AT_MAIN);
    fixture_call(&f, 1, SITE_MALLOC, AT_WORKER);
    fixture_kill(&f, 1, SITE_MALLOC, 17, 41);
    expect((const enum stop_code[]){STOP_HEAP_LOCK_ORPHANED, STOP_NONE});
}

/* Catalogue B3: the handler waits for the lock of a dead thread. */
static void test_stuck_exit(void)
{
    open_two(HANG_PROVED);
    fixture_hold(&f, 1, LOCK_A, MODE_MUTEX, AT_WORKER);
    fixture_kill(&f, 1, SITE_MALLOC, 1, 0);
    fixture_exit(&f, 0, 0, 1, AT_MAIN);
    fixture_wait(&f, 0, SITE_LOCK, LOCK_A, MODE_MUTEX, AT_PLUGIN);
    expect((const enum stop_code[]){STOP_LOCK_ORPHANED, STOP_EXIT_HANDLER_STUCK, STOP_NONE});
}

/* Catalogue C8: the circle explains the hang, and the join inside it. */
static void test_late_join(void)
{
    open_two(HANG_PROVED);
    fixture_event(&f, 0, EVENT_UNLOAD_BEGIN, 0, 0x77, 0, AT_MAIN);
    fixture_join(&f, 0, 1, AT_PLUGIN);
    fixture_call(&f, 1, SITE_DLOPEN, AT_WORKER);
    expect((const enum stop_code[]){STOP_LOADER_DEADLOCK, STOP_NONE});
}

/* Parked inside the allocator with a mutex: two waiters, one cause, one finding. */
static void test_parked_with_two_locks(void)
{
    open_two(HANG_PROVED);
    fixture_lane(&f, "T1.2");
    fixture_hold(&f, 1, LOCK_A, MODE_MUTEX, AT_WORKER);
    fixture_call(&f, 1, SITE_MALLOC, AT_WORKER);
    fixture_park(&f, 1, SITE_MALLOC, 1, 30);
    fixture_wait(&f, 0, SITE_LOCK, LOCK_A, MODE_MUTEX, AT_MAIN);
    fixture_call(&f, 2, SITE_MALLOC, AT_UPDATE);
    expect((const enum stop_code[]){STOP_LOCK_OWNER_SUSPENDED, STOP_NONE});
}

/* Catalogue A5, clean twin: suspended outside of everything, and joined. */
static void test_parked_outside(void)
{
    open_two(HANG_PROVED);
    fixture_call(&f, 1, SITE_SEM_POST, AT_WORKER);
    fixture_park(&f, 1, SITE_SEM_POST, 1, 0);
    fixture_join(&f, 0, 1, AT_MAIN);
    judge_all();
    for (unsigned i = 0; i < judgement.findings; i++)
        CU_ASSERT_EQUAL(judgement.finding[i].severity, STOP_SEVERITY_NOTE);
    fixture_close(&f);
}

static void test_crash_explains_the_status(void)
{
    open_two(HANG_NONE);
    f.evidence.status = 11;
    expect((const enum stop_code[]){STOP_CRASH_SIGNAL, STOP_NONE});
}

static void test_broken_promise_explains_the_status(void)
{
    open_two(HANG_NONE);
    f.evidence.status = 1 << 8;
    f.memory->control.anomaly = ANOMALY_INVARIANT;
    f.memory->control.invariants = 1;
    expect((const enum stop_code[]){STOP_STATE_INVARIANT, STOP_NONE});
}

/* A hang is never passed over in silence, whatever is waited for. */
static void test_every_hang_is_told(void)
{
    static const enum evidence_hang hangs[] = {HANG_PROVED, HANG_SPINNING, HANG_DEADLINE};

    for (unsigned i = 0; i < 3; i++)
        for (uint32_t mode = MODE_NONE; mode < ABI_MODES; mode++) {
            open_two(hangs[i]);
            fixture_wait(&f, 0, SITE_ANY, LOCK_A, (enum abi_lock_mode)mode, AT_MAIN);
            fixture_wait(&f, 1, SITE_ANY, LOCK_B, (enum abi_lock_mode)mode, AT_WORKER);
            judge_all();
            CU_ASSERT(judgement.findings >= 1);
            fixture_close(&f);
        }
}

/* With its explanation switched off, a hang is told of by its kind. */
static void expect_hang_without(const char *detector)
{
    const char *const without[] = {detector, NULL};

    judge_without(without);
    CU_ASSERT_EQUAL(judgement.findings, 1);
    CU_ASSERT_EQUAL(judgement.finding[0].code, STOP_HANG_DEADLOCK);
    CU_ASSERT_EQUAL(judgement.finding[0].severity, STOP_SEVERITY_FINDING);
    CU_ASSERT_STRING_EQUAL(judgement.finding[0].signature, "hang.deadlock - prog:main");
    fixture_close(&f);
}

static void test_without_an_explanation(void)
{
    open_two(HANG_PROVED);
    fixture_hold(&f, 1, LOCK_A, MODE_MUTEX, AT_WORKER);
    fixture_kill(&f, 1, SITE_MALLOC, 1, 0);
    fixture_wait(&f, 0, SITE_LOCK, LOCK_A, MODE_MUTEX, AT_MAIN);
    expect_hang_without("lock-orphan");
    open_two(HANG_PROVED);
    fixture_hold(&f, 0, LOCK_A, MODE_MUTEX, AT_MAIN);
    f.memory->lane[1].state = LANE_ENDED;
    fixture_wait(&f, 0, SITE_LOCK, LOCK_A, MODE_MUTEX, AT_MAIN);
    expect_hang_without("deadlock");
    open_two(HANG_PROVED);
    fixture_call(&f, 0, SITE_MALLOC, AT_MAIN);
    fixture_call(&f, 1, SITE_MALLOC, AT_WORKER);
    fixture_kill(&f, 1, SITE_MALLOC, 17, 41);
    expect_hang_without("heap-lock");
    open_two(HANG_PROVED);
    fixture_event(&f, 0, EVENT_UNLOAD_BEGIN, 0, 0x77, 0, AT_MAIN);
    fixture_join(&f, 0, 1, AT_MAIN);
    fixture_call(&f, 1, SITE_DLOPEN, AT_WORKER);
    expect_hang_without("loader-lock");
}

static void test_damage_of_everything(void)
{
    for (unsigned i = 0; detector_registry[i] != NULL; i++) {
        if (strcmp(detector_registry[i]->name, "leftover") == 0)
            continue; /* reads the supervisor's own samples; damaged in its own test */
        open_two(HANG_PROVED);
        fixture_thread(&f, 0, THREAD_WAITING, SYS_futex);
        fixture_hold(&f, 1, LOCK_A, MODE_MUTEX, AT_WORKER);
        fixture_wait(&f, 0, SITE_LOCK, LOCK_A, MODE_MUTEX, AT_MAIN);
        fixture_exit(&f, 0, 0, 2, AT_MAIN);
        f.memory->control.anomaly = ANOMALY_INVARIANT;
        f.evidence.status = 5 << 8;
        f.evidence.hang = i % 2 ? HANG_PROVED : HANG_NONE;
        fixture_drown(&f, detector_registry[i], 0xa11 + i);
        fixture_close(&f);
    }
}

int main(void)
{
    static const struct fixture_case cases[] = {
        {"every listed code exists", test_every_listed_code_exists},
        {"entries are whole", test_entries_are_whole},
        {"a clean cycle", test_clean_cycle},
        {"no evidence", test_no_evidence_at_all},
        {"a stuck heap", test_stuck_heap},
        {"a stuck exit", test_stuck_exit},
        {"a late join", test_late_join},
        {"parked with two locks", test_parked_with_two_locks},
        {"parked outside", test_parked_outside},
        {"a crash and its status", test_crash_explains_the_status},
        {"a broken promise and its status", test_broken_promise_explains_the_status},
        {"every hang is told", test_every_hang_is_told},
        {"without an explanation", test_without_an_explanation},
        {"everything damaged", test_damage_of_everything},
        {NULL, NULL},
    };

    return fixture_main("detectors", cases);
}
