/*
 * test_heap_corpus: every file of the corpus, and each of them cut short and with bytes changed,
 * through the fuzzer's own function. What the fuzzer finds is put into the corpus.
 */
#include "fuzz/fuzz_heap.c"

#include <harness/tests/corpus_run.h>

enum { CHANGES = 200 };

static const char folder[] = RUNDOWN_SOURCE_DIR "/harness/tests/corpus/heap";

/* Each prefix length of a kind, so that every count meets its end of data. */
static void run_cut(const uint8_t *bytes, size_t size)
{
    for (size_t length = 0; length < size; length += length < 512 ? 8 : size / 16 + 1)
        corpus_run_first(LLVMFuzzerTestOneInput, bytes, length);
}

static void run_file(uint8_t *bytes, size_t size, void *context)
{
    (void)context;
    LLVMFuzzerTestOneInput(bytes, size);
    run_cut(bytes, size);
    corpus_run_changed(LLVMFuzzerTestOneInput, bytes, size, CHANGES);
}

static void test_corpus(void)
{
    CU_ASSERT(corpus_each(folder, run_file, NULL) >= 3);
}

int main(void)
{
    CU_pSuite suite;

    if (CU_initialize_registry() != CUE_SUCCESS)
        return 1;
    suite = CU_add_suite("heap_corpus", NULL, NULL);
    CU_ADD_TEST(suite, test_corpus);
    CU_basic_set_mode(CU_BRM_VERBOSE);
    CU_basic_run_tests();
    return CU_get_number_of_failures() != 0;
}
