/*
 * store_parts: of which runs a merged one was made, and which of their cycles its cycles are.
 *
 * The tables are made with the first part, so runs that were never merged, and rundowns that do
 * not know parts, get along with each other.
 */
#include <results/store/store.h>

#include <results/store/database.h>

static const char tables_sql[] =
    "CREATE TABLE IF NOT EXISTS part(id INTEGER PRIMARY KEY, source TEXT NOT NULL);"
    "CREATE TABLE IF NOT EXISTS part_meta(part INTEGER NOT NULL, key TEXT NOT NULL,"
    " value TEXT NOT NULL, PRIMARY KEY(part, key)) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS part_range(cell INTEGER NOT NULL, part INTEGER NOT NULL,"
    " seed INTEGER NOT NULL, first INTEGER NOT NULL, count INTEGER NOT NULL,"
    " at INTEGER NOT NULL, UNIQUE(cell, at));";

int store_part_add(struct store *store, const char *source, int64_t *id, struct error *e)
{
    sqlite3_stmt *statement;
    int code = database_run(store, tables_sql, e);

    if (code == 0)
        code = database_prepare(store, "INSERT INTO part(source) VALUES(?1)", &statement, e);
    if (code != 0)
        return code;
    database_bind_text(statement, 1, source);
    code = database_execute(store, statement, e);
    database_release(store, statement);
    *id = sqlite3_last_insert_rowid(store->db);
    return code;
}

int store_part_note(struct store *store, int64_t part, const char *key, const char *value,
                    struct error *e)
{
    sqlite3_stmt *statement;
    int code = database_prepare(
        store, "INSERT OR REPLACE INTO part_meta(part, key, value) VALUES(?1, ?2, ?3)", &statement,
        e);

    if (code != 0)
        return code;
    sqlite3_bind_int64(statement, 1, part);
    database_bind_text(statement, 2, key);
    database_bind_text(statement, 3, value);
    code = database_execute(store, statement, e);
    database_release(store, statement);
    return code;
}

int store_range_add(struct store *store, const struct store_range *range, struct error *e)
{
    sqlite3_stmt *statement;
    int code = database_prepare(store,
                                "INSERT INTO part_range(cell, part, seed, first, count, at)"
                                " VALUES(?1, ?2, ?3, ?4, ?5, ?6)",
                                &statement, e);

    if (code != 0)
        return code;
    sqlite3_bind_int64(statement, 1, range->cell);
    sqlite3_bind_int64(statement, 2, range->part);
    database_bind_unsigned(statement, 3, range->seed);
    database_bind_unsigned(statement, 4, range->first);
    database_bind_unsigned(statement, 5, range->count);
    database_bind_unsigned(statement, 6, range->at);
    code = database_execute(store, statement, e);
    database_release(store, statement);
    return code;
}

/* A statement over the tables of parts; NULL, and no error, for a run without them. */
static int prepare(struct store *store, const char *sql, sqlite3_stmt **out, struct error *e)
{
    int64_t tables;
    int code = database_number(store,
                               "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND "
                               "name IN ('part', 'part_meta', 'part_range')",
                               &tables, e);

    *out = NULL;
    return code == 0 && tables == 3 ? database_prepare(store, sql, out, e) : code;
}

int store_parts(struct store *store, int (*each)(int64_t id, const char *source, void *context),
                void *context, struct error *e)
{
    sqlite3_stmt *statement;
    bool row;
    int code = prepare(store, "SELECT id, source FROM part ORDER BY id", &statement, e);

    while (code == 0 && statement != NULL &&
           (code = database_step(store, statement, &row, e)) == 0 && row) {
        if (each(sqlite3_column_int64(statement, 0), database_text(statement, 1), context) != 0)
            break;
    }
    database_release(store, statement);
    return code;
}

int store_part_notes(struct store *store, int64_t part,
                     int (*each)(const char *key, const char *value, void *context), void *context,
                     struct error *e)
{
    sqlite3_stmt *statement;
    bool row;
    int code = prepare(store, "SELECT key, value FROM part_meta WHERE part = ?1 ORDER BY key",
                       &statement, e);

    if (code == 0 && statement != NULL)
        sqlite3_bind_int64(statement, 1, part);
    while (code == 0 && statement != NULL &&
           (code = database_step(store, statement, &row, e)) == 0 && row) {
        if (each(database_text(statement, 0), database_text(statement, 1), context) != 0)
            break;
    }
    database_release(store, statement);
    return code;
}

int store_ranges(struct store *store, int (*each)(const struct store_range *range, void *context),
                 void *context, struct error *e)
{
    sqlite3_stmt *statement;
    bool row;
    int code = prepare(store,
                       "SELECT cell, part, seed, first, count, at FROM part_range"
                       " ORDER BY cell, at",
                       &statement, e);

    while (code == 0 && statement != NULL &&
           (code = database_step(store, statement, &row, e)) == 0 && row) {
        struct store_range range = {.cell = sqlite3_column_int64(statement, 0),
                                    .part = sqlite3_column_int64(statement, 1),
                                    .seed = database_unsigned(statement, 2),
                                    .first = database_unsigned(statement, 3),
                                    .count = database_unsigned(statement, 4),
                                    .at = database_unsigned(statement, 5)};

        if (each(&range, context) != 0)
            break;
    }
    database_release(store, statement);
    return code;
}
