/*
 * Tests of the agent's choice of a return instruction: in all code that is loaded here, wherever
 * it says that unwinders cross one, backtrace() has to cross it. Compiled in, since the agent
 * cannot be linked into a test.
 */
#include <harness/agent/cfi.c>

#include <execinfo.h>
#include <link.h>
#include <stdio.h>

#include <CUnit/Basic.h>

enum { WINDOW = 256, DEPTH = 32 };

/*
 * through(gadget, function): calls @function so that it returns to @gadget, and that to
 * through_back; as loader.S does it.
 */
void through(uint64_t gadget, void (*function)(void));
extern const char through_back[];
__asm__(".text\n"
        ".globl through, through_back\n"
        ".type through, @function\n"
        "through:\n"
        ".cfi_startproc\n"
        "endbr64\n"
        "subq $16, %rsp\n"
        ".cfi_adjust_cfa_offset 16\n"
        "leaq through_back(%rip), %rax\n"
        "pushq %rax\n"
        ".cfi_adjust_cfa_offset 8\n"
        "pushq %rdi\n"
        ".cfi_adjust_cfa_offset 8\n"
        "jmp *%rsi\n"
        ".cfi_adjust_cfa_offset -16\n"
        "nop\n"
        "through_back:\n"
        "addq $16, %rsp\n"
        ".cfi_adjust_cfa_offset -16\n"
        "ret\n"
        ".cfi_endproc\n"
        ".size through, . - through\n");

static void *frame[DEPTH];
static int frames;

static void look(void)
{
    frames = backtrace(frame, DEPTH);
}

/* The gadget, through(), and the caller of that, one after the other. */
static bool crossed(uint64_t gadget)
{
    frames = 0;
    through(gadget, look);
    for (int i = 0; i + 2 < frames; i++)
        if (frame[i] == (void *)gadget)
            return frame[i + 1] == (const void *)through_back;
    return false;
}

struct tally {
    unsigned windows;
    unsigned crossing;
    unsigned others;
    unsigned wrong;
};

static void try_window(const unsigned char *from, const unsigned char *to, const void *description,
                       struct tally *tally)
{
    bool crosses = true;
    uint64_t gadget = cfi_ret(from, to, description, &crosses);

    tally->windows++;
    if (gadget == 0) {
        CU_ASSERT_FALSE(crosses);
        CU_ASSERT_PTR_NULL(memchr(from, 0xc3, (size_t)(to - from)));
        return;
    }
    CU_ASSERT_TRUE(gadget >= (uint64_t)from && gadget < (uint64_t)to);
    CU_ASSERT_EQUAL(*(const unsigned char *)gadget, 0xc3);
    tally->crossing += crosses;
    tally->others += !crosses;
    if (crosses && !crossed(gadget)) {
        tally->wrong++;
        fprintf(stderr, "not crossed: %#llx\n", (unsigned long long)gadget);
    }
}

static const void *description_of(const struct dl_phdr_info *info)
{
    for (unsigned i = 0; i < info->dlpi_phnum; i++)
        if (info->dlpi_phdr[i].p_type == PT_GNU_EH_FRAME)
            return (const void *)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
    return NULL;
}

static int try_module(struct dl_phdr_info *info, size_t size, void *context)
{
    const void *description = description_of(info);
    struct tally *tally = context;

    for (unsigned i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        const unsigned char *from = (const void *)(info->dlpi_addr + segment->p_vaddr);
        const unsigned char *end = from + segment->p_filesz;
        bool crosses = false;

        if (segment->p_type != PT_LOAD || !(segment->p_flags & PF_X))
            continue;
        for (; end - from >= WINDOW; from += WINDOW)
            try_window(from, from + WINDOW, description, tally);
        from = (const void *)(info->dlpi_addr + segment->p_vaddr);
        if (description == NULL || segment->p_filesz < 65536)
            continue;
        cfi_ret(from, end, description, &crosses); /* what the agent asks: the whole segment */
        CU_ASSERT_TRUE(crosses);
    }
    return 0;
}

/* --- tests
 * ----------------------------------------------------------------------------------- */

static void test_all_code(void)
{
    struct tally tally = {0, 0, 0, 0};

    backtrace(frame, DEPTH); /* loads the unwinder */
    dl_iterate_phdr(try_module, &tally);
    CU_ASSERT_EQUAL(tally.wrong, 0);
    CU_ASSERT_TRUE(tally.windows > 1000 && tally.crossing > 500 && tally.others > 0);
}

static int own_module(struct dl_phdr_info *info, size_t size, void *context)
{
    *(const void **)context = description_of(info);
    return 1; /* the program comes first */
}

/* Rows that differ within a function: after the pop, before it, and outside of everything. */
void rows(void);
extern const unsigned char rows_popped[], rows_plain[], rows_end[], rows_bare[], rows_bare_end[];
__asm__(".text\n"
        ".globl rows, rows_popped, rows_plain, rows_end, rows_bare, rows_bare_end\n"
        "rows:\n"
        ".cfi_startproc\n"
        "pushq %rbx\n"
        ".cfi_adjust_cfa_offset 8\n"
        ".cfi_offset rbx, -16\n"
        ".cfi_remember_state\n"
        "popq %rbx\n"
        ".cfi_adjust_cfa_offset -8\n"
        ".cfi_restore rbx\n"
        "rows_popped: ret\n" /* one byte before it another frame is described */
        ".cfi_restore_state\n"
        "popq %rbx\n"
        ".cfi_adjust_cfa_offset -8\n"
        ".cfi_restore rbx\n"
        "nop\n"
        "rows_plain: ret\n"
        "rows_end:\n"
        ".cfi_endproc\n"
        "nop\n"
        "rows_bare: nop\n"
        "ret\n"
        "rows_bare_end:\n");

static void test_rows(void)
{
    const void *description = NULL;
    bool crosses = true;

    dl_iterate_phdr(own_module, &description);
    CU_ASSERT_PTR_NOT_NULL_FATAL(description);
    CU_ASSERT_EQUAL(cfi_ret(rows_popped, rows_popped + 1, description, &crosses),
                    (uint64_t)rows_popped);
    CU_ASSERT_FALSE(crosses);
    CU_ASSERT_EQUAL(cfi_ret(rows_popped, rows_end, description, &crosses), (uint64_t)rows_plain);
    CU_ASSERT_TRUE(crosses);
    CU_ASSERT_TRUE(crossed((uint64_t)rows_plain));
    /* Where nothing is said, an unwinder stops; that is better than to be led astray. */
    CU_ASSERT_EQUAL(cfi_ret(rows_bare, rows_bare_end, description, &crosses),
                    (uint64_t)rows_bare + 1);
    CU_ASSERT_FALSE(crosses);
}

static void test_nothing_to_read(void)
{
    static const _Alignas(8) uint8_t odd[64] = {2, 0x1b, 3, 0x3b};
    bool crosses = true;

    CU_ASSERT_EQUAL(cfi_ret(rows_plain, rows_end, NULL, &crosses), (uint64_t)rows_plain);
    CU_ASSERT_FALSE(crosses);
    crosses = true;
    CU_ASSERT_EQUAL(cfi_ret(rows_plain, rows_end, odd, &crosses), (uint64_t)rows_plain);
    CU_ASSERT_FALSE(crosses);
    CU_ASSERT_EQUAL(cfi_ret(rows_plain, rows_plain, NULL, NULL), 0);
    CU_ASSERT_EQUAL(cfi_ret(odd, odd + sizeof odd, NULL, &crosses), 0);
    CU_ASSERT_FALSE(crosses);
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"everything that is loaded", test_all_code},
        {"rows of one function", test_rows},
        {"no description, none that is known", test_nothing_to_read},
        CU_TEST_INFO_NULL,
    };
    CU_SuiteInfo suites[] = {{"agent: return instructions", NULL, NULL, NULL, NULL, tests},
                             CU_SUITE_INFO_NULL};
    unsigned failures;

    if (CU_initialize_registry() != CUE_SUCCESS || CU_register_suites(suites) != CUE_SUCCESS)
        return 2;
    CU_basic_set_mode(CU_BRM_VERBOSE);
    CU_basic_run_tests();
    failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures != 0;
}
