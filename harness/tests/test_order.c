/*
 * Tests of the agent's graph of lock orders, compiled in here with the few things that it needs,
 * as in test_held.c. A thread is a lane, and a cycle an epoch.
 */
#include <harness/agent/order.c>

#include <stdlib.h>
#include <sys/mman.h>

#include <CUnit/Basic.h>

struct abi_memory *agent_memory;
int agent_active = 1;
__thread struct abi_lane *agent_lane INITIAL_EXEC;

enum { PID = 4000, THREADS = 3, LOCKS = 8 };

static uint64_t lock[LOCKS]; /* of a module's data: this program's */
static uint64_t *block;      /* of none */

/* --- fixture ---------------------------------------------------------------------------------- */

static struct abi_lane *lane_at(unsigned index)
{
    return &agent_memory->lane[index];
}

/* All threads of a cycle live through it, but for those that end_thread() ends. */
static void begin_cycle(void)
{
    CONTROL->epoch++;
    CONTROL->cycle++;
    CONTROL->anomaly = 0;
    CONTROL->lanes = CONTROL->alive = THREADS;
    births = false;
    generation = 0;
    for (unsigned i = 0; i < THREADS; i++) {
        struct abi_lane *lane = lane_at(i);

        memset(lane, 0, offsetof(struct abi_lane, ring));
        lane->epoch = CONTROL->epoch;
        lane->pid = PID;
        lane->state = LANE_RUNS;
        lane->site_caller = (uint64_t)begin_cycle + 4 * i;
        strcpy(lane->name, i == 0 ? "T1" : i == 1 ? "T1.1" : "T1.2");
    }
}

static void open_graph(void)
{
    agent_memory = mmap(NULL, sizeof *agent_memory, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    block = calloc(LOCKS, sizeof *block);
    if (agent_memory == MAP_FAILED || block == NULL)
        abort();
    CONTROL->pid = PID;
    begin_cycle();
}

static void close_graph(void)
{
    munmap(agent_memory, sizeof *agent_memory);
    free(block);
}

static void hold(unsigned thread, uint64_t *object, uint32_t mode)
{
    struct abi_lane *lane = lane_at(thread);

    lane->held[lane->held_count++] =
        (struct abi_held){.object = (uint64_t)object, .caller = (uint64_t)hold, .mode = mode};
}

static void take(unsigned thread, uint64_t *object, uint32_t mode)
{
    order_taking(lane_at(thread), object, mode);
    hold(thread, object, mode);
}

static void let_go(unsigned thread)
{
    lane_at(thread)->held_count = 0;
}

/* @first, then @second, and both are let go. */
static void take_two(unsigned thread, uint64_t *first, uint64_t *second)
{
    take(thread, first, MODE_MUTEX);
    take(thread, second, MODE_MUTEX);
    let_go(thread);
}

static bool is_told_of(void)
{
    return (CONTROL->anomaly & ANOMALY_LOOK) != 0;
}

/* --- circles ---------------------------------------------------------------------------------- */

static void test_two_threads_two_orders(void)
{
    const struct abi_order_circle *circle;

    open_graph();
    take_two(1, &lock[0], &lock[1]);
    CU_ASSERT_FALSE(is_told_of());
    take_two(2, &lock[1], &lock[0]);
    CU_ASSERT_TRUE(is_told_of());
    circle = &ORDER->circle[0];
    CU_ASSERT_EQUAL(ORDER->circles, 1);
    CU_ASSERT_EQUAL(circle->epoch, CONTROL->epoch);
    CU_ASSERT_EQUAL(circle->edges, 2);
    CU_ASSERT_EQUAL(ORDER->edge[circle->edge[0]].held.object, (uint64_t)&lock[1]);
    CU_ASSERT_STRING_EQUAL(ORDER->edge[circle->edge[0]].thread[circle->thread[0]].name, "T1.2");
    CU_ASSERT_STRING_EQUAL(ORDER->edge[circle->edge[1]].thread[circle->thread[1]].name, "T1.1");
    close_graph();
}

static void test_three_locks(void)
{
    open_graph();
    take_two(0, &lock[0], &lock[1]);
    take_two(1, &lock[1], &lock[2]);
    CU_ASSERT_FALSE(is_told_of());
    take_two(2, &lock[2], &lock[0]);
    CU_ASSERT_TRUE(is_told_of());
    CU_ASSERT_EQUAL(ORDER->circle[0].edges, 3);
    close_graph();
}

/* Two of its pairs are one thread's, which can't wait in two places. */
static void test_twin_three_locks_two_threads(void)
{
    open_graph();
    take_two(1, &lock[0], &lock[1]);
    take_two(1, &lock[1], &lock[2]);
    take_two(2, &lock[2], &lock[0]);
    CU_ASSERT_FALSE(is_told_of());
    close_graph();
}

static void test_once_a_pair(void)
{
    open_graph();
    take_two(1, &lock[0], &lock[1]);
    take_two(2, &lock[1], &lock[0]);
    begin_cycle();
    take_two(1, &lock[0], &lock[1]);
    take_two(2, &lock[1], &lock[0]);
    take_two(0, &lock[1], &lock[0]);
    CU_ASSERT_FALSE(is_told_of());
    CU_ASSERT_EQUAL(ORDER->circles, 1);
    close_graph();
}

static void test_across_cycles(void)
{
    open_graph();
    take_two(1, &lock[0], &lock[1]);
    for (unsigned i = 0; i < 5; i++)
        begin_cycle();
    take_two(2, &lock[1], &lock[0]);
    CU_ASSERT_TRUE(is_told_of());
    close_graph();
}

/* --- no circles ------------------------------------------------------------------------------- */

static void test_twin_same_order(void)
{
    open_graph();
    for (unsigned i = 0; i < 3000; i++) {
        take_two(i % THREADS, &lock[0], &lock[1]);
        take_two((i + 1) % THREADS, &lock[1], &lock[2]);
        take_two((i + 2) % THREADS, &lock[0], &lock[2]);
        if (i % 7 == 0)
            begin_cycle();
        CU_ASSERT_FALSE(is_told_of());
    }
    close_graph();
}

static void test_twin_one_thread(void)
{
    open_graph();
    take_two(1, &lock[0], &lock[1]);
    take_two(1, &lock[1], &lock[0]);
    begin_cycle();
    take_two(1, &lock[1], &lock[0]);
    CU_ASSERT_FALSE(is_told_of());
    close_graph();
}

/* One gate is around one of them, another around both: both are around the one. */
static void test_twin_gate(void)
{
    open_graph();
    hold(1, &lock[3], MODE_MUTEX);
    take_two(1, &lock[0], &lock[1]);
    hold(2, &lock[3], MODE_MUTEX);
    hold(2, &lock[4], MODE_MUTEX);
    take_two(2, &lock[1], &lock[0]);
    CU_ASSERT_FALSE(is_told_of());
    hold(2, &lock[4], MODE_MUTEX); /* and once it is not there */
    take_two(2, &lock[1], &lock[0]);
    CU_ASSERT_TRUE(is_told_of());
    close_graph();
}

static void test_gate_of_readers(void)
{
    open_graph();
    hold(1, &lock[3], MODE_READ);
    take_two(1, &lock[0], &lock[1]);
    hold(2, &lock[3], MODE_WRITE);
    take_two(2, &lock[1], &lock[0]);
    CU_ASSERT_FALSE(is_told_of());
    hold(2, &lock[3], MODE_READ); /* readers do not keep each other out */
    take_two(2, &lock[1], &lock[0]);
    CU_ASSERT_TRUE(is_told_of());
    close_graph();
}

static void test_twin_readers_meet(void)
{
    open_graph();
    take(1, &lock[0], MODE_READ);
    take(1, &lock[1], MODE_MUTEX);
    let_go(1);
    take(2, &lock[1], MODE_MUTEX);
    take(2, &lock[0], MODE_READ);
    CU_ASSERT_FALSE(is_told_of());
    let_go(2);
    take(2, &lock[1], MODE_MUTEX);
    take(2, &lock[0], MODE_WRITE);
    CU_ASSERT_TRUE(is_told_of());
    close_graph();
}

/* One had ended before the other began: they can't meet. */
static void test_twin_one_after_the_other(void)
{
    open_graph();
    lane_at(2)->epoch = 0;
    CONTROL->lanes = 2;
    take_two(1, &lock[0], &lock[1]);
    lane_at(1)->state = LANE_ENDED;
    lane_at(2)->epoch = CONTROL->epoch;
    CONTROL->lanes = 3;
    take_two(2, &lock[1], &lock[0]);
    CU_ASSERT_FALSE(is_told_of());
    lane_at(1)->state = LANE_RUNS;
    take_two(1, &lock[0], &lock[1]); /* it lives beside the other after all */
    CU_ASSERT_FALSE(is_told_of());   /* but the other has not been seen beside it */
    close_graph();
}

/* Each lived beside the other at some time, but not while both pairs could be taken. */
static void test_twin_the_other_had_ended(void)
{
    open_graph();
    take_two(1, &lock[0], &lock[1]);
    lane_at(1)->state = LANE_ENDED;
    take_two(2, &lock[1], &lock[0]);
    CU_ASSERT_FALSE(is_told_of());
    close_graph();
}

static void test_twin_before_the_other_was_made(void)
{
    open_graph();
    lane_at(2)->epoch = 0;
    CONTROL->lanes = 2;
    take_two(0, &lock[0], &lock[1]);
    lane_at(2)->epoch = CONTROL->epoch;
    CONTROL->lanes = 3;
    take_two(2, &lock[1], &lock[0]);
    CU_ASSERT_FALSE(is_told_of());
    take_two(0, &lock[0], &lock[1]);
    CU_ASSERT_TRUE(is_told_of());
    close_graph();
}

static void test_twin_alone(void)
{
    open_graph();
    CONTROL->alive = 1;
    take_two(0, &lock[0], &lock[1]);
    CU_ASSERT_EQUAL(ORDER->held_key[0] | ORDER->busy, 0);
    CONTROL->alive = 3;
    CONTROL->lanes = 4;
    take_two(2, &lock[1], &lock[0]);
    CU_ASSERT_FALSE(is_told_of());
    close_graph();
}

static void test_twin_taken_again(void)
{
    open_graph();
    take(1, &lock[0], MODE_MUTEX);
    take(1, &lock[1], MODE_MUTEX);
    order_taking(lane_at(1), &lock[0], MODE_MUTEX); /* recursive */
    take_two(2, &lock[0], &lock[1]);
    CU_ASSERT_FALSE(is_told_of());
    close_graph();
}

static void test_twin_forked_child(void)
{
    open_graph();
    take_two(1, &lock[0], &lock[1]);
    lane_at(2)->elsewhere = 1;
    take_two(2, &lock[1], &lock[0]);
    CU_ASSERT_FALSE(is_told_of());
    close_graph();
}

/* --- locks that were initialised
 * ------------------------------------------------------------------ */

static uint64_t place(unsigned number)
{
    return (uint64_t)open_graph + number;
}

static void test_first_of_its_place(void)
{
    open_graph();
    order_born(lane_at(0), &block[0], place(0));
    order_born(lane_at(0), &block[1], place(1));
    take_two(1, &block[0], &block[1]);
    begin_cycle();
    order_born(lane_at(0), &block[5], place(0)); /* elsewhere in this cycle */
    order_born(lane_at(0), &block[4], place(1));
    take_two(2, &block[4], &block[5]);
    CU_ASSERT_TRUE(is_told_of());
    close_graph();
}

/* Of one place: in the next cycle the two may have changed their parts. */
static void test_siblings_within_a_cycle_alone(void)
{
    open_graph();
    order_born(lane_at(0), &block[0], place(0));
    order_born(lane_at(0), &block[1], place(0));
    take_two(1, &block[0], &block[1]);
    begin_cycle();
    order_born(lane_at(0), &block[0], place(0));
    order_born(lane_at(0), &block[1], place(0));
    take_two(2, &block[1], &block[0]);
    CU_ASSERT_FALSE(is_told_of());
    take_two(1, &block[0], &block[1]);
    CU_ASSERT_TRUE(is_told_of());
    close_graph();
}

/* Memory is used again: what was known of this address is another lock's. */
static void test_twin_born_again(void)
{
    open_graph();
    for (unsigned i = 0; i < 3; i++) {
        order_born(lane_at(0), &block[i],
                   place(0)); /* the first of a place is known in all cycles */
    }
    take_two(1, &block[1], &block[2]);
    order_died(&block[1]);
    order_born(lane_at(0), &block[1], place(0));
    take_two(2, &block[2], &block[1]);
    CU_ASSERT_FALSE(is_told_of());
    take_two(1, &block[1], &block[2]); /* what it remembers of the pair is of the old lock */
    CU_ASSERT_TRUE(is_told_of());
    close_graph();
}

static void test_twin_unknown(void)
{
    open_graph();
    take_two(1, &block[0], &block[1]);
    take_two(2, &block[1], &block[0]);
    CU_ASSERT_FALSE(is_told_of());
    close_graph();
}

/* --- limits ----------------------------------------------------------------------------------- */

/* More pairs than there is room for, and a cycle's own ones make room for the next cycle's. */
static void test_full(void)
{
    static uint64_t many[2000];

    open_graph();
    for (unsigned i = 0; i + 1 < 2000; i++)
        take_two(1, &many[i], &many[i + 1]);
    for (unsigned n = 0; n < 4; n++) {
        begin_cycle();
        for (unsigned i = 0; i < LOCKS; i++)
            order_born(lane_at(0), &block[i], place(0));
        for (unsigned i = 1; i + 1 < LOCKS; i++)
            take_two(1, &block[i], &block[i + 1]);
        CU_ASSERT_FALSE(is_told_of());
    }
    close_graph();
}

/* A process that ended in the middle of writing shuts nobody out but itself. */
static void test_left_busy(void)
{
    open_graph();
    ORDER->busy = CONTROL->epoch;
    take_two(1, &lock[0], &lock[1]);
    begin_cycle();
    take_two(1, &lock[0], &lock[1]);
    take_two(2, &lock[1], &lock[0]);
    CU_ASSERT_TRUE(is_told_of());
    close_graph();
}

/* Scribbled over by the target: nobody reads beyond the tables. */
static void test_noise(void)
{
    for (uint64_t seed = 0; seed < 20; seed++) {
        open_graph();
        for (size_t i = 0; i < offsetof(struct abi_order, birth) / 8; i++)
            ((uint64_t *)ORDER)[i] = plan_mix(seed, 1, i);
        for (unsigned i = 0; i < ABI_ORDER_EDGES; i++)
            ORDER->edge[i].epoch = CONTROL->epoch;
        ORDER->busy = 0;
        take_two(1, &lock[0], &lock[1]);
        take_two(2, &lock[1], &lock[0]);
        CU_ASSERT_EQUAL(ORDER->busy, 0);
        close_graph();
    }
}

int main(void)
{
    CU_pSuite suite;

    if (CU_initialize_registry() != CUE_SUCCESS)
        return 1;
    suite = CU_add_suite("order", NULL, NULL);
    CU_ADD_TEST(suite, test_two_threads_two_orders);
    CU_ADD_TEST(suite, test_three_locks);
    CU_ADD_TEST(suite, test_twin_three_locks_two_threads);
    CU_ADD_TEST(suite, test_once_a_pair);
    CU_ADD_TEST(suite, test_across_cycles);
    CU_ADD_TEST(suite, test_twin_same_order);
    CU_ADD_TEST(suite, test_twin_one_thread);
    CU_ADD_TEST(suite, test_twin_gate);
    CU_ADD_TEST(suite, test_gate_of_readers);
    CU_ADD_TEST(suite, test_twin_readers_meet);
    CU_ADD_TEST(suite, test_twin_one_after_the_other);
    CU_ADD_TEST(suite, test_twin_the_other_had_ended);
    CU_ADD_TEST(suite, test_twin_before_the_other_was_made);
    CU_ADD_TEST(suite, test_twin_alone);
    CU_ADD_TEST(suite, test_twin_taken_again);
    CU_ADD_TEST(suite, test_twin_forked_child);
    CU_ADD_TEST(suite, test_first_of_its_place);
    CU_ADD_TEST(suite, test_siblings_within_a_cycle_alone);
    CU_ADD_TEST(suite, test_twin_born_again);
    CU_ADD_TEST(suite, test_twin_unknown);
    CU_ADD_TEST(suite, test_full);
    CU_ADD_TEST(suite, test_left_busy);
    CU_ADD_TEST(suite, test_noise);
    CU_basic_set_mode(CU_BRM_VERBOSE);
    CU_basic_run_tests();
    return CU_get_number_of_failures() != 0;
}
