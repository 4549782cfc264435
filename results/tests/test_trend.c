/*
 * test_trend: S, its exact chance, slopes and limits against vectors and counting.
 */
#include "vector_file.h"

#include <results/stats/trend.h>

static int read_integers(const char *list, long long *values)
{
    int count = 0;
    char *end;

    for (;; list = end) {
        long long value = strtoll(list, &end, 10);

        if (end == list)
            return count;
        values[count++] = value;
    }
}

/* Floors a lap apart. */
static struct stats_floors plain(const long long *low, int blocks)
{
    struct stats_floors f = {.blocks = blocks};

    for (int i = 0; i <= blocks; i++)
        f.start[i] = i;
    memcpy(f.low, low, blocks * sizeof *low);
    return f;
}

static void expect_chance(const struct vector_file *v, const struct stats_floors *f)
{
    struct stats_trend_chance got = stats_trend_chance(f);
    unsigned long long num = 0, den = 0;

    CU_ASSERT_EQUAL(sscanf(v->field[3], "%llu/%llu", &num, &den), 2);
    CU_ASSERT_TRUE((unsigned __int128)got.favourable * den == (unsigned __int128)got.total * num);
    vector_expect(v, got.p, vector_double(v, 4));
}

static void test_mann_kendall_vectors(void)
{
    struct vector_file v;

    vector_open(&v, "mann_kendall.csv");
    while (vector_next(&v)) {
        long long values[32];
        int blocks = read_integers(v.field[1], values);
        struct stats_floors f = plain(values, blocks);

        CU_ASSERT_EQUAL_FATAL(blocks, vector_count(&v, 0));
        CU_ASSERT_EQUAL(stats_trend_s(&f), vector_count(&v, 2));
        expect_chance(&v, &f);
    }
    CU_ASSERT_EQUAL(v.row, 102);
}

/* Some order of 0 .. blocks-1 with so many inversions: S is pairs - 2 * inversions. */
static struct stats_floors with_inversions(int blocks, int inversions)
{
    long long low[STATS_BLOCKS_MAX];

    for (int i = 0; i < blocks; i++) {
        int behind = inversions < i ? inversions : i;

        for (int j = i; j > i - behind; j--)
            low[j] = low[j - 1];
        low[i - behind] = i;
        inversions -= behind;
    }
    return plain(low, blocks);
}

/* The smallest S that is no likelier than @risk, found by going down from a perfect rise. */
static int critical_s(int blocks, double risk)
{
    int s = blocks * (blocks - 1) / 2;

    for (int inversions = 0;; inversions++) {
        struct stats_floors f = with_inversions(blocks, inversions);

        if (stats_trend_chance(&f).p > risk)
            return s;
        s = stats_trend_s(&f);
    }
}

static void test_critical_vectors(void)
{
    struct vector_file v;

    vector_open(&v, "mann_kendall_critical.csv");
    while (vector_next(&v)) {
        int blocks = (int)vector_count(&v, 0), pairs = blocks * (blocks - 1) / 2;
        const struct stats_trend_limits *limit = stats_trend_limits(blocks);
        struct stats_floors f;

        CU_ASSERT_PTR_NOT_NULL_FATAL(limit);
        f = with_inversions(blocks, (pairs - limit->s_01) / 2);
        CU_ASSERT_EQUAL(stats_trend_s(&f), limit->s_01);
        vector_expect(&v, stats_trend_chance(&f).p, vector_double(&v, 2));
        CU_ASSERT_EQUAL(limit->s_01, vector_count(&v, 1));
        CU_ASSERT_EQUAL(limit->s_025, vector_count(&v, 3));
        CU_ASSERT_EQUAL(limit->rank_low, vector_count(&v, 4));
        CU_ASSERT_EQUAL(limit->rank_high, vector_count(&v, 5));
        CU_ASSERT_EQUAL(critical_s(blocks, 0.01), limit->s_01);
        CU_ASSERT_EQUAL(critical_s(blocks, 0.025), limit->s_025);
    }
    CU_ASSERT_EQUAL(v.row, 6);
    CU_ASSERT_PTR_NULL(stats_trend_limits(4));
    CU_ASSERT_PTR_NULL(stats_trend_limits(11));
}

static void read_starts(const char *list, struct stats_floors *f)
{
    long long starts[32];

    CU_ASSERT_EQUAL_FATAL(read_integers(list, starts), f->blocks);
    for (int i = 0; i < f->blocks; i++)
        f->start[i] = starts[i];
}

static void test_theil_sen_vectors(void)
{
    struct vector_file v;

    vector_open(&v, "theil_sen.csv");
    while (vector_next(&v)) {
        long long low[32];
        int blocks = read_integers(v.field[1], low);
        struct stats_floors f = plain(low, blocks);
        struct stats_slope got;

        read_starts(v.field[0], &f);
        got = stats_trend_slope(&f);
        vector_expect(&v, got.slope, vector_double(&v, 2));
        vector_expect(&v, got.sen_low, vector_double(&v, 3));
        vector_expect(&v, got.sen_high, vector_double(&v, 4));
        vector_expect(&v, got.low, vector_double(&v, 5));
        vector_expect(&v, got.high, vector_double(&v, 6));
    }
    CU_ASSERT_EQUAL(v.row, 36);
}

/* Counts by trying all orders of the floors: @seen orders, @reached of them with S or more. */
struct enumeration {
    struct stats_floors f;
    int s;
    unsigned long long seen, reached;
};

static void try_orders(struct enumeration *e, int from)
{
    if (from == e->f.blocks) {
        e->seen++;
        e->reached += stats_trend_s(&e->f) >= e->s;
    }
    for (int i = from; i < e->f.blocks; i++) {
        long long held = e->f.low[from];

        e->f.low[from] = e->f.low[i];
        e->f.low[i] = held;
        try_orders(e, from + 1);
        e->f.low[i] = e->f.low[from];
        e->f.low[from] = held;
    }
}

static void test_chance_by_trying_all_orders(void)
{
    static const long long floors[][7] = {{0, 1, 2, 3, 4, 5, 6}, {0, 0, 1, 1, 2, 2, 2},
                                          {3, 1, 3, 0, 1, 2, 2}, {9, 9, 9, 9, 1, 9, 9},
                                          {4, 4, 4, 4, 4, 4, 4}, {6, 5, 5, 3, 2, 1, 0}};

    for (int i = 0; i < 6; i++)
        for (int blocks = STATS_BLOCKS_MIN; blocks <= 7; blocks++) {
            struct enumeration e = {.f = plain(floors[i], blocks)};
            struct stats_trend_chance got = stats_trend_chance(&e.f);

            e.s = stats_trend_s(&e.f);
            try_orders(&e, 0);
            CU_ASSERT_EQUAL(got.favourable * e.seen, e.reached * got.total);
        }
}

static void test_slope_follows_scale_and_direction(void)
{
    static const long long low[] = {3, 9, 8, 14, 20, 19, 27, 33, 31, 40};
    long long scaled[10];
    struct stats_floors f = plain(low, 10), g;
    struct stats_slope a = stats_trend_slope(&f), b;

    for (int i = 0; i < 10; i++)
        scaled[i] = 1000 - 16 * low[i];
    g = plain(scaled, 10);
    b = stats_trend_slope(&g);
    CU_ASSERT_TRUE(vector_close(b.slope, -16 * a.slope));
    CU_ASSERT_TRUE(vector_close(b.low, -16 * a.high) && vector_close(b.high, -16 * a.low));
    CU_ASSERT_TRUE(a.low <= a.sen_low && a.sen_low <= a.slope);
    CU_ASSERT_TRUE(a.slope <= a.sen_high && a.sen_high <= a.high);
    CU_ASSERT_EQUAL(stats_trend_s(&g), -stats_trend_s(&f));
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"mann-kendall vectors", test_mann_kendall_vectors},
        {"critical vectors", test_critical_vectors},
        {"theil-sen vectors", test_theil_sen_vectors},
        {"chance by trying all orders", test_chance_by_trying_all_orders},
        {"slope follows scale and direction", test_slope_follows_scale_and_direction},
        CU_TEST_INFO_NULL,
    };

    return vector_run("trend", tests);
}
