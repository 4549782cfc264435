/*
 * Tests of operand: addresses of instructions that compilers make of spin loops, and the stores
 * that free such a lock. Bytes as gcc 12 and the SDM have them.
 */
#include <harness/supervisor/watch/operand.h>

#include <string.h>

#include <CUnit/Basic.h>

enum { AT = 0x401000, WORD = 0x404060 };

static uint64_t general[16];

/* 0: it has no operand. */
static uint64_t address(const char *code, size_t length)
{
    uint64_t out = 0;

    for (unsigned i = 0; i < 16; i++)
        general[i] = 0x1000 * (i + 1);
    return operand_address((const unsigned char *)code, length, general, 0x7000000, AT + length,
                           &out)
               ? out
               : 0;
}
#define ADDRESS(code) address(code, sizeof code - 1)

static void test_operands(void)
{
    CU_ASSERT_EQUAL(ADDRESS("\x8b\x03\x90"), 0x4000);                     /* mov (%rbx),%eax */
    CU_ASSERT_EQUAL(ADDRESS("\x87\x45\xfc"), 0x6000 - 4);                 /* xchg -4(%rbp),%eax */
    CU_ASSERT_EQUAL(ADDRESS("\x41\x8b\x40\x10"), 0x9000 + 16);            /* mov 16(%r8),%eax */
    CU_ASSERT_EQUAL(ADDRESS("\x8b\x05\x00\x01\x00\x00"), AT + 6 + 0x100); /* mov rip+256,%eax */
    CU_ASSERT_EQUAL(ADDRESS("\x83\x3d\x00\x01\x00\x00\x00"), AT + 7 + 0x100); /* cmpl $0,rip+256 */
    CU_ASSERT_EQUAL(ADDRESS("\xf0\x0f\xb1\x0f"), 0x8000); /* lock cmpxchg %ecx,(%rdi) */
    CU_ASSERT_EQUAL(ADDRESS("\x0f\xb6\x04\x8f"), 0x8000 + 4 * 0x2000); /* movzbl (%rdi,%rcx,4) */
    CU_ASSERT_EQUAL(ADDRESS("\x64\x8b\x04\x25\x10\x00\x00\x00"), 0x7000000 + 16); /* mov %fs:16 */
}

static void test_none(void)
{
    CU_ASSERT_EQUAL(ADDRESS("\xf3\x90\x90"), 0);             /* pause */
    CU_ASSERT_EQUAL(ADDRESS("\x85\xc0\x90"), 0);             /* test %eax,%eax */
    CU_ASSERT_EQUAL(ADDRESS("\x8d\x05\x00\x01\x00\x00"), 0); /* lea */
    CU_ASSERT_EQUAL(ADDRESS("\xff\x15\x00\x01\x00\x00"), 0); /* call *rip+256 */
    CU_ASSERT_EQUAL(ADDRESS("\x75\xf4\x90"), 0);             /* jne */
    CU_ASSERT_EQUAL(ADDRESS("\x55\x90\x90"), 0);             /* push %rbp */
    CU_ASSERT_EQUAL(ADDRESS("\x65\x8b\x03\x90"), 0);         /* mov %gs:(%rbx),%eax */
    CU_ASSERT_EQUAL(ADDRESS("\x8b\x05\x00"), 0);             /* cut off */
    CU_ASSERT_EQUAL(ADDRESS("\x8b"), 0);
}

/* @before: opcode and ModRM; @behind: bytes of a constant. True if it is seen to write WORD. */
static bool stores(const char *before, size_t length, size_t behind)
{
    unsigned char code[32] = {0x90, 0x90, 0x90};
    uint64_t where = 0;
    int32_t distance = (int32_t)(WORD - (AT + 3 + length + 4 + behind));

    memcpy(code + 3, before, length);
    memcpy(code + 3 + length, &distance, sizeof distance);
    return operand_store(code, sizeof code, AT, WORD, false, &where) &&
           where == AT + 3 + length - 1;
}

static void test_stores(void)
{
    uint64_t where;

    CU_ASSERT(stores("\xc7\x05", 2, 4));      /* movl $0,word */
    CU_ASSERT(stores("\xc6\x05", 2, 1));      /* movb $0,word */
    CU_ASSERT(stores("\x89\x05", 2, 0));      /* mov %eax,word */
    CU_ASSERT(stores("\x87\x05", 2, 0));      /* xchg %eax,word */
    CU_ASSERT(stores("\x0f\xb1\x15", 3, 0));  /* cmpxchg %edx,word */
    CU_ASSERT(stores("\x83\x2d", 2, 1));      /* subl $1,word */
    CU_ASSERT(!stores("\x8b\x05", 2, 0));     /* mov word,%eax */
    CU_ASSERT(!stores("\x83\x3d", 2, 1));     /* cmpl $0,word */
    CU_ASSERT(!stores("\x8d\x05", 2, 0));     /* lea */
    CU_ASSERT(!stores("\x0f\xb6\x05", 3, 0)); /* movzbl */
    CU_ASSERT(!stores("\xc7\x05", 2, 3));     /* another word */
    CU_ASSERT(!operand_store((const unsigned char *)"\xc7\x05", 2, AT, WORD, false, &where));
    CU_ASSERT(operand_store((const unsigned char *)"\x90\x48\x8d\x05\x01\0\0\0", 8, AT, AT + 9,
                            true, &where));
}

static void test_calls(void)
{
    const unsigned char code[] = {0x90, 0xe8, 0xfa, 0xff, 0xff, 0xff, 0xe8, 0};
    uint64_t target = 0;

    CU_ASSERT(operand_call(code, sizeof code, 1, AT, &target));
    CU_ASSERT_EQUAL(target, AT);
    CU_ASSERT(!operand_call(code, sizeof code, 0, AT, &target));
    CU_ASSERT(!operand_call(code, sizeof code, 6, AT, &target));
    CU_ASSERT(!operand_call(code, sizeof code, 99, AT, &target));
}

int main(void)
{
    CU_pSuite suite;

    if (CU_initialize_registry() != CUE_SUCCESS)
        return 2;
    suite = CU_add_suite("operand", NULL, NULL);
    CU_ADD_TEST(suite, test_operands);
    CU_ADD_TEST(suite, test_none);
    CU_ADD_TEST(suite, test_stores);
    CU_ADD_TEST(suite, test_calls);
    CU_basic_set_mode(CU_BRM_VERBOSE);
    CU_basic_run_tests();
    return CU_get_number_of_failures() != 0;
}
