/*
 * test_database: SQLite's refusals become our codes, each with a file and a mend.
 */
#include "store_fixture.h"

#include <results/store/database.h>

static struct store in_memory(void)
{
    struct store store = {.path = (char *)"/some/run.sqlite"};

    CU_ASSERT_EQUAL_FATAL(sqlite3_open(":memory:", &store.db), SQLITE_OK);
    CU_ASSERT_EQUAL(database_run(&store, "CREATE TABLE t(a NOT NULL UNIQUE)", NULL), 0);
    return store;
}

static void close_it(struct store *store)
{
    database_forget(store);
    CU_ASSERT_EQUAL(store->kept_count, 0);
    CU_ASSERT_EQUAL(sqlite3_close(store->db), SQLITE_OK);
}

static void expect(struct store *store, const char *sql, int want, const char *word)
{
    struct error e = {0};

    CU_ASSERT_EQUAL(database_run(store, sql, &e), want);
    CU_ASSERT_EQUAL(e.code, want);
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, "/some/run.sqlite"));
    if (strstr(e.text, word) == NULL)
        printf("\n    no '%s' in: %s", word, e.text);
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, word));
}

static void test_codes(void)
{
    struct store store = in_memory();

    expect(&store, "INSERT INTO t VALUES(NULL)", ERROR_RANGE, "t.a");
    expect(&store, "PRAGMA max_page_count = 5; INSERT INTO t VALUES(zeroblob(90000))", ERROR_FULL,
           "make room");
    expect(&store, "PRAGMA query_only = 1; INSERT INTO t VALUES(1)", ERROR_PERMISSION,
           "where you may write");
    expect(&store, "SELECT nonsense", ERROR_SYSTEM, "nonsense");
    close_it(&store);
}

static void test_not_a_file(void)
{
    struct store store = {.path = (char *)"/some/run.sqlite"};

    sqlite3_open_v2("/nonexistent/run.sqlite", &store.db, SQLITE_OPEN_READWRITE, NULL);
    CU_ASSERT_EQUAL(database_error(&store, SQLITE_CANTOPEN, NULL), ERROR_NOT_FOUND);
    CU_ASSERT_EQUAL(database_error(&store, SQLITE_BUSY, NULL), ERROR_BUSY);
    CU_ASSERT_EQUAL(database_error(&store, SQLITE_NOTADB, NULL), ERROR_CORRUPT);
    CU_ASSERT_EQUAL(database_error(&store, SQLITE_NOMEM, NULL), ERROR_MEMORY);
    sqlite3_close(store.db);
}

static void test_values(void)
{
    struct store store = in_memory();
    sqlite3_stmt *statement;
    int64_t number = 5;
    bool row;

    CU_ASSERT_EQUAL(database_prepare(&store, "SELECT ?1, ?2, ?3, NULL", &statement, NULL), 0);
    database_bind_unsigned(statement, 1, UINT64_MAX - 1);
    database_bind_text(statement, 2, NULL);
    database_bind_bytes(statement, 3, NULL, 0);
    CU_ASSERT_EQUAL(database_step(&store, statement, &row, NULL), 0);
    CU_ASSERT_TRUE(row);
    CU_ASSERT_EQUAL(database_unsigned(statement, 0), UINT64_MAX - 1);
    CU_ASSERT_EQUAL(sqlite3_column_type(statement, 1), SQLITE_TEXT);
    CU_ASSERT_STRING_EQUAL(database_text(statement, 1), "");
    CU_ASSERT_EQUAL(sqlite3_column_type(statement, 2), SQLITE_BLOB);
    CU_ASSERT_STRING_EQUAL(database_text(statement, 3), "");
    CU_ASSERT_EQUAL(database_step(&store, statement, &row, NULL), 0);
    CU_ASSERT_FALSE(row);
    database_release(&store, statement);
    CU_ASSERT_EQUAL(database_number(&store, "SELECT 42", &number, NULL), 0);
    CU_ASSERT_EQUAL(number, 42);
    CU_ASSERT_EQUAL(database_number(&store, "SELECT 1 WHERE 0", &number, NULL), 0);
    CU_ASSERT_EQUAL(number, 0);
    CU_ASSERT_EQUAL(database_number(&store, "SELECT", &number, NULL), ERROR_SYSTEM);
    close_it(&store);
}

static void test_execute_again(void)
{
    struct store store = in_memory();
    sqlite3_stmt *statement;
    int64_t number;

    CU_ASSERT_EQUAL(database_prepare(&store, "INSERT INTO t VALUES(?1)", &statement, NULL), 0);
    for (uint64_t i = 0; i < 3; i++) {
        database_bind_unsigned(statement, 1, i);
        CU_ASSERT_EQUAL(database_execute(&store, statement, NULL), 0);
    }
    /* A refusal in between leaves the statement fit for use. */
    CU_ASSERT_EQUAL(database_execute(&store, statement, NULL), ERROR_RANGE);
    database_bind_unsigned(statement, 1, 3);
    CU_ASSERT_EQUAL(database_execute(&store, statement, NULL), 0);
    database_release(&store, statement);
    CU_ASSERT_EQUAL(database_number(&store, "SELECT count(*) FROM t", &number, NULL), 0);
    CU_ASSERT_EQUAL(number, 4);
    close_it(&store);
}

/* What was bound and read before is gone, and who asks twice at once gets two. */
static void test_kept(void)
{
    struct store store = in_memory();
    static const char sql[] = "SELECT ?1 FROM (SELECT 1 UNION SELECT 2)";
    sqlite3_stmt *first, *second, *again;
    bool row;

    CU_ASSERT_EQUAL(database_prepare(&store, sql, &first, NULL), 0);
    CU_ASSERT_EQUAL(database_prepare(&store, sql, &second, NULL), 0);
    CU_ASSERT_PTR_NOT_EQUAL(first, second);
    database_bind_text(first, 1, "bound");
    CU_ASSERT_EQUAL(database_step(&store, first, &row, NULL), 0);
    database_release(&store, first);
    CU_ASSERT_FALSE(sqlite3_stmt_busy(first));
    CU_ASSERT_EQUAL(database_prepare(&store, sql, &again, NULL), 0);
    CU_ASSERT_PTR_EQUAL(again, first);
    CU_ASSERT_EQUAL(database_step(&store, again, &row, NULL), 0);
    CU_ASSERT_TRUE(row);
    CU_ASSERT_EQUAL(sqlite3_column_type(again, 0), SQLITE_NULL);
    database_release(&store, again);
    database_release(&store, second);
    database_release(&store, NULL);
    CU_ASSERT_EQUAL(store.kept_count, 2);
    close_it(&store);
}

static void test_kept_limit(void)
{
    struct store store = in_memory();
    char sql[32];
    int64_t number;

    for (int i = 0; i < 3 * DATABASE_KEPT; i++) {
        snprintf(sql, sizeof sql, "SELECT %d", i);
        CU_ASSERT_EQUAL(database_number(&store, sql, &number, NULL), 0);
        CU_ASSERT_EQUAL(number, i);
    }
    CU_ASSERT_EQUAL(store.kept_count, DATABASE_KEPT);
    /* A statement that is kept does not stand in the way of a change, nor does it miss one. */
    CU_ASSERT_EQUAL(database_number(&store, "SELECT count(*) FROM t", &number, NULL), 0);
    CU_ASSERT_EQUAL(database_run(&store, "DROP TABLE t", NULL), 0);
    CU_ASSERT_EQUAL(database_number(&store, "SELECT count(*) FROM t", &number, NULL), ERROR_SYSTEM);
    close_it(&store);
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"codes", test_codes},   {"not a file", test_not_a_file},
        {"values", test_values}, {"execute again", test_execute_again},
        {"kept", test_kept},     {"kept, the limit", test_kept_limit},
        CU_TEST_INFO_NULL,
    };

    return vector_run("database", tests);
}
