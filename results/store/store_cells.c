/*
 * store_cells: rows of the table of cells, in and out.
 *
 * Sums change in store_batch.c alone: nothing here may touch them once a cell is there.
 */
#include <results/store/store.h>

#include <harness/common/array.h>
#include <results/store/database.h>
#include <results/store/histogram.h>

#include <stdlib.h>
#include <string.h>

#define CELL_COLUMNS                                                                               \
    "target, workload, variant, injector, mode, state, notes, key, profile, planned, next, "       \
    "passed, failed, broken, skipped, not_fired, nanoseconds, longest, histogram"

enum { CELL_TEXTS = 7, CELL_NUMBERS = 11 };

/* In the order of CELL_COLUMNS. */
static void text_fields(struct store_cell *cell, char **out[CELL_TEXTS])
{
    char **const fields[CELL_TEXTS] = {&cell->target,   &cell->workload, &cell->variant,
                                       &cell->injector, &cell->mode,     &cell->state,
                                       &cell->notes};

    memcpy(out, fields, sizeof fields);
}

static void number_fields(struct store_cell *cell, uint64_t *out[CELL_NUMBERS])
{
    uint64_t *const fields[CELL_NUMBERS] = {&cell->key,         &cell->profile, &cell->planned,
                                            &cell->next,        &cell->passed,  &cell->failed,
                                            &cell->broken,      &cell->skipped, &cell->not_fired,
                                            &cell->nanoseconds, &cell->longest};

    memcpy(out, fields, sizeof fields);
}

static void bind_cell(sqlite3_stmt *statement, struct store_cell *cell, const uint8_t *histogram)
{
    char **texts[CELL_TEXTS];
    uint64_t *numbers[CELL_NUMBERS];

    text_fields(cell, texts);
    number_fields(cell, numbers);
    for (int i = 0; i < CELL_TEXTS; i++)
        database_bind_text(statement, 1 + i, *texts[i]);
    for (int i = 0; i < CELL_NUMBERS; i++)
        database_bind_unsigned(statement, 1 + CELL_TEXTS + i, *numbers[i]);
    database_bind_bytes(statement, 1 + CELL_TEXTS + CELL_NUMBERS, histogram, HISTOGRAM_BYTES);
}

int store_cell_add(struct store *store, struct store_cell *cell, struct error *e)
{
    static const char sql[] = "INSERT INTO cell(" CELL_COLUMNS
                              ", id) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, "
                              "?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20)";
    uint8_t histogram[HISTOGRAM_BYTES];
    sqlite3_stmt *statement;
    int code = database_prepare(store, sql, &statement, e);

    if (code != 0)
        return code;
    histogram_pack(cell->histogram, histogram);
    bind_cell(statement, cell, histogram);
    if (cell->id < 0)
        sqlite3_bind_int64(statement, 20, cell->id);
    code = database_execute(store, statement, e);
    database_release(store, statement);
    if (code == 0)
        cell->id = sqlite3_last_insert_rowid(store->db);
    return code;
}

int store_cell_remark(struct store *store, const struct store_cell *cell, struct error *e)
{
    sqlite3_stmt *statement;
    int code = database_prepare(
        store, "UPDATE cell SET state = ?1, notes = ?2, profile = ?3 WHERE id = ?4", &statement, e);

    if (code != 0)
        return code;
    database_bind_text(statement, 1, cell->state);
    database_bind_text(statement, 2, cell->notes);
    database_bind_unsigned(statement, 3, cell->profile);
    sqlite3_bind_int64(statement, 4, cell->id);
    code = database_execute(store, statement, e);
    database_release(store, statement);
    if (code == 0 && sqlite3_changes(store->db) == 0)
        code = error_set(e, ERROR_NOT_FOUND, "store: %s: there is no cell %lld", store->path,
                         (long long)cell->id);
    return code;
}

static int read_cell(struct store *store, sqlite3_stmt *statement, struct store_cell *cell,
                     struct error *e)
{
    char **texts[CELL_TEXTS];
    uint64_t *numbers[CELL_NUMBERS];
    int column = CELL_TEXTS + CELL_NUMBERS;

    cell->id = sqlite3_column_int64(statement, column + 1);
    text_fields(cell, texts);
    number_fields(cell, numbers);
    for (int i = 0; i < CELL_TEXTS; i++) {
        *texts[i] = strdup(database_text(statement, i));
        if (*texts[i] == NULL)
            return error_set(e, ERROR_MEMORY, "store: %s: out of memory", store->path);
    }
    for (int i = 0; i < CELL_NUMBERS; i++)
        *numbers[i] = database_unsigned(statement, CELL_TEXTS + i);
    return histogram_read(store, statement, column, cell->histogram, e);
}

static int read_cells(struct store *store, sqlite3_stmt *statement, struct store_cell **cells,
                      size_t *count, struct error *e)
{
    size_t room = 0;
    bool row;
    int code = database_step(store, statement, &row, e);

    while (code == 0 && row) {
        if (!ARRAY_ROOM(*cells, *count, room))
            return error_set(e, ERROR_MEMORY, "store: %s: out of memory", store->path);
        (*cells)[*count] = (struct store_cell){0};
        code = read_cell(store, statement, &(*cells)[(*count)++], e);
        if (code == 0)
            code = database_step(store, statement, &row, e);
    }
    return code;
}

static int list_cells(struct store *store, const char *sql, struct store_cell **out, size_t *count,
                      struct error *e)
{
    sqlite3_stmt *statement;
    int code;

    *out = NULL;
    *count = 0;
    code = database_prepare(store, sql, &statement, e);
    if (code == 0)
        code = read_cells(store, statement, out, count, e);
    database_release(store, statement);
    if (code != 0) {
        store_cells_free(*out, *count);
        *out = NULL;
        *count = 0;
    }
    return code;
}

int store_cells(struct store *store, struct store_cell **out, size_t *count, struct error *e)
{
    return list_cells(store, "SELECT " CELL_COLUMNS ", id FROM cell WHERE id > 0 ORDER BY id", out,
                      count, e);
}

int store_cells_all(struct store *store, struct store_cell **out, size_t *count, struct error *e)
{
    return list_cells(store, "SELECT " CELL_COLUMNS ", id FROM cell ORDER BY id < 0, abs(id)", out,
                      count, e);
}

void store_cells_free(struct store_cell *cells, size_t count)
{
    char **texts[CELL_TEXTS];

    for (size_t i = 0; i < count; i++) {
        text_fields(&cells[i], texts);
        for (int k = 0; k < CELL_TEXTS; k++)
            free(*texts[k]);
    }
    free(cells);
}

const struct store_cell *store_cell_find(const struct store_cell *cells, size_t count, int64_t id)
{
    for (size_t i = 0; i < count; i++) {
        if (cells[i].id == id)
            return &cells[i];
    }
    return NULL;
}
