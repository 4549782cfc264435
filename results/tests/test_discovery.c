/*
 * test_discovery: Benjamini-Hochberg against the vectors and its own step-up definition.
 */
#include "vector_file.h"

#include <harness/error.h>
#include <results/stats/discovery.h>

enum { CELLS_MAX = 64 };

/* The rows of one case, gathered until its number changes. */
struct night {
    size_t count;
    double p[CELLS_MAX], want[CELLS_MAX];
    bool alarm[CELLS_MAX];
};

static void expect_night(const struct vector_file *v, const struct night *n)
{
    size_t order[CELLS_MAX];
    double adjusted[CELLS_MAX];

    CU_ASSERT_EQUAL(stats_benjamini_hochberg(n->p, n->count, order, adjusted), 0);
    for (size_t i = 0; i < n->count; i++) {
        vector_expect(v, adjusted[i], n->want[i]);
        CU_ASSERT_EQUAL(stats_alarm(adjusted[i]), n->alarm[i]);
    }
}

static void test_vectors(void)
{
    struct vector_file v;
    struct night n = {0};
    int cases = 1;

    vector_open(&v, "benjamini_hochberg.csv");
    while (vector_next(&v)) {
        if (vector_count(&v, 1) == 0 && n.count > 0) {
            expect_night(&v, &n);
            n.count = 0;
            cases++;
        }
        CU_ASSERT_EQUAL_FATAL(vector_count(&v, 1), (long long)n.count);
        n.p[n.count] = vector_double(&v, 2);
        n.want[n.count] = vector_double(&v, 3);
        n.alarm[n.count++] = vector_count(&v, 4) == 1;
    }
    v.field[0] = "the last";
    expect_night(&v, &n);
    CU_ASSERT_EQUAL(v.row, 77);
    CU_ASSERT_EQUAL(cases, 10);
}

static void test_order_is_ascending_and_ties_go_by_index(void)
{
    static const double p[] = {0.5, 0.01, 0.5, 0.01, 0.2};
    static const size_t want[] = {1, 3, 4, 0, 2};
    size_t order[5];
    double adjusted[5];

    CU_ASSERT_EQUAL(stats_benjamini_hochberg(p, 5, order, adjusted), 0);
    for (int i = 0; i < 5; i++)
        CU_ASSERT_EQUAL(order[i], want[i]);
}

/* Step-up by its definition: reject the r smallest for the largest r with p_(r) <= 0.1 r/m. */
static size_t rejected_by_definition(const double *p, const size_t *order, size_t count)
{
    for (size_t r = count; r > 0; r--)
        if (p[order[r - 1]] <= 0.1 * (double)r / (double)count)
            return r;
    return 0;
}

static void test_alarms_are_those_of_the_definition(void)
{
    unsigned long long state = 12345;
    double p[40], adjusted[40];
    size_t order[40];

    for (int trial = 0; trial < 500; trial++) {
        size_t alarms = 0;

        for (int i = 0; i < 40; i++) {
            state = state * 6364136223846793005ULL + 1442695040888963407ULL;
            p[i] = (double)(state >> 40) / 0x1p24;
            p[i] *= i % 3 ? 1 : p[i] * p[i] * p[i];
        }
        CU_ASSERT_EQUAL(stats_benjamini_hochberg(p, 40, order, adjusted), 0);
        for (int i = 0; i < 40; i++) {
            alarms += stats_alarm(adjusted[i]);
            CU_ASSERT_TRUE(adjusted[i] >= p[i] * (1 - 1e-15) && adjusted[i] <= 1);
        }
        CU_ASSERT_EQUAL(alarms, rejected_by_definition(p, order, 40));
    }
}

static void test_nothing_and_refusals(void)
{
    static const double bad[] = {NAN, -0.1, 1.1, INFINITY};
    size_t order[2] = {7, 7};
    double adjusted[2] = {7, 7};

    CU_ASSERT_EQUAL(stats_benjamini_hochberg(NULL, 0, NULL, NULL), 0);
    for (int i = 0; i < 4; i++) {
        double p[2] = {0.5, bad[i]};

        CU_ASSERT_EQUAL(stats_benjamini_hochberg(p, 2, order, adjusted), ERROR_RANGE);
    }
    CU_ASSERT_TRUE(order[0] == 7 && order[1] == 7 && adjusted[0] == 7 && adjusted[1] == 7);
    CU_ASSERT_FALSE(stats_alarm(NAN));
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"vectors", test_vectors},
        {"order", test_order_is_ascending_and_ties_go_by_index},
        {"alarms are those of the definition", test_alarms_are_those_of_the_definition},
        {"nothing, refusals", test_nothing_and_refusals},
        CU_TEST_INFO_NULL,
    };

    return vector_run("discovery", tests);
}
