/*
 * store_series: reads leak series back, block by block. series.c knows the blocks.
 *
 * A gap ends a series (statistics never interpolate); a block that contradicts its row is
 * damage and is refused. Reads only.
 */
#include <results/store/store.h>

#include <results/store/database.h>
#include <results/store/series.h>

#include <stdlib.h>
#include <string.h>

/* struct reading - a series as far as it has been read. */
struct reading {
    int64_t *sample;
    size_t count;
    size_t room;
    uint64_t first_lap;
};

static int make_room(struct store *store, struct reading *reading, struct error *e)
{
    size_t more = reading->room == 0 ? SERIES_BLOCK : 2 * reading->room;
    int64_t *bigger;

    if (reading->room - reading->count >= SERIES_BLOCK)
        return 0;
    bigger = reallocarray(reading->sample, more, sizeof *bigger);
    if (bigger == NULL)
        return error_set(e, ERROR_MEMORY, "store: %s: out of memory", store->path);
    reading->sample = bigger;
    reading->room = more;
    return 0;
}

static int damaged(const struct store *store, uint64_t lap, struct error *e)
{
    return error_set(e, ERROR_CORRUPT,
                     "store: %s: the samples from lap %llu on are damaged: fetch a copy, or leave "
                     "this series out",
                     store->path, (unsigned long long)lap);
}

/* Adds the row's block. @gap: it does not follow on what is there. */
static int read_block(struct store *store, sqlite3_stmt *statement, struct reading *reading,
                      bool *gap, struct error *e)
{
    uint64_t lap = database_unsigned(statement, 0);
    const uint8_t *block = sqlite3_column_blob(statement, 2);
    size_t count = 0;
    int code;

    if (reading->count == 0)
        reading->first_lap = lap;
    *gap = lap != reading->first_lap + reading->count;
    if (*gap)
        return 0;
    code = make_room(store, reading, e);
    if (code != 0)
        return code;
    if (block == NULL ||
        series_decode(block, (size_t)sqlite3_column_bytes(statement, 2),
                      reading->sample + reading->count, &count) != 0 ||
        count != database_unsigned(statement, 1))
        return damaged(store, lap, e);
    reading->count += count;
    return 0;
}

static int read_blocks(struct store *store, sqlite3_stmt *statement, struct reading *reading,
                       struct error *e)
{
    bool row, gap = false;
    int code = database_step(store, statement, &row, e);

    while (code == 0 && row && !gap) {
        code = read_block(store, statement, reading, &gap, e);
        if (code == 0)
            code = database_step(store, statement, &row, e);
    }
    return code;
}

int store_series_read(struct store *store, int64_t cell, uint64_t cycle, const char *kind,
                      uint64_t *first_lap, int64_t **samples, size_t *count, struct error *e)
{
    static const char sql[] = "SELECT first_lap, samples, block FROM series WHERE cell = ?1 AND "
                              "cycle = ?2 AND kind = ?3 ORDER BY first_lap";
    struct reading reading = {0};
    sqlite3_stmt *statement;
    int code = database_prepare(store, sql, &statement, e);

    if (code != 0)
        return code;
    sqlite3_bind_int64(statement, 1, cell);
    database_bind_unsigned(statement, 2, cycle);
    database_bind_text(statement, 3, kind);
    code = read_blocks(store, statement, &reading, e);
    database_release(store, statement);
    if (code == 0 && reading.count == 0)
        code = error_set(e, ERROR_NOT_FOUND, "store: %s: cycle %llu of cell %lld has no '%s'",
                         store->path, (unsigned long long)cycle, (long long)cell, kind);
    if (code != 0) {
        free(reading.sample);
        return code;
    }
    if (first_lap != NULL)
        *first_lap = reading.first_lap;
    *samples = reading.sample;
    *count = reading.count;
    return 0;
}

int store_series_list(struct store *store,
                      int (*each)(int64_t cell, uint64_t cycle, const char *kind, size_t samples,
                                  void *context),
                      void *context, struct error *e)
{
    static const char sql[] =
        "SELECT cell, cycle, kind, sum(samples) FROM series "
        "WHERE cell > 0 GROUP BY cell, cycle, kind ORDER BY cell, cycle, kind";
    sqlite3_stmt *statement;
    bool row;
    int code = database_prepare(store, sql, &statement, e);

    if (code == 0)
        code = database_step(store, statement, &row, e);
    while (code == 0 && row) {
        if (each(sqlite3_column_int64(statement, 0), database_unsigned(statement, 1),
                 database_text(statement, 2), database_unsigned(statement, 3), context) != 0)
            break;
        code = database_step(store, statement, &row, e);
    }
    database_release(store, statement);
    return code;
}
