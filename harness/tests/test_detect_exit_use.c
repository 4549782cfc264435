/*
 * Tests of the detector exit-use: the exit path takes away what a live thread goes on to use.
 */
#include "evidence_damage.h"

#include <CUnit/Basic.h>

extern const struct detector detector_exit_use;

enum { BLOCK = 0x7000000, BYTES = 4096, IN_BLOCK = BLOCK + 64 };

static struct fixture f;
static struct judgement judgement;

/* T1.1 has used the lock, and T1 is on its way out. */
static void open_exit(uint64_t object)
{
    fixture_open(&f);
    fixture_lane(&f, "T1");
    fixture_lane(&f, "T1.1");
    fixture_event(&f, 1, EVENT_ACQUIRED, MODE_MUTEX, object, 0, AT_WORKER);
    fixture_event(&f, 1, EVENT_RELEASED, MODE_MUTEX, object, 0, AT_WORKER);
    fixture_exit(&f, 0, 0, 2, AT_MAIN);
}

static void use(uint64_t object)
{
    fixture_event(&f, 1, EVENT_ACQUIRED, MODE_MUTEX, object, 0, AT_UPDATE);
}

static const struct finding *judge(enum stop_code code)
{
    fixture_judge(&f, &detector_exit_use, &judgement);
    CU_ASSERT_EQUAL(judgement.findings, code != STOP_NONE);
    return fixture_found(&judgement, code);
}

static void expect_silence(void)
{
    judge(STOP_NONE);
    fixture_close(&f);
}

static void test_destroyed(void)
{
    const struct finding *finding;

    open_exit(LOCK_A);
    fixture_event(&f, 0, EVENT_DESTROYED, 0, LOCK_A, 0, AT_PLUGIN);
    use(LOCK_A);
    finding = judge(STOP_EXIT_DESTROYED_IN_USE);
    CU_ASSERT(fixture_says(finding, "T1 (main)  destroyed mutex lock_a on the way out, in stop"));
    CU_ASSERT(fixture_says(finding, "T1.1       used it after that, in update"));
    CU_ASSERT_STRING_EQUAL(finding->signature, "exit.destroyed-in-use libplug.so:stop prog:update");
    fixture_close(&f);
}

static void test_waits_for_it(void)
{
    open_exit(LOCK_A);
    fixture_event(&f, 0, EVENT_DESTROYED, 0, LOCK_A, 0, AT_PLUGIN);
    fixture_wait(&f, 1, SITE_LOCK, LOCK_A, MODE_MUTEX, AT_UPDATE);
    judge(STOP_EXIT_DESTROYED_IN_USE);
    fixture_close(&f);
}

static void test_freed_with_its_lock(void)
{
    open_exit(IN_BLOCK);
    fixture_event(&f, 0, EVENT_FREE, 0, BLOCK, BYTES, AT_PLUGIN);
    use(IN_BLOCK);
    CU_ASSERT(fixture_says(judge(STOP_EXIT_DESTROYED_IN_USE), "T1 (main)  freed mutex"));
    fixture_close(&f);
}

static void crash(unsigned lane, uint64_t address)
{
    struct abi_crash *crash = &f.memory->control.crash;

    crash->epoch = FIXTURE_EPOCH;
    crash->signal = 11;
    crash->lane = lane;
    crash->address = address;
    f.evidence.crash_frames = 1;
    fixture_fill(&f.evidence.crash_frame[0], "prog", "worker", "prog.c", 22);
}

static void test_crash_in_freed_memory(void)
{
    const struct finding *finding;

    open_exit(LOCK_A);
    fixture_event(&f, 0, EVENT_FREE, 0, BLOCK, BYTES, AT_PLUGIN);
    crash(1, IN_BLOCK);
    finding = judge(STOP_EXIT_DESTROYED_IN_USE);
    CU_ASSERT(fixture_says(finding, "T1 (main)  freed memory on the way out, in stop"));
    CU_ASSERT(fixture_says(finding, "T1.1       crashed in it after that, in worker"));
    fixture_close(&f);
}

/* What it read there was garbage; the register that it read by still points there. */
static void test_crash_by_a_register(void)
{
    open_exit(LOCK_A);
    fixture_event(&f, 0, EVENT_FREE, 0, BLOCK, BYTES, AT_PLUGIN);
    crash(1, 0xdead0000);
    judge(STOP_NONE);
    f.memory->control.crash.regs[3] = IN_BLOCK;
    judge(STOP_EXIT_DESTROYED_IN_USE);
    fixture_close(&f);
}

static void test_twin_crash_of_the_exit_itself(void)
{
    open_exit(LOCK_A);
    fixture_event(&f, 0, EVENT_FREE, 0, BLOCK, BYTES, AT_PLUGIN);
    crash(0, IN_BLOCK);
    expect_silence();
}

/* Of a block that was there before the agent nobody knows how long it was. */
static void test_twin_a_block_of_unknown_length(void)
{
    open_exit(LOCK_A);
    fixture_event(&f, 0, EVENT_FREE, 0, BLOCK, UINT64_MAX, AT_PLUGIN);
    use(LOCK_A);
    expect_silence();
}

static void test_twin_realloc_in_place(void)
{
    open_exit(IN_BLOCK);
    fixture_event(&f, 0, EVENT_FREE, 0, BLOCK, BYTES, AT_PLUGIN);
    fixture_event(&f, 0, EVENT_ALLOC, 0, BLOCK, BYTES / 2, AT_PLUGIN);
    use(IN_BLOCK);
    expect_silence();
}

static void test_twin_used_before(void)
{
    open_exit(LOCK_A);
    use(LOCK_A);
    fixture_event(&f, 0, EVENT_DESTROYED, 0, LOCK_A, 0, AT_PLUGIN);
    expect_silence();
}

static void test_twin_destroyed_before_the_exit(void)
{
    fixture_open(&f);
    fixture_lane(&f, "T1");
    fixture_lane(&f, "T1.1");
    fixture_event(&f, 1, EVENT_ACQUIRED, MODE_MUTEX, LOCK_A, 0, AT_WORKER);
    fixture_event(&f, 0, EVENT_DESTROYED, 0, LOCK_A, 0, AT_PLUGIN);
    fixture_exit(&f, 0, 0, 2, AT_MAIN);
    use(LOCK_A);
    expect_silence();
}

/* Another lock, in memory that was used again: it never had the old one, or has made a new one. */
static void test_twin_memory_used_again(void)
{
    fixture_open(&f);
    fixture_lane(&f, "T1");
    fixture_lane(&f, "T1.1");
    fixture_exit(&f, 0, 0, 2, AT_MAIN);
    fixture_event(&f, 0, EVENT_FREE, 0, BLOCK, BYTES, AT_PLUGIN);
    use(IN_BLOCK);
    expect_silence();
    open_exit(IN_BLOCK);
    fixture_event(&f, 0, EVENT_FREE, 0, BLOCK, BYTES, AT_PLUGIN);
    fixture_event(&f, 1, EVENT_ALLOC, 0, BLOCK, BYTES, AT_WORKER);
    use(IN_BLOCK);
    expect_silence();
}

static void test_twin_no_exit(void)
{
    fixture_open(&f);
    fixture_lane(&f, "T1");
    fixture_lane(&f, "T1.1");
    fixture_event(&f, 1, EVENT_ACQUIRED, MODE_MUTEX, LOCK_A, 0, AT_WORKER);
    fixture_event(&f, 0, EVENT_DESTROYED, 0, LOCK_A, 0, AT_PLUGIN);
    use(LOCK_A);
    expect_silence();
}

static void test_damage(void)
{
    open_exit(IN_BLOCK);
    fixture_event(&f, 0, EVENT_FREE, 0, BLOCK, BYTES, AT_PLUGIN);
    use(IN_BLOCK);
    crash(1, IN_BLOCK);
    fixture_thread(&f, 0, THREAD_GONE, -2);
    fixture_damage(&f, &detector_exit_use, 0xe1d);
    fixture_close(&f);
}

int main(void)
{
    static const struct fixture_case cases[] = {
        {"destroyed", test_destroyed},
        {"waited for", test_waits_for_it},
        {"freed with its lock", test_freed_with_its_lock},
        {"a crash in freed memory", test_crash_in_freed_memory},
        {"a crash by a register", test_crash_by_a_register},
        {"twin: the exit crashes", test_twin_crash_of_the_exit_itself},
        {"twin: unknown length", test_twin_a_block_of_unknown_length},
        {"twin: realloc in place", test_twin_realloc_in_place},
        {"twin: used before", test_twin_used_before},
        {"twin: destroyed before", test_twin_destroyed_before_the_exit},
        {"twin: used again", test_twin_memory_used_again},
        {"twin: no exit", test_twin_no_exit},
        {"damaged memory", test_damage},
        {NULL, NULL},
    };

    return fixture_main("detector exit-use", cases);
}
