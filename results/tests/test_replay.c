/*
 * test_replay: tries and grades against the vectors and their definitions.
 */
#include "vector_file.h"

#include <harness/error.h>
#include <results/stats/rates.h>
#include <results/stats/replay.h>

static void test_tries_vectors(void)
{
    struct vector_file v;

    vector_open(&v, "replay_tries.csv");
    while (vector_next(&v)) {
        int tries = -1, want = vector_none(&v, 2) ? 0 : (int)vector_count(&v, 2);

        CU_ASSERT_EQUAL(stats_replay_tries(vector_double(&v, 0), vector_double(&v, 1), &tries), 0);
        CU_ASSERT_EQUAL(tries, want);
    }
    CU_ASSERT_EQUAL(v.row, 42);
}

static void test_grade_vectors(void)
{
    struct vector_file v;

    vector_open(&v, "grades.csv");
    while (vector_next(&v)) {
        enum stats_grade grade;

        CU_ASSERT_EQUAL(stats_replay_grade(vector_count(&v, 0), vector_count(&v, 1), &grade), 0);
        vector_expect_text(&v, stats_grade_name(grade), v.field[2]);
    }
    CU_ASSERT_EQUAL(v.row, 18);
}

/* The number of tries is the smallest that misses in at most 5 %. */
static void test_tries_are_the_fewest(void)
{
    for (double p = 0.003; p < 1; p += 0.0041) {
        int tries = -1;

        CU_ASSERT_EQUAL(stats_replay_tries(p, STATS_REPLAY_MISS, &tries), 0);
        CU_ASSERT_TRUE(pow(1 - p, tries) <= STATS_REPLAY_MISS + 1e-9);
        CU_ASSERT_TRUE(tries == 1 || pow(1 - p, tries - 1) > STATS_REPLAY_MISS);
    }
}

static void test_tries_after_some_replays(void)
{
    int tries = -1, want = -2;
    double low, high;

    stats_wilson(7, 20, &low, &high);
    CU_ASSERT_EQUAL(stats_replay_tries(low, 0.05, &want), 0);
    CU_ASSERT_EQUAL(stats_replay_tries_after(7, 20, &tries), 0);
    CU_ASSERT_EQUAL(tries, want);
    CU_ASSERT_EQUAL(stats_replay_tries_after(0, 20, &tries), 0);
    CU_ASSERT_EQUAL(tries, 0);
    CU_ASSERT_FALSE(stats_replay_affordable(tries));
}

static void test_what_is_affordable(void)
{
    CU_ASSERT_TRUE(stats_replay_affordable(1) && stats_replay_affordable(300));
    CU_ASSERT_FALSE(stats_replay_affordable(301));
    CU_ASSERT_TRUE(vector_close(stats_replay_unneeded(40), 2));
    CU_ASSERT_EQUAL(stats_replay_unneeded(0), 0);
}

/* R4 begins where Clopper and Pearson promise 95 % with 95 % confidence. */
static void test_r4_is_a_promise(void)
{
    double low, high;

    stats_clopper_pearson(59, 59, 0.95, STATS_ONE_SIDED, &low, &high);
    CU_ASSERT_TRUE(low >= 0.95);
    stats_clopper_pearson(58, 58, 0.95, STATS_ONE_SIDED, &low, &high);
    CU_ASSERT_TRUE(low < 0.95);
}

static enum stats_grade grade_of(int x, int n)
{
    enum stats_grade grade = STATS_R4;

    CU_ASSERT_EQUAL(stats_replay_grade(x, n, &grade), 0);
    return grade;
}

static void test_grades_by_their_definition(void)
{
    for (int n = 1; n <= 120; n++)
        for (int x = 0; x <= n; x++) {
            enum stats_grade grade = grade_of(x, n);
            double low, high;

            stats_wilson(x, n, &low, &high);
            CU_ASSERT_EQUAL(grade >= STATS_R1, x > 0);
            CU_ASSERT_EQUAL(grade >= STATS_R2, x > 0 && low >= 0.05);
            CU_ASSERT_EQUAL(grade >= STATS_R3, x > 0 && low >= 0.5);
            CU_ASSERT_EQUAL(grade == STATS_R4, x == n && n >= 59);
            CU_ASSERT_TRUE(x == 0 || grade >= grade_of(x - 1, n));
        }
}

static void test_refusals(void)
{
    static const double bad[] = {-0.1, 1.1, NAN};
    enum stats_grade grade = STATS_R3;
    int tries = 7;

    for (int i = 0; i < 3; i++) {
        CU_ASSERT_EQUAL(stats_replay_tries(bad[i], 0.05, &tries), ERROR_RANGE);
        CU_ASSERT_EQUAL(stats_replay_tries(0.5, bad[i], &tries), ERROR_RANGE);
    }
    CU_ASSERT_EQUAL(stats_replay_tries(0.5, 0, &tries), ERROR_RANGE);
    CU_ASSERT_EQUAL(stats_replay_tries(0.5, 1, &tries), ERROR_RANGE);
    CU_ASSERT_EQUAL(stats_replay_tries_after(6, 5, &tries), ERROR_RANGE);
    CU_ASSERT_EQUAL(stats_replay_grade(-1, 5, &grade), ERROR_RANGE);
    CU_ASSERT_EQUAL(stats_replay_grade(6, 5, &grade), ERROR_RANGE);
    CU_ASSERT_TRUE(tries == 7 && grade == STATS_R3);
    CU_ASSERT_STRING_EQUAL(stats_grade_name((enum stats_grade)9), "unknown");
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"tries vectors", test_tries_vectors},
        {"grade vectors", test_grade_vectors},
        {"tries are the fewest", test_tries_are_the_fewest},
        {"tries after some replays", test_tries_after_some_replays},
        {"what is affordable", test_what_is_affordable},
        {"R4 is a promise", test_r4_is_a_promise},
        {"grades by their definition", test_grades_by_their_definition},
        {"refusals", test_refusals},
        CU_TEST_INFO_NULL,
    };

    return vector_run("replay", tests);
}
