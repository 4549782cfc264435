/*
 * test_fuzz_corpus: every file of harness/tests/corpus/core, and each of them cut short and with
 * bytes changed, through the fuzzer's own function, without the fuzzer. What `ci/fuzz core` finds
 * is put there.
 */
#include "fuzz/fuzz_core.c"

#include <harness/tests/corpus_run.h>

enum { CUTS = 6, CHANGES = 12 };

static const char folder[] = RUNDOWN_SOURCE_DIR "/harness/tests/corpus/core";

static uint64_t draw(uint64_t *random)
{
    *random = *random * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return *random >> 24;
}

static void run_damaged(uint8_t *bytes, size_t size)
{
    uint64_t random = 0x5eed;

    for (unsigned i = 0; i < CUTS && size > 0; i++)
        LLVMFuzzerTestOneInput(bytes, (size_t)(draw(&random) % size));
    for (unsigned i = 0; i < CHANGES && size > 0; i++) {
        size_t at = (size_t)(draw(&random) % (i % 2 == 0 && size > 4096 ? 4096 : size));
        uint8_t before = bytes[at];

        bytes[at] = (uint8_t)draw(&random);
        LLVMFuzzerTestOneInput(bytes, size);
        bytes[at] = before;
    }
}

static void run_file(uint8_t *bytes, size_t size, void *context)
{
    (void)context;
    LLVMFuzzerTestOneInput(bytes, size);
    run_damaged(bytes, size);
}

static void test_corpus(void)
{
    CU_ASSERT(corpus_each(folder, run_file, NULL) >= 3);
}

/* Else nothing that matters is reached: what the seeds were taken for must be seen in them. */
static void test_seeds_are_read(void)
{
    static struct postmortem all;
    struct error e = {0};
    char path[4096];

    snprintf(path, sizeof path, "%s/tiny", folder);
    CU_ASSERT_EQUAL(postmortem_core(&all, path, &e), 0);
    CU_ASSERT_EQUAL(all.process[0].threads, 14);
    CU_ASSERT_EQUAL(all.circles, 1);
    CU_ASSERT_EQUAL(all.gone, 2);
    postmortem_close(&all);
}

int main(void)
{
    CU_pSuite suite;

    if (CU_initialize_registry() != CUE_SUCCESS)
        return 1;
    suite = CU_add_suite("fuzz_corpus", NULL, NULL);
    CU_ADD_TEST(suite, test_seeds_are_read);
    CU_ADD_TEST(suite, test_corpus);
    CU_basic_set_mode(CU_BRM_VERBOSE);
    CU_basic_run_tests();
    return CU_get_number_of_failures() != 0;
}
