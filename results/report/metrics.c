/*
 * metrics: a run as OpenMetrics text, for the textfile collector of a node exporter.
 *
 * docs/metrics.md names every family. All are gauges: a run is over, and the next night begins at
 * 0 again. What older Prometheus parsers do not know (units, info, timestamps) is not used, so that
 * the collector, which is one of them, reads the same. A target chooses some of the labels' text:
 * nothing of it may end a label or a line.
 */
#include <harness/report.h>

#include <harness/common/array.h>
#include <results/stats/leak.h>
#include <results/store/latency.h>
#include <results/store/severity.h>
#include <results/store/store.h>
#include <results/text/calibration.h>
#include <results/text/escape.h>
#include <results/text/leaks.h>
#include <results/text/opinion.h>
#include <results/text/rate.h>
#include <results/text/stream.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { VERDICTS = STATS_LEAK_FOUND + 1 };

/*
 * struct leak - the series of one kind of one cell.
 * @verdicts: how many came to each. @worst: of the worst of them, @smallest: of that one.
 */
struct leak {
    size_t cell; /* index */
    char *kind;
    unsigned verdicts[VERDICTS];
    struct stats_leak worst;
    struct stats_leak_smallest smallest;
};

/* struct metrics - what is being written. */
struct metrics {
    struct store *store;
    FILE *out;
    struct store_cell *cells;
    size_t cell_count;
    struct rate *rates;
    struct leak *leaks;
    size_t leak_count, leak_room;
    const struct store_cell *cell; /* whose turn it is */
    const char *family;
    int code; /* of a failure inside a callback */
    struct error *e;
};

/* --- lines -------------------------------------------------------------------------------------
 */

static int out_of_memory(struct error *e)
{
    return error_set(e, ERROR_MEMORY, "report: out of memory");
}

/* Controls and bad bytes become visible; then what ends a label is escaped. */
static void write_value(FILE *out, const char *text)
{
    char *safe = escape_terminal_copy(text, strlen(text));

    for (const char *c = safe; c != NULL && *c != '\0'; c++) {
        if (*c == '\\' || *c == '"')
            fputc('\\', out);
        fputc(*c, out);
    }
    free(safe);
}

static void write_label(FILE *out, char before, const char *name, const char *text)
{
    fprintf(out, "%c%s=\"", before, name);
    write_value(out, text);
    fputc('"', out);
}

static void begin_family(struct metrics *metrics, const char *name, const char *help)
{
    metrics->family = name;
    fprintf(metrics->out, "# HELP rundown_%s %s\n# TYPE rundown_%s gauge\n", name, help, name);
}

/* The sample's name and the labels that every cell has; the brace stays open. */
static void begin_sample(struct metrics *metrics, const struct store_cell *cell)
{
    FILE *out = metrics->out;

    fprintf(out, "rundown_%s{cell=\"%lld\"", metrics->family, (long long)cell->id);
    write_label(out, ',', "workload", cell->workload);
    write_label(out, ',', "target", cell->target);
    write_label(out, ',', "injector", cell->injector);
    write_label(out, ',', "mode", cell->mode);
}

static void end_count(struct metrics *metrics, uint64_t number)
{
    fprintf(metrics->out, "} %llu\n", (unsigned long long)number);
}

static void end_real(struct metrics *metrics, double number)
{
    fprintf(metrics->out, "} %.9g\n", number);
}

/* --- the run -----------------------------------------------------------------------------------
 */

static int write_run(struct metrics *metrics)
{
    static const char *const keys[] = {"seed", "version", "command", "recorder", "options"};
    char before = '{';

    begin_family(metrics, "run", "The run that the other metrics are of; always 1.");
    fputs("rundown_run", metrics->out);
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        char *value;

        if (store_meta_get(metrics->store, keys[i], &value, NULL) != 0)
            continue;
        write_label(metrics->out, before, keys[i], value);
        before = ',';
        free(value);
    }
    fputs(before == '{' ? " 1\n" : "} 1\n", metrics->out);
    return 0;
}

/* "2024-05-06T07:08:09Z" or "...+0000": what a run notes; false for any other form. */
static bool read_time(const char *text, long long *seconds)
{
    struct tm parts = {0};
    const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &parts);

    if (rest == NULL || (strcmp(rest, "Z") != 0 && strcmp(rest, "+0000") != 0))
        return false;
    *seconds = timegm(&parts);
    return true;
}

static void write_time(struct metrics *metrics, const char *key, const char *name, const char *help)
{
    long long seconds;
    char *value;

    if (store_meta_get(metrics->store, key, &value, NULL) != 0)
        return;
    if (read_time(value, &seconds)) {
        begin_family(metrics, name, help);
        fprintf(metrics->out, "rundown_%s %lld\n", name, seconds);
    }
    free(value);
}

static int write_times(struct metrics *metrics)
{
    write_time(metrics, "started", "run_start_time_seconds", "When the run began, Unix time.");
    write_time(metrics, "ended", "run_end_time_seconds", "When the run ended, Unix time.");
    return 0;
}

/* --- cells -------------------------------------------------------------------------------------
 */

static int write_cycles(struct metrics *metrics)
{
    begin_family(metrics, "cell_cycles",
                 "Finished cycles by verdict; not_fired: the injection did not happen.");
    for (size_t i = 0; i < metrics->cell_count; i++) {
        const struct store_cell *cell = &metrics->cells[i];
        const struct {
            const char *verdict;
            uint64_t count;
        } counts[] = {{"passed", cell->passed},
                      {"failed", cell->failed},
                      {"broken", cell->broken},
                      {"skipped", cell->skipped},
                      {"not_fired", cell->not_fired}};

        for (size_t k = 0; k < sizeof counts / sizeof counts[0]; k++) {
            begin_sample(metrics, cell);
            write_label(metrics->out, ',', "verdict", counts[k].verdict);
            end_count(metrics, counts[k].count);
        }
    }
    return 0;
}

static int write_planned(struct metrics *metrics)
{
    begin_family(metrics, "cell_planned_cycles", "Cycles wanted; 0: by time.");
    for (size_t i = 0; i < metrics->cell_count; i++) {
        begin_sample(metrics, &metrics->cells[i]);
        end_count(metrics, metrics->cells[i].planned);
    }
    return 0;
}

static int write_busy(struct metrics *metrics)
{
    begin_family(metrics, "cell_busy_seconds", "Durations of all cycles, summed.");
    for (size_t i = 0; i < metrics->cell_count; i++) {
        begin_sample(metrics, &metrics->cells[i]);
        end_real(metrics, (double)metrics->cells[i].nanoseconds / 1e9);
    }
    return 0;
}

static int write_longest(struct metrics *metrics)
{
    begin_family(metrics, "cell_longest_cycle_seconds", "The longest cycle.");
    for (size_t i = 0; i < metrics->cell_count; i++) {
        begin_sample(metrics, &metrics->cells[i]);
        end_real(metrics, (double)metrics->cells[i].longest / 1e9);
    }
    return 0;
}

static int write_latency(struct metrics *metrics)
{
    static const double shares[] = {0.5, 0.95, 0.99};

    begin_family(metrics, "cell_cycle_seconds",
                 "How long a cycle takes: this share is no longer. Within 9.1 percent.");
    for (size_t i = 0; i < metrics->cell_count; i++)
        for (size_t k = 0; k < sizeof shares / sizeof shares[0]; k++) {
            struct latency latency;

            if (latency_quantile(metrics->cells[i].histogram, shares[k], &latency) != 0)
                continue;
            begin_sample(metrics, &metrics->cells[i]);
            fprintf(metrics->out, ",share=\"%g\"", shares[k]);
            end_real(metrics, latency.microseconds / 1e6);
        }
    return 0;
}

/* --- findings and rates ------------------------------------------------------------------------
 */

static int write_findings(struct metrics *metrics)
{
    static const enum stop_severity severities[] = {STOP_SEVERITY_FINDING, STOP_SEVERITY_NOTE,
                                                    STOP_SEVERITY_HARNESS};

    begin_family(metrics, "cell_findings",
                 "Cycles whose verdict is a finding, a note, or a trouble of rundown itself.");
    for (size_t i = 0; i < metrics->cell_count; i++)
        for (size_t k = 0; k < sizeof severities / sizeof severities[0]; k++) {
            uint64_t count;
            int code = store_count_findings(metrics->store, metrics->cells[i].id, severities[k],
                                            &count, metrics->e);

            if (code != 0)
                return code;
            begin_sample(metrics, &metrics->cells[i]);
            write_label(metrics->out, ',', "severity", severity_name(severities[k]));
            end_count(metrics, count);
        }
    return 0;
}

static int each_signature(const struct store_finding *finding, void *context)
{
    struct metrics *metrics = context;

    begin_sample(metrics, metrics->cell);
    write_label(metrics->out, ',', "severity", severity_name(finding->severity));
    write_label(metrics->out, ',', "code", finding->slug);
    write_label(metrics->out, ',', "signature", finding->signature);
    end_count(metrics, finding->repeats);
    return 0;
}

static int write_signatures(struct metrics *metrics)
{
    int code = 0;

    begin_family(metrics, "signature_cycles",
                 "Cycles with this verdict. One signature is one bug, as far as can be told.");
    for (size_t i = 0; i < metrics->cell_count && code == 0; i++) {
        metrics->cell = &metrics->cells[i];
        code = store_cell_findings(metrics->store, metrics->cell->id, true, each_signature, metrics,
                                   metrics->e);
    }
    return code;
}

static double rate_share(const struct rate *rate)
{
    return (double)rate->findings / (double)rate->cycles;
}

static double rate_low(const struct rate *rate)
{
    return rate->low;
}

static double rate_high(const struct rate *rate)
{
    return rate->high;
}

static double rate_below(const struct rate *rate)
{
    return rate->below;
}

/* A cell without a cycle that counts has no rate, and one with findings no bound of silence. */
static int write_rates(struct metrics *metrics)
{
    static const struct {
        const char *name, *help;
        double (*of)(const struct rate *rate);
        bool silent; /* for cells without findings alone */
    } families[] = {
        {"cell_finding_ratio", "Share of the cycles that count that end in a finding.", rate_share,
         false},
        {"cell_finding_ratio_low", "Lower end of the 95 percent interval of Wilson.", rate_low,
         false},
        {"cell_finding_ratio_high", "Upper end of the 95 percent interval of Wilson.", rate_high,
         false},
        {"cell_finding_ratio_below",
         "Without findings: the share is below this with 95 percent confidence.", rate_below, true},
    };

    for (size_t k = 0; k < sizeof families / sizeof families[0]; k++) {
        begin_family(metrics, families[k].name, families[k].help);
        for (size_t i = 0; i < metrics->cell_count; i++) {
            const struct rate *rate = &metrics->rates[i];

            if (!rate->sane || rate->cycles == 0 || (families[k].silent && rate->findings > 0))
                continue;
            begin_sample(metrics, &metrics->cells[i]);
            end_real(metrics, families[k].of(rate));
        }
    }
    return 0;
}

/* --- leaks -------------------------------------------------------------------------------------
 */

static size_t cell_index(const struct metrics *metrics, int64_t id)
{
    size_t i = 0;

    while (i < metrics->cell_count && metrics->cells[i].id != id)
        i++;
    return i;
}

static struct leak *add_leak(struct metrics *metrics, size_t cell, const char *kind)
{
    struct leak *leak;

    if (!ARRAY_ROOM(metrics->leaks, metrics->leak_count, metrics->leak_room))
        return NULL;
    leak = &metrics->leaks[metrics->leak_count];
    *leak = (struct leak){.cell = cell, .kind = strdup(kind)};
    if (leak->kind == NULL)
        return NULL;
    metrics->leak_count++;
    return leak;
}

/* Series come in order of their cells, so the search goes back over one cell's kinds. */
static struct leak *find_leak(struct metrics *metrics, size_t cell, const char *kind)
{
    for (size_t i = metrics->leak_count; i > 0 && metrics->leaks[i - 1].cell == cell; i--)
        if (strcmp(metrics->leaks[i - 1].kind, kind) == 0)
            return &metrics->leaks[i - 1];
    return add_leak(metrics, cell, kind);
}

static bool is_worse(const struct stats_leak *one, const struct stats_leak *other)
{
    if (one->verdict != other->verdict)
        return one->verdict > other->verdict;
    return one->slope.slope > other->slope.slope;
}

static void judge(struct leak *leak, const int64_t *samples, size_t count)
{
    const long long *values = (const long long *)samples;
    struct stats_leak verdict;

    _Static_assert(sizeof(long long) == sizeof(int64_t), "samples are judged where they lie");
    if (stats_leak_judge(values, count, opinion_kind(leak->kind), &verdict) != 0)
        return;
    leak->verdicts[verdict.verdict]++;
    if (!is_worse(&verdict, &leak->worst))
        return;
    leak->worst = verdict;
    leak->smallest = (struct stats_leak_smallest){0};
    if (verdict.verdict == STATS_LEAK_CLEAN)
        stats_leak_smallest(values, count, opinion_kind(leak->kind), opinion_quantum(leak->kind),
                            &leak->smallest);
}

static int each_series(int64_t cell, uint64_t cycle, const char *kind, size_t stored, void *context)
{
    struct metrics *metrics = context;
    size_t index = cell_index(metrics, cell), count;
    struct leak *leak;
    int64_t *samples;

    if (index == metrics->cell_count || !leaks_is_judged(kind))
        return 0;
    metrics->code =
        store_series_read(metrics->store, cell, cycle, kind, NULL, &samples, &count, metrics->e);
    if (metrics->code != 0)
        return metrics->code;
    leak = find_leak(metrics, index, kind);
    if (leak != NULL)
        judge(leak, samples, opinion_usable(kind, samples, count));
    else
        metrics->code = out_of_memory(metrics->e);
    free(samples);
    return metrics->code;
}

static void begin_leak(struct metrics *metrics, const struct leak *leak)
{
    begin_sample(metrics, &metrics->cells[leak->cell]);
    write_label(metrics->out, ',', "series", leak->kind);
}

static int write_leak_verdicts(struct metrics *metrics)
{
    static const char *const words[VERDICTS] = {
        [STATS_LEAK_TOO_SHORT] = "too-short",
        [STATS_LEAK_CLEAN] = "not-seen",
        [STATS_LEAK_SUSPECT] = "suspect",
        [STATS_LEAK_FOUND] = "leak",
    };

    begin_family(metrics, "leak_series", "Series of samples by verdict: one for each cycle.");
    for (size_t i = 0; i < metrics->leak_count; i++)
        for (int verdict = 0; verdict < VERDICTS; verdict++) {
            if (words[verdict] == NULL)
                continue;
            begin_leak(metrics, &metrics->leaks[i]);
            write_label(metrics->out, ',', "verdict", words[verdict]);
            end_count(metrics, metrics->leaks[i].verdicts[verdict]);
        }
    return 0;
}

static double leak_slope(const struct leak *leak)
{
    return leak->worst.slope.slope;
}

static double leak_low(const struct leak *leak)
{
    return leak->worst.slope.low;
}

static double leak_high(const struct leak *leak)
{
    return leak->worst.slope.high;
}

static double leak_unseen(const struct leak *leak)
{
    return 3 * leak->smallest.per_lap;
}

static int write_leak_slopes(struct metrics *metrics)
{
    static const struct {
        const char *name, *help;
        double (*of)(const struct leak *leak);
        bool unseen; /* for those alone that have a smallest leak */
    } families[] = {
        {"leak_slope", "Growth per lap of the worst series, in the unit of the series.", leak_slope,
         false},
        {"leak_slope_low", "Lower end of its 95 percent interval.", leak_low, false},
        {"leak_slope_high", "Upper end of its 95 percent interval.", leak_high, false},
        {"leak_none_above",
         "No leak was seen; that series would likely have shown one of this size.", leak_unseen,
         true},
    };

    for (size_t k = 0; k < sizeof families / sizeof families[0]; k++) {
        begin_family(metrics, families[k].name, families[k].help);
        for (size_t i = 0; i < metrics->leak_count; i++) {
            const struct leak *leak = &metrics->leaks[i];

            if (leak->worst.verdict < STATS_LEAK_CLEAN ||
                (families[k].unseen && leak->smallest.per_lap <= 0))
                continue;
            begin_leak(metrics, leak);
            end_real(metrics, families[k].of(leak));
        }
    }
    return 0;
}

/* --- planted faults ----------------------------------------------------------------------------
 */

/* Nothing where nothing was planted: 0 of 0 would look like a night that found none. */
static int write_calibration(struct metrics *metrics)
{
    struct calibration calibration;
    int code = calibration_read(metrics->store, &calibration, metrics->e);
    const struct {
        const char *name, *help;
        uint64_t number;
    } families[] = {
        {"calibration_faults", "Known faults that were planted.", calibration.faults},
        {"calibration_faults_found", "Those of them that were found.", calibration.found},
        {"calibration_twin_cycles", "Cycles of clean twins that count.", calibration.twin_cycles},
        {"calibration_false_alarms", "Those of them with a finding.", calibration.alarms},
    };

    for (size_t i = 0; code == 0 && calibration.cells > 0 && i < 4; i++) {
        begin_family(metrics, families[i].name, families[i].help);
        fprintf(metrics->out, "rundown_%s %llu\n", families[i].name,
                (unsigned long long)families[i].number);
    }
    if (code == 0)
        calibration_free(&calibration);
    return code;
}

/* --- the document ------------------------------------------------------------------------------
 */

/* All that is computed before it is written, since a family's lines must stand together. */
static int gather(struct metrics *metrics)
{
    int code = 0;

    metrics->rates = calloc(metrics->cell_count + 1, sizeof *metrics->rates);
    if (metrics->rates == NULL)
        return out_of_memory(metrics->e);
    for (size_t i = 0; i < metrics->cell_count && code == 0; i++)
        code = rate_of_cell(metrics->store, &metrics->cells[i], &metrics->rates[i], metrics->e);
    if (code == 0)
        code = store_series_list(metrics->store, each_series, metrics, metrics->e);
    return code == 0 ? metrics->code : code;
}

static int write_families(struct metrics *metrics)
{
    static int (*const families[])(struct metrics * metrics) = {
        write_run,           write_times,       write_cycles,      write_planned, write_busy,
        write_longest,       write_latency,     write_findings,    write_rates,   write_signatures,
        write_leak_verdicts, write_leak_slopes, write_calibration,
    };
    int code = gather(metrics);

    for (size_t i = 0; i < sizeof families / sizeof families[0] && code == 0; i++)
        code = families[i](metrics);
    if (code == 0)
        fputs("# EOF\n", metrics->out);
    return code;
}

static void metrics_free(struct metrics *metrics)
{
    for (size_t i = 0; i < metrics->leak_count; i++)
        free(metrics->leaks[i].kind);
    free(metrics->leaks);
    free(metrics->rates);
    store_cells_free(metrics->cells, metrics->cell_count);
}

/* @options->finding does not apply: one finding alone would read as all that there is. */
static int metrics_write(struct store *store, FILE *out, const struct report_options *options,
                         struct error *e)
{
    struct metrics metrics = {.store = store, .out = out, .e = e};
    int code = store_cells(store, &metrics.cells, &metrics.cell_count, e);

    if (code != 0)
        return code;
    code = write_families(&metrics);
    metrics_free(&metrics);
    return code == 0 ? stream_check(out, e) : code;
}

const struct report_format report_format_metrics = {
    .name = "metrics",
    .summary = "OpenMetrics text, for a node exporter's textfile collector",
    .file = NULL,
    .write = metrics_write,
};
