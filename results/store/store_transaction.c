/*
 * store_transaction: several calls as one, for who reads or writes a whole run at once.
 */
#include <results/store/store.h>

#include <results/store/database.h>

int store_begin(struct store *store, struct error *e)
{
    return database_run(store, store->lock != NULL ? "BEGIN IMMEDIATE" : "BEGIN", e);
}

int store_begin_reading(struct store *store, struct error *e)
{
    return database_run(store, "BEGIN", e);
}

int store_finish(struct store *store, bool keep, struct error *e)
{
    if (sqlite3_get_autocommit(store->db))
        return 0; /* SQLite has rolled back by itself */
    return database_run(store, keep ? "COMMIT" : "ROLLBACK", e);
}
