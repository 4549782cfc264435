/*
 * simulate_nights: three weeks of nights drawn from the cells of a real run, many times over, and
 * what `rundown compare --history` makes of them. Driven by ci/nights; no test by itself.
 *
 * Each cell fails at the rate that the real run measured, scattered from night to night by the
 * given correlation of cycles within a night (0: by chance alone). On day 15 a clean cell gets a
 * new fault of 1 in 2,000; on day 18 another cell's rate triples. Cells that fail in more than
 * one cycle of ten are left out: each of their nights has thousands of findings, which is where all
 * the time would go, and a rate that triples there nobody could overlook. `cells` lists those
 * of the run that fail now and then. `make` writes a large run, for ci/nights to measure reports
 * and merges with.
 */
#include "night_fixture.h"

#include <results/compare/compare.h>

#include <ftw.h>
#include <math.h>
#include <stdint.h>
#include <unistd.h>

enum { DAYS = 21, CELLS = 400, FIRST_JUDGED = 11, FAULT_DAY = 15, TRIPLE_DAY = 18 };

/* struct real - a cell of the real run. */
struct real {
    const char *target, *injector;
    double rate;
};

/* struct tally - over all seeds. @days: judged; @alarmed: with a false alarm; @quiet, @startled:
 * the same of days before the fault, where any alarm is false; @share: of false ones among a day's
 * alarms, summed. */
struct tally {
    unsigned seeds, days, alarmed, quiet, startled, alarms, tests;
    double share;
    unsigned fault_days[DAYS + 2], triple_days[DAYS + 2];
};

static const double highest = 0.1;

static struct real real[CELLS];
static size_t cells, left_out;
static uint64_t state;
static unsigned long cycles = 10000;
static char directory[] = "/tmp/rundown-nights-XXXXXX";

static double uniform(void)
{
    uint64_t z = state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return ((double)((z ^ z >> 31) >> 11) + 0.5) / 0x1p53;
}

static double normal(void)
{
    return sqrt(-2 * log(uniform())) * cos(2 * M_PI * uniform());
}

/* Source: G. Marsaglia, W. W. Tsang, ACM TOMS 26 (2000), 363-372. */
static double gamma_of(double shape)
{
    double d = shape - 1.0 / 3, c = 1 / sqrt(9 * d);

    if (shape < 1)
        return gamma_of(shape + 1) * pow(uniform(), 1 / shape);
    for (;;) {
        double x = normal(), v = 1 + c * x;

        v = v * v * v;
        if (v > 0 && log(uniform()) < 0.5 * x * x + d - d * v + d * log(v))
            return d * v;
    }
}

static double scattered(double rate, double correlation)
{
    double size = correlation > 0 ? 1 / correlation - 1 : 0, a, b;

    if (size == 0 || rate <= 0 || rate >= 1)
        return rate;
    a = gamma_of(rate * size);
    b = gamma_of((1 - rate) * size);
    return a / (a + b);
}

/* By the gaps between failures, so that rare ones cost little. */
static uint64_t binomial(unsigned long n, double rate)
{
    uint64_t count = 0;

    if (rate <= 0)
        return 0;
    if (rate > 0.5)
        return n - binomial(n, 1 - rate);
    for (double at = floor(log(uniform()) / log1p(-rate)); at < (double)n;
         at += 1 + floor(log(uniform()) / log1p(-rate)))
        count++;
    return count;
}

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *at)
{
    (void)info, (void)type, (void)at;
    return remove(path);
}

/* A cell at random whose rate lies so. */
static size_t choose(double low, double high, size_t other)
{
    for (unsigned i = 0; i < 100000; i++) {
        size_t at = (size_t)(uniform() * (double)cells);

        if (at != other && real[at].rate >= low && real[at].rate <= high)
            return at;
    }
    fprintf(stderr, "simulate_nights: no cell of a rate from %g to %g; take more cells\n", low,
            high);
    exit(2);
}

static int write_day(int day, double correlation, size_t fault, size_t triple)
{
    static struct night_cell night[CELLS];
    struct error e;
    int code;

    for (size_t i = 0; i < cells; i++) {
        double rate = scattered(real[i].rate, correlation);

        if (i == triple && day >= TRIPLE_DAY)
            rate = 3 * rate < 1 ? 3 * rate : 1;
        night[i] = (struct night_cell){.target = real[i].target,
                                       .injector = real[i].injector,
                                       .cycles = cycles,
                                       .signature = {"known", "new fault"},
                                       .fails = {binomial(cycles, rate), 0}};
        if (i == fault && day >= FAULT_DAY)
            night[i].fails[1] = binomial(cycles, 1.0 / 2000);
        if (night[i].fails[0] + night[i].fails[1] > cycles)
            night[i].fails[1] = cycles - night[i].fails[0];
    }
    code = night_write(directory, day, night, cells, &e);
    if (code != 0)
        fprintf(stderr, "simulate_nights: %s\n", e.text);
    return code;
}

static void judge_cells(const struct comparison *comparison, int day, size_t fault, size_t triple,
                        struct tally *tally, bool *tripled)
{
    unsigned wrong = 0, all = 0;

    for (size_t i = 0; i < comparison->cells; i++) {
        if (comparison->cell[i].change != COMPARE_WORSE)
            continue;
        all++;
        *tripled |= i == triple && day >= TRIPLE_DAY;
        wrong += !(i == triple && day >= TRIPLE_DAY) && !(i == fault && day >= FAULT_DAY);
    }
    tally->days++;
    tally->tests += (unsigned)comparison->tested;
    tally->alarms += wrong;
    tally->alarmed += wrong > 0;
    tally->quiet += day < FAULT_DAY;
    tally->startled += day < FAULT_DAY && wrong > 0;
    tally->share += all > 0 ? (double)wrong / all : 0;
}

static bool shows_fault(const struct comparison *comparison)
{
    for (size_t i = 0; i < comparison->signatures; i++)
        if (comparison->signature[i].change == COMPARE_NEW &&
            strcmp(comparison->signature[i].signature, "new fault") == 0)
            return true;
    return false;
}

static int judge_day(int day, size_t fault, size_t triple, struct tally *tally, int *fault_at,
                     int *triple_at)
{
    char path[64];
    struct compare_options options = {.history = directory, .new = path};
    struct comparison comparison;
    struct error e;
    bool tripled = false;
    int code;

    snprintf(path, sizeof path, "%s/night-%d", directory, day);
    code = compare_runs(&options, &comparison, &e);
    if (code != 0)
        fprintf(stderr, "simulate_nights: %s\n", e.text);
    else
        judge_cells(&comparison, day, fault, triple, tally, &tripled);
    if (*fault_at == 0 && code == 0 && shows_fault(&comparison))
        *fault_at = day;
    if (*triple_at == 0 && tripled)
        *triple_at = day;
    compare_free(&comparison);
    return code;
}

static int three_weeks(double correlation, struct tally *tally)
{
    size_t fault = choose(0, 0, SIZE_MAX), triple = choose(0.001, highest, fault);
    int fault_at = 0, triple_at = 0, code = 0;

    strcpy(directory + sizeof directory - 7, "XXXXXX");
    if (mkdtemp(directory) == NULL)
        return 1;
    for (int day = 1; day <= DAYS && code == 0; day++) {
        code = write_day(day, correlation, fault, triple);
        if (code == 0 && day >= FIRST_JUDGED)
            code = judge_day(day, fault, triple, tally, &fault_at, &triple_at);
    }
    tally->seeds++;
    tally->fault_days[fault_at]++;
    tally->triple_days[triple_at]++;
    nftw(directory, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    return code;
}

static int read_real(const char *path)
{
    struct store_cell *rows;
    struct store *store;
    struct error e;
    size_t count;
    int code = store_open(path, false, &store, &e);

    if (code == 0)
        code = store_cells(store, &rows, &count, &e);
    for (size_t i = 0; code == 0 && i < count && cells < CELLS; i++) {
        uint64_t findings, counted = rows[i].passed + rows[i].failed;
        double rate;

        code = store_count_findings(store, rows[i].id, STOP_SEVERITY_FINDING, &findings, &e);
        if (counted == 0)
            continue;
        rate = (double)findings / (double)counted;
        if (rate <= highest)
            real[cells++] = (struct real){rows[i].target, rows[i].injector, rate};
        else
            left_out++;
    }
    store_close(store);
    if (code != 0)
        fprintf(stderr, "simulate_nights: %s\n", e.text);
    return code;
}

static void tell_days(const char *what, const unsigned days[DAYS + 2], int due)
{
    printf("  %s:", what);
    for (int day = due; day <= DAYS; day++)
        if (days[day] > 0)
            printf(" day %d: %u", day, days[day]);
    printf("; never: %u\n", days[0]);
}

/* Of the real rates: how many cells never fail, and the least and greatest rate of the others. */
static void tell_cells(void)
{
    double least = 1, greatest = 0;
    size_t clean = 0;

    for (size_t i = 0; i < cells; i++) {
        clean += real[i].rate == 0;
        least = real[i].rate > 0 && real[i].rate < least ? real[i].rate : least;
        greatest = real[i].rate > greatest ? real[i].rate : greatest;
    }
    printf(
        "of the real run: %zu cells never failed, %zu did in %.1f to %.1f %% of their cycles; left "
        "out: %zu that failed in more than %g %%\n",
        clean, cells - clean, 100 * least, 100 * greatest, left_out, 100 * highest);
}

static void tell(const struct tally *tally, double correlation)
{
    printf("correlation %g: %u seeds, %zu cells of %lu cycles, %u nights judged, %u tests\n",
           correlation, tally->seeds, cells, cycles, tally->days, tally->tests);
    printf("  nights with a false alarm: %u (%.1f %%); false alarms in all: %u\n", tally->alarmed,
           100.0 * tally->alarmed / tally->days, tally->alarms);
    printf("  of the nights before the fault, with an alarm: %u of %u (%.1f %%)\n", tally->startled,
           tally->quiet, 100.0 * tally->startled / tally->quiet);
    printf("  false share of a night's alarms, mean: %.1f %%\n", 100 * tally->share / tally->days);
    tell_days("new fault told as new signature", tally->fault_days, FAULT_DAY);
    tell_days("tripled rate told", tally->triple_days, TRIPLE_DAY);
}

/* The cells that fail now and then, for the page. */
static int list_real(const char *path)
{
    if (read_real(path) != 0)
        return 2;
    tell_cells();
    for (size_t i = 0; i < cells; i++)
        if (real[i].rate > 0)
            printf("    %5.1f %%  %s under %s\n", 100 * real[i].rate, real[i].target,
                   real[i].injector);
    return 0;
}

/* One run of made-up cells, for measuring how long reports and merges take. */
static int make_run(char **argv)
{
    size_t count = strtoul(argv[1], NULL, 10);
    struct night_cell *night = calloc(count + 1, sizeof *night);
    uint64_t fails = strtoull(argv[3], NULL, 10);
    struct error e;
    int code;

    for (size_t i = 0; i < count; i++) {
        char *target, *signature;

        if (asprintf(&target, "-- ./prog --case %zu", i / 10) < 0 ||
            asprintf(&signature, "lock.deadlock prog:f%zu prog:g", i) < 0)
            return 1;
        night[i] = (struct night_cell){.target = target,
                                       .injector = &"abcdefghij"[i % 10],
                                       .cycles = strtoull(argv[2], NULL, 10),
                                       .signature = {signature},
                                       .fails = {i % 2 == 0 ? fails : 0}};
    }
    code = night_write(argv[0], atoi(argv[4]), night, count, &e);
    if (code != 0)
        fprintf(stderr, "simulate_nights: %s\n", e.text);
    return code != 0;
}

int main(int argc, char **argv)
{
    struct tally tally = {0};
    double correlation = argc > 3 ? strtod(argv[3], NULL) : 0;
    unsigned seeds = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 0;

    if (argc == 7 && strcmp(argv[1], "make") == 0)
        return make_run(argv + 2);
    if (argc == 3 && strcmp(argv[1], "cells") == 0)
        return list_real(argv[2]);
    if (seeds == 0 || read_real(argv[1]) != 0) {
        fputs("usage: simulate-nights RUN SEEDS [CORRELATION [CYCLES]]\n"
              "       simulate-nights cells RUN\n"
              "       simulate-nights make DIR CELLS CYCLES FAILS NUMBER\n",
              stderr);
        return 2;
    }
    if (argc > 4)
        cycles = strtoul(argv[4], NULL, 10);
    for (unsigned seed = 1; seed <= seeds; seed++) {
        state = seed;
        if (three_weeks(correlation, &tally) != 0)
            return 1;
    }
    tell(&tally, correlation);
    return 0;
}
