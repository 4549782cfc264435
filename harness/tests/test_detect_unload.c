/*
 * Tests of the detector unload: threads and locks of modules that go.
 */
#include "evidence_damage.h"

#include <CUnit/Basic.h>

extern const struct detector detector_unload;

enum { BASE = 0x7000000, END = 0x7004000, WORK = BASE + 0x1110, GATE = BASE + 0x3010 };

static struct fixture f;
static struct judgement judgement;

static void open_one(void)
{
    fixture_open(&f);
    fixture_lane(&f, "T1");
    fixture_lane(&f, "T1.1");
    fixture_module(&f, "/opt/lib/libplug.so", BASE, END, 0, 0)->unload_caller = AT_MAIN;
    fixture_symbol(&f, BASE + 0x1100, "libplug.so", "work", "plug.c", 7);
    fixture_symbol(&f, BASE + 0x3000, "libplug.so", "gate", "", 0);
}

static struct abi_tie *left(enum abi_tie_kind kind, uint64_t address)
{
    return fixture_tie(&f, kind, TIE_LEFT, 1, address, 0);
}

static const struct finding *judge(enum stop_code code)
{
    fixture_judge(&f, &detector_unload, &judgement);
    CU_ASSERT_EQUAL(judgement.findings, code != STOP_NONE);
    return fixture_found(&judgement, code);
}

static void test_a_worker(void)
{
    const struct finding *finding;
    struct abi_tie *tie;

    open_one();
    tie = left(TIE_THREAD, WORK);
    tie->caller = AT_UPDATE;
    tie->object = LOCK_A;
    tie->mode = MODE_MUTEX;
    finding = judge(STOP_MODULE_THREAD_ALIVE_AT_UNLOAD);
    CU_ASSERT(fixture_says(finding, "T1.1       was alive, and began in work  libplug.so"));
    CU_ASSERT(fixture_says(finding, "it waited for the mutex lock_a, in update  prog"));
    CU_ASSERT(fixture_says(finding, "when libplug.so was unloaded by T1 (main), in main  prog"));
    CU_ASSERT_STRING_EQUAL(finding->signature, "module.thread-alive-at-unload libplug.so:work -");
    fixture_close(&f);
}

static void test_a_caller(void)
{
    open_one();
    left(TIE_INSIDE, WORK)->mode = MODE_JOIN;
    CU_ASSERT(fixture_says(judge(STOP_MODULE_THREAD_ALIVE_AT_UNLOAD), "T1.1       was in work"));
    fixture_close(&f);
}

static void test_locks(void)
{
    const struct finding *finding;
    struct abi_tie *tie;

    open_one();
    tie = left(TIE_LOCK_HELD, GATE);
    tie->mode = MODE_WRITE;
    tie->caller = AT_UPDATE;
    finding = judge(STOP_LOCK_IN_UNLOADED_MODULE);
    CU_ASSERT(fixture_says(finding, "T1.1       had the write lock gate"));
    CU_ASSERT(fixture_says(finding, "gate, taken in update  prog  prog.c:30"));
    CU_ASSERT_STRING_EQUAL(finding->signature, "lock.in-unloaded-module libplug.so:gate -");
    tie->kind = TIE_LOCK_AWAITED;
    tie->mode = MODE_MUTEX;
    finding = judge(STOP_LOCK_IN_UNLOADED_MODULE);
    CU_ASSERT(fixture_says(finding, "waited for the mutex gate, in update  prog"));
    fixture_close(&f);
}

static void test_many_are_counted(void)
{
    open_one();
    for (unsigned i = 0; i < 8; i++)
        left(TIE_THREAD, WORK);
    CU_ASSERT(fixture_says(judge(STOP_MODULE_THREAD_ALIVE_AT_UNLOAD), "and 2 more"));
    fixture_close(&f);
}

static void test_twins(void)
{
    open_one();
    judge(STOP_NONE);
    left(TIE_THREAD, WORK)->word = (FIXTURE_EPOCH - 1) << 8 | TIE_LEFT;
    left(TIE_LOCK_HELD, GATE)->word = FIXTURE_EPOCH << 8 | TIE_LIVE;
    left(TIE_KEY, WORK);
    judge(STOP_NONE);
    fixture_close(&f);
}

static void test_damage(void)
{
    open_one();
    fixture_thread(&f, 1, THREAD_RUNNING, -1);
    left(TIE_THREAD, WORK);
    fixture_damage(&f, &detector_unload, 0x0fff);
    fixture_close(&f);
}

int main(void)
{
    static const struct fixture_case cases[] = {
        {"a worker", test_a_worker},
        {"a caller", test_a_caller},
        {"locks", test_locks},
        {"many are counted", test_many_are_counted},
        {"twins", test_twins},
        {"damaged memory", test_damage},
        {NULL, NULL},
    };

    return fixture_main("detector unload", cases);
}
