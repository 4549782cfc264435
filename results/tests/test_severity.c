/*
 * test_severity: the words are part of file formats, so they are spelled out here once more.
 */
#include "store_fixture.h"

#include <results/store/severity.h>

static void test_words(void)
{
    CU_ASSERT_STRING_EQUAL(severity_name(STOP_SEVERITY_NOTE), "note");
    CU_ASSERT_STRING_EQUAL(severity_name(STOP_SEVERITY_FINDING), "finding");
    CU_ASSERT_STRING_EQUAL(severity_name(STOP_SEVERITY_HARNESS), "harness");
    CU_ASSERT_PTR_NULL(severity_name((enum stop_severity)3));
    CU_ASSERT_PTR_NULL(severity_name((enum stop_severity) - 1));
}

static void test_back(void)
{
    enum stop_severity severity = (enum stop_severity)77;

    for (int i = 0; i < 3; i++) {
        CU_ASSERT_TRUE(severity_find(severity_name((enum stop_severity)i), &severity));
        CU_ASSERT_EQUAL((int)severity, i);
    }
    severity = (enum stop_severity)77;
    CU_ASSERT_FALSE(severity_find("Note", &severity));
    CU_ASSERT_FALSE(severity_find("", &severity));
    CU_ASSERT_EQUAL((int)severity, 77);
}

/* Every code's own severity can be stored. */
static void test_every_code(void)
{
    for (int code = STOP_NONE + 1; code < STOP_COUNT; code++)
        CU_ASSERT_PTR_NOT_NULL(severity_name(stop_code_entry((enum stop_code)code)->severity));
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"words", test_words},
        {"back", test_back},
        {"every code", test_every_code},
        CU_TEST_INFO_NULL,
    };

    return vector_run("severity", tests);
}
