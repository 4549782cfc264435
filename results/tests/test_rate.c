/*
 * test_rate: the sentence about a cell's rate, and which cycles it is about.
 */
#include "text_fixture.h"

#include <results/text/rate.h>

static void expect(struct rate rate, const char *want)
{
    char out[RATE_BYTES];

    expect_text(rate_sentence(&rate, out), want);
}

static void test_sentences(void)
{
    /* Stopped when it was sure: no bound may be promised. */
    expect((struct rate){0, 340, 0, 0.012, 1, true, true},
           "0 of 340 (its notes say what that shows: --until-sure)");
    expect((struct rate){27, 1990, 0.0093, 0.0197, 1, false, true},
           "27 of 1,990: 1.4 % (95 % interval 0.93 to 2.0 %)");
    expect((struct rate){0, 2000, 0, 0.0019, 0.0014967, false, true},
           "0 of 2,000: below 0.15 % with 95 % confidence");
    /* Rounded to the nearest this would promise more than is known. */
    expect((struct rate){0, 1994, 0, 0.0019, 0.0015012, false, true},
           "0 of 1,994: below 0.16 % with 95 % confidence");
    expect((struct rate){27, 1990, 0.00939, 0.01961, 1, false, true},
           "27 of 1,990: 1.4 % (95 % interval 0.93 to 2.0 %)");
    expect((struct rate){0, 0, 0, 1, 1, false, true},
           "no cycle that counts, so nothing can be said");
    expect((struct rate){3, 2, 0, 1, 1, false, false},
           "3 of 2: these counts contradict each other");
}

/* 10 findings, 4 notes, 3 harness troubles; 980 + 10 + 4 count, 3 broken and 103 others do not. */
static void fill(struct fixture *f, struct store_cell *cell)
{
    static const enum stop_severity kinds[] = {STOP_SEVERITY_FINDING, STOP_SEVERITY_NOTE,
                                               STOP_SEVERITY_HARNESS};
    static const uint64_t counts[] = {10, 4, 3};
    struct store_batch batch = fixture_batch(1, 17, 1083);
    struct store_cell *cells;
    uint64_t cycle = 0;
    size_t count;

    fixture_create(f);
    fixture_cell(f, "t", "none");
    for (int k = 0; k < 3; k++)
        for (uint64_t i = 0; i < counts[k]; i++) {
            struct store_finding finding = fixture_finding(1, cycle, 0, STOP_LOCK_DEADLOCK, "same");
            struct store_batch one = fixture_batch(1, cycle++, 1);

            finding.severity = kinds[k];
            one.passed = kinds[k] == STOP_SEVERITY_NOTE;
            one.failed = kinds[k] == STOP_SEVERITY_FINDING;
            one.broken = kinds[k] == STOP_SEVERITY_HARNESS;
            fixture_ok(f, store_commit_batch(f->store, &one, &finding, 1, NULL, 0, &f->e));
        }
    batch.passed = 980;
    batch.not_fired = 100;
    batch.skipped = 3;
    fixture_ok(f, store_commit_batch(f->store, &batch, NULL, 0, NULL, 0, &f->e));
    fixture_ok(f, store_cells(f->store, &cells, &count, &f->e));
    *cell = cells[0];
    store_cells_free(cells, count);
}

static void test_of_a_cell(void)
{
    struct store_cell cell;
    struct fixture f;
    struct rate rate;

    fill(&f, &cell);
    fixture_ok(&f, rate_of_cell(f.store, &cell, &rate, &f.e));
    CU_ASSERT_EQUAL(rate.findings, 10);
    CU_ASSERT_EQUAL(rate.cycles, 994);
    CU_ASSERT_TRUE(rate.sane);
    CU_ASSERT_TRUE(rate.low > 0.005 && rate.low < 0.01006 && rate.high > 0.01006);
    CU_ASSERT_EQUAL(rate.below, 1);
    /* A cell that claims fewer cycles than findings. */
    cell.passed = 0;
    cell.failed = 9;
    fixture_ok(&f, rate_of_cell(f.store, &cell, &rate, &f.e));
    CU_ASSERT_FALSE(rate.sane);
    fixture_remove(&f);
}

static void test_of_a_clean_cell(void)
{
    struct store_cell cell = {.id = 1, .passed = 2995};
    struct fixture f;
    struct rate rate;
    char out[RATE_BYTES];

    fixture_create(&f);
    fixture_cell(&f, "t", "none");
    fixture_ok(&f, rate_of_cell(f.store, &cell, &rate, &f.e));
    expect_text(rate_sentence(&rate, out), "0 of 2,995: below 0.10 % with 95 % confidence");
    cell.passed = 1;
    fixture_ok(&f, rate_of_cell(f.store, &cell, &rate, &f.e));
    expect_text(rate_sentence(&rate, out), "0 of 1: below 95.0 % with 95 % confidence");
    fixture_remove(&f);
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"sentences", test_sentences},
        {"of a cell", test_of_a_cell},
        {"of a clean cell", test_of_a_clean_cell},
        CU_TEST_INFO_NULL,
    };

    return vector_run("rate", tests);
}
