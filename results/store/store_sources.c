/*
 * store_sources: excerpts of source files, one for each place that a finding's text names.
 *
 * The table is made with its first row, so runs without it, and rundowns that do not know it, get
 * along with each other.
 */
#include <results/store/store.h>

#include <results/store/database.h>

static const char table_sql[] =
    "CREATE TABLE IF NOT EXISTS source(place TEXT NOT NULL, path TEXT NOT NULL,"
    " line INTEGER NOT NULL, first INTEGER NOT NULL, newer INTEGER NOT NULL, text TEXT NOT NULL,"
    " PRIMARY KEY(place, path)) WITHOUT ROWID";

int store_source_add(struct store *store, const struct store_source *source, struct error *e)
{
    sqlite3_stmt *statement;
    int code = database_do(store, table_sql, e);

    if (code == 0)
        code =
            database_prepare(store,
                             "INSERT OR IGNORE INTO source(place, path, line, first, newer, text)"
                             " VALUES(?1, ?2, ?3, ?4, ?5, ?6)",
                             &statement, e);
    if (code != 0)
        return code;
    database_bind_text(statement, 1, source->place);
    database_bind_text(statement, 2, source->path);
    sqlite3_bind_int(statement, 3, source->line);
    sqlite3_bind_int(statement, 4, source->first);
    sqlite3_bind_int(statement, 5, source->newer);
    database_bind_text(statement, 6, source->text);
    code = database_execute(store, statement, e);
    database_release(store, statement);
    return code;
}

static int has_table(struct store *store, int64_t *has, struct error *e)
{
    return database_number(
        store, "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'source'", has,
        e);
}

static int each_row(struct store *store, sqlite3_stmt *statement,
                    int (*each)(const struct store_source *source, void *context), void *context,
                    struct error *e)
{
    bool row;
    int code;

    while ((code = database_step(store, statement, &row, e)) == 0 && row) {
        struct store_source source = {
            .place = database_text(statement, 0),
            .path = database_text(statement, 1),
            .line = sqlite3_column_int(statement, 2),
            .first = sqlite3_column_int(statement, 3),
            .newer = sqlite3_column_int(statement, 4) != 0,
            .text = database_text(statement, 5),
        };

        if (each(&source, context) != 0)
            break;
    }
    return code;
}

int store_sources(struct store *store, const char *place,
                  int (*each)(const struct store_source *source, void *context), void *context,
                  struct error *e)
{
    sqlite3_stmt *statement;
    int64_t has;
    int code = has_table(store, &has, e);

    if (code != 0 || has == 0)
        return code;
    code = database_prepare(store,
                            "SELECT place, path, line, first, newer, text FROM source"
                            " WHERE ?1 IS NULL OR place = ?1 ORDER BY path",
                            &statement, e);
    if (code != 0)
        return code;
    if (place != NULL)
        database_bind_text(statement, 1, place);
    code = each_row(store, statement, each, context, e);
    database_release(store, statement);
    return code;
}
