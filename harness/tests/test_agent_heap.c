/*
 * Tests of the agent's books of the heap: hook_alloc.c, heap.c and real.c, by known sequences of
 * allocations in targets/heap.c. Live blocks and bytes must be exact, for each place of call, in
 * the table and in the sums of the lanes.
 */
#include "agent_stage.h"

enum { REACH = 160 }; /* no place of call in heap.c is longer, in bytes */

struct sum {
    int64_t blocks;
    int64_t bytes;
};

struct place_wanted {
    const char *name;
    struct sum live;
};

/* --- the table ---------------------------------------------------------------------------------
 */

static bool slot_lives(struct stage *stage, const struct abi_heap_slot *slot)
{
    return slot->key >> 20 != 0 && (slot->key & 0xfffff) == (stage_control(stage)->epoch & 0xfffff);
}

/* Of all slots whose call came from [from, to). */
static struct sum table_sum(struct stage *stage, uint64_t from, uint64_t to)
{
    const struct abi_memory *memory = stage->job.memory;
    struct sum sum = {0, 0};

    for (unsigned i = 0; i < ABI_HEAP_SLOTS; i++) {
        const struct abi_heap_slot *slot = &memory->heap[i];
        uint64_t caller = memory->call_site[slot->caller % ABI_CALL_SITES];

        if (!slot_lives(stage, slot) || caller < from || caller >= to)
            continue;
        sum.blocks++;
        sum.bytes += slot->bytes;
    }
    return sum;
}

static const char *const places[] = {"at_malloc",  "at_other",   "at_calloc",  "at_realloc",
                                     "at_failing", "at_array",   "at_aligned", "at_memalign",
                                     "at_valloc",  "at_pvalloc", "at_posix"};
enum { PLACES = sizeof places / sizeof places[0] };

/* From the start of @name to that of the next place, or as far as any reaches. */
static struct sum place_sum(struct stage *stage, const char *name)
{
    uint64_t from = (uint64_t)stage_said(stage, name);
    uint64_t to = from + REACH;

    for (unsigned i = 0; i < PLACES; i++) {
        uint64_t start = (uint64_t)stage_said(stage, places[i]);

        if (start > from && start < to)
            to = start;
    }
    return table_sum(stage, from, to);
}

/* What no place of the program's own has made: libc's doing. */
static struct sum libc_sum(struct stage *stage)
{
    struct sum all = table_sum(stage, 0, UINT64_MAX);

    for (unsigned i = 0; i < PLACES; i++) {
        struct sum own = place_sum(stage, places[i]);

        all.blocks -= own.blocks;
        all.bytes -= own.bytes;
    }
    return all;
}

static void check_sum(const char *what, struct sum got, struct sum wanted)
{
    if (got.blocks != wanted.blocks || got.bytes != wanted.bytes)
        fprintf(stderr, "\n%s: %lld blocks, %lld bytes; wanted %lld, %lld\n", what,
                (long long)got.blocks, (long long)got.bytes, (long long)wanted.blocks,
                (long long)wanted.bytes);
    CU_ASSERT_EQUAL(got.blocks, wanted.blocks);
    CU_ASSERT_EQUAL(got.bytes, wanted.bytes);
}

/* The lanes' running counts and the table tell the same. */
static void check_lanes(struct stage *stage)
{
    struct sum lanes;

    stage_live(stage, 0, &lanes.blocks, &lanes.bytes);
    check_sum("sum of the lanes", lanes, table_sum(stage, 0, UINT64_MAX));
    CU_ASSERT_EQUAL(stage_control(stage)->heap_full, 0);
}

static void check_places(struct stage *stage, const struct place_wanted *wanted)
{
    for (; wanted->name != NULL; wanted++)
        check_sum(wanted->name, place_sum(stage, wanted->name), wanted->live);
}

/* Opens the scene and plays it once. */
static bool play(struct stage *stage, const char *program, const char *scene)
{
    CU_ASSERT_TRUE(stage_plain(program, scene));
    CU_ASSERT_TRUE_FATAL(stage_open(stage, program, scene));
    if (stage_pass(stage))
        return true;
    CU_FAIL("the scene did not pass");
    return false;
}

/* --- one thread
 * ----------------------------------------------------------------------------------- */

/* malloc: 10 + 0 + 1000; other: 300; realloc: 50 + 6000 + 11; array: 210 + 100. */
static const struct place_wanted each_wanted[] = {
    {"at_malloc", {3, 1010}},  {"at_other", {1, 300}},   {"at_calloc", {2, 63}},
    {"at_realloc", {3, 6061}}, {"at_failing", {0, 0}},   {"at_array", {2, 310}},
    {"at_aligned", {1, 640}},  {"at_memalign", {1, 33}}, {"at_valloc", {1, 5}},
    {"at_pvalloc", {1, 6}},    {"at_posix", {1, 17}},    {NULL, {0, 0}},
};

static void test_each(void)
{
    struct stage stage;

    if (play(&stage, "heap", "each")) {
        check_places(&stage, each_wanted);
        check_sum("libc", libc_sum(&stage), (struct sum){0, 0});
        check_lanes(&stage);
        CU_ASSERT_EQUAL(stage_lane(&stage, "T1")->unknown_frees, 0);
    }
    stage_close(&stage);
}

/* A failing realloc leaves its block where it was, and where it came from. */
static const struct place_wanted failing_wanted[] = {
    {"at_malloc", {1, 123}}, {"at_other", {1, 45}}, {"at_failing", {0, 0}},
    {"at_array", {0, 0}},    {NULL, {0, 0}},
};

static void test_failing(void)
{
    struct stage stage;

    if (play(&stage, "heap", "failing")) {
        struct sum all = table_sum(&stage, 0, UINT64_MAX);

        check_sum("what is left", all, (struct sum){2, 168});
        check_lanes(&stage);
    }
    stage_close(&stage);
}

static void test_failing_place(void)
{
    struct stage stage;

    if (play(&stage, "heap", "failing"))
        check_places(&stage, failing_wanted);
    stage_close(&stage);
}

/* Another cycle of the same server starts from nothing. */
static void test_again(void)
{
    struct stage stage;

    if (play(&stage, "heap", "each"))
        for (int i = 0; i < 3; i++) {
            CU_ASSERT_TRUE(stage_pass(&stage));
            check_places(&stage, each_wanted);
            check_lanes(&stage);
        }
    stage_close(&stage);
}

static void test_libc(void)
{
    struct stage stage;

    if (play(&stage, "heap", "libc")) {
        struct sum wanted = {stage_said(&stage, "libc_blocks"), stage_said(&stage, "libc_bytes")};

        CU_ASSERT_EQUAL(wanted.blocks, 4);
        check_sum("libc", libc_sum(&stage), wanted);
        check_lanes(&stage);
    }
    stage_close(&stage);
}

/* Bits tell which of the callbacks are missing, or were counted twice. */
static void test_nested(void)
{
    struct stage stage;

    if (play(&stage, "heap", "nested")) {
        check_sum("callbacks", place_sum(&stage, "at_malloc"), (struct sum){6, 63});
        check_lanes(&stage);
    }
    stage_close(&stage);
}

/* --- threads
 * ----------------------------------------------------------------------------------------- */

static void test_handed(void)
{
    struct sum wanted = {0, 0};
    struct stage stage;

    for (int i = 51; i < 100; i += 2) {
        wanted.blocks++;
        wanted.bytes += i;
    }
    if (play(&stage, "heap", "handed")) {
        const struct abi_lane *maker = stage_lane(&stage, "T1.1");
        const struct abi_lane *taker = stage_lane(&stage, "T1.2");

        CU_ASSERT_PTR_NOT_NULL_FATAL(maker);
        CU_ASSERT_PTR_NOT_NULL_FATAL(taker);
        check_sum("handed", place_sum(&stage, "at_malloc"), wanted);
        check_lanes(&stage);
        CU_ASSERT_TRUE(maker->live_blocks >= 100);
        CU_ASSERT_TRUE(taker->live_blocks <= -50 + 2);
    }
    stage_close(&stage);
}

static void test_exchange(void)
{
    struct stage stage;

    if (play(&stage, "heap", "exchange"))
        for (int i = 0; i < 3; i++) {
            struct sum wanted = {stage_said(&stage, "left_blocks"),
                                 stage_said(&stage, "left_bytes")};
            struct sum ours = table_sum(&stage, 0, UINT64_MAX);
            struct sum libc = libc_sum(&stage);

            CU_ASSERT_TRUE(wanted.blocks > 0);
            check_sum("left in the slots",
                      (struct sum){ours.blocks - libc.blocks, ours.bytes - libc.bytes}, wanted);
            check_lanes(&stage);
            CU_ASSERT_TRUE(stage_pass(&stage));
        }
    stage_close(&stage);
}

/* --- processes
 * ------------------------------------------------------------------------------------------ */

/* Seven of ten are left in the parent, whatever its child did with its copies. */
static void test_fork(void)
{
    struct stage stage;

    if (play(&stage, "heap", "fork")) {
        const struct abi_lane *main_lane = stage_lane(&stage, "T1");
        struct sum lanes;

        stage_live(&stage, 0, &lanes.blocks, &lanes.bytes);
        check_sum("parent's lanes", lanes, (struct sum){7, 742});
        check_sum("parent's blocks", place_sum(&stage, "at_malloc"), (struct sum){7, 742});
        CU_ASSERT_EQUAL(main_lane->unknown_frees, 0);
    }
    stage_close(&stage);
}

/* --- failures by plan
 * --------------------------------------------------------------------------------------- */

static void test_third(void)
{
    struct stage stage;

    CU_ASSERT_TRUE_FATAL(stage_open(&stage, "heap", "third"));
    stage_strike(&stage, "alloc-fail", "T1", SITE_MALLOC, 3, 0, 0);
    for (int i = 0; i < 2; i++) {
        CU_ASSERT_TRUE(stage_pass(&stage));
        CU_ASSERT_EQUAL(stage_control(&stage)->fired, 1);
        CU_ASSERT_EQUAL(stage_said(&stage, "none"), 2);
        CU_ASSERT_EQUAL(stage_said(&stage, "got"), 3);
        check_sum("what succeeded", place_sum(&stage, "at_malloc"), (struct sum){3, 192});
        check_lanes(&stage);
    }
    stage_close(&stage);
}

/* --- other allocators
 * ------------------------------------------------------------------------------------------ */

/* Behind the agent: every block counted as if it were glibc's, and the allocator asked for each. */
static void play_other(const char *program)
{
    struct stage stage;

    if (play(&stage, program, "each")) {
        CU_ASSERT_TRUE(stage_said(&stage, "calls") >= 20);
        check_places(&stage, each_wanted);
        check_lanes(&stage);
        CU_ASSERT_EQUAL(stage_control(&stage)->remarks, 0);
    }
    stage_close(&stage);
}

static void test_linked(void)
{
    play_other("heap_linked");
}

/* Its malloc comes back to us as memalign: one block all the same. */
static void test_linked_nested(void)
{
    play_other("heap_nested");
}

static void test_preloaded(void)
{
    struct stage stage;
    bool passed;

    setenv("LD_PRELOAD", RUNDOWN_BUILD_DIR "/tests/targets/plugins/plug_allocator.so", 1);
    passed = stage_open(&stage, "heap", "each") && stage_pass(&stage);
    unsetenv("LD_PRELOAD");
    CU_ASSERT_TRUE(passed);
    if (passed) {
        CU_ASSERT_TRUE(stage_said(&stage, "calls") >= 20);
        check_places(&stage, each_wanted);
        check_lanes(&stage);
    }
    stage_close(&stage);
}

/* A program's own malloc is before ours: nothing of it is seen, and nothing half. */
static void test_own(void)
{
    static const char *const scenes[] = {"each", "handed", "exchange", "nested", "fork"};
    struct stage stage;

    for (unsigned i = 0; i < sizeof scenes / sizeof scenes[0]; i++) {
        if (play(&stage, "heap_own", scenes[i])) {
            check_sum(scenes[i], table_sum(&stage, 0, UINT64_MAX), (struct sum){0, 0});
            check_lanes(&stage);
            CU_ASSERT_EQUAL(stage_lane(&stage, "T1")->unknown_frees, 0);
            CU_ASSERT_EQUAL(stage_control(&stage)->remarks, REMARK_OWN_HEAP);
        }
        stage_close(&stage);
    }
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"every function, exactly", test_each},
        {"a failing realloc", test_failing},
        {"every cycle anew", test_again},
        {"what libc allocates", test_libc},
        {"in callbacks of other hooks", test_nested},
        {"freed by another thread", test_handed},
        {"six threads exchange blocks", test_exchange},
        {"an allocation that is to fail", test_third},
        {"a linked allocator", test_linked},
        {"a preloaded allocator", test_preloaded},
        {"a program's own malloc", test_own},
        {"a failing realloc's place", test_failing_place},
        {"a forked child's copies", test_fork},
        {"an allocator that calls itself", test_linked_nested},
        CU_TEST_INFO_NULL,
    };
    CU_SuiteInfo suites[] = {
        {"agent: heap", NULL, NULL, NULL, NULL, tests},
        CU_SUITE_INFO_NULL,
    };

    return stage_main(suites);
}
