/*
 * jsonl: a run for other programs, one JSON object per line.
 *
 * docs/jsonl.md describes every member. Names and meanings never change within one "format";
 * new members may come. Hashes are strings, since numbers above 2^53 do not survive every
 * reader.
 */
#include <harness/report.h>

#include <results/store/latency.h>
#include <results/store/severity.h>
#include <results/store/store.h>
#include <results/text/calibration.h>
#include <results/text/finding_json.h>
#include <results/text/json_write.h>
#include <results/text/leaks.h>
#include <results/text/opinion_json.h>
#include <results/text/rate.h>
#include <results/text/stream.h>

#include <stdlib.h>
#include <string.h>

enum { JSONL_FORMAT = 1 };

/* struct lines - what is being written. */
struct lines {
    struct store *store;
    FILE *out;
    uint64_t findings;
    uint64_t series;
    int code; /* of a failure inside a callback */
    struct error *e;
};

static struct json_write begin_line(FILE *out, const char *type)
{
    struct json_write json = {.out = out};

    json_write_open_object(&json, NULL);
    json_write_text(&json, "type", type);
    return json;
}

static void end_line(struct json_write *json)
{
    json_write_close_object(json);
    fputc('\n', json->out);
}

static int each_meta(const char *key, const char *value, void *context)
{
    json_write_text(context, key, value);
    return 0;
}

static int write_run(struct lines *lines)
{
    struct json_write json = begin_line(lines->out, "run");
    int code;

    json_write_unsigned(&json, "format", JSONL_FORMAT);
    json_write_unsigned(&json, "schema", STORE_SCHEMA);
    json_write_open_object(&json, "meta");
    code = store_meta_list(lines->store, each_meta, &json, lines->e);
    json_write_close_object(&json);
    end_line(&json);
    return code;
}

static void write_cell_names(struct json_write *json, const struct store_cell *cell)
{
    json_write_signed(json, "cell", cell->id);
    json_write_text(json, "target", cell->target);
    json_write_text(json, "workload", cell->workload);
    json_write_text(json, "variant", cell->variant);
    json_write_text(json, "injector", cell->injector);
    json_write_text(json, "mode", cell->mode);
    json_write_text(json, "state", cell->state);
    json_write_lines(json, "notes", cell->notes);
    json_write_hash(json, "key", cell->key);
    json_write_hash(json, "profile", cell->profile);
}

static void write_cell_counts(struct json_write *json, const struct store_cell *cell)
{
    json_write_unsigned(json, "planned", cell->planned);
    json_write_unsigned(json, "cycles", cell->next);
    json_write_unsigned(json, "passed", cell->passed);
    json_write_unsigned(json, "failed", cell->failed);
    json_write_unsigned(json, "broken", cell->broken);
    json_write_unsigned(json, "skipped", cell->skipped);
    json_write_unsigned(json, "not_fired", cell->not_fired);
    json_write_real(json, "seconds", (double)cell->nanoseconds / 1e9);
    json_write_real(json, "longest_seconds", (double)cell->longest / 1e9);
}

static void write_rate(struct json_write *json, const struct rate *rate)
{
    if (!rate->sane) {
        json_write_null(json, "rate");
        return;
    }
    json_write_open_object(json, "rate");
    json_write_unsigned(json, "findings", rate->findings);
    json_write_unsigned(json, "cycles", rate->cycles);
    json_write_real(json, "low", rate->low);
    json_write_real(json, "high", rate->high);
    if (rate->findings == 0)
        json_write_real(json, "below", rate->below);
    else
        json_write_null(json, "below");
    json_write_close_object(json);
}

static void write_quantile(struct json_write *json, const struct store_cell *cell, double share)
{
    struct latency latency;

    if (latency_quantile(cell->histogram, share, &latency) != 0)
        return;
    json_write_open_object(json, NULL);
    json_write_real(json, "share", share);
    json_write_real(json, "microseconds", latency.microseconds);
    json_write_text(json, "is", latency.above ? "at least" : latency.below ? "at most" : "about");
    json_write_close_object(json);
}

static void write_latency(struct json_write *json, const struct store_cell *cell)
{
    json_write_open_array(json, "latency");
    write_quantile(json, cell, 0.5);
    write_quantile(json, cell, 0.95);
    write_quantile(json, cell, 0.99);
    json_write_close_array(json);
    json_write_open_array(json, "histogram");
    for (int i = 0; i < ABI_HISTOGRAM; i++)
        json_write_unsigned(json, NULL, cell->histogram[i]);
    json_write_close_array(json);
}

static int write_cell(struct lines *lines, const struct store_cell *cell)
{
    struct json_write json;
    struct rate rate;
    int code = rate_of_cell(lines->store, cell, &rate, lines->e);

    if (code != 0)
        return code;
    json = begin_line(lines->out, "cell");
    write_cell_names(&json, cell);
    write_cell_counts(&json, cell);
    write_rate(&json, &rate);
    write_latency(&json, cell);
    end_line(&json);
    return 0;
}

static int write_cells(struct lines *lines, uint64_t *written)
{
    struct store_cell *cells;
    size_t count;
    int code = store_cells(lines->store, &cells, &count, lines->e);

    for (size_t i = 0; i < count && code == 0; i++)
        code = write_cell(lines, &cells[i]);
    store_cells_free(cells, count);
    *written = count;
    return code;
}

static void write_finding_names(struct json_write *json, const struct store_finding *finding)
{
    json_write_signed(json, "finding", finding->id);
    json_write_signed(json, "cell", finding->cell);
    json_write_unsigned(json, "cycle", finding->cycle);
    json_write_unsigned(json, "place", finding->place);
    json_write_text(json, "code", finding->slug);
    json_write_text(json, "severity", severity_name(finding->severity));
    json_write_text(json, "signature", finding->signature);
    finding_json_hang(json, finding);
}

static void write_repeats(struct json_write *json, const struct store_finding *finding)
{
    if (finding->repeats == 0) {
        json_write_null(json, "repeats");
        return;
    }
    json_write_open_object(json, "repeats");
    json_write_unsigned(json, "times", finding->repeats);
    json_write_unsigned(json, "cells", finding->repeat_cells);
    json_write_unsigned(json, "cycles", finding->repeat_cycles);
    json_write_signed(json, "first_cell", finding->first_cell);
    json_write_unsigned(json, "first_cycle", finding->first_cycle);
    json_write_close_object(json);
}

/* One element of "also". */
static int each_also(const struct store_finding *finding, void *context)
{
    struct json_write *json = context;

    json_write_open_object(json, NULL);
    json_write_unsigned(json, "place", finding->place);
    json_write_text(json, "code", finding->slug);
    json_write_text(json, "severity", severity_name(finding->severity));
    json_write_close_object(json);
    return 0;
}

static int each_finding(const struct store_finding *finding, void *context)
{
    struct lines *lines = context;
    struct json_write json = begin_line(lines->out, "finding");

    write_finding_names(&json, finding);
    write_repeats(&json, finding);
    json_write_lines(&json, "text", finding->text);
    json_write_text(&json, "injected", finding->injected);
    json_write_text(&json, "replay", finding->replay);
    finding_json_replayed(&json, finding);
    json_write_text(&json, "trace", finding->trace);
    json_write_lines(&json, "timeline", finding->timeline);
    finding_json_output(&json, finding);
    json_write_open_array(&json, "cycle_codes");
    lines->code =
        store_finding_get(lines->store, finding->cell, finding->cycle, each_also, &json, lines->e);
    json_write_close_array(&json);
    end_line(&json);
    lines->findings++;
    return lines->code;
}

static void write_range(struct json_write *json, const int64_t *samples, size_t count)
{
    int64_t low = samples[0], high = samples[0];

    for (size_t i = 1; i < count; i++) {
        low = samples[i] < low ? samples[i] : low;
        high = samples[i] > high ? samples[i] : high;
    }
    json_write_signed(json, "first", samples[0]);
    json_write_signed(json, "last", samples[count - 1]);
    json_write_signed(json, "low", low);
    json_write_signed(json, "high", high);
}

/* Of the heap's series: who allocates what grows. */
static void write_sites(struct lines *lines, struct json_write *json, int64_t cell, uint64_t cycle)
{
    struct leak_site site[LEAK_SITES];
    size_t sites = 0;

    lines->code = leaks_sites(lines->store, cell, cycle, site, &sites, lines->e);
    for (size_t i = 0; i < sites; i++) {
        json_write_open_object(json, NULL);
        json_write_text(json, "place", site[i].place);
        json_write_real(json, "bytes", site[i].bytes);
        json_write_real(json, "blocks", site[i].blocks);
        json_write_close_object(json);
        free(site[i].place);
    }
}

/* What the leak test says, by the names that `rundown trend --json` has. */
static void write_judged(struct lines *lines, struct json_write *json, const char *kind,
                         int64_t cell, uint64_t cycle, const int64_t *samples, size_t count)
{
    size_t usable = leaks_is_judged(kind) ? opinion_usable(kind, samples, count) : 0;
    struct opinion opinion = {.leak.verdict = STATS_LEAK_TOO_SHORT};

    if (usable > 0)
        opinion_form(&opinion, (const long long *)samples, usable, opinion_kind(kind),
                     opinion_quantum(kind));
    if (usable > 0)
        json_write_text(json, "verdict", opinion_word(&opinion));
    else
        json_write_null(json, "verdict");
    opinion_json(json, &opinion);
    json_write_open_array(json, "last_differences");
    for (size_t i = usable > 21 ? usable - 20 : 1; i < usable; i++)
        json_write_signed(json, NULL, samples[i] - samples[i - 1]);
    json_write_close_array(json);
    json_write_open_array(json, "sites");
    if (strncmp(kind, "heap.", 5) == 0 && opinion.leak.verdict >= STATS_LEAK_SUSPECT)
        write_sites(lines, json, cell, cycle);
    json_write_close_array(json);
}

static int each_series(int64_t cell, uint64_t cycle, const char *kind, size_t stored, void *context)
{
    struct lines *lines = context;
    uint64_t first_lap;
    int64_t *samples;
    struct json_write json;
    size_t count;

    lines->code =
        store_series_read(lines->store, cell, cycle, kind, &first_lap, &samples, &count, lines->e);
    if (lines->code != 0)
        return lines->code;
    json = begin_line(lines->out, "series");
    json_write_signed(&json, "cell", cell);
    json_write_unsigned(&json, "cycle", cycle);
    json_write_text(&json, "kind", kind);
    json_write_unsigned(&json, "first_lap", first_lap);
    json_write_unsigned(&json, "samples", count);
    json_write_unsigned(&json, "behind_a_gap", stored - count);
    write_range(&json, samples, count);
    write_judged(lines, &json, kind, cell, cycle, samples, count);
    end_line(&json);
    free(samples);
    lines->series++;
    return lines->code;
}

static void write_planted_cell(struct lines *lines, const struct calibration_cell *cell)
{
    struct json_write json = begin_line(lines->out, "planted");

    write_cell_names(&json, cell->cell);
    json_write_bool(&json, "bad", cell->bad);
    json_write_text(&json, "codes", cell->codes);
    json_write_text(&json, "missing", cell->missing);
    json_write_text(&json, "seen", cell->seen);
    json_write_unsigned(&json, "hits", cell->hits);
    json_write_unsigned(&json, "cycles", cell->counted);
    json_write_real(&json, "low", cell->low);
    json_write_real(&json, "high", cell->high);
    if (cell->found)
        json_write_unsigned(&json, "first_cycle", cell->first);
    else
        json_write_null(&json, "first_cycle");
    end_line(&json);
}

static int write_planted(struct lines *lines)
{
    struct calibration calibration;
    int code = calibration_read(lines->store, &calibration, lines->e);

    if (code != 0)
        return code;
    for (size_t i = 0; i < calibration.cells; i++)
        write_planted_cell(lines, &calibration.cell[i]);
    calibration_free(&calibration);
    return 0;
}

static void write_end(struct lines *lines, uint64_t cells)
{
    struct json_write json = begin_line(lines->out, "end");

    json_write_unsigned(&json, "cells", cells);
    json_write_unsigned(&json, "findings", lines->findings);
    json_write_unsigned(&json, "series", lines->series);
    end_line(&json);
}

static int write_all(struct lines *lines, bool distinct)
{
    uint64_t cells = 0;
    int code = write_run(lines);

    if (code == 0)
        code = write_cells(lines, &cells);
    if (code == 0)
        code = store_findings(lines->store, distinct, each_finding, lines, lines->e);
    if (code == 0 && lines->code == 0)
        code = store_series_list(lines->store, each_series, lines, lines->e);
    if (code == 0)
        code = lines->code;
    if (code == 0)
        code = write_planted(lines);
    if (code == 0)
        write_end(lines, cells);
    return code;
}

static int jsonl_write(struct store *store, FILE *out, const struct report_options *options,
                       struct error *e)
{
    struct lines lines = {.store = store, .out = out, .e = e};
    int code;

    if (options->finding != 0)
        code = store_finding_read(store, options->finding, each_finding, &lines, e);
    else
        code = write_all(&lines, !options->verbose);
    if (code == 0)
        code = lines.code;
    return code == 0 ? stream_check(out, e) : code;
}

const struct report_format report_format_jsonl = {
    .name = "jsonl",
    .summary = "one JSON object per line, for other programs",
    .file = "run.jsonl",
    .write = jsonl_write,
};
