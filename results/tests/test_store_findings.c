/*
 * test_store_findings: what was seen comes back byte for byte, and repeats are counted right.
 */
#include "store_fixture.h"

/* struct seen - what a callback got, as far as tests ask. */
struct seen {
    unsigned count;
    unsigned stop_after;
    struct {
        int64_t id, cell, first_cell;
        uint64_t cycle, repeats, cells, cycles, first_cycle;
        unsigned place;
        char slug[40], signature[40];
        enum stop_code code;
        enum stop_severity severity;
    } at[64];
};

static int see(const struct store_finding *finding, void *context)
{
    struct seen *seen = context;

    CU_ASSERT_TRUE_FATAL(seen->count < 64);
    seen->at[seen->count].id = finding->id;
    seen->at[seen->count].cell = finding->cell;
    seen->at[seen->count].cycle = finding->cycle;
    seen->at[seen->count].place = finding->place;
    seen->at[seen->count].repeats = finding->repeats;
    seen->at[seen->count].cells = finding->repeat_cells;
    seen->at[seen->count].cycles = finding->repeat_cycles;
    seen->at[seen->count].first_cell = finding->first_cell;
    seen->at[seen->count].first_cycle = finding->first_cycle;
    seen->at[seen->count].code = finding->code;
    seen->at[seen->count].severity = finding->severity;
    snprintf(seen->at[seen->count].slug, 40, "%s", finding->slug);
    snprintf(seen->at[seen->count].signature, 40, "%s", finding->signature);
    seen->count++;
    return seen->count == seen->stop_after;
}

static struct seen list(struct fixture *f, int64_t cell, bool distinct)
{
    struct seen seen = {0};

    if (cell == 0)
        fixture_ok(f, store_findings(f->store, distinct, see, &seen, &f->e));
    else
        fixture_ok(f, store_cell_findings(f->store, cell, distinct, see, &seen, &f->e));
    return seen;
}

/* One failing cycle whose verdict has @signature. */
static void fail(struct fixture *f, int64_t cell, uint64_t cycle, const char *signature)
{
    struct store_finding finding = fixture_finding(cell, cycle, 0, STOP_LOCK_DEADLOCK, signature);

    fixture_ok(f, fixture_fail(f, cell, cycle, &finding, 1));
}

/*
 * Cell 1: 10 passed, then A B A (with a consequence B), 100 cycles not fired.
 * Cell 2: A, then a note of signature A. Cell 3: 5 passed and nothing else.
 * Written with cell 2 first, so that ids do not run with cells.
 */
static void three_cells(struct fixture *f)
{
    struct store_batch idle = fixture_batch(1, 13, 100);
    struct store_finding two[2] = {fixture_finding(1, 12, 0, STOP_LOCK_DEADLOCK, "A"),
                                   fixture_finding(1, 12, 1, STOP_HANG_DEADLOCK, "B")};

    fixture_create(f);
    for (int i = 0; i < 3; i++)
        fixture_cell(f, "target", i == 0 ? "none" : "thread-kill@malloc");
    fail(f, 2, 0, "A");
    fixture_ok(f, fixture_pass(f, 1, 0, 10));
    fail(f, 1, 10, "A");
    fail(f, 1, 11, "B");
    fixture_ok(f, fixture_fail(f, 1, 12, two, 2));
    idle.passed = 0;
    idle.not_fired = 100;
    fixture_ok(f, store_commit_batch(f->store, &idle, NULL, 0, NULL, 0, &f->e));
    two[0] = fixture_finding(2, 1, 0, STOP_LOCK_ORDER_INVERSION, "A");
    two[0].severity = STOP_SEVERITY_NOTE;
    fixture_ok(f, fixture_fail(f, 2, 1, two, 1));
    fixture_ok(f, fixture_pass(f, 3, 0, 5));
    fixture_reopen(f, false);
}

static void test_everything_in_order(void)
{
    static const struct {
        int64_t cell;
        uint64_t cycle;
        unsigned place;
        const char *signature;
        uint64_t repeats;
    } want[] = {{1, 10, 0, "A", 3}, {1, 11, 0, "B", 1}, {1, 12, 0, "A", 3},
                {1, 12, 1, "B", 0}, {2, 0, 0, "A", 3},  {2, 1, 0, "A", 1}};
    struct fixture f;
    struct seen seen;

    three_cells(&f);
    seen = list(&f, 0, false);
    CU_ASSERT_EQUAL_FATAL(seen.count, 6);
    for (size_t i = 0; i < 6; i++) {
        CU_ASSERT_EQUAL(seen.at[i].cell, want[i].cell);
        CU_ASSERT_EQUAL(seen.at[i].cycle, want[i].cycle);
        CU_ASSERT_EQUAL(seen.at[i].place, want[i].place);
        CU_ASSERT_STRING_EQUAL(seen.at[i].signature, want[i].signature);
        CU_ASSERT_EQUAL(seen.at[i].repeats, want[i].repeats);
    }
    seen = (struct seen){.stop_after = 2};
    fixture_ok(&f, store_findings(f.store, false, see, &seen, &f.e));
    CU_ASSERT_EQUAL(seen.count, 2);
    fixture_remove(&f);
}

static void test_distinct(void)
{
    struct fixture f;
    struct seen seen;

    three_cells(&f);
    seen = list(&f, 0, true);
    CU_ASSERT_EQUAL_FATAL(seen.count, 3);
    /* A as a finding: cycles 1:10, 1:12, 2:0. Cell 1 has 13 that count, cell 2 has 2. */
    CU_ASSERT_EQUAL(seen.at[0].cycle, 10);
    CU_ASSERT_EQUAL(seen.at[0].repeats, 3);
    CU_ASSERT_EQUAL(seen.at[0].cells, 2);
    CU_ASSERT_EQUAL(seen.at[0].cycles, 15);
    CU_ASSERT_EQUAL(seen.at[0].first_cell, 1);
    CU_ASSERT_EQUAL(seen.at[0].first_cycle, 10);
    CU_ASSERT_STRING_EQUAL(seen.at[1].signature, "B");
    CU_ASSERT_EQUAL(seen.at[1].cycles, 13);
    CU_ASSERT_EQUAL(seen.at[1].cells, 1);
    /* The note of the same signature stands for itself. */
    CU_ASSERT_EQUAL(seen.at[2].severity, STOP_SEVERITY_NOTE);
    CU_ASSERT_EQUAL(seen.at[2].cell, 2);
    CU_ASSERT_EQUAL(seen.at[2].repeats, 1);
    fixture_remove(&f);
}

static void test_of_one_cell(void)
{
    struct fixture f;
    struct seen seen;

    three_cells(&f);
    seen = list(&f, 2, true);
    CU_ASSERT_EQUAL_FATAL(seen.count, 2);
    CU_ASSERT_EQUAL(seen.at[0].cell, 2);
    CU_ASSERT_EQUAL(seen.at[0].repeats, 1);
    CU_ASSERT_EQUAL(seen.at[0].cells, 1);
    CU_ASSERT_EQUAL(seen.at[0].cycles, 2);
    CU_ASSERT_EQUAL(seen.at[0].first_cell, 2);
    CU_ASSERT_EQUAL(list(&f, 1, true).count, 2);
    CU_ASSERT_EQUAL(list(&f, 1, false).count, 4);
    CU_ASSERT_EQUAL(list(&f, 3, false).count, 0);
    CU_ASSERT_EQUAL(list(&f, -1, false).count, 0);
    seen.count = 0;
    fixture_ok(&f, store_cell_findings(f.store, 0, false, see, &seen, &f.e));
    CU_ASSERT_EQUAL(seen.count, 0);
    fixture_remove(&f);
}

static void test_one_cycle_and_one_id(void)
{
    struct fixture f;
    struct seen all, seen = {0};

    three_cells(&f);
    all = list(&f, 0, false);
    fixture_ok(&f, store_finding_get(f.store, 1, 12, see, &seen, &f.e));
    CU_ASSERT_EQUAL_FATAL(seen.count, 2);
    CU_ASSERT_STRING_EQUAL(seen.at[0].signature, "A");
    CU_ASSERT_EQUAL(seen.at[0].repeats, 0);
    CU_ASSERT_EQUAL(seen.at[1].place, 1);
    CU_ASSERT_EQUAL(seen.at[1].repeats, 0);
    fixture_ok(&f, store_finding_get(f.store, 1, 13, see, &seen, &f.e));
    CU_ASSERT_EQUAL(seen.count, 2);
    for (unsigned i = 0; i < all.count; i++) {
        seen.count = 0;
        fixture_ok(&f, store_finding_read(f.store, all.at[i].id, see, &seen, &f.e));
        CU_ASSERT_EQUAL_FATAL(seen.count, 1);
        CU_ASSERT_EQUAL(memcmp(&seen.at[0], &all.at[i], sizeof seen.at[0]), 0);
    }
    CU_ASSERT_EQUAL(store_finding_read(f.store, 99, see, &seen, &f.e), ERROR_NOT_FOUND);
    fixture_remove(&f);
}

static void test_counts(void)
{
    struct fixture f;
    uint64_t count;

    three_cells(&f);
    fixture_ok(&f, store_count_findings(f.store, 1, STOP_SEVERITY_FINDING, &count, &f.e));
    CU_ASSERT_EQUAL(count, 3);
    fixture_ok(&f, store_count_findings(f.store, 2, STOP_SEVERITY_NOTE, &count, &f.e));
    CU_ASSERT_EQUAL(count, 1);
    fixture_ok(&f, store_count_findings(f.store, 2, STOP_SEVERITY_HARNESS, &count, &f.e));
    CU_ASSERT_EQUAL(count, 0);
    fixture_ok(&f, store_count_findings(f.store, 9, STOP_SEVERITY_FINDING, &count, &f.e));
    CU_ASSERT_EQUAL(count, 0);
    fixture_remove(&f);
}

static const char odd_text[] = "caf\xe9 \xff\xc0\x80 \x1b[31m ''\";--\n\tT1 \xe2\x94\x80join";
static const char odd_output[] = "a\0b\xff\0\n";

static int compare(const struct store_finding *finding, void *context)
{
    CU_ASSERT_STRING_EQUAL(finding->text, odd_text);
    CU_ASSERT_STRING_EQUAL(finding->signature, odd_text);
    CU_ASSERT_STRING_EQUAL(finding->injected, odd_text);
    CU_ASSERT_STRING_EQUAL(finding->replay, odd_text);
    CU_ASSERT_STRING_EQUAL(finding->trace, odd_text);
    CU_ASSERT_STRING_EQUAL(finding->timeline, odd_text);
    CU_ASSERT_EQUAL_FATAL(finding->output_bytes, sizeof odd_output);
    CU_ASSERT_EQUAL(memcmp(finding->output, odd_output, sizeof odd_output), 0);
    CU_ASSERT_EQUAL(finding->hang_ms, 3.0625);
    CU_ASSERT_EQUAL(finding->code, STOP_CRASH_SIGNAL);
    CU_ASSERT_STRING_EQUAL(finding->slug, "crash.signal");
    ++*(unsigned *)context;
    return 0;
}

static int expect_empty(const struct store_finding *finding, void *context)
{
    CU_ASSERT_STRING_EQUAL(finding->text, "");
    CU_ASSERT_STRING_EQUAL(finding->trace, "");
    CU_ASSERT_EQUAL(finding->output_bytes, 0);
    CU_ASSERT_PTR_NOT_NULL(finding->output);
    CU_ASSERT_TRUE(finding->hang_ms < 0);
    ++*(unsigned *)context;
    return 0;
}

static void test_any_bytes(void)
{
    struct store_finding odd = {.cell = 1,
                                .code = STOP_CRASH_SIGNAL,
                                .severity = STOP_SEVERITY_FINDING,
                                .hang_ms = 3.0625,
                                .signature = odd_text,
                                .text = odd_text,
                                .injected = odd_text,
                                .replay = odd_text,
                                .trace = odd_text,
                                .timeline = odd_text,
                                .output = odd_output,
                                .output_bytes = sizeof odd_output},
                         empty = {.cell = 1,
                                  .cycle = 1,
                                  .code = STOP_CRASH_SIGNAL,
                                  .severity = STOP_SEVERITY_FINDING,
                                  .hang_ms = NAN};
    struct fixture f;
    unsigned count = 0;

    fixture_create(&f);
    fixture_cell(&f, "t", "none");
    fixture_ok(&f, fixture_fail(&f, 1, 0, &odd, 1));
    fixture_ok(&f, fixture_fail(&f, 1, 1, &empty, 1));
    fixture_reopen(&f, false);
    fixture_ok(&f, store_finding_get(f.store, 1, 0, compare, &count, &f.e));
    fixture_ok(&f, store_finding_get(f.store, 1, 1, expect_empty, &count, &f.e));
    CU_ASSERT_EQUAL(count, 2);
    fixture_remove(&f);
}

/* Written by another version: a code that we do not know still has its name. */
static void test_codes_are_words(void)
{
    struct fixture f;
    struct seen seen = {0};

    fixture_create(&f);
    fixture_cell(&f, "t", "none");
    fail(&f, 1, 0, "A");
    fail(&f, 1, 1, "B");
    store_close(f.store);
    f.store = NULL;
    fixture_sql(&f, "UPDATE finding SET code = 'lock.of-the-future' WHERE code = 'lock.deadlock' "
                    "AND cycle = 0");
    fixture_reopen(&f, false);
    seen = list(&f, 0, false);
    CU_ASSERT_EQUAL_FATAL(seen.count, 2);
    CU_ASSERT_EQUAL(seen.at[0].code, STOP_NONE);
    CU_ASSERT_STRING_EQUAL(seen.at[0].slug, "lock.of-the-future");
    CU_ASSERT_EQUAL(seen.at[1].code, STOP_LOCK_DEADLOCK);
    store_close(f.store);
    f.store = NULL;
    fixture_sql(&f, "UPDATE finding SET severity = 'dire' WHERE cycle = 1");
    fixture_reopen(&f, false);
    seen.count = 0;
    CU_ASSERT_EQUAL(store_findings(f.store, false, see, &seen, &f.e), ERROR_CORRUPT);
    CU_ASSERT_EQUAL(seen.count, 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(f.e.text, "dire"));
    fixture_remove(&f);
}

/* struct nest - reads the cycle of each finding while the list of them is under way. */
struct nest {
    struct fixture *f;
    struct seen seen;
};

static int look_inside(const struct store_finding *finding, void *context)
{
    struct nest *nest = context;

    fixture_ok(nest->f, store_finding_get(nest->f->store, finding->cell, finding->cycle, see,
                                          &nest->seen, &nest->f->e));
    CU_ASSERT_STRING_EQUAL(finding->slug, stop_code_entry(finding->code)->slug);
    return 0;
}

static void test_reading_inside(void)
{
    struct fixture f;
    struct nest nest = {.f = &f};

    three_cells(&f);
    fixture_ok(&f, store_findings(f.store, false, look_inside, &nest, &f.e));
    CU_ASSERT_EQUAL(nest.seen.count, 5 + 3);
    fixture_remove(&f);
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"everything in order", test_everything_in_order},
        {"distinct", test_distinct},
        {"of one cell", test_of_one_cell},
        {"one cycle and one id", test_one_cycle_and_one_id},
        {"counts", test_counts},
        {"any bytes", test_any_bytes},
        {"codes are words", test_codes_are_words},
        {"reading inside", test_reading_inside},
        CU_TEST_INFO_NULL,
    };

    return vector_run("findings", tests);
}
