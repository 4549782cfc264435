/*
 * test_leak_rules: every condition of the leak verdict matters.
 *
 * Builds its own copy of leak.c in which one condition at a time can be stuck at true or
 * at false, as a broken wire would be, and asks that some series then gets a wrong verdict
 * or class. The product has no such switch: there LEAK_RULE is the bare condition.
 * leak_rules.csv holds series for the conditions that leak_series.csv does not need; both
 * were computed apart from this code.
 */
#include "vector_file.h"

#include <stdio.h>

/* Every rule of leak.c; a name it does not know would not compile. */
#define RULES(X)                                                                                   \
    X(MOVES)                                                                                       \
    X(TREND)                                                                                       \
    X(STEPS)                                                                                       \
    X(GROWS)                                                                                       \
    X(PACE)                                                                                        \
    X(C_EARLY)                                                                                     \
    X(C_LATE)                                                                                      \
    X(C_SLOPE)                                                                                     \
    X(C_KEPT)                                                                                      \
    X(C_LONG)                                                                                      \
    X(C_KIND)                                                                                      \
    X(B_LONG)                                                                                      \
    X(B_KIND)                                                                                      \
    X(B_WHOLE)                                                                                     \
    X(B_LATE)                                                                                      \
    X(B_KEPT)                                                                                      \
    X(S_LATE)                                                                                      \
    X(S_WHOLE)                                                                                     \
    X(WHY_RETURNED)                                                                                \
    X(WHY_EARLY)                                                                                   \
    X(WHY_SLOWING)

enum rule {
    RULE_NONE,
#define RULE_ENUM(name) RULE_##name,
    RULES(RULE_ENUM)
#undef RULE_ENUM
        RULE_COUNT
};

static const char *const rule_names[RULE_COUNT] = {"none",
#define RULE_NAME(name) #name,
                                                   RULES(RULE_NAME)
#undef RULE_NAME
};

static enum rule stuck;
static int stuck_at;

#define LEAK_RULE(name, condition) (stuck == RULE_##name ? stuck_at : (condition))

/* Other names, so that the program may also be linked with the library itself. */
#define stats_leak_sample       mutant_sample
#define stats_leak_judge        mutant_judge
#define stats_leak_smallest     mutant_smallest
#define stats_leak_due          mutant_due
#define stats_leak_follow       mutant_follow
#define stats_leak_exhaustion   mutant_exhaustion
#define stats_leak_verdict_name mutant_verdict_name
#define stats_leak_class_name   mutant_class_name
#define stats_leak_kind_name    mutant_kind_name
#include <results/stats/leak.c>

#include "leak_vectors.h"

enum { ROWS_MAX = 128 };

struct expected {
    struct leak_row row;
    char verdict[16], class[16];
};

static struct expected *rows;
static int row_count;

static void load(const char *name, int want)
{
    struct vector_file v;

    vector_open(&v, name);
    while (vector_next(&v)) {
        struct expected *e = &rows[row_count++];

        CU_ASSERT_TRUE_FATAL(row_count < ROWS_MAX);
        leak_read(&v, &e->row);
        snprintf(e->verdict, sizeof e->verdict, "%s", v.field[LEAK_VERDICT]);
        snprintf(e->class, sizeof e->class, "%s", v.field[LEAK_CLASS]);
    }
    CU_ASSERT_EQUAL(v.row, want);
}

static int setup(void)
{
    rows = calloc(ROWS_MAX, sizeof *rows);
    return rows == NULL;
}

/* Series judged otherwise than they should be, under the rule that is stuck now. */
static int wrong_rows(void)
{
    int wrong = 0;

    for (int i = 0; i < row_count; i++) {
        const struct expected *e = &rows[i];
        struct stats_leak got;

        if (e->row.no_number_at < e->row.count)
            continue;
        stats_leak_judge(e->row.samples, e->row.count, e->row.kind, &got);
        wrong += strcmp(stats_leak_verdict_name(got.verdict), e->verdict) != 0 ||
                 strcmp(stats_leak_class_name(got.class), e->class) != 0;
    }
    return wrong;
}

static void test_unbroken(void)
{
    load("leak_series.csv", 61);
    load("leak_rules.csv", 6);
    stuck = RULE_NONE;
    CU_ASSERT_EQUAL(wrong_rows(), 0);
}

static void test_stuck(void)
{
    for (stuck = RULE_NONE + 1; stuck < RULE_COUNT; stuck++)
        for (stuck_at = 0; stuck_at <= 1; stuck_at++) {
            int wrong = wrong_rows();

            if (wrong == 0)
                printf("\n    no series needs %s (stuck at %d)", rule_names[stuck], stuck_at);
            CU_ASSERT_TRUE(wrong > 0);
        }
    stuck = RULE_NONE;
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"unbroken", test_unbroken},
        {"each rule stuck at false and at true", test_stuck},
        CU_TEST_INFO_NULL,
    };
    int failed;

    if (setup() != 0)
        return 1;
    failed = vector_run("leak rules", tests);
    free(rows);
    return failed;
}
