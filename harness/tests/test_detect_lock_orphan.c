/*
 * Tests of the detector lock-orphan: locks whose owner is gone or suspended.
 */
#include "evidence_damage.h"

#include <string.h>
#include <sys/syscall.h>

#include <CUnit/Basic.h>

extern const struct detector detector_lock_orphan;

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
    fixture_judge(&f, &detector_lock_orphan, &judgement);
    return fixture_found(&judgement, code);
}

static void expect_silence(void)
{
    judge(STOP_NONE);
    CU_ASSERT_EQUAL(judgement.findings, 0);
    fixture_close(&f);
}

static void test_killed_with_a_mutex(void)
{
    const struct finding *finding;

    open_two();
    fixture_hold(&f, 1, LOCK_A, MODE_MUTEX, AT_UPDATE);
    fixture_call(&f, 1, SITE_FREE, AT_UPDATE);
    fixture_kill(&f, 1, SITE_FREE, 5, 0);
    fixture_wait(&f, 0, SITE_LOCK, LOCK_A, MODE_MUTEX, AT_MAIN);
    finding = judge(STOP_LOCK_ORPHANED);
    CU_ASSERT_EQUAL(judgement.findings, 1);
    CU_ASSERT(fixture_says(finding, "T1.1       was killed at T1.1:free#5"));
    CU_ASSERT(fixture_says(finding, "holds mutex lock_a, taken in update  prog  prog.c:30"));
    CU_ASSERT(fixture_says(finding, "T1 (main)  waits for mutex lock_a"));
    CU_ASSERT_STRING_EQUAL(finding->signature, "lock.orphaned prog:update prog:main");
    fixture_close(&f);
}

static void test_returned_with_a_mutex(void)
{
    const struct finding *finding;

    open_two();
    fixture_hold(&f, 1, LOCK_A, MODE_MUTEX, AT_UPDATE);
    f.memory->lane[1].state = LANE_ENDED;
    f.memory->lane[1].end = END_CANCEL;
    fixture_wait(&f, 0, SITE_LOCK, LOCK_A, MODE_MUTEX, AT_MAIN);
    finding = judge(STOP_LOCK_ORPHANED);
    CU_ASSERT(fixture_says(finding, "T1.1       was cancelled"));
    CU_ASSERT_EQUAL(finding->lines, 3); /* its lane's last call was of its clean-up */
    fixture_close(&f);
}

static void test_vanished_with_a_mutex(void)
{
    const struct finding *finding;

    open_two();
    fixture_hold(&f, 1, LOCK_A, MODE_MUTEX, AT_UPDATE);
    fixture_thread(&f, 1, THREAD_DEAD, -2);
    fixture_wait(&f, 0, SITE_LOCK, LOCK_A, MODE_MUTEX, AT_MAIN);
    finding = judge(STOP_LOCK_ORPHANED);
    CU_ASSERT(fixture_says(finding, "T1.1       has vanished without a word"));
    fixture_close(&f);
}

static void test_killed_inside_lock_and_unlock(void)
{
    const struct finding *finding;

    open_two();
    fixture_wait(&f, 1, SITE_LOCK, LOCK_A, MODE_MUTEX, AT_UPDATE);
    fixture_kill(&f, 1, SITE_LOCK, 2, 11);
    fixture_wait(&f, 0, SITE_LOCK, LOCK_A, MODE_MUTEX, AT_MAIN);
    finding = judge(STOP_LOCK_ORPHANED);
    CU_ASSERT(fixture_says(finding, "was in the middle of taking mutex lock_a"));
    fixture_close(&f);

    open_two();
    fixture_call(&f, 1, SITE_UNLOCK, AT_UPDATE);
    fixture_event(&f, 1, EVENT_RELEASED, MODE_MUTEX, LOCK_A, 0, AT_UPDATE);
    fixture_kill(&f, 1, SITE_UNLOCK, 2, 11);
    fixture_wait(&f, 0, SITE_LOCK, LOCK_A, MODE_MUTEX, AT_MAIN);
    finding = judge(STOP_LOCK_ORPHANED);
    CU_ASSERT(fixture_says(finding, "was in the middle of releasing mutex lock_a"));
    fixture_close(&f);
}

static void test_dead_reader_keeps_a_writer_out(void)
{
    const struct finding *finding;

    open_two();
    fixture_hold(&f, 1, LOCK_A, MODE_READ, AT_UPDATE);
    fixture_kill(&f, 1, SITE_MALLOC, 1, 4);
    fixture_wait(&f, 0, SITE_WRLOCK, LOCK_A, MODE_WRITE, AT_MAIN);
    finding = judge(STOP_LOCK_ORPHANED);
    CU_ASSERT(fixture_says(finding, "holds read lock lock_a"));
    CU_ASSERT(fixture_says(finding, "waits for write lock lock_a"));
    fixture_close(&f);
}

/* T1 spins on a word of the program's own; T1.1 was killed, and was about to write it. */
static void open_home_grown(void)
{
    struct evidence_spin *spin;

    fixture_open(&f);
    fixture_lane(&f, "T1");
    fixture_lane(&f, "T1.1");
    fixture_hang(&f, HANG_SPINNING);
    fixture_thread(&f, 0, THREAD_RUNNING, -1);
    f.memory->lane[1].state = LANE_KILLED;
    fixture_thread(&f, 1, THREAD_DEAD, -2);
    spin = &f.evidence.spin[f.evidence.spins++];
    spin->tid = FIXTURE_PID;
    spin->word = LOCK_A;
    spin->at = AT_MAIN;
    spin->value = 1;
    spin->writer = 1;
    spin->writes_at = AT_UPDATE;
}

static void test_home_grown(void)
{
    const struct finding *finding;

    open_home_grown();
    finding = judge(STOP_LOCK_SPIN_ORPHANED);
    CU_ASSERT_PTR_NOT_NULL_FATAL(finding);
    CU_ASSERT(fixture_says(finding, "T1.1       was killed"));
    CU_ASSERT(fixture_says(finding, "was still to write the word lock_a+0x0, in update"));
    CU_ASSERT(fixture_says(finding, "reads the word lock_a+0x0, which stays 1, in main"));
    f.evidence.spin[0].writes_at = 0;
    CU_ASSERT(
        fixture_says(judge(STOP_LOCK_SPIN_ORPHANED), "its thread id stands in the word lock_a"));
    fixture_close(&f);
}

/* A live thread may write it, or no dead one: then it is a livelock. */
static void test_twin_home_grown(void)
{
    open_home_grown();
    f.evidence.spin[0].live = true;
    judge(STOP_NONE);
    CU_ASSERT_EQUAL(judgement.findings, 0);
    f.evidence.spin[0].live = false;
    f.evidence.spin[0].writer = -1;
    judge(STOP_NONE);
    CU_ASSERT_EQUAL(judgement.findings, 0);
    fixture_close(&f);
}

static void test_spin_lock(void)
{
    const struct finding *finding;

    open_two();
    fixture_hang(&f, HANG_SPINNING);
    fixture_hold(&f, 1, LOCK_A, MODE_SPIN, AT_UPDATE);
    fixture_kill(&f, 1, SITE_MALLOC, 1, 4);
    fixture_wait(&f, 0, SITE_SPIN_LOCK, LOCK_A, MODE_SPIN, AT_MAIN);
    fixture_thread(&f, 0, THREAD_RUNNING, -1);
    finding = judge(STOP_LOCK_SPIN_ORPHANED);
    CU_ASSERT_EQUAL(judgement.findings, 1);
    CU_ASSERT(fixture_says(finding, "T1 (main)  spins for spin lock lock_a"));
    fixture_close(&f);
}

static void test_stream_lock(void)
{
    const struct finding *finding;

    open_two();
    fixture_hold(&f, 1, LOCK_A, MODE_STDIO, AT_UPDATE);
    fixture_kill(&f, 1, SITE_MALLOC, 1, 4);
    f.memory->lane[0].probe = PROBE_STDIO;
    finding = judge(STOP_LOCK_ORPHANED);
    CU_ASSERT(fixture_says(finding, "has the lock of a stream"));
    CU_ASSERT(fixture_says(finding, "probe stdio"));
    fixture_close(&f);
}

/* Killed in malloc that fprintf called: the stream is locked, though nobody asked for it. */
static void test_stream_lock_by_the_stack(void)
{
    const struct finding *finding;
    unsigned thread;

    open_two();
    fixture_call(&f, 1, SITE_MALLOC, AT_UPDATE);
    fixture_kill(&f, 1, SITE_MALLOC, 1, 0);
    thread = fixture_thread(&f, 1, THREAD_DEAD, -2);
    fixture_frame(&f, thread, "librundown-agent.so", "malloc", "", 0);
    fixture_frame(&f, thread, "libc.so.6", "_IO_file_doallocate", "", 0);
    fixture_frame(&f, thread, "libc.so.6", "fprintf", "", 0);
    fixture_frame(&f, thread, "prog", "logger", "log.c", 3);
    thread = fixture_thread(&f, 0, THREAD_WAITING, SYS_futex);
    fixture_frame(&f, thread, "libc.so.6", "__lll_lock_wait_private", "", 0);
    fixture_frame(&f, thread, "libc.so.6", "fflush", "", 0);
    fixture_frame(&f, thread, "prog", "main", "prog.c", 11);
    finding = judge(STOP_LOCK_ORPHANED);
    CU_ASSERT_STRING_EQUAL(finding->signature, "lock.orphaned prog:logger prog:main");
    fixture_close(&f);
}

/* T1 wants a stream in a call that no hook knows; T1.1 was killed in @site, on its way. */
static unsigned open_stream(enum abi_site site)
{
    unsigned thread;

    open_two();
    fixture_call(&f, 1, site, AT_UPDATE);
    if (site == SITE_FUNLOCKFILE)
        fixture_event(&f, 1, EVENT_RELEASED, MODE_STDIO, LOCK_A, 0, AT_UPDATE);
    fixture_kill(&f, 1, site, 1, 4);
    thread = fixture_thread(&f, 0, THREAD_WAITING, SYS_futex);
    fixture_frame(&f, thread, "libc.so.6", "__lll_lock_wait_private", "", 0);
    fixture_frame(&f, thread, "libc.so.6", "fprintf", "", 0);
    fixture_frame(&f, thread, "prog", "main", "prog.c", 11);
    return thread;
}

static void test_killed_inside_the_stream_calls(void)
{
    static const enum abi_site sites[] = {SITE_FLOCKFILE, SITE_FTRYLOCKFILE, SITE_FUNLOCKFILE};

    for (unsigned i = 0; i < 3; i++) {
        open_stream(sites[i]);
        CU_ASSERT(fixture_says(judge(STOP_LOCK_ORPHANED), "has the lock of a stream"));
        fixture_close(&f);
    }
}

/* The lock itself says who has it: then nobody else is to blame, wherever he was killed. */
static void test_stream_names_its_owner(void)
{
    const struct finding *finding;
    unsigned thread;

    thread = open_stream(SITE_FUNLOCKFILE);
    fixture_lane(&f, "T1.2");
    fixture_call(&f, 2, SITE_MALLOC, AT_WORKER);
    fixture_kill(&f, 2, SITE_MALLOC, 1, 4);
    f.memory->lane[1].pthread = 0x7f0000001000;
    f.memory->lane[2].pthread = 0x7f0000002000;
    f.evidence.thread[thread].stream_owner = 0x7f0000002000;
    finding = judge(STOP_LOCK_ORPHANED);
    CU_ASSERT(fixture_says(finding, "T1.2       was killed at T1.2:malloc#1+4i"));
    for (unsigned i = 0; i < finding->lines; i++)
        CU_ASSERT_PTR_NULL(strstr(finding->line[i], "T1.1 "));
    fixture_close(&f);
}

/* A pthread_t is used again: the lane that lives is meant, and a live owner is no orphan's. */
static void test_twin_stream_of_a_live_owner(void)
{
    unsigned thread = open_stream(SITE_FUNLOCKFILE);

    fixture_lane(&f, "T1.2");
    fixture_lane(&f, "T1.3");
    f.memory->lane[2].state = LANE_ENDED;
    f.memory->lane[2].pthread = f.memory->lane[3].pthread = 0x7f0000002000;
    f.evidence.thread[thread].stream_owner = 0x7f0000002000;
    fixture_wait(&f, 3, SITE_SEM_WAIT, READY, MODE_SEMAPHORE, AT_WORKER);
    fixture_thread(&f, 3, THREAD_WAITING, SYS_futex);
    expect_silence();
}

static void test_parked_owner(void)
{
    const struct finding *finding;

    open_two();
    fixture_hold(&f, 1, LOCK_A, MODE_MUTEX, AT_UPDATE);
    fixture_park(&f, 1, SITE_MALLOC, 1, 4);
    fixture_wait(&f, 0, SITE_LOCK, LOCK_A, MODE_MUTEX, AT_MAIN);
    finding = judge(STOP_LOCK_OWNER_SUSPENDED);
    CU_ASSERT_EQUAL(judgement.findings, 1);
    CU_ASSERT(fixture_says(finding, "is suspended at T1.1:malloc#1+4i"));
    fixture_close(&f);
}

static void test_owner_lost_at_fork(void)
{
    const struct finding *finding;
    unsigned child;

    open_two();
    fixture_hold(&f, 1, LOCK_A, MODE_MUTEX, AT_UPDATE);
    child = fixture_forked(&f, "T1f1", 0);
    fixture_wait(&f, child, SITE_LOCK, LOCK_A, MODE_MUTEX, AT_MAIN);
    finding = judge(STOP_LOCK_ORPHANED);
    CU_ASSERT(fixture_says(finding, "T1.1       lives on, in the parent process"));
    CU_ASSERT(fixture_says(finding, "held mutex lock_a when the child was forked"));
    CU_ASSERT(fixture_says(finding, "T1f1       waits for mutex lock_a"));
    fixture_close(&f);
}

/* One owner with two locks is introduced once. */
static void test_two_locks_of_one_owner(void)
{
    const struct finding *finding;
    unsigned third;

    open_two();
    third = fixture_lane(&f, "T1.2");
    fixture_hold(&f, 1, LOCK_A, MODE_MUTEX, AT_UPDATE);
    fixture_hold(&f, 1, LOCK_B, MODE_MUTEX, AT_WORKER);
    fixture_kill(&f, 1, SITE_MALLOC, 1, 4);
    fixture_wait(&f, 0, SITE_LOCK, LOCK_A, MODE_MUTEX, AT_MAIN);
    fixture_wait(&f, third, SITE_LOCK, LOCK_B, MODE_MUTEX, AT_MAIN);
    finding = judge(STOP_LOCK_ORPHANED);
    CU_ASSERT_EQUAL(finding->lines, 6);
    CU_ASSERT(fixture_says(finding, "holds mutex lock_a, taken in update"));
    CU_ASSERT(fixture_says(finding, "holds mutex lock_b, taken in worker"));
    fixture_close(&f);
}

/* Struck at the entry of a call it stood in the agent; and the guilt lies where it locked. */
static void test_struck_at_an_entry(void)
{
    const struct finding *finding;

    open_two();
    fixture_symbol(&f, 0x910000, "librundown-agent.so", "strike_record", "", 0);
    fixture_hold(&f, 1, LOCK_A, MODE_MUTEX, AT_UPDATE);
    fixture_call(&f, 1, SITE_FREE, AT_PLUGIN);
    fixture_kill(&f, 1, SITE_FREE, 1, 0);
    f.memory->death[0].regs[16] = 0x910010;
    fixture_wait(&f, 0, SITE_LOCK, LOCK_A, MODE_MUTEX, AT_MAIN);
    finding = judge(STOP_LOCK_ORPHANED);
    CU_ASSERT_PTR_NULL(strstr(finding->line[1], "strike_record"));
    CU_ASSERT(fixture_says(finding, "called from stop  libplug.so"));
    CU_ASSERT_STRING_EQUAL(finding->signature, "lock.orphaned prog:update prog:main");
    fixture_close(&f);
}

static void test_many_waiters_leave_room_for_the_owner(void)
{
    const struct finding *finding;

    open_two();
    fixture_hold(&f, 1, LOCK_A, MODE_MUTEX, AT_UPDATE);
    fixture_kill(&f, 1, SITE_MALLOC, 1, 4);
    for (unsigned i = 0; i < 60; i++) {
        unsigned lane = fixture_lane(&f, "T1.9");

        fixture_hold(&f, lane, LOCK_B, MODE_READ, AT_WORKER);
        fixture_wait(&f, lane, SITE_LOCK, LOCK_A, MODE_MUTEX, AT_WORKER);
    }
    finding = judge(STOP_LOCK_ORPHANED);
    CU_ASSERT(fixture_says(finding, "T1.1:malloc#1+4i"));
    CU_ASSERT(fixture_says(finding, "and 48 more wait"));
    fixture_close(&f);
}

static void test_twin_live_owner(void)
{
    open_two();
    fixture_hold(&f, 1, LOCK_A, MODE_MUTEX, AT_UPDATE);
    fixture_wait(&f, 1, SITE_SEM_WAIT, READY, MODE_SEMAPHORE, AT_UPDATE);
    fixture_wait(&f, 0, SITE_LOCK, LOCK_A, MODE_MUTEX, AT_MAIN);
    expect_silence();
}

static void test_twin_killed_between_updates(void)
{
    open_two();
    fixture_hold(&f, 1, LOCK_B, MODE_MUTEX, AT_UPDATE);
    fixture_kill(&f, 1, SITE_MALLOC, 1, 4);
    fixture_wait(&f, 0, SITE_LOCK, LOCK_A, MODE_MUTEX, AT_MAIN);
    expect_silence();
}

static void test_twin_nobody_asks(void)
{
    open_two();
    fixture_hold(&f, 1, LOCK_A, MODE_MUTEX, AT_UPDATE);
    fixture_kill(&f, 1, SITE_MALLOC, 1, 4);
    fixture_wait(&f, 0, SITE_SEM_WAIT, READY, MODE_SEMAPHORE, AT_MAIN);
    expect_silence();
}

static void test_damage(void)
{
    open_two();
    fixture_hold(&f, 1, LOCK_A, MODE_MUTEX, AT_UPDATE);
    fixture_kill(&f, 1, SITE_MALLOC, 1, 4);
    fixture_wait(&f, 0, SITE_LOCK, LOCK_A, MODE_MUTEX, AT_MAIN);
    fixture_thread(&f, 0, THREAD_WAITING, SYS_futex);
    fixture_damage(&f, &detector_lock_orphan, 0x10c);
    fixture_close(&f);
}

int main(void)
{
    static const struct fixture_case cases[] = {
        {"killed with a mutex", test_killed_with_a_mutex},
        {"cancelled with a mutex", test_returned_with_a_mutex},
        {"vanished with a mutex", test_vanished_with_a_mutex},
        {"killed half-way through", test_killed_inside_lock_and_unlock},
        {"a dead reader", test_dead_reader_keeps_a_writer_out},
        {"a spin lock", test_spin_lock},
        {"a home-grown spin lock", test_home_grown},
        {"twin: a spin that nobody dead could end", test_twin_home_grown},
        {"a stream's lock", test_stream_lock},
        {"a stream's lock, by the stack", test_stream_lock_by_the_stack},
        {"killed inside flockfile", test_killed_inside_the_stream_calls},
        {"a stream's own word", test_stream_names_its_owner},
        {"a parked owner", test_parked_owner},
        {"an owner lost at fork", test_owner_lost_at_fork},
        {"two locks of one owner", test_two_locks_of_one_owner},
        {"struck at an entry", test_struck_at_an_entry},
        {"many waiters", test_many_waiters_leave_room_for_the_owner},
        {"twin: a live owner", test_twin_live_owner},
        {"twin: a live stream owner", test_twin_stream_of_a_live_owner},
        {"twin: killed between updates", test_twin_killed_between_updates},
        {"twin: nobody asks", test_twin_nobody_asks},
        {"damaged memory", test_damage},
        {NULL, NULL},
    };

    return fixture_main("detector lock-orphan", cases);
}
