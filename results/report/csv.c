/*
 * csv: the leak series of a run, one sample per row, for a spreadsheet or R.
 *
 * Columns: cell, cycle, kind, lap, value. RFC 4180, but with plain newlines. Findings are not
 * here: jsonl has them.
 */
#include <harness/report.h>

#include <results/store/store.h>
#include <results/text/escape.h>
#include <results/text/stream.h>

#include <stdlib.h>

/* struct table - what is being written. */
struct table {
    struct store *store;
    FILE *out;
    int code; /* of a failure inside the callback */
    struct error *e;
};

static void write_row(FILE *out, int64_t cell, uint64_t cycle, const char *kind, uint64_t lap,
                      int64_t value)
{
    fprintf(out, "%lld,%llu,", (long long)cell, (unsigned long long)cycle);
    escape_csv(out, kind);
    fprintf(out, ",%llu,%lld\n", (unsigned long long)lap, (long long)value);
}

static int each_series(int64_t cell, uint64_t cycle, const char *kind, size_t stored, void *context)
{
    struct table *table = context;
    uint64_t lap;
    int64_t *samples;
    size_t count;

    table->code =
        store_series_read(table->store, cell, cycle, kind, &lap, &samples, &count, table->e);
    if (table->code != 0)
        return table->code;
    for (size_t i = 0; i < count; i++)
        write_row(table->out, cell, cycle, kind, lap + i, samples[i]);
    free(samples);
    return 0;
}

static int csv_write(struct store *store, FILE *out, const struct report_options *options,
                     struct error *e)
{
    struct table table = {.store = store, .out = out, .e = e};
    int code;

    fputs("cell,cycle,kind,lap,value\n", out);
    code = store_series_list(store, each_series, &table, e);
    if (code == 0)
        code = table.code;
    return code == 0 ? stream_check(out, e) : code;
}

const struct report_format report_format_csv = {
    .name = "csv",
    .summary = "the samples of every leak series, one per row",
    .file = NULL,
    .write = csv_write,
};
