/*
 * test_store_cells: what goes into the table of cells comes out, byte for byte and bit for bit.
 */
#include "store_fixture.h"

static void test_every_field_comes_back(void)
{
    struct store_cell cell = {.target = "-- ./prog 'a b' \xff\xfe",
                              .workload = "prog",
                              .variant = "",
                              .injector = "thread-kill@T1.2:malloc#17+41i",
                              .mode = "controlled",
                              .state = "it has no threads\x1b[31m",
                              .notes = "one\ntwo",
                              .key = UINT64_MAX - 3,
                              .profile = UINT64_C(1) << 63,
                              .planned = 1,
                              .next = 2,
                              .passed = 3,
                              .failed = 4,
                              .broken = 5,
                              .skipped = 6,
                              .not_fired = 7,
                              .nanoseconds = UINT64_C(1) << 60,
                              .longest = 9},
                      *cells;
    struct fixture f;
    size_t count;

    for (uint32_t i = 0; i < ABI_HISTOGRAM; i++)
        cell.histogram[i] = UINT32_MAX / (i + 1);
    fixture_create(&f);
    fixture_ok(&f, store_cell_add(f.store, &cell, &f.e));
    CU_ASSERT_EQUAL(cell.id, 1);
    fixture_reopen(&f, false);
    fixture_ok(&f, store_cells(f.store, &cells, &count, &f.e));
    CU_ASSERT_EQUAL_FATAL(count, 1);
    CU_ASSERT_STRING_EQUAL(cells->target, cell.target);
    CU_ASSERT_STRING_EQUAL(cells->workload, cell.workload);
    CU_ASSERT_STRING_EQUAL(cells->variant, cell.variant);
    CU_ASSERT_STRING_EQUAL(cells->injector, cell.injector);
    CU_ASSERT_STRING_EQUAL(cells->mode, cell.mode);
    CU_ASSERT_STRING_EQUAL(cells->state, cell.state);
    CU_ASSERT_STRING_EQUAL(cells->notes, cell.notes);
    CU_ASSERT_EQUAL(memcmp(&cells->key, &cell.key, sizeof cell - offsetof(struct store_cell, key)),
                    0);
    store_cells_free(cells, count);
    fixture_remove(&f);
}

static void test_order_and_find(void)
{
    struct store_cell *cells;
    struct fixture f;
    size_t count;
    char name[16];

    fixture_create(&f);
    fixture_ok(&f, store_cells(f.store, &cells, &count, &f.e));
    CU_ASSERT_EQUAL(count, 0);
    store_cells_free(cells, count);
    for (int i = 1; i <= 100; i++) {
        snprintf(name, sizeof name, "cell %d", 101 - i);
        CU_ASSERT_EQUAL(fixture_cell(&f, name, "none"), i);
    }
    fixture_ok(&f, store_cells(f.store, &cells, &count, &f.e));
    CU_ASSERT_EQUAL_FATAL(count, 100);
    for (size_t i = 0; i < count; i++)
        CU_ASSERT_EQUAL(cells[i].id, (int64_t)i + 1);
    CU_ASSERT_STRING_EQUAL(store_cell_find(cells, count, 41)->target, "cell 60");
    CU_ASSERT_PTR_NULL(store_cell_find(cells, count, 101));
    CU_ASSERT_PTR_NULL(store_cell_find(cells, count, 0));
    store_cells_free(cells, count);
    fixture_remove(&f);
}

static void test_remark(void)
{
    struct store_cell remark = {.id = 2, .state = "refused", .notes = NULL, .profile = 77}, *cells;
    struct fixture f;
    size_t count;

    fixture_create(&f);
    fixture_cell(&f, "a", "none");
    fixture_cell(&f, "b", "none");
    fixture_ok(&f, fixture_pass(&f, 2, 0, 10));
    fixture_ok(&f, store_cell_remark(f.store, &remark, &f.e));
    remark.id = 3;
    CU_ASSERT_EQUAL(store_cell_remark(f.store, &remark, &f.e), ERROR_NOT_FOUND);
    fixture_ok(&f, store_cells(f.store, &cells, &count, &f.e));
    CU_ASSERT_EQUAL_FATAL(count, 2);
    CU_ASSERT_STRING_EQUAL(cells[0].state, "");
    CU_ASSERT_STRING_EQUAL(cells[1].state, "refused");
    CU_ASSERT_STRING_EQUAL(cells[1].notes, "");
    CU_ASSERT_EQUAL(cells[1].profile, 77);
    CU_ASSERT_EQUAL(cells[1].next, 10);
    store_cells_free(cells, count);
    fixture_remove(&f);
}

static void test_damaged_histogram(void)
{
    struct store_cell *cells;
    struct fixture f;
    size_t count;

    fixture_create(&f);
    fixture_cell(&f, "a", "none");
    fixture_cell(&f, "b", "none");
    store_close(f.store);
    f.store = NULL;
    fixture_sql(&f, "UPDATE cell SET histogram = x'0102' WHERE id = 2");
    fixture_reopen(&f, true);
    CU_ASSERT_EQUAL(store_cells(f.store, &cells, &count, &f.e), ERROR_CORRUPT);
    CU_ASSERT_PTR_NULL(cells);
    CU_ASSERT_EQUAL(count, 0);
    CU_ASSERT_EQUAL(fixture_pass(&f, 2, 0, 1), ERROR_CORRUPT);
    CU_ASSERT_EQUAL(fixture_pass(&f, 1, 0, 1), 0);
    fixture_remove(&f);
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"every field comes back", test_every_field_comes_back},
        {"order and find", test_order_and_find},
        {"remark", test_remark},
        {"damaged histogram", test_damaged_histogram},
        CU_TEST_INFO_NULL,
    };

    return vector_run("cells", tests);
}
