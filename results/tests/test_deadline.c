/*
 * test_deadline: the waiting time of last resort against the vectors and at its edges.
 */
#include "vector_file.h"

#include <harness/error.h>
#include <results/stats/deadline.h>

enum { RUNS_MAX = 256 };

static void test_vectors(void)
{
    struct vector_file v;
    struct stats_deadline out;
    double clean_s[RUNS_MAX];

    vector_open(&v, "hang_deadline.csv");
    while (vector_next(&v)) {
        char *list = v.field[0];
        size_t count = 0;

        while (vector_number(&list, &clean_s[count]))
            count++;
        CU_ASSERT_EQUAL(stats_deadline(clean_s, count, 0, &out), 0);
        vector_expect(&v, out.deadline_s, vector_double(&v, 1));
        CU_ASSERT_EQUAL(out.learned, count >= 20);
    }
    CU_ASSERT_EQUAL(v.row, 9);
}

/* At least 95 % of the durations are at most q95, and no smaller one will do. */
static void test_quantile_by_its_definition(void)
{
    for (size_t count = 20; count <= RUNS_MAX; count++) {
        double clean_s[RUNS_MAX];
        struct stats_deadline out;
        size_t want = (95 * count + 99) / 100;

        for (size_t i = 0; i < count; i++)
            clean_s[i] = (double)((i * 7919 + 3) % count + 1);
        CU_ASSERT_EQUAL(stats_deadline(clean_s, count, 0, &out), 0);
        CU_ASSERT_EQUAL(out.q95_s, (double)want);
        for (size_t i = 1; i < count; i++)
            CU_ASSERT_TRUE(clean_s[i - 1] <= clean_s[i]);
    }
}

static struct stats_deadline of_equal(double seconds, double override_s)
{
    double clean_s[20];
    struct stats_deadline out = {0};

    for (int i = 0; i < 20; i++)
        clean_s[i] = seconds;
    CU_ASSERT_EQUAL(stats_deadline(clean_s, 20, override_s, &out), 0);
    return out;
}

static void test_factor_left_only_above_90_s(void)
{
    CU_ASSERT_EQUAL(of_equal(90, 0).factor_left, 0);
    CU_ASSERT_EQUAL(of_equal(90, 0).deadline_s, 1800);
    CU_ASSERT_EQUAL(of_equal(100, 0).factor_left, 18);
    CU_ASSERT_EQUAL(of_equal(0, 0).deadline_s, 120);
}

static void test_override(void)
{
    struct stats_deadline out = of_equal(10, 2.5), none;

    CU_ASSERT_TRUE(out.overridden && out.deadline_s == 2.5 && out.q95_s == 10);
    CU_ASSERT_FALSE(of_equal(10, 0).overridden);
    CU_ASSERT_EQUAL(stats_deadline(NULL, 0, 7200, &none), 0);
    CU_ASSERT_TRUE(none.overridden && none.deadline_s == 7200 && !none.learned);
}

static void test_refusals(void)
{
    static const double bad[] = {NAN, INFINITY, -1};
    struct stats_deadline out = {.deadline_s = 7};

    for (int i = 0; i < 3; i++) {
        double clean_s[3] = {9, 5, bad[i]};

        CU_ASSERT_EQUAL(stats_deadline(clean_s, 3, 0, &out), ERROR_RANGE);
        CU_ASSERT_TRUE(clean_s[0] == 9 && clean_s[1] == 5);
        CU_ASSERT_EQUAL(stats_deadline(clean_s, 2, bad[i], &out), ERROR_RANGE);
    }
    CU_ASSERT_EQUAL(out.deadline_s, 7);
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"vectors", test_vectors},
        {"quantile by its definition", test_quantile_by_its_definition},
        {"factor left", test_factor_left_only_above_90_s},
        {"override", test_override},
        {"refusals", test_refusals},
        CU_TEST_INFO_NULL,
    };

    return vector_run("deadline", tests);
}
