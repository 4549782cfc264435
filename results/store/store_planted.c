/*
 * store_planted: which cells are there to try the detectors, what has to be found in them, and
 * what was; and which build a cell has run.
 *
 * Planted cells have ids below 0, so that nobody who lists cells and findings counts them. The
 * tables are made with their first rows: older runs do not have them, older rundowns do not mind.
 */
#include <results/store/store.h>

#include <results/store/database.h>
#include <results/store/severity.h>

#include <stdio.h>

static const char planted_sql[] = "CREATE TABLE IF NOT EXISTS planted(cell INTEGER PRIMARY KEY,"
                                  " bad INTEGER NOT NULL, codes TEXT NOT NULL)";
static const char build_sql[] =
    "CREATE TABLE IF NOT EXISTS build(cell INTEGER PRIMARY KEY, build TEXT NOT NULL)";

static int has_table(struct store *store, const char *name, int64_t *has, struct error *e)
{
    char sql[128];

    snprintf(sql, sizeof sql,
             "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = '%s'", name);
    return database_number(store, sql, has, e);
}

/* One row (cell, [bad,] text), in place of what was there. */
static int put(struct store *store, const char *table, const char *sql, int64_t cell, int bad,
               const char *text, struct error *e)
{
    sqlite3_stmt *statement;
    int code = database_do(store, table, e);

    if (code == 0)
        code = database_prepare(store, sql, &statement, e);
    if (code != 0)
        return code;
    sqlite3_bind_int64(statement, 1, cell);
    database_bind_text(statement, 2, text);
    if (bad >= 0)
        sqlite3_bind_int(statement, 3, bad);
    code = database_execute(store, statement, e);
    database_release(store, statement);
    return code;
}

int store_planted_add(struct store *store, const struct store_planted *planted, struct error *e)
{
    if (planted->cell >= 0)
        return error_set(e, ERROR_RANGE, "store: %s: cell %lld is no planted one", store->path,
                         (long long)planted->cell);
    return put(store, planted_sql,
               "INSERT OR REPLACE INTO planted(cell, codes, bad) VALUES(?1, ?2, ?3)", planted->cell,
               planted->bad, planted->codes, e);
}

int store_build_set(struct store *store, int64_t cell, const char *build, struct error *e)
{
    return put(store, build_sql, "INSERT OR REPLACE INTO build(cell, build) VALUES(?1, ?2)", cell,
               -1, build, e);
}

int store_planted(struct store *store,
                  int (*each)(const struct store_planted *planted, void *context), void *context,
                  struct error *e)
{
    sqlite3_stmt *statement;
    int64_t has;
    bool row;
    int code = has_table(store, "planted", &has, e);

    if (code != 0 || has == 0)
        return code;
    code = database_prepare(store, "SELECT cell, bad, codes FROM planted ORDER BY cell DESC",
                            &statement, e);
    while (code == 0 && (code = database_step(store, statement, &row, e)) == 0 && row) {
        struct store_planted planted = {.cell = sqlite3_column_int64(statement, 0),
                                        .bad = sqlite3_column_int(statement, 1) != 0,
                                        .codes = database_text(statement, 2)};

        if (each(&planted, context) != 0)
            break;
    }
    database_release(store, statement);
    return code;
}

int store_codes(struct store *store, int64_t cell,
                int (*each)(const struct store_code *code, void *context), void *context,
                struct error *e)
{
    sqlite3_stmt *statement;
    bool row;
    int code = database_prepare(store,
                                "SELECT code, max(severity), count(DISTINCT cycle), min(cycle)"
                                " FROM finding WHERE cell = ?1 GROUP BY code, severity"
                                " ORDER BY code, severity",
                                &statement, e);

    if (code != 0)
        return code;
    sqlite3_bind_int64(statement, 1, cell);
    while ((code = database_step(store, statement, &row, e)) == 0 && row) {
        struct store_code found = {.slug = database_text(statement, 0),
                                   .severity = STOP_SEVERITY_NOTE,
                                   .cycles = database_unsigned(statement, 2),
                                   .first = database_unsigned(statement, 3)};

        severity_find(database_text(statement, 1), &found.severity);
        if (each(&found, context) != 0)
            break;
    }
    database_release(store, statement);
    return code;
}

int store_builds(struct store *store, int (*each)(uint64_t key, const char *build, void *context),
                 void *context, struct error *e)
{
    sqlite3_stmt *statement;
    int64_t has;
    bool row;
    int code = has_table(store, "build", &has, e);

    if (code != 0 || has == 0)
        return code;
    code = database_prepare(store,
                            "SELECT c.key, b.build FROM build b JOIN cell c ON c.id = b.cell"
                            " ORDER BY c.id",
                            &statement, e);
    while (code == 0 && (code = database_step(store, statement, &row, e)) == 0 && row)
        if (each(database_unsigned(statement, 0), database_text(statement, 1), context) != 0)
            break;
    database_release(store, statement);
    return code;
}
