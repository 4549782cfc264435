/*
 * Tests of timeline and timeline_words: what is kept of a ring, in which order, and in which words.
 */
#include <harness/supervisor/evidence/timeline.h>

#include "evidence_damage.h"

#include <string.h>

#include <CUnit/Basic.h>

static struct fixture f;
static struct judgement judgement;
static char *text;

/* The finding names T1 and T1.10, and not T1.1. */
static void open_three(void)
{
    struct finding *finding;

    fixture_open(&f);
    f.memory->control.start_ticks = 0;
    fixture_lane(&f, "T1");
    fixture_lane(&f, "T1.1");
    fixture_lane(&f, "T1.10");
    memset(&judgement, 0, sizeof judgement);
    finding = judgement_add(&judgement, STOP_LOCK_ORPHANED);
    finding_say(finding, "T1.10      was killed, in worker");
    finding_say(finding, "T1 (main)  waits for mutex lock_a");
}

static void write_it(void)
{
    text = timeline_write(&f.evidence, &judgement, NULL, 0, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(text);
}

static void close_it(void)
{
    free(text);
    fixture_close(&f);
}

static void expect(const char *wanted, bool there)
{
    bool found = strstr(text, wanted) != NULL;

    if (found != there)
        fprintf(stderr, "\n    %s '%s' in:\n%s", there ? "no" : "there is", wanted, text);
    CU_ASSERT_EQUAL(found, there);
}

static unsigned lines_with(const char *wanted)
{
    unsigned count = 0;

    for (const char *at = text; (at = strstr(at, wanted)) != NULL; at++)
        count++;
    return count;
}

static void test_words(void)
{
    open_three();
    fixture_module(&f, "/lib/libplug.so", 0x7f0000, 0x7f9000, 0, -1)->handle = 0x77;
    fixture_event(&f, 0, EVENT_WAIT_BEGIN, MODE_MUTEX, LOCK_A, 0, AT_MAIN);
    fixture_event(&f, 0, EVENT_JOIN_BEGIN, 0, 1, 3, AT_MAIN);
    fixture_event(&f, 0, EVENT_LOAD_END, 1, 0x77, 0, AT_MAIN);
    fixture_event(&f, 0, EVENT_UNLOAD_BEGIN, 0, 0x77, 0, AT_MAIN);
    fixture_event(&f, 0, EVENT_EXIT_PHASE, PHASE_REQUESTED, 3, 0, 0);
    fixture_event(&f, 0, EVENT_SIGNAL, 11, 0x10, 0, 0);
    fixture_event(&f, 2, EVENT_ALLOC, 0, 0x500, 64, AT_WORKER);
    write_it();
    expect("T1       wait-begin     mutex lock_a  in main  prog.c:10\n", true);
    expect("T1       join-begin     T1.10  in main  prog.c:10\n", true);
    expect("T1       load-end       libplug.so  in main", true);
    expect("T1       unload-begin   libplug.so  in main", true);
    expect("T1       exit-phase     exit was asked for, with status 3\n", true);
    expect("T1       signal         SIGSEGV at 0x10\n", true);
    expect("T1.10    alloc          0x500, 64 bytes  in worker  prog.c:20\n", true);
    expect("-0.000 ms  T1.10 ", true);
    close_it();
}

static void test_who_is_concerned(void)
{
    open_three();
    for (unsigned i = 0; i < 40; i++) {
        fixture_event(&f, 0, EVENT_RELEASED, MODE_MUTEX, LOCK_A, 0, AT_MAIN);
        fixture_event(&f, 1, EVENT_RELEASED, MODE_MUTEX, LOCK_B, 0, AT_UPDATE);
        fixture_event(&f, 2, EVENT_RELEASED, MODE_MUTEX, LOCK_A, 0, AT_WORKER);
    }
    write_it();
    CU_ASSERT_EQUAL(lines_with(" T1       released"), TIMELINE_THREAD);
    CU_ASSERT_EQUAL(lines_with(" T1.10    released"), TIMELINE_THREAD);
    expect(" T1.1     released", false);
    expect(" T1.1     thread-born", true);
    free(text);
    judgement.finding[0].lines = 0; /* it names nobody */
    write_it();
    CU_ASSERT_EQUAL(lines_with(" T1.1     released"), TIMELINE_THREAD);
    close_it();
}

/* However long ago, and whoever did it. */
static void test_milestones_are_kept(void)
{
    open_three();
    fixture_event(&f, 1, EVENT_UNLOAD_END, 1, 0x77, 0, AT_UPDATE);
    for (unsigned i = 0; i < 1000; i++)
        fixture_event(&f, 0, EVENT_RELEASED, MODE_MUTEX, LOCK_A, 0, AT_MAIN);
    write_it();
    expect("T1.1     unload-end     1 gone  in update", true);
    CU_ASSERT_EQUAL(lines_with("released"), TIMELINE_THREAD);
    free(text);
    for (unsigned i = 0; i < 1000; i++)
        fixture_event(&f, 1, EVENT_UNLOAD_END, 1, 0x77, 0, AT_UPDATE);
    write_it();
    CU_ASSERT_EQUAL(lines_with("unload-end"), TIMELINE_MILESTONES);
    close_it();
}

/* Allocations crowd nothing out, unless they are what it is about. */
static void test_allocations(void)
{
    open_three();
    for (unsigned i = 0; i < 5; i++)
        fixture_event(&f, 0, EVENT_ACQUIRED, MODE_MUTEX, LOCK_A, 0, AT_MAIN);
    for (unsigned i = 0; i < 40; i++)
        fixture_event(&f, 0, EVENT_ALLOC, 0, 0x500, 64, AT_MAIN);
    write_it();
    CU_ASSERT_EQUAL(lines_with("alloc "), TIMELINE_BLOCKS);
    CU_ASSERT_EQUAL(lines_with("acquired"), 5);
    free(text);
    judgement.finding[0].code = STOP_HEAP_DOUBLE_FREE;
    write_it();
    CU_ASSERT_EQUAL(lines_with("alloc "), TIMELINE_THREAD);
    close_it();
}

static void test_never_longer_than_promised(void)
{
    char name[16];

    open_three();
    for (unsigned lane = 3; lane < 40; lane++) {
        snprintf(name, sizeof name, "T1.%u", lane + 100);
        fixture_lane(&f, name);
    }
    judgement.finding[0].lines = 0;
    for (unsigned lane = 0; lane < 40; lane++)
        for (unsigned i = 0; i < 20; i++)
            fixture_event(&f, lane, EVENT_RELEASED, MODE_MUTEX, LOCK_A, 0, AT_MAIN);
    write_it();
    CU_ASSERT_EQUAL(lines_with("\n"), TIMELINE_LINES);
    close_it();
}

/* In order of time, whichever ring it comes from, and each line whole. */
static void test_order(void)
{
    double last = -1e9;

    open_three();
    for (unsigned i = 0; i < 12; i++)
        fixture_event(&f, i % 3, EVENT_RELEASED, MODE_MUTEX, LOCK_A, 0, AT_MAIN);
    snprintf(f.memory->control.message, sizeof f.memory->control.message, "two\nlines");
    fixture_event(&f, 0, EVENT_INVARIANT, 0, 0, 0, 0);
    write_it();
    expect("invariant      two lines\n", true);
    for (char *line, *rest = text; (line = strsep(&rest, "\n")) != NULL && *line != 0;) {
        double now = strtod(line, NULL);

        CU_ASSERT_TRUE(now >= last && now <= 0);
        last = now;
    }
    close_it();
}

static void test_an_empty_ring(void)
{
    fixture_open(&f);
    text = timeline_write(&f.evidence, NULL, NULL, 0, NULL);
    CU_ASSERT_STRING_EQUAL(text, "");
    close_it();
}

/* Whatever stands in the rings, a timeline is text and has an end. */
static void test_damage(void)
{
    static struct damage_original original;
    struct damage damage = {.seed = 0x71e};

    open_three();
    for (unsigned i = 0; i < 12; i++)
        fixture_event(&f, i % 3, EVENT_RELEASED, MODE_MUTEX, LOCK_A, 0, AT_MAIN);
    damage_keep(&original, &f);
    for (unsigned i = 0; i < 300; i++) {
        for (unsigned k = 0; k < 8; k++)
            damage_somewhere(&damage, f.memory);
        for (unsigned k = 0; k < 12; k++)
            damage_word(&damage, &f.memory->lane[k % 3].ring[k / 3],
                        sizeof f.memory->lane[0].ring[0]);
        write_it();
        CU_ASSERT_TRUE(lines_with("\n") <= TIMELINE_LINES);
        free(text);
        damage_restore(&original, &f);
    }
    fixture_close(&f);
}

int main(void)
{
    static const struct fixture_case cases[] = {
        {"words", test_words},
        {"who is concerned", test_who_is_concerned},
        {"milestones are kept", test_milestones_are_kept},
        {"allocations", test_allocations},
        {"never longer than promised", test_never_longer_than_promised},
        {"order", test_order},
        {"an empty ring", test_an_empty_ring},
        {"damage", test_damage},
        {NULL, NULL},
    };

    return fixture_main("timeline", cases);
}
