/*
 * test_locks_corpus: every image of a program that stands still in harness/tests/corpus/locks, and
 * each of them cut short and with bytes changed, through the fuzzer's own function. What `ci/fuzz
 * locks` finds is put there.
 */
#include "fuzz/fuzz_locks.c"

#include <harness/tests/corpus_run.h>

static const char folder[] = RUNDOWN_SOURCE_DIR "/harness/tests/corpus/locks";

static void test_corpus(void)
{
    CU_ASSERT(corpus_run(folder, LLVMFuzzerTestOneInput, 60, 300) >= 4);
}

struct seen {
    unsigned circles;
    unsigned gone;
    unsigned helds;
    enum postmortem_kind kind;
    enum postmortem_owner owner;
};

/* What is said of the image's first thread, and of all. */
static struct seen look_at(const char *name)
{
    static struct postmortem all;
    static struct lock_image image;
    struct seen seen = {0};
    size_t size;
    uint8_t *bytes = corpus_read(folder, name, &size);

    lock_image_open(&image, &all, bytes, size);
    postmortem_read_waits(&all);
    postmortem_read_held(&all);
    postmortem_find_circles(&all);
    seen.circles = all.circles;
    seen.gone = all.gone;
    seen.helds = all.process[0].thread[0].helds;
    seen.kind = all.process[0].thread[0].wait.kind;
    seen.owner = all.process[0].thread[0].wait.owner;
    postmortem_close(&all);
    lock_image_free(&image);
    free(bytes);
    return seen;
}

/* Else nothing that matters is reached: what the seeds were made for must be seen in them. */
static void test_seeds_are_read(void)
{
    struct seen seen = look_at("circle");

    CU_ASSERT_EQUAL(seen.kind, POSTMORTEM_MUTEX);
    CU_ASSERT_EQUAL(seen.owner, POSTMORTEM_OWNER_THREAD);
    CU_ASSERT_EQUAL(seen.circles, 1);
    seen = look_at("gone");
    CU_ASSERT_EQUAL(seen.kind, POSTMORTEM_MUTEX);
    CU_ASSERT_EQUAL(seen.gone, 1);
    seen = look_at("robust");
    CU_ASSERT_EQUAL(seen.helds, 2);
    seen = look_at("rwlock");
    CU_ASSERT_EQUAL(seen.kind, POSTMORTEM_WRITE_LOCK);
    CU_ASSERT_EQUAL(seen.owner, POSTMORTEM_OWNER_THREAD);
    seen = look_at("join");
    CU_ASSERT_EQUAL(seen.kind, POSTMORTEM_JOIN);
    seen = look_at("loader");
    CU_ASSERT_EQUAL(seen.kind, POSTMORTEM_LOADER);
}

int main(void)
{
    CU_pSuite suite;

    if (CU_initialize_registry() != CUE_SUCCESS)
        return 1;
    suite = CU_add_suite("locks_corpus", NULL, NULL);
    CU_ADD_TEST(suite, test_seeds_are_read);
    CU_ADD_TEST(suite, test_corpus);
    CU_basic_set_mode(CU_BRM_VERBOSE);
    CU_basic_run_tests();
    return CU_get_number_of_failures() != 0;
}
