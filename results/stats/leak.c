/*
 * leak: the rising-floor test.
 *
 * Pure functions over the caller's samples: no allocation, no clock, no printing. Each
 * condition of a verdict is written as LEAK_RULE(name, condition), which is the condition
 * itself; a test defines the macro otherwise and includes this file, to prove that every
 * condition matters. A new condition needs such a name, and a series that shows its use.
 */
#include <results/stats/leak.h>

#include <harness/error.h>

#include <math.h>

#ifndef LEAK_RULE
#define LEAK_RULE(name, condition) (condition)
#endif

enum {
    WARM_UP = 5, /* laps that no window looks at */
    SHORT = 25,  /* below: no verdict */
    MEDIUM = 105,
    LONG = 425,
    MANY_BLOCKS_FROM = 50, /* samples from which a window has ten blocks */
};

/* The grid of leaks tried by stats_leak_smallest(): 4, 5, 6, 7 times 2^-12, 2^-11 ... */
enum {
    GRID_EXPONENT = -12,
    GRID_OCTAVE = 4,
};
static const long long swing_max = 1LL << 38;

/* What keeps a sample plus its imagined leak, and any difference of two, inside 64 bits. */
static const double imagined_max = 0x1p61;

/* Samples, as measured or with an imagined leak of @leak per lap in steps of @quantum. */
struct series {
    const long long *samples;
    size_t count;
    double leak;
    long long quantum;
};

static long long sample_at(const struct series *s, size_t i)
{
    if (s->leak == 0)
        return s->samples[i];
    return s->samples[i] + (long long)(s->leak * (double)i) / s->quantum * s->quantum;
}

static long long lowest(const struct series *s, size_t from, size_t to)
{
    long long low = sample_at(s, from);

    for (size_t i = from + 1; i < to; i++) {
        long long x = sample_at(s, i);

        low = x < low ? x : low;
    }
    return low;
}

static struct stats_floors cut(const struct series *s, size_t from, size_t to)
{
    size_t length = to - from;
    struct stats_floors f = {.blocks =
                                 length < MANY_BLOCKS_FROM ? STATS_BLOCKS_MIN : STATS_BLOCKS_MAX};

    for (int i = 0; i <= f.blocks; i++)
        f.start[i] = from + i * length / f.blocks;
    for (int i = 0; i < f.blocks; i++)
        f.low[i] = lowest(s, f.start[i], f.start[i + 1]);
    return f;
}

static bool all_equal(const struct stats_floors *f)
{
    for (int i = 1; i < f->blocks; i++)
        if (f->low[i] != f->low[0])
            return false;
    return true;
}

/* At least 60 % of the steps from floor to floor go up. */
static bool mostly_upwards(const struct stats_floors *f)
{
    int up = 0;

    for (int i = 1; i < f->blocks; i++)
        up += f->low[i] > f->low[i - 1];
    return 5 * up >= 3 * (f->blocks - 1);
}

/* The second half grows, and at least half as much as the first one did. */
static bool keeps_pace(const struct stats_floors *f)
{
    int last = f->blocks - 1, half = last / 2;
    long long first = f->low[half] - f->low[0], second = f->low[last] - f->low[last - half];

    /* 2 * second >= first, written so that it cannot overflow. */
    return LEAK_RULE(GROWS, second > 0) && LEAK_RULE(PACE, second >= first - second);
}

static enum stats_leak_class classify(const struct stats_floors *f)
{
    if (!LEAK_RULE(MOVES, !all_equal(f)))
        return STATS_LEAK_FLAT;
    if (!LEAK_RULE(TREND, stats_trend_s(f) >= stats_trend_limits(f->blocks)->s_01))
        return STATS_LEAK_NO_TREND;
    if (!LEAK_RULE(STEPS, mostly_upwards(f)))
        return STATS_LEAK_STEPPED;
    return keeps_pace(f) ? STATS_LEAK_RISING : STATS_LEAK_SLOWING;
}

/* Everything that the rules for 105 samples and more look at. */
struct evidence {
    size_t count;
    enum stats_leak_kind kind;
    struct stats_floors whole, early, late;
    enum stats_leak_class whole_class, early_class, late_class;
    double early_slope, late_slope;
    bool kept; /* nothing after the middle falls back to the floors before it */
};

static struct evidence gather(const struct series *s, enum stats_leak_kind kind)
{
    size_t body = s->count - WARM_UP, middle = WARM_UP + body / 2, quarter = WARM_UP + body / 4;
    struct evidence e = {.count = s->count, .kind = kind};

    e.whole = cut(s, WARM_UP, s->count);
    e.early = cut(s, quarter, middle);
    e.late = cut(s, middle, s->count);
    e.whole_class = classify(&e.whole);
    e.early_class = classify(&e.early);
    e.late_class = classify(&e.late);
    e.early_slope = stats_trend_slope(&e.early).slope;
    e.late_slope = stats_trend_slope(&e.late).slope;
    e.kept = lowest(s, middle, s->count) >= e.early.low[e.early.blocks / 2];
    return e;
}

static bool holds_slope(const struct evidence *e)
{
    return e->late_slope >= 0.8 * e->early_slope;
}

static bool believed(const struct evidence *e)
{
    return LEAK_RULE(C_LONG, e->count >= LONG) || LEAK_RULE(C_KIND, e->kind != STATS_LEAK_OTHER);
}

/* Rule C: two windows in a row rise, the later one as fast, and nothing is given back. */
static bool confirmed(const struct evidence *e)
{
    return LEAK_RULE(C_EARLY, e->early_class == STATS_LEAK_RISING) &&
           LEAK_RULE(C_LATE, e->late_class == STATS_LEAK_RISING) &&
           LEAK_RULE(C_SLOPE, holds_slope(e)) && LEAK_RULE(C_KEPT, e->kept) && believed(e);
}

/* No floor of the second half falls back to the first quarter of the whole. */
static bool stays_up(const struct stats_floors *whole)
{
    for (int i = whole->blocks / 2; i < whole->blocks; i++)
        if (whole->low[i] < whole->low[2])
            return false;
    return true;
}

/* Rule B: a slow leak in exact counts, too slow for the early window. */
static bool slow_leak(const struct evidence *e)
{
    return LEAK_RULE(B_LONG, e->count >= LONG) && LEAK_RULE(B_KIND, e->kind == STATS_LEAK_EXACT) &&
           LEAK_RULE(B_WHOLE, e->whole_class == STATS_LEAK_RISING) &&
           LEAK_RULE(B_LATE, e->late_class == STATS_LEAK_RISING) &&
           LEAK_RULE(B_KEPT, stays_up(&e->whole));
}

static enum stats_leak_verdict decide(const struct evidence *e)
{
    if (slow_leak(e) || confirmed(e))
        return STATS_LEAK_FOUND;
    if (LEAK_RULE(S_LATE, e->late_class == STATS_LEAK_RISING) ||
        LEAK_RULE(S_WHOLE, e->whole_class == STATS_LEAK_RISING))
        return STATS_LEAK_SUSPECT;
    return STATS_LEAK_CLEAN;
}

/* The late window's class; where it rises and yet is no LEAK, the reason. */
static enum stats_leak_class explain(const struct evidence *e, enum stats_leak_verdict verdict)
{
    if (verdict == STATS_LEAK_FOUND || e->late_class != STATS_LEAK_RISING)
        return e->late_class;
    if (LEAK_RULE(WHY_RETURNED, !e->kept))
        return STATS_LEAK_RETURNED;
    if (LEAK_RULE(WHY_EARLY, e->early_class == STATS_LEAK_RISING) &&
        LEAK_RULE(WHY_SLOWING, !holds_slope(e)))
        return STATS_LEAK_SLOWING;
    return STATS_LEAK_RISING;
}

/* Laps since the end of the last block whose floor exceeded all before it. */
static size_t quiet_laps(const struct stats_floors *whole)
{
    int top = 0;

    for (int i = 1; i < whole->blocks; i++)
        if (whole->low[i] > whole->low[top])
            top = i;
    return whole->start[whole->blocks] - whole->start[top + 1];
}

static void describe(struct stats_leak *out, const struct stats_floors *judged,
                     const struct stats_floors *whole)
{
    out->floors = *judged;
    out->slope = stats_trend_slope(judged);
    out->chance = stats_trend_chance(judged);
    out->growth = judged->low[judged->blocks - 1] - judged->low[0];
    out->quiet = quiet_laps(whole);
}

static void judge_short(const struct series *s, struct stats_leak *out)
{
    struct stats_floors whole = cut(s, WARM_UP, s->count);

    out->class = classify(&whole);
    out->verdict = out->class == STATS_LEAK_RISING ? STATS_LEAK_SUSPECT : STATS_LEAK_CLEAN;
    describe(out, &whole, &whole);
}

static void judge_medium(const struct series *s, enum stats_leak_kind kind, struct stats_leak *out)
{
    struct evidence e = gather(s, kind);

    out->verdict = decide(&e);
    out->class = explain(&e, out->verdict);
    out->early_slope = e.early_slope;
    describe(out, &e.late, &e.whole);
}

/* Index of the first sample that is out of range, or @count. */
static size_t first_refused(const long long *samples, size_t count)
{
    size_t i = 0;

    while (i < count && samples[i] >= -STATS_LEAK_SAMPLE_MAX && samples[i] <= STATS_LEAK_SAMPLE_MAX)
        i++;
    return i;
}

int stats_leak_sample(double value, long long *sample)
{
    if (!(fabs(value) <= (double)STATS_LEAK_SAMPLE_MAX) || value != trunc(value))
        return ERROR_RANGE;
    *sample = (long long)value;
    return 0;
}

int stats_leak_judge(const long long *samples, size_t count, enum stats_leak_kind kind,
                     struct stats_leak *out)
{
    struct series s = {.samples = samples, .count = count};
    size_t refused = first_refused(samples, count);

    *out = (struct stats_leak){.verdict = STATS_LEAK_TOO_SHORT,
                               .cycles = count,
                               .slope = {NAN, NAN, NAN, NAN, NAN},
                               .early_slope = NAN};
    if (refused < count) {
        out->verdict = STATS_LEAK_REFUSED;
        out->refused_at = refused;
        return ERROR_RANGE;
    }
    if (count >= MEDIUM)
        judge_medium(&s, kind, out);
    else if (count >= SHORT)
        judge_short(&s, out);
    return 0;
}

static double grid(int index)
{
    return ldexp(4 + index % GRID_OCTAVE, GRID_EXPONENT + index / GRID_OCTAVE);
}

static bool would_be_found(struct series *s, enum stats_leak_kind kind, double leak)
{
    struct evidence e;

    s->leak = leak;
    e = gather(s, kind);
    return decide(&e) == STATS_LEAK_FOUND;
}

/* Largest less smallest sample; they may be 2^61 apart, which fits. */
static long long swing(const struct series *s)
{
    long long low = s->samples[0], high = s->samples[0];

    for (size_t i = 1; i < s->count; i++) {
        low = s->samples[i] < low ? s->samples[i] : low;
        high = s->samples[i] > high ? s->samples[i] : high;
    }
    return high - low;
}

/* Goes down the grid from a leak that dwarfs the series, while it is still found. */
static double search_down(struct series *s, enum stats_leak_kind kind)
{
    double least = 4. * (double)swing(s) + 4. * (double)s->quantum, found = 0;
    int index = 0;

    while (grid(index) < least)
        index++;
    if (grid(index) * (double)s->count > imagined_max)
        return 0;
    for (; index >= 0 && would_be_found(s, kind, grid(index)); index--)
        found = grid(index);
    return found;
}

int stats_leak_smallest(const long long *samples, size_t count, enum stats_leak_kind kind,
                        long long quantum, struct stats_leak_smallest *out)
{
    struct series s = {.samples = samples, .count = count, .quantum = quantum};
    size_t needed = kind == STATS_LEAK_OTHER ? LONG : MEDIUM;
    struct stats_leak verdict;

    if (quantum < 1 || quantum > swing_max || stats_leak_judge(samples, count, kind, &verdict) != 0)
        return ERROR_RANGE;
    *out = (struct stats_leak_smallest){0};
    if (count < needed)
        out->needs = needed;
    else if (verdict.verdict == STATS_LEAK_CLEAN && swing(&s) <= swing_max)
        out->per_lap = search_down(&s, kind);
    return 0;
}

bool stats_leak_due(size_t count)
{
    /* Each judgement waits for four times the samples of the last, and a warm-up more. */
    while (count > SHORT && (count - WARM_UP) % 4 == 0)
        count = (count - WARM_UP) / 4;
    return count == SHORT;
}

void stats_leak_follow(struct stats_leak_trail *trail, const struct stats_leak *verdict)
{
    if (verdict->verdict == STATS_LEAK_FOUND) {
        trail->leak_at = verdict->cycles;
        trail->withdrawn_at = 0;
    } else if (trail->leak_at != 0 && trail->withdrawn_at == 0) {
        trail->withdrawn_at = verdict->cycles;
    }
    trail->last = verdict->verdict;
    trail->last_at = verdict->cycles;
}

static double time_for(double room, double slope, double lap_s)
{
    return slope > 0 ? room / slope * lap_s : INFINITY;
}

int stats_leak_exhaustion(double room, double low, double high, double lap_s, double *soonest_s,
                          double *latest_s)
{
    if (isnan(room) || !(low <= high) || !(lap_s >= 0 && isfinite(lap_s)))
        return ERROR_RANGE;
    *soonest_s = time_for(fmax(0, room), high, lap_s);
    *latest_s = time_for(fmax(0, room), low, lap_s);
    return 0;
}

const char *stats_leak_verdict_name(enum stats_leak_verdict verdict)
{
    static const char *const names[] = {"REFUSED", "TOO-SHORT", "CLEAN", "SUSPECT", "LEAK"};

    return verdict <= STATS_LEAK_FOUND ? names[verdict] : "unknown";
}

const char *stats_leak_class_name(enum stats_leak_class class)
{
    static const char *const names[] = {"-",       "flat",   "no-trend", "stepped",
                                        "slowing", "rising", "returned"};

    return class <= STATS_LEAK_RETURNED ? names[class] : "unknown";
}

const char *stats_leak_kind_name(enum stats_leak_kind kind)
{
    static const char *const names[] = {"exact", "site", "other"};

    return kind <= STATS_LEAK_OTHER ? names[kind] : "unknown";
}
