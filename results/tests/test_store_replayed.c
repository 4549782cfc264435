/*
 * test_store_replayed: how often a finding came back is kept with it, and with no other.
 */
#include "store_fixture.h"

struct seen {
    uint64_t replayed[2];
    uint64_t reproduced[2];
    int64_t id[2];
    unsigned count;
};

static int see(const struct store_finding *finding, void *context)
{
    struct seen *seen = context;

    CU_ASSERT_TRUE_FATAL(seen->count < 2);
    seen->id[seen->count] = finding->id;
    seen->replayed[seen->count] = finding->replayed;
    seen->reproduced[seen->count++] = finding->reproduced;
    return 0;
}

static struct seen list(struct fixture *f)
{
    struct seen seen = {.count = 0};

    fixture_ok(f, store_findings(f->store, true, see, &seen, &f->e));
    CU_ASSERT_EQUAL_FATAL(seen.count, 2);
    return seen;
}

static void two_findings(struct fixture *f)
{
    static const char *const signature[] = {"A", "B"};

    fixture_create(f);
    fixture_cell(f, "target", "none");
    for (uint64_t i = 0; i < 2; i++) {
        struct store_finding finding = fixture_finding(1, i, 0, STOP_LOCK_DEADLOCK, signature[i]);

        fixture_ok(f, fixture_fail(f, 1, i, &finding, 1));
    }
}

static void test_kept_with_its_finding(void)
{
    struct fixture f;
    struct seen seen;

    two_findings(&f);
    seen = list(&f);
    CU_ASSERT_EQUAL(seen.replayed[0], 0);
    fixture_ok(&f, store_replayed_set(f.store, seen.id[1], 7, 10, &f.e));
    fixture_reopen(&f, true);
    seen = list(&f);
    CU_ASSERT_EQUAL(seen.replayed[0], 0);
    CU_ASSERT_EQUAL(seen.replayed[1], 10);
    CU_ASSERT_EQUAL(seen.reproduced[1], 7);
    fixture_ok(&f, store_replayed_set(f.store, seen.id[1], 0, 20, &f.e));
    seen = list(&f);
    CU_ASSERT_EQUAL(seen.replayed[1], 20);
    CU_ASSERT_EQUAL(seen.reproduced[1], 0);
    fixture_remove(&f);
}

static void test_refused(void)
{
    struct fixture f;
    struct seen seen;

    two_findings(&f);
    seen = list(&f);
    fixture_code(&f, store_replayed_set(f.store, 99, 1, 2, &f.e), ERROR_NOT_FOUND);
    fixture_code(&f, store_replayed_set(f.store, seen.id[0], 3, 2, &f.e), ERROR_RANGE);
    fixture_reopen(&f, false);
    fixture_code(&f, store_replayed_set(f.store, seen.id[0], 1, 2, &f.e), ERROR_PERMISSION);
    CU_ASSERT_EQUAL(list(&f).replayed[0], 0);
    fixture_remove(&f);
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"kept with its finding", test_kept_with_its_finding},
        {"refused", test_refused},
        CU_TEST_INFO_NULL,
    };

    return vector_run("replayed", tests);
}
