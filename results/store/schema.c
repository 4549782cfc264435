/*
 * schema: the SQL text of the tables, and the checks of a file that claims to have them.
 *
 * Codes and severities are stored as words, since numbers shift from version to version.
 * A passing cycle changes numbers in its cell's row and nothing else.
 */
#include <results/store/schema.h>

#include <results/store/database.h>
#include <results/store/store.h>

#include <stdio.h>
#include <string.h>

/* "rndn": the mark in the file's header that tells our databases from others. */
enum { SCHEMA_MARK = 0x726e646e };

static const char tables[] =
    "CREATE TABLE meta(key TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE cell(id INTEGER PRIMARY KEY, target TEXT NOT NULL, workload TEXT NOT NULL,"
    " variant TEXT NOT NULL, injector TEXT NOT NULL, mode TEXT NOT NULL, state TEXT NOT NULL,"
    " notes TEXT NOT NULL, key INTEGER NOT NULL, profile INTEGER NOT NULL,"
    " planned INTEGER NOT NULL, next INTEGER NOT NULL, passed INTEGER NOT NULL,"
    " failed INTEGER NOT NULL, broken INTEGER NOT NULL, skipped INTEGER NOT NULL,"
    " not_fired INTEGER NOT NULL, nanoseconds INTEGER NOT NULL, longest INTEGER NOT NULL,"
    " histogram BLOB NOT NULL);"
    "CREATE TABLE signature(id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE);"
    "CREATE TABLE finding(id INTEGER PRIMARY KEY, cell INTEGER NOT NULL, cycle INTEGER NOT NULL,"
    " place INTEGER NOT NULL, code TEXT NOT NULL, severity TEXT NOT NULL, hang_ms REAL NOT NULL,"
    " signature INTEGER NOT NULL, text TEXT NOT NULL, injected TEXT NOT NULL,"
    " replay TEXT NOT NULL, trace TEXT NOT NULL, timeline TEXT NOT NULL, output BLOB NOT NULL,"
    " UNIQUE(cell, cycle, place));"
    "CREATE INDEX finding_verdict ON finding(signature, severity, cell, cycle) WHERE place = 0;"
    "CREATE TABLE replayed(finding INTEGER PRIMARY KEY, same INTEGER NOT NULL,"
    " tries INTEGER NOT NULL);"
    "CREATE TABLE series(cell INTEGER NOT NULL, cycle INTEGER NOT NULL, kind TEXT NOT NULL,"
    " first_lap INTEGER NOT NULL, samples INTEGER NOT NULL, block BLOB NOT NULL,"
    " UNIQUE(cell, cycle, kind, first_lap));";

/* Each must be understood by a file of ours. */
static const char *const expected[] = {
    "SELECT key, value FROM meta",
    "SELECT id, target, workload, variant, injector, mode, state, notes, key, profile, planned,"
    " next, passed, failed, broken, skipped, not_fired, nanoseconds, longest, histogram FROM cell",
    "SELECT id, text FROM signature",
    "SELECT id, cell, cycle, place, code, severity, hang_ms, signature, text, injected, replay,"
    " trace, timeline, output FROM finding INDEXED BY finding_verdict WHERE place = 0",
    "SELECT finding, same, tries FROM replayed",
    "SELECT cell, cycle, kind, first_lap, samples, block FROM series",
};

int schema_create(struct store *store, struct error *e)
{
    char sql[sizeof tables + 200];

    snprintf(sql, sizeof sql,
             "BEGIN IMMEDIATE; %s PRAGMA application_id = %d; PRAGMA user_version = %d; COMMIT",
             tables, SCHEMA_MARK, STORE_SCHEMA);
    return database_run(store, sql, e);
}

static int corrupt(const struct store *store, const char *why, struct error *e)
{
    return error_set(e, ERROR_CORRUPT, "store: %s: %s: fetch a copy, or begin a new run",
                     store->path, why);
}

static int check_mark(struct store *store, struct error *e)
{
    int64_t mark, version;
    int code = database_number(store, "PRAGMA application_id", &mark, e);

    if (code == 0)
        code = database_number(store, "PRAGMA user_version", &version, e);
    if (code != 0)
        return code;
    if (mark != SCHEMA_MARK || version < 1)
        return corrupt(store, "this is no run of rundown's", e);
    if (version > STORE_SCHEMA)
        return error_set(e, ERROR_VERSION,
                         "store: %s: its schema is %lld, this rundown knows %d: use the newer "
                         "rundown that wrote it",
                         store->path, (long long)version, STORE_SCHEMA);
    if (version < STORE_SCHEMA)
        return error_set(e, ERROR_VERSION,
                         "store: %s: its schema is %lld, this rundown knows %d: use the older "
                         "rundown that wrote it, or begin a new run",
                         store->path, (long long)version, STORE_SCHEMA);
    return 0;
}

static int check_tables(struct store *store, struct error *e)
{
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        sqlite3_stmt *statement = NULL;
        int result = sqlite3_prepare_v2(store->db, expected[i], -1, &statement, NULL);

        sqlite3_finalize(statement);
        if (result == SQLITE_ERROR)
            return corrupt(store, sqlite3_errmsg(store->db), e);
        if (result != SQLITE_OK)
            return database_error(store, result, e);
    }
    return 0;
}

static int check_pages(struct store *store, struct error *e)
{
    sqlite3_stmt *statement;
    bool row = false;
    int code = database_prepare(store, "PRAGMA quick_check(1)", &statement, e);

    if (code == 0)
        code = database_step(store, statement, &row, e);
    if (code == 0 && (!row || strcmp(database_text(statement, 0), "ok") != 0))
        code = corrupt(store, row ? database_text(statement, 0) : "it cannot be checked", e);
    sqlite3_finalize(statement);
    return code;
}

int schema_check(struct store *store, struct error *e)
{
    int code = check_mark(store, e);

    if (code == 0)
        code = check_tables(store, e);
    return code == 0 ? check_pages(store, e) : code;
}
