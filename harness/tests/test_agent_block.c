/*
 * Tests of what the agent tells of single heap blocks: heap_fault.c, heap_care.c, heap_zone.c,
 * heap_fill.c and heap_guard.c, by scenes of targets/blocks.c. What is sound must stay untold,
 * with every check on and off; each fault must be told with the places that it happened at.
 */
#include "agent_stage.h"

enum { REACH = 96 }; /* no place in blocks.c is longer, in bytes */

static struct stage stage;

static void open_with(const char *words, const char *program, const char *scene)
{
    struct error e;

    CU_ASSERT_EQUAL_FATAL(heap_check_parse(words, &stage_heap_check, &e), 0);
    CU_ASSERT_TRUE_FATAL(stage_open(&stage, program, scene));
}

/* --- what is sound ------------------------------------------------------------------------------
 */

static const char *const all_words[] = {
    "off", "zones", "fill", "zones,fill", "guard=1", "guard=7", "zones,fill,guard=3"};
enum { WORDS = sizeof all_words / sizeof all_words[0] };

static void plays_soundly(const char *program, const char *scene)
{
    CU_ASSERT_TRUE(stage_plain(program, scene));
    for (unsigned i = 0; i < WORDS; i++) {
        open_with(all_words[i], program, scene);
        for (int cycle = 0; cycle < 3; cycle++, stage.cycle++)
            if (!stage_pass(&stage) || stage_control(&stage)->heap_faults != 0) {
                fprintf(stderr, "\n%s %s with %s: %u faults, the first of kind %u\n", program,
                        scene, all_words[i], stage_control(&stage)->heap_faults,
                        stage.job.memory->heap_fault[0].kind);
                CU_FAIL("a sound scene is called a fault");
                break;
            }
        stage_close(&stage);
    }
}

static void test_before_main(void)
{
    plays_soundly("blocks", "before");
}

static void test_libc(void)
{
    plays_soundly("blocks", "libc");
}

static void test_aligned(void)
{
    plays_soundly("blocks", "aligned");
}

static void test_sizes(void)
{
    plays_soundly("blocks", "sizes");
}

static void test_children(void)
{
    plays_soundly("blocks", "children");
    plays_soundly("blocks", "raw_child");
}

static void test_crowd(void)
{
    plays_soundly("blocks", "crowd");
}

/* Scenes of the heap's books, by glibc's allocator and by others. */
static void test_books(void)
{
    static const char *const programs[] = {"heap", "heap_linked", "heap_nested", "heap_own"};
    static const char *const scenes[] = {"each", "libc", "nested", "handed", "exchange", "fork"};

    for (unsigned p = 0; p < sizeof programs / sizeof programs[0]; p++)
        for (unsigned s = 0; s < sizeof scenes / sizeof scenes[0]; s++)
            plays_soundly(programs[p], scenes[s]);
}

/* Killed on the way in, the first free was none. */
static void test_struck(void)
{
    open_with("off", "blocks", "struck");
    stage_strike(&stage, "thread-kill", "T1.1", SITE_FREE, 1, 3, 0);
    CU_ASSERT_EQUAL(stage_run(&stage), STAGE_DONE);
    CU_ASSERT_EQUAL(stage_control(&stage)->fired, 1);
    CU_ASSERT_EQUAL(stage_said(&stage, "given_back"), 0);
    CU_ASSERT_EQUAL(stage_control(&stage)->heap_faults, 0);
    stage_close(&stage);
}

/* --- faults -------------------------------------------------------------------------------------
 */

static bool is_at(uint64_t address, const char *place)
{
    uint64_t from = (uint64_t)stage_said(&stage, place);

    return address > from && address <= from + REACH;
}

/* One cycle with faults; NULL if it was not seen to have any. */
static const struct abi_heap_fault *play(const char *words, const char *scene)
{
    const struct abi_heap_fault *fault = NULL;

    open_with(words, "blocks", scene);
    if (stage_run(&stage) == STAGE_ANOMALY)
        fault = &stage.job.memory->heap_fault[0];
    CU_ASSERT_PTR_NOT_NULL_FATAL(fault);
    CU_ASSERT_TRUE(stage_control(&stage)->anomaly & (ANOMALY_BLOCK | ANOMALY_SIGNAL));
    return fault;
}

static void close_played(void)
{
    CU_ASSERT_EQUAL(stage_go_on(&stage), STAGE_DONE);
    stage_close(&stage);
}

static void check_fault(const struct abi_heap_fault *fault, uint32_t kind, uint32_t site,
                        uint64_t bytes)
{
    CU_ASSERT_EQUAL(stage_control(&stage)->heap_faults, 1);
    CU_ASSERT_EQUAL(fault->epoch, stage_control(&stage)->epoch);
    CU_ASSERT_EQUAL(fault->kind, kind);
    CU_ASSERT_EQUAL(fault->site, site);
    CU_ASSERT_EQUAL(fault->bytes, bytes);
    CU_ASSERT_EQUAL(fault->stack.bytes != 0, site != SITE_ANY);
    if (bytes != 0)
        CU_ASSERT_TRUE(is_at(fault->allocated, "make"));
}

static void test_twice(void)
{
    static const char *const words[] = {"off", "zones"};

    for (unsigned i = 0; i < 2; i++) {
        const struct abi_heap_fault *fault = play(words[i], "twice");

        check_fault(fault, HEAP_FAULT_FREED, SITE_FREE, 100);
        CU_ASSERT_EQUAL(fault->address, (uint64_t)stage_said(&stage, "block"));
        CU_ASSERT_EQUAL(fault->block, fault->address);
        CU_ASSERT_TRUE(is_at(fault->caller, "drop_again"));
        CU_ASSERT_TRUE(is_at(fault->freed, "drop"));
        CU_ASSERT_EQUAL(fault->freed_lane, 0);
        close_played();
    }
}

/* Kept and filled: glibc sees both frees at once then, and says so. */
static void test_twice_kept(void)
{
    const struct abi_heap_fault *fault = play("fill", "twice");

    check_fault(fault, HEAP_FAULT_FREED, SITE_FREE, 100);
    CU_ASSERT_TRUE(is_at(fault->caller, "drop_again"));
    CU_ASSERT_TRUE(is_at(fault->freed, "drop"));
    CU_ASSERT_EQUAL(stage_control(&stage)->crash.signal, SIGABRT);
    stage_go_on(&stage);
    stage_close(&stage);
}

static void test_moved_twice(void)
{
    const struct abi_heap_fault *fault = play("off", "moved_twice");

    check_fault(fault, HEAP_FAULT_FREED, SITE_REALLOC, 100);
    CU_ASSERT_TRUE(is_at(fault->freed, "drop"));
    close_played();
}

static void test_no_block(void)
{
    const struct abi_heap_fault *fault = play("off", "inside");

    check_fault(fault, HEAP_FAULT_INSIDE, SITE_FREE, 400);
    CU_ASSERT_EQUAL(fault->address - fault->block, (uint64_t)stage_said(&stage, "offset"));
    close_played();
    check_fault(play("off", "stack"), HEAP_FAULT_STACK, SITE_FREE, 0);
    close_played();
    check_fault(play("off", "static"), HEAP_FAULT_STATIC, SITE_FREE, 0);
    close_played();
}

/* --- bytes --------------------------------------------------------------------------------------
 */

static void test_zones(void)
{
    const struct abi_heap_fault *fault = play("zones", "behind");

    check_fault(fault, HEAP_FAULT_BEHIND, SITE_FREE, 33);
    CU_ASSERT_EQUAL(fault->offset, 35);
    CU_ASSERT_EQUAL(fault->changed, 1);
    CU_ASSERT_EQUAL(fault->seen[0], 'x');
    CU_ASSERT_TRUE(is_at(fault->caller, "drop"));
    close_played();
    fault = play("zones,fill", "behind_moved");
    check_fault(fault, HEAP_FAULT_BEHIND, SITE_REALLOC, 33);
    CU_ASSERT_EQUAL(fault->offset, 33);
    close_played();
}

static void test_zones_at_the_end(void)
{
    static const char *const scenes[] = {"end", "end_now", "end_quick"};

    for (unsigned i = 0; i < 3; i++) {
        const struct abi_heap_fault *fault = play("zones", scenes[i]);

        check_fault(fault, HEAP_FAULT_BEHIND, SITE_ANY, 20);
        CU_ASSERT_EQUAL(fault->offset, 20);
        CU_ASSERT_EQUAL(fault->changed, 3);
        close_played();
    }
    check_fault(play("zones", "before_it"), HEAP_FAULT_BEFORE, SITE_ANY, 40);
    close_played();
}

static void test_fill(void)
{
    static const char *const scenes[] = {"late", "late_at_end"};
    static const int64_t offsets[] = {7, 49};

    for (unsigned i = 0; i < 2; i++) {
        const struct abi_heap_fault *fault = play("fill", scenes[i]);

        check_fault(fault, HEAP_FAULT_WRITTEN, SITE_ANY, 50);
        CU_ASSERT_EQUAL(fault->offset, offsets[i]);
        CU_ASSERT_EQUAL(fault->changed, 1);
        CU_ASSERT_EQUAL(fault->seen[0], 'L');
        CU_ASSERT_TRUE(is_at(fault->freed, "drop"));
        close_played();
    }
}

/* --- between guard pages
 * --------------------------------------------------------------------------
 */

static const struct abi_guard_slot *slot_of(uint64_t block)
{
    const struct abi_guard *guard = &stage.job.memory->guard;

    for (unsigned i = 0; i < ABI_GUARD_SLOTS; i++)
        if (guard->slot[i].epoch == stage_control(&stage)->epoch && guard->slot[i].block == block)
            return &guard->slot[i];
    return NULL;
}

static void test_guard_crash(void)
{
    const struct abi_guard_slot *slot;

    play("guard=1", "read_freed");
    slot = slot_of((uint64_t)stage_said(&stage, "block"));
    CU_ASSERT_PTR_NOT_NULL_FATAL(slot);
    CU_ASSERT_EQUAL(stage_control(&stage)->crash.signal, SIGSEGV);
    CU_ASSERT_EQUAL(stage_control(&stage)->crash.address, slot->block + 3);
    CU_ASSERT_EQUAL(stage_control(&stage)->crash.wrote, 0);
    CU_ASSERT_EQUAL(slot->state, GUARD_FREED);
    CU_ASSERT_EQUAL(slot->bytes, 64);
    CU_ASSERT_TRUE(is_at(slot->allocated.caller, "make"));
    CU_ASSERT_TRUE(is_at(slot->freed.caller, "drop"));
    CU_ASSERT_TRUE(slot->allocated.stack.bytes > 0 && slot->freed.stack.bytes > 0);
    stage_go_on(&stage);
    stage_close(&stage);
}

/* Four bytes are left on the page, or nearly all of it: it is looked at when the block is freed. */
static void test_guard_rest(void)
{
    const struct abi_heap_fault *fault = play("guard=1", "odd_end");

    check_fault(fault, HEAP_FAULT_BEHIND, SITE_FREE, 60);
    CU_ASSERT_EQUAL(fault->offset, 61);
    CU_ASSERT_TRUE(fault->sample > 0);
    close_played();
}

static void test_guard_twice(void)
{
    const struct abi_heap_fault *fault = play("guard=1", "guard_twice");

    check_fault(fault, HEAP_FAULT_FREED, SITE_FREE, 100);
    CU_ASSERT_TRUE(is_at(fault->caller, "drop_again"));
    CU_ASSERT_TRUE(is_at(fault->freed, "drop"));
    CU_ASSERT_TRUE(fault->sample > 0);
    close_played();
}

/* Bit n: allocation n of the cycle stands in the pool. */
static void read_samples(uint8_t sampled[ABI_RING_EVENTS], unsigned *count)
{
    const struct abi_lane *lane = stage_lane(&stage, "T1");
    uint64_t base = stage.job.memory->guard.base;

    memset(sampled, 0, ABI_RING_EVENTS);
    *count = 0;
    CU_ASSERT_TRUE_FATAL(lane != NULL && lane->seq < ABI_RING_EVENTS && base != 0);
    for (uint64_t i = 0, n = 0; i < lane->seq; i++)
        if (lane->ring[i].kind == EVENT_ALLOC) {
            sampled[n] =
                lane->ring[i].object - base < (2 * ABI_GUARD_SLOTS + 1) * (uint64_t)ABI_PAGE_BYTES;
            *count += sampled[n++];
        }
}

/* glibc's first malloc may not come from two threads at once. */
static void test_guard_awake(void)
{
    open_with("guard=1", "heap", "awake");
    CU_ASSERT_TRUE(stage_pass(&stage));
    stage_close(&stage);
}

/* The same cycle samples the same allocations, another one others; about as many as it should. */
static void test_guard_seed(void)
{
    static uint8_t first[ABI_RING_EVENTS], again[ABI_RING_EVENTS];
    unsigned count, counted;

    open_with("guard=10", "blocks", "row");
    stage.cycle = 5;
    CU_ASSERT_TRUE(stage_pass(&stage));
    read_samples(first, &count);
    CU_ASSERT_TRUE(count > 30 && count < 120);
    CU_ASSERT_TRUE(stage_pass(&stage));
    read_samples(again, &counted);
    CU_ASSERT_EQUAL(memcmp(first, again, sizeof first), 0);
    stage.cycle = 6;
    CU_ASSERT_TRUE(stage_pass(&stage));
    read_samples(again, &counted);
    CU_ASSERT_NOT_EQUAL(memcmp(first, again, sizeof first), 0);
    stage_close(&stage);
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"blocks from before main", test_before_main},
        {"libc's own blocks", test_libc},
        {"aligned blocks", test_aligned},
        {"sizes", test_sizes},
        {"forked children", test_children},
        {"more threads than lanes", test_crowd},
        {"the heap's books, other allocators", test_books},
        {"a thread killed inside free", test_struck},
        {"freed twice", test_twice},
        {"freed twice, and kept", test_twice_kept},
        {"freed twice, by realloc", test_moved_twice},
        {"frees of no block", test_no_block},
        {"zones", test_zones},
        {"zones at the end", test_zones_at_the_end},
        {"freed blocks, filled", test_fill},
        {"a guard page is touched", test_guard_crash},
        {"the rest of a guarded page", test_guard_rest},
        {"a guarded block freed twice", test_guard_twice},
        {"samples are drawn from the seed", test_guard_seed},
        {"the heap has begun before the first thread", test_guard_awake},
        CU_TEST_INFO_NULL,
    };
    CU_SuiteInfo suites[] = {
        {"agent: blocks", NULL, NULL, NULL, NULL, tests},
        CU_SUITE_INFO_NULL,
    };

    return stage_main(suites);
}
