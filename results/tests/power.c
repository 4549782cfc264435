/*
 * power: the operating characteristics of the leak test, by simulation, as Markdown.
 *
 *     power [SERIES]     how many series for each entry, default 1,000
 *
 * What is printed stands in docs/statistics.md (ci/power puts it there). Each entry's random
 * numbers depend on its own place alone, so that one more shape changes no other number.
 *
 * Beside the test stand three that people use, on the same series and with the same claim, that
 * the series leaks: ordinary least squares (slope over its standard error beyond Student's 95 %
 * quantile), plain Mann-Kendall (normal limit, 95 %), and a threshold (the last tenth's mean lies
 * 10 % above the first tenth's). They are one-sided, as ours is.
 */
#include <results/stats/leak.h>

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { CYCLES_MOST = 1005, BASE = 100000, BLOCK = 64 };

static const size_t lengths[] = {25, 105, 425, 1005};
enum { LENGTHS = sizeof lengths / sizeof lengths[0] };

/* --- random numbers -------------------------------------------------------------------------- */

struct random {
    uint64_t state;
};

static uint64_t next(struct random *r)
{
    uint64_t x = r->state += UINT64_C(0x9e3779b97f4a7c15);

    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

static struct random stream(uint64_t table, uint64_t row, uint64_t column, uint64_t number)
{
    struct random r = {((table * 1000 + row) * 1000 + column) * 10000000 + number};

    r.state = next(&r);
    return r;
}

static double uniform(struct random *r)
{
    return ((double)(next(r) >> 11) + 0.5) * 0x1p-53;
}

static double normal(struct random *r)
{
    double radius = sqrt(-2 * log(uniform(r)));

    return radius * cos(2 * M_PI * uniform(r));
}

/* --- series ---------------------------------------------------------------------------------- */

static long long to_eight(double value)
{
    return (long long)floor(value / 8) * 8;
}

/* What live bytes do besides leaking: each lap ends with up to 64 bytes more or less in use. */
static void leak_of(struct random *r, double bytes, double jitter, long long *x, size_t count)
{
    for (size_t i = 0; i < count; i++)
        x[i] = BASE + (long long)floor(bytes * (double)i) +
               (jitter > 0 ? to_eight(jitter * uniform(r)) : 0);
}

typedef void shape(struct random *r, long long *x, size_t count);

static void constant(struct random *r, long long *x, size_t count)
{
    leak_of(r, 0, 0, x, count);
}

static void jittering(struct random *r, long long *x, size_t count)
{
    leak_of(r, 0, BLOCK, x, count);
}

static void gaussian(struct random *r, long long *x, size_t count)
{
    for (size_t i = 0; i < count; i++)
        x[i] = BASE + to_eight(500 * normal(r));
}

/* Warm-up: much at first, then nothing. */
static void lazy(struct random *r, long long *x, size_t count)
{
    double grown = 20000 + 20000 * uniform(r), laps = 2 + 8 * uniform(r);

    leak_of(r, 0, BLOCK, x, count);
    for (size_t i = 0; i < count; i++)
        x[i] += to_eight(grown * fmin(1, (double)(i + 1) / laps));
}

/* A cache that fills in a tenth to a third of the run. */
static void cache(struct random *r, long long *x, size_t count)
{
    double full = (double)count * (0.1 + 0.23 * uniform(r));

    leak_of(r, 0, BLOCK, x, count);
    for (size_t i = 0; i < count; i++)
        x[i] += to_eight(48 * fmin((double)i, full));
}

/* One that is filled by chance: an entry is the less likely to be new the more there are. */
static void coupons(struct random *r, long long *x, size_t count)
{
    size_t all = count / 5 + 1, known = 0;

    leak_of(r, 0, BLOCK, x, count);
    for (size_t i = 0; i < count; i++) {
        known += uniform(r) > (double)known / (double)all;
        x[i] += (long long)known * 48;
    }
}

static void sawtooth(struct random *r, long long *x, size_t count)
{
    size_t teeth = 10 + (size_t)(30 * uniform(r)), first = (size_t)(40 * uniform(r));

    leak_of(r, 0, BLOCK, x, count);
    for (size_t i = 0; i < count; i++)
        x[i] += (long long)((i + first) % teeth) * 64;
}

/* A few steps up in the first half, for good: arenas. */
static void steps(struct random *r, long long *x, size_t count)
{
    unsigned many = 1 + (unsigned)(3 * uniform(r));

    leak_of(r, 0, BLOCK, x, count);
    for (unsigned k = 0; k < many; k++) {
        size_t from = (size_t)(0.5 * uniform(r) * (double)count);

        for (size_t i = from; i < count; i++)
            x[i] += 131072;
    }
}

/* A step now and then, up or down. */
static void wandering_level(struct random *r, long long *x, size_t count)
{
    long long level = 0;

    leak_of(r, 0, BLOCK, x, count);
    for (size_t i = 0; i < count; i++) {
        if (uniform(r) < 0.02)
            level = to_eight(4000 * uniform(r));
        x[i] += level;
    }
}

/* What is left from the lap before is half of what is there. */
static void autoregressive(struct random *r, long long *x, size_t count)
{
    double level = 0;

    for (size_t i = 0; i < count; i++) {
        level = 0.5 * level + 300 * normal(r);
        x[i] = BASE + to_eight(level);
    }
}

/* Large blocks that come and go. */
static void bursts(struct random *r, long long *x, size_t count)
{
    leak_of(r, 0, BLOCK, x, count);
    for (size_t i = 0; i < count; i++)
        if (uniform(r) < 0.1)
            x[i] += to_eight(50000 * uniform(r));
}

/* The day's load: up and down in two and a half waves. */
static void waves(struct random *r, long long *x, size_t count)
{
    double phase = 2 * M_PI * uniform(r);

    leak_of(r, 0, BLOCK, x, count);
    for (size_t i = 0; i < count; i++)
        x[i] += to_eight(3000 * sin(phase + 5 * M_PI * (double)i / (double)count));
}

static const struct {
    const char *name;
    shape *make;
} shapes[] = {
    {"constant", constant},
    {"64 B of jitter", jittering},
    {"Gaussian noise", gaussian},
    {"lazy initialisation", lazy},
    {"cache that fills within a third", cache},
    {"cache filled by chance", coupons},
    {"sawtooth", sawtooth},
    {"arena steps in the first half", steps},
    {"level that changes now and then", wandering_level},
    {"each lap half the one before", autoregressive},
    {"bursts", bursts},
    {"waves", waves},
};
enum { SHAPES = sizeof shapes / sizeof shapes[0] };

/* --- the other tests ------------------------------------------------------------------------- */

/* Student's quantile by Cornish and Fisher: three digits are right from 20 degrees on. */
static double student_95(double degrees)
{
    const double z = 1.6448536269514722;

    return z + (z * z * z + z) / (4 * degrees) +
           (5 * pow(z, 5) + 16 * z * z * z + 3 * z) / (96 * degrees * degrees);
}

static bool least_squares(const long long *x, size_t count)
{
    double n = (double)count, mean_t = (n - 1) / 2, mean = 0, sxx = 0, sxy = 0, rest = 0, slope;

    for (size_t i = 0; i < count; i++)
        mean += (double)(x[i] - BASE) / n;
    for (size_t i = 0; i < count; i++) {
        sxx += ((double)i - mean_t) * ((double)i - mean_t);
        sxy += ((double)i - mean_t) * ((double)(x[i] - BASE) - mean);
    }
    slope = sxy / sxx;
    for (size_t i = 0; i < count; i++) {
        double r = (double)(x[i] - BASE) - mean - slope * ((double)i - mean_t);

        rest += r * r;
    }
    if (rest <= 1e-9)
        return slope > 1e-9;
    return slope / sqrt(rest / (n - 2) / sxx) > student_95(n - 2);
}

static int by_value(const void *a, const void *b)
{
    const long long *one = a, *other = b;

    return *one < *other ? -1 : *one > *other;
}

static double tie_term(const long long *x, size_t count)
{
    static long long sorted[CYCLES_MOST];
    double sum = 0;

    for (size_t i = 0; i < count; i++)
        sorted[i] = x[i];
    qsort(sorted, count, sizeof *sorted, by_value);
    for (size_t i = 0, same; i < count; i += same) {
        same = 1;
        while (i + same < count && sorted[i + same] == sorted[i])
            same++;
        sum += (double)same * ((double)same - 1) * (2 * (double)same + 5);
    }
    return sum;
}

static bool mann_kendall(const long long *x, size_t count)
{
    double n = (double)count, s = 0;
    double variance = (n * (n - 1) * (2 * n + 5) - tie_term(x, count)) / 18;

    for (size_t i = 0; i < count; i++)
        for (size_t j = i + 1; j < count; j++)
            s += (x[j] > x[i]) - (x[j] < x[i]);
    return variance > 0 && (s - 1) / sqrt(variance) > 1.6448536269514722;
}

/* The process as a monitor sees it: its resident pages, which hold the heap and 4 MB besides. */
static bool threshold(const long long *x, size_t count)
{
    size_t part = count / 10 > 0 ? count / 10 : 1;
    double first = 0, last = 0;

    for (size_t i = 0; i < part; i++) {
        first += floor(((double)x[i] + 4e6) / 4096);
        last += floor(((double)x[count - 1 - i] + 4e6) / 4096);
    }
    return last > 1.1 * first;
}

/* --- counting -------------------------------------------------------------------------------- */

struct counts {
    unsigned leak, suspect, squares, kendall, threshold;
};

static void judge(const long long *x, size_t count, struct counts *counts)
{
    struct stats_leak leak;

    stats_leak_judge(x, count, STATS_LEAK_EXACT, &leak);
    counts->leak += leak.verdict == STATS_LEAK_FOUND;
    counts->suspect += leak.verdict == STATS_LEAK_SUSPECT;
    counts->squares += least_squares(x, count);
    counts->kendall += mann_kendall(x, count);
    counts->threshold += threshold(x, count);
}

static double percent(unsigned count, unsigned of)
{
    return 100. * count / of;
}

static void write_row(const char *name, size_t cycles, const struct counts *c, unsigned of)
{
    printf("| %s | %zu | %.1f | %.1f | %.1f | %.1f | %.1f |\n", name, cycles, percent(c->leak, of),
           percent(c->suspect, of), percent(c->squares, of), percent(c->kendall, of),
           percent(c->threshold, of));
}

static void write_head(const char *what)
{
    printf("| %s | cycles | leak %% | suspect %% | least squares %% | Mann-Kendall %% | RSS + 10 "
           "%% %% |\n|---|---|---|---|---|---|---|\n",
           what);
}

static void write_power(unsigned table, double jitter, unsigned series)
{
    static const double leaks[] = {1, 2, 4, 8, 12, 64, 512};
    static long long x[CYCLES_MOST];
    char name[64];

    write_head("bytes/cycle");
    for (size_t k = 0; k < sizeof leaks / sizeof leaks[0]; k++)
        for (size_t l = 0; l < LENGTHS; l++) {
            struct counts counts = {0};

            for (unsigned i = 0; i < series; i++) {
                struct random r = stream(table, k, l, i);

                leak_of(&r, leaks[k], jitter, x, lengths[l]);
                judge(x, lengths[l], &counts);
            }
            snprintf(name, sizeof name, "%g", leaks[k]);
            write_row(name, lengths[l], &counts, series);
        }
}

static void write_false_alarms(unsigned series)
{
    static long long x[CYCLES_MOST];

    write_head("leak-free shape");
    for (size_t k = 0; k < SHAPES; k++)
        for (size_t l = 0; l < LENGTHS; l++) {
            struct counts counts = {0};

            for (unsigned i = 0; i < series; i++) {
                struct random r = stream(9, k, l, i);

                shapes[k].make(&r, x, lengths[l]);
                judge(x, lengths[l], &counts);
            }
            write_row(shapes[k].name, lengths[l], &counts, series);
        }
}

int main(int argc, char **argv)
{
    unsigned series = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 1000;

    if (series == 0 || argc > 2) {
        fputs("Usage: power [SERIES]\n", stderr);
        return 2;
    }
    printf("Each entry is of %u series.\n\n### Leaks on a constant base\n\n", series);
    write_power(1, 0, series);
    puts("\n### Leaks beneath 64 B of jitter\n");
    write_power(2, BLOCK, series);
    puts("\n### Leaks beneath 1,024 B of jitter\n");
    write_power(3, 16 * BLOCK, series);
    puts("\n### False alarms: nothing leaks\n");
    write_false_alarms(series);
    return fflush(stdout) == 0 ? 0 : 1;
}
