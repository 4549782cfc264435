/*
 * store_waits: who waits for whom in a finding.
 *
 * The table is made with its first row, so runs without it, and rundowns that do not know it, get
 * along with each other.
 */
#include <results/store/store_waits.h>

#include <results/store/database.h>
#include <results/store/store.h>

#include <stdlib.h>
#include <string.h>

static const char table_sql[] = "CREATE TABLE IF NOT EXISTS waits(finding INTEGER PRIMARY KEY,"
                                " text TEXT NOT NULL)";

int waits_store(struct store *store, int64_t finding, const char *waits, struct error *e)
{
    sqlite3_stmt *statement = NULL;
    int code;

    if (waits == NULL || *waits == '\0')
        return 0;
    code = database_do(store, table_sql, e);
    if (code == 0)
        code = database_prepare(store, "INSERT INTO waits(finding, text) VALUES(?1, ?2)",
                                &statement, e);
    if (code != 0)
        return code;
    sqlite3_bind_int64(statement, 1, finding);
    database_bind_text(statement, 2, waits);
    code = database_execute(store, statement, e);
    database_release(store, statement);
    return code;
}

static int copy_row(struct store *store, sqlite3_stmt *statement, char **out, struct error *e)
{
    bool row = false;
    int code = database_step(store, statement, &row, e);

    if (code != 0)
        return code;
    *out = strdup(row ? database_text(statement, 0) : "");
    return *out != NULL ? 0 : error_set(e, ERROR_MEMORY, "store: out of memory");
}

int store_waits_read(struct store *store, int64_t finding, char **out, struct error *e)
{
    sqlite3_stmt *statement = NULL;
    int64_t tables;
    int code = database_number(store, "SELECT count(*) FROM sqlite_schema WHERE name = 'waits'",
                               &tables, e);

    *out = NULL;
    if (code == 0)
        code = database_prepare(store,
                                tables > 0 ? "SELECT text FROM waits WHERE finding = ?1"
                                           : "SELECT '' WHERE ?1 = 0",
                                &statement, e);
    if (code != 0)
        return code;
    sqlite3_bind_int64(statement, 1, finding);
    code = copy_row(store, statement, out, e);
    database_release(store, statement);
    return code;
}
