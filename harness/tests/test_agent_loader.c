/*
 * Tests of the agent's hooks of the loader: hook_loader.c and loader.S, by targets/loads.c. A
 * program must find with us what it finds without us, and what it loads must be told with range,
 * caller and end.
 */
#include "agent_stage.h"

enum { REACH = 96 }; /* at_load() and at_close() are shorter, in bytes */

static uint32_t records(struct stage *stage)
{
    uint32_t count = stage_control(stage)->modules;

    return count < ABI_MODULES ? count : ABI_MODULES;
}

static bool is_record(struct stage *stage, const struct abi_module *module)
{
    return module->epoch == stage_control(stage)->epoch && module->state != MODULE_FREE;
}

/* Record @number (from 0) of the module with this file name; NULL if there are fewer. */
static const struct abi_module *record(struct stage *stage, const char *name, unsigned number)
{
    char file[64];
    size_t length;

    snprintf(file, sizeof file, "/%s.so", name);
    length = strlen(file);
    for (uint32_t i = 0; i < records(stage); i++) {
        const struct abi_module *module = &stage->job.memory->module[i];
        size_t all = strlen(module->path);

        if (is_record(stage, module) && all >= length &&
            strcmp(module->path + all - length, file) == 0 && number-- == 0)
            return module;
    }
    return NULL;
}

static unsigned live_records(struct stage *stage)
{
    unsigned count = 0;

    for (uint32_t i = 0; i < records(stage); i++)
        count += is_record(stage, &stage->job.memory->module[i]) &&
                 stage->job.memory->module[i].state == MODULE_LOADED;
    return count;
}

/* The record that begins where the program says that the module does. */
static const struct abi_module *record_at(struct stage *stage, const char *said)
{
    uint64_t low = (uint64_t)stage_said(stage, said);

    for (uint32_t i = 0; i < records(stage); i++)
        if (is_record(stage, &stage->job.memory->module[i]) &&
            stage->job.memory->module[i].base == low)
            return &stage->job.memory->module[i];
    return NULL;
}

static uint64_t page_up(uint64_t address)
{
    return (address + 4095) & ~UINT64_C(4095);
}

/* The range is the one that the program has found for itself. */
static void check_range(struct stage *stage, const char *name, const struct abi_module *module)
{
    char word[64];

    CU_ASSERT_PTR_NOT_NULL_FATAL(module);
    snprintf(word, sizeof word, "low_%s", name);
    CU_ASSERT_EQUAL(module->base, (uint64_t)stage_said(stage, word));
    snprintf(word, sizeof word, "high_%s", name);
    CU_ASSERT_EQUAL(page_up(module->end), page_up((uint64_t)stage_said(stage, word)));
    CU_ASSERT_TRUE(module->base < module->end);
}

static void check_gone(const struct abi_module *module)
{
    CU_ASSERT_PTR_NOT_NULL_FATAL(module);
    CU_ASSERT_EQUAL(module->state, MODULE_UNLOADED);
    CU_ASSERT_EQUAL(module->loads, 0);
    CU_ASSERT_TRUE(module->loaded_at != 0 && module->loaded_at <= module->unloaded_at);
}

static void check_nothing_left(struct stage *stage)
{
    CU_ASSERT_EQUAL(stage_control(stage)->modules_live, 0);
    CU_ASSERT_EQUAL(live_records(stage), 0);
}

static void check_within(struct stage *stage, uint64_t address, const char *place)
{
    uint64_t from = (uint64_t)stage_said(stage, place);

    CU_ASSERT_TRUE(address > from && address < from + REACH);
}

static bool play(struct stage *stage, const char *scene)
{
    bool passed;

    CU_ASSERT_TRUE(stage_plain("loads", scene));
    CU_ASSERT_TRUE_FATAL(stage_open(stage, "loads", scene));
    passed = stage_pass(stage);
    CU_ASSERT_TRUE(passed);
    return passed;
}

/* A constructor that loads is looked at each time, so that the detectors can tell of it. */
static bool passes_looked_at(struct stage *stage)
{
    const uint32_t seen = ANOMALY_NOTE | ANOMALY_LOOK;
    bool passed = stage_run(stage) == STAGE_ANOMALY;

    passed = passed && (stage_control(stage)->anomaly & ANOMALY_LOOK) &&
             (stage_control(stage)->anomaly & ~seen) == 0;
    return passed && stage_go_on(stage) == STAGE_DONE;
}

static bool play_looked_at(struct stage *stage, const char *scene)
{
    bool passed;

    CU_ASSERT_TRUE(stage_plain("loads", scene));
    CU_ASSERT_TRUE_FATAL(stage_open(stage, "loads", scene));
    passed = passes_looked_at(stage);
    CU_ASSERT_TRUE(passed);
    return passed;
}

static unsigned count_ties(struct stage *stage, enum abi_tie_kind kind)
{
    unsigned count = 0;

    for (unsigned i = 0; i < ABI_TIES; i++) {
        const struct abi_tie *tie = &stage->job.memory->tie[i];

        count += tie->word == (stage_control(stage)->epoch << 8 | TIE_LEFT) && tie->kind == kind;
    }
    return count;
}

/* --- who is the caller ---------------------------------------------------------------------------
 */

static void test_runpath(void)
{
    struct stage stage;

    if (play(&stage, "runpath")) {
        const struct abi_module *module = record(&stage, "plug_plain", 0);

        check_range(&stage, "plug_plain", module);
        check_gone(module);
        check_gone(record(&stage, "plug_plain", 1));
        CU_ASSERT_PTR_NULL(record(&stage, "plug_plain", 2));
        check_within(&stage, module->load_caller, "at_load");
        check_within(&stage, module->unload_caller, "at_close");
        CU_ASSERT_EQUAL(module->loader_lane, 0);
        check_nothing_left(&stage);
    }
    stage_close(&stage);
}

/* The module's own RUNPATH and $ORIGIN, and it stands as the caller in the record. */
static void test_carrier(void)
{
    struct stage stage;

    if (play(&stage, "carrier")) {
        const struct abi_module *carrier = record(&stage, "plug_carrier", 0);
        const struct abi_module *inner = record(&stage, "deep_inner", 0);

        check_range(&stage, "plug_carrier", carrier);
        check_range(&stage, "deep_inner", inner);
        CU_ASSERT_TRUE(inner->load_caller > carrier->base && inner->load_caller < carrier->end);
        check_gone(inner);
        check_gone(carrier);
        CU_ASSERT_PTR_NULL(record(&stage, "deep_inner", 1));
        check_nothing_left(&stage);
    }
    stage_close(&stage);
}

static void test_next(void)
{
    struct stage stage;

    if (play(&stage, "next")) {
        check_gone(record(&stage, "plug_plain", 0));
        check_nothing_left(&stage);
    }
    stage_close(&stage);
}

static void test_namespace(void)
{
    struct stage stage;

    if (play(&stage, "namespace")) {
        const struct abi_module *here = record_at(&stage, "low_here");
        const struct abi_module *there = record_at(&stage, "low_there");

        check_range(&stage, "here", here);
        check_range(&stage, "there", there);
        check_gone(here);
        check_gone(there);
        check_nothing_left(&stage);
    }
    stage_close(&stage);
}

static void test_generated(void)
{
    struct stage stage;

    if (play(&stage, "generated"))
        check_nothing_left(&stage);
    stage_close(&stage);
}

static void test_unwind(void)
{
    struct stage stage;

    play(&stage, "unwind");
    stage_close(&stage);
}

/* --- failures
 * ---------------------------------------------------------------------------------------- */

static void test_missing(void)
{
    struct stage stage;

    if (play(&stage, "missing")) {
        const struct abi_lane *lane = stage_lane(&stage, "T1");

        CU_ASSERT_EQUAL(stage_count(lane, EVENT_LOAD_BEGIN), 4);
        CU_ASSERT_EQUAL(stage_count(lane, EVENT_LOAD_END), 4);
        for (unsigned i = 0; i < 4; i++)
            CU_ASSERT_EQUAL(stage_event(lane, EVENT_LOAD_END, i)->object, 0);
        CU_ASSERT_EQUAL(stage_control(&stage)->modules, 0);
        check_nothing_left(&stage);
    }
    stage_close(&stage);
    if (play(&stage, "error-kept"))
        check_nothing_left(&stage);
    stage_close(&stage);
}

/* --- more than one
 * ------------------------------------------------------------------------------------- */

static void test_constructor(void)
{
    struct stage stage;

    if (play_looked_at(&stage, "constructor")) {
        const struct abi_module *outer = record(&stage, "plug_ctor", 0);
        const struct abi_module *inner = record(&stage, "deep_inner", 0);

        check_range(&stage, "plug_ctor", outer);
        check_gone(outer);
        check_gone(inner);
        CU_ASSERT_TRUE(inner->load_caller > outer->base && inner->load_caller < outer->end);
        /* Its own dlclose came first, in a destructor; glibc unmaps both in the outer one. */
        CU_ASSERT_EQUAL(stage_count(stage_lane(&stage, "T1"), EVENT_LOAD_END), 2);
        CU_ASSERT_EQUAL(stage_event(stage_lane(&stage, "T1"), EVENT_UNLOAD_END, 0)->aux, 0);
        CU_ASSERT_EQUAL(stage_event(stage_lane(&stage, "T1"), EVENT_UNLOAD_END, 1)->aux, 2);
        CU_ASSERT_EQUAL(count_ties(&stage, TIE_LOAD_INSIDE), 1);
        CU_ASSERT_EQUAL(count_ties(&stage, TIE_UNLOAD_INSIDE), 1);
        check_nothing_left(&stage);
    }
    stage_close(&stage);
}

static void test_needs(void)
{
    struct stage stage;

    if (play(&stage, "needs")) {
        check_range(&stage, "plug_needs", record(&stage, "plug_needs", 0));
        check_gone(record(&stage, "plug_needs", 0));
        check_gone(record(&stage, "deep_needed", 0));
        CU_ASSERT_EQUAL(stage_event(stage_lane(&stage, "T1"), EVENT_UNLOAD_END, 0)->aux, 2);
        check_nothing_left(&stage);
    }
    stage_close(&stage);
}

/* Opened three times, closed once: two are left. */
static void test_counted(void)
{
    struct stage stage;

    if (play(&stage, "counted")) {
        const struct abi_module *module = record(&stage, "plug_plain", 0);

        CU_ASSERT_PTR_NOT_NULL_FATAL(module);
        CU_ASSERT_EQUAL(module->state, MODULE_LOADED);
        CU_ASSERT_EQUAL(module->loads, 2);
        CU_ASSERT_EQUAL(stage_control(&stage)->modules_live, 1);
    }
    stage_close(&stage);
}

static void test_stays(void)
{
    struct stage stage;

    if (play(&stage, "stays")) {
        const struct abi_module *module = record(&stage, "plug_plain", 0);

        CU_ASSERT_PTR_NOT_NULL_FATAL(module);
        CU_ASSERT_EQUAL(module->state, MODULE_LOADED);
        CU_ASSERT_EQUAL(stage_event(stage_lane(&stage, "T1"), EVENT_UNLOAD_END, 0)->aux, 0);
        CU_ASSERT_EQUAL(stage_control(&stage)->modules_live, 1);
    }
    stage_close(&stage);
}

/* 600 loads in a table of 128; what stayed is still in it. */
static void test_rounds(void)
{
    struct stage stage;

    if (play(&stage, "rounds")) {
        const struct abi_module *kept = record(&stage, "plug_carrier", 0);

        CU_ASSERT_PTR_NOT_NULL_FATAL(kept);
        CU_ASSERT_EQUAL(kept->state, MODULE_LOADED);
        CU_ASSERT_EQUAL(stage_lane(&stage, "T1")->hits[SITE_DLOPEN], 401);
        CU_ASSERT_EQUAL(stage_lane(&stage, "T1")->hits[SITE_DLCLOSE], 400);
        CU_ASSERT_EQUAL(live_records(&stage), 1);
        CU_ASSERT_EQUAL(stage_control(&stage)->modules_live, 1);
    }
    stage_close(&stage);
}

static void test_threads(void)
{
    struct stage stage;

    if (play_looked_at(&stage, "threads"))
        for (int i = 0; i < 5; i++) {
            check_nothing_left(&stage);
            CU_ASSERT_TRUE(passes_looked_at(&stage));
        }
    stage_close(&stage);
}

/* While the process ends, nobody's constructors can be told to be missing. */
static void test_late(void)
{
    struct stage stage;

    if (play(&stage, "late")) {
        CU_ASSERT_PTR_NOT_NULL(record(&stage, "deep_words", 0));
        CU_ASSERT_EQUAL(count_ties(&stage, TIE_BEFORE_INIT), 0);
    }
    stage_close(&stage);
}

static void test_atexit(void)
{
    struct stage stage;

    if (play_looked_at(&stage, "atexit")) {
        CU_ASSERT_EQUAL(stage_said(&stage, "closed"), 3);
        check_gone(record(&stage, "plug_plain", 0));
        check_gone(record(&stage, "plug_needs", 0));
        check_gone(record(&stage, "plug_ctor", 0));
        check_nothing_left(&stage);
    }
    stage_close(&stage);
}

/* The records are of the target, and what a child does with its copies is not in them. */
static void test_forked(void)
{
    struct stage stage;

    if (play(&stage, "forked")) {
        const struct abi_module *module = record(&stage, "plug_plain", 0);

        CU_ASSERT_PTR_NOT_NULL_FATAL(module);
        CU_ASSERT_EQUAL(module->state, MODULE_LOADED);
        CU_ASSERT_EQUAL(module->loads, 1);
        CU_ASSERT_PTR_NULL(record(&stage, "plug_carrier", 0));
        CU_ASSERT_EQUAL(stage_control(&stage)->modules_live, 1);
    }
    stage_close(&stage);
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"the program's RUNPATH and $ORIGIN", test_runpath},
        {"a module's RUNPATH and $ORIGIN", test_carrier},
        {"RTLD_NEXT", test_next},
        {"dlmopen, and what came with it", test_namespace},
        {"a caller in generated code", test_generated},
        {"what cannot be loaded, and dlerror", test_missing},
        {"dlopen in a constructor", test_constructor},
        {"a module that needs another", test_needs},
        {"opened thrice, closed once", test_counted},
        {"RTLD_NODELETE", test_stays},
        {"more loads than records", test_rounds},
        {"four threads", test_threads},
        {"everything closed at exit", test_atexit},
        {"a load in a destructor at exit", test_late},
        {"a stack through the hook", test_unwind},
        {"loaded and closed in a forked child", test_forked},
        CU_TEST_INFO_NULL,
    };
    CU_SuiteInfo suites[] = {
        {"agent: loader", NULL, NULL, NULL, NULL, tests},
        CU_SUITE_INFO_NULL,
    };

    return stage_main(suites);
}
