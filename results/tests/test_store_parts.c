/*
 * test_store_parts: what a merged run knows of the runs that it was made of.
 */
#include "store_fixture.h"

#include <CUnit/Basic.h>

struct got {
    unsigned parts, notes, ranges;
    char last[64];
    struct store_range range;
};

static int each_part(int64_t id, const char *source, void *context)
{
    struct got *got = context;

    CU_ASSERT_EQUAL(id, ++got->parts);
    snprintf(got->last, sizeof got->last, "%s", source);
    return 0;
}

static int each_note(const char *key, const char *value, void *context)
{
    struct got *got = context;

    got->notes++;
    snprintf(got->last, sizeof got->last, "%s=%s", key, value);
    return 0;
}

static int each_range(const struct store_range *range, void *context)
{
    struct got *got = context;

    got->ranges++;
    got->range = *range;
    return 0;
}

static void test_none(void)
{
    struct fixture f;
    struct got got = {0};

    fixture_create(&f);
    fixture_ok(&f, store_parts(f.store, each_part, &got, &f.e));
    fixture_ok(&f, store_part_notes(f.store, 1, each_note, &got, &f.e));
    fixture_ok(&f, store_ranges(f.store, each_range, &got, &f.e));
    CU_ASSERT_EQUAL(got.parts + got.notes + got.ranges, 0);
    fixture_remove(&f);
}

static void test_some(void)
{
    struct fixture f;
    struct got got = {0};
    struct store_range range = {1, 2, UINT64_C(0xfedcba9876543210), 5, 7, 100};
    int64_t id;

    fixture_create(&f);
    fixture_ok(&f, store_part_add(f.store, "one", &id, &f.e));
    fixture_ok(&f, store_part_add(f.store, "two", &id, &f.e));
    CU_ASSERT_EQUAL(id, 2);
    fixture_ok(&f, store_part_note(f.store, 2, "kernel", "6.1", &f.e));
    fixture_ok(&f, store_range_add(f.store, &range, &f.e));
    fixture_reopen(&f, false);
    fixture_ok(&f, store_parts(f.store, each_part, &got, &f.e));
    CU_ASSERT_EQUAL(got.parts, 2);
    CU_ASSERT_STRING_EQUAL(got.last, "two");
    fixture_ok(&f, store_part_notes(f.store, 1, each_note, &got, &f.e));
    CU_ASSERT_EQUAL(got.notes, 0);
    fixture_ok(&f, store_part_notes(f.store, 2, each_note, &got, &f.e));
    CU_ASSERT_STRING_EQUAL(got.last, "kernel=6.1");
    fixture_ok(&f, store_ranges(f.store, each_range, &got, &f.e));
    CU_ASSERT_EQUAL(got.ranges, 1);
    CU_ASSERT_EQUAL(memcmp(&got.range, &range, sizeof range), 0);
    fixture_remove(&f);
}

int main(void)
{
    CU_pSuite suite;

    CU_initialize_registry();
    suite = CU_add_suite("parts", NULL, NULL);
    CU_add_test(suite, "none", test_none);
    CU_add_test(suite, "some", test_some);
    CU_basic_run_tests();
    return CU_get_number_of_failures() > 0;
}
