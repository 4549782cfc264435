/*
 * test_trend_corpus: every file of harness/tests/corpus/trend, and each of them cut short and with
 * bytes changed, as numbers, through the fuzzer's own function. What `ci/fuzz
 * trend` finds is put there.
 */
#include "fuzz/fuzz_trend.c"

#include <harness/tests/corpus_run.h>

static const char folder[] = RUNDOWN_SOURCE_DIR "/harness/tests/corpus/trend";

static void test_corpus(void)
{
    CU_ASSERT(corpus_run(folder, LLVMFuzzerTestOneInput, 20, 60) >= 4);
}

/* Else nothing that matters is reached: a seed is a table whose column leaks. */
static void test_seeds_are_read(void)
{
    size_t size;
    uint8_t *bytes = corpus_read(folder, "table", &size);

    LLVMFuzzerTestOneInput(bytes, size);
    CU_ASSERT_EQUAL(series.count, 60);
    free(bytes);
}

int main(void)
{
    CU_pSuite suite;

    if (CU_initialize_registry() != CUE_SUCCESS)
        return 1;
    suite = CU_add_suite("trend_corpus", NULL, NULL);
    CU_ADD_TEST(suite, test_seeds_are_read);
    CU_ADD_TEST(suite, test_corpus);
    CU_basic_set_mode(CU_BRM_VERBOSE);
    CU_basic_run_tests();
    return CU_get_number_of_failures() != 0;
}
