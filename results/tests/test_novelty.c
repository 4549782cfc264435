/*
 * test_novelty: Good-Turing against the vectors and at its edges.
 */
#include "vector_file.h"

#include <harness/error.h>
#include <results/stats/novelty.h>
#include <results/stats/rates.h>

static size_t read_counts(char *list, long long *counts)
{
    size_t length = 0;
    double number;

    while (vector_number(&list, &number))
        counts[length++] = (long long)number;
    return length;
}

static void expect_row(const struct vector_file *v, const struct stats_novelty *out)
{
    CU_ASSERT_EQUAL(out->runs, vector_count(v, 1));
    CU_ASSERT_EQUAL(out->known, !vector_none(v, 2));
    if (!out->known)
        return;
    vector_expect(v, out->estimate, vector_double(v, 2));
    vector_expect(v, out->low, vector_double(v, 3));
    vector_expect(v, out->high, vector_double(v, 4));
}

static void test_vectors(void)
{
    struct vector_file v;
    struct stats_novelty out;
    long long counts[64];

    vector_open(&v, "good_turing.csv");
    while (vector_next(&v)) {
        size_t length = read_counts(v.field[0], counts);

        CU_ASSERT_EQUAL(stats_novelty(counts, length, &out), 0);
        expect_row(&v, &out);
    }
    CU_ASSERT_EQUAL(v.row, 11);
}

static void test_nothing_seen_once(void)
{
    long long counts[] = {40, 0, 2, 30};
    struct stats_novelty out;
    double bound;

    CU_ASSERT_EQUAL(stats_novelty(counts, 4, &out), 0);
    stats_zero_bound(72, &bound);
    CU_ASSERT_TRUE(out.known && out.estimate == 0 && out.low == 0 && out.high == bound);
}

static void test_interval_holds_the_estimate(void)
{
    for (long long clean = 1; clean < 4000; clean = clean * 2 + 1)
        for (size_t rare = 1; rare < 8; rare++) {
            long long counts[8] = {clean, 1, 1, 2, 1, 2, 2, 5};
            struct stats_novelty out;

            CU_ASSERT_EQUAL(stats_novelty(counts, rare + 1, &out), 0);
            CU_ASSERT_TRUE(0 <= out.low && out.low <= out.estimate);
            CU_ASSERT_TRUE(out.estimate <= out.high && out.high <= 1);
        }
}

static void test_no_runs_and_refusals(void)
{
    long long negative[] = {3, -1}, huge[] = {1LL << 53, 1};
    struct stats_novelty out = {.runs = 7};

    CU_ASSERT_EQUAL(stats_novelty(negative, 2, &out), ERROR_RANGE);
    CU_ASSERT_EQUAL(stats_novelty(huge, 2, &out), ERROR_RANGE);
    CU_ASSERT_EQUAL(out.runs, 7);
    CU_ASSERT_EQUAL(stats_novelty(NULL, 0, &out), 0);
    CU_ASSERT_TRUE(!out.known && out.runs == 0);
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"vectors", test_vectors},
        {"nothing seen once", test_nothing_seen_once},
        {"interval holds the estimate", test_interval_holds_the_estimate},
        {"no runs, refusals", test_no_runs_and_refusals},
        CU_TEST_INFO_NULL,
    };

    return vector_run("novelty", tests);
}
