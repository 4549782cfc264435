/*
 * Tests of the detector loader-lock: orphans, circles and joins around the loader's lock.
 */
#include "evidence_damage.h"

#include <string.h>
#include <sys/syscall.h>

#include <CUnit/Basic.h>

extern const struct detector detector_loader_lock;

static struct fixture f;
static struct judgement judgement;

static void open_two(enum evidence_hang hang)
{
    fixture_open(&f);
    if (hang != HANG_NONE)
        fixture_hang(&f, hang);
    fixture_lane(&f, "T1");
    fixture_lane(&f, "T1.1");
}

static const struct finding *judge(enum stop_code code)
{
    fixture_judge(&f, &detector_loader_lock, &judgement);
    return fixture_found(&judgement, code);
}

static void expect_silence(void)
{
    judge(STOP_NONE);
    CU_ASSERT_EQUAL(judgement.findings, 0);
    fixture_close(&f);
}

static void act(unsigned lane, enum abi_event_kind kind)
{
    fixture_event(&f, lane, kind, 0, 0x77, 0, AT_MAIN);
}

static void test_killed_in_dlopen(void)
{
    const struct finding *finding;

    open_two(HANG_PROVED);
    fixture_call(&f, 0, SITE_DLCLOSE, AT_MAIN);
    fixture_call(&f, 1, SITE_DLOPEN, AT_WORKER);
    fixture_kill(&f, 1, SITE_DLOPEN, 2, 1200);
    finding = judge(STOP_LOADER_LOCK_ORPHANED);
    CU_ASSERT_EQUAL(judgement.findings, 1);
    CU_ASSERT(fixture_says(finding, "was killed at T1.1:dlopen#2+1200i"));
    CU_ASSERT(fixture_says(finding, "has the loader lock"));
    CU_ASSERT(fixture_says(finding, "T1 (main)  waits for the loader lock"));
    CU_ASSERT_STRING_EQUAL(finding->signature, "loader.lock-orphaned prog:worker prog:main");
    fixture_close(&f);
}

static void test_killed_in_malloc_of_dlopen(void)
{
    open_two(HANG_PROVED);
    fixture_call(&f, 0, SITE_DLOPEN, AT_MAIN);
    act(1, EVENT_LOAD_BEGIN);
    fixture_call(&f, 1, SITE_MALLOC, AT_WORKER);
    fixture_kill(&f, 1, SITE_MALLOC, 2, 0);
    CU_ASSERT_PTR_NOT_NULL(judge(STOP_LOADER_LOCK_ORPHANED));
    fixture_close(&f);
}

static void test_parked_in_dl_iterate_phdr(void)
{
    const struct finding *finding;

    open_two(HANG_PROVED);
    fixture_call(&f, 0, SITE_DLOPEN, AT_MAIN);
    fixture_call(&f, 1, SITE_DL_ITERATE_PHDR, AT_WORKER);
    fixture_park(&f, 1, SITE_DL_ITERATE_PHDR, 1, 40);
    finding = judge(STOP_LOCK_OWNER_SUSPENDED);
    CU_ASSERT(fixture_says(finding, "is suspended at T1.1:dl_iterate_phdr#1+40i"));
    fixture_close(&f);
}

/* Catalogue C8: the destructor joins a worker that needs dlopen. */
static void test_late_join(void)
{
    const struct finding *finding;

    open_two(HANG_PROVED);
    act(0, EVENT_UNLOAD_BEGIN);
    fixture_join(&f, 0, 1, AT_PLUGIN);
    fixture_call(&f, 1, SITE_DLOPEN, AT_WORKER);
    finding = judge(STOP_LOADER_DEADLOCK);
    CU_ASSERT_EQUAL(judgement.findings, 1);
    CU_ASSERT(fixture_says(finding, "T1 (main)  waits for T1.1 to end"));
    CU_ASSERT(fixture_says(finding, "join  in stop  libplug.so  plug.c:40"));
    CU_ASSERT(fixture_says(finding, "holds the loader lock"));
    CU_ASSERT(fixture_says(finding, "T1.1       waits for the loader lock"));
    CU_ASSERT(fixture_says(finding, "the circle: T1 ─join─► T1.1 ─the loader lock─► T1"));
    CU_ASSERT_STRING_EQUAL(finding->signature, "loader.deadlock libplug.so:stop prog:worker");
    fixture_close(&f);
}

/* The same by stacks alone, and through a mutex. */
static void test_circle_through_a_mutex_by_stacks(void)
{
    unsigned thread;

    open_two(HANG_PROVED);
    fixture_hold(&f, 1, LOCK_A, MODE_MUTEX, AT_WORKER);
    fixture_wait(&f, 0, SITE_LOCK, LOCK_A, MODE_MUTEX, AT_PLUGIN);
    thread = fixture_thread(&f, 0, THREAD_WAITING, SYS_futex);
    fixture_frame(&f, thread, "libc.so.6", "pthread_mutex_lock", "", 0);
    fixture_frame(&f, thread, "libplug.so", "stop", "plug.c", 40);
    fixture_frame(&f, thread, "ld-linux-x86-64.so.2", "_dl_close_worker", "", 0);
    fixture_frame(&f, thread, "libc.so.6", "dlclose", "", 0);
    fixture_frame(&f, thread, "prog", "main", "prog.c", 10);
    thread = fixture_thread(&f, 1, THREAD_WAITING, SYS_futex);
    fixture_frame(&f, thread, "libc.so.6", "pthread_mutex_lock", "", 0);
    fixture_frame(&f, thread, "ld-linux-x86-64.so.2", "_dl_open", "", 0);
    fixture_frame(&f, thread, "libc.so.6", "dlopen", "", 0);
    fixture_frame(&f, thread, "prog", "worker", "prog.c", 20);
    CU_ASSERT_PTR_NOT_NULL(judge(STOP_LOADER_DEADLOCK));
    fixture_close(&f);
}

/* Catalogue C3: it waits for a work item that needs the loader. */
static void test_event_that_cannot_come(void)
{
    const struct finding *finding;

    open_two(HANG_PROVED);
    act(0, EVENT_UNLOAD_BEGIN);
    fixture_wait(&f, 0, SITE_COND_WAIT, READY, MODE_CONDITION, AT_PLUGIN);
    fixture_call(&f, 1, SITE_DLOPEN, AT_WORKER);
    finding = judge(STOP_LOADER_DEADLOCK);
    CU_ASSERT(fixture_says(finding, "T1 (main)  waits for condition ready"));
    CU_ASSERT(fixture_says(finding, "can't come"));
    fixture_close(&f);
}

static void test_join_inside_that_went_well(void)
{
    const struct finding *finding;

    open_two(HANG_NONE);
    act(0, EVENT_UNLOAD_BEGIN);
    fixture_event(&f, 0, EVENT_JOIN_BEGIN, 1, 0x5, 2, AT_PLUGIN);
    fixture_event(&f, 0, EVENT_JOIN_END, 0, 0x5, 0, AT_PLUGIN);
    act(0, EVENT_UNLOAD_END);
    finding = judge(STOP_LOADER_JOIN_INSIDE);
    CU_ASSERT_EQUAL(judgement.findings, 1);
    CU_ASSERT(fixture_says(finding, "joined a thread inside dlclose, in stop  libplug.so"));
    CU_ASSERT_STRING_EQUAL(finding->signature, "loader.join-inside libplug.so:stop -");
    fixture_close(&f);
}

static void test_join_inside_that_hangs_for_another_reason(void)
{
    open_two(HANG_PROVED);
    act(0, EVENT_LOAD_BEGIN);
    fixture_join(&f, 0, 1, AT_PLUGIN);
    fixture_wait(&f, 1, SITE_SEM_WAIT, READY, MODE_SEMAPHORE, AT_WORKER);
    CU_ASSERT_PTR_NOT_NULL(judge(STOP_LOADER_JOIN_INSIDE));
    CU_ASSERT_EQUAL(judgement.findings, 1);
    fixture_close(&f);
}

static void test_twin_join_before_dlclose(void)
{
    open_two(HANG_NONE);
    act(0, EVENT_LOAD_BEGIN);
    act(0, EVENT_LOAD_END);
    fixture_event(&f, 0, EVENT_JOIN_BEGIN, 1, 0x5, 2, AT_MAIN);
    fixture_event(&f, 0, EVENT_JOIN_END, 0, 0x5, 0, AT_MAIN);
    act(0, EVENT_UNLOAD_BEGIN);
    act(0, EVENT_UNLOAD_END);
    expect_silence();
}

/* The agent can't see every dlopen return. */
static void test_twin_begin_without_end(void)
{
    open_two(HANG_NONE);
    act(0, EVENT_LOAD_BEGIN);
    fixture_event(&f, 0, EVENT_JOIN_BEGIN, 1, 0x5, 2, AT_MAIN);
    act(0, EVENT_LOAD_BEGIN);
    act(0, EVENT_LOAD_END);
    expect_silence();
}

static void test_twin_loads_that_read_a_slow_disk(void)
{
    open_two(HANG_DEADLINE);
    fixture_call(&f, 0, SITE_DLOPEN, AT_MAIN);
    fixture_thread(&f, 0, THREAD_WAITING, SYS_read);
    fixture_call(&f, 1, SITE_DLOPEN, AT_WORKER);
    fixture_kill(&f, 1, SITE_DLOPEN, 2, 1200);
    expect_silence();
}

static void test_twin_killed_at_the_entry(void)
{
    open_two(HANG_PROVED);
    fixture_call(&f, 0, SITE_DLCLOSE, AT_MAIN);
    fixture_call(&f, 1, SITE_DLOPEN, AT_WORKER);
    fixture_kill(&f, 1, SITE_DLOPEN, 2, 0);
    expect_silence();
}

static void test_twin_join_outside(void)
{
    open_two(HANG_PROVED);
    fixture_join(&f, 0, 1, AT_MAIN);
    fixture_call(&f, 1, SITE_DLOPEN, AT_WORKER);
    expect_silence();
}

static void test_damage(void)
{
    open_two(HANG_PROVED);
    act(0, EVENT_UNLOAD_BEGIN);
    fixture_join(&f, 0, 1, AT_PLUGIN);
    fixture_call(&f, 1, SITE_DLOPEN, AT_WORKER);
    fixture_thread(&f, 1, THREAD_WAITING, SYS_futex);
    fixture_damage(&f, &detector_loader_lock, 0x10ad);
    fixture_close(&f);
}

int main(void)
{
    static const struct fixture_case cases[] = {
        {"killed in dlopen", test_killed_in_dlopen},
        {"killed in malloc of dlopen", test_killed_in_malloc_of_dlopen},
        {"parked in dl_iterate_phdr", test_parked_in_dl_iterate_phdr},
        {"a late join", test_late_join},
        {"a mutex, by stacks", test_circle_through_a_mutex_by_stacks},
        {"an event that can't come", test_event_that_cannot_come},
        {"a join inside went well", test_join_inside_that_went_well},
        {"a join inside hangs", test_join_inside_that_hangs_for_another_reason},
        {"twin: join first", test_twin_join_before_dlclose},
        {"twin: begin without end", test_twin_begin_without_end},
        {"twin: a slow disk", test_twin_loads_that_read_a_slow_disk},
        {"twin: killed at the entry", test_twin_killed_at_the_entry},
        {"twin: join outside", test_twin_join_outside},
        {"damaged memory", test_damage},
        {NULL, NULL},
    };

    return fixture_main("detector loader-lock", cases);
}
