/*
 * test_compare: one run against another, and three weeks of nights in which a fault appears and a
 * rate triples. ci/nights does the latter many times over, with real cells.
 */
#include "night_fixture.h"
#include "store_fixture.h"

#include <results/compare/compare.h>

#include <CUnit/Basic.h>
#include <math.h>

static struct fixture f;
static struct comparison result;
static char text_of_path[2][FIXTURE_PATH + 32];

static const char *night(int day)
{
    static int turn;
    char *path = text_of_path[turn++ % 2];

    snprintf(path, sizeof text_of_path[0], "%s/night-%d", f.directory, day);
    return path;
}

static void write_night(int day, const struct night_cell *cells, size_t count)
{
    fixture_ok(&f, night_write(f.directory, day, cells, count, &f.e));
}

static void compare_days(int old, int new)
{
    struct compare_options options = {.old = night(old), .new = night(new)};

    fixture_ok(&f, compare_runs(&options, &result, &f.e));
}

static void compare_history(int new)
{
    struct compare_options options = {.history = f.directory, .new = night(new)};

    fixture_ok(&f, compare_runs(&options, &result, &f.e));
}

static struct compare_sums sums(void)
{
    struct compare_sums sums;

    compare_worse(&result, &sums);
    return sums;
}

static const struct compare_signature *find(const char *signature)
{
    for (size_t i = 0; i < result.signatures; i++)
        if (strcmp(result.signature[i].signature, signature) == 0)
            return &result.signature[i];
    return NULL;
}

static char *as_text(bool json)
{
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);

    CU_ASSERT_PTR_NOT_NULL_FATAL(out);
    if (json)
        compare_json(&result, out);
    else
        compare_text(&result, out, 100, true);
    fclose(out);
    return text;
}

static void finish(void)
{
    compare_free(&result);
    fixture_remove(&f);
}

static struct night_cell cell_of(const char *target, uint64_t cycles, const char *signature,
                                 uint64_t fails)
{
    return (struct night_cell){.target = target,
                               .injector = "none",
                               .cycles = cycles,
                               .signature = {signature},
                               .fails = {fails}};
}

/* --- two runs ----------------------------------------------------------------------------------
 */

static void test_same(void)
{
    struct night_cell cells[] = {cell_of("a", 1000, "known", 10), cell_of("b", 1000, NULL, 0)};

    fixture_directory(&f);
    write_night(1, cells, 2);
    write_night(2, cells, 2);
    compare_days(1, 2);
    CU_ASSERT_FALSE(compare_worse(&result, &(struct compare_sums){0}));
    CU_ASSERT_PTR_NULL(compare_untrusted(&result));
    CU_ASSERT_EQUAL(result.tested, 2);
    CU_ASSERT_EQUAL(find("known")->change, COMPARE_SAME);
    CU_ASSERT_EQUAL(result.cell[0].p, 1);
    CU_ASSERT_EQUAL(result.differences, 0);
    finish();
}

static void test_signatures(void)
{
    struct night_cell old = {.target = "a",
                             .injector = "none",
                             .cycles = 1000,
                             .signature = {"lost", "rare", "raised", "kept"},
                             .fails = {50, 1, 3, 2},
                             .note = {false, false, true, false}};
    struct night_cell new = {.target = "a",
                             .injector = "none",
                             .cycles = 1000,
                             .signature = {"fresh", "raised", "kept", "remark"},
                             .fails = {1, 3, 2, 4},
                             .note = {false, false, false, true}};

    fixture_directory(&f);
    write_night(1, &old, 1);
    write_night(2, &new, 1);
    compare_days(1, 2);
    CU_ASSERT_EQUAL(find("fresh")->change, COMPARE_NEW);
    CU_ASSERT_EQUAL(find("fresh")->now, 1);
    CU_ASSERT_EQUAL(find("fresh")->now_runs, 1000);
    CU_ASSERT_EQUAL(find("remark")->change, COMPARE_NEW);
    CU_ASSERT_EQUAL(find("raised")->change, COMPARE_WORSE);
    CU_ASSERT_EQUAL(find("kept")->change, COMPARE_SAME);
    CU_ASSERT_EQUAL(find("lost")->change, COMPARE_GONE);
    CU_ASSERT_FALSE(find("lost")->rare);
    CU_ASSERT_TRUE(find("rare")->rare);
    CU_ASSERT_DOUBLE_EQUAL(find("rare")->chance, 0.5, 1e-9);
    CU_ASSERT_EQUAL(sums().new_findings, 1); /* the remark is none */
    CU_ASSERT_EQUAL(sums().raised, 1);
    finish();
}

/* The verdict of a cycle, and the same once more as a note: one cycle. */
static void write_both(int day, uint64_t cycles)
{
    struct night_cell cell = cell_of("a", 0, NULL, 0);
    struct store_batch batch = fixture_batch(1, 0, 100);
    struct store_finding findings[200];
    struct store *store;

    batch.passed = 100 - cycles;
    batch.failed = cycles;
    for (size_t i = 0; i < 2 * cycles; i++) {
        findings[i] = night_finding(1, i / 2, "both", i % 2 == 1);
        findings[i].place = i % 2;
    }
    write_night(day, &cell, 1);
    fixture_ok(&f, store_open(night(day), true, &store, &f.e));
    fixture_ok(&f, store_commit_batch(store, &batch, findings, 2 * cycles, NULL, 0, &f.e));
    store_close(store);
}

static void test_both(void)
{
    fixture_directory(&f);
    write_both(1, 70);
    write_both(2, 60);
    compare_days(1, 2);
    CU_ASSERT_EQUAL(find("both")->before, 70);
    CU_ASSERT_EQUAL(find("both")->now, 60);
    CU_ASSERT_EQUAL(find("both")->now_runs, 100);
    CU_ASSERT_EQUAL(find("both")->severity, STOP_SEVERITY_FINDING);
    finish();
}

static void test_rates(void)
{
    struct night_cell old[] = {cell_of("a", 10000, "x", 10), cell_of("b", 10000, "y", 100),
                               cell_of("only old", 10, NULL, 0)};
    struct night_cell new[] = {cell_of("b", 10000, "y", 20), cell_of("a", 10000, "x", 60),
                               cell_of("only new", 10, NULL, 0)};

    fixture_directory(&f);
    write_night(1, old, 3);
    write_night(2, new, 3);
    compare_days(1, 2);
    CU_ASSERT_EQUAL_FATAL(result.cells, 4);
    CU_ASSERT_EQUAL(result.tested, 2);
    CU_ASSERT_EQUAL(result.cell[0].change, COMPARE_BETTER); /* b, in NEW's order */
    CU_ASSERT_EQUAL(result.cell[1].change, COMPARE_WORSE);
    CU_ASSERT_TRUE(result.cell[2].in_new && !result.cell[2].in_old);
    CU_ASSERT_TRUE(result.cell[3].in_old && !result.cell[3].in_new);
    CU_ASSERT_TRUE(isnan(result.cell[2].p));
    CU_ASSERT_EQUAL(sums().rates, 1);
    finish();
}

static void test_fired_and_speed(void)
{
    struct night_cell old[4], new[4];
    static const char *const names[] = {"a", "b", "c", "d"};

    for (int i = 0; i < 4; i++) {
        old[i] = cell_of(names[i], 1000, NULL, 0);
        new[i] = old[i];
        new[i].bucket = 41; /* the machine itself is slower */
    }
    new[3].bucket = 47;
    old[0].not_fired = 10;
    new[0].not_fired = 700;
    fixture_directory(&f);
    write_night(1, old, 4);
    write_night(2, new, 4);
    compare_days(1, 2);
    CU_ASSERT_EQUAL(result.cell[0].fired, COMPARE_WORSE);
    CU_ASSERT_EQUAL(result.cell[1].fired, COMPARE_SAME);
    CU_ASSERT_DOUBLE_EQUAL(result.common, sqrt(2), 1e-6);
    CU_ASSERT_DOUBLE_EQUAL(result.cell[3].speed.ratio, 4, 1e-6);
    CU_ASSERT_EQUAL(result.cell[3].speed.change, COMPARE_WORSE);
    CU_ASSERT_EQUAL(result.cell[1].speed.change, COMPARE_SAME);
    CU_ASSERT_EQUAL(sums().slower, 0); /* not asked for */
    result.slower = 3;
    CU_ASSERT_EQUAL(sums().slower, 1);
    finish();
}

static void test_broken(void)
{
    struct night_cell one = cell_of("a", 100, NULL, 0), other = one;

    other.broken = 2;
    fixture_directory(&f);
    write_night(1, &one, 1);
    write_night(2, &other, 1);
    compare_days(1, 2);
    CU_ASSERT_PTR_NOT_NULL_FATAL(compare_untrusted(&result));
    CU_ASSERT_PTR_NOT_NULL(strstr(compare_untrusted(&result), "2 of its cycles are broken"));
    CU_ASSERT_TRUE(isnan(result.cell[0].p)); /* 2 %: it tells nothing */
    finish();
}

static void test_differences(void)
{
    struct night_cell cell = cell_of("a", 100, NULL, 0);
    struct store *store;

    fixture_directory(&f);
    write_night(1, &cell, 1);
    write_night(2, &cell, 1);
    fixture_ok(&f, store_open(night(1), true, &store, &f.e));
    fixture_ok(&f, store_meta_set(store, "kernel", "5.10", &f.e));
    fixture_ok(&f, store_meta_set(store, "build.prog", "aa", &f.e));
    store_close(store);
    fixture_ok(&f, store_open(night(2), true, &store, &f.e));
    fixture_ok(&f, store_meta_set(store, "kernel", "6.1", &f.e));
    store_close(store);
    compare_days(1, 2);
    CU_ASSERT_EQUAL_FATAL(result.differences, 2); /* the seed is none */
    CU_ASSERT_STRING_EQUAL(result.difference[0].key, "build.prog");
    CU_ASSERT_PTR_NULL(result.difference[0].new);
    CU_ASSERT_STRING_EQUAL(result.difference[1].new, "6.1");
    finish();
}

/* --- leaks -------------------------------------------------------------------------------------
 */

static void write_leak(int day, int64_t step)
{
    struct night_cell cell = cell_of("a", 0, NULL, 0);
    int64_t samples[500];
    struct store_batch batch = fixture_batch(1, 0, 1);
    /* Call sites explain a leak and laps take time: neither is one. */
    struct store_series series[] = {{1, 0, "heap.bytes", 0, samples, 500},
                                    {1, 0, "site.bytes/1 grow.c:3 grow", 0, samples, 500},
                                    {1, 0, "lap.ns", 0, samples, 500}};
    struct store *store;

    for (int i = 0; i < 500; i++)
        samples[i] = 4096 + i * step;
    write_night(day, &cell, 1);
    fixture_ok(&f, store_open(night(day), true, &store, &f.e));
    fixture_ok(&f, store_commit_batch(store, &batch, NULL, 0, series, 3, &f.e));
    store_close(store);
}

static void test_leaks(void)
{
    fixture_directory(&f);
    write_leak(1, 0);
    write_leak(2, 8);
    write_leak(3, 24);
    compare_days(1, 2);
    CU_ASSERT_EQUAL_FATAL(result.leaks, 1);
    CU_ASSERT_EQUAL(result.leak[0].change, COMPARE_WORSE);
    CU_ASSERT_EQUAL(result.leak[0].new.verdict, STATS_LEAK_FOUND);
    CU_ASSERT_EQUAL(sums().leaks, 1);
    compare_free(&result);
    compare_days(2, 3);
    CU_ASSERT_TRUE(result.leak[0].apart);
    CU_ASSERT_EQUAL(result.leak[0].change, COMPARE_WORSE);
    compare_free(&result);
    compare_days(2, 2);
    CU_ASSERT_EQUAL(result.leak[0].change, COMPARE_SAME);
    compare_free(&result);
    compare_days(3, 1);
    CU_ASSERT_EQUAL(result.leak[0].change, COMPARE_BETTER);
    finish();
}

/* --- nights ------------------------------------------------------------------------------------
 */

/* Failures of 10,000 at about 0.5 %, up and down by chance alone. */
static uint64_t chance_of(uint64_t *state, double rate)
{
    uint64_t count = 0;

    for (int i = 0; i < 10000; i++)
        count += (double)(fixture_random(state) >> 11) / 0x1p53 < rate;
    return count;
}

static void write_nights(int days)
{
    uint64_t state = 11;

    for (int day = 1; day <= days; day++) {
        struct night_cell cells[] = {
            cell_of("a", 10000, "old fault", chance_of(&state, 0.005)),
            cell_of("b", 10000, "tripled", chance_of(&state, day >= 18 ? 0.006 : 0.002)),
            cell_of("c", 10000, "new fault", day >= 15 ? chance_of(&state, 0.0005) : 0)};

        write_night(day, cells, 3);
    }
}

static void test_learning(void)
{
    fixture_directory(&f);
    write_nights(10);
    compare_history(10);
    CU_ASSERT_EQUAL(result.earlier, 9);
    CU_ASSERT_EQUAL(result.tested, 0);
    CU_ASSERT_EQUAL(result.learning, 3);
    CU_ASSERT_TRUE(isnan(result.cell[0].p));
    finish();
}

static void test_nights(void)
{
    fixture_directory(&f);
    write_nights(19);
    compare_history(14); /* later nights lie beside it */
    CU_ASSERT_EQUAL(result.earlier, 13);
    CU_ASSERT_PTR_NOT_NULL_FATAL(result.left_out);
    CU_ASSERT_PTR_NOT_NULL(strstr(result.left_out, "it began later"));
    CU_ASSERT_FALSE(compare_worse(&result, &(struct compare_sums){0}));
    compare_free(&result);
    compare_history(15);
    CU_ASSERT_EQUAL(find("new fault")->change, COMPARE_NEW);
    CU_ASSERT_EQUAL(sums().new_findings, 1);
    compare_free(&result);
    compare_history(17);
    CU_ASSERT_EQUAL(find("new fault")->change, COMPARE_SAME);
    CU_ASSERT_EQUAL(result.cell[1].change, COMPARE_SAME);
    compare_free(&result);
    compare_history(18);
    CU_ASSERT_EQUAL(result.cell[1].change, COMPARE_WORSE);
    CU_ASSERT_EQUAL(result.cell[0].change, COMPARE_SAME);
    CU_ASSERT_TRUE(result.cell[1].nights == 17 && result.cell[1].adjusted <= 0.1);
    finish();
}

static void test_history_refused(void)
{
    struct night_cell cell = cell_of("a", 100, NULL, 0);
    struct compare_options options = {.history = f.directory};
    char path[2 * FIXTURE_PATH];

    fixture_directory(&f);
    write_night(5, &cell, 1);
    options.new = night(5);
    CU_ASSERT_EQUAL(compare_runs(&options, &result, &f.e), ERROR_USAGE);
    compare_free(&result);
    /* One that cannot be read is named, and the rest is compared. */
    write_night(3, &cell, 1);
    write_night(4, &cell, 1);
    snprintf(path, sizeof path, "%s/" STORE_FILE, night(4));
    CU_ASSERT_EQUAL_FATAL(truncate(path, 5000), 0);
    options.new = night(5);
    fixture_ok(&f, compare_runs(&options, &result, &f.e));
    CU_ASSERT_EQUAL(result.earlier, 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(result.left_out, "night-4"));
    compare_free(&result);
    options.history = "/nowhere";
    CU_ASSERT_EQUAL(compare_runs(&options, &result, &f.e), ERROR_USAGE);
    finish();
}

/* --- words -------------------------------------------------------------------------------------
 */

static void test_words(void)
{
    struct night_cell old = cell_of("evil \x1b[31m<b>", 10000, "old", 5);
    struct night_cell new = cell_of("evil \x1b[31m<b>", 10000, "new \x1b]0;x\a", 500);
    char *text;

    fixture_directory(&f);
    write_night(1, &old, 1);
    write_night(2, &new, 1);
    compare_days(1, 2);
    text = as_text(false);
    CU_ASSERT_PTR_NULL(strchr(text, '\x1b'));
    CU_ASSERT_PTR_NULL(strchr(text, '\a'));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "new signatures: 1"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "again: rundown replay"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "Fisher's exact test"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "WORSE: 1 new signature"));
    /* Differences of the machine stand before all else. */
    CU_ASSERT_TRUE(strstr(text, "machine and binaries") < strstr(text, "new signatures"));
    free(text);
    text = as_text(true);
    CU_ASSERT_PTR_NULL(strchr(text, '\x1b'));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "\"rundown-compare\""));
    free(text);
    finish();
}

int main(void)
{
    CU_pSuite suite;

    CU_initialize_registry();
    suite = CU_add_suite("compare", NULL, NULL);
    CU_add_test(suite, "same", test_same);
    CU_add_test(suite, "signatures", test_signatures);
    CU_add_test(suite, "rates", test_rates);
    CU_add_test(suite, "fired and speed", test_fired_and_speed);
    CU_add_test(suite, "broken", test_broken);
    CU_add_test(suite, "differences", test_differences);
    CU_add_test(suite, "a note beside a finding", test_both);
    CU_add_test(suite, "leaks", test_leaks);
    CU_add_test(suite, "learning", test_learning);
    CU_add_test(suite, "three weeks", test_nights);
    CU_add_test(suite, "histories refused", test_history_refused);
    CU_add_test(suite, "words", test_words);
    CU_basic_run_tests();
    return CU_get_number_of_failures() > 0;
}
