/*
 * test_heap_look: the heap of a live child as evidence. The test plays the agent: it writes the
 * table of live blocks and the lanes, and each block has an allocation site of its own, so that
 * what comes back says which block is meant.
 */
#include "unwind_target.h"

#include <harness/supervisor/heap/heap_look.h>

#include <harness/supervisor/run/job.h>
#include <harness/supervisor/process/unwind.h>

#include <CUnit/Basic.h>
#include <pthread.h>

enum {
    IN_DATA,   /* what keeps the block */
    IN_MIDDLE, /* a pointer into it */
    LOW_TAG,
    HIGH_TAG,
    AT_END,
    IN_TLS,
    ON_STACK,    /* of another thread */
    IN_REGISTER, /* of another thread, and nowhere else */
    IN_BLOCK,    /* of another block */
    IN_MAPPED,   /* memory of the program's own */
    HIDDEN,      /* XOR: not found, as documented */
    IN_FREED,    /* a free block still has a pointer to it */
    BELOW_STACK, /* below a stack pointer */
    OWN_CIRCLE,  /* only to itself */
    BLOCKS,
    KEPT_BLOCKS = HIDDEN,
    SITE = 100, /* of block 0 */
    BYTES = 200,
};

struct addresses {
    uint64_t block[BLOCKS];
    uint64_t freed;
    bool write; /* what was freed is to be written to */
};

static struct addresses *shared; /* with the child; blocks are there as numbers, XORed */
static struct job job;
static struct evidence evidence;
static struct evidence_thread threads[8];
static pid_t tid[8];

static const uint64_t cover = UINT64_C(0x5a5a5a5a5a5a5a5a);

/* --- the child ------------------------------------------------------------------------------- */

static char *volatile data_pointer, *volatile middle_pointer, *volatile end_pointer;
static volatile uint64_t low_tag, high_tag, hidden;
static __thread char *volatile own_pointer;

static char *take(unsigned index)
{
    char *block = malloc(BYTES);

    memset(block, 0, BYTES);
    shared->block[index] = (uint64_t)block ^ cover;
    return block;
}

static TARGET_KEPT void take_for_itself(void)
{
    char *block = take(OWN_CIRCLE);

    memcpy(block + 16, &block, sizeof block);
    TARGET_NOT_LAST();
}

static TARGET_KEPT void take_for_data(void)
{
    char *block = take(IN_DATA);
    char **mapped = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    void **freed;

    data_pointer = block;
    middle_pointer = take(IN_MIDDLE) + BYTES / 2;
    low_tag = (uint64_t)take(LOW_TAG) | 5;
    high_tag = (uint64_t)take(HIGH_TAG) | UINT64_C(0xfff8) << 48;
    end_pointer = take(AT_END) + BYTES;
    memcpy(block + 48, &(char *){take(IN_BLOCK)}, sizeof block);
    mapped[7] = take(IN_MAPPED);
    hidden = (uint64_t)take(HIDDEN) ^ UINT64_C(0x3333333333333333);
    freed = malloc(300);
    freed[20] = take(IN_FREED);
    shared->freed = (uint64_t)freed;
    free(freed);
    if (shared->write)
        *(volatile uint64_t *)shared->freed = UINT64_C(0x4141414141414141);
}

/* Writes over what the calls before have left on the stack; calls back from below it. */
static TARGET_KEPT void clean_stack(void)
{
    volatile char room[16384];

    for (size_t i = 0; i < sizeof room; i++)
        room[i] = 0;
}

static TARGET_KEPT void leave_below(void)
{
    char *volatile room[512] = {0};

    room[0] = take(BELOW_STACK);
    TARGET_NOT_LAST();
    (void)room[0];
}

/* Sleeps without a call, so that registers stay: the futex of the board's sum. */
static TARGET_KEPT void sleep_with(struct board *board, uint64_t word)
{
    for (;;) {
        register uint64_t kept __asm__("rbx") = word;
        long result;

        __asm__ volatile("syscall"
                         : "=a"(result), "+r"(kept)
                         : "0"((long)SYS_futex), "D"(&board->sum), "S"((long)FUTEX_WAIT), "d"(0L)
                         : "rcx", "r11", "memory");
        (void)result;
    }
}

static void *with_own(void *argument)
{
    struct board *board = argument;
    char *volatile on_stack = take(ON_STACK);

    own_pointer = take(IN_TLS);
    clean_stack();
    atomic_store(&board->tid[0], target_tid());
    board_post(board, 1);
    target_sleep(board);
    return on_stack;
}

static void *with_register(void *argument)
{
    struct board *board = argument;

    take(IN_REGISTER);
    clean_stack();
    atomic_store(&board->tid[1], target_tid());
    board_post(board, 2);
    sleep_with(board, shared->block[IN_REGISTER] ^ cover);
    return NULL;
}

static void heap_target(struct board *board)
{
    pthread_t thread;

    pthread_create(&thread, NULL, with_own, board);
    board_wait(board, 1);
    pthread_create(&thread, NULL, with_register, board);
    board_wait(board, 2);
    leave_below();
    take_for_itself();
    take_for_data();
    clean_stack();
    free(malloc(5000)); /* what registers still had of the blocks */
    board_post(board, 3);
    sleep_with(board, 0);
}

/* --- the agent's part --------------------------------------------------------------------------
 */

static void put_slot(uint64_t address, uint32_t bytes, uint32_t site)
{
    struct abi_memory *memory = job.memory;
    uint32_t at = (uint32_t)(address >> 5) & (ABI_HEAP_SLOTS - 1);

    while (memory->heap[at].key != 0)
        at = (at + 1) & (ABI_HEAP_SLOTS - 1);
    memory->heap[at].key = (address >> 4) << 20 | memory->control.epoch;
    memory->heap[at].bytes = bytes;
    memory->heap[at].caller = site;
    memory->call_site[site] = 1000 + site;
}

static struct abi_lane *put_lane(pid_t pid, uint32_t site)
{
    struct abi_lane *lane = &job.memory->lane[0];

    job.memory->control.lanes = 1;
    lane->epoch = job.memory->control.epoch;
    lane->state = LANE_RUNS;
    lane->pid = lane->tid = (uint32_t)pid;
    lane->site = site;
    strcpy(lane->name, "T1");
    return lane;
}

static void put_event(struct abi_lane *lane, enum abi_event_kind kind, uint64_t object)
{
    struct abi_event *event = &lane->ring[lane->seq++];

    memset(event, 0, sizeof *event);
    event->kind = (uint16_t)kind;
    event->object = object;
}

/* --- a look
 * ---------------------------------------------------------------------------------------- */

static struct board *board;
static pid_t pid;

static void open_scene(bool write)
{
    struct error e = {0};

    memset(shared, 0, sizeof *shared);
    shared->write = write;
    CU_ASSERT_EQUAL_FATAL(job_open(&job, &e), 0);
    job.memory->control.epoch = 9;
    board = board_new();
    pid = target_start(heap_target, board);
    board_wait(board, 3);
    target_wait_call(pid, pid, SYS_futex);
    target_wait_call(pid, atomic_load(&board->tid[0]), SYS_futex);
    target_wait_call(pid, atomic_load(&board->tid[1]), SYS_futex);
    job.memory->control.pid = (uint32_t)pid;
    for (unsigned i = 0; i < BLOCKS; i++)
        put_slot(shared->block[i] ^ cover, BYTES, SITE + i);
    memset(&evidence, 0, sizeof evidence);
    evidence.memory = job.memory;
    evidence.thread = threads;
}

static void look(bool reach)
{
    struct heap_look_request request = {pid, tid, 0, job.memory_fd, reach, reach, NULL};
    struct error e = {0};

    CU_ASSERT_EQUAL_FATAL(unwind_seize_all(pid, tid, 8, &request.tids, &e), 0);
    CU_ASSERT_EQUAL(request.tids, 3);
    heap_look(&evidence, &request);
    CU_ASSERT_EQUAL(unwind_detach_all(pid, tid, request.tids), 0);
}

static void close_scene(void)
{
    target_kill(pid);
    board_free(board);
    job.server = 0;
    job_close(&job, NULL);
}

static const struct evidence_leak *leak_of(unsigned index)
{
    for (unsigned i = 0; i < evidence.reach.sites; i++)
        if (evidence.reach.leak[i].caller == 1000 + SITE + index)
            return &evidence.reach.leak[i];
    return NULL;
}

static void test_what_is_kept(void)
{
    open_scene(false);
    put_lane(pid, 0);
    look(true);
    CU_ASSERT_STRING_EQUAL(evidence.heap.refused, "");
    CU_ASSERT_TRUE(evidence.heap.walked);
    CU_ASSERT_EQUAL(evidence.heap.faults, 0);
    CU_ASSERT_TRUE(evidence.reach.scanned);
    CU_ASSERT_EQUAL(evidence.reach.live, BLOCKS);
    for (unsigned i = 0; i < KEPT_BLOCKS; i++)
        if (leak_of(i) != NULL) {
            printf("  block %u was not found\n", i);
            CU_FAIL("a block that is kept");
        }
    for (unsigned i = KEPT_BLOCKS; i < BLOCKS; i++)
        if (leak_of(i) == NULL) {
            printf("  block %u was found\n", i);
            CU_FAIL("a block that is lost");
        }
    CU_ASSERT_EQUAL(evidence.reach.blocks, BLOCKS - KEPT_BLOCKS);
    CU_ASSERT_EQUAL(evidence.reach.bytes, (BLOCKS - KEPT_BLOCKS) * BYTES);
    CU_ASSERT_EQUAL(leak_of(IN_FREED)->heads, 1);
    close_scene();
}

/* Nobody asks for pointers in a cycle that hangs: the walk alone. */
static void test_without_reach(void)
{
    open_scene(false);
    put_lane(pid, 0);
    look(false);
    CU_ASSERT_TRUE(evidence.heap.walked);
    CU_ASSERT_FALSE(evidence.reach.scanned);
    close_scene();
}

static void test_written_after_free(void)
{
    open_scene(true);
    put_lane(pid, 0);
    look(false);
    CU_ASSERT_EQUAL_FATAL(evidence.heap.faults, 1);
    CU_ASSERT_EQUAL(evidence.heap.fault[0].kind, HEAP_FREE_LINK);
    CU_ASSERT_EQUAL(evidence.heap.fault[0].block, shared->freed);
    CU_ASSERT_EQUAL(evidence.heap.fault[0].value, UINT64_C(0x4141414141414141));
    close_scene();
}

/* The same, while the thread is in the middle of malloc: its cache may look like anything. */
static void test_twin_inside_the_allocator(void)
{
    open_scene(true);
    put_lane(pid, SITE_MALLOC);
    look(false);
    CU_ASSERT_TRUE(evidence.heap.walked);
    CU_ASSERT_EQUAL(evidence.heap.faults, 0);
    close_scene();
}

/* It crashed in there, with nobody but libc above our hook: then it stands at the damage. */
static void test_crashed_inside(void)
{
    struct abi_crash *crash;

    open_scene(true);
    put_lane(pid, SITE_MALLOC);
    crash = &job.memory->control.crash;
    crash->epoch = job.memory->control.epoch;
    crash->lane = 0;
    evidence.crash_frames = 2;
    strcpy(evidence.crash_frame[0].module, "libc.so.6");
    strcpy(evidence.crash_frame[1].module, "librundown-agent.so");
    look(false);
    CU_ASSERT_EQUAL(evidence.heap.faults, 1);
    strcpy(evidence.crash_frame[0].module, "handler"); /* of a signal that came meanwhile */
    look(false);
    CU_ASSERT_EQUAL(evidence.heap.faults, 0);
    close_scene();
}

/* What the plan killed may have been anywhere, and its cache is as it left it. */
static void test_twin_after_a_kill(void)
{
    open_scene(true);
    put_lane(pid, 0);
    job.memory->control.deaths = 1;
    look(false);
    CU_ASSERT_TRUE(evidence.heap.walked);
    CU_ASSERT_EQUAL(evidence.heap.faults, 0);
    close_scene();
}

/* Freed, as its lane says, and the heap has it as one in use: nobody has it. */
static void test_lost(void)
{
    struct abi_lane *lane;

    open_scene(false);
    lane = put_lane(pid, 0);
    job.memory->heap[(uint32_t)((shared->block[IN_DATA] ^ cover) >> 5) & (ABI_HEAP_SLOTS - 1)].key =
        0;
    put_event(lane, EVENT_FREE, shared->block[IN_DATA] ^ cover);
    put_event(lane, EVENT_FREE, shared->block[IN_TLS] ^ cover); /* and got again */
    look(false);
    CU_ASSERT_EQUAL_FATAL(evidence.heap.faults, 1);
    CU_ASSERT_EQUAL(evidence.heap.fault[0].kind, HEAP_LOST);
    CU_ASSERT_EQUAL(evidence.heap.fault[0].block, shared->block[IN_DATA] ^ cover);
    job.memory->control.options = OPTION_TRACE; /* the recorder may have got it, unseen */
    look(false);
    CU_ASSERT_EQUAL(evidence.heap.faults, 0);
    close_scene();
}

static void test_own_heap(void)
{
    open_scene(true);
    put_lane(pid, 0);
    job.memory->control.remarks = REMARK_OWN_HEAP;
    look(true);
    CU_ASSERT_FALSE(evidence.heap.walked);
    CU_ASSERT_FALSE(evidence.reach.scanned);
    close_scene();
}

/* A table that was written over says that blocks overlap: then nothing is said of leaks. */
static void test_scribbled_table(void)
{
    open_scene(false);
    put_lane(pid, 0);
    put_slot((shared->block[IN_DATA] ^ cover) + 32, BYTES, SITE);
    look(true);
    CU_ASSERT_FALSE(evidence.reach.scanned);
    close_scene();
}

int main(void)
{
    CU_pSuite suite;

    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED || CU_initialize_registry() != CUE_SUCCESS)
        return 1;
    suite = CU_add_suite("heap_look", NULL, NULL);
    CU_ADD_TEST(suite, test_what_is_kept);
    CU_ADD_TEST(suite, test_without_reach);
    CU_ADD_TEST(suite, test_written_after_free);
    CU_ADD_TEST(suite, test_twin_inside_the_allocator);
    CU_ADD_TEST(suite, test_crashed_inside);
    CU_ADD_TEST(suite, test_twin_after_a_kill);
    CU_ADD_TEST(suite, test_lost);
    CU_ADD_TEST(suite, test_own_heap);
    CU_ADD_TEST(suite, test_scribbled_table);
    CU_basic_set_mode(CU_BRM_VERBOSE);
    CU_basic_run_tests();
    return CU_get_number_of_failures() != 0;
}
