/*
 * calibration: planted faults, found or not.
 */
#include <results/text/calibration.h>

#include <results/stats/rates.h>

#include <stdlib.h>
#include <string.h>

/* --- declared words ------------------------------------------------------------------------- */

static bool begins(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

static bool one_means(const char *word, size_t length, const char *code)
{
    if (length == 4 && begins(word, "hang"))
        return begins(code, "hang.") || strstr(code, "orphaned") != NULL ||
               strstr(code, "deadlock") != NULL || strcmp(code, "lock.owner-suspended") == 0;
    if (length == 10 && begins(word, "leak.trend"))
        return begins(code, "leak.trend.");
    return strlen(code) == length && strncmp(word, code, length) == 0;
}

bool calibration_means(const char *choice, size_t length, const char *code)
{
    const char *end = choice + length;

    while (choice < end) {
        size_t word = strcspn(choice, "| ");

        if (one_means(choice, word, code))
            return true;
        choice += word + 1;
    }
    return false;
}

/* Walks the words that blanks part: the word at *@at, which moves behind it; NULL at the end. */
static const char *next_choice(const char **at, size_t *length)
{
    const char *word = *at + strspn(*at, " ");

    *length = strcspn(word, " ");
    *at = word + *length;
    return *length > 0 ? word : NULL;
}

static void append(char out[CALIBRATION_CODES], const char *word, size_t length)
{
    size_t used = strlen(out);

    snprintf(out + used, CALIBRATION_CODES - used, "%s%.*s", used > 0 ? " " : "", (int)length,
             word);
}

static bool meets_any(const char *choice, size_t length, const char *seen)
{
    const char *code;
    size_t bytes;
    char copy[128];

    while ((code = next_choice(&seen, &bytes)) != NULL) {
        snprintf(copy, sizeof copy, "%.*s", (int)bytes, code);
        if (calibration_means(choice, length, copy))
            return true;
    }
    return false;
}

unsigned calibration_missing(const char *codes, const char *seen, char out[CALIBRATION_CODES])
{
    unsigned count = 0;
    const char *choice;
    size_t length;

    out[0] = 0;
    while ((choice = next_choice(&codes, &length)) != NULL) {
        if (meets_any(choice, length, seen))
            continue;
        append(out, choice, length);
        count++;
    }
    return count;
}

/* --- reading ---------------------------------------------------------------------------------- */

struct reading {
    struct calibration *calibration;
    struct store *store;
    struct error *e;
    int code;
};

/* What one declared word has come to while the cell's codes pass by. */
struct sighting {
    const char *choice;
    size_t length;
    uint64_t hits;
    uint64_t first;
};

enum { CHOICES = 16 };

struct looking {
    struct calibration_cell *cell;
    struct sighting sighting[CHOICES];
    unsigned choices;
};

static int look_at(const struct store_code *code, void *context)
{
    struct looking *looking = context;
    struct calibration_cell *cell = looking->cell;

    if (cell->bad || code->severity == STOP_SEVERITY_FINDING)
        append(cell->seen, code->slug, strlen(code->slug));
    for (unsigned i = 0; i < looking->choices; i++) {
        struct sighting *sighting = &looking->sighting[i];

        if (!calibration_means(sighting->choice, sighting->length, code->slug))
            continue;
        if (sighting->hits == 0 || code->first < sighting->first)
            sighting->first = code->first;
        if (code->cycles > sighting->hits)
            sighting->hits = code->cycles;
    }
    return 0;
}

static bool is_cut(const struct store_cell *cell)
{
    return cell->state[0] == 0 && cell->next < CALIBRATION_LEAST &&
           (cell->planned == 0 || cell->next < cell->planned);
}

static int judge(struct reading *reading, struct calibration_cell *cell)
{
    struct looking looking = {.cell = cell};
    const char *rest = cell->codes;
    const char *choice;
    size_t length;
    int code;

    while (looking.choices < CHOICES && (choice = next_choice(&rest, &length)) != NULL)
        looking.sighting[looking.choices++] = (struct sighting){choice, length, 0, 0};
    code = store_codes(reading->store, cell->cell->id, look_at, &looking, reading->e);
    cell->counted = cell->cell->passed + cell->cell->failed;
    cell->unrun = cell->cell->state[0] != 0 && cell->counted == 0;
    if (cell->bad) {
        cell->found = calibration_missing(cell->codes, cell->seen, cell->missing) == 0;
        cell->cut = !cell->found && is_cut(cell->cell);
        for (unsigned i = 0; i < looking.choices; i++) {
            if (i == 0 || looking.sighting[i].hits < cell->hits)
                cell->hits = looking.sighting[i].hits;
            if (looking.sighting[i].first > cell->first)
                cell->first = looking.sighting[i].first;
        }
    } else {
        cell->hits = cell->cell->failed;
    }
    /* A note is seen in a cycle that passes, one without its injection perhaps. */
    if (cell->counted < cell->hits)
        cell->counted = cell->hits;
    stats_wilson((long long)cell->hits, (long long)cell->counted, &cell->low, &cell->high);
    return code;
}

static void count(struct calibration *calibration, const struct calibration_cell *cell)
{
    calibration->unrun += cell->unrun;
    if (cell->cut) {
        calibration->cut++;
    } else if (cell->bad) {
        calibration->faults++;
        calibration->found += cell->found;
    } else if (!cell->unrun) {
        calibration->twins++;
        calibration->twin_cycles += cell->counted;
        calibration->alarms += cell->hits;
    }
}

static int take(const struct store_planted *planted, void *context)
{
    struct reading *reading = context;
    struct calibration *calibration = reading->calibration;
    const struct store_cell *row =
        store_cell_find(calibration->row, calibration->rows, planted->cell);
    struct calibration_cell *cell;

    if (row == NULL)
        return 0;
    cell = realloc(calibration->cell, (calibration->cells + 1) * sizeof *cell);
    if (cell == NULL) {
        reading->code = error_set(reading->e, ERROR_MEMORY, "calibration: out of memory");
        return 1;
    }
    calibration->cell = cell;
    cell += calibration->cells++;
    *cell = (struct calibration_cell){
        .cell = row, .bad = planted->bad, .codes = strdup(planted->codes)};
    reading->code = cell->codes != NULL ? judge(reading, cell) : ERROR_MEMORY;
    count(calibration, cell);
    return reading->code;
}

int calibration_read(struct store *store, struct calibration *out, struct error *e)
{
    struct reading reading = {out, store, e, 0};
    int code;

    *out = (struct calibration){0};
    code = store_cells_all(store, &out->row, &out->rows, e);
    if (code == 0)
        code = store_planted(store, take, &reading, e);
    if (code == 0)
        code = reading.code;
    stats_wilson((long long)out->found, (long long)out->faults, &out->low, &out->high);
    if (code != 0)
        calibration_free(out);
    return code;
}

void calibration_free(struct calibration *calibration)
{
    for (size_t i = 0; i < calibration->cells; i++)
        free(calibration->cell[i].codes);
    free(calibration->cell);
    store_cells_free(calibration->row, calibration->rows);
    *calibration = (struct calibration){0};
}

bool calibration_passed(const struct calibration *calibration)
{
    return calibration->faults > 0 && calibration->found == calibration->faults &&
           calibration->unrun == 0;
}

/* --- writing ------------------------------------------------------------------------------------
 */

static int by_first(const void *a, const void *b)
{
    uint64_t one = *(const uint64_t *)a, other = *(const uint64_t *)b;

    return one < other ? -1 : one > other;
}

/* "first seen in cycle 1 to 40, half of them by 3": cycles count from 1 here, as one counts. */
static void write_times(const struct calibration *calibration, FILE *out)
{
    uint64_t *first = calloc(calibration->cells + 1, sizeof *first);
    size_t found = 0;

    if (first == NULL)
        return;
    for (size_t i = 0; i < calibration->cells; i++)
        if (calibration->cell[i].bad && calibration->cell[i].found)
            first[found++] = calibration->cell[i].first + 1;
    qsort(first, found, sizeof *first, by_first);
    if (found > 0)
        fprintf(out, "  time to find: half of them within %llu cycle%s, all within %llu\n",
                (unsigned long long)first[(found - 1) / 2], first[(found - 1) / 2] == 1 ? "" : "s",
                (unsigned long long)first[found - 1]);
    free(first);
}

static void write_missed(const struct calibration_cell *cell, FILE *out)
{
    if (cell->unrun)
        fprintf(out, "  NOT RUN  %s under %s: %s\n", cell->cell->target, cell->cell->injector,
                cell->cell->state);
    else if (cell->bad && !cell->found && !cell->cut)
        fprintf(out, "  NOT FOUND  %s under %s: %s, in %llu cycles%s%s%s%s\n", cell->cell->target,
                cell->cell->injector, cell->missing, (unsigned long long)cell->counted,
                cell->seen[0] != 0 ? "; seen: " : "", cell->seen,
                cell->cell->state[0] != 0 ? "; then: " : "", cell->cell->state);
}

static void write_twins(const struct calibration *calibration, FILE *out)
{
    double below = 1;

    fprintf(out, "clean twins: %llu false alarms in %llu cycles of %zu cells",
            (unsigned long long)calibration->alarms, (unsigned long long)calibration->twin_cycles,
            calibration->twins);
    stats_zero_bound((long long)calibration->twin_cycles, &below);
    if (calibration->alarms == 0 && calibration->twin_cycles > 0)
        fprintf(out, " (below %.2g %% with 95 %% confidence)", 100 * below);
    fputc('\n', out);
    for (size_t i = 0; i < calibration->cells; i++) {
        const struct calibration_cell *cell = &calibration->cell[i];

        if (!cell->bad && cell->hits > 0)
            fprintf(out, "  FALSE ALARM  %s under %s: %s, in %llu of %llu cycles\n",
                    cell->cell->target, cell->cell->injector, cell->seen,
                    (unsigned long long)cell->hits, (unsigned long long)cell->counted);
    }
}

void calibration_write(const struct calibration *calibration, FILE *out)
{
    fprintf(out,
            "calibration: %zu of %zu planted faults found: sensitivity %.1f %% to %.1f %% with "
            "95 %% confidence\n",
            calibration->found, calibration->faults, 100 * calibration->low,
            100 * calibration->high);
    if (calibration->cut > 0)
        fprintf(out, "  no time to tell of %zu more planted faults\n", calibration->cut);
    write_times(calibration, out);
    for (size_t i = 0; i < calibration->cells; i++)
        write_missed(&calibration->cell[i], out);
    write_twins(calibration, out);
}

void calibration_table(const struct calibration *calibration, FILE *out)
{
    fputs("kind\tworkload\tvariant\tinjector\tmode\tcodes\tfound\tseen\tcycles\thits\tlow\thigh\t"
          "first\n",
          out);
    for (size_t i = 0; i < calibration->cells; i++) {
        const struct calibration_cell *cell = &calibration->cell[i];
        const struct store_cell *row = cell->cell;

        fprintf(out, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%llu\t%llu\t%.6f\t%.6f\t",
                cell->bad ? "bad" : "clean", row->workload, row->variant, row->injector, row->mode,
                cell->codes, cell->found ? "yes" : "no", cell->seen,
                (unsigned long long)cell->counted, (unsigned long long)cell->hits, cell->low,
                cell->high);
        if (cell->found)
            fprintf(out, "%llu", (unsigned long long)cell->first);
        fputc('\n', out);
    }
}
