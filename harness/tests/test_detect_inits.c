/*
 * Tests of the detector inits: what constructors and destructors should leave.
 */
#include "evidence_damage.h"

#include <CUnit/Basic.h>

extern const struct detector detector_inits;

enum { BASE = 0x7000000, END = 0x7004000, INIT = BASE + 0x1110, HANDLE = 0x5500 };

static struct fixture f;
static struct judgement judgement;

static void open_one(void)
{
    fixture_open(&f);
    fixture_lane(&f, "T1");
    fixture_symbol(&f, BASE + 0x1100, "libplug.so", "init", "plug.c", 7);
}

/* A tie that comes about inside a dlopen by main. */
static struct abi_tie *inside(enum abi_tie_kind kind, enum abi_event_kind begin)
{
    struct abi_tie *tie;

    fixture_event(&f, 0, begin, 0, 0, 0, AT_MAIN);
    fixture_event(&f, 0, EVENT_LOAD_BEGIN, 0, 0, 0, INIT);
    fixture_event(&f, 0, EVENT_LOAD_END, 0, 0, 0, INIT);
    tie = fixture_tie(&f, kind, TIE_LEFT, 0, INIT, INIT);
    tie->object = HANDLE;
    return tie;
}

static const struct finding *judge(enum stop_code code)
{
    fixture_judge(&f, &detector_inits, &judgement);
    CU_ASSERT_EQUAL(judgement.findings, code != STOP_NONE);
    return fixture_found(&judgement, code);
}

static void test_a_load(void)
{
    const struct finding *finding;

    open_one();
    fixture_module(&f, "/opt/lib/libother.so", END, END + 0x1000, 0, -1)->handle = HANDLE;
    fixture_event(&f, 0, EVENT_LOAD_BEGIN, 0, 0, 0, AT_MAIN);
    fixture_event(&f, 0, EVENT_LOAD_BEGIN, 0, 0, 0, INIT);
    fixture_tie(&f, TIE_LOAD_INSIDE, TIE_LEFT, 0, INIT, INIT)->object = HANDLE;
    fixture_event(&f, 0, EVENT_LOAD_END, 0, 0, 0, INIT);
    finding = judge(STOP_LOADER_LOAD_INSIDE);
    CU_ASSERT(fixture_says(finding, "T1 (main)  loaded libother.so, in init  libplug.so"));
    CU_ASSERT(fixture_says(finding, "inside the dlopen that was called in main  prog"));
    CU_ASSERT_STRING_EQUAL(finding->signature, "loader.load-inside libplug.so:init -");
    fixture_close(&f);
}

static void test_an_unload(void)
{
    open_one();
    fixture_tie(&f, TIE_UNLOAD_INSIDE, TIE_LEFT, 0, INIT, INIT);
    CU_ASSERT(fixture_says(judge(STOP_LOADER_LOAD_INSIDE), "closed a module, in init"));
    fixture_close(&f);
}

static void test_calls(void)
{
    const struct finding *finding;

    open_one();
    inside(TIE_BEFORE_INIT, EVENT_LOAD_BEGIN)->mode = SITE_MALLOC;
    finding = judge(STOP_MODULE_CALL_BEFORE_INIT);
    CU_ASSERT(fixture_says(finding, "ran init  libplug.so  plug.c:7 before its module's con"));
    CU_ASSERT(fixture_says(finding, "seen where it called malloc"));
    CU_ASSERT(fixture_says(finding, "inside the dlopen that was called in main  prog"));
    fixture_close(&f);
    open_one();
    inside(TIE_AFTER_FINI, EVENT_UNLOAD_BEGIN)->mode = ABI_SITES_ALL;
    finding = judge(STOP_MODULE_CALL_AFTER_FINI);
    CU_ASSERT(fixture_says(finding, "after its module's destructors"));
    CU_ASSERT(fixture_says(finding, "inside the dlclose that was called in main  prog"));
    CU_ASSERT_STRING_EQUAL(finding->signature, "module.call-after-fini libplug.so:init -");
    fixture_close(&f);
}

static void test_all_at_once(void)
{
    open_one();
    for (unsigned i = 0; i < 7; i++) {
        inside(TIE_LOAD_INSIDE, EVENT_LOAD_BEGIN);
        inside(TIE_BEFORE_INIT, EVENT_LOAD_BEGIN);
        inside(TIE_AFTER_FINI, EVENT_UNLOAD_BEGIN);
    }
    fixture_judge(&f, &detector_inits, &judgement);
    CU_ASSERT_EQUAL(judgement.findings, 3);
    CU_ASSERT(fixture_says(fixture_found(&judgement, STOP_LOADER_LOAD_INSIDE), "and 1 more"));
    fixture_close(&f);
}

static void test_twins(void)
{
    open_one();
    fixture_event(&f, 0, EVENT_LOAD_BEGIN, 0, 0, 0, AT_MAIN);
    fixture_event(&f, 0, EVENT_LOAD_END, 0, 0, 0, AT_MAIN);
    fixture_tie(&f, TIE_KEY, TIE_LEFT, 0, INIT, INIT);
    fixture_tie(&f, TIE_LOAD_INSIDE, TIE_LEFT, 0, INIT, INIT)->word = TIE_LEFT;
    judge(STOP_NONE);
    fixture_close(&f);
}

static void test_damage(void)
{
    open_one();
    fixture_thread(&f, 0, THREAD_RUNNING, -1);
    inside(TIE_LOAD_INSIDE, EVENT_LOAD_BEGIN);
    fixture_damage(&f, &detector_inits, 0x1417);
    fixture_close(&f);
}

int main(void)
{
    static const struct fixture_case cases[] = {
        {"a load", test_a_load},
        {"an unload", test_an_unload},
        {"calls", test_calls},
        {"all at once", test_all_at_once},
        {"twins", test_twins},
        {"damaged memory", test_damage},
        {NULL, NULL},
    };

    return fixture_main("detector inits", cases);
}
