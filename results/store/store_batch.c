/*
 * store_batch: the one way by which cycles enter a run.
 *
 * Everything is checked before the transaction begins or rolls it back: a run whose sums and
 * findings contradict each other would be believed. Finished cycles stay the range 0 .. next-1.
 */
#include <results/store/store.h>

#include <results/store/database.h>
#include <results/store/histogram.h>
#include <results/store/series.h>
#include <results/store/severity.h>
#include <results/store/store_waits.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* struct sums - what a cell's row holds before, and then after the batch. */
struct sums {
    uint64_t next, passed, failed, broken, skipped, not_fired, nanoseconds, longest;
    uint32_t histogram[ABI_HISTOGRAM];
};

static int __attribute__((format(printf, 3, 4)))
refuse(const struct store *store, struct error *e, const char *format, ...)
{
    char why[256];
    va_list args;

    va_start(args, format);
    vsnprintf(why, sizeof why, format, args);
    va_end(args);
    return error_set(e, ERROR_RANGE,
                     "store: %s: batch refused: %s: this is a mistake in rundown, please report it",
                     store->path, why);
}

static bool in_batch(const struct store_batch *batch, int64_t cell, uint64_t cycle)
{
    return cell == batch->cell && cycle >= batch->first && cycle - batch->first < batch->count;
}

static int check_counts(const struct store *store, const struct store_batch *batch, struct error *e)
{
    uint64_t sum =
        batch->passed + batch->failed + batch->broken + batch->skipped + batch->not_fired;

    if (sum != batch->count)
        return refuse(store, e, "verdicts of %llu cycles for %llu", (unsigned long long)sum,
                      (unsigned long long)batch->count);
    return 0;
}

/* @before: the finding in front of it, or NULL. @verdict: place 0 of its cycle. */
static int check_finding(const struct store *store, const struct store_batch *batch,
                         const struct store_finding *finding, const struct store_finding *before,
                         const struct store_finding *verdict, struct error *e)
{
    unsigned long long cycle = finding->cycle;
    bool same = before != NULL && before->cycle == finding->cycle;

    if (!in_batch(batch, finding->cell, finding->cycle))
        return refuse(store, e, "a finding of cycle %llu, which is not in it", cycle);
    if (before != NULL && before->cycle > finding->cycle)
        return refuse(store, e, "findings of cycle %llu out of order", cycle);
    if (finding->place != (same ? before->place + 1 : 0))
        return refuse(store, e, "findings of cycle %llu without all places", cycle);
    if (stop_code_entry(finding->code) == NULL || severity_name(finding->severity) == NULL)
        return refuse(store, e, "a finding of cycle %llu without a known code", cycle);
    if (verdict->severity == STOP_SEVERITY_NOTE && finding->severity == STOP_SEVERITY_FINDING)
        return refuse(store, e, "a note hides a finding in cycle %llu", cycle);
    return 0;
}

static int check_findings(const struct store *store, const struct store_batch *batch,
                          const struct store_finding *findings, size_t count, struct error *e)
{
    const struct store_finding *verdict = findings;
    int code = 0;

    for (size_t i = 0; i < count && code == 0; i++) {
        if (findings[i].place == 0)
            verdict = &findings[i];
        code =
            check_finding(store, batch, &findings[i], i > 0 ? &findings[i - 1] : NULL, verdict, e);
    }
    return code;
}

static int check_series(const struct store *store, const struct store_batch *batch,
                        const struct store_series *series, size_t count, struct error *e)
{
    for (size_t i = 0; i < count; i++) {
        if (!in_batch(batch, series[i].cell, series[i].cycle))
            return refuse(store, e, "a series of cycle %llu, which is not in it",
                          (unsigned long long)series[i].cycle);
    }
    return 0;
}

static void read_columns(sqlite3_stmt *statement, struct sums *sums)
{
    uint64_t *const fields[] = {&sums->next,        &sums->passed,  &sums->failed,
                                &sums->broken,      &sums->skipped, &sums->not_fired,
                                &sums->nanoseconds, &sums->longest};

    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        *fields[i] = database_unsigned(statement, (int)i);
}

static int read_sums(struct store *store, int64_t cell, struct sums *sums, struct error *e)
{
    static const char sql[] = "SELECT next, passed, failed, broken, skipped, not_fired, "
                              "nanoseconds, longest, histogram FROM cell WHERE id = ?1";
    sqlite3_stmt *statement;
    bool row = false;
    int code = database_prepare(store, sql, &statement, e);

    if (code == 0) {
        sqlite3_bind_int64(statement, 1, cell);
        code = database_step(store, statement, &row, e);
    }
    if (code == 0 && !row)
        code = error_set(e, ERROR_NOT_FOUND, "store: %s: there is no cell %lld", store->path,
                         (long long)cell);
    if (code == 0) {
        read_columns(statement, sums);
        code = histogram_read(store, statement, 8, sums->histogram, e);
    }
    database_release(store, statement);
    return code;
}

static void add_batch(struct sums *sums, const struct store_batch *batch)
{
    sums->next += batch->count;
    sums->passed += batch->passed;
    sums->failed += batch->failed;
    sums->broken += batch->broken;
    sums->skipped += batch->skipped;
    sums->not_fired += batch->not_fired;
    sums->nanoseconds += batch->nanoseconds;
    if (batch->longest > sums->longest)
        sums->longest = batch->longest;
    histogram_add(sums->histogram, batch->histogram);
}

static int write_sums(struct store *store, int64_t cell, const struct sums *sums, struct error *e)
{
    static const char sql[] = "UPDATE cell SET next = ?1, passed = ?2, failed = ?3, broken = ?4, "
                              "skipped = ?5, not_fired = ?6, nanoseconds = ?7, longest = ?8, "
                              "histogram = ?9 WHERE id = ?10";
    const uint64_t numbers[] = {sums->next,    sums->passed,    sums->failed,      sums->broken,
                                sums->skipped, sums->not_fired, sums->nanoseconds, sums->longest};
    uint8_t histogram[HISTOGRAM_BYTES];
    sqlite3_stmt *statement;
    int code = database_prepare(store, sql, &statement, e);

    if (code != 0)
        return code;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        database_bind_unsigned(statement, 1 + (int)i, numbers[i]);
    histogram_pack(sums->histogram, histogram);
    database_bind_bytes(statement, 9, histogram, sizeof histogram);
    sqlite3_bind_int64(statement, 10, cell);
    code = database_execute(store, statement, e);
    database_release(store, statement);
    return code;
}

static int commit_sums(struct store *store, const struct store_batch *batch, struct error *e)
{
    struct sums sums;
    int code = read_sums(store, batch->cell, &sums, e);

    if (code != 0)
        return code;
    if (batch->first != sums.next)
        return refuse(store, e, "it begins at cycle %llu, cell %lld goes on at %llu",
                      (unsigned long long)batch->first, (long long)batch->cell,
                      (unsigned long long)sums.next);
    add_batch(&sums, batch);
    return write_sums(store, batch->cell, &sums, e);
}

static void bind_finding(sqlite3_stmt *statement, const struct store_finding *finding)
{
    sqlite3_bind_int64(statement, 1, finding->cell);
    database_bind_unsigned(statement, 2, finding->cycle);
    sqlite3_bind_int64(statement, 3, finding->place);
    database_bind_text(statement, 4, stop_code_entry(finding->code)->slug);
    database_bind_text(statement, 5, severity_name(finding->severity));
    /* Not a number would be stored as NULL. */
    sqlite3_bind_double(statement, 6, finding->hang_ms >= 0 ? finding->hang_ms : -1);
    database_bind_text(statement, 7, finding->signature);
    database_bind_text(statement, 8, finding->text);
    database_bind_text(statement, 9, finding->injected);
    database_bind_text(statement, 10, finding->replay);
    database_bind_text(statement, 11, finding->trace);
    database_bind_text(statement, 12, finding->timeline);
    database_bind_bytes(statement, 13, finding->output, finding->output_bytes);
}

static int insert_findings(struct store *store, const struct store_finding *findings, size_t count,
                           sqlite3_stmt *sign, sqlite3_stmt *insert, struct error *e)
{
    int code = 0;

    for (size_t i = 0; i < count && code == 0; i++) {
        database_bind_text(sign, 1, findings[i].signature);
        code = database_execute(store, sign, e);
        if (code != 0)
            break;
        bind_finding(insert, &findings[i]);
        code = database_execute(store, insert, e);
        if (code == 0)
            code = waits_store(store, sqlite3_last_insert_rowid(store->db), findings[i].waits, e);
    }
    return code;
}

static int commit_findings(struct store *store, const struct store_finding *findings, size_t count,
                           struct error *e)
{
    static const char sign_sql[] = "INSERT OR IGNORE INTO signature(text) VALUES(?1)";
    static const char insert_sql[] =
        "INSERT INTO finding(cell, cycle, place, code, severity, hang_ms, signature, text, "
        "injected, replay, trace, timeline, output) VALUES(?1, ?2, ?3, ?4, ?5, ?6, "
        "(SELECT id FROM signature WHERE text = ?7), ?8, ?9, ?10, ?11, ?12, ?13)";
    sqlite3_stmt *sign = NULL, *insert = NULL;
    int code;

    if (count == 0)
        return 0;
    code = database_prepare(store, sign_sql, &sign, e);
    if (code == 0)
        code = database_prepare(store, insert_sql, &insert, e);
    if (code == 0)
        code = insert_findings(store, findings, count, sign, insert, e);
    database_release(store, sign);
    database_release(store, insert);
    return code;
}

static int insert_block(struct store *store, const struct store_series *series, size_t at,
                        size_t count, sqlite3_stmt *insert, struct error *e)
{
    uint8_t *block;
    size_t bytes;
    int code = series_encode(series->sample + at, count, &block, &bytes);

    if (code != 0)
        return error_set(e, code, "store: %s: %s", store->path, error_sentence(code));
    sqlite3_bind_int64(insert, 1, series->cell);
    database_bind_unsigned(insert, 2, series->cycle);
    database_bind_text(insert, 3, series->kind);
    database_bind_unsigned(insert, 4, series->first_lap + at);
    sqlite3_bind_int64(insert, 5, (int64_t)count);
    database_bind_bytes(insert, 6, block, bytes);
    code = database_execute(store, insert, e);
    free(block);
    return code;
}

/* The lap behind the last one that is stored of this series. */
static int laps_end(struct store *store, const struct store_series *series, sqlite3_stmt *end,
                    uint64_t *lap, struct error *e)
{
    bool row;
    int code;

    sqlite3_bind_int64(end, 1, series->cell);
    database_bind_unsigned(end, 2, series->cycle);
    database_bind_text(end, 3, series->kind);
    code = database_step(store, end, &row, e);
    *lap = code == 0 && row ? database_unsigned(end, 0) : 0;
    sqlite3_reset(end);
    return code;
}

static int insert_series(struct store *store, const struct store_series *series, sqlite3_stmt *end,
                         sqlite3_stmt *insert, struct error *e)
{
    uint64_t lap;
    int code = laps_end(store, series, end, &lap, e);

    if (code == 0 && series->samples > 0 && series->first_lap < lap)
        code = refuse(store, e, "lap %llu of cycle %llu comes twice",
                      (unsigned long long)series->first_lap, (unsigned long long)series->cycle);
    for (size_t at = 0; at < series->samples && code == 0; at += SERIES_BLOCK) {
        size_t left = series->samples - at;

        code =
            insert_block(store, series, at, left < SERIES_BLOCK ? left : SERIES_BLOCK, insert, e);
    }
    return code;
}

static int commit_series(struct store *store, const struct store_series *series, size_t count,
                         struct error *e)
{
    static const char end_sql[] = "SELECT first_lap + samples FROM series WHERE cell = ?1 AND "
                                  "cycle = ?2 AND kind = ?3 ORDER BY first_lap DESC LIMIT 1";
    static const char insert_sql[] = "INSERT INTO series(cell, cycle, kind, first_lap, samples, "
                                     "block) VALUES(?1, ?2, ?3, ?4, ?5, ?6)";
    sqlite3_stmt *end = NULL, *insert = NULL;
    int code;

    if (count == 0)
        return 0;
    code = database_prepare(store, end_sql, &end, e);
    if (code == 0)
        code = database_prepare(store, insert_sql, &insert, e);
    for (size_t i = 0; i < count && code == 0; i++)
        code = insert_series(store, &series[i], end, insert, e);
    database_release(store, end);
    database_release(store, insert);
    return code;
}

/* After some failures SQLite has rolled back by itself. @inside: store_begin() was called. */
static void roll_back(struct store *store, bool inside)
{
    if (!sqlite3_get_autocommit(store->db))
        sqlite3_exec(store->db, inside ? "ROLLBACK TO batch; RELEASE batch" : "ROLLBACK", NULL,
                     NULL, NULL);
}

int store_commit_batch(struct store *store, const struct store_batch *batch,
                       const struct store_finding *findings, size_t finding_count,
                       const struct store_series *series, size_t series_count, struct error *e)
{
    bool inside = !sqlite3_get_autocommit(store->db);
    int code = check_counts(store, batch, e);

    if (code == 0)
        code = check_findings(store, batch, findings, finding_count, e);
    if (code == 0)
        code = check_series(store, batch, series, series_count, e);
    if (code != 0)
        return code;
    code = database_do(store, inside ? "SAVEPOINT batch" : "BEGIN IMMEDIATE", e);
    if (code == 0)
        code = commit_sums(store, batch, e);
    if (code == 0)
        code = commit_findings(store, findings, finding_count, e);
    if (code == 0)
        code = commit_series(store, series, series_count, e);
    if (code == 0)
        code = database_do(store, inside ? "RELEASE batch" : "COMMIT", e);
    if (code != 0)
        roll_back(store, inside);
    return code;
}
