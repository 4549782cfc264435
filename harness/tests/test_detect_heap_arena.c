/*
 * Tests of the detector heap-arena: what the walk found is told with the block's own story and its
 * neighbour's, once; and of a heap that was not walked nothing is said.
 */
#include "evidence_damage.h"
#include "evidence_fixture.h"

extern const struct detector detector_heap_arena;

enum { BLOCK = 0x7000, NEIGHBOUR = 0x6fc0 };

static struct fixture f;
static struct judgement judgement;

static void open_walked(void)
{
    fixture_open(&f);
    fixture_lane(&f, "T1");
    fixture_lane(&f, "T1.1");
    f.evidence.heap.walked = true;
    f.evidence.heap.arenas = 1;
}

static struct evidence_heap_fault *fault(enum evidence_heap_kind kind)
{
    struct evidence_heap_fault *fault = &f.evidence.heap.fault[f.evidence.heap.faults++];

    fault->kind = kind;
    fault->block = BLOCK;
    fault->bytes = 48;
    fault->value = 0x4141414141414141;
    fault->before = NEIGHBOUR;
    fault->before_bytes = 40;
    fault->before_caller = AT_PLUGIN;
    return fault;
}

static const struct finding *judge(enum stop_code code)
{
    fixture_judge(&f, &detector_heap_arena, &judgement);
    return fixture_found(&judgement, code);
}

static void test_written_after_free(void)
{
    const struct finding *finding;

    open_walked();
    fault(HEAP_FREE_LINK);
    fixture_event(&f, 0, EVENT_ALLOC, 0, BLOCK, 40, AT_MAIN);
    fixture_event(&f, 1, EVENT_FREE, 0, BLOCK, 40, AT_WORKER);
    finding = judge(STOP_HEAP_CORRUPT_FREE_BLOCK);
    CU_ASSERT_EQUAL(judgement.findings, 1);
    CU_ASSERT(fixture_says(finding, "free block 0x7000: its link to the next one was overwritten"));
    CU_ASSERT(fixture_says(finding, "allocated by main  prog  prog.c:10"));
    CU_ASSERT(fixture_says(finding, "freed by T1.1 in worker  prog  prog.c:20"));
    CU_ASSERT_STRING_EQUAL(finding->signature, "heap.corrupt-free-block prog:main -");
    fixture_close(&f);
}

/* The ring may have it all several times: the last birth and the last end count. */
static void test_the_last_story(void)
{
    const struct finding *finding;

    open_walked();
    fault(HEAP_FREE_MARK);
    fixture_event(&f, 0, EVENT_ALLOC, 0, BLOCK, 40, AT_MAIN);
    fixture_event(&f, 0, EVENT_FREE, 0, BLOCK, 40, AT_MAIN);
    fixture_event(&f, 0, EVENT_ALLOC, 0, BLOCK, 40, AT_UPDATE);
    fixture_event(&f, 0, EVENT_FREE, 0, BLOCK, 40, AT_WORKER);
    fixture_event(&f, 0, EVENT_ALLOC, 0, BLOCK + 64, 40, AT_PLUGIN);
    finding = judge(STOP_HEAP_CORRUPT_FREE_BLOCK);
    CU_ASSERT(fixture_says(finding, "allocated by update"));
    CU_ASSERT(fixture_says(finding, "freed by T1 (main) in worker"));
    fixture_close(&f);
}

static void test_overrun_names_the_neighbour(void)
{
    static const enum evidence_heap_kind kinds[] = {HEAP_HEADER, HEAP_SWALLOWS, HEAP_TOO_SHORT,
                                                    HEAP_PREVIOUS, HEAP_TOP};

    for (unsigned i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        const struct finding *finding;

        open_walked();
        fault(kinds[i]);
        finding = judge(STOP_HEAP_INCONSISTENT);
        CU_ASSERT_PTR_NOT_NULL_FATAL(finding);
        CU_ASSERT_EQUAL(judgement.findings, 1);
        CU_ASSERT(fixture_says(finding, "0x7000"));
        CU_ASSERT(fixture_says(finding, "the block before it: 40 bytes at 0x6fc0, allocated by stop"
                                        "  libplug.so  plug.c:40"));
        CU_ASSERT_STRING_EQUAL(finding->signature, "heap.inconsistent libplug.so:stop -");
        fixture_close(&f);
    }
}

static void test_unknown_neighbour(void)
{
    const struct finding *finding;

    open_walked();
    fault(HEAP_HEADER)->before_caller = 0;
    finding = judge(STOP_HEAP_INCONSISTENT);
    CU_ASSERT(fixture_says(finding, "none that the program has"));
    CU_ASSERT_STRING_EQUAL(finding->signature, "heap.inconsistent - -");
    fixture_close(&f);
}

static void test_lists(void)
{
    static const enum evidence_heap_kind kinds[] = {HEAP_FREE_CIRCLE, HEAP_COUNT,
                                                    HEAP_USED_AND_FREE, HEAP_FREE_TWICE, HEAP_LOST};

    for (unsigned i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        open_walked();
        fault(kinds[i]);
        CU_ASSERT_PTR_NOT_NULL(judge(STOP_HEAP_INCONSISTENT));
        CU_ASSERT_EQUAL(judgement.findings, 1);
        fixture_close(&f);
    }
}

/* Two about one block, a count that a lost block explains, and what a written free block explains.
 */
static void test_told_once(void)
{
    open_walked();
    fault(HEAP_HEADER);
    fault(HEAP_PREVIOUS);
    judge(STOP_HEAP_INCONSISTENT);
    CU_ASSERT_EQUAL(judgement.findings, 1);
    fixture_close(&f);
    open_walked();
    fault(HEAP_COUNT)->block = BLOCK + 0x100;
    fault(HEAP_LOST);
    CU_ASSERT(fixture_says(judge(STOP_HEAP_INCONSISTENT), "it is lost"));
    CU_ASSERT_EQUAL(judgement.findings, 1);
    fixture_close(&f);
    open_walked();
    fault(HEAP_LOST)->block = BLOCK + 0x100;
    fault(HEAP_FREE_LINK);
    CU_ASSERT_PTR_NULL(judge(STOP_HEAP_INCONSISTENT));
    CU_ASSERT_PTR_NOT_NULL(judge(STOP_HEAP_CORRUPT_FREE_BLOCK));
    fixture_close(&f);
}

static void test_twin_sound(void)
{
    open_walked();
    judge(STOP_HEAP_INCONSISTENT);
    CU_ASSERT_EQUAL(judgement.findings, 0);
    fixture_close(&f);
}

static void test_twin_not_walked(void)
{
    open_walked();
    fault(HEAP_HEADER);
    f.evidence.heap.walked = false;
    judge(STOP_HEAP_INCONSISTENT);
    CU_ASSERT_EQUAL(judgement.findings, 0);
    fixture_close(&f);
}

static void test_damage(void)
{
    open_walked();
    fixture_thread(&f, 0, THREAD_RUNNING, -1);
    fault(HEAP_HEADER);
    fault(HEAP_LOST)->block = BLOCK + 0x100;
    fixture_event(&f, 1, EVENT_FREE, 0, BLOCK, 40, AT_WORKER);
    fixture_drown(&f, &detector_heap_arena, 0x4ea9);
    f.evidence.heap.faults = UINT64_MAX;
    judge(STOP_HEAP_INCONSISTENT);
    f.evidence.memory = NULL;
    judge(STOP_HEAP_INCONSISTENT);
    CU_ASSERT_EQUAL(judgement.findings, 0);
    f.evidence.memory = f.memory;
    fixture_close(&f);
}

int main(void)
{
    static const struct fixture_case cases[] = {
        {"written after it was freed", test_written_after_free},
        {"the last story counts", test_the_last_story},
        {"an overrun names the neighbour", test_overrun_names_the_neighbour},
        {"unknown neighbour", test_unknown_neighbour},
        {"lists", test_lists},
        {"told once", test_told_once},
        {"twin: sound", test_twin_sound},
        {"twin: not walked", test_twin_not_walked},
        {"damaged memory", test_damage},
        {NULL, NULL},
    };

    return fixture_main("detector heap-arena", cases);
}
