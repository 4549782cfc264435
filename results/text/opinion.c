/*
 * opinion: the words for what the leak test found. Judges nothing by itself.
 */
#include <results/text/opinion.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    PAGE_BYTES = 4096,
    JUDGED_FROM = 25,    /* samples for any opinion, */
    BELIEVED_FROM = 105, /* for a verdict, */
    LONG_FROM = 425,     /* and for one without "over so many cycles" */
};

static const long long quantum_max = 1LL << 38;

/* --- forming it ------------------------------------------------------------------------------ */

static unsigned long long common_divisor(unsigned long long a, unsigned long long b)
{
    while (b != 0) {
        unsigned long long rest = a % b;

        a = b;
        b = rest;
    }
    return a;
}

/*
 * A step too small would promise a smaller leak than such values can show, so the largest one
 * that they allow is taken. A constant series allows any: what its value is a multiple of, up
 * to a page, which no counter of memory exceeds.
 */
static long long guess_quantum(const long long *samples, size_t count)
{
    unsigned long long step = 0;

    for (size_t i = 1; i < count && step != 1; i++)
        step = common_divisor((unsigned long long)llabs(samples[i] - samples[0]), step);
    if (step == 0 && samples[0] != 0)
        step = common_divisor((unsigned long long)llabs(samples[0]), PAGE_BYTES);
    if (step == 0)
        step = 1;
    return step < (unsigned long long)quantum_max ? (long long)step : quantum_max;
}

/* As if it had been looked at while it grew, so that a leak that did not last is told. */
static void follow(struct opinion *opinion, const long long *samples, size_t all)
{
    for (size_t count = JUDGED_FROM; count < all; count++) {
        if (!stats_leak_due(count))
            continue;
        stats_leak_judge(samples, count, opinion->kind, &opinion->leak);
        stats_leak_follow(&opinion->trail, &opinion->leak);
    }
    stats_leak_judge(samples, all, opinion->kind, &opinion->leak);
    stats_leak_follow(&opinion->trail, &opinion->leak);
}

void opinion_form(struct opinion *opinion, const long long *samples, size_t count,
                  enum stats_leak_kind kind, long long quantum)
{
    *opinion = (struct opinion){.kind = kind, .quantum = quantum};
    if (quantum == 0)
        opinion->quantum = guess_quantum(samples, count);
    follow(opinion, samples, count);
    if (opinion->leak.verdict == STATS_LEAK_CLEAN)
        stats_leak_smallest(samples, count, kind, opinion->quantum, &opinion->smallest);
}

bool opinion_is_bounded(const struct opinion *opinion)
{
    return opinion->leak.verdict == STATS_LEAK_CLEAN && opinion->smallest.per_lap > 0;
}

/* Of fresh noise, a leak of three times the even odds is found in 94 % and more. */
double opinion_likely(const struct opinion *opinion)
{
    return 3 * opinion->smallest.per_lap;
}

size_t opinion_needs(const struct opinion *opinion)
{
    size_t believed = opinion->kind == STATS_LEAK_OTHER ? LONG_FROM : BELIEVED_FROM;

    if (opinion->leak.verdict == STATS_LEAK_FOUND)
        return 0;
    if (opinion->leak.cycles < believed)
        return believed;
    return opinion->leak.verdict == STATS_LEAK_SUSPECT ? 4 * opinion->leak.cycles : 0;
}

/* --- words ----------------------------------------------------------------------------------- */

const char *opinion_word(const struct opinion *opinion)
{
    switch (opinion->leak.verdict) {
    case STATS_LEAK_FOUND:
        return "leak";
    case STATS_LEAK_SUSPECT:
        return "suspect";
    case STATS_LEAK_CLEAN:
        return opinion_is_bounded(opinion) ? "none-above" : "undecided";
    default:
        return "too-short";
    }
}

const char *opinion_signed(double number, char out[AMOUNT_BYTES])
{
    snprintf(out, AMOUNT_BYTES,
             number == 0           ? "%.0f"
             : fabs(number) < 1000 ? "%+.4g"
                                   : "%+.0f",
             number);
    return out;
}

const char *opinion_bound(double number, char out[AMOUNT_BYTES])
{
    snprintf(out, AMOUNT_BYTES, "%.4g", number);
    if (number >= 1000)
        snprintf(out, AMOUNT_BYTES, "%.0f", ceil(number));
    else if (strtod(out, NULL) < number)
        snprintf(out, AMOUNT_BYTES, "%.9g", number);
    return out;
}

static void write_undecided(FILE *out, const struct opinion *opinion)
{
    size_t more = opinion_needs(opinion);

    if (more > 0)
        fprintf(out, "undecided: nothing seen, but %zu cycles rule nothing out; %zu are needed",
                opinion->leak.cycles, more);
    else
        fputs("undecided: nothing seen, but the values move too much to rule anything out", out);
}

void opinion_verdict(FILE *out, const struct opinion *opinion, const char *unit)
{
    size_t cycles = opinion->leak.cycles;
    char bound[AMOUNT_BYTES];

    switch (opinion->leak.verdict) {
    case STATS_LEAK_FOUND:
        fputs("leak", out);
        if (cycles < LONG_FROM)
            fprintf(out, " over %zu cycles", cycles);
        break;
    case STATS_LEAK_SUSPECT:
        fputs("suspect", out);
        break;
    case STATS_LEAK_CLEAN:
        if (opinion_is_bounded(opinion))
            fprintf(out, "none above %s %s/cycle", opinion_bound(opinion_likely(opinion), bound),
                    unit);
        else
            write_undecided(out, opinion);
        break;
    default:
        fprintf(out, "too short: %zu cycle%s, %d are needed for an opinion and %zu for a verdict",
                cycles, cycles == 1 ? "" : "s", JUDGED_FROM, opinion_needs(opinion));
    }
}

const char *opinion_class_meaning(enum stats_leak_class class)
{
    static const char *const meanings[] = {
        [STATS_LEAK_FLAT] = "the floor stays where it is",
        [STATS_LEAK_NO_TREND] = "the floor goes up and down",
        [STATS_LEAK_STEPPED] = "the floor rises in few steps",
        [STATS_LEAK_SLOWING] = "the floor rises ever more slowly, as of a cache that fills",
        [STATS_LEAK_RISING] = "the floor rises and keeps rising",
        [STATS_LEAK_RETURNED] = "the floor rises, but fell back once",
    };

    return class > STATS_LEAK_NONE && class <= STATS_LEAK_RETURNED ? meanings[class] : "";
}

/* --- series of a run ------------------------------------------------------------------------- */

/* As the detector of leaks has them. */
static const struct {
    const char *name;
    const char *unit;
    long long quantum;
} exact[] = {
    {"heap.bytes", "bytes", 8}, {"heap.blocks", "blocks", 1}, {"threads", "threads", 1},
    {"modules", "modules", 1},  {"fds", "descriptors", 1},    {"map.pages", "pages", 1},
};

static size_t exact_index(const char *series)
{
    size_t i = 0;

    while (i < sizeof exact / sizeof exact[0] && strcmp(exact[i].name, series) != 0)
        i++;
    return i;
}

enum stats_leak_kind opinion_kind(const char *series)
{
    return exact_index(series) < sizeof exact / sizeof exact[0] ? STATS_LEAK_EXACT
                                                                : STATS_LEAK_OTHER;
}

long long opinion_quantum(const char *series)
{
    size_t i = exact_index(series);

    return i < sizeof exact / sizeof exact[0] ? exact[i].quantum : 1;
}

const char *opinion_unit(const char *series)
{
    size_t i = exact_index(series), length = strlen(series);

    if (i < sizeof exact / sizeof exact[0])
        return exact[i].unit;
    if (length > 6 && strcmp(series + length - 6, ".pages") == 0)
        return "pages";
    return strstr(series, "bytes") != NULL ? "bytes" : "units";
}

/* Only frees of what was there before may sink below 0. */
size_t opinion_usable(const char *series, const int64_t *samples, size_t count)
{
    bool may_sink = strncmp(series, "heap.", 5) == 0;
    size_t i = 0;

    while (i < count && (samples[i] >= 0 || may_sink) && samples[i] <= STATS_LEAK_SAMPLE_MAX &&
           samples[i] >= -STATS_LEAK_SAMPLE_MAX)
        i++;
    return i;
}
