/*
 * Tests of staying: reasons read from real files and a made-up table, and from damaged ones.
 */
#include <harness/supervisor/evidence/staying.h>

#include <CUnit/Basic.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MODULES RUNDOWN_BUILD_DIR "/tests/modules/"

enum { EPOCH = 7, CUTS = 400 };

static struct abi_memory *memory;
static char reason[STAYING_BYTES];

static struct abi_module *add(unsigned index, const char *path)
{
    struct abi_module *module = &memory->module[index];

    memset(module, 0, sizeof *module);
    snprintf(module->path, sizeof module->path, "%s", path);
    module->epoch = EPOCH;
    module->state = MODULE_LOADED;
    return module;
}

static void clear(void)
{
    memset(memory->module, 0, sizeof memory->module);
    memory->control.epoch = EPOCH;
}

static void expect(const char *path, const char *wanted)
{
    const char *said;

    clear();
    add(3, path);
    said = staying_reason(memory, 3, reason);
    CU_ASSERT_PTR_NOT_NULL_FATAL(said);
    if (strstr(said, wanted) == NULL)
        fprintf(stderr, "\n    %s: %s\n", path, said);
    CU_ASSERT_PTR_NOT_NULL(strstr(said, wanted));
}

static void test_in_the_file(void)
{
    expect(MODULES "module_nodelete.so", "linked with -z nodelete");
    expect(MODULES "module_unique.so", "the unique symbol unique_number");
    expect(MODULES "module_thread_local.so", "thread_local objects");
    expect(MODULES "module_sound.so", "its file does not say why");
}

static void test_reference(void)
{
    clear();
    add(0, MODULES "module_sound.so")->loads = 2;
    CU_ASSERT_PTR_NOT_NULL(strstr(staying_reason(memory, 0, reason), "2 more dlopen than dlclose"));
}

/* One that needs it, but is gone itself, holds nobody. */
static void test_dependant(void)
{
    clear();
    add(0, MODULES "module_needed.so");
    add(5, MODULES "module_dependant.so");
    CU_ASSERT_PTR_NOT_NULL(
        strstr(staying_reason(memory, 0, reason), "module_dependant.so needs it"));
    memory->module[5].state = MODULE_UNLOADED;
    CU_ASSERT_PTR_NULL(strstr(staying_reason(memory, 0, reason), "needs it"));
}

static void test_nothing_to_say(void)
{
    clear();
    CU_ASSERT_PTR_NULL(staying_reason(NULL, 0, reason));
    CU_ASSERT_PTR_NULL(staying_reason(memory, 0, reason));
    CU_ASSERT_PTR_NULL(staying_reason(memory, ABI_MODULES, reason));
    add(0, "/nonexistent/libfoo.so");
    CU_ASSERT_PTR_NULL(staying_reason(memory, 0, reason));
    add(0, "/dev/null");
    CU_ASSERT_PTR_NULL(staying_reason(memory, 0, reason));
    add(0, "/");
    CU_ASSERT_PTR_NULL(staying_reason(memory, 0, reason));
    add(0, MODULES "module_nodelete.so")->epoch = EPOCH - 1;
    CU_ASSERT_PTR_NULL(staying_reason(memory, 0, reason));
    memset(add(0, "")->path, 'x', ABI_PATH_BYTES); /* no end */
    CU_ASSERT_PTR_NULL(staying_reason(memory, 0, reason));
}

/* --- damaged files ------------------------------------------------------------------------------
 */

static size_t read_all(const char *path, char **out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    off_t size = lseek(fd, 0, SEEK_END);

    *out = malloc((size_t)size);
    CU_ASSERT_PTR_NOT_NULL_FATAL(*out);
    CU_ASSERT_EQUAL_FATAL(pread(fd, *out, (size_t)size, 0), size);
    close(fd);
    return (size_t)size;
}

static void look_at(const char *bytes, size_t size)
{
    char path[64];
    int fd = memfd_create("damaged", MFD_CLOEXEC);

    CU_ASSERT_EQUAL(write(fd, bytes, size), (ssize_t)size);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    clear();
    add(0, path);
    add(1, path);
    staying_reason(memory, 0, reason);
    close(fd);
}

/* Cut short anywhere, and with any of its headers' words turned over: it must only not crash. */
static void test_damaged_files(void)
{
    uint64_t state = 0x5eed;
    char *bytes;
    size_t size = read_all(MODULES "module_unique.so", &bytes);
    char *copy = malloc(size);

    CU_ASSERT_PTR_NOT_NULL_FATAL(copy);
    for (unsigned i = 0; i < CUTS; i++)
        look_at(bytes, size * i / CUTS);
    for (unsigned i = 0; i < CUTS * 4; i++) {
        size_t sections;

        memcpy(copy, bytes, size);
        memcpy(&sections, bytes + 0x28, sizeof sections); /* e_shoff */
        for (unsigned k = 0; k < 4; k++) {
            state = state * UINT64_C(6364136223846793005) + 1442695040888963407u;
            copy[k == 0 ? state >> 33 & 63 : sections + (state >> 33) % (size - sections)] =
                (char)(state >> 56);
        }
        look_at(copy, size);
    }
    free(copy);
    free(bytes);
}

int main(void)
{
    CU_pSuite suite;

    memory = mmap(NULL, sizeof *memory, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED || CU_initialize_registry() != CUE_SUCCESS)
        return 1;
    suite = CU_add_suite("staying", NULL, NULL);
    CU_ADD_TEST(suite, test_in_the_file);
    CU_ADD_TEST(suite, test_reference);
    CU_ADD_TEST(suite, test_dependant);
    CU_ADD_TEST(suite, test_nothing_to_say);
    CU_ADD_TEST(suite, test_damaged_files);
    CU_basic_set_mode(CU_BRM_NORMAL);
    CU_basic_run_tests();
    return CU_get_number_of_failures() != 0;
}
