/*
 * test_store_transaction: several batches as one change, and a refused one among them.
 */
#include "store_fixture.h"

#include <CUnit/Basic.h>

static uint64_t next_of(struct fixture *f, int64_t cell)
{
    struct store_cell *cells;
    size_t count;
    uint64_t next;

    fixture_ok(f, store_cells(f->store, &cells, &count, &f->e));
    next = store_cell_find(cells, count, cell)->next;
    store_cells_free(cells, count);
    return next;
}

static void test_kept(void)
{
    struct fixture f;
    int64_t cell;

    fixture_create(&f);
    cell = fixture_cell(&f, "w", "none");
    fixture_ok(&f, store_begin(f.store, &f.e));
    fixture_ok(&f, fixture_pass(&f, cell, 0, 10));
    /* A batch that is refused takes back itself alone. */
    CU_ASSERT_EQUAL(fixture_pass(&f, cell, 5, 10), ERROR_RANGE);
    fixture_ok(&f, fixture_pass(&f, cell, 10, 5));
    fixture_ok(&f, store_finish(f.store, true, &f.e));
    fixture_reopen(&f, false);
    CU_ASSERT_EQUAL(next_of(&f, cell), 15);
    fixture_remove(&f);
}

static void test_taken_back(void)
{
    struct fixture f;
    int64_t cell;

    fixture_create(&f);
    cell = fixture_cell(&f, "w", "none");
    fixture_ok(&f, fixture_pass(&f, cell, 0, 3));
    fixture_ok(&f, store_begin(f.store, &f.e));
    fixture_ok(&f, fixture_pass(&f, cell, 3, 10));
    fixture_ok(&f, store_finish(f.store, false, &f.e));
    CU_ASSERT_EQUAL(next_of(&f, cell), 3);
    fixture_remove(&f);
}

/* A reader sees one moment, whatever a writer does meanwhile. */
static void test_one_moment(void)
{
    struct fixture f;
    struct store *reader;
    struct store_cell *cells;
    size_t count;
    int64_t cell;

    fixture_create(&f);
    cell = fixture_cell(&f, "w", "none");
    fixture_ok(&f, store_open(f.directory, false, &reader, &f.e));
    fixture_ok(&f, store_begin(reader, &f.e));
    fixture_ok(&f, store_cells(reader, &cells, &count, &f.e));
    store_cells_free(cells, count);
    fixture_ok(&f, fixture_pass(&f, cell, 0, 10));
    fixture_ok(&f, store_cells(reader, &cells, &count, &f.e));
    CU_ASSERT_EQUAL(cells[0].next, 0);
    store_cells_free(cells, count);
    fixture_ok(&f, store_finish(reader, false, &f.e));
    store_close(reader);
    fixture_remove(&f);
}

/* The writer itself reads, while somebody has SQLite's lock and changes what it has read. */
static void test_the_writer_reads(void)
{
    struct fixture f;
    sqlite3 *other;
    char *seed;

    fixture_create(&f);
    fixture_ok(&f, store_meta_set(f.store, "seed", "0x1", &f.e));
    CU_ASSERT_EQUAL_FATAL(sqlite3_open(f.path, &other), SQLITE_OK);
    CU_ASSERT_EQUAL(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    fixture_ok(&f, store_begin_reading(f.store, &f.e));
    for (int i = 0; i < 2; i++) {
        fixture_ok(&f, store_meta_get(f.store, "seed", &seed, &f.e));
        CU_ASSERT_STRING_EQUAL(seed, "0x1");
        free(seed);
        sqlite3_exec(other, "UPDATE meta SET value = '0x2' WHERE key = 'seed'; COMMIT", NULL, NULL,
                     NULL);
    }
    fixture_ok(&f, store_finish(f.store, false, &f.e));
    fixture_ok(&f, store_meta_get(f.store, "seed", &seed, &f.e));
    CU_ASSERT_STRING_EQUAL(seed, "0x2");
    free(seed);
    sqlite3_close(other);
    fixture_remove(&f);
}

int main(void)
{
    CU_pSuite suite;

    CU_initialize_registry();
    suite = CU_add_suite("transactions", NULL, NULL);
    CU_add_test(suite, "kept", test_kept);
    CU_add_test(suite, "taken back", test_taken_back);
    CU_add_test(suite, "one moment", test_one_moment);
    CU_add_test(suite, "the writer reads", test_the_writer_reads);
    CU_basic_run_tests();
    return CU_get_number_of_failures() > 0;
}
