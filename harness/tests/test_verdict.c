/*
 * Tests of verdict.c: what a judgement comes to, and its lists: order, and moving from one to
 * another.
 */
#include <harness/supervisor/evidence/verdict.h>

#include <CUnit/Basic.h>

#include <stdlib.h>
#include <string.h>

static enum verdict verdict(enum stop_code first, enum stop_code second, const char *wanted)
{
    static struct judgement judgement; /* large */

    memset(&judgement, 0, sizeof judgement);
    judgement_add(&judgement, first);
    judgement_add(&judgement, second);
    return verdict_of(&judgement, wanted);
}

static void test_worst_counts(void)
{
    static struct judgement none;

    CU_ASSERT_EQUAL(verdict_of(&none, NULL), VERDICT_PASS);
    CU_ASSERT_EQUAL(verdict(STOP_LOCK_HELD_LONG, STOP_LOCK_HELD_LONG, NULL), VERDICT_PASS);
    CU_ASSERT_EQUAL(verdict(STOP_LOCK_HELD_LONG, STOP_CRASH_SIGNAL, NULL), VERDICT_FAIL);
    CU_ASSERT_EQUAL(verdict(STOP_CRASH_SIGNAL, STOP_HARNESS_RECORDER, NULL), VERDICT_BROKEN);
}

/* A code of the harness's own that the planted fault names, and no other one. */
static void test_wanted_is_no_trouble(void)
{
    static const char wanted[] = "crash.signal lock.orphaned|harness.recorder";

    CU_ASSERT_EQUAL(verdict(STOP_HARNESS_RECORDER, STOP_LOCK_HELD_LONG, wanted), VERDICT_FAIL);
    CU_ASSERT_EQUAL(verdict(STOP_HARNESS_RECORDER, STOP_HARNESS_BROKEN, wanted), VERDICT_BROKEN);
    CU_ASSERT_EQUAL(verdict(STOP_HARNESS_BROKEN, STOP_HARNESS_RECORDER, wanted), VERDICT_BROKEN);
    CU_ASSERT_EQUAL(verdict(STOP_HARNESS_RECORDER, STOP_CRASH_SIGNAL, "hang"), VERDICT_BROKEN);
    CU_ASSERT_EQUAL(verdict(STOP_HARNESS_RECORDER, STOP_CRASH_SIGNAL, ""), VERDICT_BROKEN);
    CU_ASSERT_EQUAL(verdict(STOP_LOCK_HELD_LONG, STOP_LOCK_HELD_LONG, wanted), VERDICT_PASS);
}

static void fill(struct verdict_list *list, const uint64_t *cycle, size_t count)
{
    memset(list, 0, sizeof *list);
    list->finding = calloc(count, sizeof *list->finding);
    CU_ASSERT_PTR_NOT_NULL_FATAL(list->finding);
    list->count = list->room = count;
    for (size_t i = 0; i < count; i++) {
        char name[2] = {(char)('a' + i), 0};

        list->finding[i].cycle = cycle[i];
        list->finding[i].text = strdup(name);
    }
}

static void check(const struct verdict_list *list, const char *texts)
{
    CU_ASSERT_EQUAL_FATAL(list->count, strlen(texts));
    for (size_t i = 0; i < list->count; i++)
        CU_ASSERT_EQUAL(list->finding[i].text[0], texts[i]);
}

static void test_sorted_by_cycle(void)
{
    static const uint64_t cycles[] = {5, 9, 9, 4, 4, 7};
    struct verdict_list list;

    fill(&list, cycles, 6);
    verdict_sort(&list);
    check(&list, "deafbc");
    verdict_sort(&list);
    check(&list, "deafbc");
    verdict_clear(&list);
    verdict_sort(&list);
    CU_ASSERT_EQUAL(list.count, 0);
}

static void test_moved(void)
{
    static const uint64_t cycles[] = {1, 2, 3, 4};
    struct verdict_list from;
    struct verdict_list to = {0};

    fill(&from, cycles, 4);
    verdict_move(&to, &from, 1, 3);
    check(&to, "bc");
    CU_ASSERT_PTR_NULL(from.finding[1].text);
    CU_ASSERT_PTR_NOT_NULL(from.finding[3].text);
    verdict_move(&to, &from, 3, 3);
    check(&to, "bc");
    verdict_clear(&from);
    verdict_clear(&to);
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"the worst counts", test_worst_counts},
        {"what was planted is no trouble", test_wanted_is_no_trouble},
        {"sorted by cycle, and otherwise as they came", test_sorted_by_cycle},
        {"moved, and no longer there", test_moved},
        CU_TEST_INFO_NULL,
    };
    CU_SuiteInfo suites[] = {{"verdict", NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};

    if (CU_initialize_registry() != CUE_SUCCESS || CU_register_suites(suites) != CUE_SUCCESS)
        return 2;
    CU_basic_set_mode(CU_BRM_VERBOSE);
    CU_basic_run_tests();
    return CU_get_number_of_failures() != 0;
}
