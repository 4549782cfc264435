/*
 * test_symbol: names and lines, asked of the test program itself and of libc.
 */
#include <harness/supervisor/process/symbol.h>

#include <harness/tests/unwind_tests.h>

#include <CUnit/Basic.h>
#include <dlfcn.h>
#include <link.h>

/* Names for one address, better and worse; and code that no symbol with a size covers. */
void test_symbol_best(void);
void ___test_symbol_best(void);
void test_symbol_unsized(void);
__asm__(".text\n"
        ".balign 64\n"
        ".globl ___test_symbol_best, __GI_test_symbol_best, test_symbol_best\n"
        ".type ___test_symbol_best, @function\n"
        ".type __GI_test_symbol_best, @function\n"
        ".type test_symbol_best, @function\n"
        ".type test_symbol_inner, @function\n"
        "__GI_test_symbol_best:\n"
        "___test_symbol_best:\n"
        "test_symbol_best:\n"
        "nop\n"
        "nop\n"
        "test_symbol_inner:\n"
        "nop\n"
        "nop\n"
        ".size test_symbol_inner, . - test_symbol_inner\n"
        "nop\n"
        "ret\n"
        ".size __GI_test_symbol_best, . - test_symbol_best\n"
        ".size ___test_symbol_best, . - test_symbol_best\n"
        ".size test_symbol_best, . - test_symbol_best\n"
        ".globl test_symbol_unsized\n"
        "test_symbol_unsized:\n"
        "nop\n"
        "nop\n"
        "ret\n"
        ".globl test_symbol_next\n"
        ".type test_symbol_next, @function\n"
        "test_symbol_next:\n"
        "ret\n"
        ".size test_symbol_next, . - test_symbol_next\n"
        ".skip 8\n");

static TARGET_KEPT int a_line(int x)
{
    return x * 3;
}

static const int a_line_line = __LINE__ - 4; /* of its name */

static char own_path[512];
static Dwfl *dwfl;
static Dwfl_Module *own, *libc;
static struct symbol_table *table;

static int no_debuginfo(Dwfl_Module *module, void **userdata, const char *name, Dwarf_Addr base,
                        const char *file, const char *link, GElf_Word crc, char **debug_name)
{
    return -1;
}

static const Dwfl_Callbacks callbacks = {
    .find_elf = dwfl_build_id_find_elf,
    .find_debuginfo = no_debuginfo,
    .section_address = dwfl_offline_section_address,
};

static uint64_t base_of(void *address, const char **path)
{
    struct link_map *map;
    Dl_info info;

    if (dladdr1(address, &info, (void **)&map, RTLD_DL_LINKMAP) == 0)
        exit(TARGET_BROKEN);
    *path = info.dli_fname;
    return map->l_addr;
}

static int set_up(void)
{
    const char *path, *libc_path;
    uint64_t base = base_of((void *)test_symbol_best, &path);
    uint64_t libc_base = base_of(dlsym(RTLD_DEFAULT, "gnu_get_libc_version"), &libc_path);
    ssize_t n = readlink("/proc/self/exe", own_path, sizeof own_path - 1);

    dwfl = dwfl_begin(&callbacks);
    if (dwfl == NULL || n <= 0)
        return 1;
    dwfl_report_begin(dwfl);
    own = dwfl_report_elf(dwfl, "own", own_path, -1, base, true);
    libc = dwfl_report_elf(dwfl, "libc", libc_path, -1, libc_base, true);
    dwfl_report_end(dwfl, NULL, NULL);
    table = own != NULL ? symbol_table_new(own) : NULL;
    return table == NULL || libc == NULL;
}

static int tear_down(void)
{
    symbol_table_free(table);
    symbol_table_free(NULL);
    dwfl_end(dwfl);
    return 0;
}

static void expect(uint64_t address, const char *name)
{
    const struct symbol *symbol = symbol_find(table, address);
    char text[64] = "";

    if (symbol != NULL)
        symbol_name(symbol, text, sizeof text);
    CU_ASSERT_STRING_EQUAL(text, name);
}

static void test_best_name(void)
{
    uint64_t at = (uintptr_t)test_symbol_best;

    expect(at, "test_symbol_best");
    expect(at + 1, "test_symbol_best");
    CU_ASSERT_EQUAL(symbol_find(table, at + 1)->start, at);
    CU_ASSERT_EQUAL(symbol_find(table, at + 1)->end, at + 6);
}

static void test_innermost(void)
{
    uint64_t at = (uintptr_t)test_symbol_best;

    expect(at + 2, "test_symbol_inner");
    expect(at + 3, "test_symbol_inner");
    expect(at + 4, "test_symbol_best");
    expect(at + 5, "test_symbol_best");
}

static void test_without_size(void)
{
    uint64_t at = (uintptr_t)test_symbol_unsized;

    expect(at, "test_symbol_unsized");
    expect(at + 2, "test_symbol_unsized");
    expect(at + 3, "test_symbol_next");
    expect(at + 4, ""); /* in the gap after it */
}

static void test_nothing_there(void)
{
    CU_ASSERT_PTR_NULL(symbol_find(table, 0));
    CU_ASSERT_PTR_NULL(symbol_find(table, ~(uint64_t)0));
    CU_ASSERT_PTR_NULL(symbol_find(NULL, (uintptr_t)test_symbol_best));
}

static const char a_constant[100] = "constant";
static int a_number = 7;

static void test_data(void)
{
    expect((uintptr_t)&a_number, "a_number");
    expect((uintptr_t)&a_constant[99], "a_constant");
}

static void test_names_without_version(void)
{
    struct symbol_table *names = symbol_table_new(libc);
    static const char *const known[] = {"calloc", "pthread_mutex_lock", "fork", "dlclose"};
    char text[64];

    CU_ASSERT_PTR_NOT_NULL_FATAL(names);
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        const char *path;
        void *address = dlsym(RTLD_DEFAULT, known[i]);
        const struct symbol *symbol;

        base_of(address, &path);
        if (strstr(path, "/libc.so") == NULL)
            continue; /* a sanitizer has put its own in front */
        symbol = symbol_find(names, (uintptr_t)address + 1);
        CU_ASSERT_PTR_NOT_NULL_FATAL(symbol);
        symbol_name(symbol, text, sizeof text);
        CU_ASSERT_STRING_EQUAL(text, known[i]);
        CU_ASSERT_EQUAL(symbol->start, (uintptr_t)address);
    }
    symbol_table_free(names);
}

static void test_name_is_cut(void)
{
    const struct symbol symbol = {.name = "a_long_name@@VERSION_1"};
    char text[32];

    symbol_name(&symbol, text, sizeof text);
    CU_ASSERT_STRING_EQUAL(text, "a_long_name");
    symbol_name(&symbol, text, 7);
    CU_ASSERT_STRING_EQUAL(text, "a_long");
    symbol_name(&symbol, text, 1);
    CU_ASSERT_STRING_EQUAL(text, "");
}

static void test_lines(void)
{
    char file[64];
    int line;

    CU_ASSERT_EQUAL(a_line(2), 6);
    CU_ASSERT_TRUE(symbol_line(own, (uintptr_t)a_line, file, sizeof file, &line));
    CU_ASSERT_STRING_EQUAL(file, "test_symbol.c");
    CU_ASSERT_TRUE(line >= a_line_line && line <= a_line_line + 2);
    CU_ASSERT_TRUE(symbol_line(own, (uintptr_t)a_line, file, 5, &line));
    CU_ASSERT_STRING_EQUAL(file, "test");
    CU_ASSERT_FALSE(symbol_line(own, (uintptr_t)&a_number, file, sizeof file, &line));
    CU_ASSERT_STRING_EQUAL(file, "");
    CU_ASSERT_EQUAL(line, 0);
    CU_ASSERT_FALSE(symbol_line(libc, (uintptr_t)dlsym(RTLD_DEFAULT, "gnu_get_libc_version"), file,
                                sizeof file, &line)); /* its debug file isn't looked for here */
}

static CU_TestInfo tests[] = {
    {"the best of several names", test_best_name},
    {"the innermost symbol", test_innermost},
    {"a symbol without size", test_without_size},
    {"nothing there", test_nothing_there},
    {"data", test_data},
    {"names without version", test_names_without_version},
    {"a name is cut", test_name_is_cut},
    {"lines", test_lines},
    CU_TEST_INFO_NULL,
};

int main(void)
{
    return unwind_tests("symbol", set_up, tear_down, tests);
}
