/*
 * Tests of the detector leftover: series of laps that leak, that do not, and that can't be.
 */
#include "evidence_fixture.h"

#include <stdio.h>
#include <string.h>

#include <CUnit/Basic.h>

extern const struct detector detector_leftover;

enum { LAPS = 500 };

static struct fixture f;
static struct judgement judgement;
static struct abi_lap laps[LAPS];

/* Everything stands still, with a little noise in what is always noisy. */
static void open_laps(unsigned count)
{
    fixture_open(&f);
    for (unsigned i = 0; i < LAPS; i++)
        laps[i] = (struct abi_lap){
            .ticks = i,
            .heap_bytes = 10000,
            .heap_blocks = 100,
            .threads = 2,
            .modules = 1,
            .fds = 3,
            .map_pages = 5000,
            .rss_pages = 700 + (int64_t)(plan_mix(1, 2, i) % 5),
        };
    f.evidence.lap = laps;
    f.evidence.laps = count;
}

static const struct finding *judge(enum stop_code code)
{
    fixture_judge(&f, &detector_leftover, &judgement);
    return fixture_found(&judgement, code);
}

static void expect_silence(void)
{
    judge(STOP_NONE);
    CU_ASSERT_EQUAL(judgement.findings, 0);
    fixture_close(&f);
}

static void test_eight_bytes_per_lap(void)
{
    const struct finding *finding;

    open_laps(LAPS);
    for (unsigned i = 0; i < LAPS; i++) {
        laps[i].heap_bytes += 8 * (int64_t)i;
        laps[i].heap_blocks += i;
    }
    finding = judge(STOP_LEAK_TREND_HEAP);
    CU_ASSERT_PTR_NOT_NULL_FATAL(finding);
    CU_ASSERT_EQUAL(judgement.findings, 1);
    CU_ASSERT_EQUAL(finding->severity, STOP_SEVERITY_FINDING);
    CU_ASSERT(
        fixture_says(finding, "live heap: +8 bytes per lap, interval +8 to +8, over 500 laps"));
    CU_ASSERT(fixture_says(finding, "rising"));
    CU_ASSERT(fixture_says(finding, "live blocks: +1 per lap over the last 249 laps, to 599"));
    fixture_close(&f);
}

/* A thousand blocks in the first laps are no part of what each lap loses. */
static void test_blocks_of_the_start(void)
{
    const struct finding *finding;

    open_laps(LAPS);
    for (unsigned i = 0; i < LAPS; i++) {
        laps[i].heap_bytes += 8 * (int64_t)i;
        laps[i].heap_blocks += i + (i < 4 ? 0 : 1000);
    }
    finding = judge(STOP_LEAK_TREND_HEAP);
    CU_ASSERT_PTR_NOT_NULL_FATAL(finding);
    CU_ASSERT(fixture_says(finding, "live blocks: +1 per lap over the last 249 laps, to 1599"));
    fixture_close(&f);
}

static void test_each_kind_has_its_code(void)
{
    static const enum stop_code codes[] = {STOP_LEAK_TREND_THREAD, STOP_LEAK_TREND_MODULE,
                                           STOP_LEAK_TREND_FD, STOP_LEAK_TREND_MAP,
                                           STOP_LEAK_TREND_RSS};

    for (unsigned kind = 0; kind < 5; kind++) {
        open_laps(LAPS);
        for (unsigned i = 0; i < LAPS; i++) {
            laps[i].threads += kind == 0 ? i : 0;
            laps[i].modules += kind == 1 ? i : 0;
            laps[i].fds += kind == 2 ? i : 0;
            laps[i].map_pages += kind == 3 ? i : 0;
            laps[i].rss_pages += kind == 4 ? i : 0;
        }
        CU_ASSERT_PTR_NOT_NULL(judge(codes[kind]));
        CU_ASSERT_EQUAL(judgement.findings, 1);
        CU_ASSERT_EQUAL(judgement.finding[0].severity, STOP_SEVERITY_FINDING);
        fixture_close(&f);
    }
}

static void test_pages_are_told_in_kib(void)
{
    open_laps(LAPS);
    for (unsigned i = 0; i < LAPS; i++)
        laps[i].map_pages += i;
    CU_ASSERT(fixture_says(judge(STOP_LEAK_TREND_MAP), "mapped memory: +4 KiB per lap"));
    fixture_close(&f);
}

/* Sixty laps are enough to suspect, not to say. */
static void test_suspect_is_a_note(void)
{
    const struct finding *finding;

    open_laps(60);
    for (unsigned i = 0; i < LAPS; i++)
        laps[i].heap_bytes += 8 * (int64_t)i;
    finding = judge(STOP_LEAK_TREND_HEAP);
    CU_ASSERT_PTR_NOT_NULL_FATAL(finding);
    CU_ASSERT_EQUAL(finding->severity, STOP_SEVERITY_NOTE);
    CU_ASSERT(fixture_says(finding, "suspect"));
    CU_ASSERT(fixture_says(finding, "+8 bytes per lap"));
    fixture_close(&f);
}

static void test_few_laps_leave_a_note(void)
{
    const struct finding *finding;

    open_laps(3);
    laps[2].fds = 5;
    laps[2].threads = 3;
    finding = judge(STOP_LEAK_TREND_FD);
    CU_ASSERT_PTR_NOT_NULL_FATAL(finding);
    CU_ASSERT_EQUAL(judgement.findings, 2);
    CU_ASSERT_EQUAL(finding->severity, STOP_SEVERITY_NOTE);
    CU_ASSERT(fixture_says(finding, "open descriptors: 2 descriptors more after lap 3"));
    CU_ASSERT_EQUAL(judge(STOP_LEAK_TREND_THREAD)->severity, STOP_SEVERITY_NOTE);
    fixture_close(&f);
}

static void test_twin_nothing_grows(void)
{
    open_laps(LAPS);
    expect_silence();
    open_laps(3);
    expect_silence();
    open_laps(1);
    expect_silence();
    open_laps(0);
    f.evidence.lap = NULL;
    expect_silence();
}

static void test_twin_warm_up_and_saw_tooth(void)
{
    open_laps(LAPS);
    for (unsigned i = 0; i < LAPS; i++)
        laps[i].heap_bytes += i < 5 ? 4096 * (int64_t)i : 4096 * 5 + 64 * (int64_t)(i % 7);
    expect_silence();
}

/* A thread that the plan parked is not left by the program. */
static void test_twin_struck_threads(void)
{
    open_laps(3);
    f.evidence.effect_thread = true;
    laps[2].threads = 3;
    laps[2].map_pages += 2050;
    expect_silence();
}

static void test_twin_arenas_of_the_first_laps(void)
{
    open_laps(10);
    for (unsigned i = 2; i < 10; i++)
        laps[i].map_pages += 33000;
    expect_silence();
}

/* Frees of blocks from before main make the live heap sink below 0. */
static void test_heap_may_be_negative(void)
{
    open_laps(LAPS);
    for (unsigned i = 0; i < LAPS; i++)
        laps[i].heap_bytes = -100000 + 16 * (int64_t)i;
    CU_ASSERT_PTR_NOT_NULL(judge(STOP_LEAK_TREND_HEAP));
    fixture_close(&f);
}

static void test_series_ends_at_a_missing_sample(void)
{
    open_laps(LAPS);
    for (unsigned i = 0; i < LAPS; i++)
        laps[i].fds = i < 20 ? 3 : -1;
    expect_silence();
    open_laps(LAPS);
    for (unsigned i = 0; i < LAPS; i++)
        laps[i].fds = i == 200 ? -1 : 3 + (int64_t)i;
    CU_ASSERT(fixture_says(judge(STOP_LEAK_TREND_FD), "over 200 laps"));
    fixture_close(&f);
}

/* Numbers that no program has: refused, never overflowed. */
static void test_damage(void)
{
    static const int64_t nasty[] = {
        INT64_MAX, INT64_MIN, -1, 0, INT64_C(1) << 60, -(INT64_C(1) << 60), (INT64_C(1) << 60) + 1};

    for (uint64_t seed = 0; seed < 200; seed++) {
        int64_t *words = (int64_t *)laps;

        open_laps(seed % 2 ? LAPS : 10);
        for (unsigned i = 0; i < 40; i++)
            words[plan_mix(seed, 1, i) % (sizeof laps / 8)] =
                nasty[plan_mix(seed, 2, i) % (sizeof nasty / sizeof nasty[0])];
        judge(STOP_NONE);
        for (unsigned i = 0; i < sizeof laps / 8; i++)
            words[i] = (int64_t)plan_mix(seed, 3, i);
        judge(STOP_NONE);
        fixture_close(&f);
    }
}

int main(void)
{
    static const struct fixture_case cases[] = {
        {"eight bytes a lap", test_eight_bytes_per_lap},
        {"blocks of the start", test_blocks_of_the_start},
        {"each kind has its code", test_each_kind_has_its_code},
        {"pages in KiB", test_pages_are_told_in_kib},
        {"a suspect is a note", test_suspect_is_a_note},
        {"few laps", test_few_laps_leave_a_note},
        {"a negative heap", test_heap_may_be_negative},
        {"a missing sample", test_series_ends_at_a_missing_sample},
        {"twin: nothing grows", test_twin_nothing_grows},
        {"twin: warm-up, saw-tooth", test_twin_warm_up_and_saw_tooth},
        {"twin: struck threads", test_twin_struck_threads},
        {"twin: arenas", test_twin_arenas_of_the_first_laps},
        {"damaged laps", test_damage},
        {NULL, NULL},
    };

    return fixture_main("detector leftover", cases);
}
