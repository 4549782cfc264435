/*
 * side: reads all that is compared of a run: counts, signatures, verdicts on its series. Texts of
 * findings stay in the store.
 */
#include <results/compare/side.h>

#include <harness/common/array.h>
#include <results/text/leaks.h>
#include <results/text/opinion.h>
#include <results/text/timestamp.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* struct reading - a side while it is read. */
struct reading {
    struct side *side;
    struct store *store;
    int code;
    struct error *e;
};

int side_no_memory(struct error *e)
{
    return error_set(e, ERROR_MEMORY, "compare: out of memory");
}

const char *side_note(const struct side *side, const char *key)
{
    for (size_t i = 0; i < side->notes; i++)
        if (strcmp(side->note[i].key, key) == 0)
            return side->note[i].value;
    return NULL;
}

int side_weight(enum stop_severity severity)
{
    switch (severity) {
    case STOP_SEVERITY_FINDING:
        return 2;
    case STOP_SEVERITY_HARNESS:
        return 1;
    default:
        return 0;
    }
}

static int each_note(const char *key, const char *value, void *context)
{
    struct reading *reading = context;
    struct side *side = reading->side;
    struct side_note *note;

    if (!ARRAY_ROOM(side->note, side->notes, side->note_room))
        return reading->code = side_no_memory(reading->e);
    note = &side->note[side->notes++];
    *note = (struct side_note){strdup(key), strdup(value)};
    if (note->key == NULL || note->value == NULL)
        return reading->code = side_no_memory(reading->e);
    return 0;
}

/* --- cells -------------------------------------------------------------------------------------
 */

static bool is_same(const struct store_cell *one, const struct store_cell *other)
{
    return strcmp(one->injector, other->injector) == 0 && strcmp(one->target, other->target) == 0 &&
           strcmp(one->mode, other->mode) == 0;
}

/* Cells of one target stand together, so those named alike are near. */
static struct side_cell *take_cell(struct side *side, const struct store_cell *row)
{
    for (size_t i = side->cells; i > 0 && strcmp(side->cell[i - 1].row->target, row->target) == 0;
         i--)
        if (is_same(side->cell[i - 1].row, row))
            return &side->cell[i - 1];
    side->cell[side->cells] = (struct side_cell){.row = row, .counts.runs = 1};
    return &side->cell[side->cells++];
}

static void add_histogram(uint32_t sum[ABI_HISTOGRAM], const uint32_t more[ABI_HISTOGRAM])
{
    for (int i = 0; i < ABI_HISTOGRAM; i++)
        sum[i] = sum[i] > UINT32_MAX - more[i] ? UINT32_MAX : sum[i] + more[i];
}

static int add_row(struct reading *reading, size_t at)
{
    struct side *side = reading->side;
    const struct store_cell *row = &side->rows[at];
    struct side_cell *cell = take_cell(side, row);
    uint64_t findings;
    int code =
        store_count_findings(reading->store, row->id, STOP_SEVERITY_FINDING, &findings, reading->e);

    if (code == 0 && findings > row->passed + row->failed)
        code = error_set(reading->e, ERROR_CORRUPT,
                         "compare: %s: cell %lld has more findings than cycles: fetch a copy",
                         side->path, (long long)row->id);
    side->cell_of[at] = (size_t)(cell - side->cell);
    cell->counts.cycles += row->next;
    cell->counts.counted += row->passed + row->failed;
    cell->counts.findings += findings;
    cell->counts.broken += row->broken;
    cell->counts.skipped += row->skipped;
    cell->counts.not_fired += row->not_fired;
    add_histogram(cell->histogram, row->histogram);
    side->cycles += row->next;
    return code;
}

static int read_cells(struct reading *reading)
{
    struct side *side = reading->side;
    int code = store_cells(reading->store, &side->rows, &side->row_count, reading->e);

    if (code != 0)
        return code;
    side->cell = calloc(side->row_count + 1, sizeof *side->cell);
    side->cell_of = calloc(side->row_count + 1, sizeof *side->cell_of);
    if (side->cell == NULL || side->cell_of == NULL)
        return side_no_memory(reading->e);
    for (size_t i = 0; i < side->row_count && code == 0; i++)
        code = add_row(reading, i);
    return code;
}

/* @at: the cell; false if the file names one that is not there. */
static bool find_cell(const struct side *side, int64_t id, size_t *at)
{
    const struct store_cell *row = store_cell_find(side->rows, side->row_count, id);

    if (row != NULL)
        *at = side->cell_of[row - side->rows];
    return row != NULL;
}

/* --- signatures --------------------------------------------------------------------------------
 */

/* A note and a finding of one signature are one entry, of the greater weight. */
static struct side_signature *known(struct side *side, size_t at, const char *signature)
{
    struct side_signature *last =
        side->signatures > 0 ? &side->signature[side->signatures - 1] : NULL;

    return last != NULL && last->at == at && strcmp(last->signature, signature) == 0 ? last : NULL;
}

static int add_signature(struct reading *reading, const struct store_signature *row, size_t at)
{
    struct side *side = reading->side;
    struct side_signature *entry;

    if (!ARRAY_ROOM(side->signature, side->signatures, side->signature_room))
        return side_no_memory(reading->e);
    entry = &side->signature[side->signatures++];
    *entry = (struct side_signature){.signature = strdup(row->signature),
                                     .slug = strdup(row->slug),
                                     .replay = strdup(row->replay),
                                     .severity = row->severity,
                                     .at = at,
                                     .cycles = row->own_cycles,
                                     .verdicts = row->verdicts,
                                     .first_cycle = row->first_cycle,
                                     .cell = row->cell,
                                     .finding = row->finding};
    return entry->signature != NULL && entry->slug != NULL && entry->replay != NULL
               ? 0
               : side_no_memory(reading->e);
}

static int each_signature(const struct store_signature *row, void *context)
{
    struct reading *reading = context;
    struct side_signature *entry;
    size_t at;

    if (!find_cell(reading->side, row->cell, &at))
        return reading->code =
                   error_set(reading->e, ERROR_CORRUPT,
                             "compare: %s: finding %lld belongs to no cell: fetch a copy",
                             reading->side->path, (long long)row->finding);
    entry = known(reading->side, at, row->signature);
    if (entry == NULL)
        return reading->code = add_signature(reading, row, at);
    if (side_weight(row->severity) > side_weight(entry->severity))
        entry->severity = row->severity;
    entry->cycles += row->own_cycles;
    entry->verdicts += row->verdicts;
    return 0;
}

/* --- leaks -------------------------------------------------------------------------------------
 */

static struct side_leak *take_leak(struct side *side, size_t at, const char *kind)
{
    struct side_leak *leak;

    for (size_t i = side->leaks; i > 0 && side->leak[i - 1].at == at; i--)
        if (strcmp(side->leak[i - 1].kind, kind) == 0)
            return &side->leak[i - 1];
    if (!ARRAY_ROOM(side->leak, side->leaks, side->leak_room))
        return NULL;
    leak = &side->leak[side->leaks];
    *leak = (struct side_leak){.at = at, .kind = strdup(kind)};
    if (leak->kind == NULL)
        return NULL;
    side->leaks++;
    return leak;
}

static bool is_worse(const struct stats_leak *one, const struct stats_leak *other)
{
    if (one->verdict != other->verdict)
        return one->verdict > other->verdict;
    return one->slope.slope > other->slope.slope;
}

static int each_series(int64_t id, uint64_t cycle, const char *kind, size_t stored, void *context)
{
    struct reading *reading = context;
    struct stats_leak verdict;
    struct side_leak *leak;
    int64_t *samples;
    size_t at, count;

    (void)stored;
    _Static_assert(sizeof(long long) == sizeof(int64_t), "samples are judged where they lie");
    if (!leaks_is_judged(kind) || !find_cell(reading->side, id, &at))
        return 0;
    reading->code =
        store_series_read(reading->store, id, cycle, kind, NULL, &samples, &count, reading->e);
    if (reading->code != 0)
        return reading->code;
    count = opinion_usable(kind, samples, count);
    leak = take_leak(reading->side, at, kind);
    if (leak == NULL)
        reading->code = side_no_memory(reading->e);
    else if (count > 0 &&
             stats_leak_judge((long long *)samples, count, opinion_kind(kind), &verdict) == 0 &&
             is_worse(&verdict, &leak->leak))
        leak->leak = verdict;
    free(samples);
    return reading->code;
}

/* --- can it be trusted? ------------------------------------------------------------------------
 */

static bool has_harness_finding(const struct side *side)
{
    for (size_t i = 0; i < side->signatures; i++)
        if (side->signature[i].severity == STOP_SEVERITY_HARNESS)
            return true;
    return false;
}

/* As run_status() of the supervisor has it. */
static int judge_trust(struct side *side, struct error *e)
{
    uint64_t broken = 0;

    for (size_t i = 0; i < side->cells; i++)
        broken += side->cell[i].counts.broken;
    if (side->cycles == 0)
        side->trouble = strdup("it has no finished cycle");
    else if (broken > 0 && asprintf(&side->trouble, "%llu of its cycles are broken",
                                    (unsigned long long)broken) < 0)
        side->trouble = NULL;
    else if (broken == 0 && has_harness_finding(side))
        side->trouble = strdup("rundown had trouble of its own in it (see its report)");
    else
        return 0;
    return side->trouble != NULL ? 0 : side_no_memory(e);
}

/* --- all ---------------------------------------------------------------------------------------
 */

static void find_time(struct side *side)
{
    const char *started = side_note(side, "started"), *ended = side_note(side, "ended");

    if (started == NULL || !timestamp_read(started, &side->started))
        if (ended != NULL)
            timestamp_read(ended, &side->started);
}

static int read_store(struct reading *reading, bool leaks)
{
    struct side *side = reading->side;
    int code = store_begin(reading->store, reading->e);

    if (code == 0)
        code = store_meta_list(reading->store, each_note, reading, reading->e);
    if (code == 0 && reading->code == 0)
        code = read_cells(reading);
    if (code == 0 && reading->code == 0)
        code = store_signatures(reading->store, each_signature, reading, reading->e);
    if (code == 0 && reading->code == 0 && leaks)
        code = store_series_list(reading->store, each_series, reading, reading->e);
    store_finish(reading->store, false, NULL);
    if (code == 0)
        code = reading->code;
    find_time(side);
    return code == 0 ? judge_trust(side, reading->e) : code;
}

int side_read(struct side *side, const char *path, bool leaks, struct error *e)
{
    struct reading reading = {.side = side, .e = e};
    int code;

    *side = (struct side){.path = strdup(path)};
    if (side->path == NULL)
        return side_no_memory(e);
    code = store_open(path, false, &reading.store, e);
    if (code != 0)
        return code;
    code = read_store(&reading, leaks);
    store_close(reading.store);
    return code;
}

void side_free(struct side *side)
{
    for (size_t i = 0; i < side->notes; i++) {
        free(side->note[i].key);
        free(side->note[i].value);
    }
    for (size_t i = 0; i < side->signatures; i++) {
        free(side->signature[i].signature);
        free(side->signature[i].slug);
        free(side->signature[i].replay);
    }
    for (size_t i = 0; i < side->leaks; i++)
        free(side->leak[i].kind);
    free(side->note);
    free(side->signature);
    free(side->leak);
    free(side->cell);
    free(side->cell_of);
    store_cells_free(side->rows, side->row_count);
    free(side->trouble);
    free(side->path);
    *side = (struct side){0};
}
