/*
 * test_store_signatures: counts of signatures per cell, of verdicts and of what stands beside.
 */
#include "store_fixture.h"

#include <CUnit/Basic.h>

struct got {
    struct store_signature row[8];
    size_t count;
};

static int keep(const struct store_signature *row, void *context)
{
    struct got *got = context;

    if (got->count == 8)
        return 1;
    got->row[got->count] = *row;
    got->row[got->count].signature = strdup(row->signature);
    got->row[got->count].slug = strdup(row->slug);
    got->row[got->count++].replay = strdup(row->replay);
    return 0;
}

static void forget(struct got *got)
{
    for (size_t i = 0; i < got->count; i++) {
        free((char *)got->row[i].signature);
        free((char *)got->row[i].slug);
        free((char *)got->row[i].replay);
    }
    got->count = 0;
}

static void test_counts(void)
{
    struct fixture f;
    struct got got = {.count = 0};
    struct store_finding two[2];
    int64_t a, b;

    fixture_create(&f);
    a = fixture_cell(&f, "w", "none");
    b = fixture_cell(&f, "w", "delay");
    fixture_ok(&f, fixture_pass(&f, a, 0, 5));
    for (uint64_t cycle = 5; cycle < 8; cycle++) {
        two[0] = fixture_finding(a, cycle, 0, STOP_LOCK_DEADLOCK, "one");
        two[1] = fixture_finding(a, cycle, 1, STOP_HEAP_DOUBLE_FREE, "two");
        fixture_ok(&f, fixture_fail(&f, a, cycle, two, cycle == 7 ? 2 : 1));
    }
    two[0] = fixture_finding(b, 0, 0, STOP_HEAP_DOUBLE_FREE, "two");
    two[0].replay = "the line";
    fixture_ok(&f, fixture_fail(&f, b, 0, two, 1));
    fixture_ok(&f, store_signatures(f.store, keep, &got, &f.e));
    CU_ASSERT_EQUAL_FATAL(got.count, 3);
    CU_ASSERT_STRING_EQUAL(got.row[0].signature, "one");
    CU_ASSERT_STRING_EQUAL(got.row[0].slug, "lock.deadlock");
    CU_ASSERT_EQUAL(got.row[0].cell, a);
    CU_ASSERT_EQUAL(got.row[0].cycles, 3);
    CU_ASSERT_EQUAL(got.row[0].verdicts, 3);
    CU_ASSERT_EQUAL(got.row[0].first_cycle, 5);
    CU_ASSERT_STRING_EQUAL(got.row[1].signature, "two");
    CU_ASSERT_EQUAL(got.row[1].cycles, 1);
    CU_ASSERT_EQUAL(got.row[1].verdicts, 0);
    CU_ASSERT_EQUAL(got.row[1].first_cycle, 7);
    CU_ASSERT_EQUAL(got.row[2].cell, b);
    CU_ASSERT_EQUAL(got.row[2].verdicts, 1);
    CU_ASSERT_STRING_EQUAL(got.row[2].replay, "the line");
    forget(&got);
    fixture_remove(&f);
}

/* Cycles 0 to 2 have the note, 1 and 2 the finding as well: each cycle is one of them. */
static void test_both(void)
{
    struct fixture f;
    struct got got = {.count = 0};
    struct store_finding two[2];
    int64_t cell;

    fixture_create(&f);
    cell = fixture_cell(&f, "w", "none");
    for (uint64_t cycle = 0; cycle < 3; cycle++) {
        two[0] = fixture_finding(cell, cycle, 0, STOP_LOCK_DEADLOCK, cycle > 0 ? "one" : "other");
        two[1] = fixture_finding(cell, cycle, 1, STOP_LOCK_DEADLOCK, "one");
        two[1].severity = STOP_SEVERITY_NOTE;
        fixture_ok(&f, fixture_fail(&f, cell, cycle, two, 2));
    }
    fixture_ok(&f, store_signatures(f.store, keep, &got, &f.e));
    CU_ASSERT_EQUAL_FATAL(got.count, 3);
    CU_ASSERT_EQUAL(got.row[0].severity, STOP_SEVERITY_FINDING);
    CU_ASSERT_EQUAL(got.row[0].cycles, 2);
    CU_ASSERT_EQUAL(got.row[0].own_cycles, 2);
    CU_ASSERT_EQUAL(got.row[1].severity, STOP_SEVERITY_NOTE);
    CU_ASSERT_EQUAL(got.row[1].cycles, 3);
    CU_ASSERT_EQUAL(got.row[1].own_cycles, 1);
    CU_ASSERT_EQUAL(got.row[1].first_cycle, 0);
    forget(&got);
    fixture_remove(&f);
}

static void test_none(void)
{
    struct fixture f;
    struct got got = {.count = 0};

    fixture_create(&f);
    fixture_cell(&f, "w", "none");
    fixture_ok(&f, store_signatures(f.store, keep, &got, &f.e));
    CU_ASSERT_EQUAL(got.count, 0);
    fixture_remove(&f);
}

int main(void)
{
    CU_pSuite suite;

    CU_initialize_registry();
    suite = CU_add_suite("signatures", NULL, NULL);
    CU_add_test(suite, "counts", test_counts);
    CU_add_test(suite, "both severities", test_both);
    CU_add_test(suite, "none", test_none);
    CU_basic_run_tests();
    return CU_get_number_of_failures() > 0;
}
