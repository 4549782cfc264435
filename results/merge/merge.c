/*
 * merge: makes the merged run, from one run after the other. plan.c has found that they fit.
 *
 * One transaction, in a directory beside the place where it is to lie: nobody ever sees half of
 * it. Every cycle goes through store_commit_batch(), which refuses a run that contradicts itself.
 */
#include <results/merge/merge.h>

#include <harness/common/array.h>
#include <results/merge/copy_tree.h>
#include <results/merge/plan.h>
#include <results/store/store.h>

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* struct series_key - a series of the run that is being taken over. */
struct series_key {
    int64_t cell;
    uint64_t cycle;
    char *kind;
};

/* struct mapping - a part of the run, and its number in the merged one. */
struct mapping {
    int64_t from, to;
};

/*
 * struct merging - the merged run, and the one that is being taken over.
 * @done: its cells that are there already. @held: findings of the cell whose turn it is, @at of
 * @cells. @series: of the whole run, in order of cells.
 */
struct merging {
    const struct merge_options *options;
    struct merge_plan plan;
    struct merge_summary *summary;
    char *directory;
    struct store *out;
    struct error *e;
    int code;

    struct merge_input *input;
    size_t index;
    struct store *in;
    struct store_cell *cells;
    size_t cell_count;
    bool *done;
    size_t at;
    struct store_finding *held;
    size_t held_count, held_room;
    struct series_key *series;
    size_t series_count, series_room;
    struct mapping *part;
    size_t parts, part_room;
};

/* --- findings ----------------------------------------------------------------------------------
 */

static void free_finding(struct store_finding *finding)
{
    free((char *)finding->signature);
    free((char *)finding->text);
    free((char *)finding->injected);
    free((char *)finding->replay);
    free((char *)finding->trace);
    free((char *)finding->timeline);
    free((char *)finding->waits);
    free((void *)finding->output);
}

static void *copy_bytes(const void *bytes, size_t length)
{
    void *copy = malloc(length + 1);

    if (copy != NULL)
        memcpy(copy, bytes, length);
    return copy;
}

/* The recorder's trace comes along; one that is not there any more is not missed. */
static int copy_trace(struct merging *merging, const char *trace, char **out)
{
    char *from = NULL, *to = NULL;
    int code = 0;

    if (*trace == 0)
        return (*out = strdup("")) != NULL ? 0 : merge_no_memory(merging->e);
    if (!copy_tree_is_inside(trace))
        return error_set(merging->e, ERROR_CORRUPT,
                         "merge: %s: a trace lies outside of it: fetch a copy, or leave it out",
                         merging->input->path);
    if (asprintf(out, "part-%zu/%s", merging->index + 1, trace) < 0 ||
        asprintf(&from, "%s/%s", merging->input->path, trace) < 0 ||
        asprintf(&to, "%s/%s", merging->directory, *out) < 0)
        return merge_no_memory(merging->e);
    if (access(to, F_OK) != 0)
        code = copy_tree(from, to, merging->e);
    free(from);
    free(to);
    if (code == ERROR_NOT_FOUND) {
        **out = 0;
        code = 0;
    }
    return code;
}

static int keep_texts(struct merging *merging, const struct store_finding *finding,
                      struct store_finding *kept)
{
    char *trace = NULL, *waits = NULL;
    int code = copy_trace(merging, finding->trace, &trace);

    kept->trace = trace;
    if (code == 0)
        code = store_waits_read(merging->in, finding->id, &waits, merging->e);
    kept->waits = waits;
    kept->signature = strdup(finding->signature);
    kept->text = strdup(finding->text);
    kept->injected = strdup(finding->injected);
    kept->replay = strdup(finding->replay);
    kept->timeline = strdup(finding->timeline);
    kept->output = copy_bytes(finding->output, finding->output_bytes);
    if (code == 0 && (kept->signature == NULL || kept->text == NULL || kept->injected == NULL ||
                      kept->replay == NULL || kept->timeline == NULL || kept->output == NULL))
        code = merge_no_memory(merging->e);
    return code;
}

static int hold(struct merging *merging, const struct store_finding *finding)
{
    struct store_finding *kept;

    if (finding->code == STOP_NONE)
        return error_set(merging->e, ERROR_VERSION,
                         "merge: %s: finding %lld has the stop code '%s', which this rundown does "
                         "not know: use the newer rundown that wrote it",
                         merging->input->path, (long long)finding->id, finding->slug);
    if (!ARRAY_ROOM(merging->held, merging->held_count, merging->held_room))
        return merge_no_memory(merging->e);
    kept = &merging->held[merging->held_count++];
    *kept = *finding;
    kept->slug = NULL;
    return keep_texts(merging, finding, kept);
}

static void drop_held(struct merging *merging)
{
    for (size_t i = 0; i < merging->held_count; i++)
        free_finding(&merging->held[i]);
    merging->held_count = 0;
}

/* --- series ------------------------------------------------------------------------------------
 */

static int each_series(int64_t cell, uint64_t cycle, const char *kind, size_t samples,
                       void *context)
{
    struct merging *merging = context;
    struct series_key *key;

    (void)samples;
    if (!ARRAY_ROOM(merging->series, merging->series_count, merging->series_room))
        return merging->code = merge_no_memory(merging->e);
    key = &merging->series[merging->series_count];
    *key = (struct series_key){cell, cycle, strdup(kind)};
    if (key->kind == NULL)
        return merging->code = merge_no_memory(merging->e);
    merging->series_count++;
    return 0;
}

static void series_of(const struct merging *merging, int64_t cell, size_t *first, size_t *end)
{
    *first = *end = ARRAY_FIRST(merging->series_count, i, merging->series[i].cell < cell);
    while (*end < merging->series_count && merging->series[*end].cell == cell)
        ++*end;
}

static void free_series(struct store_series *series, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free((int64_t *)series[i].sample);
    free(series);
}

/* The series of a cell under their new numbers. */
static int read_series(struct merging *merging, const struct store_cell *from,
                       const struct merge_cell *to, struct store_series **out, size_t *count)
{
    size_t first, end;
    int code = 0;

    series_of(merging, from->id, &first, &end);
    *count = 0;
    *out = calloc(end - first + 1, sizeof **out);
    if (*out == NULL)
        return merge_no_memory(merging->e);
    for (size_t i = first; i < end && code == 0; i++) {
        const struct series_key *key = &merging->series[i];
        struct store_series *series = &(*out)[*count];
        int64_t *samples;

        code = store_series_read(merging->in, key->cell, key->cycle, key->kind, &series->first_lap,
                                 &samples, &series->samples, merging->e);
        if (code != 0)
            break;
        series->cell = to->row.id;
        series->cycle = key->cycle + to->next;
        series->kind = key->kind;
        series->sample = samples;
        ++*count;
    }
    return code;
}

/* --- one cell of one run -----------------------------------------------------------------------
 */

static struct store_batch batch_of(const struct store_cell *from, const struct merge_cell *to)
{
    struct store_batch batch = {.cell = to->row.id,
                                .first = to->next,
                                .count = from->next,
                                .passed = from->passed,
                                .failed = from->failed,
                                .broken = from->broken,
                                .skipped = from->skipped,
                                .not_fired = from->not_fired,
                                .nanoseconds = from->nanoseconds,
                                .longest = from->longest};

    memcpy(batch.histogram, from->histogram, sizeof batch.histogram);
    return batch;
}

/* A finding that was run again: its new number is asked for by its place. */
struct again {
    unsigned place;
    int64_t id;
};

static int find_place(const struct store_finding *finding, void *context)
{
    struct again *again = context;

    if (finding->place == again->place)
        again->id = finding->id;
    return again->id != 0;
}

static int keep_replayed(struct merging *merging)
{
    int code = 0;

    for (size_t i = 0; i < merging->held_count && code == 0; i++) {
        const struct store_finding *held = &merging->held[i];
        struct again again = {.place = held->place};

        if (held->replayed == 0)
            continue;
        code = store_finding_get(merging->out, held->cell, held->cycle, find_place, &again,
                                 merging->e);
        if (code == 0)
            code = store_replayed_set(merging->out, again.id, held->reproduced, held->replayed,
                                      merging->e);
    }
    return code;
}

static void renumber(struct merging *merging, const struct merge_cell *to)
{
    for (size_t i = 0; i < merging->held_count; i++) {
        merging->held[i].cell = to->row.id;
        merging->held[i].cycle += to->next;
    }
}

/* What the store refuses is not our mistake here, but the run's. */
static int contradiction(const struct merging *merging, const struct store_cell *from, int code)
{
    if (code != ERROR_RANGE)
        return code;
    return error_set(merging->e, ERROR_CORRUPT,
                     "merge: %s: cell %lld contradicts its own findings or sums: fetch a copy, or "
                     "leave it out",
                     merging->input->path, (long long)from->id);
}

static int take_cell(struct merging *merging, size_t at)
{
    const struct store_cell *from = &merging->cells[at];
    struct merge_cell *to = &merging->plan.cell[merging->input->to[at]];
    struct store_batch batch = batch_of(from, to);
    struct store_series *series = NULL;
    size_t count = 0;
    int code = read_series(merging, from, to, &series, &count);

    renumber(merging, to);
    if (code == 0)
        code = contradiction(merging, from,
                             store_commit_batch(merging->out, &batch, merging->held,
                                                merging->held_count, series, count, merging->e));
    if (code == 0)
        code = keep_replayed(merging);
    free_series(series, count);
    merging->summary->cycles += from->next;
    merging->summary->findings += merging->held_count;
    drop_held(merging);
    merging->done[at] = true;
    return code;
}

/* --- one run -----------------------------------------------------------------------------------
 */

static int each_finding(const struct store_finding *finding, void *context)
{
    struct merging *merging = context;
    const struct store_cell *cell =
        store_cell_find(merging->cells, merging->cell_count, finding->cell);
    size_t at = cell != NULL ? (size_t)(cell - merging->cells) : 0;

    if (cell == NULL)
        return merging->code = error_set(merging->e, ERROR_CORRUPT,
                                         "merge: %s: finding %lld belongs to no cell: fetch a copy",
                                         merging->input->path, (long long)finding->id);
    if (merging->held_count > 0 && at != merging->at)
        merging->code = take_cell(merging, merging->at);
    merging->at = at;
    if (merging->code == 0)
        merging->code = hold(merging, finding);
    return merging->code;
}

static int take_findings(struct merging *merging)
{
    int code = store_findings(merging->in, false, each_finding, merging, merging->e);

    if (code == 0)
        code = merging->code;
    if (code == 0 && merging->held_count > 0)
        code = take_cell(merging, merging->at);
    return code;
}

static int take_quiet_cells(struct merging *merging)
{
    int code = 0;

    for (size_t i = 0; i < merging->cell_count && code == 0; i++)
        if (!merging->done[i] && merging->cells[i].next > 0)
            code = take_cell(merging, i);
    return code;
}

static int each_source(const struct store_source *source, void *context)
{
    struct merging *merging = context;

    return merging->code = store_source_add(merging->out, source, merging->e);
}

/* struct noting - the part whose notes are copied. */
struct noting {
    struct merging *merging;
    int64_t part;
};

static int each_note(const char *key, const char *value, void *context)
{
    struct noting *noting = context;
    struct merging *merging = noting->merging;

    return merging->code = store_part_note(merging->out, noting->part, key, value, merging->e);
}

static int add_part(struct merging *merging, int64_t from, const char *source)
{
    struct noting noting = {merging, 0};
    int code;

    if (!ARRAY_ROOM(merging->part, merging->parts, merging->part_room))
        return merge_no_memory(merging->e);
    code = store_part_add(merging->out, source, &noting.part, merging->e);
    if (code != 0)
        return code;
    merging->part[merging->parts++] = (struct mapping){from, noting.part};
    code = from == 0 ? store_meta_list(merging->in, each_note, &noting, merging->e)
                     : store_part_notes(merging->in, from, each_note, &noting, merging->e);
    return code == 0 ? merging->code : code;
}

static int each_part(int64_t id, const char *source, void *context)
{
    struct merging *merging = context;

    return merging->code = add_part(merging, id, source);
}

static int each_range(const struct store_range *range, void *context)
{
    struct merging *merging = context;
    const struct store_cell *cell =
        store_cell_find(merging->cells, merging->cell_count, range->cell);
    struct store_range moved = *range;
    const struct merge_cell *to;

    if (cell == NULL)
        return 0;
    to = &merging->plan.cell[merging->input->to[cell - merging->cells]];
    moved.cell = to->row.id;
    moved.at += to->next;
    for (size_t i = 0; i < merging->parts; i++)
        if (merging->part[i].from == range->part)
            moved.part = merging->part[i].to;
    return merging->code = store_range_add(merging->out, &moved, merging->e);
}

static int add_plain_ranges(struct merging *merging)
{
    struct store_range range = {.part = merging->part[0].to};
    int code = merge_seed(merging->in, merging->input->path, &range.seed, merging->e);

    for (size_t i = 0; i < merging->cell_count && code == 0; i++) {
        const struct merge_cell *to = &merging->plan.cell[merging->input->to[i]];

        range.cell = to->row.id;
        range.count = merging->cells[i].next;
        range.at = to->next;
        if (range.count > 0)
            code = store_range_add(merging->out, &range, merging->e);
    }
    return code;
}

/* Where the cycles come from; before they are there, since it looks at what was there before. */
static int take_parts(struct merging *merging)
{
    bool plain;
    int code = merge_is_plain(merging->in, &plain, merging->e);

    if (code != 0)
        return code;
    if (plain) {
        code = add_part(merging, 0, merging->input->path);
        return code == 0 ? add_plain_ranges(merging) : code;
    }
    code = store_parts(merging->in, each_part, merging, merging->e);
    if (code == 0 && merging->code == 0)
        code = store_ranges(merging->in, each_range, merging, merging->e);
    return code == 0 ? merging->code : code;
}

/* It was read before, to see whether all fits. */
static int check_unchanged(struct merging *merging)
{
    bool same = merging->cell_count == merging->input->cells;

    for (size_t i = 0; same && i < merging->cell_count; i++)
        same = merging->cells[i].next == merging->input->next[i];
    if (same)
        return 0;
    return error_set(merging->e, ERROR_BUSY,
                     "merge: %s: the run goes on meanwhile: wait until it has ended",
                     merging->input->path);
}

static int take_cycles(struct merging *merging)
{
    int code = store_series_list(merging->in, each_series, merging, merging->e);

    if (code == 0)
        code = merging->code;
    if (code == 0)
        code = take_findings(merging);
    if (code == 0)
        code = take_quiet_cells(merging);
    if (code == 0)
        code = store_sources(merging->in, NULL, each_source, merging, merging->e);
    for (size_t i = 0; i < merging->cell_count; i++)
        merging->plan.cell[merging->input->to[i]].next += merging->cells[i].next;
    return code == 0 ? merging->code : code;
}

static int take_store(struct merging *merging)
{
    int code = store_cells(merging->in, &merging->cells, &merging->cell_count, merging->e);

    if (code == 0)
        code = check_unchanged(merging);
    merging->done = calloc(merging->cell_count + 1, sizeof *merging->done);
    if (code == 0 && merging->done == NULL)
        code = merge_no_memory(merging->e);
    if (code == 0)
        code = take_parts(merging);
    return code == 0 ? take_cycles(merging) : code;
}

static void drop_input(struct merging *merging)
{
    drop_held(merging);
    for (size_t i = 0; i < merging->series_count; i++)
        free(merging->series[i].kind);
    merging->series_count = 0;
    merging->parts = 0;
    free(merging->done);
    merging->done = NULL;
    store_cells_free(merging->cells, merging->cell_count);
    merging->cells = NULL;
    merging->cell_count = 0;
    store_close(merging->in);
    merging->in = NULL;
}

static int take_input(struct merging *merging, size_t index)
{
    int code;

    if (merging->options->stop != NULL && *merging->options->stop)
        return error_set(merging->e, ERROR_INTERRUPTED, "merge: interrupted; nothing was written");
    merging->index = index;
    merging->input = &merging->plan.input[index];
    code = store_open(merging->input->path, false, &merging->in, merging->e);
    if (code == 0)
        code = store_begin(merging->in, merging->e);
    if (code == 0)
        code = take_store(merging);
    if (merging->in != NULL)
        store_finish(merging->in, false, NULL);
    drop_input(merging);
    return code;
}

/* --- what is known of the merged run -----------------------------------------------------------
 */

/* "0x1; 0x2; 0x3 and 97 more". Caller frees. */
static char *join(const struct merge_value *value)
{
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);

    if (out == NULL)
        return NULL;
    for (size_t i = 0; i < value->kept; i++)
        fprintf(out, "%s%s", i > 0 ? "; " : "", value->value[i]);
    if (value->different > value->kept)
        fprintf(out, " and %zu more", value->different - value->kept);
    fclose(out);
    return text;
}

static int note_time(struct merging *merging, const struct merge_value *value, bool last)
{
    time_t when = (time_t)(last ? value->last_time : value->first_time);
    struct tm parts;
    char text[64];

    if (when == 0)
        return 0;
    gmtime_r(&when, &parts);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S+0000", &parts);
    return store_meta_set(merging->out, value->key, text, merging->e);
}

static int note_value(struct merging *merging, const struct merge_value *value)
{
    char *text;
    int code;

    if (strcmp(value->key, "command") == 0 || strcmp(value->key, "merged") == 0)
        return 0;
    if (strcmp(value->key, "started") == 0)
        return note_time(merging, value, false);
    if (strcmp(value->key, "ended") == 0) /* unless all have ended, it has not */
        return value->seen == merging->plan.parts ? note_time(merging, value, true) : 0;
    text = join(value);
    if (text == NULL)
        return merge_no_memory(merging->e);
    code = store_meta_set(merging->out, value->key, text, merging->e);
    free(text);
    return code;
}

static bool tells_binaries_apart(const char *key)
{
    static const char *const keys[] = {"kernel", "cpu", "libc", "version", "machine"};

    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        if (strcmp(keys[i], key) == 0)
            return true;
    return strncmp(key, "build.", 6) == 0;
}

static void note_difference(struct merge_summary *summary, const struct merge_value *value)
{
    size_t length = strlen(summary->differences);

    if (value->different < 2 || !tells_binaries_apart(value->key))
        return;
    snprintf(summary->differences + length, sizeof summary->differences - length, "%s%s",
             length > 0 ? ", " : "", value->key);
}

static int note_all(struct merging *merging)
{
    char number[32];
    int code = store_meta_set(merging->out, "command", merging->options->command, merging->e);

    snprintf(number, sizeof number, "%zu", merging->plan.parts);
    if (code == 0)
        code = store_meta_set(merging->out, "merged", number, merging->e);
    for (size_t i = 0; i < merging->plan.values && code == 0; i++) {
        code = note_value(merging, &merging->plan.value[i]);
        note_difference(merging->summary, &merging->plan.value[i]);
    }
    return code;
}

/* --- the directory -----------------------------------------------------------------------------
 */

static int refuse_place(const char *path, const char *why, struct error *e)
{
    return error_set(e, ERROR_USAGE, "merge: %s: %s: name a new directory", path, why);
}

static int check_place(const char *path, struct error *e)
{
    DIR *directory = opendir(path);
    struct dirent *entry;
    bool empty = true;

    if (directory == NULL)
        return errno == ENOENT ? 0 : refuse_place(path, strerror(errno), e);
    while ((entry = readdir(directory)) != NULL)
        empty &= strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
    closedir(directory);
    return empty ? 0 : refuse_place(path, "it is there already", e);
}

static int make_directory(struct merging *merging)
{
    size_t length = strlen(merging->options->out);
    mode_t mask = umask(0);

    umask(mask);
    while (length > 1 && merging->options->out[length - 1] == '/')
        length--;
    if (asprintf(&merging->directory, "%.*s.merge-XXXXXX", (int)length, merging->options->out) <
        0) {
        merging->directory = NULL;
        return merge_no_memory(merging->e);
    }
    if (mkdtemp(merging->directory) == NULL || chmod(merging->directory, 0777 & ~mask) != 0) {
        int code = refuse_place(merging->options->out, strerror(errno), merging->e);

        free(merging->directory);
        merging->directory = NULL;
        return code;
    }
    return 0;
}

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *at)
{
    (void)info, (void)type, (void)at;
    return remove(path);
}

static int move_directory(struct merging *merging)
{
    if (rename(merging->directory, merging->options->out) == 0)
        return 0;
    return refuse_place(merging->options->out,
                        errno == ENOTEMPTY || errno == EEXIST ? "it is there already"
                                                              : strerror(errno),
                        merging->e);
}

/* --- all ---------------------------------------------------------------------------------------
 */

static int add_cells(struct merging *merging)
{
    int code = 0;

    for (size_t i = 0; i < merging->plan.cells && code == 0; i++)
        code = store_cell_add(merging->out, &merging->plan.cell[i].row, merging->e);
    return code;
}

static int fill_store(struct merging *merging)
{
    int code = store_begin(merging->out, merging->e);

    if (code != 0)
        return code;
    code = add_cells(merging);
    for (size_t i = 0; i < merging->plan.inputs && code == 0; i++)
        code = take_input(merging, i);
    if (code == 0)
        code = note_all(merging);
    if (code == 0)
        return store_finish(merging->out, true, merging->e);
    store_finish(merging->out, false, NULL);
    return code;
}

static int write_out(struct merging *merging)
{
    int code = make_directory(merging);

    if (code == 0)
        code = store_create(merging->directory, &merging->out, merging->e);
    if (code == 0)
        code = fill_store(merging);
    store_close(merging->out);
    if (code == 0 && merging->options->stop != NULL && *merging->options->stop)
        code = error_set(merging->e, ERROR_INTERRUPTED, "merge: interrupted; nothing was written");
    if (code == 0)
        code = move_directory(merging);
    if (code != 0 && merging->directory != NULL)
        nftw(merging->directory, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    return code;
}

int merge_runs(const struct merge_options *options, struct merge_summary *summary, struct error *e)
{
    struct merging merging = {.options = options, .summary = summary, .e = e};
    int code;

    *summary = (struct merge_summary){.runs = options->count};
    code = check_place(options->out, e);
    if (code == 0)
        code = merge_plan(options, &merging.plan, e);
    if (code == 0) {
        summary->cells = merging.plan.cells;
        code = write_out(&merging);
    }
    merge_plan_free(&merging.plan);
    free(merging.directory);
    free(merging.held);
    free(merging.series);
    free(merging.part);
    return code;
}
