/*
 * test_leak: the leak verdict against the vectors, and what it must and must not say.
 *
 * The generated series come from fixed seeds: a failure is the same every time.
 */
#include "leak_vectors.h"

#include <harness/error.h>

enum { LONGEST = 1705 };

static long long series[LONGEST];

/* splitmix64; the seed names a series. */
static unsigned long long random_state;

static unsigned long long random_bits(void)
{
    unsigned long long z = random_state += 0x9e3779b97f4a7c15ULL;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
}

static long long random_below(long long bound)
{
    return (long long)(random_bits() % (unsigned long long)bound);
}

static struct stats_leak judged(size_t count, enum stats_leak_kind kind)
{
    struct stats_leak out;

    CU_ASSERT_EQUAL(stats_leak_judge(series, count, kind, &out), 0);
    return out;
}

static enum stats_leak_verdict verdict_at(size_t count)
{
    return judged(count, STATS_LEAK_EXACT).verdict;
}

static void add_leak(double per_lap, long long quantum)
{
    for (int i = 0; i < LONGEST; i++)
        series[i] += (long long)floor(per_lap * i) / quantum * quantum;
}

static void expect_number(const struct vector_file *v, int field, double got)
{
    if (!vector_none(v, field))
        vector_expect(v, got, vector_double(v, field));
    CU_ASSERT_EQUAL(vector_none(v, field), isnan(got));
}

static void expect_smallest(const struct vector_file *v, const struct leak_row *row)
{
    struct stats_leak_smallest out;
    double want = vector_none(v, LEAK_SMALLEST) ? 0 : vector_double(v, LEAK_SMALLEST);

    CU_ASSERT_EQUAL(stats_leak_smallest(row->samples, row->count, row->kind, row->quantum, &out),
                    0);
    vector_expect(v, out.per_lap, want);
}

static void expect_judgement(const struct vector_file *v, const struct leak_row *row)
{
    struct stats_leak out;
    int code = stats_leak_judge(row->samples, row->count, row->kind, &out);
    bool refused = out.verdict == STATS_LEAK_REFUSED;

    CU_ASSERT_EQUAL(code, refused ? ERROR_RANGE : 0);
    vector_expect_text(v, stats_leak_verdict_name(out.verdict), v->field[LEAK_VERDICT]);
    vector_expect_text(v, stats_leak_class_name(out.class), v->field[LEAK_CLASS]);
    expect_number(v, LEAK_SLOPE, out.slope.slope);
    expect_number(v, LEAK_LOWER, out.slope.low);
    expect_number(v, LEAK_UPPER, out.slope.high);
    if (!refused)
        expect_smallest(v, row);
}

static void expect_file(const char *name, int rows)
{
    static struct leak_row row;
    struct vector_file v;

    vector_open(&v, name);
    while (vector_next(&v)) {
        leak_read(&v, &row);
        CU_ASSERT_EQUAL((long long)row.count, vector_count(&v, LEAK_CYCLES));
        CU_ASSERT_STRING_EQUAL(stats_leak_kind_name(row.kind), v.field[LEAK_KIND]);
        if (row.no_number_at == row.count)
            expect_judgement(&v, &row);
        else
            vector_expect_text(&v, "REFUSED", v.field[LEAK_VERDICT]);
    }
    CU_ASSERT_EQUAL(v.row, rows);
}

static void test_vectors(void)
{
    expect_file("leak_series.csv", 61);
    expect_file("leak_rules.csv", 6);
}

static void flat_base(void)
{
    for (int i = 0; i < LONGEST; i++)
        series[i] = 4096;
}

static void test_bytes_per_lap_on_a_constant_base(void)
{
    static const int bytes[] = {4, 8, 12, 64};

    for (int i = 0; i < 4; i++) {
        flat_base();
        add_leak(bytes[i], 1);
        CU_ASSERT_EQUAL(verdict_at(24), STATS_LEAK_TOO_SHORT);
        CU_ASSERT_EQUAL(verdict_at(25), STATS_LEAK_SUSPECT);
        CU_ASSERT_EQUAL(verdict_at(104), STATS_LEAK_SUSPECT);
        CU_ASSERT_EQUAL(verdict_at(105), STATS_LEAK_FOUND);
        CU_ASSERT_EQUAL(verdict_at(LONGEST), STATS_LEAK_FOUND);
        CU_ASSERT_TRUE(vector_close(judged(105, STATS_LEAK_SITE).slope.slope, bytes[i]));
    }
}

static void test_one_fd_per_25_laps_in_any_phase(void)
{
    for (int phase = 0; phase < 25; phase++) {
        for (int i = 0; i < LONGEST; i++)
            series[i] = 7 + (i + phase) / 25;
        CU_ASSERT_EQUAL(verdict_at(425), STATS_LEAK_FOUND);
    }
}

/* Programs that give everything back, each in its own way. */
static void noise(void)
{
    for (int i = 0; i < LONGEST; i++)
        series[i] = 100000 + random_below(4096);
}

static void sawtooth(void)
{
    long long period = 7 + random_below(20), phase = random_below(period);

    for (int i = 0; i < LONGEST; i++)
        series[i] = 5000 + (i + phase) % period * 64;
}

static void two_states(void)
{
    long long high = 0;

    for (int i = 0; i < LONGEST; i++) {
        high = random_below(10) == 0 ? !high : high;
        series[i] = 1000 + high * 65536;
    }
}

static void warm_cache(void)
{
    long long size = 0;

    for (int i = 0; i < LONGEST; i++) {
        size += i < 20 ? random_below(2000) : 0;
        series[i] = 30000 + size;
    }
}

static void slow_return(void)
{
    double level = 0;

    for (int i = 0; i < LONGEST; i++) {
        level = 0.9 * level + (double)random_below(2001) - 1000;
        series[i] = 500000 + (long long)level;
    }
}

static void spikes(void)
{
    for (int i = 0; i < LONGEST; i++)
        series[i] = 2048 + (random_below(8) == 0 ? random_below(1 << 20) : 0);
}

static void falling(void)
{
    for (int i = 0; i < LONGEST; i++)
        series[i] = 1000000 - 8 * i + random_below(64);
}

static void (*const clean_programs[])(void) = {noise,       sawtooth, two_states, warm_cache,
                                               slow_return, spikes,   falling};
enum { CLEAN_PROGRAMS = sizeof clean_programs / sizeof *clean_programs, SEEDS = 60 };

static void test_no_leak_in_clean_programs(void)
{
    static const size_t counts[] = {105, 425, LONGEST};

    for (int program = 0; program < CLEAN_PROGRAMS; program++)
        for (random_state = 0; random_state < SEEDS * 1000000ULL;) {
            unsigned long long seed = random_state;

            clean_programs[program]();
            random_state = seed + 1000000;
            for (int i = 0; i < 3; i++)
                CU_ASSERT_NOT_EQUAL(verdict_at(counts[i]), STATS_LEAK_FOUND);
        }
}

/* Exchangeable noise knows no order, whatever its shape: never once a LEAK. */
static void test_no_leak_in_exchangeable_noise(void)
{
    static const long long widths[] = {2, 3, 10, 1000, 1 << 30};

    random_state = 20;
    for (int trial = 0; trial < 2000; trial++) {
        for (int i = 0; i < 425; i++)
            series[i] = random_below(widths[trial % 5]);
        CU_ASSERT_NOT_EQUAL(verdict_at(105), STATS_LEAK_FOUND);
        CU_ASSERT_NOT_EQUAL(verdict_at(425), STATS_LEAK_FOUND);
    }
}

/* A leak that outgrows the program's own swing is never called CLEAN. */
static void test_no_clean_on_a_leak(void)
{
    static const double per_lap[] = {0.5, 8, 64, 1000};

    for (int program = 0; program < CLEAN_PROGRAMS - 1; program++)
        for (random_state = 7; random_state < SEEDS * 1000000ULL;) {
            unsigned long long seed = random_state;

            for (int i = 0; i < 4; i++) {
                clean_programs[program]();
                random_state = seed;
                add_leak(per_lap[i] + (program == 5 ? 40000 : 4000), 8);
                CU_ASSERT_NOT_EQUAL(verdict_at(425), STATS_LEAK_CLEAN);
                CU_ASSERT_NOT_EQUAL(verdict_at(LONGEST), STATS_LEAK_CLEAN);
            }
            random_state = seed + 1000000;
        }
}

/* 8 bytes a lap under 64 bytes of jitter: usually found after 105 laps, always after 425. */
static void test_leak_under_jitter(void)
{
    int early = 0, late = 0;

    random_state = 99;
    for (int trial = 0; trial < 200; trial++) {
        for (int i = 0; i < LONGEST; i++)
            series[i] = random_below(65);
        add_leak(8, 8);
        early += verdict_at(105) == STATS_LEAK_FOUND;
        late += verdict_at(425) == STATS_LEAK_FOUND;
    }
    CU_ASSERT_TRUE(early >= 120);
    CU_ASSERT_EQUAL(late, 200);
}

static void grow_like(double exponent)
{
    for (int i = 0; i < LONGEST; i++)
        series[i] = (long long)(1000 * pow(i, exponent));
}

static void test_laws_of_growth(void)
{
    grow_like(0.5);
    CU_ASSERT_EQUAL(verdict_at(LONGEST), STATS_LEAK_SUSPECT);
    CU_ASSERT_EQUAL(judged(LONGEST, STATS_LEAK_EXACT).class, STATS_LEAK_SLOWING);
    grow_like(0.9);
    CU_ASSERT_EQUAL(verdict_at(LONGEST), STATS_LEAK_FOUND);
    for (int i = 0; i < LONGEST; i++)
        series[i] = (long long)(1000 * log(i + 1));
    CU_ASSERT_EQUAL(judged(LONGEST, STATS_LEAK_SITE).class, STATS_LEAK_SLOWING);
}

/* Where the zero of a series lies is of no account. */
static void test_level_does_not_matter(void)
{
    for (int level = 0; level < 3; level++) {
        struct stats_leak base, moved;

        random_state = 5;
        slow_return();
        add_leak(level * 20, 1);
        base = judged(425, STATS_LEAK_EXACT);
        for (int i = 0; i < 425; i++)
            series[i] -= 1LL << 40;
        moved = judged(425, STATS_LEAK_EXACT);
        CU_ASSERT_TRUE(base.verdict == moved.verdict && base.class == moved.class);
        CU_ASSERT_TRUE(base.slope.slope == moved.slope.slope && base.chance.p == moved.chance.p);
    }
}

static void test_what_a_report_prints(void)
{
    struct stats_leak out;

    flat_base();
    add_leak(8, 8);
    out = judged(425, STATS_LEAK_EXACT);
    CU_ASSERT_EQUAL(out.cycles, 425);
    CU_ASSERT_EQUAL(out.floors.start[0], 215);
    CU_ASSERT_EQUAL(out.floors.start[out.floors.blocks], 425);
    CU_ASSERT_EQUAL(out.growth, 8 * (404 - 215));
    CU_ASSERT_EQUAL(out.quiet, 0);
    CU_ASSERT_TRUE(vector_close(out.early_slope, 8));
    CU_ASSERT_TRUE(out.chance.favourable == 1 && out.chance.total == 3628800);
    for (int i = 200; i < LONGEST; i++)
        series[i] = series[199];
    out = judged(425, STATS_LEAK_EXACT);
    CU_ASSERT_EQUAL(out.class, STATS_LEAK_FLAT);
    CU_ASSERT_EQUAL(out.chance.p, 1);
    /* Blocks of 42 from 5 on: the one that ends at 257 was the last with a new floor. */
    CU_ASSERT_EQUAL(out.quiet, 425 - 257);
    CU_ASSERT_TRUE(isnan(judged(104, STATS_LEAK_EXACT).early_slope));
}

static struct stats_leak_smallest smallest(size_t count, enum stats_leak_kind kind, long long q)
{
    struct stats_leak_smallest out;

    CU_ASSERT_EQUAL(stats_leak_smallest(series, count, kind, q, &out), 0);
    return out;
}

static enum stats_leak_verdict verdict_with(double per_lap, long long quantum)
{
    long long clean[LONGEST];
    enum stats_leak_verdict verdict;

    memcpy(clean, series, sizeof clean);
    add_leak(per_lap, quantum);
    verdict = verdict_at(425);
    memcpy(series, clean, sizeof clean);
    return verdict;
}

/* The next smaller leak of the grid 4, 5, 6, 7 times a power of two. */
static double next_smaller(double b)
{
    int exponent;
    double m = frexp(b, &exponent) * 8;

    return m > 4 ? ldexp(m - 1, exponent - 3) : ldexp(7, exponent - 4);
}

static void test_smallest_is_where_the_verdict_turns(void)
{
    for (int program = 0; program < CLEAN_PROGRAMS; program++) {
        double b;

        random_state = 3;
        clean_programs[program]();
        if (verdict_at(425) != STATS_LEAK_CLEAN)
            continue;
        b = smallest(425, STATS_LEAK_EXACT, 8).per_lap;
        CU_ASSERT_TRUE(b > 0);
        CU_ASSERT_EQUAL(verdict_with(b, 8), STATS_LEAK_FOUND);
        CU_ASSERT_NOT_EQUAL(verdict_with(next_smaller(b), 8), STATS_LEAK_FOUND);
    }
}

static void test_smallest_needs_a_long_clean_series(void)
{
    flat_base();
    CU_ASSERT_EQUAL(smallest(104, STATS_LEAK_EXACT, 8).needs, 105);
    CU_ASSERT_EQUAL(smallest(424, STATS_LEAK_OTHER, 4096).needs, 425);
    CU_ASSERT_EQUAL(smallest(0, STATS_LEAK_SITE, 8).needs, 105);
    CU_ASSERT_TRUE(smallest(105, STATS_LEAK_SITE, 8).per_lap > 0);
    CU_ASSERT_TRUE(smallest(425, STATS_LEAK_OTHER, 4096).per_lap > 0);
    add_leak(8, 8);
    CU_ASSERT_TRUE(smallest(425, STATS_LEAK_EXACT, 8).per_lap == 0);
    CU_ASSERT_TRUE(smallest(425, STATS_LEAK_EXACT, 8).needs == 0);
}

static void test_smallest_gives_up_on_a_huge_swing(void)
{
    flat_base();
    series[60] += 1LL << 38;
    CU_ASSERT_TRUE(smallest(425, STATS_LEAK_EXACT, 8).per_lap > 0);
    series[60]++;
    CU_ASSERT_EQUAL(smallest(425, STATS_LEAK_EXACT, 8).per_lap, 0);
    for (int i = 0; i < LONGEST; i++)
        series[i] = i % 2 ? STATS_LEAK_SAMPLE_MAX : -STATS_LEAK_SAMPLE_MAX;
    CU_ASSERT_EQUAL(smallest(425, STATS_LEAK_EXACT, 1).per_lap, 0);
}

static void test_samples(void)
{
    static const double bad[] = {NAN, INFINITY, -INFINITY, 0.5, 0x1.0000000000001p60, -1e300};
    long long sample = 7;

    for (int i = 0; i < 6; i++)
        CU_ASSERT_EQUAL(stats_leak_sample(bad[i], &sample), ERROR_RANGE);
    CU_ASSERT_EQUAL(sample, 7);
    CU_ASSERT_EQUAL(stats_leak_sample(-0x1p60, &sample), 0);
    CU_ASSERT_EQUAL(sample, -STATS_LEAK_SAMPLE_MAX);
}

static void test_refused_samples_are_named(void)
{
    static const long long bad[] = {STATS_LEAK_SAMPLE_MAX + 1, -STATS_LEAK_SAMPLE_MAX - 1,
                                    9223372036854775807LL, -9223372036854775807LL - 1};
    struct stats_leak_smallest none = {.needs = 7};

    for (int i = 0; i < 4; i++) {
        struct stats_leak out;

        flat_base();
        series[200] = series[50 + i] = bad[i];
        CU_ASSERT_EQUAL(stats_leak_judge(series, 425, STATS_LEAK_EXACT, &out), ERROR_RANGE);
        CU_ASSERT_EQUAL(out.verdict, STATS_LEAK_REFUSED);
        CU_ASSERT_EQUAL(out.refused_at, (size_t)(50 + i));
        CU_ASSERT_TRUE(isnan(out.slope.slope));
        CU_ASSERT_EQUAL(stats_leak_smallest(series, 425, STATS_LEAK_EXACT, 8, &none), ERROR_RANGE);
    }
    flat_base();
    CU_ASSERT_EQUAL(stats_leak_smallest(series, 425, STATS_LEAK_EXACT, 0, &none), ERROR_RANGE);
    CU_ASSERT_EQUAL(stats_leak_smallest(series, 425, STATS_LEAK_EXACT, 1LL << 39, &none),
                    ERROR_RANGE);
    CU_ASSERT_EQUAL(none.needs, 7);
}

/* The widest series there is: no difference may leave 64 bits (the sanitizer looks on). */
static void test_extreme_samples_do_not_overflow(void)
{
    for (int i = 0; i < LONGEST; i++)
        series[i] = i < LONGEST / 2 ? -STATS_LEAK_SAMPLE_MAX : STATS_LEAK_SAMPLE_MAX;
    for (size_t count = 25; count <= LONGEST; count += 20)
        CU_ASSERT_TRUE(judged(count, STATS_LEAK_EXACT).verdict >= STATS_LEAK_CLEAN);
    for (int i = 0; i < LONGEST; i++)
        series[i] = -STATS_LEAK_SAMPLE_MAX + i * (2 * STATS_LEAK_SAMPLE_MAX / LONGEST);
    CU_ASSERT_EQUAL(verdict_at(LONGEST), STATS_LEAK_FOUND);
}

static void test_when_to_judge(void)
{
    static const size_t due[] = {25, 105, 425, 1705, 6825, 27305};
    int next = 0;

    for (size_t count = 0; count <= 30000; count++) {
        bool wanted = next < 6 && count == due[next];

        CU_ASSERT_EQUAL(stats_leak_due(count), wanted);
        next += wanted;
    }
    CU_ASSERT_EQUAL(next, 6);
}

static void follow(struct stats_leak_trail *trail, enum stats_leak_verdict verdict, size_t count)
{
    struct stats_leak entry = {.verdict = verdict, .cycles = count};

    stats_leak_follow(trail, &entry);
}

static void test_unconfirmed_leak_is_withdrawn(void)
{
    struct stats_leak_trail trail = {0};

    follow(&trail, STATS_LEAK_SUSPECT, 25);
    CU_ASSERT_TRUE(trail.leak_at == 0 && trail.withdrawn_at == 0);
    follow(&trail, STATS_LEAK_FOUND, 105);
    CU_ASSERT_TRUE(trail.leak_at == 105 && trail.withdrawn_at == 0);
    follow(&trail, STATS_LEAK_CLEAN, 425);
    follow(&trail, STATS_LEAK_CLEAN, 500);
    CU_ASSERT_TRUE(trail.leak_at == 105 && trail.withdrawn_at == 425);
    CU_ASSERT_TRUE(trail.last == STATS_LEAK_CLEAN && trail.last_at == 500);
    follow(&trail, STATS_LEAK_FOUND, 1705);
    CU_ASSERT_TRUE(trail.leak_at == 1705 && trail.withdrawn_at == 0);
}

static void test_exhaustion(void)
{
    double soonest = 7, latest = 7;

    CU_ASSERT_EQUAL(stats_leak_exhaustion(1000, 2, 4, 0.5, &soonest, &latest), 0);
    CU_ASSERT_TRUE(soonest == 125 && latest == 250);
    CU_ASSERT_EQUAL(stats_leak_exhaustion(1000, -1, 4, 0.5, &soonest, &latest), 0);
    CU_ASSERT_TRUE(soonest == 125 && isinf(latest));
    CU_ASSERT_EQUAL(stats_leak_exhaustion(1000, -1, 0, 0.5, &soonest, &latest), 0);
    CU_ASSERT_TRUE(isinf(soonest) && isinf(latest));
    CU_ASSERT_EQUAL(stats_leak_exhaustion(-5, 1, 2, 0.5, &soonest, &latest), 0);
    CU_ASSERT_TRUE(soonest == 0 && latest == 0);
}

static void test_exhaustion_refusals(void)
{
    double soonest = 7, latest = 7;

    CU_ASSERT_EQUAL(stats_leak_exhaustion(NAN, 1, 2, 1, &soonest, &latest), ERROR_RANGE);
    CU_ASSERT_EQUAL(stats_leak_exhaustion(1, 2, 1, 1, &soonest, &latest), ERROR_RANGE);
    CU_ASSERT_EQUAL(stats_leak_exhaustion(1, NAN, 1, 1, &soonest, &latest), ERROR_RANGE);
    CU_ASSERT_EQUAL(stats_leak_exhaustion(1, 1, 2, -1, &soonest, &latest), ERROR_RANGE);
    CU_ASSERT_EQUAL(stats_leak_exhaustion(1, 1, 2, INFINITY, &soonest, &latest), ERROR_RANGE);
    CU_ASSERT_TRUE(soonest == 7 && latest == 7);
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"vectors", test_vectors},
        {"bytes per lap on a constant base", test_bytes_per_lap_on_a_constant_base},
        {"one fd per 25 laps", test_one_fd_per_25_laps_in_any_phase},
        {"no LEAK in clean programs", test_no_leak_in_clean_programs},
        {"no LEAK in exchangeable noise", test_no_leak_in_exchangeable_noise},
        {"no CLEAN on a leak", test_no_clean_on_a_leak},
        {"leak under jitter", test_leak_under_jitter},
        {"laws of growth", test_laws_of_growth},
        {"level does not matter", test_level_does_not_matter},
        {"what a report prints", test_what_a_report_prints},
        {"smallest is where the verdict turns", test_smallest_is_where_the_verdict_turns},
        {"smallest needs a long clean series", test_smallest_needs_a_long_clean_series},
        {"smallest gives up on a huge swing", test_smallest_gives_up_on_a_huge_swing},
        {"samples", test_samples},
        {"refused samples are named", test_refused_samples_are_named},
        {"extreme samples do not overflow", test_extreme_samples_do_not_overflow},
        {"when to judge", test_when_to_judge},
        {"unconfirmed leak is withdrawn", test_unconfirmed_leak_is_withdrawn},
        {"exhaustion", test_exhaustion},
        {"exhaustion refusals", test_exhaustion_refusals},
        CU_TEST_INFO_NULL,
    };

    return vector_run("leak", tests);
}
