/*
 * test_store_batch: sums grow by what was committed, and a refused batch leaves nothing.
 */
#include "store_fixture.h"

/* struct snapshot - all that a batch may change. */
struct snapshot {
    struct store_cell cell;
    uint64_t findings;
    uint64_t series;
};

static int count_finding(const struct store_finding *finding, void *context)
{
    (void)finding;
    ++*(uint64_t *)context;
    return 0;
}

static int count_series(int64_t cell, uint64_t cycle, const char *kind, size_t samples,
                        void *context)
{
    (void)cell, (void)cycle, (void)kind, (void)samples;
    ++*(uint64_t *)context;
    return 0;
}

static struct snapshot look(struct fixture *f)
{
    struct snapshot now = {0};
    struct store_cell *cells;
    size_t count;

    fixture_ok(f, store_cells(f->store, &cells, &count, &f->e));
    CU_ASSERT_TRUE_FATAL(count > 0);
    now.cell = cells[0];
    now.cell.target = now.cell.workload = now.cell.variant = now.cell.injector = now.cell.mode =
        now.cell.state = now.cell.notes = NULL;
    store_cells_free(cells, count);
    fixture_ok(f, store_findings(f->store, false, count_finding, &now.findings, &f->e));
    fixture_ok(f, store_series_list(f->store, count_series, &now.series, &f->e));
    return now;
}

static void test_sums(void)
{
    struct store_batch batch = {.cell = 1,
                                .first = 0,
                                .count = 15,
                                .passed = 5,
                                .failed = 4,
                                .broken = 3,
                                .skipped = 2,
                                .not_fired = 1,
                                .nanoseconds = 1000,
                                .longest = 300};
    struct snapshot now;
    struct fixture f;

    batch.histogram[0] = 15;
    batch.histogram[63] = UINT32_MAX - 1;
    fixture_create(&f);
    fixture_cell(&f, "a", "none");
    fixture_ok(&f, store_commit_batch(f.store, &batch, NULL, 0, NULL, 0, &f.e));
    batch.first = 15;
    batch.longest = 200;
    fixture_ok(&f, store_commit_batch(f.store, &batch, NULL, 0, NULL, 0, &f.e));
    fixture_reopen(&f, false);
    now = look(&f);
    CU_ASSERT_EQUAL(now.cell.next, 30);
    CU_ASSERT_EQUAL(now.cell.passed, 10);
    CU_ASSERT_EQUAL(now.cell.failed, 8);
    CU_ASSERT_EQUAL(now.cell.broken, 6);
    CU_ASSERT_EQUAL(now.cell.skipped, 4);
    CU_ASSERT_EQUAL(now.cell.not_fired, 2);
    CU_ASSERT_EQUAL(now.cell.nanoseconds, 2000);
    CU_ASSERT_EQUAL(now.cell.longest, 300);
    CU_ASSERT_EQUAL(now.cell.histogram[0], 30);
    CU_ASSERT_EQUAL(now.cell.histogram[1], 0);
    CU_ASSERT_EQUAL(now.cell.histogram[63], UINT32_MAX);
    CU_ASSERT_EQUAL(now.cell.planned, 1000);
    fixture_remove(&f);
}

/* struct wrong - a good batch of ten cycles with two findings and a series, to be spoilt. */
struct wrong {
    struct store_batch batch;
    struct store_finding findings[3];
    struct store_series series[2];
    size_t series_count;
};

static const int64_t three[] = {1, 2, 3};

static struct wrong good(void)
{
    struct wrong w = {.batch = fixture_batch(1, 10, 10), .series_count = 2};

    w.batch.passed = 8;
    w.batch.failed = 2;
    w.findings[0] = fixture_finding(1, 12, 0, STOP_LOCK_DEADLOCK, "a");
    w.findings[1] = fixture_finding(1, 12, 1, STOP_EXIT_THREADS_ALIVE, "b");
    w.findings[2] = fixture_finding(1, 19, 0, STOP_LOCK_DEADLOCK, "a");
    for (int i = 0; i < 2; i++)
        w.series[i] = (struct store_series){
            .cell = 1, .cycle = 13, .kind = "fds", .sample = three, .samples = 3};
    w.series[1].first_lap = 3;
    return w;
}

static void expect(struct fixture *f, struct wrong *w, int want, const char *word)
{
    struct snapshot before = look(f), after;

    f->e.text[0] = '\0';
    fixture_code(
        f,
        store_commit_batch(f->store, &w->batch, w->findings, 3, w->series, w->series_count, &f->e),
        want);
    if (strstr(f->e.text, word) == NULL)
        printf("\n    no '%s' in: %s", word, f->e.text);
    CU_ASSERT_PTR_NOT_NULL(strstr(f->e.text, word));
    after = look(f);
    CU_ASSERT_EQUAL(memcmp(&before, &after, sizeof before), 0);
}

#define SPOILT(change, code, word)                                                                 \
    do {                                                                                           \
        struct wrong w = good();                                                                   \
        change;                                                                                    \
        expect(&f, &w, code, word);                                                                \
    } while (0)

static void test_refusals(void)
{
    struct fixture f;
    struct wrong fine = good();

    fixture_create(&f);
    fixture_cell(&f, "a", "none");
    fixture_ok(&f, fixture_pass(&f, 1, 0, 10));
    SPOILT(w.batch.first = 9, ERROR_RANGE, "cycle 19, which is not in it");
    SPOILT(w.batch.passed = 9, ERROR_RANGE, "verdicts of 11 cycles for 10");
    SPOILT(w.findings[2].cycle = 20, ERROR_RANGE, "cycle 20, which is not in it");
    SPOILT(w.findings[0].cycle = 9, ERROR_RANGE, "cycle 9, which is not in it");
    SPOILT(w.findings[0].cell = 2, ERROR_RANGE, "which is not in it");
    SPOILT(w.findings[2].cycle = 11, ERROR_RANGE, "out of order");
    SPOILT(w.findings[2].place = 1, ERROR_RANGE, "without all places");
    SPOILT(w.findings[1].place = 2, ERROR_RANGE, "without all places");
    SPOILT(w.findings[1].place = 0, ERROR_RANGE, "without all places");
    SPOILT(w.findings[0].code = STOP_NONE, ERROR_RANGE, "without a known code");
    SPOILT(w.findings[0].code = STOP_COUNT, ERROR_RANGE, "without a known code");
    SPOILT(w.findings[2].severity = (enum stop_severity)9, ERROR_RANGE, "without a known code");
    SPOILT((w.findings[0].severity = STOP_SEVERITY_NOTE,
            w.findings[1].severity = STOP_SEVERITY_FINDING),
           ERROR_RANGE, "a note hides a finding");
    SPOILT(w.series[1].first_lap = 2, ERROR_RANGE, "comes twice");
    SPOILT(w.series[1].first_lap = 0, ERROR_RANGE, "comes twice");
    SPOILT(w.series[0].cycle = 20, ERROR_RANGE, "series of cycle 20");
    SPOILT(w.series[0].cell = 2, ERROR_RANGE, "series of cycle 13");
    SPOILT((w.batch.cell = 5, w.findings[0].cell = w.findings[1].cell = w.findings[2].cell = 5,
            w.series_count = 0),
           ERROR_NOT_FOUND, "no cell 5");
    fixture_ok(&f,
               store_commit_batch(f.store, &fine.batch, fine.findings, 3, fine.series, 2, &f.e));
    CU_ASSERT_EQUAL(look(&f).findings, 3);
    CU_ASSERT_EQUAL(look(&f).cell.next, 20);
    /* A second time it begins too early. */
    expect(&f, &fine, ERROR_RANGE, "goes on at 20");
    fixture_remove(&f);
}
#undef SPOILT

static void test_first_too_early_and_late(void)
{
    struct fixture f;

    fixture_create(&f);
    fixture_cell(&f, "a", "none");
    CU_ASSERT_EQUAL(fixture_pass(&f, 1, 1, 5), ERROR_RANGE);
    fixture_ok(&f, fixture_pass(&f, 1, 0, 5));
    CU_ASSERT_EQUAL(fixture_pass(&f, 1, 0, 5), ERROR_RANGE);
    CU_ASSERT_EQUAL(fixture_pass(&f, 1, 4, 5), ERROR_RANGE);
    CU_ASSERT_EQUAL(fixture_pass(&f, 1, 6, 5), ERROR_RANGE);
    fixture_ok(&f, fixture_pass(&f, 1, 5, 0));
    fixture_ok(&f, fixture_pass(&f, 1, 5, 5));
    CU_ASSERT_EQUAL(look(&f).cell.next, 10);
    fixture_remove(&f);
}

/* Something in the middle of the transaction fails: an alien trigger refuses one kind. */
static void test_failure_in_the_middle(void)
{
    struct wrong w = good();
    struct fixture f;

    fixture_create(&f);
    fixture_cell(&f, "a", "none");
    fixture_ok(&f, fixture_pass(&f, 1, 0, 10));
    store_close(f.store);
    f.store = NULL;
    fixture_sql(&f, "CREATE TRIGGER t BEFORE INSERT ON series WHEN new.first_lap = 3 "
                    "BEGIN SELECT raise(ABORT, 'no room in the trigger'); END");
    fixture_reopen(&f, true);
    expect(&f, &w, ERROR_RANGE, "no room in the trigger");
    w.series_count = 1;
    fixture_ok(&f, store_commit_batch(f.store, &w.batch, w.findings, 3, w.series, 1, &f.e));
    CU_ASSERT_EQUAL(look(&f).findings, 3);
    CU_ASSERT_EQUAL(look(&f).series, 1);
    fixture_remove(&f);
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"sums", test_sums},
        {"refusals", test_refusals},
        {"first too early and late", test_first_too_early_and_late},
        {"failure in the middle", test_failure_in_the_middle},
        CU_TEST_INFO_NULL,
    };

    return vector_run("batch", tests);
}
