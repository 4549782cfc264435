/*
 * test_night: the beta-binomial and the pool against the vectors and closed forms.
 */
#include "vector_file.h"

#include <harness/error.h>
#include <results/stats/night.h>

enum { NIGHTS_MAX = 64 };

/* Reads "x/n x/n ..." up to a bar or the end; @list moves behind it. */
static size_t read_nights(char **list, struct stats_night *nights)
{
    size_t count = 0;
    int used;

    while (sscanf(*list, " %lld/%lld%n", &nights[count].failures, &nights[count].runs, &used) ==
           2) {
        *list += used;
        count++;
    }
    *list += strspn(*list, " |");
    return count;
}

static void test_tail_vectors(void)
{
    struct vector_file v;

    vector_open(&v, "beta_binomial.csv");
    while (vector_next(&v)) {
        double p = NAN, want = vector_double(&v, 4);

        CU_ASSERT_EQUAL(stats_beta_binomial_tail(vector_count(&v, 0), vector_count(&v, 1),
                                                 vector_double(&v, 2), vector_double(&v, 3), &p),
                        0);
        vector_expect(&v, p, want);
        CU_ASSERT_TRUE(vector_close_relative(p, want));
    }
    CU_ASSERT_EQUAL(v.row, 15);
}

static void expect_night(const struct vector_file *v, const struct stats_tonight *out)
{
    CU_ASSERT_EQUAL(out->learning, vector_none(v, 7));
    if (out->learning)
        return;
    vector_expect(v, out->correlation, vector_double(v, 4));
    vector_expect(v, out->a, vector_double(v, 5));
    vector_expect(v, out->b, vector_double(v, 6));
    vector_expect(v, out->p, vector_double(v, 7));
}

static void test_night_vectors(void)
{
    struct vector_file v;
    struct stats_night nights[NIGHTS_MAX];
    struct stats_past past;
    struct stats_tonight out;

    vector_open(&v, "night.csv");
    while (vector_next(&v)) {
        char *list = v.field[0];
        size_t count = read_nights(&list, nights);
        struct stats_night tonight = {vector_count(&v, 2), vector_count(&v, 3)};

        CU_ASSERT_EQUAL(stats_past(nights, count, &past), 0);
        CU_ASSERT_EQUAL(stats_tonight(&past, vector_double(&v, 1), tonight, &out), 0);
        expect_night(&v, &out);
    }
    CU_ASSERT_EQUAL(v.row, 18);
}

static void test_pool_vectors(void)
{
    struct vector_file v;
    struct stats_night nights[NIGHTS_MAX];
    struct stats_past cells[16];

    vector_open(&v, "rho_pool.csv");
    while (vector_next(&v)) {
        char *list = v.field[0];
        size_t count = 0;

        while (*list != '\0') {
            size_t length = read_nights(&list, nights);

            CU_ASSERT_EQUAL_FATAL(stats_past(nights, length, &cells[count++]), 0);
        }
        vector_expect(&v, stats_pool(cells, count), vector_double(&v, 1));
    }
    CU_ASSERT_EQUAL(v.row, 5);
}

static double tail(long long least, long long runs, double a, double b)
{
    double p = NAN;

    CU_ASSERT_EQUAL(stats_beta_binomial_tail(least, runs, a, b, &p), 0);
    return p;
}

static void test_tail_is_uniform_for_equal_shapes(void)
{
    for (int k = 0; k <= 1000; k++)
        CU_ASSERT_TRUE(vector_close(tail(k, 1000, 1, 1), (1001. - k) / 1001));
}

/* The first mass is some 1e-17000, below any number, and the sum still comes out as 1. */
static void test_tail_survives_underflow(void)
{
    CU_ASSERT_TRUE(vector_close(tail(1, 200000, 4e6, 4e6), 1));
    CU_ASSERT_TRUE(
        vector_close(tail(100001, 200000, 4e6, 4e6) + tail(100000, 200000, 4e6, 4e6), 1));
}

static void test_only_thirty_nights_are_remembered(void)
{
    struct stats_night nights[NIGHTS_MAX] = {0};
    struct stats_past all, last;

    for (int i = 0; i < 20; i++)
        nights[i] = (struct stats_night){50, 100};
    for (int i = 20; i < NIGHTS_MAX; i++)
        nights[i] = (struct stats_night){i % 3, i % 5 == 0 ? 0 : 100};
    for (int i = 20; i < NIGHTS_MAX; i += 5)
        nights[i].failures = 0;
    CU_ASSERT_EQUAL(stats_past(nights, NIGHTS_MAX, &all), 0);
    CU_ASSERT_EQUAL(all.nights, STATS_NIGHTS_MOST);
    CU_ASSERT_EQUAL(all.runs, 3000);
    CU_ASSERT_EQUAL(stats_past(nights + 20, NIGHTS_MAX - 20, &last), 0);
    CU_ASSERT_TRUE(all.failures == last.failures && all.dispersion == last.dispersion);
}

static void test_too_little_to_tell(void)
{
    struct stats_night one[] = {{1, 10}}, clean[] = {{0, 10}, {0, 10}}, single[] = {{0, 1}, {1, 1}};
    struct stats_past past;

    CU_ASSERT_EQUAL(stats_past(NULL, 0, &past), 0);
    CU_ASSERT_TRUE(past.nights == 0 && past.scatter_den == 0 && past.dispersion == 1);
    CU_ASSERT_EQUAL(stats_past(one, 1, &past), 0);
    CU_ASSERT_TRUE(past.nights == 1 && past.scatter_den == 0 && past.dispersion == 1);
    CU_ASSERT_EQUAL(stats_past(clean, 2, &past), 0);
    CU_ASSERT_TRUE(past.scatter_num == 0 && past.scatter_den == 0 && past.dispersion == 1);
    CU_ASSERT_EQUAL(stats_past(single, 2, &past), 0);
    CU_ASSERT_TRUE(past.scatter_den <= 0);
    CU_ASSERT_EQUAL(stats_pool(NULL, 0), 0);
}

/* Ten nights lend their scatter to the pool; nine, as wild as they may be, do not. */
static void test_pool_passes_over_who_is_learning(void)
{
    struct stats_night nights[10];
    struct stats_past cells[2];

    for (int i = 0; i < 10; i++)
        nights[i] = (struct stats_night){i % 2 ? 150 : 0, 200};
    CU_ASSERT_EQUAL(stats_past(nights, 9, &cells[0]), 0);
    CU_ASSERT_EQUAL(stats_pool(cells, 1), 0);
    CU_ASSERT_EQUAL(stats_past(nights, 10, &cells[1]), 0);
    CU_ASSERT_EQUAL(stats_pool(cells, 2), 0.5);
    for (int i = 0; i < 10; i++)
        nights[i] = (struct stats_night){i % 2, 1};
    CU_ASSERT_EQUAL(stats_past(nights, 10, &cells[0]), 0);
    CU_ASSERT_TRUE(cells[0].scatter_den <= 0);
    CU_ASSERT_EQUAL(stats_pool(cells, 1), 0);
}

/* More failures tonight are never less alarming; more scatter in the past never more so. */
static void test_p_is_ordered(void)
{
    struct stats_night nights[12];
    struct stats_past past;
    struct stats_tonight calm, wild, next;

    for (int i = 0; i < 12; i++)
        nights[i] = (struct stats_night){i % 4, 200};
    CU_ASSERT_EQUAL(stats_past(nights, 12, &past), 0);
    for (int y = 4; y < 200; y++) {
        CU_ASSERT_EQUAL(stats_tonight(&past, 0, (struct stats_night){y, 200}, &calm), 0);
        CU_ASSERT_EQUAL(stats_tonight(&past, 0.05, (struct stats_night){y, 200}, &wild), 0);
        CU_ASSERT_EQUAL(stats_tonight(&past, 0, (struct stats_night){y + 1, 200}, &next), 0);
        CU_ASSERT_TRUE(next.p < calm.p && calm.p < wild.p);
    }
}

static void test_refusals(void)
{
    struct stats_night bad[] = {{-1, 5}, {6, 5}, {0, -1}}, fine = {1, 5};
    struct stats_past past = {.nights = 7}, good = {.nights = 12, .failures = 1, .runs = 99};
    struct stats_tonight out = {.p = 7};
    double p = 7;

    for (int i = 0; i < 3; i++) {
        CU_ASSERT_EQUAL(stats_past(&bad[i], 1, &past), ERROR_RANGE);
        CU_ASSERT_EQUAL(stats_tonight(&good, 0, bad[i], &out), ERROR_RANGE);
    }
    for (int i = 0; i < 3; i++) {
        CU_ASSERT_EQUAL(stats_tonight(&good, (double[]){-0.1, 0.6, NAN}[i], fine, &out),
                        ERROR_RANGE);
        CU_ASSERT_EQUAL(stats_beta_binomial_tail(1, 5, (double[]){0, NAN, INFINITY}[i], 1, &p),
                        ERROR_RANGE);
        CU_ASSERT_EQUAL(stats_beta_binomial_tail(1, 5, 1, (double[]){-1, NAN, INFINITY}[i], &p),
                        ERROR_RANGE);
    }
    CU_ASSERT_EQUAL(stats_beta_binomial_tail(-1, 5, 1, 1, &p), ERROR_RANGE);
    CU_ASSERT_EQUAL(stats_beta_binomial_tail(0, -1, 1, 1, &p), ERROR_RANGE);
    CU_ASSERT_TRUE(past.nights == 7 && out.p == 7 && p == 7);
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"tail vectors", test_tail_vectors},
        {"night vectors", test_night_vectors},
        {"pool vectors", test_pool_vectors},
        {"tail is uniform for equal shapes", test_tail_is_uniform_for_equal_shapes},
        {"tail survives underflow", test_tail_survives_underflow},
        {"thirty nights are remembered", test_only_thirty_nights_are_remembered},
        {"too little to tell", test_too_little_to_tell},
        {"pool passes over who is learning", test_pool_passes_over_who_is_learning},
        {"p is ordered", test_p_is_ordered},
        {"refusals", test_refusals},
        CU_TEST_INFO_NULL,
    };

    return vector_run("night", tests);
}
