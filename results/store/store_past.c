/*
 * store_past: what earlier runs had of this one's cells and signatures, noted when it ended, so
 * that a report needs no other run's store.
 *
 * The tables are made with their first rows: most runs have none, older rundowns do not mind.
 */
#include <results/store/store.h>

#include <results/store/database.h>

static const char past_sql[] =
    "CREATE TABLE IF NOT EXISTS past(cell INTEGER NOT NULL, started TEXT NOT NULL,"
    " cycles INTEGER NOT NULL, findings INTEGER NOT NULL, PRIMARY KEY(cell, started)) WITHOUT "
    "ROWID";
static const char seen_sql[] =
    "CREATE TABLE IF NOT EXISTS seen_before(text TEXT PRIMARY KEY NOT NULL) WITHOUT ROWID";

int store_past_add(struct store *store, const struct store_past *past, struct error *e)
{
    sqlite3_stmt *statement;
    int code = database_do(store, past_sql, e);

    if (code == 0)
        code = database_prepare(store,
                                "INSERT OR REPLACE INTO past(cell, started, cycles, findings)"
                                " VALUES(?1, ?2, ?3, ?4)",
                                &statement, e);
    if (code != 0)
        return code;
    sqlite3_bind_int64(statement, 1, past->cell);
    database_bind_text(statement, 2, past->started);
    database_bind_unsigned(statement, 3, past->cycles);
    database_bind_unsigned(statement, 4, past->findings);
    code = database_execute(store, statement, e);
    database_release(store, statement);
    return code;
}

int store_seen_before_add(struct store *store, const char *signature, struct error *e)
{
    sqlite3_stmt *statement;
    int code = database_do(store, seen_sql, e);

    if (code == 0)
        code = database_prepare(store, "INSERT OR IGNORE INTO seen_before(text) VALUES(?1)",
                                &statement, e);
    if (code != 0)
        return code;
    database_bind_text(statement, 1, signature);
    code = database_execute(store, statement, e);
    database_release(store, statement);
    return code;
}

/* A statement over a table; NULL, and no error, where there is no such table. */
static int prepare(struct store *store, const char *table, const char *sql, sqlite3_stmt **out,
                   struct error *e)
{
    bool row = false;
    int code = database_prepare(store, "SELECT 1 FROM sqlite_schema WHERE name = ?1", out, e);

    if (code != 0)
        return code;
    database_bind_text(*out, 1, table);
    code = database_step(store, *out, &row, e);
    database_release(store, *out);
    *out = NULL;
    return code == 0 && row ? database_prepare(store, sql, out, e) : code;
}

int store_past(struct store *store, int (*each)(const struct store_past *past, void *context),
               void *context, struct error *e)
{
    sqlite3_stmt *statement;
    bool row;
    int code = prepare(store, "past",
                       "SELECT cell, started, cycles, findings FROM past ORDER BY cell, started",
                       &statement, e);

    while (code == 0 && statement != NULL &&
           (code = database_step(store, statement, &row, e)) == 0 && row) {
        struct store_past past = {.cell = sqlite3_column_int64(statement, 0),
                                  .started = database_text(statement, 1),
                                  .cycles = database_unsigned(statement, 2),
                                  .findings = database_unsigned(statement, 3)};

        if (each(&past, context) != 0)
            break;
    }
    database_release(store, statement);
    return code;
}

int store_seen_before(struct store *store, const char *signature, bool *seen, struct error *e)
{
    sqlite3_stmt *statement;
    int code =
        prepare(store, "seen_before", "SELECT 1 FROM seen_before WHERE text = ?1", &statement, e);

    *seen = false;
    if (code == 0 && statement != NULL) {
        database_bind_text(statement, 1, signature);
        code = database_step(store, statement, seen, e);
    }
    database_release(store, statement);
    return code;
}

int store_rates(struct store *store,
                int (*each)(uint64_t key, uint64_t cycles, uint64_t findings, void *context),
                void *context, struct error *e)
{
    sqlite3_stmt *statement;
    bool row;
    int code = database_prepare(store,
                                "SELECT c.key, c.passed + c.failed, (SELECT count(*) FROM finding f"
                                " WHERE f.cell = c.id AND f.place = 0 AND f.severity = 'finding')"
                                " FROM cell c WHERE c.id > 0 ORDER BY c.id",
                                &statement, e);

    while (code == 0 && (code = database_step(store, statement, &row, e)) == 0 && row)
        if (each(database_unsigned(statement, 0), database_unsigned(statement, 1),
                 database_unsigned(statement, 2), context) != 0)
            break;
    database_release(store, statement);
    return code;
}
