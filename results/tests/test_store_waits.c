/*
 * test_store_waits: who waits for whom is kept with its finding, or not at all.
 */
#include "store_fixture.h"

static void expect(struct fixture *f, int64_t finding, const char *want)
{
    char *text = NULL;

    fixture_ok(f, store_waits_read(f->store, finding, &text, &f->e));
    CU_ASSERT_STRING_EQUAL(text, want);
    free(text);
}

static void fail(struct fixture *f, uint64_t cycle, const char *waits)
{
    struct store_finding finding = fixture_finding(1, cycle, 0, STOP_LOADER_DEADLOCK, "a");

    finding.waits = waits;
    fixture_ok(f, fixture_fail(f, 1, cycle, &finding, 1));
}

static void test_kept_with_its_finding(void)
{
    struct fixture f;

    fixture_create(&f);
    fixture_cell(&f, "t", "none");
    fail(&f, 0, NULL);
    fail(&f, 1, "");
    expect(&f, 1, ""); /* there is no table yet */
    fail(&f, 2, "T1\twaits\tT2\truns\n");
    fixture_reopen(&f, false);
    expect(&f, 1, "");
    expect(&f, 3, "T1\twaits\tT2\truns\n");
    expect(&f, 99, "");
    fixture_remove(&f);
}

/* A batch that is refused leaves no arrow either. */
static void test_all_or_nothing(void)
{
    struct store_finding two[] = {fixture_finding(1, 0, 0, STOP_LOADER_DEADLOCK, "a"),
                                  fixture_finding(1, 0, 2, STOP_HANG_DEADLOCK, "b")};
    struct fixture f;

    fixture_create(&f);
    fixture_cell(&f, "t", "none");
    two[0].waits = "T1\twaits\tT2\truns\n";
    fixture_code(&f, fixture_fail(&f, 1, 0, two, 2), ERROR_RANGE);
    expect(&f, 1, "");
    fixture_remove(&f);
}

static void test_damage(void)
{
    struct fixture f;
    char *text = NULL;

    fixture_create(&f);
    fixture_cell(&f, "t", "none");
    fail(&f, 0, "T1\twaits\tT2\truns\n");
    store_close(f.store);
    f.store = NULL;
    fixture_sql(&f, "DROP TABLE waits; CREATE TABLE waits(x)");
    fixture_reopen(&f, false);
    CU_ASSERT_NOT_EQUAL(store_waits_read(f.store, 1, &text, &f.e), 0);
    CU_ASSERT_PTR_NULL(text);
    fixture_remove(&f);
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"kept with its finding", test_kept_with_its_finding},
        {"all or nothing", test_all_or_nothing},
        {"damage", test_damage},
        CU_TEST_INFO_NULL,
    };

    return vector_run("store waits", tests);
}
