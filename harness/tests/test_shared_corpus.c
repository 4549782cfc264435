/*
 * test_shared_corpus: every image of a target's shared memory in harness/tests/corpus/shared, and
 * each of them cut short and with bytes changed, through the fuzzer's own function. What `ci/fuzz
 * shared` finds is put there.
 */
#include "fuzz/fuzz_shared.c"

#include <harness/tests/corpus_run.h>

static const char folder[] = RUNDOWN_SOURCE_DIR "/harness/tests/corpus/shared";

static void test_corpus(void)
{
    CU_ASSERT(corpus_run(folder, LLVMFuzzerTestOneInput, 12, 30) >= 8);
}

/* The codes that an image leads to, once the threads in it have been looked at. */
static bool raises(const char *name, enum stop_code code)
{
    bool found = false;
    size_t size;
    uint8_t *bytes = corpus_read(folder, name, &size);

    LLVMFuzzerTestOneInput(bytes, size);
    for (size_t i = 0; i < worker.found.count; i++)
        found |= (enum stop_code)worker.found.finding[i].code == code;
    free(bytes);
    return found;
}

/* Else nothing that matters is reached: what the seeds were taken for must be seen in them. */
static void test_seeds_are_read(void)
{
    CU_ASSERT_TRUE(raises("killed", STOP_HANG_LOST_WAKEUP));
    CU_ASSERT_TRUE(raises("callback", STOP_MODULE_CALLBACK_UNMAPPED));
    CU_ASSERT_TRUE(raises("callback", STOP_CRASH_SIGNAL));
    CU_ASSERT_TRUE(raises("module", STOP_STATE_INVARIANT));
    CU_ASSERT_TRUE(raises("exit", STOP_EXIT_WRONG_STATUS));
}

int main(void)
{
    CU_pSuite suite;

    if (CU_initialize_registry() != CUE_SUCCESS)
        return 1;
    suite = CU_add_suite("shared_corpus", NULL, NULL);
    CU_ADD_TEST(suite, test_seeds_are_read);
    CU_ADD_TEST(suite, test_corpus);
    CU_basic_set_mode(CU_BRM_VERBOSE);
    CU_basic_run_tests();
    return CU_get_number_of_failures() != 0;
}
