/*
 * Tests of the lengths of instructions: what functions begin with, what leads elsewhere, and what
 * is refused. Lengths are those of the processor's manual.
 */
#include <harness/supervisor/process/instruction.h>

#include <string.h>

#include <CUnit/Basic.h>

struct row {
    const char *code;
    unsigned bytes;
    enum instruction_kind kind;
    int32_t displacement;
};

#define ROW(code, kind, displacement)                                                              \
    {                                                                                              \
        code, sizeof(code) - 1, kind, displacement                                                 \
    }

static const struct row rows[] = {
    ROW("\xf3\x0f\x1e\xfa", INSTRUCTION_PLAIN, 0),              /* endbr64 */
    ROW("\x55", INSTRUCTION_PLAIN, 0),                          /* push %rbp */
    ROW("\x41\x57", INSTRUCTION_PLAIN, 0),                      /* push %r15 */
    ROW("\x48\x89\xe5", INSTRUCTION_PLAIN, 0),                  /* mov %rsp,%rbp */
    ROW("\x48\x83\xec\x18", INSTRUCTION_PLAIN, 0),              /* sub $24,%rsp */
    ROW("\x48\x81\xec\x18\x01\x00\x00", INSTRUCTION_PLAIN, 0),  /* sub $280,%rsp */
    ROW("\x48\x8d\x64\x24\x80", INSTRUCTION_PLAIN, 0),          /* lea -128(%rsp),%rsp */
    ROW("\x48\x8d\x05\x10\x00\x00\x00", INSTRUCTION_PLAIN, 16), /* lea 16(%rip),%rax */
    ROW("\xc7\x05\x10\x00\x00\x00\x01\x00\x00\x00", INSTRUCTION_PLAIN, 16),
    ROW("\x8b\x04\x25\x00\x00\x00\x00", INSTRUCTION_PLAIN, 0), /* mov 0,%eax */
    ROW("\x48\xb8\x01\x02\x03\x04\x05\x06\x07\x08", INSTRUCTION_PLAIN, 0),
    ROW("\x66\xb8\x01\x02", INSTRUCTION_PLAIN, 0),         /* mov $513,%ax */
    ROW("\xf6\xc1\x01", INSTRUCTION_PLAIN, 0),             /* test $1,%cl */
    ROW("\xf7\xd8", INSTRUCTION_PLAIN, 0),                 /* neg %eax */
    ROW("\xf7\xc1\x01\x00\x00\x00", INSTRUCTION_PLAIN, 0), /* test $1,%ecx */
    ROW("\xf2\x0f\x10\x44\x24\x08", INSTRUCTION_PLAIN, 0), /* movsd 8(%rsp),%xmm0 */
    ROW("\x66\x0f\x3a\x0f\xc1\x08", INSTRUCTION_PLAIN, 0), /* palignr $8,%xmm1,%xmm0 */
    ROW("\x74\xfe", INSTRUCTION_BRANCH, -2),               /* je . */
    ROW("\x0f\x84\x10\x00\x00\x00", INSTRUCTION_BRANCH, 16),
    ROW("\xeb\x05", INSTRUCTION_JUMP, 5),
    ROW("\xe9\xfb\xff\xff\xff", INSTRUCTION_JUMP, -5),
    ROW("\xff\x25\x10\x00\x00\x00", INSTRUCTION_JUMP, 16), /* jmp *16(%rip) */
    ROW("\xe8\x00\x00\x00\x00", INSTRUCTION_CALL, 0),
    ROW("\xff\xd0", INSTRUCTION_CALL, 0),  /* call *%rax */
    ROW("\xff\x30", INSTRUCTION_PLAIN, 0), /* push (%rax) */
    ROW("\xc3", INSTRUCTION_END, 0),
    ROW("\xc2\x08\x00", INSTRUCTION_END, 0),
    ROW("\xcc", INSTRUCTION_END, 0), /* int3: what lies between functions */
};

static void test_known(void)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct instruction one;

        CU_ASSERT_TRUE(instruction_read((const uint8_t *)rows[i].code, rows[i].bytes, &one));
        CU_ASSERT_EQUAL(one.length, rows[i].bytes);
        CU_ASSERT_EQUAL(one.kind, rows[i].kind);
        CU_ASSERT_EQUAL(one.displacement, rows[i].displacement);
    }
}

/* Any of them that is cut off is none. */
static void test_cut_off(void)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        for (unsigned bytes = 0; bytes < rows[i].bytes; bytes++) {
            struct instruction one;

            CU_ASSERT_FALSE(instruction_read((const uint8_t *)rows[i].code, bytes, &one));
        }
}

static void test_refused(void)
{
    static const char *const refused[] = {
        "\xc5\xf8\x77\x90",                                                 /* vzeroupper */
        "\x62\xf1\x7c\x48\x28\xc1",                                         /* EVEX */
        "\xe2\xfe\x90",                                                     /* loop */
        "\x06\x90",                                                         /* not of 64 bits */
        "\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66", /* prefixes alone */
    };

    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        struct instruction one;

        CU_ASSERT_FALSE(instruction_read((const uint8_t *)refused[i], strlen(refused[i]), &one));
    }
}

int main(void)
{
    CU_pSuite suite;

    if (CU_initialize_registry() != CUE_SUCCESS)
        return 2;
    suite = CU_add_suite("instruction", NULL, NULL);
    CU_ADD_TEST(suite, test_known);
    CU_ADD_TEST(suite, test_cut_off);
    CU_ADD_TEST(suite, test_refused);
    CU_basic_set_mode(CU_BRM_VERBOSE);
    CU_basic_run_tests();
    return CU_get_number_of_failures() != 0;
}
