/*
 * store_findings: reads findings, each with how often its like was seen.
 *
 * "Its like" are verdicts of one signature and severity: one signature is one bug, and a note
 * that was raised to a finding must not hide behind the note. Reads only.
 */
#include <results/store/store.h>

#include <results/store/database.h>
#include <results/store/severity.h>

/* Columns of read_finding(), from the tables f (finding), s (signature) and a
 * (replayed), repeats left out. */
#define FINDING_COLUMNS                                                                            \
    "f.id, f.cell, f.cycle, f.place, f.code, f.severity, f.hang_ms, s.text, f.text, f.injected, "  \
    "f.replay, f.trace, f.timeline, f.output, coalesce(a.same, 0), coalesce(a.tries, 0)"
#define FINDING_TABLES                                                                             \
    " JOIN signature s ON s.id = f.signature LEFT JOIN replayed a ON a.finding = f.id"

/*
 * How often verdicts of each signature and severity were seen. @cells: in which cells: EACH for
 * all but the planted ones, where the index finding_verdict holds all that is needed, in this
 * order; ONE for ?1, where that of (cell, cycle, place) leads to the few rows of a cell.
 */
#define EACH         " > 0"
#define ONE          " = ?1"
#define SCOPE(cells) "place = 0 AND cell" cells
#define ALIKE(cells) "signature = g.signature AND severity = g.severity AND " SCOPE(cells)
#define REPEATS(cells)                                                                             \
    "WITH g AS MATERIALIZED (SELECT signature, severity, count(*) AS times,"                       \
    " count(DISTINCT cell) AS cells, min(cell) AS first_cell"                                      \
    " FROM finding WHERE " SCOPE(                                                                  \
        cells) " GROUP BY signature, severity),"                                                   \
               " r AS MATERIALIZED (SELECT g.*,"                                                   \
               " (SELECT min(cycle) FROM finding WHERE " ALIKE(                                    \
                   cells) " AND cell = g.first_cell)"                                              \
                          " AS first_cycle,"                                                       \
                          " (SELECT sum(CASE g.severity WHEN 'harness' THEN next ELSE passed + "   \
                          "failed END) FROM cell"                                                  \
                          " WHERE id IN (SELECT cell FROM finding WHERE " ALIKE(                   \
                              cells) ")) AS cycles FROM g) "
#define REPEAT_COLUMNS ", r.times, r.cells, r.cycles, r.first_cell, r.first_cycle"

#define ALL_SQL(cells)                                                                             \
    REPEATS(cells)                                                                                 \
    "SELECT " FINDING_COLUMNS REPEAT_COLUMNS " FROM finding f" FINDING_TABLES                      \
    " LEFT JOIN r ON f.place = 0 AND r.signature = f.signature AND r.severity = f.severity"        \
    " WHERE f.cell" cells " ORDER BY f.cell, f.cycle, f.place"
#define DISTINCT_SQL(cells)                                                                        \
    REPEATS(cells)                                                                                 \
    "SELECT " FINDING_COLUMNS REPEAT_COLUMNS " FROM r"                                             \
    " JOIN finding f ON f.cell = r.first_cell AND f.cycle = r.first_cycle AND f.place = "          \
    "0" FINDING_TABLES " ORDER BY f.cell, f.cycle"

/* By whether it is of one cell, and distinct. */
static const char *const list_sql[2][2] = {{ALL_SQL(EACH), DISTINCT_SQL(EACH)},
                                           {ALL_SQL(ONE), DISTINCT_SQL(ONE)}};

/* ?1: the id. Repeats are counted in the whole run. */
static const char id_sql[] =
    REPEATS(EACH) "SELECT " FINDING_COLUMNS REPEAT_COLUMNS " FROM finding f" FINDING_TABLES
                  " LEFT JOIN r ON f.place = 0 AND r.signature = f.signature AND r.severity = "
                  "f.severity WHERE f.id = ?1";

/* Repeats are not asked for. */
static const char cycle_sql[] = "SELECT " FINDING_COLUMNS ", 0 FROM finding f" FINDING_TABLES
                                " WHERE f.cell = ?1 AND f.cycle = ?2 ORDER BY f.place";

static int read_names(const struct store *store, sqlite3_stmt *statement,
                      struct store_finding *finding, struct error *e)
{
    finding->slug = database_text(statement, 4);
    finding->code = (enum stop_code)stop_code_find(finding->slug);
    if (!severity_find(database_text(statement, 5), &finding->severity))
        return error_set(e, ERROR_CORRUPT,
                         "store: %s: finding %lld has the unknown severity '%s': fetch a copy, or "
                         "use the newer rundown that wrote it",
                         store->path, (long long)finding->id, database_text(statement, 5));
    return 0;
}

static void read_texts(sqlite3_stmt *statement, struct store_finding *finding)
{
    finding->signature = database_text(statement, 7);
    finding->text = database_text(statement, 8);
    finding->injected = database_text(statement, 9);
    finding->replay = database_text(statement, 10);
    finding->trace = database_text(statement, 11);
    finding->timeline = database_text(statement, 12);
    finding->output = sqlite3_column_blob(statement, 13);
    finding->output_bytes = (size_t)sqlite3_column_bytes(statement, 13);
    if (finding->output == NULL)
        finding->output = "";
    finding->reproduced = database_unsigned(statement, 14);
    finding->replayed = database_unsigned(statement, 15);
}

static void read_repeats(sqlite3_stmt *statement, struct store_finding *finding)
{
    finding->repeats = database_unsigned(statement, 16);
    if (finding->repeats == 0)
        return;
    finding->repeat_cells = database_unsigned(statement, 17);
    finding->repeat_cycles = database_unsigned(statement, 18);
    finding->first_cell = sqlite3_column_int64(statement, 19);
    finding->first_cycle = database_unsigned(statement, 20);
}

static int read_finding(const struct store *store, sqlite3_stmt *statement,
                        struct store_finding *finding, struct error *e)
{
    *finding = (struct store_finding){
        .id = sqlite3_column_int64(statement, 0),
        .cell = sqlite3_column_int64(statement, 1),
        .cycle = database_unsigned(statement, 2),
        .place = (unsigned)sqlite3_column_int64(statement, 3),
        .hang_ms = sqlite3_column_double(statement, 6),
    };
    read_texts(statement, finding);
    read_repeats(statement, finding);
    return read_names(store, statement, finding, e);
}

/* Steps through; @seen counts, if not NULL. Releases. */
static int each_row(struct store *store, sqlite3_stmt *statement, store_each_finding *each,
                    void *context, unsigned *seen, struct error *e)
{
    struct store_finding finding;
    bool row;
    int code = database_step(store, statement, &row, e);

    while (code == 0 && row) {
        code = read_finding(store, statement, &finding, e);
        if (seen != NULL)
            ++*seen;
        if (code != 0 || each(&finding, context) != 0)
            break;
        code = database_step(store, statement, &row, e);
    }
    database_release(store, statement);
    return code;
}

int store_findings(struct store *store, bool distinct, store_each_finding *each, void *context,
                   struct error *e)
{
    sqlite3_stmt *statement;
    int code = database_prepare(store, list_sql[0][distinct], &statement, e);

    return code == 0 ? each_row(store, statement, each, context, NULL, e) : code;
}

int store_cell_findings(struct store *store, int64_t cell, bool distinct, store_each_finding *each,
                        void *context, struct error *e)
{
    sqlite3_stmt *statement;
    int code = database_prepare(store, list_sql[1][distinct], &statement, e);

    if (code != 0)
        return code;
    sqlite3_bind_int64(statement, 1, cell);
    return each_row(store, statement, each, context, NULL, e);
}

int store_finding_get(struct store *store, int64_t cell, uint64_t cycle, store_each_finding *each,
                      void *context, struct error *e)
{
    sqlite3_stmt *statement;
    int code = database_prepare(store, cycle_sql, &statement, e);

    if (code != 0)
        return code;
    sqlite3_bind_int64(statement, 1, cell);
    database_bind_unsigned(statement, 2, cycle);
    return each_row(store, statement, each, context, NULL, e);
}

int store_finding_read(struct store *store, int64_t id, store_each_finding *each, void *context,
                       struct error *e)
{
    sqlite3_stmt *statement;
    unsigned seen = 0;
    int code = database_prepare(store, id_sql, &statement, e);

    if (code != 0)
        return code;
    sqlite3_bind_int64(statement, 1, id);
    code = each_row(store, statement, each, context, &seen, e);
    if (code == 0 && seen == 0)
        code = error_set(e, ERROR_NOT_FOUND,
                         "store: %s: there is no finding %lld: a report names them all",
                         store->path, (long long)id);
    return code;
}

int store_count_findings(struct store *store, int64_t cell, enum stop_severity severity,
                         uint64_t *count, struct error *e)
{
    sqlite3_stmt *statement;
    bool row;
    int code = database_prepare(
        store, "SELECT count(*) FROM finding WHERE cell = ?1 AND place = 0 AND severity = ?2",
        &statement, e);

    if (code != 0)
        return code;
    sqlite3_bind_int64(statement, 1, cell);
    database_bind_text(statement, 2, severity_name(severity));
    code = database_step(store, statement, &row, e);
    if (code == 0)
        *count = database_unsigned(statement, 0);
    database_release(store, statement);
    return code;
}
