/*
 * database: SQLite's results as our codes and sentences, and small helpers around statements.
 *
 * Nothing here knows a table. Every failure passes through database_error(), so a user always
 * reads which file, what is wrong with it and what can be done.
 */
#include <results/store/database.h>

#include <errno.h>
#include <string.h>

static const char *mend(int code)
{
    switch (code) {
    case ERROR_FULL:
        return "make room, then resume the run";
    case ERROR_BUSY:
        return "somebody else has it open: close that, then try again";
    case ERROR_CORRUPT:
        return "the file is damaged: fetch a copy, or begin a new run";
    case ERROR_PERMISSION:
        return "copy the run's directory to where you may write";
    case ERROR_RANGE:
        return "this is a mistake in rundown: please report it";
    default:
        return "try again in another directory";
    }
}

/* A write can fail in ways for which SQLite has one word only. */
static int code_of_system(sqlite3 *db)
{
    switch (sqlite3_system_errno(db)) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return ERROR_FULL;
    case EACCES:
    case EPERM:
    case EROFS:
        return ERROR_PERMISSION;
    case ENOENT:
        return ERROR_NOT_FOUND;
    default:
        return ERROR_SYSTEM;
    }
}

static int code_of(sqlite3 *db, int result)
{
    switch (result & 0xff) {
    case SQLITE_FULL:
        return ERROR_FULL;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return ERROR_BUSY;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return ERROR_CORRUPT;
    case SQLITE_READONLY:
    case SQLITE_PERM:
        return ERROR_PERMISSION;
    case SQLITE_NOMEM:
        return ERROR_MEMORY;
    case SQLITE_CONSTRAINT:
    case SQLITE_TOOBIG:
        return ERROR_RANGE;
    default:
        return code_of_system(db);
    }
}

int database_error(const struct store *store, int result, struct error *e)
{
    int code = code_of(store->db, result);

    return error_set(e, code, "store: %s: %s: %s", store->path, sqlite3_errmsg(store->db),
                     mend(code));
}

int database_run(struct store *store, const char *sql, struct error *e)
{
    int result = sqlite3_exec(store->db, sql, NULL, NULL, NULL);

    return result == SQLITE_OK ? 0 : database_error(store, result, e);
}

int database_do(struct store *store, const char *sql, struct error *e)
{
    sqlite3_stmt *statement;
    int code = database_prepare(store, sql, &statement, e);

    if (code != 0)
        return code;
    code = database_execute(store, statement, e);
    database_release(store, statement);
    return code;
}

/* Takes @i out of those that are kept. */
static sqlite3_stmt *take_kept(struct store *store, size_t i)
{
    sqlite3_stmt *statement = store->kept[i];

    store->kept_count--;
    memmove(store->kept + i, store->kept + i + 1, (store->kept_count - i) * sizeof *store->kept);
    return statement;
}

int database_prepare(struct store *store, const char *sql, sqlite3_stmt **out, struct error *e)
{
    int result;

    for (size_t i = store->kept_count; i > 0; i--)
        if (strcmp(sqlite3_sql(store->kept[i - 1]), sql) == 0) {
            *out = take_kept(store, i - 1);
            return 0;
        }
    result = sqlite3_prepare_v2(store->db, sql, -1, out, NULL);
    return result == SQLITE_OK ? 0 : database_error(store, result, e);
}

void database_release(struct store *store, sqlite3_stmt *statement)
{
    if (statement == NULL)
        return;
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
    if (store->kept_count == DATABASE_KEPT)
        sqlite3_finalize(take_kept(store, 0));
    store->kept[store->kept_count++] = statement;
}

void database_forget(struct store *store)
{
    while (store->kept_count > 0)
        sqlite3_finalize(take_kept(store, store->kept_count - 1));
}

int database_step(struct store *store, sqlite3_stmt *statement, bool *row, struct error *e)
{
    int result = sqlite3_step(statement);

    *row = result == SQLITE_ROW;
    return *row || result == SQLITE_DONE ? 0 : database_error(store, result, e);
}

int database_execute(struct store *store, sqlite3_stmt *statement, struct error *e)
{
    bool row = true;
    int code = 0;

    while (code == 0 && row)
        code = database_step(store, statement, &row, e);
    sqlite3_reset(statement);
    return code;
}

int database_number(struct store *store, const char *sql, int64_t *number, struct error *e)
{
    sqlite3_stmt *statement;
    bool row;
    int code = database_prepare(store, sql, &statement, e);

    if (code == 0)
        code = database_step(store, statement, &row, e);
    if (code == 0)
        *number = row ? sqlite3_column_int64(statement, 0) : 0;
    database_release(store, statement);
    return code;
}

void database_bind_unsigned(sqlite3_stmt *statement, int index, uint64_t number)
{
    sqlite3_bind_int64(statement, index, (int64_t)number);
}

void database_bind_text(sqlite3_stmt *statement, int index, const char *text)
{
    sqlite3_bind_text(statement, index, text != NULL ? text : "", -1, SQLITE_STATIC);
}

void database_bind_bytes(sqlite3_stmt *statement, int index, const void *bytes, size_t length)
{
    sqlite3_bind_blob64(statement, index, length > 0 ? bytes : "", length, SQLITE_STATIC);
}

uint64_t database_unsigned(sqlite3_stmt *statement, int column)
{
    return (uint64_t)sqlite3_column_int64(statement, column);
}

const char *database_text(sqlite3_stmt *statement, int column)
{
    const char *text = (const char *)sqlite3_column_text(statement, column);

    return text != NULL ? text : "";
}
