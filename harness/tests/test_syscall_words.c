/*
 * test_syscall_words: a call that has words has them for both uses, and what some of them are.
 */
#include <harness/supervisor/evidence/syscall_words.h>

#include <CUnit/Basic.h>
#include <string.h>
#include <sys/syscall.h>

enum { NUMBERS = 600 };

static void all_have_words(void)
{
    unsigned calls = 0;

    for (long number = -1; number < NUMBERS; number++) {
        const struct syscall_words *words = syscall_words(number);

        if (words == NULL)
            continue;
        calls++;
        CU_ASSERT_EQUAL(words->number, number);
        CU_ASSERT(words->waits != NULL && words->waits[0] != 0);
        CU_ASSERT(words->slow != NULL && words->slow[0] != 0);
    }
    CU_ASSERT(calls > 25);
    CU_ASSERT_PTR_NULL(syscall_words(-1));
    CU_ASSERT_PTR_NULL(syscall_words(SYS_getpid));
}

static void check(long number, enum syscall_kind kind, const char *waits, const char *slow)
{
    const struct syscall_words *words = syscall_words(number);

    CU_ASSERT_PTR_NOT_NULL_FATAL(words);
    CU_ASSERT_EQUAL(words->kind, kind);
    CU_ASSERT_STRING_EQUAL(words->waits, waits);
    CU_ASSERT_STRING_EQUAL(words->slow, slow);
}

static void some_of_them(void)
{
    check(SYS_read, SYSCALL_READ, "waits for something to read", "reads");
    check(SYS_sendmsg, SYSCALL_WRITE, "waits until it can send", "sends");
    check(SYS_wait4, SYSCALL_CHILD, "waits for a child", "waits for a child");
    check(SYS_clock_nanosleep, SYSCALL_SLEEP, "sleeps", "sleeps (clock_nanosleep)");
    check(SYS_epoll_wait, SYSCALL_OTHER, "waits in epoll", "waits in epoll");
}

int main(void)
{
    CU_pSuite suite;

    if (CU_initialize_registry() != CUE_SUCCESS)
        return 1;
    suite = CU_add_suite("syscall_words", NULL, NULL);
    CU_ADD_TEST(suite, all_have_words);
    CU_ADD_TEST(suite, some_of_them);
    CU_basic_set_mode(CU_BRM_VERBOSE);
    CU_basic_run_tests();
    return CU_get_number_of_failures() != 0;
}
