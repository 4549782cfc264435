/*
 * Tests of suggest: what counts as one mistake, how many are too many, and who wins a tie.
 * Distances are seen from outside, by words that lie just inside or just outside the limit.
 */
#include <harness/common/suggest.h>

#include <stdio.h>
#include <string.h>

#include <CUnit/Basic.h>

static const char *const options[] = {"cycles", "seed", "jobs", "out", "resume", "dry-run", NULL};

static const char *only(const char *word, const char *name)
{
    const char *const names[] = {name, NULL};

    return suggest_nearest(word, names);
}

static void check(const char *word, const char *expected)
{
    const char *found = suggest_nearest(word, options);

    if (expected == NULL ? found != NULL : found == NULL || strcmp(found, expected) != 0)
        fprintf(stderr, "\n'%s': got %s, expected %s\n", word, found == NULL ? "nothing" : found,
                expected == NULL ? "nothing" : expected);
    if (expected == NULL)
        CU_ASSERT_PTR_NULL(found)
    else
        CU_ASSERT_TRUE(found != NULL && strcmp(found, expected) == 0);
}

static void test_one_mistake_of_each_kind(void)
{
    check("sed", "seed");
    check("seeds", "seed");
    check("sead", "seed");
    check("sede", "seed");
    check("esed", "seed");
    check("eed", "seed");
}

static void test_exact_word_is_nearest(void)
{
    const char *const names[] = {"seek", "seed", NULL};

    check("resume", "resume");
    CU_ASSERT_PTR_EQUAL(suggest_nearest("seed", names), names[1]);
}

static void test_case_and_underscore_do_not_count(void)
{
    /* Three letters allow one mistake: with case counted these would be two and three. */
    CU_ASSERT_PTR_NOT_NULL(only("OUT", "out"));
    CU_ASSERT_PTR_NOT_NULL(only("OuX", "out"));
    CU_ASSERT_PTR_NOT_NULL(only("a_b_c_d", "a-b-c-d"));
    CU_ASSERT_PTR_NULL(only("a+b+c+d", "a-b-c-d"));
}

static void test_exchange_is_one_mistake(void)
{
    /* Four letters allow one mistake; as two replacements these would be out of reach. */
    CU_ASSERT_PTR_NOT_NULL(only("jbos", "jobs"));
    CU_ASSERT_PTR_NOT_NULL(only("josb", "jobs"));
    CU_ASSERT_PTR_NOT_NULL(only("ojbs", "jobs"));
    CU_ASSERT_PTR_NULL(only("bojs", "jobs"));
    CU_ASSERT_PTR_NULL(only("ojsb", "jobs"));
}

static void test_limit_is_a_third(void)
{
    CU_ASSERT_PTR_NOT_NULL(only("abcdXX", "abcdef"));
    CU_ASSERT_PTR_NULL(only("abcXXX", "abcdef"));
    CU_ASSERT_PTR_NOT_NULL(only("abXXe", "abcde"));
    CU_ASSERT_PTR_NULL(only("abXX", "abcd"));
    CU_ASSERT_PTR_NOT_NULL(only("abcdef", "abcdefghi"));
    CU_ASSERT_PTR_NULL(only("abcde", "abcdefghi"));
    CU_ASSERT_PTR_NOT_NULL(only("abcdefghi", "abcdef"));
    CU_ASSERT_PTR_NULL(only("abcdefghi", "abcde"));
    CU_ASSERT_PTR_NULL(only("x", "y"));
}

static void test_nothing_is_near(void)
{
    const char *const none[] = {NULL};

    check("frobnicate", NULL);
    check("", NULL);
    CU_ASSERT_PTR_NULL(suggest_nearest(NULL, options));
    CU_ASSERT_PTR_NULL(suggest_nearest("seed", none));
}

static void test_fewest_mistakes_win_and_first_of_equals(void)
{
    const char *const names[] = {"lockXX", "lockX", "lockY", NULL};

    CU_ASSERT_PTR_EQUAL(suggest_nearest("lock", names), names[1]);
    CU_ASSERT_PTR_EQUAL(suggest_nearest("lockY", names), names[2]);
}

static void test_long_words_are_near_to_nothing(void)
{
    char longest[128], too_long[129];
    const char *const names[] = {too_long, longest, NULL};

    memset(longest, 'a', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    memset(too_long, 'a', sizeof too_long - 1);
    too_long[sizeof too_long - 1] = '\0';
    CU_ASSERT_PTR_EQUAL(suggest_nearest(longest, names), longest);
    CU_ASSERT_PTR_NULL(suggest_nearest(too_long, names));
}

int main(void)
{
    CU_pSuite suite;

    if (CU_initialize_registry() != CUE_SUCCESS)
        return 2;
    suite = CU_add_suite("suggest", NULL, NULL);
    CU_ADD_TEST(suite, test_one_mistake_of_each_kind);
    CU_ADD_TEST(suite, test_exact_word_is_nearest);
    CU_ADD_TEST(suite, test_case_and_underscore_do_not_count);
    CU_ADD_TEST(suite, test_exchange_is_one_mistake);
    CU_ADD_TEST(suite, test_limit_is_a_third);
    CU_ADD_TEST(suite, test_nothing_is_near);
    CU_ADD_TEST(suite, test_fewest_mistakes_win_and_first_of_equals);
    CU_ADD_TEST(suite, test_long_words_are_near_to_nothing);
    CU_basic_run_tests();
    return CU_get_number_of_failures() != 0;
}
