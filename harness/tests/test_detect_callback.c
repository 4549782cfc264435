/*
 * Tests of the detector callback: what modules leave on record, and what of it is a call.
 */
#include "evidence_damage.h"

#include <signal.h>

#include <CUnit/Basic.h>

extern const struct detector detector_callback;

enum { BASE = 0x7000000, END = 0x7004000, DROP = BASE + 0x1139 };

static struct fixture f;
static struct judgement judgement;

/* libplug.so was there, and main has unloaded it. */
static void open_one(void)
{
    fixture_open(&f);
    fixture_lane(&f, "T1");
    fixture_lane(&f, "T1.1");
    fixture_module(&f, "/opt/lib/libplug.so", BASE, END, 0, 0)->unload_caller = AT_MAIN;
    fixture_symbol(&f, BASE + 0x1100, "libplug.so", "drop", "plug.c", 7);
}

static struct abi_tie *left(enum abi_tie_kind kind, unsigned lane)
{
    return fixture_tie(&f, kind, TIE_LEFT, lane, DROP, AT_WORKER);
}

static const struct finding *judge(enum stop_code code)
{
    fixture_judge(&f, &detector_callback, &judgement);
    CU_ASSERT_EQUAL(judgement.findings, code != STOP_NONE);
    return fixture_found(&judgement, code);
}

static const struct finding *judge_note(void)
{
    const struct finding *finding = judge(STOP_MODULE_CALLBACK_UNMAPPED);

    CU_ASSERT_PTR_NOT_NULL_FATAL(finding);
    CU_ASSERT_EQUAL(finding->severity, STOP_SEVERITY_NOTE);
    return finding;
}

static void expect_silence(void)
{
    judge(STOP_NONE);
    fixture_close(&f);
}

static void test_a_key(void)
{
    const struct finding *finding;

    open_one();
    left(TIE_KEY, 1);
    finding = judge_note();
    CU_ASSERT(fixture_says(finding, "drop  libplug.so  plug.c:7 is gone"));
    CU_ASSERT(fixture_says(finding, "the destructor of a thread-specific key"));
    CU_ASSERT(fixture_says(finding, "put on record by T1.1, in worker  prog  prog.c:20"));
    CU_ASSERT(fixture_says(finding, "unloaded by T1 (main), in main  prog  prog.c:10"));
    CU_ASSERT_STRING_EQUAL(finding->signature, "module.callback-unmapped libplug.so:drop -");
    fixture_close(&f);
}

static void test_all_kinds(void)
{
    static const struct {
        enum abi_tie_kind kind;
        const char *words;
    } kinds[] = {
        {TIE_THREAD_LOCAL, "the destructor of a thread_local object"},
        {TIE_EXIT, "an exit handler"},
        {TIE_QUICK_EXIT, "a handler of quick_exit"},
        {TIE_SIGNAL, "the handler of SIGUSR1"},
        {TIE_TIMER, "the function of a timer"},
    };

    for (unsigned i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        open_one();
        left(kinds[i].kind, 1)->object = SIGUSR1;
        CU_ASSERT(fixture_says(judge_note(), kinds[i].words));
        fixture_close(&f);
    }
}

static void test_many_are_counted(void)
{
    open_one();
    for (unsigned i = 0; i < 9; i++)
        left(TIE_KEY, 1);
    CU_ASSERT(fixture_says(judge_note(), "and 3 more"));
    fixture_close(&f);
}

static void test_uncaught_call_of_a_timer(void)
{
    const struct finding *finding;

    open_one();
    left(TIE_TIMER, 0);
    f.evidence.status = SIGSEGV;
    finding = judge(STOP_MODULE_CALLBACK_UNMAPPED);
    CU_ASSERT_PTR_NOT_NULL_FATAL(finding);
    CU_ASSERT_EQUAL(finding->severity, STOP_SEVERITY_FINDING);
    CU_ASSERT(fixture_says(finding, "died of SIGSEGV, and could not catch it"));
    CU_ASSERT(fixture_says(finding, "drop  libplug.so"));
    fixture_close(&f);
}

static void test_twin_still_there(void)
{
    open_one();
    fixture_tie(&f, TIE_KEY, TIE_LIVE, 1, DROP, AT_WORKER);
    expect_silence();
}

static void test_twin_of_another_cycle(void)
{
    open_one();
    left(TIE_KEY, 1)->word = (FIXTURE_EPOCH - 1) << 8 | TIE_LEFT;
    expect_silence();
}

static void test_twin_after_a_strike(void)
{
    open_one();
    left(TIE_KEY, 1);
    f.evidence.struck = true;
    expect_silence();
}

static void test_twin_unloaded_by_the_plan(void)
{
    open_one();
    left(TIE_KEY, 1)->ordered = 1;
    expect_silence();
}

/* Its object went with the thread. */
static void test_twin_thread_has_ended(void)
{
    open_one();
    left(TIE_THREAD_LOCAL, 1);
    f.memory->lane[1].state = LANE_ENDED;
    expect_silence();
}

/* The detector crash tells of it. */
static void test_twin_it_was_called(void)
{
    open_one();
    left(TIE_KEY, 1);
    f.memory->control.crash.epoch = FIXTURE_EPOCH;
    f.memory->control.crash.regs[16] = DROP;
    expect_silence();
}

static void test_twin_other_kinds(void)
{
    open_one();
    for (unsigned kind = TIE_THREAD; kind < ABI_TIE_KINDS; kind++)
        left((enum abi_tie_kind)kind, 1);
    expect_silence();
}

static void test_damage(void)
{
    open_one();
    fixture_thread(&f, 1, THREAD_RUNNING, -1);
    left(TIE_KEY, 1);
    fixture_damage(&f, &detector_callback, 0xca11);
    fixture_close(&f);
}

int main(void)
{
    static const struct fixture_case cases[] = {
        {"a key", test_a_key},
        {"all kinds", test_all_kinds},
        {"many are counted", test_many_are_counted},
        {"an uncaught call of a timer", test_uncaught_call_of_a_timer},
        {"twin: the module is still there", test_twin_still_there},
        {"twin: another cycle", test_twin_of_another_cycle},
        {"twin: after a strike", test_twin_after_a_strike},
        {"twin: unloaded by the plan", test_twin_unloaded_by_the_plan},
        {"twin: the thread has ended", test_twin_thread_has_ended},
        {"twin: it was called", test_twin_it_was_called},
        {"twin: other kinds of ties", test_twin_other_kinds},
        {"damaged memory", test_damage},
        {NULL, NULL},
    };

    return fixture_main("detector callback", cases);
}
