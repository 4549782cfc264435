/*
 * store_replayed: how often a finding came back when its line was run again. Written once the
 * run is over, so it is no part of a batch.
 */
#include <results/store/store.h>

#include <results/store/database.h>

int store_replayed_set(struct store *store, int64_t finding, uint64_t reproduced, uint64_t replayed,
                       struct error *e)
{
    sqlite3_stmt *statement;
    int code;

    if (reproduced > replayed)
        return error_set(e, ERROR_RANGE, "store: %s: finding %lld: %llu of %llu came back",
                         store->path, (long long)finding, (unsigned long long)reproduced,
                         (unsigned long long)replayed);
    code = database_prepare(store,
                            "INSERT OR REPLACE INTO replayed(finding, same, tries)"
                            " SELECT id, ?2, ?3 FROM finding WHERE id = ?1",
                            &statement, e);
    if (code != 0)
        return code;
    sqlite3_bind_int64(statement, 1, finding);
    database_bind_unsigned(statement, 2, reproduced);
    database_bind_unsigned(statement, 3, replayed);
    code = database_execute(store, statement, e);
    database_release(store, statement);
    if (code == 0 && sqlite3_changes(store->db) == 0)
        code = error_set(e, ERROR_NOT_FOUND, "store: %s: there is no finding %lld", store->path,
                         (long long)finding);
    return code;
}
