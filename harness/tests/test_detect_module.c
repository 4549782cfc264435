/*
 * Tests of the detector module: modules that stay after their dlclose.
 */
#include "evidence_damage.h"

#include <CUnit/Basic.h>

extern const struct detector detector_module;

enum { HANDLE = 0x5500, OTHER = 0x6600 };

static struct fixture f;
static struct judgement judgement;

static void open_one(void)
{
    fixture_open(&f);
    f.evidence.ended = false;
    fixture_lane(&f, "T1");
}

static void loaded(uint64_t handle)
{
    fixture_event(&f, 0, EVENT_LOAD_END, 1, handle, 0, AT_WORKER);
}

static void closed(uint64_t handle)
{
    fixture_event(&f, 0, EVENT_UNLOAD_END, 0, handle, 0, AT_MAIN);
}

static struct abi_module *load(const char *path, uint64_t handle)
{
    struct abi_module *module =
        fixture_module(&f, path, 0x7000000 + handle, 0x7001000 + handle, 0, -1);

    loaded(handle);
    return module;
}

static const struct finding *judge(enum stop_code code)
{
    fixture_judge(&f, &detector_module, &judgement);
    CU_ASSERT_EQUAL(judgement.findings, code != STOP_NONE);
    return fixture_found(&judgement, code);
}

static void expect_silence(void)
{
    judge(STOP_NONE);
    fixture_close(&f);
}

static void test_stays(void)
{
    const struct finding *finding;

    open_one();
    f.stays = "it is linked with -z nodelete";
    load("/lib/libstay.so", HANDLE);
    closed(HANDLE);
    finding = judge(STOP_MODULE_NOT_UNLOADED);
    CU_ASSERT_EQUAL(finding->severity, STOP_SEVERITY_NOTE);
    CU_ASSERT(
        fixture_says(finding, "libstay.so is still mapped after a dlclose by T1 (main), in main"));
    CU_ASSERT(fixture_says(finding, "it is linked with -z nodelete"));
    CU_ASSERT_STRING_EQUAL(finding->signature, "module.not-unloaded libstay.so:? -");
    f.evidence.stays = NULL;
    CU_ASSERT(fixture_says(judge(STOP_MODULE_NOT_UNLOADED), "the reason is not known"));
    fixture_close(&f);
}

static void test_must_unload(void)
{
    open_one();
    f.evidence.must_unload = true;
    load("/lib/libstay.so", HANDLE);
    closed(HANDLE);
    CU_ASSERT_EQUAL(judge(STOP_MODULE_NOT_UNLOADED)->severity, STOP_SEVERITY_FINDING);
    fixture_close(&f);
}

static void test_reference_left_at_the_end(void)
{
    open_one();
    f.evidence.ended = true;
    load("/lib/libstay.so", HANDLE);
    loaded(HANDLE);
    closed(HANDLE);
    CU_ASSERT(fixture_says(judge(STOP_MODULE_NOT_UNLOADED),
                           "opened 2 times, closed 1 times: a reference is left"));
    fixture_close(&f);
}

/* A process that was ended in the middle of its work had no time to close. */
static void test_twin_struck_before_the_close(void)
{
    open_one();
    f.evidence.ended = true;
    f.evidence.must_unload = true;
    f.evidence.struck = true;
    load("/lib/libgood.so", HANDLE);
    loaded(HANDLE);
    closed(HANDLE);
    expect_silence();
}

/* Lap after lap: open again at the end, and in use. */
static void test_stays_and_is_in_use_again(void)
{
    open_one();
    f.stays = "it holds a unique symbol";
    load("/lib/libstay.so", HANDLE);
    closed(HANDLE);
    loaded(HANDLE);
    CU_ASSERT(fixture_says(judge(STOP_MODULE_NOT_UNLOADED), "it holds a unique symbol"));
    fixture_close(&f);
}

static void test_several_are_one_finding(void)
{
    const struct finding *finding;

    open_one();
    load("/lib/libzeta.so", HANDLE);
    load("/lib/libalpha.so", OTHER);
    closed(HANDLE);
    closed(OTHER);
    finding = judge(STOP_MODULE_NOT_UNLOADED);
    CU_ASSERT(fixture_says(finding, "libzeta.so is still mapped"));
    CU_ASSERT(fixture_says(finding, "libalpha.so is still mapped"));
    CU_ASSERT_STRING_EQUAL(finding->signature, "module.not-unloaded libalpha.so:? -");
    fixture_close(&f);
}

static void test_handle_in_the_table(void)
{
    open_one();
    load("/lib/libstay.so", HANDLE)->handle = HANDLE;
    closed(HANDLE);
    for (unsigned i = 0; i < ABI_RING_EVENTS - 1; i++)
        fixture_event(&f, 0, EVENT_ALLOC, 0, i, 8, 0);
    CU_ASSERT_PTR_NOT_NULL(judge(STOP_MODULE_NOT_UNLOADED));
    fixture_close(&f);
}

static void test_twin_ring_has_forgotten(void)
{
    open_one();
    load("/lib/libstay.so", HANDLE);
    closed(HANDLE);
    loaded(OTHER);
    closed(OTHER);
    for (unsigned i = 0; i < ABI_RING_EVENTS - 3; i++)
        fixture_event(&f, 0, EVENT_ALLOC, 0, i, 8, 0);
    expect_silence();
}

/* What a library frees at exit pushes its own dlclose out of the ring. */
static void test_table_remembers(void)
{
    struct abi_module *module;

    open_one();
    module = load("/lib/libstay.so", 0);
    module->handle = HANDLE;
    module->unload_caller = AT_MAIN;
    closed(HANDLE);
    for (unsigned i = 0; i < ABI_RING_EVENTS; i++)
        fixture_event(&f, 0, EVENT_FREE, 0, i, 8, 0);
    module->loads = 1; /* somebody has it open still */
    judge(STOP_NONE);
    module->loads = 0;
    CU_ASSERT(fixture_says(judge(STOP_MODULE_NOT_UNLOADED),
                           "libstay.so is still mapped after its last dlclose, in main"));
    fixture_close(&f);
}

static void test_twin_unloaded(void)
{
    open_one();
    load("/lib/libgood.so", HANDLE)->state = MODULE_UNLOADED;
    closed(HANDLE);
    expect_silence();
}

static void test_twin_in_use(void)
{
    open_one();
    load("/lib/libgood.so", HANDLE);
    expect_silence();
    open_one();
    load("/lib/libgood.so", HANDLE);
    loaded(HANDLE);
    closed(HANDLE);
    expect_silence();
}

static void test_twin_dlclose_failed(void)
{
    open_one();
    load("/lib/libgood.so", HANDLE);
    fixture_event(&f, 0, EVENT_UNLOAD_END, 0, HANDLE, 1, AT_MAIN);
    expect_silence();
}

/* What a module needs comes and goes with it. */
static void test_twin_came_along(void)
{
    struct abi_module *first;

    open_one();
    first = load("/lib/libgood.so", HANDLE);
    fixture_module(&f, "/lib/libneeded.so", 0x8000000, 0x8001000, 0, -1)->loaded_at =
        first->loaded_at;
    first->state = MODULE_UNLOADED;
    closed(HANDLE);
    expect_silence();
}

/* The agent's table fills up again from its beginning: what was opened may come second. */
static void test_twin_came_along_first(void)
{
    struct abi_module *along;

    open_one();
    along = fixture_module(&f, "/lib/libneeded.so", 0x8000000, 0x8001000, 0, -1);
    along->loaded_at = load("/lib/libgood.so", HANDLE)->loaded_at;
    f.memory->module[1].handle = HANDLE;
    loaded(HANDLE);
    closed(HANDLE);
    expect_silence();
}

static struct abi_module *load_with_another(void)
{
    struct abi_module *first = load("/lib/libgood.so", HANDLE);
    struct abi_module *along = fixture_module(&f, "/lib/libneeded.so", 0x8000000, 0x8001000, 0, -1);

    first->handle = HANDLE;
    along->loaded_at = first->loaded_at;
    closed(HANDLE);
    return along;
}

/* The module itself has gone, what had come with it has not; the agent keeps who closed it. */
static void test_left_behind(void)
{
    struct abi_module *along;
    const struct finding *finding;

    open_one();
    f.evidence.must_unload = true;
    f.stays = "it is linked with -z nodelete";
    along = load_with_another();
    f.memory->module[0].state = MODULE_UNLOADED;
    along->unloaded_at = along->loaded_at + 1;
    finding = judge(STOP_MODULE_NOT_UNLOADED);
    CU_ASSERT_EQUAL(finding->severity, STOP_SEVERITY_NOTE);
    CU_ASSERT(fixture_says(finding, "libneeded.so is still mapped after what it was loaded for"));
    CU_ASSERT(fixture_says(finding, "it is linked with -z nodelete"));
    fixture_close(&f);
}

/* Both stay: the one that was opened is the one that must not. */
static void test_both_stay(void)
{
    const struct finding *finding;

    open_one();
    f.evidence.must_unload = true;
    load_with_another();
    finding = judge(STOP_MODULE_NOT_UNLOADED);
    CU_ASSERT_EQUAL(finding->severity, STOP_SEVERITY_FINDING);
    CU_ASSERT(fixture_says(finding, "libgood.so is still mapped after a dlclose"));
    CU_ASSERT_FALSE(fixture_says(finding, "libneeded.so"));
    fixture_close(&f);
}

static void test_damage(void)
{
    open_one();
    fixture_thread(&f, 0, THREAD_RUNNING, -1);
    load("/lib/libstay.so", HANDLE);
    closed(HANDLE);
    fixture_damage(&f, &detector_module, 0x30d);
    fixture_close(&f);
}

int main(void)
{
    static const struct fixture_case cases[] = {
        {"it stays", test_stays},
        {"it must not stay", test_must_unload},
        {"a reference is left", test_reference_left_at_the_end},
        {"twin: struck before the close", test_twin_struck_before_the_close},
        {"in use again", test_stays_and_is_in_use_again},
        {"several", test_several_are_one_finding},
        {"the handle in the table", test_handle_in_the_table},
        {"the table remembers", test_table_remembers},
        {"twin: forgotten", test_twin_ring_has_forgotten},
        {"twin: unloaded", test_twin_unloaded},
        {"twin: in use", test_twin_in_use},
        {"twin: dlclose failed", test_twin_dlclose_failed},
        {"twin: came along", test_twin_came_along},
        {"twin: came along and stands first", test_twin_came_along_first},
        {"left behind", test_left_behind},
        {"both stay", test_both_stay},
        {"damaged memory", test_damage},
        {NULL, NULL},
    };

    return fixture_main("detector module", cases);
}
