/*
 * Tests of evidence: what makes sense is found, what makes none is taken for missing.
 */
#include <harness/supervisor/evidence/evidence.h>

#include "evidence_fixture.h"

#include <string.h>

#include <CUnit/Basic.h>

static struct fixture f;

static void test_lane_must_be_of_this_cycle_and_sane(void)
{
    fixture_open(&f);
    fixture_lane(&f, "T1");
    fixture_lane(&f, "T1.1");
    CU_ASSERT_PTR_EQUAL(evidence_lane(&f.evidence, 1), &f.memory->lane[1]);
    CU_ASSERT_PTR_NULL(evidence_lane(&f.evidence, 2));
    CU_ASSERT_PTR_NULL(evidence_lane(&f.evidence, UINT32_MAX));
    f.memory->lane[1].epoch--;
    CU_ASSERT_PTR_NULL(evidence_lane(&f.evidence, 1));
    f.memory->lane[1].epoch++;
    f.memory->lane[1].state = LANE_ENDED + 1;
    CU_ASSERT_PTR_NULL(evidence_lane(&f.evidence, 1));
    f.memory->lane[1].state = LANE_RUNS;
    f.memory->lane[1].site = ABI_SITES_ALL;
    CU_ASSERT_PTR_NULL(evidence_lane(&f.evidence, 1));
    f.memory->lane[1].site = 0;
    memset(f.memory->lane[1].name, 'x', sizeof f.memory->lane[1].name);
    CU_ASSERT_PTR_NULL(evidence_lane(&f.evidence, 1));
    strcpy(f.memory->lane[1].name, "T1\n1");
    CU_ASSERT_PTR_NULL(evidence_lane(&f.evidence, 1));
    fixture_close(&f);
}

static void test_lanes_are_bounded(void)
{
    fixture_open(&f);
    f.memory->control.lanes = 3;
    CU_ASSERT_EQUAL(evidence_lanes(&f.evidence), 3);
    f.memory->control.lanes = UINT32_MAX;
    CU_ASSERT_EQUAL(evidence_lanes(&f.evidence), ABI_LANES);
    f.evidence.memory = NULL;
    CU_ASSERT_EQUAL(evidence_lanes(&f.evidence), 0);
    CU_ASSERT_PTR_NULL(evidence_lane(&f.evidence, 0));
    CU_ASSERT_PTR_NULL(evidence_control(&f.evidence));
    fixture_close(&f);
}

/* A lane is used again when its thread has ended; the new thread has another id. */
static void test_thread_of_lane_has_its_id(void)
{
    unsigned thread;

    fixture_open(&f);
    fixture_lane(&f, "T1");
    thread = fixture_thread(&f, 0, THREAD_GONE, -2);
    f.evidence.thread[thread].tid = 1;
    CU_ASSERT_PTR_NULL(evidence_thread_of(&f.evidence, 0));
    thread = fixture_thread(&f, 0, THREAD_WAITING, -2);
    CU_ASSERT_PTR_EQUAL(evidence_thread_of(&f.evidence, 0), &f.evidence.thread[thread]);
    fixture_close(&f);
}

static void test_events_come_last_first(void)
{
    const struct abi_lane *lane;

    fixture_open(&f);
    fixture_lane(&f, "T1");
    lane = &f.memory->lane[0];
    for (unsigned i = 0; i < ABI_RING_EVENTS + 10; i++)
        fixture_event(&f, 0, EVENT_HEARTBEAT, 0, i, 0, 0);
    CU_ASSERT_EQUAL(evidence_event(lane, 0)->object, ABI_RING_EVENTS + 9);
    CU_ASSERT_EQUAL(evidence_event(lane, ABI_RING_EVENTS - 1)->object, 10);
    CU_ASSERT_PTR_NULL(evidence_event(lane, ABI_RING_EVENTS));
    CU_ASSERT_FALSE(evidence_complete(lane));
    f.memory->lane[0].seq = 2;
    CU_ASSERT_PTR_NULL(evidence_event(lane, 2));
    CU_ASSERT_TRUE(evidence_complete(lane));
    f.memory->lane[0].seq = UINT64_MAX;
    CU_ASSERT_PTR_NOT_NULL(evidence_event(lane, 0));
    fixture_close(&f);
}

static void test_held_is_bounded(void)
{
    fixture_open(&f);
    fixture_lane(&f, "T1");
    fixture_hold(&f, 0, 0x1000, MODE_MUTEX, 0);
    CU_ASSERT_PTR_NOT_NULL(evidence_held(&f.memory->lane[0], 0));
    CU_ASSERT_PTR_NULL(evidence_held(&f.memory->lane[0], 1));
    f.memory->lane[0].held_count = UINT32_MAX;
    CU_ASSERT_PTR_NULL(evidence_held(&f.memory->lane[0], ABI_HELD));
    f.memory->lane[0].held[0].mode = ABI_MODES;
    CU_ASSERT_PTR_NULL(evidence_held(&f.memory->lane[0], 0));
    fixture_close(&f);
}

static void test_point_of_its_own(void)
{
    const struct abi_death *death;
    char text[PLAN_POINT_BYTES];

    fixture_open(&f);
    fixture_lane(&f, "T1");
    fixture_lane(&f, "T1.2");
    fixture_kill(&f, 1, SITE_MALLOC, 17, 41);
    death = evidence_death_of(&f.evidence, 1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(death);
    CU_ASSERT_TRUE(evidence_own_point(&f.evidence, death));
    evidence_point_text(&f.evidence, death, text);
    CU_ASSERT_STRING_EQUAL(text, "T1.2:malloc#17+41i");
    CU_ASSERT_TRUE(evidence_struck(&f.evidence, 1));
    CU_ASSERT_FALSE(evidence_struck(&f.evidence, 0));
    strcpy(f.memory->control.plan.strike[0].thread, "T1");
    CU_ASSERT_FALSE(evidence_own_point(&f.evidence, death));
    f.memory->death[0].lane = ABI_LANES;
    CU_ASSERT_PTR_NULL(evidence_death(&f.evidence, 0));
    CU_ASSERT_PTR_NULL(evidence_death(&f.evidence, ABI_DEATHS));
    fixture_close(&f);
}

static void test_module_must_have_a_range(void)
{
    struct abi_module *module;

    fixture_open(&f);
    module = fixture_module(&f, "/a/libx.so", 0x1000, 0x2000, 0, -1);
    CU_ASSERT_PTR_EQUAL(evidence_module(&f.evidence, 0), module);
    CU_ASSERT_PTR_NULL(evidence_module(&f.evidence, 1));
    module->end = 0x1000;
    CU_ASSERT_PTR_NULL(evidence_module(&f.evidence, 0));
    module->end = 0x2000;
    module->state = 9;
    CU_ASSERT_PTR_NULL(evidence_module(&f.evidence, 0));
    fixture_close(&f);
}

static void test_time_needs_a_clock(void)
{
    fixture_open(&f);
    CU_ASSERT_DOUBLE_EQUAL(evidence_ms(&f.evidence, 1000, 4000), 3.0, 1e-9);
    CU_ASSERT(evidence_ms(&f.evidence, 4000, 1000) < 0);
    f.memory->control.tick_hz = 0;
    CU_ASSERT(evidence_ms(&f.evidence, 1000, 4000) < 0);
    fixture_close(&f);
}

static void expect_frame(const struct evidence_frame *frame, const char *expected)
{
    char text[EVIDENCE_TEXT_BYTES];

    evidence_frame_text(frame, text);
    CU_ASSERT_STRING_EQUAL(text, expected);
}

static void test_frame_text_says_what_is_known(void)
{
    struct evidence_frame frame = {.pc = 0x1139, .offset = 0x139};

    expect_frame(&frame, "0x1139");
    strcpy(frame.module, "libx.so");
    expect_frame(&frame, "libx.so+0x139");
    strcpy(frame.function, "worker");
    expect_frame(&frame, "worker  libx.so+0x139");
    strcpy(frame.file, "x.c");
    frame.line = 12;
    expect_frame(&frame, "worker  libx.so  x.c:12");
    memset(frame.function, 'f', sizeof frame.function); /* no NUL */
    memset(frame.module, 'm', sizeof frame.module);
    memset(frame.file, 'c', sizeof frame.file);
    frame.line = 12;
    char text[EVIDENCE_TEXT_BYTES];
    evidence_frame_text(&frame, text);
    CU_ASSERT(strlen(text) < EVIDENCE_TEXT_BYTES);
}

static void test_address_text_without_a_namer(void)
{
    char text[EVIDENCE_TEXT_BYTES];

    fixture_open(&f);
    fixture_symbol(&f, 0x5000, "prog", "main", "prog.c", 3);
    evidence_address_text(&f.evidence, 0x5004, text);
    CU_ASSERT_STRING_EQUAL(text, "main  prog  prog.c:3");
    /* A call that is its function's last instruction returns to the next function. */
    evidence_caller_text(&f.evidence, 0x5100, text);
    CU_ASSERT_STRING_EQUAL(text, "main  prog  prog.c:3");
    f.evidence.name = NULL;
    evidence_address_text(&f.evidence, 0x5004, text);
    CU_ASSERT_STRING_EQUAL(text, "0x5004");
    evidence_address_text(&f.evidence, 0, text);
    CU_ASSERT_STRING_EQUAL(text, "?");
    fixture_close(&f);
}

static void test_culprit_is_the_first_of_its_own(void)
{
    struct evidence_frame frame[4] = {{0}};
    char text[EVIDENCE_CULPRIT_BYTES];

    strcpy(frame[0].module, "libc.so.6");
    strcpy(frame[0].function, "abort");
    strcpy(frame[1].module, "librundown-agent.so");
    strcpy(frame[1].function, "free");
    strcpy(frame[2].module, "libstdc++.so.6");
    strcpy(frame[3].module, "libfoo.so");
    strcpy(frame[3].function, "foo_close");
    evidence_culprit(frame, 4, text);
    CU_ASSERT_STRING_EQUAL(text, "libfoo.so:foo_close");
    evidence_culprit(frame, 3, text);
    CU_ASSERT_STRING_EQUAL(text, "libc.so.6:abort");
    frame[3].function[0] = 0;
    evidence_culprit(frame, 4, text);
    CU_ASSERT_STRING_EQUAL(text, "libfoo.so:?");
    evidence_culprit(frame, 0, text);
    CU_ASSERT_STRING_EQUAL(text, "");
}

static void expect_culprit(const char *module, const char *function, const char *wanted)
{
    struct evidence_frame frame;
    char text[EVIDENCE_CULPRIT_BYTES];

    fixture_fill(&frame, module, function, "", 0);
    evidence_culprit(&frame, 1, text);
    CU_ASSERT_STRING_EQUAL(text, wanted);
}

/* What a compiler or a patch release adds to a name is not part of the bug. */
static void test_culprits_of_other_builds(void)
{
    expect_culprit("prog", "work.constprop.0", "prog:work");
    expect_culprit("prog", "work.part.1.cold", "prog:work");
    expect_culprit("prog", "work.isra.0.constprop.2", "prog:work");
    expect_culprit("prog", "work.cold", "prog:work");
    expect_culprit("prog", "work.lto_priv.12", "prog:work");
    expect_culprit("prog", ".cold", "prog:.cold");
    expect_culprit("prog", "_ZN1a4work", "prog:_ZN1a4work");
    expect_culprit("libfoo.so.1.2.3", "work", "libfoo.so.1:work");
    expect_culprit("libfoo.so.12", "work", "libfoo.so.12:work");
    expect_culprit("libfoo.so", "work", "libfoo.so:work");
    expect_culprit("libfoo-2.4.so", "", "libfoo-2.4.so:?");
    expect_culprit("libfoo.so.new.1", "work", "libfoo.so.new.1:work");
}

static void test_own_libraries_are_not_the_system(void)
{
    CU_ASSERT_TRUE(evidence_is_system("ld-linux-x86-64.so.2"));
    CU_ASSERT_TRUE(evidence_is_system("librundown-lttng.so"));
    CU_ASSERT_FALSE(evidence_is_system("libcurl.so.4"));
    CU_ASSERT_FALSE(evidence_is_system("libc_helper.so"));
    CU_ASSERT_FALSE(evidence_is_system("rundown-target"));
}

static void test_lane_names(void)
{
    char text[EVIDENCE_NAME_BYTES];

    fixture_open(&f);
    fixture_lane(&f, "T1");
    fixture_lane(&f, "T1.1");
    evidence_lane_text(&f.evidence, 0, text);
    CU_ASSERT_STRING_EQUAL(text, "T1 (main)");
    evidence_lane_text(&f.evidence, 1, text);
    CU_ASSERT_STRING_EQUAL(text, "T1.1");
    evidence_lane_text(&f.evidence, 99, text);
    CU_ASSERT_STRING_EQUAL(text, "T?");
    fixture_close(&f);
}

static void test_object_names(void)
{
    char text[EVIDENCE_TEXT_BYTES];

    fixture_open(&f);
    fixture_symbol(&f, 0x8000, "prog", "table_lock", "", 0);
    evidence_object_text(&f.evidence, MODE_MUTEX, 0x8000, text);
    CU_ASSERT_STRING_EQUAL(text, "mutex table_lock");
    f.symbol[f.symbols - 1].frame.function_offset = 0x40;
    evidence_object_text(&f.evidence, MODE_MUTEX, 0x8040, text);
    CU_ASSERT_STRING_EQUAL(text, "mutex table_lock+0x40");
    evidence_object_text(&f.evidence, MODE_SPIN, 0x99, text);
    CU_ASSERT_STRING_EQUAL(text, "spin lock 0x99");
    evidence_object_text(&f.evidence, UINT32_MAX, 0x99, text);
    CU_ASSERT_STRING_EQUAL(text, "lock 0x99");
    fixture_close(&f);
}

static void test_paths_without_an_end(void)
{
    char path[ABI_PATH_BYTES];
    char base[64];

    memset(path, 'x', sizeof path);
    evidence_path_base(path, base);
    CU_ASSERT_EQUAL(strlen(base), 63);
    strcpy(path, "/usr/lib/libz.so.1");
    evidence_path_base(path, base);
    CU_ASSERT_STRING_EQUAL(base, "libz.so.1");
    path[0] = 0;
    evidence_path_base(path, base);
    CU_ASSERT_STRING_EQUAL(base, "a module");
}

static void test_said_wants_the_start_of_a_line(void)
{
    static const char *const words[] = {"free(): ", NULL};
    char text[EVIDENCE_TEXT_BYTES];

    fixture_open(&f);
    evidence_said(&f.evidence, words, text);
    CU_ASSERT_STRING_EQUAL(text, "");
    f.evidence.output = "a free(): b\nfree(): invalid pointer\nend";
    evidence_said(&f.evidence, words, text);
    CU_ASSERT_STRING_EQUAL(text, "free(): invalid pointer");
    f.evidence.output = "a free(): b\n";
    evidence_said(&f.evidence, words, text);
    CU_ASSERT_STRING_EQUAL(text, "");
    fixture_close(&f);
}

int main(void)
{
    static const struct fixture_case cases[] = {
        {"a lane is of this cycle and sane", test_lane_must_be_of_this_cycle_and_sane},
        {"lanes are bounded", test_lanes_are_bounded},
        {"a thread has its lane's id", test_thread_of_lane_has_its_id},
        {"events come last first", test_events_come_last_first},
        {"held locks are bounded", test_held_is_bounded},
        {"a point of its own", test_point_of_its_own},
        {"a module has a range", test_module_must_have_a_range},
        {"time needs a clock", test_time_needs_a_clock},
        {"a frame in words", test_frame_text_says_what_is_known},
        {"an address in words", test_address_text_without_a_namer},
        {"the culprit", test_culprit_is_the_first_of_its_own},
        {"culprits of other builds", test_culprits_of_other_builds},
        {"who is no culprit", test_own_libraries_are_not_the_system},
        {"names of threads", test_lane_names},
        {"names of locks", test_object_names},
        {"paths", test_paths_without_an_end},
        {"last words", test_said_wants_the_start_of_a_line},
        {NULL, NULL},
    };

    return fixture_main("evidence", cases);
}
