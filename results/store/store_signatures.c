/*
 * store_signatures: which signatures a run has seen, where and how often, without their texts.
 *
 * A finding's long columns come last in its row, so counting reads none of them; SQLite takes
 * what stands beside min() from the row that has the minimum. Reads only.
 */
#include <results/store/store.h>

#include <results/store/database.h>
#include <results/store/severity.h>

/* Its cycle has the same signature with a greater severity: in it this one is not counted. */
#define WEIGHT(row) "CASE " row ".severity WHEN 'finding' THEN 2 WHEN 'harness' THEN 1 ELSE 0 END"
#define LIGHTER                                                                                    \
    "one.severity <> 'finding' AND EXISTS(SELECT 1 FROM finding AS other WHERE other.cell = "      \
    "one.cell AND other.cycle = one.cycle AND other.signature = one.signature AND " WEIGHT(        \
        "other") " > " WEIGHT("one") ")"

static const char sql[] =
    "SELECT g.cell, s.text, g.code, g.severity, g.cycles, g.verdicts, g.first, f.id, f.replay, "
    "g.own"
    " FROM (SELECT cell, signature, code, severity, count(DISTINCT cycle) AS cycles,"
    " count(DISTINCT CASE WHEN " LIGHTER " THEN NULL ELSE cycle END) AS own,"
    " sum(place = 0) AS verdicts, min(cycle) AS first, id FROM finding AS one"
    " GROUP BY cell, signature, severity) g"
    " JOIN signature s ON s.id = g.signature JOIN finding f ON f.id = g.id"
    " ORDER BY g.cell, s.text, g.severity";

static int read_row(struct store *store, sqlite3_stmt *statement, struct store_signature *row,
                    struct error *e)
{
    *row = (struct store_signature){
        .cell = sqlite3_column_int64(statement, 0),
        .signature = database_text(statement, 1),
        .slug = database_text(statement, 2),
        .cycles = database_unsigned(statement, 4),
        .verdicts = database_unsigned(statement, 5),
        .first_cycle = database_unsigned(statement, 6),
        .finding = sqlite3_column_int64(statement, 7),
        .replay = database_text(statement, 8),
        .own_cycles = database_unsigned(statement, 9),
    };
    if (!severity_find(database_text(statement, 3), &row->severity))
        return error_set(
            e, ERROR_CORRUPT,
            "store: %s: finding %lld has an unknown severity: fetch a copy, or use the "
            "newer rundown that wrote it",
            store->path, (long long)row->finding);
    return 0;
}

int store_signatures(struct store *store,
                     int (*each)(const struct store_signature *row, void *context), void *context,
                     struct error *e)
{
    struct store_signature row;
    sqlite3_stmt *statement;
    bool more = false;
    int code = database_prepare(store, sql, &statement, e);

    if (code == 0)
        code = database_step(store, statement, &more, e);
    while (code == 0 && more) {
        code = read_row(store, statement, &row, e);
        if (code != 0 || each(&row, context) != 0)
            break;
        code = database_step(store, statement, &more, e);
    }
    database_release(store, statement);
    return code;
}
