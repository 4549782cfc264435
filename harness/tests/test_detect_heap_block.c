/*
 * Tests of the detector heap-block, and of crash beside it: a fault that heap-block tells of is
 * no second finding.
 */
#include "evidence_damage.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include <CUnit/Basic.h>

extern const struct detector detector_heap_block;
extern const struct detector detector_crash;

enum { BLOCK = 0x7000, DAMAGED = 20000 };
#define POOL UINT64_C(0x500000)

static struct fixture f;
static struct judgement judgement;
static struct evidence_blocks blocks;

/* --- making ----------------------------------------------------------------------------------- */

static void open_two(void)
{
    fixture_open(&f);
    fixture_lane(&f, "T1");
    fixture_lane(&f, "T1.1");
    memset(&blocks, 0, sizeof blocks);
    f.evidence.blocks = &blocks;
}

/* What T1.1 was told of in its call of free in worker(); the block is from main(). */
static struct abi_heap_fault *put_down(unsigned index, uint32_t kind)
{
    struct abi_heap_fault *fault = &f.memory->heap_fault[index];

    *fault = (struct abi_heap_fault){.epoch = FIXTURE_EPOCH, .kind = kind, .lane = 1};
    fault->site = SITE_FREE;
    fault->hit = 3;
    fault->caller = AT_WORKER;
    fault->address = fault->block = BLOCK;
    fault->bytes = 64;
    fault->allocated = AT_MAIN;
    fault->freed_lane = UINT32_MAX;
    fault->time = f.now + 2000;
    f.memory->control.heap_faults = index + 1;
    f.memory->control.anomaly |= ANOMALY_BLOCK;
    return fault;
}

static void stack_frame(struct evidence_stack *stack, const char *module, const char *function,
                        const char *file, int line)
{
    fixture_fill(&stack->frame[stack->frames++], module, function, file, line);
}

static void freed_by_main(struct abi_heap_fault *fault)
{
    fault->freed = AT_PLUGIN;
    fault->freed_lane = 0;
    fault->freed_site = SITE_FREE;
    fault->freed_time = fault->time - 1500;
}

/* A block of 64 bytes at the end of slot 1's page. */
static struct abi_guard_slot *sample(uint32_t state)
{
    struct abi_guard_slot *slot = &f.memory->guard.slot[1];

    f.memory->guard.base = POOL;
    slot->epoch = FIXTURE_EPOCH;
    slot->block = POOL + 4 * ABI_PAGE_BYTES - 64;
    slot->bytes = 64;
    slot->state = state;
    slot->allocated =
        (struct abi_guard_act){.lane = 0, .site = SITE_MALLOC, .time = 1000, .caller = AT_MAIN};
    slot->freed =
        (struct abi_guard_act){.lane = 1, .site = SITE_REALLOC, .time = 2000, .caller = AT_PLUGIN};
    return slot;
}

static void crash(int signal, uint64_t address, unsigned lane)
{
    struct abi_crash *caught = &f.memory->control.crash;

    caught->signal = (uint32_t)signal;
    caught->code = signal == SIGSEGV ? SEGV_ACCERR : SI_TKILL;
    caught->address = address;
    caught->lane = lane;
    caught->time = 5000;
    caught->regs[16] = AT_WORKER;
    caught->epoch = FIXTURE_EPOCH;
    f.memory->control.anomaly |= ANOMALY_SIGNAL;
    f.evidence.ended = false;
}

static const struct finding *judge(enum stop_code code)
{
    fixture_judge(&f, &detector_heap_block, &judgement);
    CU_ASSERT_EQUAL(judgement.findings, code != STOP_NONE);
    return fixture_found(&judgement, code);
}

static unsigned crash_says(void)
{
    static struct judgement other;

    fixture_judge(&f, &detector_crash, &other);
    return other.findings;
}

/* --- frees ------------------------------------------------------------------------------------ */

static void test_double_free(void)
{
    const struct finding *finding;

    open_two();
    freed_by_main(put_down(0, HEAP_FAULT_FREED));
    finding = judge(STOP_HEAP_DOUBLE_FREE);
    CU_ASSERT(fixture_says(finding, "T1.1       frees a block of 64 bytes that is free"));
    CU_ASSERT(fixture_says(finding, "in worker  prog  prog.c:20"));
    CU_ASSERT(fixture_says(finding, "freed by T1 (main), 1.5 ms before, in stop  libplug.so"));
    CU_ASSERT(fixture_says(finding, "allocated in main  prog  prog.c:10"));
    CU_ASSERT_STRING_EQUAL(finding->signature, "heap.double-free prog:worker prog:main");
    fixture_close(&f);
}

static void test_double_free_with_a_stack(void)
{
    const struct finding *finding;

    open_two();
    put_down(0, HEAP_FAULT_FREED)->site = SITE_REALLOC;
    stack_frame(&blocks.fault[0], "librundown-agent.so", "heap_stack", "", 0);
    stack_frame(&blocks.fault[0], "libc.so.6", "fclose", "", 0);
    stack_frame(&blocks.fault[0], "libtree.so", "tree_drop", "tree.c", 7);
    stack_frame(&blocks.fault[0], "prog", "leave", "prog.c", 70);
    stack_frame(&blocks.fault[0], "libc.so.6", "start_thread", "", 0);
    finding = judge(STOP_HEAP_DOUBLE_FREE);
    CU_ASSERT(fixture_says(finding, "T1.1       reallocates a block of 64 bytes that is free, in "
                                    "tree_drop  libtree.so  tree.c:7"));
    CU_ASSERT(fixture_says(finding, "in leave  prog  prog.c:70"));
    CU_ASSERT(fixture_says(finding, "freed where the events that are kept do not reach"));
    CU_ASSERT_EQUAL(finding->lines, 4);
    CU_ASSERT_STRING_EQUAL(finding->signature, "heap.double-free libtree.so:tree_drop prog:main");
    fixture_close(&f);
}

static void test_bad_free(void)
{
    const struct finding *finding;

    open_two();
    put_down(0, HEAP_FAULT_INSIDE)->address = BLOCK + 16;
    finding = judge(STOP_HEAP_BAD_FREE);
    CU_ASSERT(fixture_says(finding, "T1.1       frees 0x7010, where no block begins, in worker"));
    CU_ASSERT(fixture_says(finding, "it is 16 bytes into a block of 64 bytes"));
    CU_ASSERT(fixture_says(finding, "allocated in main  prog  prog.c:10"));
    CU_ASSERT_STRING_EQUAL(finding->signature, "heap.bad-free prog:worker prog:main");
    put_down(0, HEAP_FAULT_STACK)->allocated = 0;
    finding = judge(STOP_HEAP_BAD_FREE);
    CU_ASSERT(fixture_says(finding, "it lies on the stack of that thread"));
    CU_ASSERT_STRING_EQUAL(finding->signature, "heap.bad-free prog:worker -");
    put_down(0, HEAP_FAULT_STATIC)->address = LOCK_A;
    CU_ASSERT(fixture_says(judge(STOP_HEAP_BAD_FREE), "it is part of a program or module: lock_a"));
    put_down(0, HEAP_FAULT_ODD)->address = BLOCK + 1;
    CU_ASSERT(fixture_says(judge(STOP_HEAP_BAD_FREE), "no block begins at such an address"));
    fixture_close(&f);
}

/* --- bytes ------------------------------------------------------------------------------------ */

static void test_written_behind(void)
{
    const struct finding *finding;
    struct abi_heap_fault *fault;

    open_two();
    fault = put_down(0, HEAP_FAULT_BEHIND);
    fault->offset = 66;
    memcpy(fault->seen, "ABC", 4);
    finding = judge(STOP_HEAP_CORRUPT_BLOCK);
    CU_ASSERT(fixture_says(finding, "a block of 64 bytes was written to behind its end"));
    CU_ASSERT(fixture_says(finding, "seen when T1.1 frees it in worker  prog  prog.c:20"));
    CU_ASSERT(fixture_says(finding, "the first changed byte is 2 bytes behind its end; from there: "
                                    "41 42 43 00"));
    CU_ASSERT_STRING_EQUAL(finding->signature, "heap.corrupt-block prog:main -");
    fixture_close(&f);
}

/* Two blocks are one finding with the lines of both, whoever came across them. */
static void test_seen_at_the_end(void)
{
    const struct finding *finding;
    struct abi_heap_fault *fault;

    open_two();
    for (unsigned i = 0; i < 2; i++) {
        fault = put_down(i, HEAP_FAULT_BEFORE);
        fault->site = SITE_ANY;
        fault->caller = 0;
        fault->offset = -8;
    }
    fixture_judge(&f, &detector_heap_block, &judgement);
    CU_ASSERT_EQUAL(judgement.findings, 2);
    judgement_order(&judgement);
    CU_ASSERT_EQUAL(judgement.findings, 1);
    finding = fixture_found(&judgement, STOP_HEAP_CORRUPT_BLOCK);
    CU_ASSERT(fixture_says(finding, "was written to before its start"));
    CU_ASSERT(fixture_says(finding, "seen when it was looked through, not when it happened"));
    CU_ASSERT(fixture_says(finding, "the first changed byte is 8 bytes before its start"));
    fixture_close(&f);
}

static void test_written_after_free(void)
{
    const struct finding *finding;
    struct abi_heap_fault *fault;

    open_two();
    fault = put_down(0, HEAP_FAULT_WRITTEN);
    freed_by_main(fault);
    fault->site = SITE_ANY;
    fault->offset = 12;
    finding = judge(STOP_HEAP_CORRUPT_FREE_BLOCK);
    CU_ASSERT(fixture_says(finding, "a block of 64 bytes was written to after it had been freed"));
    CU_ASSERT(fixture_says(finding, "the first changed byte is 12 bytes from its start"));
    CU_ASSERT(fixture_says(finding, "freed by T1 (main) in stop  libplug.so  plug.c:40"));
    CU_ASSERT_STRING_EQUAL(finding->signature, "heap.corrupt-free-block libplug.so:stop prog:main");
    fixture_close(&f);
}

/* --- what stopped the program --------------------------------------------------------------------
 */

static void test_abort_in_the_same_call(void)
{
    const struct finding *finding;

    open_two();
    put_down(0, HEAP_FAULT_FREED);
    f.memory->lane[1].hits[SITE_FREE] = 3;
    fixture_call(&f, 1, SITE_FREE, AT_WORKER);
    crash(SIGABRT, 0, 1);
    f.evidence.output = "hello\nfree(): double free detected in tcache 2\n";
    finding = judge(STOP_HEAP_DOUBLE_FREE);
    CU_ASSERT(fixture_says(finding, "at which the allocator aborts: free(): double free detected"));
    CU_ASSERT_EQUAL(crash_says(), 0);
    f.memory->lane[1].hits[SITE_FREE] = 4; /* a later free found something else */
    finding = judge(STOP_HEAP_DOUBLE_FREE);
    CU_ASSERT_EQUAL(finding->lines, 3);
    CU_ASSERT_EQUAL(crash_says(), 1);
    f.memory->lane[1].hits[SITE_FREE] = 3;
    f.memory->control.crash.lane = 0;
    CU_ASSERT_EQUAL(crash_says(), 1);
    fixture_close(&f);
}

static void test_use_after_free(void)
{
    const struct finding *finding;
    struct abi_guard_slot *slot;

    open_two();
    slot = sample(GUARD_FREED);
    stack_frame(&blocks.allocated[ABI_HEAP_FAULTS], "librundown-agent.so", "malloc", "", 0);
    stack_frame(&blocks.allocated[ABI_HEAP_FAULTS], "prog", "make", "prog.c", 5);
    crash(SIGSEGV, slot->block + 8, 1);
    finding = judge(STOP_HEAP_CORRUPT_FREE_BLOCK);
    CU_ASSERT(fixture_says(finding, "T1.1       reads in a freed block of 64 bytes, 8 bytes from "
                                    "its start"));
    CU_ASSERT(fixture_says(finding, "at worker  prog  prog.c:20"));
    CU_ASSERT(fixture_says(finding, "freed by realloc by T1.1, 3 ms before, in stop  libplug.so"));
    CU_ASSERT(fixture_says(finding, "allocated by T1 (main) in make  prog  prog.c:5"));
    CU_ASSERT_STRING_EQUAL(finding->signature, "heap.corrupt-free-block prog:worker prog:make");
    CU_ASSERT_EQUAL(crash_says(), 0);
    fixture_close(&f);
}

static void test_overrun(void)
{
    const struct finding *finding;
    struct abi_guard_slot *slot;

    open_two();
    slot = sample(GUARD_LIVE);
    fixture_fill(&f.evidence.crash_frame[f.evidence.crash_frames++], "prog", "fill", "prog.c", 60);
    crash(SIGSEGV, slot->block + 64, 0);
    f.memory->control.crash.wrote = 1;
    finding = judge(STOP_HEAP_CORRUPT_BLOCK);
    CU_ASSERT(fixture_says(finding, "T1 (main)  writes outside a block of 64 bytes, 0 bytes behind "
                                    "its end"));
    CU_ASSERT(fixture_says(finding, "at fill  prog  prog.c:60"));
    CU_ASSERT_STRING_EQUAL(finding->signature, "heap.corrupt-block prog:fill prog:main");
    CU_ASSERT_EQUAL(crash_says(), 0);
    f.memory->control.crash.address = POOL + 3 * ABI_PAGE_BYTES - 1; /* before slot 1, no slot 0 */
    finding = judge(STOP_HEAP_CORRUPT_BLOCK);
    CU_ASSERT(fixture_says(finding, "4033 bytes before its start"));
    fixture_close(&f);
}

/* Of two blocks, the one that is nearer: slot 2's begins right behind the page between. */
static void test_between_two(void)
{
    struct abi_guard_slot *other;

    open_two();
    sample(GUARD_LIVE);
    other = &f.memory->guard.slot[2];
    *other = f.memory->guard.slot[1];
    other->block = POOL + 5 * ABI_PAGE_BYTES;
    other->bytes = 32;
    crash(SIGSEGV, other->block - 8, 0);
    CU_ASSERT(
        fixture_says(judge(STOP_HEAP_CORRUPT_BLOCK), "block of 32 bytes, 8 bytes before its"));
    f.memory->control.crash.address = POOL + 4 * ABI_PAGE_BYTES + 8;
    CU_ASSERT(
        fixture_says(judge(STOP_HEAP_CORRUPT_BLOCK), "block of 64 bytes, 8 bytes behind its"));
    fixture_close(&f);
}

/* --- nothing of ours ----------------------------------------------------------------------------
 */

static void test_other_crashes(void)
{
    struct abi_guard_slot *slot;

    open_two();
    slot = sample(GUARD_LIVE);
    crash(SIGSEGV, slot->block + 8, 0); /* that can be touched: it is another fault */
    judge(STOP_NONE);
    CU_ASSERT_EQUAL(crash_says(), 1);
    crash(SIGSEGV, POOL - 8, 0);
    judge(STOP_NONE);
    CU_ASSERT_EQUAL(crash_says(), 1);
    crash(SIGSEGV, POOL + (2 * ABI_GUARD_SLOTS + 1) * ABI_PAGE_BYTES, 0);
    judge(STOP_NONE);
    crash(SIGBUS, slot->block + 64, 0);
    judge(STOP_NONE);
    crash(SIGSEGV, slot->block + 64, 0);
    f.memory->control.crash.code = SI_USER;
    judge(STOP_NONE);
    crash(SIGSEGV, slot->block + 64, 0);
    slot->epoch--; /* another cycle's */
    judge(STOP_NONE);
    CU_ASSERT_EQUAL(crash_says(), 1);
    fixture_close(&f);
}

static void test_records_that_cannot_be(void)
{
    open_two();
    judge(STOP_NONE);
    put_down(0, HEAP_FAULT_FREED)->epoch--;
    judge(STOP_NONE);
    put_down(0, ABI_HEAP_FAULT_KINDS);
    judge(STOP_NONE);
    put_down(0, HEAP_FAULT_FREED)->lane = 2;
    judge(STOP_NONE);
    put_down(0, HEAP_FAULT_FREED)->site = SITE_LOCK;
    judge(STOP_NONE);
    put_down(0, HEAP_FAULT_FREED);
    f.evidence.blocks = NULL;
    CU_ASSERT_PTR_NOT_NULL(judge(STOP_HEAP_DOUBLE_FREE));
    fixture_close(&f);
}

/* Noise in the records, in the pool's and in what was unwound; whatever is said is fine. */
static void scribble(uint64_t seed)
{
    struct damage damage = {seed, 0};

    for (unsigned i = 0; i < 1u << seed % 6; i++) {
        damage_word(&damage, f.memory->heap_fault, sizeof(struct abi_heap_fault));
        damage_word(&damage, &f.memory->guard, 2 * sizeof(struct abi_guard_slot));
        damage_word(&damage, &f.memory->control.crash, sizeof f.memory->control.crash);
    }
    f.memory->control.crash.epoch = FIXTURE_EPOCH;
    f.memory->heap_fault[0].epoch = FIXTURE_EPOCH;
    f.memory->guard.slot[1].epoch = FIXTURE_EPOCH;
    blocks.fault[0].frames = (unsigned)damage_draw(&damage);
    blocks.freed[ABI_HEAP_FAULTS].frames = (unsigned)damage_draw(&damage);
}

static void test_damage(void)
{
    unsigned raised = 0;

    open_two();
    for (uint64_t seed = 1; seed <= DAMAGED; seed++) {
        freed_by_main(put_down(0, 1 + (uint32_t)(seed % (ABI_HEAP_FAULT_KINDS - 1))));
        crash(SIGSEGV, sample(GUARD_FREED)->block, 0);
        scribble(seed);
        fixture_run(&f, &detector_heap_block, &judgement);
        raised += judgement.findings;
        fixture_run(&f, &detector_crash, &judgement);
    }
    CU_ASSERT(raised > DAMAGED / 4 && raised < 2 * DAMAGED);
    fixture_close(&f);
}

int main(void)
{
    static const struct fixture_case cases[] = {
        {"a second free", test_double_free},
        {"a second free, with its stack", test_double_free_with_a_stack},
        {"frees of no block", test_bad_free},
        {"written behind its end", test_written_behind},
        {"seen at the cycle's end", test_seen_at_the_end},
        {"written after it was freed", test_written_after_free},
        {"the allocator aborts in the same call", test_abort_in_the_same_call},
        {"a use after free", test_use_after_free},
        {"an overrun into a guard page", test_overrun},
        {"between two blocks", test_between_two},
        {"other crashes", test_other_crashes},
        {"records that can't be", test_records_that_cannot_be},
        {"damaged records", test_damage},
        {NULL, NULL},
    };

    return fixture_main("detector heap-block", cases);
}
