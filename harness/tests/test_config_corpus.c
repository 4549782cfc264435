/*
 * test_config_corpus: every file of harness/tests/corpus/config, and each of them cut short and
 * with bytes changed, as a night's configuration, through the fuzzer's own function. What `ci/fuzz
 * config` finds is put there.
 */
#include "fuzz/fuzz_config.c"

#include <harness/tests/corpus_run.h>

static const char folder[] = RUNDOWN_SOURCE_DIR "/harness/tests/corpus/config";

static void test_corpus(void)
{
    CU_ASSERT(corpus_run(folder, LLVMFuzzerTestOneInput, 20, 60) >= 4);
}

/* Else nothing that matters is reached: a seed is a whole night. */
static void test_seeds_are_read(void)
{
    static struct night night = {.libdir = "/nowhere"};
    char path[4096];
    struct error e = {0};

    snprintf(path, sizeof path, "%s/whole", folder);
    CU_ASSERT_EQUAL(config_read(path, false, &night, &e), 0);
    CU_ASSERT_STRING_EQUAL(e.text, "");
    CU_ASSERT_EQUAL(night.jobs, 2);
    CU_ASSERT(night.wishes > 3);
    night_free(&night);
}

int main(void)
{
    CU_pSuite suite;

    if (CU_initialize_registry() != CUE_SUCCESS)
        return 1;
    suite = CU_add_suite("config_corpus", NULL, NULL);
    CU_ADD_TEST(suite, test_seeds_are_read);
    CU_ADD_TEST(suite, test_corpus);
    CU_basic_set_mode(CU_BRM_VERBOSE);
    CU_basic_run_tests();
    return CU_get_number_of_failures() != 0;
}
