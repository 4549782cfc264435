/*
 * plan: reads all runs once and finds what does not fit together, before anything is written.
 */
#include <results/merge/plan.h>

#include <harness/common/array.h>
#include <results/text/timestamp.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* struct reading - the run that is being read. @cells: its own. @occupied: of each, cycles that
 * its ranges have. */
struct reading {
    struct merge_plan *plan;
    size_t index;
    const char *path;
    struct store *store;
    struct store_cell *cells;
    size_t count;
    uint64_t *covered;
    int code;
    struct error *e;
};

int merge_no_memory(struct error *e)
{
    return error_set(e, ERROR_MEMORY, "merge: out of memory");
}

int merge_is_plain(struct store *store, bool *plain, struct error *e)
{
    char *merged = NULL;
    int code = store_meta_get(store, "merged", &merged, e);

    free(merged);
    *plain = code == ERROR_NOT_FOUND;
    return *plain ? 0 : code;
}

int merge_seed(struct store *store, const char *path, uint64_t *seed, struct error *e)
{
    char *text, *end;
    int code = store_meta_get(store, "seed", &text, e);

    if (code == ERROR_NOT_FOUND)
        return error_set(e, ERROR_CORRUPT,
                         "merge: %s: the run has no seed, so nobody can tell its cycles from "
                         "others: leave it out",
                         path);
    if (code != 0)
        return code;
    *seed = strtoull(text, &end, 0);
    if (end == text || *end != 0)
        code = error_set(e, ERROR_CORRUPT, "merge: %s: its seed is no number: fetch a copy", path);
    free(text);
    return code;
}

/* --- keys and values ---------------------------------------------------------------------------
 */

const struct merge_value *merge_value(const struct merge_plan *plan, const char *key)
{
    for (size_t i = 0; i < plan->values; i++)
        if (strcmp(plan->value[i].key, key) == 0)
            return &plan->value[i];
    return NULL;
}

static struct merge_value *take_value(struct merge_plan *plan, const char *key)
{
    struct merge_value *value = (struct merge_value *)merge_value(plan, key);

    if (value != NULL)
        return value;
    if (!ARRAY_ROOM(plan->value, plan->values, plan->value_room))
        return NULL;
    value = &plan->value[plan->values];
    *value = (struct merge_value){.key = strdup(key)};
    if (value->key == NULL)
        return NULL;
    plan->values++;
    return value;
}

static void take_time(struct merge_value *value, const char *text)
{
    long long seconds;

    if (!timestamp_read(text, &seconds))
        return;
    if (value->first_time == 0 || seconds < value->first_time)
        value->first_time = seconds;
    if (seconds > value->last_time)
        value->last_time = seconds;
}

static int each_note(const char *key, const char *text, void *context)
{
    struct reading *reading = context;
    struct merge_value *value = take_value(reading->plan, key);

    if (value == NULL)
        return reading->code = merge_no_memory(reading->e);
    value->seen++;
    take_time(value, text);
    for (size_t i = 0; i < value->kept; i++)
        if (strcmp(value->value[i], text) == 0)
            return 0;
    value->different++;
    if (value->kept == MERGE_VALUES)
        return 0;
    value->value[value->kept] = strdup(text);
    if (value->value[value->kept] == NULL)
        return reading->code = merge_no_memory(reading->e);
    value->kept++;
    return 0;
}

static int each_part(int64_t id, const char *source, void *context)
{
    struct reading *reading = context;
    int code = store_part_notes(reading->store, id, each_note, reading, reading->e);

    (void)source;
    reading->plan->parts++;
    if (reading->code == 0)
        reading->code = code;
    return reading->code;
}

static int read_notes(struct reading *reading, bool plain)
{
    int code;

    if (plain) {
        reading->plan->parts++;
        code = store_meta_list(reading->store, each_note, reading, reading->e);
    } else {
        code = store_parts(reading->store, each_part, reading, reading->e);
    }
    return code == 0 ? reading->code : code;
}

/* Counts must be of one kind of cycle. */
static int check_options(const struct reading *reading)
{
    const struct merge_value *options = merge_value(reading->plan, "options");

    if (options == NULL || options->different < 2)
        return 0;
    return error_set(
        reading->e, ERROR_USAGE,
        "merge: %s was run with '%.100s', the runs before it with '%.100s': merge runs "
        "of the same options",
        reading->path, options->value[1], options->value[0]);
}

/* --- cells -------------------------------------------------------------------------------------
 */

static bool is_same(const struct store_cell *one, const struct store_cell *other)
{
    return strcmp(one->injector, other->injector) == 0 && strcmp(one->target, other->target) == 0 &&
           strcmp(one->mode, other->mode) == 0;
}

/* Runs of one command line have their cells in one order, so the hint is nearly always right. */
static size_t find_cell(const struct merge_plan *plan, const struct store_cell *cell, unsigned nth,
                        size_t hint)
{
    for (size_t i = 0; i < plan->cells; i++) {
        size_t at = (hint + i) % plan->cells;

        if (plan->cell[at].nth == nth && is_same(&plan->cell[at].row, cell))
            return at;
    }
    return plan->cells;
}

static unsigned count_before(const struct reading *reading, size_t at)
{
    unsigned count = 0;

    /* The same target's cells stand together. */
    for (size_t i = at;
         i > 0 && strcmp(reading->cells[i - 1].target, reading->cells[at].target) == 0; i--)
        count += is_same(&reading->cells[i - 1], &reading->cells[at]);
    return count;
}

static int add_cell(struct reading *reading, const struct store_cell *cell, unsigned nth)
{
    struct merge_plan *plan = reading->plan;
    struct store_cell *row;

    if (!ARRAY_ROOM(plan->cell, plan->cells, plan->cell_room))
        return merge_no_memory(reading->e);
    plan->cell[plan->cells] = (struct merge_cell){.nth = nth};
    row = &plan->cell[plan->cells++].row;
    row->target = strdup(cell->target);
    row->workload = strdup(cell->workload);
    row->variant = strdup(cell->variant);
    row->injector = strdup(cell->injector);
    row->mode = strdup(cell->mode);
    row->state = strdup(cell->state);
    row->notes = strdup("");
    row->key = cell->key;
    row->profile = cell->profile;
    row->planned = cell->planned;
    if (row->target == NULL || row->workload == NULL || row->variant == NULL ||
        row->injector == NULL || row->mode == NULL || row->state == NULL || row->notes == NULL)
        return merge_no_memory(reading->e);
    return 0;
}

static bool has_line(const char *text, const char *line, size_t length)
{
    for (; *text != 0; text += strcspn(text, "\n"), text += *text == '\n')
        if (strcspn(text, "\n") == length && memcmp(text, line, length) == 0)
            return true;
    return false;
}

static int add_line(char **text, const char *line, size_t length, struct error *e)
{
    char *longer;

    if (has_line(*text, line, length))
        return 0;
    if (asprintf(&longer, "%s%s%.*s", *text, **text != 0 ? "\n" : "", (int)length, line) < 0)
        return merge_no_memory(e);
    free(*text);
    *text = longer;
    return 0;
}

static int add_notes(struct store_cell *row, const char *notes, struct error *e)
{
    int code = 0;

    while (*notes != 0 && code == 0) {
        size_t length = strcspn(notes, "\n");

        code = add_line(&row->notes, notes, length, e);
        notes += length;
        notes += *notes == '\n';
    }
    return code;
}

/* A state that not all share is a remark: the cell ran elsewhere. */
static int unite_states(struct merge_cell *to, const struct store_cell *cell, const char *path,
                        struct error *e)
{
    char *line;
    int code;

    if (strcmp(to->row.state, cell->state) != 0)
        to->states_differ = true;
    if (cell->state[0] == 0)
        return 0;
    if (asprintf(&line, "%s in one of the merged runs (%s): %s",
                 cell->next > 0 ? "stopped" : "skipped", path, cell->state) < 0)
        return merge_no_memory(e);
    code = add_line(&to->row.notes, line, strcspn(line, "\n"), e);
    free(line);
    return code;
}

static int unite_cell(struct merge_cell *to, const struct store_cell *cell, bool fresh,
                      const char *path, struct error *e)
{
    struct store_cell *row = &to->row;
    int code = add_notes(row, cell->notes, e);

    if (code == 0)
        code = unite_states(to, cell, path, e);
    if (fresh || code != 0)
        return code;
    row->planned = row->planned == 0 || cell->planned == 0 ? 0 : row->planned + cell->planned;
    to->profiles_differ |= row->profile != cell->profile;
    return 0;
}

static int take_cell(struct reading *reading, size_t at)
{
    struct merge_plan *plan = reading->plan;
    struct merge_input *input = &plan->input[reading->index];
    const struct store_cell *cell = &reading->cells[at];
    unsigned nth = count_before(reading, at);
    size_t to = find_cell(plan, cell, nth, at > 0 ? input->to[at - 1] + 1 : 0);
    bool fresh = to == plan->cells;
    int code = fresh ? add_cell(reading, cell, nth) : 0;

    if (code != 0)
        return code;
    input->to[at] = to;
    input->next[at] = cell->next;
    return unite_cell(&plan->cell[to], cell, fresh, reading->path, reading->e);
}

/* --- cycles ------------------------------------------------------------------------------------
 */

static int add_span(struct reading *reading, size_t at, uint64_t seed, uint64_t first,
                    uint64_t count)
{
    struct merge_plan *plan = reading->plan;

    if (!ARRAY_ROOM(plan->span, plan->spans, plan->span_room))
        return merge_no_memory(reading->e);
    plan->span[plan->spans++] = (struct merge_span){.cell = plan->input[reading->index].to[at],
                                                    .input = reading->index,
                                                    .seed = seed,
                                                    .first = first,
                                                    .count = count};
    return 0;
}

static int each_range(const struct store_range *range, void *context)
{
    struct reading *reading = context;
    const struct store_cell *cell = store_cell_find(reading->cells, reading->count, range->cell);
    size_t at = cell != NULL ? (size_t)(cell - reading->cells) : 0;

    if (cell == NULL || range->count == 0 || range->first > UINT64_MAX - range->count ||
        range->at != reading->covered[at] || range->count > cell->next - reading->covered[at])
        return reading->code = error_set(reading->e, ERROR_CORRUPT,
                                         "merge: %s: its parts contradict its cells: fetch a copy",
                                         reading->path);
    reading->covered[at] += range->count;
    return reading->code = add_span(reading, at, range->seed, range->first, range->count);
}

static int read_ranges(struct reading *reading)
{
    int code = store_ranges(reading->store, each_range, reading, reading->e);

    if (code == 0)
        code = reading->code;
    for (size_t i = 0; i < reading->count && code == 0; i++)
        if (reading->covered[i] != reading->cells[i].next)
            code = error_set(reading->e, ERROR_CORRUPT,
                             "merge: %s: cell %lld has cycles of no part: fetch a copy",
                             reading->path, (long long)reading->cells[i].id);
    return code;
}

static int read_spans(struct reading *reading, bool plain)
{
    uint64_t seed = 0;
    int code = plain ? merge_seed(reading->store, reading->path, &seed, reading->e) : 0;

    if (!plain)
        return read_ranges(reading);
    for (size_t i = 0; i < reading->count && code == 0; i++)
        if (reading->cells[i].next > 0)
            code = add_span(reading, i, seed, 0, reading->cells[i].next);
    return code;
}

static int by_place(const void *a, const void *b)
{
    const struct merge_span *one = a, *other = b;

    if (one->cell != other->cell)
        return one->cell < other->cell ? -1 : 1;
    if (one->seed != other->seed)
        return one->seed < other->seed ? -1 : 1;
    return one->first < other->first ? -1 : one->first > other->first;
}

static int twice(const struct merge_plan *plan, const struct merge_span *one,
                 const struct merge_span *other, struct error *e)
{
    const struct store_cell *row = &plan->cell[one->cell].row;
    uint64_t end = one->first + one->count < other->first + other->count
                       ? one->first + one->count
                       : other->first + other->count;

    return error_set(e, ERROR_RANGE,
                     "merge: %.120s and %.120s both have cycles %llu to %llu of seed 0x%llx of "
                     "'%.80s' under %.40s: they would count twice; leave one out",
                     plan->input[one->input].path, plan->input[other->input].path,
                     (unsigned long long)other->first, (unsigned long long)end - 1,
                     (unsigned long long)one->seed, row->target, row->injector);
}

static int check_spans(struct merge_plan *plan, struct error *e)
{
    if (plan->spans > 1)
        qsort(plan->span, plan->spans, sizeof *plan->span, by_place);
    for (size_t i = 1; i < plan->spans; i++) {
        const struct merge_span *one = &plan->span[i - 1], *other = &plan->span[i];

        if (one->cell == other->cell && one->seed == other->seed &&
            other->first - one->first < one->count)
            return twice(plan, one, other, e);
    }
    return 0;
}

/* --- all ---------------------------------------------------------------------------------------
 */

static int read_cells(struct reading *reading)
{
    struct merge_input *input = &reading->plan->input[reading->index];
    int code = store_cells(reading->store, &reading->cells, &reading->count, reading->e);

    if (code != 0)
        return code;
    input->cells = reading->count;
    input->to = calloc(reading->count + 1, sizeof *input->to);
    input->next = calloc(reading->count + 1, sizeof *input->next);
    reading->covered = calloc(reading->count + 1, sizeof *reading->covered);
    if (input->to == NULL || input->next == NULL || reading->covered == NULL)
        return merge_no_memory(reading->e);
    for (size_t i = 0; i < reading->count && code == 0; i++)
        code = take_cell(reading, i);
    return code;
}

static int read_input(struct reading *reading)
{
    bool plain = true;
    int code = store_begin(reading->store, reading->e);

    if (code == 0)
        code = merge_is_plain(reading->store, &plain, reading->e);
    if (code == 0)
        code = read_notes(reading, plain);
    if (code == 0)
        code = check_options(reading);
    if (code == 0)
        code = read_cells(reading);
    if (code == 0)
        code = read_spans(reading, plain);
    store_finish(reading->store, false, NULL);
    return code;
}

static void settle_cells(struct merge_plan *plan)
{
    static const char profiles[] = "the merged runs' dry cycles differ, so their points were drawn "
                                   "from different profiles";

    for (size_t i = 0; i < plan->cells; i++) {
        struct merge_cell *cell = &plan->cell[i];

        if (cell->states_differ)
            cell->row.state[0] = 0;
        if (cell->profiles_differ) {
            cell->row.profile = 0;
            add_line(&cell->row.notes, profiles, strlen(profiles), NULL);
        }
    }
}

int merge_plan(const struct merge_options *options, struct merge_plan *plan, struct error *e)
{
    int code = 0;

    *plan = (struct merge_plan){.inputs = options->count};
    plan->input = calloc(options->count + 1, sizeof *plan->input);
    if (plan->input == NULL)
        return merge_no_memory(e);
    for (size_t i = 0; i < options->count && code == 0; i++) {
        struct reading reading = {.plan = plan, .index = i, .path = options->in[i], .e = e};

        plan->input[i].path = options->in[i];
        if (options->stop != NULL && *options->stop)
            return error_set(e, ERROR_INTERRUPTED, "merge: interrupted; nothing was written");
        code = store_open(options->in[i], false, &reading.store, e);
        if (code == 0)
            code = read_input(&reading);
        store_close(reading.store);
        store_cells_free(reading.cells, reading.count);
        free(reading.covered);
    }
    if (code == 0)
        code = check_spans(plan, e);
    settle_cells(plan);
    return code;
}

void merge_plan_free(struct merge_plan *plan)
{
    for (size_t i = 0; i < plan->inputs && plan->input != NULL; i++) {
        free(plan->input[i].to);
        free(plan->input[i].next);
    }
    for (size_t i = 0; i < plan->cells; i++) {
        struct store_cell *row = &plan->cell[i].row;
        char *texts[] = {row->target, row->workload, row->variant, row->injector,
                         row->mode,   row->state,    row->notes};

        for (size_t k = 0; k < sizeof texts / sizeof texts[0]; k++)
            free(texts[k]);
    }
    for (size_t i = 0; i < plan->values; i++) {
        free(plan->value[i].key);
        for (size_t k = 0; k < plan->value[i].kept; k++)
            free(plan->value[i].value[k]);
    }
    free(plan->input);
    free(plan->cell);
    free(plan->value);
    free(plan->span);
}
