/*
 * test_leaks: what a run's series say: the worst of each kind, sites that grow, and the facts.
 */
#include <results/text/leaks.h>

#include "text_fixture.h"

enum { LAPS = 425, CYCLES = 3 };

static struct store_series series_of(const char *kind, uint64_t cycle, const int64_t *sample,
                                     size_t count)
{
    return (struct store_series){1, cycle, kind, 0, sample, count};
}

/* Cycle 1 leaks 16 bytes in each lap of 2 ms, half of them from each of two sites; 0 and 2 do not.
 */
static void write_run(struct fixture *f, const char *limits)
{
    static int64_t grows[LAPS], stands[LAPS], half[LAPS / 2], blocks[LAPS / 2], lap = 2000000;
    struct store_series series[] = {
        series_of("heap.bytes", 0, stands, LAPS),
        series_of("heap.bytes", 1, grows, LAPS),
        series_of("lap.ns", 1, &lap, 1),
        series_of("site.bytes/2 one  a.c:1", 1, half, LAPS / 2),
        series_of("site.bytes/2 two  b.c:2", 1, half, LAPS / 2),
        series_of("site.blocks/2 two  b.c:2", 1, blocks, LAPS / 2),
        series_of("fds", 2, stands, LAPS),
    };
    struct store_batch batch;

    for (int i = 0; i < LAPS; i++) {
        stands[i] = 1000;
        grows[i] = 1000 + 16 * i;
    }
    for (int i = 0; i < LAPS / 2; i++) {
        half[i] = 16 * i; /* 8 in each lap: every second is sampled */
        blocks[i] = 2 * i;
    }
    fixture_create(f);
    fixture_cell(f, "a target", "none");
    if (limits != NULL)
        fixture_ok(f, store_meta_set(f->store, "limits", limits, &f->e));
    batch = fixture_batch(1, 0, CYCLES);
    batch.passed = CYCLES;
    fixture_ok(f, store_commit_batch(f->store, &batch, NULL, 0, series,
                                     sizeof series / sizeof series[0], &f->e));
}

static void collect(struct fixture *f, struct leaks *leaks)
{
    struct store_cell *cells;
    size_t count;

    fixture_ok(f, store_cells(f->store, &cells, &count, &f->e));
    fixture_ok(f, leaks_collect(f->store, cells, count, leaks, &f->e));
    store_cells_free(cells, count);
}

static void test_worst(void)
{
    struct fixture f;
    struct leaks leaks;

    write_run(&f, NULL);
    collect(&f, &leaks);
    CU_ASSERT_EQUAL_FATAL(leaks.count, 2); /* neither sites nor durations are judged */
    CU_ASSERT_EQUAL(leaks.judged, 3);
    CU_ASSERT_EQUAL(leaks.moving, 1);
    CU_ASSERT_STRING_EQUAL(leaks.leak[0].kind, "heap.bytes");
    CU_ASSERT_EQUAL(leaks.leak[0].cycle, 1);
    CU_ASSERT_EQUAL(leaks.leak[0].series, 2);
    CU_ASSERT_EQUAL(leaks.leak[0].verdict.verdict, STATS_LEAK_FOUND);
    CU_ASSERT_STRING_EQUAL(leaks.leak[1].kind, "fds");
    leaks_free(&leaks);
    fixture_remove(&f);
}

static void test_sites(void)
{
    struct fixture f;
    struct leaks leaks;

    write_run(&f, NULL);
    collect(&f, &leaks);
    CU_ASSERT_EQUAL_FATAL(leaks.leak[0].sites, 2);
    CU_ASSERT_STRING_EQUAL(leaks.leak[0].site[0].place, "two  b.c:2"); /* more blocks */
    CU_ASSERT_EQUAL(leaks.leak[0].site[0].bytes, 8);
    CU_ASSERT_EQUAL(leaks.leak[0].site[0].blocks, 1);
    CU_ASSERT_EQUAL(leaks.leak[0].site[1].blocks, 0);
    CU_ASSERT_EQUAL(leaks.leak[1].sites, 0);
    leaks_free(&leaks);
    fixture_remove(&f);
}

static void each_fact(void *context, const char *name, const char *text)
{
    fprintf(context, "%s: %s\n", name, text);
}

static void expect_fact(const char *limits, const char *fact)
{
    struct fixture f;
    struct leaks leaks;
    struct capture c;

    write_run(&f, limits);
    collect(&f, &leaks);
    leaks_facts(&leaks.leak[0], each_fact, capture_open(&c));
    expect_has(capture_close(&c), fact);
    capture_free(&c);
    leaks_free(&leaks);
    fixture_remove(&f);
}

/* The last sample is 7,784; 16 bytes in 2 ms; 16,007,784 bytes are reached after 2,000 s. */
static void test_facts(void)
{
    expect_fact(NULL, "slope: +16 bytes/cycle, 95 % interval +16 to +16\n");
    expect_fact(NULL, "before: +16 bytes/cycle in the window before: now 1 times that\n");
    expect_fact(NULL, "runs out: no limit known\n");
    expect_fact("fds=10 rlimit", "runs out: no limit known\n");
    expect_fact("fds=10 rlimit;heap.bytes=16007784 cgroup",
                "bytes (cgroup), with cycles of 2.0 ms");
    expect_fact("heap.bytes=7784 memory", "runs out: in 0");
    expect_fact(NULL, "site: +8 bytes, +1 blocks/cycle  two  b.c:2\n");
    expect_fact(NULL, "site: +8 bytes, 0 blocks/cycle  one  a.c:1\n");
    expect_fact(NULL, "floor: a new one in the last block\n");
    expect_fact(NULL, "last steps: +16 +16 +16 +16 +16 +16 +16 +16 +16 +16 +16 +16 +16 +16 +16 +16 "
                      "+16 +16 +16 +16\n");
}

static void test_outlook(void)
{
    struct fixture f;
    struct leaks leaks;
    double soonest = 0, latest = 0;

    write_run(&f, "heap.bytes=16007784 cgroup");
    collect(&f, &leaks);
    CU_ASSERT_TRUE(leaks_outlook(&leaks.leak[0], &soonest, &latest));
    CU_ASSERT_DOUBLE_EQUAL(soonest, 2000, 1e-6);
    CU_ASSERT_DOUBLE_EQUAL(latest, 2000, 1e-6);
    CU_ASSERT_FALSE(leaks_outlook(&leaks.leak[1], &soonest, &latest));
    leaks_free(&leaks);
    fixture_remove(&f);
}

int main(void)
{
    CU_pSuite suite;

    if (CU_initialize_registry() != CUE_SUCCESS)
        return 2;
    suite = CU_add_suite("leaks", NULL, NULL);
    CU_ADD_TEST(suite, test_worst);
    CU_ADD_TEST(suite, test_sites);
    CU_ADD_TEST(suite, test_facts);
    CU_ADD_TEST(suite, test_outlook);
    CU_basic_set_mode(CU_BRM_VERBOSE);
    CU_basic_run_tests();
    return CU_get_number_of_failures() != 0;
}
