/*
 * test_sequential: the e-process against the vectors, and against what makes it valid.
 */
#include "binomial.h"
#include "vector_file.h"

#include <harness/error.h>
#include <results/stats/sequential.h>

static double evidence(enum stats_claim claim, long long failures, long long runs, double p0)
{
    double ln_e = NAN;

    CU_ASSERT_EQUAL(stats_e_process(claim, failures, runs, p0, &ln_e), 0);
    return ln_e;
}

static void test_vectors(void)
{
    struct vector_file v;

    vector_open(&v, "e_process.csv");
    while (vector_next(&v)) {
        enum stats_claim claim = strcmp(v.field[0], "worse") == 0 ? STATS_WORSE : STATS_BETTER;
        double ln_e =
            evidence(claim, vector_count(&v, 1), vector_count(&v, 2), vector_double(&v, 3));

        vector_expect(&v, ln_e, vector_double(&v, 4));
        CU_ASSERT_EQUAL(stats_e_stops(ln_e), vector_count(&v, 5) == 1);
    }
    CU_ASSERT_EQUAL(v.row, 24);
}

static void test_clean_runs_until_better(void)
{
    static const struct {
        double p0;
        long long runs;
    } known[] = {{0.05, 66}, {0.01, 332}, {0.001, 3332}};

    for (int i = 0; i < 3; i++) {
        CU_ASSERT_TRUE(stats_e_stops(evidence(STATS_BETTER, 0, known[i].runs, known[i].p0)));
        CU_ASSERT_FALSE(stats_e_stops(evidence(STATS_BETTER, 0, known[i].runs - 1, known[i].p0)));
    }
}

static void test_the_limit_itself_stops(void)
{
    CU_ASSERT_TRUE(stats_e_stops(log(20)));
    CU_ASSERT_FALSE(stats_e_stops(nextafter(log(20), 0)));
}

/* Under p0 the e-value is worth 1 on average: that is the whole of its validity. */
static void test_a_fair_game_under_p0(void)
{
    for (int claim = STATS_WORSE; claim <= STATS_BETTER; claim++)
        for (int n = 1; n <= 60; n++) {
            double mean = 0;

            for (int x = 0; x <= n; x++)
                mean += binomial_mass(x, n, 0.1) * exp(evidence(claim, x, n, 0.1));
            CU_ASSERT_TRUE(vector_close(mean, 1));
        }
}

/* Chance, exactly, that somebody who looks after every run ever stops within @looks. */
static double chance_to_stop(enum stats_claim claim, double p0, int looks)
{
    double *alive = calloc(looks + 2, sizeof *alive), stopped = 0;

    alive[0] = 1;
    for (int n = 1; n <= looks; n++)
        for (int x = n; x >= 0; x--) {
            alive[x] = alive[x] * (1 - p0) + (x > 0 ? alive[x - 1] * p0 : 0);
            if (alive[x] > 0 && stats_e_stops(evidence(claim, x, n, p0))) {
                stopped += alive[x];
                alive[x] = 0;
            }
        }
    free(alive);
    return stopped;
}

static void test_looking_after_every_run_errs_in_5_percent(void)
{
    for (int claim = STATS_WORSE; claim <= STATS_BETTER; claim++) {
        double often = chance_to_stop(claim, 0.05, 600), rare = chance_to_stop(claim, 0.3, 200);

        CU_ASSERT_TRUE(often > 0.001 && often <= 0.05);
        CU_ASSERT_TRUE(rare > 0.001 && rare <= 0.05);
    }
}

static void test_evidence_follows_the_failures(void)
{
    for (int x = 0; x < 50; x++) {
        CU_ASSERT_TRUE(evidence(STATS_WORSE, x + 1, 50, 0.02) > evidence(STATS_WORSE, x, 50, 0.02));
        CU_ASSERT_TRUE(evidence(STATS_BETTER, x + 1, 50, 0.02) <
                       evidence(STATS_BETTER, x, 50, 0.02));
    }
}

static void test_refusals(void)
{
    static const double bad_p0[] = {0, 1, -0.1, 1.5, NAN};
    double ln_e = 7;

    CU_ASSERT_EQUAL(stats_e_process(STATS_WORSE, -1, 5, 0.1, &ln_e), ERROR_RANGE);
    CU_ASSERT_EQUAL(stats_e_process(STATS_WORSE, 6, 5, 0.1, &ln_e), ERROR_RANGE);
    CU_ASSERT_EQUAL(stats_e_process(STATS_BETTER, 0, -1, 0.1, &ln_e), ERROR_RANGE);
    CU_ASSERT_EQUAL(stats_e_process((enum stats_claim)2, 0, 1, 0.1, &ln_e), ERROR_RANGE);
    for (int i = 0; i < 5; i++)
        CU_ASSERT_EQUAL(stats_e_process(STATS_BETTER, 0, 5, bad_p0[i], &ln_e), ERROR_RANGE);
    CU_ASSERT_EQUAL(ln_e, 7);
    CU_ASSERT_FALSE(stats_e_stops(NAN));
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"vectors", test_vectors},
        {"clean runs until better", test_clean_runs_until_better},
        {"the limit itself stops", test_the_limit_itself_stops},
        {"a fair game under p0", test_a_fair_game_under_p0},
        {"looking after every run", test_looking_after_every_run_errs_in_5_percent},
        {"evidence follows the failures", test_evidence_follows_the_failures},
        {"refusals", test_refusals},
        CU_TEST_INFO_NULL,
    };

    return vector_run("sequential", tests);
}
