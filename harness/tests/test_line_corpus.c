/*
 * test_line_corpus: every file of harness/tests/corpus/line, and each of them cut short and with
 * bytes changed, as a replay line, through the fuzzer's own function. What `ci/fuzz
 * line` finds is put there.
 */
#include "fuzz/fuzz_line.c"

#include <harness/tests/corpus_run.h>

static const char folder[] = RUNDOWN_SOURCE_DIR "/harness/tests/corpus/line";

static void test_corpus(void)
{
    CU_ASSERT(corpus_run(folder, LLVMFuzzerTestOneInput, 20, 60) >= 5);
}

/* Else nothing that matters is reached: a seed is a line, and is written again as it stands. */
static void test_seeds_are_read(void)
{
    size_t size;
    char *text = (char *)corpus_read(folder, "workload", &size);
    struct line line;
    struct error e;
    char *again;

    text[size] = 0;
    CU_ASSERT_EQUAL_FATAL(line_parse(text, "/nowhere", &line, &e), 0);
    CU_ASSERT_EQUAL(line.cycle, 812);
    again = write_again(&line);
    CU_ASSERT_PTR_NOT_NULL_FATAL(again);
    CU_ASSERT_STRING_EQUAL(again, text);
    free(again);
    line_free(&line);
    free(text);
}

int main(void)
{
    CU_pSuite suite;

    if (CU_initialize_registry() != CUE_SUCCESS)
        return 1;
    suite = CU_add_suite("line_corpus", NULL, NULL);
    CU_ADD_TEST(suite, test_seeds_are_read);
    CU_ADD_TEST(suite, test_corpus);
    CU_basic_set_mode(CU_BRM_VERBOSE);
    CU_basic_run_tests();
    return CU_get_number_of_failures() != 0;
}
