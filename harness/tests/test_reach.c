/*
 * test_reach: which blocks pointers lead to, on memory made up for it. The hidden pointer is here,
 * too: it is not found, and that is how it is documented.
 */
#include <harness/supervisor/heap/reach.h>

#include <CUnit/Basic.h>
#include <stdlib.h>
#include <string.h>

enum { BASE = 0x10000, BYTES = 0x8000, BLOCKS = 8, SPACING = 0x400, USED = 0x100 };

static uint8_t memory[BYTES];
static struct arena_range hole; /* cannot be read */
static struct arena_block block[BLOCKS];
static enum reach_state state[BLOCKS];

static size_t read_memory(void *context, uint64_t address, void *out, size_t bytes)
{
    size_t count = 0;

    while (count < bytes && address + count >= BASE && address + count < BASE + BYTES &&
           !(address + count >= hole.start && address + count < hole.end))
        count++;
    memcpy(out, memory + (address - BASE), count);
    return count;
}

static uint64_t at(unsigned index)
{
    return block[index].address;
}

static void put(uint64_t address, uint64_t word)
{
    memcpy(memory + (address - BASE), &word, sizeof word);
}

/* Blocks in the upper half; all below is a root. */
static void open_scene(void)
{
    memset(memory, 0, sizeof memory);
    hole = (struct arena_range){0, 0};
    for (unsigned i = 0; i < BLOCKS; i++)
        block[i] = (struct arena_block){BASE + BYTES / 2 + (uint64_t)i * SPACING, USED, i};
}

static int scan_with(const uint64_t *word, size_t words, uint64_t most)
{
    struct arena_range root = {BASE, BASE + BYTES / 2};
    struct reach_request request = {
        .reader = {read_memory, NULL},
        .root = &root,
        .roots = 1,
        .word = word,
        .words = words,
        .block = block,
        .blocks = BLOCKS,
        .most = most,
    };

    return reach_scan(&request, state, NULL);
}

static void scan(void)
{
    CU_ASSERT_EQUAL(scan_with(NULL, 0, 1 << 20), 0);
}

static void test_forms_of_pointers(void)
{
    open_scene();
    put(BASE + 0, at(0));
    put(BASE + 8, at(1) + USED / 2);
    put(BASE + 16, at(2) + 3);                            /* a tag in the low bits */
    put(BASE + 24, at(3) + USED);                         /* behind its end */
    put(BASE + 36, at(4));                                /* in a packed structure */
    put(BASE + 48, at(5) | UINT64_C(0x7ff8) << 48);       /* a tag on top */
    put(BASE + 56, at(6) ^ UINT64_C(0x5555555555555555)); /* hidden */
    scan();
    for (unsigned i = 0; i < 6; i++)
        CU_ASSERT_EQUAL(state[i], REACH_FOUND);
    CU_ASSERT_EQUAL(state[6], REACH_LOST);
    CU_ASSERT_EQUAL(state[7], REACH_LOST);
}

static void test_beside_a_block(void)
{
    open_scene();
    put(BASE, at(1) - 1);
    put(BASE + 8, at(2) + USED + 1);
    put(BASE + 16, at(0) - 8);
    put(BASE + 24, at(7) + USED + 1);
    scan();
    for (unsigned i = 0; i < BLOCKS; i++)
        CU_ASSERT_EQUAL(state[i], REACH_LOST);
}

static void test_registers(void)
{
    uint64_t word[] = {1, 0};

    open_scene();
    word[1] = at(5);
    CU_ASSERT_EQUAL(scan_with(word, 2, 1 << 20), 0);
    CU_ASSERT_EQUAL(state[5], REACH_FOUND);
    CU_ASSERT_EQUAL(state[4], REACH_LOST);
}

/* A chain from a root, a chain that nobody holds, and a circle that nobody holds. */
static void test_chains(void)
{
    open_scene();
    put(BASE + 800, at(3));
    put(at(3) + 16, at(1));
    put(at(1) + 8, at(0));
    put(at(2), at(4));
    put(at(4), at(4)); /* to itself: that keeps nobody */
    put(at(5), at(6));
    put(at(6), at(5));
    scan();
    CU_ASSERT_EQUAL(state[3], REACH_FOUND);
    CU_ASSERT_EQUAL(state[1], REACH_FOUND);
    CU_ASSERT_EQUAL(state[0], REACH_FOUND);
    CU_ASSERT_EQUAL(state[2], REACH_LOST);
    CU_ASSERT_EQUAL(state[4], REACH_BEHIND);
    CU_ASSERT_EQUAL(state[5], REACH_BEHIND);
    CU_ASSERT_EQUAL(state[6], REACH_BEHIND);
    CU_ASSERT_EQUAL(state[7], REACH_LOST);
}

/* The page that cannot be read hides what is in it, and nothing behind it. */
static void test_unreadable(void)
{
    open_scene();
    hole = (struct arena_range){BASE + 0x1000, BASE + 0x2000};
    put(BASE + 0x1008, at(0));
    put(BASE + 0x0ff8, at(1));
    put(BASE + 0x2000, at(2));
    scan();
    CU_ASSERT_EQUAL(state[0], REACH_LOST);
    CU_ASSERT_EQUAL(state[1], REACH_FOUND);
    CU_ASSERT_EQUAL(state[2], REACH_FOUND);
}

static void test_too_much(void)
{
    open_scene();
    CU_ASSERT_EQUAL(scan_with(NULL, 0, 0x100), ERROR_FULL);
}

static void test_without(void)
{
    static const struct arena_range from[] = {{100, 200}, {300, 400}, {500, 500}};
    static const struct arena_range taken[] = {{50, 110}, {120, 130}, {190, 310}, {390, 600}};
    static const struct arena_range wanted[] = {{110, 120}, {130, 190}, {310, 390}};
    struct arena_range *out;
    size_t count;

    CU_ASSERT_EQUAL(reach_without(from, 3, taken, 4, &out, &count), 0);
    CU_ASSERT_EQUAL_FATAL(count, 3);
    for (size_t i = 0; i < count; i++) {
        CU_ASSERT_EQUAL(out[i].start, wanted[i].start);
        CU_ASSERT_EQUAL(out[i].end, wanted[i].end);
    }
    free(out);
    CU_ASSERT_EQUAL(reach_without(from, 1, taken, 0, &out, &count), 0);
    CU_ASSERT_EQUAL_FATAL(count, 1);
    CU_ASSERT_EQUAL(out[0].end, 200);
    free(out);
}

int main(void)
{
    CU_pSuite suite;

    if (CU_initialize_registry() != CUE_SUCCESS)
        return 1;
    suite = CU_add_suite("reach", NULL, NULL);
    CU_ADD_TEST(suite, test_forms_of_pointers);
    CU_ADD_TEST(suite, test_beside_a_block);
    CU_ADD_TEST(suite, test_registers);
    CU_ADD_TEST(suite, test_chains);
    CU_ADD_TEST(suite, test_unreadable);
    CU_ADD_TEST(suite, test_too_much);
    CU_ADD_TEST(suite, test_without);
    CU_basic_set_mode(CU_BRM_VERBOSE);
    CU_basic_run_tests();
    return CU_get_number_of_failures() != 0;
}
