/*
 * test_heap_corpus: every file of the corpus, and each of them cut short and with bytes changed,
 * through the fuzzer's own function. What the fuzzer finds is put into the corpus.
 */
#include "fuzz/fuzz_heap.c"

#include <CUnit/Basic.h>
#include <dirent.h>

static const char folder[] = RUNDOWN_SOURCE_DIR "/harness/tests/corpus/heap";

static uint8_t *read_file(const char *name, size_t *size)
{
    char path[4096];
    uint8_t *bytes = malloc(IMAGE_BYTES_MOST);
    FILE *file;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    file = fopen(path, "re");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    CU_ASSERT_PTR_NOT_NULL_FATAL(bytes);
    *size = fread(bytes, 1, IMAGE_BYTES_MOST, file);
    fclose(file);
    return bytes;
}

/* Each prefix length of a kind, so that every count meets its end of data. */
static void run_cut(const uint8_t *bytes, size_t size)
{
    for (size_t length = 0; length < size; length += length < 512 ? 8 : size / 16 + 1) {
        uint8_t *copy = malloc(length + 1);

        memcpy(copy, bytes, length);
        LLVMFuzzerTestOneInput(copy, length);
        free(copy);
    }
}

static void run_changed(uint8_t *bytes, size_t size)
{
    uint64_t random = 0x5eed;

    for (unsigned i = 0; i < 200 && size > 0; i++) {
        uint8_t *at;
        uint8_t before;

        random = random * UINT64_C(6364136223846793005) + 1442695040888963407u;
        at = &bytes[(random >> 24) % size];
        before = *at;
        *at = (uint8_t)(random >> 56);
        LLVMFuzzerTestOneInput(bytes, size);
        *at = before;
    }
}

static void test_corpus(void)
{
    DIR *directory = opendir(folder);
    struct dirent *entry;
    unsigned files = 0;
    size_t size;

    CU_ASSERT_PTR_NOT_NULL_FATAL(directory);
    while ((entry = readdir(directory)) != NULL) {
        uint8_t *bytes;

        if (entry->d_name[0] == '.')
            continue;
        bytes = read_file(entry->d_name, &size);
        LLVMFuzzerTestOneInput(bytes, size);
        run_cut(bytes, size);
        run_changed(bytes, size);
        free(bytes);
        files++;
    }
    closedir(directory);
    CU_ASSERT(files >= 3);
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
