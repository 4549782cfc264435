/*
 * Tests of waits: who waits for whom, who is to blame, and what is a circle.
 */
#include <harness/supervisor/evidence/stack_kind.h>
#include <harness/supervisor/evidence/waits.h>

#include "evidence_fixture.h"

#include <string.h>
#include <sys/syscall.h>

#include <CUnit/Basic.h>

static struct fixture f;
static struct waits waits;
static struct waits_circle circle;

static void open_with(unsigned lanes)
{
    static const char *const names[] = {"T1", "T1.1", "T1.2", "T1.3"};

    fixture_open(&f);
    fixture_hang(&f, HANG_PROVED);
    for (unsigned i = 0; i < lanes; i++)
        fixture_lane(&f, names[i]);
}

static void read_all(void)
{
    waits_read(&waits, &f.evidence);
}

static void test_mutex_leads_to_its_holder(void)
{
    open_with(2);
    fixture_hold(&f, 1, LOCK_A, MODE_MUTEX, AT_WORKER);
    fixture_wait(&f, 0, SITE_LOCK, LOCK_A, MODE_MUTEX, AT_MAIN);
    read_all();
    CU_ASSERT_EQUAL(waits.node[0].kind, WAITS_LOCK);
    CU_ASSERT_EQUAL(waits_owner(&waits, 0, 0), 1);
    CU_ASSERT_EQUAL(waits.owner[0][1], WAITS_HOLDS);
    CU_ASSERT_EQUAL(waits_blamed(&waits, 0), ABI_LANES);
    CU_ASSERT_FALSE(waits_explained(&waits));
    fixture_close(&f);
}

static void test_dead_holder_is_blamed_before_a_parked_one(void)
{
    open_with(3);
    fixture_hold(&f, 1, LOCK_A, MODE_READ, AT_WORKER);
    fixture_hold(&f, 2, LOCK_A, MODE_READ, AT_WORKER);
    fixture_park(&f, 1, SITE_MALLOC, 1, 5);
    fixture_kill(&f, 2, SITE_MALLOC, 1, 5);
    fixture_wait(&f, 0, SITE_WRLOCK, LOCK_A, MODE_WRITE, AT_MAIN);
    read_all();
    CU_ASSERT_EQUAL(waits_blamed(&waits, 0), 2);
    CU_ASSERT_FALSE(waits_blames(&waits, 0, 1));
    CU_ASSERT_TRUE(waits_blames(&waits, 0, 2));
    f.memory->lane[2].held_count = 0;
    read_all();
    CU_ASSERT_EQUAL(waits_blamed(&waits, 0), 1);
    CU_ASSERT_TRUE(waits_explained(&waits));
    fixture_close(&f);
}

static void test_thread_that_returned_with_a_lock(void)
{
    open_with(2);
    fixture_hold(&f, 1, LOCK_A, MODE_MUTEX, AT_WORKER);
    f.memory->lane[1].state = LANE_ENDED;
    f.memory->lane[1].end = END_RETURN;
    fixture_wait(&f, 0, SITE_LOCK, LOCK_A, MODE_MUTEX, AT_MAIN);
    read_all();
    CU_ASSERT_EQUAL(waits.node[1].life, WAITS_ENDED);
    CU_ASSERT_EQUAL(waits_blamed(&waits, 0), 1);
    fixture_close(&f);
}

/* lane_end comes before the destructors of keys: such a thread lives yet. */
static void test_ended_lane_whose_thread_still_waits(void)
{
    open_with(2);
    f.memory->lane[1].state = LANE_ENDED;
    fixture_thread(&f, 1, THREAD_WAITING, SYS_futex);
    fixture_wait(&f, 1, SITE_LOCK, LOCK_A, MODE_MUTEX, AT_WORKER);
    read_all();
    CU_ASSERT_EQUAL(waits.node[1].life, WAITS_BLOCKED);
    CU_ASSERT_EQUAL(waits.node[1].kind, WAITS_LOCK);
    fixture_close(&f);
}

static void test_killed_half_way_through_lock_and_unlock(void)
{
    open_with(2);
    fixture_wait(&f, 0, SITE_LOCK, LOCK_A, MODE_MUTEX, AT_MAIN);
    fixture_wait(&f, 1, SITE_LOCK, LOCK_A, MODE_MUTEX, AT_WORKER);
    fixture_kill(&f, 1, SITE_LOCK, 3, 20);
    read_all();
    CU_ASSERT_EQUAL(waits.owner[0][1], WAITS_TAKING);
    fixture_close(&f);

    open_with(2);
    fixture_wait(&f, 0, SITE_LOCK, LOCK_A, MODE_MUTEX, AT_MAIN);
    fixture_call(&f, 1, SITE_UNLOCK, AT_WORKER);
    fixture_event(&f, 1, EVENT_RELEASED, MODE_MUTEX, LOCK_A, 0, AT_WORKER);
    fixture_kill(&f, 1, SITE_UNLOCK, 3, 7);
    read_all();
    CU_ASSERT_EQUAL(waits.owner[0][1], WAITS_RELEASING);
    fixture_wait(&f, 0, SITE_LOCK, LOCK_B, MODE_MUTEX, AT_MAIN);
    read_all();
    CU_ASSERT_EQUAL(waits_owner(&waits, 0, 0), ABI_LANES);
    fixture_close(&f);
}

/* Who has the lock on its list has it: the half-way one waits as well. */
static void test_a_holder_clears_the_half_way_one(void)
{
    open_with(3);
    fixture_hold(&f, 2, LOCK_A, MODE_MUTEX, AT_UPDATE);
    fixture_wait(&f, 0, SITE_LOCK, LOCK_A, MODE_MUTEX, AT_MAIN);
    fixture_wait(&f, 1, SITE_LOCK, LOCK_A, MODE_MUTEX, AT_WORKER);
    fixture_kill(&f, 1, SITE_LOCK, 3, 20);
    read_all();
    CU_ASSERT_EQUAL(waits.owner[0][1], WAITS_NOT);
    CU_ASSERT_EQUAL(waits.owner[0][2], WAITS_HOLDS);
    fixture_close(&f);
}

static void test_killed_in_a_condition(void)
{
    open_with(2);
    fixture_wait(&f, 0, SITE_LOCK, LOCK_A, MODE_MUTEX, AT_MAIN);
    fixture_wait(&f, 1, SITE_COND_WAIT, READY, MODE_CONDITION, AT_WORKER);
    f.memory->lane[1].wait_other = LOCK_A;
    fixture_kill(&f, 1, SITE_COND_WAIT, 1, 33);
    read_all();
    CU_ASSERT_EQUAL(waits.owner[0][1], WAITS_RELEASING);
    fixture_close(&f);
}

/* Row A2 behind a condition: whoever wakes needs the mutex that the dead one has. */
static void test_a_condition_takes_its_mutex_back(void)
{
    unsigned thread;

    open_with(2);
    fixture_hold(&f, 1, LOCK_A, MODE_MUTEX, AT_WORKER);
    fixture_kill(&f, 1, SITE_COND_SIGNAL, 1, 12);
    fixture_wait(&f, 0, SITE_COND_TIMEDWAIT, READY, MODE_CONDITION, AT_MAIN);
    f.memory->lane[0].wait_other = LOCK_A;
    thread = fixture_thread(&f, 0, THREAD_WAITING, SYS_futex);
    f.evidence.thread[thread].argument[0] = READY + 8;
    read_all();
    CU_ASSERT_EQUAL(waits.node[0].kind, WAITS_EVENT);
    CU_ASSERT_EQUAL(waits_blamed(&waits, 0), ABI_LANES);
    f.evidence.thread[thread].argument[0] = LOCK_A;
    f.evidence.thread[thread].waits = true;
    read_all();
    CU_ASSERT_EQUAL(waits.node[0].kind, WAITS_LOCK);
    CU_ASSERT_EQUAL(waits.node[0].object, LOCK_A);
    CU_ASSERT_EQUAL(waits.node[0].mode, MODE_MUTEX);
    CU_ASSERT_FALSE(waits.node[0].limited);
    CU_ASSERT_EQUAL(waits_blamed(&waits, 0), 1);
    fixture_close(&f);
}

static void test_inside_the_allocator_means_past_its_entry(void)
{
    open_with(2);
    fixture_call(&f, 0, SITE_FREE, AT_MAIN);
    fixture_call(&f, 1, SITE_MALLOC, AT_WORKER);
    fixture_kill(&f, 1, SITE_MALLOC, 17, 41);
    read_all();
    CU_ASSERT_EQUAL(waits.node[0].kind, WAITS_HEAP);
    CU_ASSERT_EQUAL(waits.owner[0][1], WAITS_IN_HEAP);
    fixture_close(&f);

    open_with(2);
    fixture_call(&f, 0, SITE_FREE, AT_MAIN);
    fixture_call(&f, 1, SITE_MALLOC, AT_WORKER);
    fixture_kill(&f, 1, SITE_MALLOC, 17, 0);
    read_all();
    CU_ASSERT_EQUAL(waits_owner(&waits, 0, 0), ABI_LANES);
    fixture_close(&f);
}

static void test_probe_says_what_it_waits_for(void)
{
    open_with(2);
    f.memory->lane[0].probe = PROBE_FORK;
    fixture_call(&f, 1, SITE_REALLOC, AT_WORKER);
    fixture_kill(&f, 1, SITE_REALLOC, 1, 60);
    read_all();
    CU_ASSERT_EQUAL(waits.node[0].kind, WAITS_HEAP);
    CU_ASSERT_EQUAL(waits_blamed(&waits, 0), 1);
    f.memory->lane[0].probe = PROBE_DLOPEN;
    read_all();
    CU_ASSERT_EQUAL(waits.node[0].kind, WAITS_LOADER);
    f.memory->lane[0].probe = PROBE_EXIT;
    read_all();
    CU_ASSERT_EQUAL(waits.node[0].kind, WAITS_OTHER);
    fixture_close(&f);
}

static void test_kernel_beats_site(void)
{
    unsigned thread;

    open_with(1);
    fixture_call(&f, 0, SITE_DLOPEN, AT_MAIN);
    thread = fixture_thread(&f, 0, THREAD_WAITING, SYS_read);
    read_all();
    CU_ASSERT_EQUAL(waits.node[0].kind, WAITS_OTHER);
    f.evidence.thread[thread].syscall = SYS_futex;
    read_all();
    CU_ASSERT_EQUAL(waits.node[0].kind, WAITS_LOADER);
    f.evidence.thread[thread].syscall = SYS_wait4;
    read_all();
    CU_ASSERT_EQUAL(waits.node[0].kind, WAITS_CHILD);
    f.evidence.thread[thread].state = THREAD_RUNNING;
    read_all();
    CU_ASSERT_EQUAL(waits.node[0].life, WAITS_RUNS);
    CU_ASSERT_EQUAL(waits.node[0].kind, WAITS_NOTHING);
    fixture_close(&f);
}

static void test_constructor_waits_for_something_of_its_own(void)
{
    unsigned thread;

    open_with(1);
    fixture_call(&f, 0, SITE_DLOPEN, AT_MAIN);
    thread = fixture_thread(&f, 0, THREAD_WAITING, SYS_futex);
    fixture_frame(&f, thread, "libc.so.6", "syscall", "", 0);
    fixture_frame(&f, thread, "libplug.so", "init", "plug.c", 5);
    fixture_frame(&f, thread, "ld-linux-x86-64.so.2", "call_init", "", 0);
    fixture_frame(&f, thread, "libc.so.6", "dlopen", "", 0);
    fixture_frame(&f, thread, "prog", "main", "prog.c", 10);
    read_all();
    CU_ASSERT_EQUAL(waits.node[0].kind, WAITS_OTHER);
    CU_ASSERT(waits.node[0].inside & STACK_LOADER);
    fixture_close(&f);
}

static unsigned dead_in_dlopen(unsigned lane, const char *on_top)
{
    unsigned thread;

    fixture_kill(&f, lane, SITE_LOCK, 1, 0);
    thread = fixture_thread(&f, (int)lane, THREAD_DEAD, -1);
    fixture_frame(&f, thread, "libc.so.6", on_top, "", 0);
    fixture_frame(&f, thread, "ld-linux-x86-64.so.2", "_dl_open", "", 0);
    fixture_frame(&f, thread, "libc.so.6", "dlopen", "", 0);
    fixture_frame(&f, thread, "prog", "worker", "prog.c", 20);
    return thread;
}

/* Two have died in dlopen: one was waiting for the lock that the other one had. */
static void test_who_waited_for_the_loader_does_not_have_it(void)
{
    unsigned waiting;

    open_with(3);
    fixture_call(&f, 0, SITE_DLOPEN, AT_MAIN);
    fixture_thread(&f, 0, THREAD_WAITING, SYS_futex);
    waiting = dead_in_dlopen(1, "__lll_lock_wait");
    dead_in_dlopen(2, "strlen");
    read_all();
    CU_ASSERT_EQUAL(waits.owner[0][1], WAITS_NOT);
    CU_ASSERT_EQUAL(waits.owner[0][2], WAITS_IN_LOADER);
    /* Killed as it got it: nobody else is left to have it. */
    strcpy(f.evidence.thread[waiting + 1].frame[0].function, "__lll_lock_wait");
    read_all();
    CU_ASSERT_EQUAL(waits.owner[0][1], WAITS_IN_LOADER);
    CU_ASSERT_EQUAL(waits.owner[0][2], WAITS_IN_LOADER);
    fixture_close(&f);
}

static void load(unsigned lane, enum abi_event_kind kind)
{
    fixture_event(&f, lane, kind, 0, 0x77, 0, AT_MAIN);
}

static void test_rings_tell_who_is_in_the_loader(void)
{
    open_with(2);
    load(0, EVENT_LOAD_BEGIN);
    load(0, EVENT_LOAD_END);
    load(0, EVENT_UNLOAD_BEGIN);
    load(0, EVENT_LOAD_BEGIN);
    load(0, EVENT_LOAD_END);
    fixture_join(&f, 0, 1, AT_PLUGIN);
    fixture_call(&f, 1, SITE_DLOPEN, AT_WORKER);
    read_all();
    CU_ASSERT_EQUAL(waits.owner[1][0], WAITS_IN_LOADER);
    load(0, EVENT_UNLOAD_END);
    read_all();
    CU_ASSERT_EQUAL(waits.owner[1][0], WAITS_NOT);
    fixture_close(&f);
}

static void test_join_leads_to_the_joined(void)
{
    open_with(3);
    fixture_join(&f, 0, 2, AT_MAIN);
    fixture_wait(&f, 2, SITE_COND_WAIT, READY, MODE_CONDITION, AT_WORKER);
    read_all();
    CU_ASSERT_EQUAL(waits.owner[0][2], WAITS_JOINED);
    CU_ASSERT_EQUAL(waits.node[2].kind, WAITS_EVENT);
    f.memory->lane[0].wait_other = UINT64_MAX;
    read_all();
    CU_ASSERT_EQUAL(waits_owner(&waits, 0, 0), ABI_LANES);
    fixture_close(&f);
}

static void test_joining_a_parked_thread_blames_nobody(void)
{
    open_with(2);
    fixture_join(&f, 0, 1, AT_MAIN);
    fixture_park(&f, 1, SITE_FREE, 1, 3);
    read_all();
    CU_ASSERT_EQUAL(waits_blamed(&waits, 0), ABI_LANES);
    CU_ASSERT_FALSE(waits_explained(&waits));
    fixture_close(&f);
}

/* A waits for B's lock, B for A's; C waits for both and is no part of it. */
static void test_circle_of_two(void)
{
    open_with(3);
    fixture_hold(&f, 1, LOCK_A, MODE_MUTEX, AT_WORKER);
    fixture_hold(&f, 2, LOCK_B, MODE_MUTEX, AT_UPDATE);
    fixture_wait(&f, 0, SITE_LOCK, LOCK_A, MODE_MUTEX, AT_MAIN);
    fixture_wait(&f, 1, SITE_LOCK, LOCK_B, MODE_MUTEX, AT_WORKER);
    fixture_wait(&f, 2, SITE_LOCK, LOCK_A, MODE_MUTEX, AT_UPDATE);
    read_all();
    CU_ASSERT_TRUE_FATAL(waits_circle(&waits, false, &circle));
    CU_ASSERT_EQUAL(circle.lanes, 2);
    CU_ASSERT_EQUAL(circle.lane[0], 1);
    CU_ASSERT_EQUAL(circle.lane[1], 2);
    CU_ASSERT_FALSE(waits_circle(&waits, true, &circle));
    CU_ASSERT_TRUE(waits_explained(&waits));
    fixture_close(&f);
}

static void test_circle_of_one_and_the_shortest_wins(void)
{
    open_with(4);
    fixture_hold(&f, 0, LOCK_A, MODE_MUTEX, AT_MAIN);
    fixture_hold(&f, 1, LOCK_B, MODE_MUTEX, AT_WORKER);
    fixture_wait(&f, 0, SITE_LOCK, LOCK_B, MODE_MUTEX, AT_MAIN);
    fixture_wait(&f, 1, SITE_LOCK, LOCK_A, MODE_MUTEX, AT_WORKER);
    fixture_hold(&f, 3, READY, MODE_MUTEX, AT_UPDATE);
    fixture_wait(&f, 3, SITE_LOCK, READY, MODE_MUTEX, AT_UPDATE);
    read_all();
    CU_ASSERT_TRUE_FATAL(waits_circle(&waits, false, &circle));
    CU_ASSERT_EQUAL(circle.lanes, 1);
    CU_ASSERT_EQUAL(circle.lane[0], 3);
    fixture_close(&f);
}

static void test_circle_of_three_in_order(void)
{
    open_with(3);
    fixture_hold(&f, 0, LOCK_A, MODE_MUTEX, AT_MAIN);
    fixture_hold(&f, 1, LOCK_B, MODE_MUTEX, AT_WORKER);
    fixture_wait(&f, 0, SITE_LOCK, LOCK_B, MODE_MUTEX, AT_MAIN);
    fixture_join(&f, 1, 2, AT_WORKER);
    fixture_wait(&f, 2, SITE_LOCK, LOCK_A, MODE_MUTEX, AT_UPDATE);
    read_all();
    CU_ASSERT_TRUE_FATAL(waits_circle(&waits, false, &circle));
    CU_ASSERT_EQUAL(circle.lanes, 3);
    for (unsigned i = 0; i < 3; i++)
        CU_ASSERT_EQUAL(circle.lane[i], i);
    fixture_close(&f);
}

static void test_time_limit_breaks_a_circle(void)
{
    open_with(2);
    fixture_hold(&f, 0, LOCK_A, MODE_MUTEX, AT_MAIN);
    fixture_hold(&f, 1, LOCK_B, MODE_MUTEX, AT_WORKER);
    fixture_wait(&f, 0, SITE_LOCK, LOCK_B, MODE_MUTEX, AT_MAIN);
    fixture_wait(&f, 1, SITE_TIMEDLOCK, LOCK_A, MODE_MUTEX, AT_WORKER);
    read_all();
    CU_ASSERT_FALSE(waits_circle(&waits, false, &circle));
    fixture_close(&f);
}

static void test_circle_through_the_loader(void)
{
    open_with(2);
    load(0, EVENT_UNLOAD_BEGIN);
    fixture_join(&f, 0, 1, AT_PLUGIN);
    fixture_call(&f, 1, SITE_DLOPEN, AT_WORKER);
    read_all();
    CU_ASSERT_FALSE(waits_circle(&waits, false, &circle));
    CU_ASSERT_TRUE_FATAL(waits_circle(&waits, true, &circle));
    CU_ASSERT_EQUAL(circle.lanes, 2);
    fixture_close(&f);
}

static void test_event_inside_the_loader_needs_proof(void)
{
    unsigned waiter;
    unsigned holder;

    open_with(2);
    load(0, EVENT_UNLOAD_BEGIN);
    fixture_wait(&f, 0, SITE_COND_WAIT, READY, MODE_CONDITION, AT_PLUGIN);
    fixture_call(&f, 1, SITE_DLOPEN, AT_WORKER);
    read_all();
    CU_ASSERT_TRUE(waits_loader_event(&waits, &waiter, &holder));
    CU_ASSERT_EQUAL(waiter, 1);
    CU_ASSERT_EQUAL(holder, 0);
    f.evidence.hang = HANG_DEADLINE;
    read_all();
    CU_ASSERT_FALSE(waits_loader_event(&waits, &waiter, &holder));
    fixture_close(&f);
}

static void test_processes_do_not_share_locks(void)
{
    unsigned child;

    open_with(2);
    fixture_hold(&f, 1, LOCK_A, MODE_MUTEX, AT_WORKER);
    child = fixture_forked(&f, "T1f1", 0);
    fixture_wait(&f, child, SITE_LOCK, LOCK_A, MODE_MUTEX, AT_MAIN);
    read_all();
    CU_ASSERT_EQUAL(waits.owner[child][1], WAITS_BEFORE_FORK);
    CU_ASSERT_EQUAL(waits_blamed(&waits, child), 1);
    fixture_close(&f);

    /* Taken after the fork: that one is the parent's affair. */
    open_with(2);
    child = fixture_forked(&f, "T1f1", 0);
    fixture_hold(&f, 1, LOCK_A, MODE_MUTEX, AT_WORKER);
    fixture_wait(&f, child, SITE_LOCK, LOCK_A, MODE_MUTEX, AT_MAIN);
    read_all();
    CU_ASSERT_EQUAL(waits_owner(&waits, child, 0), ABI_LANES);
    fixture_close(&f);
}

static void test_child_inherits_a_stuck_heap(void)
{
    unsigned child;

    open_with(2);
    fixture_call(&f, 1, SITE_MALLOC, AT_WORKER);
    fixture_kill(&f, 1, SITE_MALLOC, 2, 50);
    child = fixture_forked(&f, "T1f1", 0);
    fixture_call(&f, child, SITE_MALLOC, AT_MAIN);
    read_all();
    CU_ASSERT_EQUAL(waits_blamed(&waits, child), 1);
    fixture_close(&f);
}

static void test_threads_without_a_lane(void)
{
    unsigned thread;

    open_with(2);
    fixture_call(&f, 1, SITE_MALLOC, AT_WORKER);
    fixture_kill(&f, 1, SITE_MALLOC, 2, 50);
    thread = fixture_thread(&f, -1, THREAD_WAITING, SYS_futex);
    fixture_frame(&f, thread, "libc.so.6", "malloc", "", 0);
    fixture_frame(&f, thread, "prog", "timer", "prog.c", 70);
    read_all();
    CU_ASSERT_EQUAL(waits.nodes, ABI_LANES + 1);
    CU_ASSERT_EQUAL(waits.node[ABI_LANES].kind, WAITS_HEAP);
    CU_ASSERT_EQUAL(waits_blamed(&waits, ABI_LANES), 1);
    fixture_close(&f);
}

/* While the target stood still every thread was listed: a lane without one has vanished. */
static void test_who_is_not_listed_is_gone(void)
{
    open_with(4);
    strcpy(f.memory->lane[2].name, "T?1");
    f.memory->lane[3].state = LANE_BORN;
    read_all();
    CU_ASSERT_FALSE(waits.listed);
    CU_ASSERT_EQUAL(waits.node[1].life, WAITS_BLOCKED);
    fixture_thread(&f, 0, THREAD_WAITING, SYS_futex);
    read_all();
    CU_ASSERT_TRUE(waits.listed);
    CU_ASSERT_EQUAL(waits.node[0].life, WAITS_BLOCKED);
    CU_ASSERT_EQUAL(waits.node[1].life, WAITS_DEAD);
    CU_ASSERT_EQUAL(waits.node[2].life, WAITS_ENDED);  /* its end nobody sees */
    CU_ASSERT_EQUAL(waits.node[3].life, WAITS_ABSENT); /* never born */
    f.evidence.hang = HANG_DEADLINE;                   /* it may have been born since */
    read_all();
    CU_ASSERT_EQUAL(waits.node[1].life, WAITS_RUNS);
    CU_ASSERT_EQUAL(waits.node[3].life, WAITS_RUNS);
    f.evidence.hang = HANG_PROVED;
    f.evidence.thread[0].state = THREAD_RUNNING; /* no standstill, so no list */
    read_all();
    CU_ASSERT_FALSE(waits.listed);
    f.evidence.hang = HANG_SPINNING;
    fixture_wait(&f, 0, SITE_SPIN_LOCK, LOCK_A, MODE_SPIN, AT_MAIN);
    read_all();
    CU_ASSERT_TRUE(waits.listed);
    fixture_close(&f);
}

static void test_limits_are_the_kernels_word_on_futexes(void)
{
    unsigned thread;

    open_with(1);
    thread = fixture_thread(&f, 0, THREAD_WAITING, SYS_futex);
    f.evidence.thread[thread].waits = false;
    read_all();
    CU_ASSERT_TRUE(waits.node[0].limited);
    f.evidence.thread[thread].syscall = SYS_wait4;
    read_all();
    CU_ASSERT_FALSE(waits.node[0].limited);
    fixture_close(&f);
}

static void test_too_many_threads(void)
{
    open_with(1);
    for (unsigned i = 0; i < EVIDENCE_THREADS + 20; i++)
        fixture_thread(&f, -1, THREAD_WAITING, SYS_futex);
    read_all();
    CU_ASSERT_EQUAL(waits.nodes, WAITS_NODES);
    fixture_close(&f);
}

/* Everybody holds and wants everything: the worst that 256 lanes can be. */
static void test_the_densest_graph_is_bounded(void)
{
    fixture_open(&f);
    fixture_hang(&f, HANG_PROVED);
    for (unsigned i = 0; i < ABI_LANES; i++) {
        fixture_lane(&f, "T1");
        fixture_hold(&f, i, LOCK_A, MODE_READ, AT_WORKER);
        fixture_wait(&f, i, SITE_WRLOCK, LOCK_A, MODE_WRITE, AT_WORKER);
    }
    read_all();
    CU_ASSERT_TRUE(waits_circle(&waits, false, &circle));
    CU_ASSERT_EQUAL(circle.lanes, 1);
    CU_ASSERT_FALSE(waits_circle(&waits, true, &circle));
    fixture_close(&f);
}

int main(void)
{
    static const struct fixture_case cases[] = {
        {"a mutex leads to its holder", test_mutex_leads_to_its_holder},
        {"who waited for the loader", test_who_waited_for_the_loader_does_not_have_it},
        {"the dead before the parked", test_dead_holder_is_blamed_before_a_parked_one},
        {"returned with a lock", test_thread_that_returned_with_a_lock},
        {"an ended lane that still waits", test_ended_lane_whose_thread_still_waits},
        {"half-way through", test_killed_half_way_through_lock_and_unlock},
        {"a holder clears the half-way one", test_a_holder_clears_the_half_way_one},
        {"killed in a condition", test_killed_in_a_condition},
        {"a condition's mutex", test_a_condition_takes_its_mutex_back},
        {"inside is past the entry", test_inside_the_allocator_means_past_its_entry},
        {"probes", test_probe_says_what_it_waits_for},
        {"the kernel beats the site", test_kernel_beats_site},
        {"constructors", test_constructor_waits_for_something_of_its_own},
        {"rings tell of the loader", test_rings_tell_who_is_in_the_loader},
        {"joins", test_join_leads_to_the_joined},
        {"joining a parked thread", test_joining_a_parked_thread_blames_nobody},
        {"a circle of two", test_circle_of_two},
        {"the shortest circle", test_circle_of_one_and_the_shortest_wins},
        {"a circle of three", test_circle_of_three_in_order},
        {"a limit breaks a circle", test_time_limit_breaks_a_circle},
        {"a circle through the loader", test_circle_through_the_loader},
        {"an event inside the loader", test_event_inside_the_loader_needs_proof},
        {"locks before a fork", test_processes_do_not_share_locks},
        {"a heap stuck before a fork", test_child_inherits_a_stuck_heap},
        {"threads without a lane", test_threads_without_a_lane},
        {"who is not listed is gone", test_who_is_not_listed_is_gone},
        {"limits", test_limits_are_the_kernels_word_on_futexes},
        {"too many threads", test_too_many_threads},
        {"the densest graph", test_the_densest_graph_is_bounded},
        {NULL, NULL},
    };

    return fixture_main("waits", cases);
}
