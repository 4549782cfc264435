/*
 * Tests of the agent's list of held locks, compiled in here with the few things that it needs:
 * the agent itself cannot be linked into a test, since it wants to be malloc.
 */
#include <harness/agent/held.c>

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <CUnit/Basic.h>

enum { PID = 4000, BLOCK = 0x10000 };

struct abi_memory *agent_memory;
int agent_active = 1;
__thread struct abi_lane *agent_lane INITIAL_EXEC;

/* --- what the list calls ------------------------------------------------------------------- */

void lane_event(struct abi_lane *lane, uint16_t kind, uint32_t aux, uint64_t object, uint64_t other)
{
    lane->now++;
    lane_put(lane, kind, 0, aux, object, other, lane->site_caller, lane->now);
}

void sched_point(struct abi_lane *lane) {}

bool sched_block(struct abi_lane *lane, const volatile void *object, bool timed)
{
    return true;
}

void sched_wake(const volatile void *object, uint32_t most) {}

void order_died(const volatile void *object) {}

void exit_used(const struct abi_lane *lane, uint64_t object) {}

/* --- fixture -----------------------------------------------------------------------------------
 */

static struct abi_lane *one;
static struct abi_lane *other;

static struct abi_lane *open_lane(unsigned index)
{
    struct abi_lane *lane = &agent_memory->lane[index];

    lane->epoch = 1;
    lane->pid = PID;
    lane->state = LANE_RUNS;
    return lane;
}

static void open_two(void)
{
    agent_memory = mmap(NULL, sizeof *agent_memory, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (agent_memory == MAP_FAILED)
        abort();
    CONTROL->epoch = 1;
    CONTROL->pid = PID;
    CONTROL->lanes = 2;
    one = open_lane(0);
    other = open_lane(1);
    memset(held_shards, 0, sizeof held_shards);
}

static void close_two(void)
{
    munmap(agent_memory, sizeof *agent_memory);
}

static void *at(uint64_t address)
{
    return (void *)address;
}

static const struct abi_event *last(const struct abi_lane *lane)
{
    return &lane->ring[(lane->seq - 1) % ABI_RING_EVENTS];
}

static unsigned count(const struct abi_lane *lane, uint16_t kind)
{
    unsigned found = 0;

    for (uint64_t i = 0; i < lane->seq && i < ABI_RING_EVENTS; i++)
        found += lane->ring[i].kind == kind;
    return found;
}

/* --- releases ----------------------------------------------------------------------------------
 */

static void test_release_says_what_it_was(void)
{
    open_two();
    held_add(one, at(BLOCK), MODE_WRITE);
    held_drop(one, at(BLOCK), MODE_NONE);
    CU_ASSERT_EQUAL(last(one)->kind, EVENT_RELEASED);
    CU_ASSERT_EQUAL(last(one)->aux, MODE_WRITE);
    CU_ASSERT_EQUAL(one->held_count, 0);
    close_two();
}

static void test_release_without_having_it(void)
{
    open_two();
    held_add(other, at(BLOCK), MODE_MUTEX);
    held_drop(one, at(BLOCK), MODE_MUTEX);
    CU_ASSERT_EQUAL(last(one)->kind, EVENT_RELEASED);
    CU_ASSERT_EQUAL(last(one)->aux, MODE_NONE);
    CU_ASSERT_EQUAL(other->held_count, 1);
    held_add(one, at(BLOCK), MODE_MUTEX);
    held_add(one, at(BLOCK), MODE_MUTEX);
    for (unsigned i = 0; i < 2; i++) {
        held_drop(one, at(BLOCK), MODE_MUTEX);
        CU_ASSERT_EQUAL(last(one)->aux, MODE_MUTEX);
    }
    held_drop(one, at(BLOCK), MODE_MUTEX);
    CU_ASSERT_EQUAL(last(one)->aux, MODE_NONE);
    close_two();
}

/* What the list has no room for is not denied. */
static void test_more_than_the_list_can_name(void)
{
    open_two();
    for (uint64_t i = 0; i < ABI_HELD + 2; i++)
        held_add(one, at(BLOCK + i), MODE_MUTEX);
    CU_ASSERT_EQUAL(one->held_count, ABI_HELD + 2);
    held_drop(one, at(BLOCK + ABI_HELD + 1), MODE_MUTEX);
    CU_ASSERT_EQUAL(last(one)->aux, MODE_MUTEX);
    held_drop(one, at(BLOCK), MODE_MUTEX); /* a listed one: it is not held any more */
    CU_ASSERT_PTR_NULL(find(one, BLOCK, MODE_NONE));
    CU_ASSERT_EQUAL(one->held_count, ABI_HELD);
    held_add(one, at(BLOCK), MODE_MUTEX); /* and its place can be had again */
    CU_ASSERT_PTR_NOT_NULL(find(one, BLOCK, MODE_NONE));
    for (uint64_t i = 0; i < ABI_HELD + 1; i++)
        held_drop(one, at(BLOCK + i), MODE_MUTEX);
    CU_ASSERT_EQUAL(one->held_count, 0);
    CU_ASSERT_FALSE(held_near(at(BLOCK), 64));
    close_two();
}

/* --- memory with a lock in it
 * --------------------------------------------------------------------- */

static void expect_freed(struct abi_lane *lane, uint64_t block, uint64_t bytes, unsigned locks)
{
    unsigned before = count(lane, EVENT_FREE_HELD);

    __atomic_store_n(&CONTROL->anomaly, 0, __ATOMIC_RELAXED);
    if (held_near(at(block), bytes))
        held_freed(lane, at(block), bytes);
    CU_ASSERT_EQUAL(count(lane, EVENT_FREE_HELD) - before, locks);
    CU_ASSERT_EQUAL(CONTROL->anomaly, locks > 0 ? ANOMALY_HEAP : 0);
}

static void test_freed_while_held(void)
{
    open_two();
    held_add(one, at(BLOCK + 16), MODE_MUTEX);
    expect_freed(one, BLOCK, 64, 1);
    CU_ASSERT_EQUAL(last(one)->object, BLOCK + 16);
    CU_ASSERT_EQUAL(last(one)->other, BLOCK);
    CU_ASSERT_EQUAL(last(one)->aux, MODE_MUTEX);
    held_add(other, at(BLOCK + 24), MODE_SPIN);
    expect_freed(one, BLOCK, 64, 2);
    close_two();
}

static void test_only_what_lies_inside(void)
{
    open_two();
    held_add(other, at(BLOCK + 64), MODE_MUTEX);
    expect_freed(one, BLOCK, 64, 0);
    expect_freed(one, BLOCK, 65, 1);
    expect_freed(one, BLOCK + 65, 64, 0);
    expect_freed(one, BLOCK + 64, 1, 1);
    expect_freed(one, BLOCK, 0, 0);
    held_drop(other, at(BLOCK + 64), MODE_MUTEX);
    CU_ASSERT_FALSE(held_near(at(BLOCK + 64), 1));
    close_two();
}

/* However large the block is, and wherever in it the lock lies: no is never said wrongly. */
static void test_hint_is_never_wrong(void)
{
    static const uint64_t sizes[] = {1, 24, 1023, 1024, 5000, 65536, 65537, 1 << 20};

    for (unsigned s = 0; s < sizeof sizes / sizeof sizes[0]; s++)
        for (uint64_t start = BLOCK - 8; start < BLOCK + 8; start++)
            for (unsigned i = 0; i < 9; i++) {
                uint64_t object = start + (sizes[s] - 1) * i / 8;

                open_two();
                held_add(one, at(object), MODE_MUTEX);
                CU_ASSERT_TRUE(held_near(at(start), sizes[s]));
                close_two();
            }
}

static void test_not_of_another_process(void)
{
    open_two();
    held_add(other, at(BLOCK), MODE_MUTEX);
    one->pid = PID + 1; /* a child: its copy of the memory is its own */
    expect_freed(one, BLOCK, 64, 0);
    close_two();
}

/* fclose frees the stream that its caller may well have locked. */
static void test_own_stream_is_no_fault(void)
{
    open_two();
    held_add(one, at(BLOCK), MODE_STDIO);
    expect_freed(one, BLOCK, 64, 0);
    expect_freed(other, BLOCK, 64, 1);
    close_two();
}

static void test_inherited_is_let_go(void)
{
    open_two();
    held_add(other, at(BLOCK), MODE_MUTEX);
    other->state = LANE_KILLED;
    held_inherit(at(BLOCK));
    CU_ASSERT_EQUAL(other->held_count, 0);
    CU_ASSERT_FALSE(held_near(at(BLOCK), 64));
    close_two();
}

int main(void)
{
    CU_pSuite suite;

    if (CU_initialize_registry() != CUE_SUCCESS)
        return 1;
    suite = CU_add_suite("held", NULL, NULL);
    CU_ADD_TEST(suite, test_release_says_what_it_was);
    CU_ADD_TEST(suite, test_release_without_having_it);
    CU_ADD_TEST(suite, test_more_than_the_list_can_name);
    CU_ADD_TEST(suite, test_freed_while_held);
    CU_ADD_TEST(suite, test_only_what_lies_inside);
    CU_ADD_TEST(suite, test_hint_is_never_wrong);
    CU_ADD_TEST(suite, test_not_of_another_process);
    CU_ADD_TEST(suite, test_own_stream_is_no_fault);
    CU_ADD_TEST(suite, test_inherited_is_let_go);
    CU_basic_set_mode(CU_BRM_VERBOSE);
    CU_basic_run_tests();
    return CU_get_number_of_failures() != 0;
}
