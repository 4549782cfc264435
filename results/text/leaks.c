/*
 * leaks: see leaks.h. Judges by results/stats/leak.h and words by opinion.h; decides nothing.
 */
#include <results/text/leaks.h>

#include <harness/common/array.h>
#include <results/store/store.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { FLAT = 8 };

/* struct reader - a run while its series are read. */
struct reader {
    struct store *store;
    const struct store_cell *cells;
    size_t cell_count;
    struct leaks *leaks;
    int code; /* of a failure inside a callback */
    struct error *e;
};

static int no_memory(struct error *e)
{
    return error_set(e, ERROR_MEMORY, "report: out of memory");
}

/* --- call sites ------------------------------------------------------------------------------ */

static bool is_site(const char *kind)
{
    return strncmp(kind, "site.", 5) == 0;
}

bool leaks_is_judged(const char *kind)
{
    return !is_site(kind) && strcmp(kind, "lap.ns") != 0;
}

/* "site.bytes/4 PLACE": what is counted, one lap of how many was sampled, and the place. */
static const char *read_site(const char *kind, bool *blocks, unsigned long *every)
{
    const char *at = strchr(kind, ' '), *slash = strchr(kind, '/');

    *blocks = strncmp(kind, "site.blocks", 11) == 0;
    *every = slash != NULL && at != NULL && slash < at ? strtoul(slash + 1, NULL, 10) : 1;
    return at != NULL && *every > 0 ? at + 1 : NULL;
}

/* struct sites - those of one cycle while they are read. */
struct sites {
    struct reader reader;
    int64_t cell;
    uint64_t cycle;
    struct leak_site *site;
    size_t count;
};

static struct leak_site *find_site(struct sites *sites, const char *place)
{
    struct leak_site *site;

    for (size_t i = 0; i < sites->count; i++)
        if (strcmp(sites->site[i].place, place) == 0)
            return &sites->site[i];
    if (sites->count == LEAK_SITES)
        return NULL;
    site = &sites->site[sites->count];
    *site = (struct leak_site){.place = strdup(place)};
    if (site->place != NULL)
        sites->count++;
    return site->place != NULL ? site : NULL;
}

static double slope_of(const int64_t *samples, size_t count, unsigned long every)
{
    struct stats_leak leak;

    if (stats_leak_judge((const long long *)samples, count, STATS_LEAK_SITE, &leak) != 0 ||
        !(leak.slope.slope > 0))
        return 0;
    return leak.slope.slope / (double)every;
}

static int each_site(int64_t cell, uint64_t cycle, const char *kind, size_t stored, void *context)
{
    struct sites *sites = context;
    struct leak_site *site;
    unsigned long every;
    const char *place;
    int64_t *samples;
    size_t count;
    bool blocks;

    (void)stored;
    if (cell != sites->cell || cycle != sites->cycle || !is_site(kind))
        return 0;
    place = read_site(kind, &blocks, &every);
    site = place != NULL ? find_site(sites, place) : NULL;
    if (site == NULL)
        return 0;
    sites->reader.code = store_series_read(sites->reader.store, cell, cycle, kind, NULL, &samples,
                                           &count, sites->reader.e);
    if (sites->reader.code != 0)
        return sites->reader.code;
    *(blocks ? &site->blocks : &site->bytes) = slope_of(samples, count, every);
    free(samples);
    return 0;
}

static int by_bytes(const void *a, const void *b)
{
    const struct leak_site *one = a, *other = b;

    if (one->bytes != other->bytes)
        return one->bytes > other->bytes ? -1 : 1;
    if (one->blocks != other->blocks)
        return one->blocks > other->blocks ? -1 : 1;
    return strcmp(one->place, other->place);
}

int leaks_sites(struct store *store, int64_t cell, uint64_t cycle, struct leak_site *site,
                size_t *count, struct error *e)
{
    struct sites sites = {
        .reader = {.store = store, .e = e}, .cell = cell, .cycle = cycle, .site = site};
    int code = store_series_list(store, each_site, &sites, e);

    qsort(site, sites.count, sizeof *site, by_bytes);
    *count = sites.count;
    return code == 0 ? sites.reader.code : code;
}

/* --- series ---------------------------------------------------------------------------------- */

/* Series come in order of their cells, so the search goes back over one cell's kinds. */
static struct leak_series *find_leak(struct leaks *leaks, size_t cell, const char *kind)
{
    struct leak_series *leak;

    for (size_t i = leaks->count; i > 0 && leaks->leak[i - 1].cell == cell; i--)
        if (strcmp(leaks->leak[i - 1].kind, kind) == 0)
            return &leaks->leak[i - 1];
    if (!ARRAY_ROOM(leaks->leak, leaks->count, leaks->room))
        return NULL;
    leak = &leaks->leak[leaks->count];
    *leak = (struct leak_series){.cell = cell, .kind = strdup(kind)};
    if (leak->kind == NULL)
        return NULL;
    leaks->count++;
    return leak;
}

static bool is_worse(const struct stats_leak *one, const struct stats_leak *other)
{
    if (one->verdict != other->verdict)
        return one->verdict > other->verdict;
    return one->slope.slope > other->slope.slope;
}

static bool is_flat(const long long *samples, size_t count)
{
    for (size_t i = 1; i < count; i++)
        if (samples[i] != samples[0])
            return false;
    return true;
}

static void count_judged(struct leaks *leaks, const struct stats_leak *verdict,
                         const long long *samples, size_t count)
{
    if (verdict->verdict < STATS_LEAK_CLEAN)
        return;
    leaks->judged++;
    leaks->moving += !is_flat(samples, count);
}

/* Takes @samples over. */
static void compare(struct leaks *leaks, struct leak_series *leak, long long *samples,
                    size_t usable, size_t stored, uint64_t cycle, uint64_t first_lap)
{
    struct stats_leak verdict;
    bool judged =
        usable > 0 && stats_leak_judge(samples, usable, opinion_kind(leak->kind), &verdict) == 0;

    leak->series++;
    if (judged)
        count_judged(leaks, &verdict, samples, usable);
    if (!judged || (leak->samples != NULL && !is_worse(&verdict, &leak->verdict))) {
        free(samples);
        return;
    }
    free(leak->samples);
    leak->verdict = verdict;
    leak->samples = samples;
    leak->count = usable;
    leak->behind = stored - usable;
    leak->cycle = cycle;
    leak->first_lap = first_lap;
}

static int each_series(int64_t cell, uint64_t cycle, const char *kind, size_t stored, void *context)
{
    struct reader *reader = context;
    const struct store_cell *row = store_cell_find(reader->cells, reader->cell_count, cell);
    struct leak_series *leak;
    uint64_t first_lap;
    int64_t *samples;
    size_t count;

    _Static_assert(sizeof(long long) == sizeof(int64_t), "samples are judged where they lie");
    if (row == NULL || !leaks_is_judged(kind))
        return 0;
    reader->code = store_series_read(reader->store, cell, cycle, kind, &first_lap, &samples, &count,
                                     reader->e);
    if (reader->code != 0)
        return reader->code;
    leak = find_leak(reader->leaks, (size_t)(row - reader->cells), kind);
    if (leak == NULL) {
        free(samples);
        return reader->code = no_memory(reader->e);
    }
    compare(reader->leaks, leak, (long long *)samples, opinion_usable(kind, samples, count), stored,
            cycle, first_lap);
    return 0;
}

/* struct flat - what was said of a series that never moves: of most of them, the same. */
struct flat {
    const struct leak_series *leak[FLAT];
    size_t count;
};

static const struct opinion *said_before(const struct flat *flat, const struct leak_series *leak)
{
    for (size_t i = 0; i < flat->count && i < FLAT; i++)
        if (flat->leak[i]->count == leak->count &&
            opinion_kind(flat->leak[i]->kind) == opinion_kind(leak->kind) &&
            opinion_quantum(flat->leak[i]->kind) == opinion_quantum(leak->kind))
            return &flat->leak[i]->opinion;
    return NULL;
}

/* The value at which a series stands still is only in its floors. */
static void say_again(struct leak_series *leak, const struct opinion *before)
{
    leak->opinion = *before;
    for (int i = 0; i < STATS_BLOCKS_MAX; i++)
        leak->opinion.leak.floors.low[i] = leak->samples[0];
}

/* Only the worst of a kind gets all that can be said: that takes hundreds of judgements. */
static void form_opinion(struct leak_series *leak, struct flat *flat)
{
    bool still = is_flat(leak->samples, leak->count);
    const struct opinion *before = still ? said_before(flat, leak) : NULL;

    if (before != NULL) {
        say_again(leak, before);
        return;
    }
    opinion_form(&leak->opinion, leak->samples, leak->count, opinion_kind(leak->kind),
                 opinion_quantum(leak->kind));
    if (still)
        flat->leak[flat->count++ % FLAT] = leak;
}

/* --- limits ---------------------------------------------------------------------------------- */

/* Of "heap.bytes=8589934592 memory;fds=1024 rlimit". */
static void find_limit(struct leak_series *leak, const char *limits)
{
    static const char *const sources[] = {"rlimit", "cgroup", "memory"};
    size_t length = strlen(leak->kind);

    for (const char *at = limits; at != NULL; at = strchr(at, ';')) {
        char *rest;

        at += *at == ';';
        if (strncmp(at, leak->kind, length) != 0 || at[length] != '=')
            continue;
        leak->limit = strtoll(at + length + 1, &rest, 10);
        for (size_t i = 0; *rest == ' ' && i < sizeof sources / sizeof sources[0]; i++)
            if (strncmp(rest + 1, sources[i], strlen(sources[i])) == 0)
                leak->limit_from = sources[i];
        return;
    }
}

static void find_duration(struct reader *reader, struct leak_series *leak)
{
    int64_t *nanoseconds;
    size_t count;

    if (store_series_read(reader->store, reader->cells[leak->cell].id, leak->cycle, "lap.ns", NULL,
                          &nanoseconds, &count, NULL) != 0)
        return;
    leak->lap_s = (double)nanoseconds[0] / 1e9;
    free(nanoseconds);
}

bool leaks_outlook(const struct leak_series *leak, double *soonest, double *latest)
{
    const struct stats_slope *slope = &leak->opinion.leak.slope;

    return leak->limit_from != NULL && leak->lap_s > 0 && leak->count > 0 &&
           stats_leak_exhaustion((double)leak->limit - (double)leak->samples[leak->count - 1],
                                 slope->low, slope->high, leak->lap_s, soonest, latest) == 0;
}

/* --- all of it ------------------------------------------------------------------------------- */

static int by_verdict(const void *a, const void *b)
{
    const struct leak_series *one = a, *other = b;

    if (one->verdict.verdict != other->verdict.verdict)
        return one->verdict.verdict > other->verdict.verdict ? -1 : 1;
    if (one->cell != other->cell)
        return one->cell < other->cell ? -1 : 1;
    return strcmp(one->kind, other->kind);
}

static int complete(struct reader *reader, struct leak_series *leak, struct flat *flat,
                    const char *limits)
{
    const struct store_cell *cell = &reader->cells[leak->cell];

    if (leak->samples == NULL)
        return 0;
    form_opinion(leak, flat);
    find_limit(leak, limits);
    if (leak->verdict.verdict < STATS_LEAK_SUSPECT)
        return 0;
    find_duration(reader, leak);
    if (strncmp(leak->kind, "heap.", 5) != 0)
        return 0;
    return leaks_sites(reader->store, cell->id, leak->cycle, leak->site, &leak->sites, reader->e);
}

int leaks_collect(struct store *store, const struct store_cell *cells, size_t cell_count,
                  struct leaks *out, struct error *e)
{
    struct reader reader = {store, cells, cell_count, out, 0, e};
    struct flat flat = {.count = 0};
    char *limits = NULL;
    int code;

    *out = (struct leaks){0};
    code = store_series_list(store, each_series, &reader, e);
    if (code == 0)
        code = reader.code;
    store_meta_get(store, "limits", &limits, NULL);
    for (size_t i = 0; i < out->count && code == 0; i++)
        code = complete(&reader, &out->leak[i], &flat, limits);
    free(limits);
    if (out->count > 0)
        qsort(out->leak, out->count, sizeof *out->leak, by_verdict);
    return code;
}

void leaks_free(struct leaks *leaks)
{
    for (size_t i = 0; i < leaks->count; i++) {
        for (size_t k = 0; k < leaks->leak[i].sites; k++)
            free(leaks->leak[i].site[k].place);
        free(leaks->leak[i].kind);
        free(leaks->leak[i].samples);
    }
    free(leaks->leak);
    *leaks = (struct leaks){0};
}

/* --- words ----------------------------------------------------------------------------------- */

/* struct facts - who is told, and the text under way. */
struct facts {
    const struct leak_series *leak;
    const char *unit;
    void (*each)(void *context, const char *name, const char *text);
    void *context;
    char *text;
    size_t length;
    FILE *out;
};

static FILE *begin(struct facts *facts)
{
    facts->text = NULL;
    facts->out = open_memstream(&facts->text, &facts->length);
    return facts->out;
}

static void end(struct facts *facts, const char *name)
{
    if (fclose(facts->out) == 0)
        facts->each(facts->context, name, facts->text);
    free(facts->text);
}

static void tell_slope(struct facts *facts)
{
    const struct stats_leak *leak = &facts->leak->opinion.leak;
    char slope[AMOUNT_BYTES], low[AMOUNT_BYTES], high[AMOUNT_BYTES];

    if (begin(facts) == NULL)
        return;
    fprintf(facts->out, "%s %s/cycle, 95 %% interval %s to %s",
            opinion_signed(leak->slope.slope, slope), facts->unit,
            opinion_signed(leak->slope.low, low), opinion_signed(leak->slope.high, high));
    end(facts, "slope");
    if (!isfinite(leak->early_slope) || begin(facts) == NULL)
        return;
    fprintf(facts->out, "%s %s/cycle in the window before",
            opinion_signed(leak->early_slope, slope), facts->unit);
    if (leak->early_slope > 0)
        fprintf(facts->out, ": now %.3g times that", leak->slope.slope / leak->early_slope);
    end(facts, "before");
}

static void tell_growth(struct facts *facts)
{
    const struct stats_leak *leak = &facts->leak->opinion.leak;

    if (begin(facts) == NULL)
        return;
    fprintf(facts->out, "%+lld %s over cycles %zu to %zu", leak->growth, facts->unit,
            leak->floors.start[0], leak->floors.start[leak->floors.blocks] - 1);
    end(facts, "growth");
    if (begin(facts) == NULL)
        return;
    fprintf(facts->out, "%.2g of such a rise without a trend", leak->chance.p);
    end(facts, "chance");
}

static const char *time_text(double seconds, char out[AMOUNT_BYTES])
{
    if (!isfinite(seconds) || seconds > 1000 * 365.25 * 86400)
        return isfinite(seconds) ? "over 1,000 years" : "never";
    if (seconds >= 2 * 86400)
        snprintf(out, AMOUNT_BYTES, "%.3g days", seconds / 86400);
    else if (seconds >= 7200)
        snprintf(out, AMOUNT_BYTES, "%.3g hours", seconds / 3600);
    else
        return amount_duration(seconds, out);
    return out;
}

static void tell_times(struct facts *facts, double soonest, double latest)
{
    const struct leak_series *leak = facts->leak;
    char one[AMOUNT_BYTES], other[AMOUNT_BYTES], most[AMOUNT_BYTES], lap[AMOUNT_BYTES];
    const char *from = time_text(soonest, one), *to = time_text(latest, other);

    if (isinf(soonest))
        fputs("never, at this rate", facts->out);
    else if (strcmp(from, to) == 0)
        fprintf(facts->out, "in %s at this rate", from);
    else
        fprintf(facts->out, "in %s at the soonest, %s at the latest", from, to);
    fprintf(facts->out, ", at %s %s (%s), with cycles of %s",
            amount_count((uint64_t)leak->limit, most), facts->unit, leak->limit_from,
            amount_duration(leak->lap_s, lap));
}

static void tell_outlook(struct facts *facts)
{
    const struct leak_series *leak = facts->leak;
    double soonest, latest;

    if (begin(facts) == NULL)
        return;
    if (leak->limit_from == NULL)
        fputs("no limit known", facts->out);
    else if (!leaks_outlook(leak, &soonest, &latest))
        fputs("not known: its laps were not timed", facts->out);
    else
        tell_times(facts, soonest, latest);
    end(facts, "runs out");
}

static void tell_smallest(struct facts *facts)
{
    const struct opinion *opinion = &facts->leak->opinion;
    char even[AMOUNT_BYTES], more[AMOUNT_BYTES];

    if (!opinion_is_bounded(opinion) || begin(facts) == NULL)
        return;
    fprintf(facts->out, "it would have shown a leak of %s %s/cycle at even odds, of %s likely",
            opinion_bound(opinion->smallest.per_lap, even), facts->unit,
            opinion_bound(opinion_likely(opinion), more));
    end(facts, "smallest");
}

static void tell_floor(struct facts *facts)
{
    const struct opinion *opinion = &facts->leak->opinion;

    if (begin(facts) == NULL)
        return;
    if (opinion->leak.quiet > 0)
        fprintf(facts->out, "no new one for %zu cycles", opinion->leak.quiet);
    else
        fputs("a new one in the last block", facts->out);
    end(facts, "floor");
}

static void tell_history(struct facts *facts)
{
    const struct opinion *opinion = &facts->leak->opinion;

    if (opinion->leak.verdict == STATS_LEAK_SUSPECT && begin(facts) != NULL) {
        fprintf(facts->out, "not proved; %zu cycles would tell", opinion_needs(opinion));
        end(facts, "next");
    }
    if (opinion->trail.withdrawn_at != 0 && begin(facts) != NULL) {
        fprintf(facts->out, "it was a leak at %zu cycles, which %zu did not confirm",
                opinion->trail.leak_at, opinion->trail.withdrawn_at);
        end(facts, "withdrawn");
    }
}

static void tell_series(struct facts *facts)
{
    const struct leak_series *leak = facts->leak;
    char count[AMOUNT_BYTES];

    if (begin(facts) == NULL)
        return;
    fprintf(facts->out, "cycle %llu, %s samples, kind %s, in steps of %lld",
            (unsigned long long)leak->cycle, amount_count(leak->count, count),
            stats_leak_kind_name(leak->opinion.kind), leak->opinion.quantum);
    if (leak->series > 1)
        fprintf(facts->out, "; the worst of %s", amount_count(leak->series, count));
    if (leak->behind > 0)
        fprintf(facts->out, "; %s behind a gap left out", amount_count(leak->behind, count));
    end(facts, "series");
}

static void tell_sites(struct facts *facts)
{
    char bytes[AMOUNT_BYTES], blocks[AMOUNT_BYTES];

    for (size_t i = 0; i < facts->leak->sites; i++) {
        const struct leak_site *site = &facts->leak->site[i];

        if (begin(facts) == NULL)
            return;
        fprintf(facts->out, "%s bytes, %s blocks/cycle  %s", opinion_signed(site->bytes, bytes),
                opinion_signed(site->blocks, blocks), site->place);
        end(facts, "site");
    }
}

static void tell_differences(struct facts *facts)
{
    const struct leak_series *leak = facts->leak;
    size_t first = leak->count > LEAK_DIFFERENCES ? leak->count - LEAK_DIFFERENCES : 1;

    if (leak->count < 2 || begin(facts) == NULL)
        return;
    for (size_t i = first; i < leak->count; i++) {
        long long step = leak->samples[i] - leak->samples[i - 1];

        fprintf(facts->out, step != 0 ? "%s%+lld" : "%s%lld", i > first ? " " : "", step);
    }
    end(facts, "last steps");
}

void leaks_facts(const struct leak_series *leak,
                 void (*each)(void *context, const char *name, const char *text), void *context)
{
    struct facts facts = {
        .leak = leak, .unit = opinion_unit(leak->kind), .each = each, .context = context};

    tell_slope(&facts);
    tell_growth(&facts);
    tell_outlook(&facts);
    tell_sites(&facts);
    tell_smallest(&facts);
    tell_floor(&facts);
    tell_history(&facts);
    tell_series(&facts);
    tell_differences(&facts);
}
