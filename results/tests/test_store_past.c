/*
 * test_store_past: what earlier nights had of a run's cells and signatures.
 */
#include "store_fixture.h"

struct got {
    struct store_past row[8];
    char started[8][32];
    size_t count;
    uint64_t key, cycles, findings;
};

static int keep(const struct store_past *past, void *context)
{
    struct got *got = context;

    if (got->count == 8)
        return 1;
    snprintf(got->started[got->count], sizeof got->started[0], "%s", past->started);
    got->row[got->count++] = *past;
    return 0;
}

static void add(struct fixture *f, int64_t cell, const char *started, uint64_t cycles,
                uint64_t findings)
{
    struct store_past past = {cell, started, cycles, findings};

    fixture_ok(f, store_past_add(f->store, &past, &f->e));
}

static void test_rows(void)
{
    struct got got = {.count = 0};
    struct fixture f;

    fixture_create(&f);
    fixture_ok(&f, store_past(f.store, keep, &got, &f.e));
    CU_ASSERT_EQUAL(got.count, 0); /* no table */
    add(&f, 2, "2024-01-02", 100, 3);
    add(&f, 2, "2024-01-01", 200, 0);
    add(&f, 1, "2024-01-02", 300, 1);
    add(&f, 1, "2024-01-02", 400, 2); /* in its place */
    fixture_reopen(&f, false);
    fixture_ok(&f, store_past(f.store, keep, &got, &f.e));
    CU_ASSERT_EQUAL_FATAL(got.count, 3);
    CU_ASSERT_EQUAL(got.row[0].cell, 1);
    CU_ASSERT_EQUAL(got.row[0].cycles, 400);
    CU_ASSERT_EQUAL(got.row[0].findings, 2);
    CU_ASSERT_STRING_EQUAL(got.started[1], "2024-01-01");
    CU_ASSERT_EQUAL(got.row[1].cycles, 200);
    CU_ASSERT_STRING_EQUAL(got.started[2], "2024-01-02");
    CU_ASSERT_EQUAL(got.row[2].findings, 3);
    fixture_remove(&f);
}

static void test_seen_before(void)
{
    struct fixture f;
    bool seen = true;

    fixture_create(&f);
    fixture_ok(&f, store_seen_before(f.store, "a", &seen, &f.e));
    CU_ASSERT_FALSE(seen);
    fixture_ok(&f, store_seen_before_add(f.store, "a", &f.e));
    fixture_ok(&f, store_seen_before_add(f.store, "a", &f.e));
    fixture_ok(&f, store_seen_before(f.store, "a", &seen, &f.e));
    CU_ASSERT_TRUE(seen);
    fixture_ok(&f, store_seen_before(f.store, "b", &seen, &f.e));
    CU_ASSERT_FALSE(seen);
    fixture_remove(&f);
}

static int take_rate(uint64_t key, uint64_t cycles, uint64_t findings, void *context)
{
    struct got *got = context;

    got->count++;
    got->key = key;
    got->cycles = cycles;
    got->findings = findings;
    return 0;
}

static void test_rates(void)
{
    struct got got = {.count = 0};
    struct store_finding finding;
    struct fixture f;
    int64_t cell;

    fixture_create(&f);
    cell = fixture_cell(&f, "w", "none");
    fixture_ok(&f, fixture_pass(&f, cell, 0, 9));
    finding = fixture_finding(cell, 9, 0, STOP_LOCK_DEADLOCK, "one");
    fixture_ok(&f, fixture_fail(&f, cell, 9, &finding, 1));
    fixture_sql(&f, "UPDATE cell SET key = 77");
    fixture_ok(&f, store_rates(f.store, take_rate, &got, &f.e));
    CU_ASSERT_EQUAL(got.count, 1);
    CU_ASSERT_EQUAL(got.key, 77);
    CU_ASSERT_EQUAL(got.cycles, 10);
    CU_ASSERT_EQUAL(got.findings, 1);
    fixture_remove(&f);
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"rows", test_rows},
        {"seen before", test_seen_before},
        {"rates", test_rates},
        CU_TEST_INFO_NULL,
    };

    return vector_run("store past", tests);
}
