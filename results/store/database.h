/*
 * database.h: what the files of the store share; nobody outside results/store includes it.
 *
 * SQLite's way of speaking ends here: the rest sees our error codes and sentences. A statement is
 * taken by database_prepare() and given back by database_release() in the same call of the store.
 * The last few that were given back are kept ready: reports and merges put the same question once
 * for each cell or finding, and to compile it costs more than to answer it.
 */
#ifndef RESULTS_STORE_DATABASE_H
#define RESULTS_STORE_DATABASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sqlite3.h>

#include <harness/error.h>
#include <results/store/writer_lock.h>

enum { DATABASE_KEPT = 24 };

/**
 * struct store - one open run. @path: of the database. @lock: NULL for a reader.
 * @kept: @kept_count statements that are reset and bound to nothing, the latest last.
 */
struct store {
    sqlite3 *db;
    char *path;
    struct writer_lock *lock;
    sqlite3_stmt *kept[DATABASE_KEPT];
    size_t kept_count;
};

/**
 * database_error() - our code and sentence for the last thing that SQLite refused.
 * @result: what it returned.
 */
int database_error(const struct store *store, int result, struct error *e);

/** database_run() - executes SQL that gives no rows of interest. */
int database_run(struct store *store, const char *sql, struct error *e);

/** database_do() - the same for one statement that is often executed. */
int database_do(struct store *store, const char *sql, struct error *e);

/**
 * database_prepare() - a statement, fresh or kept, for database_release(); NULL on failure. Who
 * asks for the same SQL before it was released gets another one.
 */
int database_prepare(struct store *store, const char *sql, sqlite3_stmt **out, struct error *e);

/** database_release() - resets it, which ends its reading, and keeps it. NULL is passed over. */
void database_release(struct store *store, sqlite3_stmt *statement);

/** database_forget() - finalizes what is kept; before the database is closed. */
void database_forget(struct store *store);

/**
 * database_step() - the next row.
 * @row: whether there is one.
 *
 * Returns 0 or a code. The statement stays the caller's.
 */
int database_step(struct store *store, sqlite3_stmt *statement, bool *row, struct error *e);

/** database_execute() - steps to the end and resets, so that it can be bound again. */
int database_execute(struct store *store, sqlite3_stmt *statement, struct error *e);

/** database_number() - the single number that @sql gives. */
int database_number(struct store *store, const char *sql, int64_t *number, struct error *e);

/**
 * Values. A hash or seed of 64 bits is stored as the int64 of the same bits. NULL text is
 * stored as "". What is bound must live until the statement was stepped. A failed bind leaves
 * NULL, which every column refuses, so it shows in the step.
 */
void database_bind_unsigned(sqlite3_stmt *statement, int index, uint64_t number);
void database_bind_text(sqlite3_stmt *statement, int index, const char *text);
void database_bind_bytes(sqlite3_stmt *statement, int index, const void *bytes, size_t length);
uint64_t database_unsigned(sqlite3_stmt *statement, int column);
/** Never NULL; lives until the next step. */
const char *database_text(sqlite3_stmt *statement, int column);

#endif
