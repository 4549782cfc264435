/*
 * Tests of stack_kind: what stacks of glibc say about the locks that record no owner.
 */
#include <harness/supervisor/evidence/stack_kind.h>

#include "evidence_fixture.h"

#include <stdio.h>
#include <string.h>

#include <CUnit/Basic.h>

static struct evidence_frame stack[EVIDENCE_FRAMES];
static unsigned depth;

/* "libc.so.6:malloc prog:main", innermost first. */
static void set(const char *text)
{
    char copy[512];
    char *rest = copy;
    char *word;

    memset(stack, 0, sizeof stack);
    depth = 0;
    snprintf(copy, sizeof copy, "%s", text);
    while ((word = strtok_r(rest, " ", &rest)) != NULL) {
        char *colon = strchr(word, ':');

        *colon = 0;
        snprintf(stack[depth].module, sizeof stack[depth].module, "%s", word);
        snprintf(stack[depth].function, sizeof stack[depth].function, "%s", colon + 1);
        depth++;
    }
}

static enum stack_kind waiting(const char *text)
{
    set(text);
    return stack_kind_waiting(stack, depth);
}

static unsigned inside(const char *text)
{
    set(text);
    return stack_kind_inside(stack, depth);
}

static void test_waits_in_the_allocator(void)
{
    CU_ASSERT_EQUAL(waiting("libc.so.6:__lll_lock_wait_private libc.so.6:malloc "
                            "librundown-agent.so:malloc prog:main"),
                    STACK_HEAP);
    CU_ASSERT_EQUAL(waiting("libc.so.6: libc.so.6:_int_free.constprop.0 libc.so.6:free prog:f"),
                    STACK_HEAP);
    CU_ASSERT_EQUAL(waiting("libc.so.6:__malloc_fork_lock_parent libc.so.6:fork prog:main"),
                    STACK_HEAP);
}

static void test_innermost_lock_wins(void)
{
    CU_ASSERT_EQUAL(waiting("libc.so.6:malloc ld-linux-x86-64.so.2:_dl_map_object "
                            "libc.so.6:dlopen prog:main"),
                    STACK_HEAP);
    CU_ASSERT_EQUAL(waiting("libc.so.6:malloc libc.so.6:fopen prog:main"), STACK_HEAP);
}

static void test_waits_in_the_loader(void)
{
    CU_ASSERT_EQUAL(waiting("libc.so.6:futex_wait libc.so.6:pthread_mutex_lock "
                            "ld-linux-x86-64.so.2:_dl_open libc.so.6:dlopen@@GLIBC_2.34 prog:w"),
                    STACK_LOADER);
    CU_ASSERT_EQUAL(waiting("libc.so.6: ld-linux-x86-64.so.2: libc.so.6:dlclose prog:w"),
                    STACK_LOADER);
    CU_ASSERT_EQUAL(waiting("libc.so.6:pthread_mutex_lock ld-linux-x86-64.so.2:_dl_fini "
                            "libc.so.6:__run_exit_handlers libc.so.6:exit prog:main"),
                    STACK_LOADER);
    CU_ASSERT_EQUAL(waiting("libc.so.6:x libc.so.6:dl_iterate_phdr libgcc_s.so.1:y prog:main"),
                    STACK_LOADER);
}

static void test_waits_in_stdio(void)
{
    CU_ASSERT_EQUAL(waiting("libc.so.6:__lll_lock_wait_private libc.so.6:fflush prog:main"),
                    STACK_STDIO);
    CU_ASSERT_EQUAL(waiting("libc.so.6:__lll_lock_wait_private libc.so.6:_IO_flush_all_lockp "
                            "libc.so.6:_IO_cleanup prog:main"),
                    STACK_STDIO);
}

static void test_waits_elsewhere(void)
{
    CU_ASSERT_EQUAL(waiting("libc.so.6:__lll_lock_wait libc.so.6:pthread_mutex_lock prog:main"),
                    STACK_ELSEWHERE);
    CU_ASSERT_EQUAL(waiting(""), STACK_ELSEWHERE);
    /* A program's own function of that name is not the allocator's. */
    CU_ASSERT_EQUAL(waiting("libc.so.6:syscall prog:malloc prog:main"), STACK_ELSEWHERE);
    CU_ASSERT_EQUAL(waiting("librundown-agent.so:malloc prog:main"), STACK_ELSEWHERE);
    /* Symbols that only begin alike. */
    CU_ASSERT_EQUAL(waiting("libc.so.6:freeaddrinfo prog:main"), STACK_ELSEWHERE);
    CU_ASSERT_EQUAL(waiting("libc.so.6:poll ld-linux-x86-64.so.2:_dl_runtime_resolve_xsave "
                            "prog:main"),
                    STACK_ELSEWHERE);
}

static bool at_lock(enum stack_kind kind, const char *text)
{
    set(text);
    return stack_kind_at_lock(stack, depth, kind);
}

static void test_at_a_lock(void)
{
    static const char opens[] = "libc.so.6:__lll_lock_wait libc.so.6:___pthread_mutex_lock "
                                "ld-linux-x86-64.so.2:_dl_open libc.so.6:dlopen prog:f";

    CU_ASSERT(at_lock(STACK_LOADER, opens));
    CU_ASSERT_FALSE(at_lock(STACK_HEAP, opens));
    CU_ASSERT(
        at_lock(STACK_LOADER, "libc.so.6:__lll_lock_wake ld-linux-x86-64.so.2:_dl_open prog:f"));
    CU_ASSERT(at_lock(STACK_HEAP, "libc.so.6:__lll_lock_wait_private libc.so.6:malloc prog:f"));
    /* For the loader's inner lock, with the outer one; and inside, at no lock at all. */
    CU_ASSERT_FALSE(at_lock(STACK_LOADER, "libc.so.6:__lll_lock_wait libc.so.6:pthread_mutex_lock "
                                          "ld-linux-x86-64.so.2:_dl_add_to_namespace_list "
                                          "ld-linux-x86-64.so.2:_dl_open libc.so.6:dlopen prog:f"));
    CU_ASSERT_FALSE(at_lock(STACK_LOADER, "ld-linux-x86-64.so.2:_dl_open libc.so.6:dlopen prog:f"));
    CU_ASSERT_FALSE(at_lock(STACK_LOADER, "libc.so.6:__lll_lock_wait"));
    CU_ASSERT_FALSE(at_lock(STACK_LOADER, ""));
}

static void test_constructors_run_under_the_loader_lock(void)
{
    const char *ctor = "libc.so.6:read libplug.so:init ld-linux-x86-64.so.2:call_init "
                       "ld-linux-x86-64.so.2:_dl_init libc.so.6:dlopen prog:main";

    CU_ASSERT_EQUAL(waiting(ctor), STACK_ELSEWHERE);
    CU_ASSERT_EQUAL(inside(ctor), STACK_LOADER);
}

static void test_destructors_at_exit_do_not(void)
{
    CU_ASSERT_EQUAL(inside("libc.so.6:pthread_join libplug.so:fini ld-linux-x86-64.so.2:_dl_fini "
                           "libc.so.6:__run_exit_handlers libc.so.6:exit prog:main"),
                    0);
}

static void test_nested_calls_hold_both(void)
{
    CU_ASSERT_EQUAL(inside("libc.so.6:_int_malloc libc.so.6:malloc librundown-agent.so:malloc "
                           "ld-linux-x86-64.so.2:_dl_map_object libc.so.6:dlopen prog:main"),
                    STACK_HEAP | STACK_LOADER);
    CU_ASSERT_EQUAL(inside("libc.so.6:write libc.so.6:vfprintf libc.so.6:fprintf prog:main"),
                    STACK_STDIO);
    /* Past a frame of the program's own the allocator can't be on the stack. */
    CU_ASSERT_EQUAL(inside("prog:handler libc.so.6:malloc prog:main"), 0);
}

int main(void)
{
    static const struct fixture_case cases[] = {
        {"waits in the allocator", test_waits_in_the_allocator},
        {"the innermost lock wins", test_innermost_lock_wins},
        {"waits in the loader", test_waits_in_the_loader},
        {"waits in stdio", test_waits_in_stdio},
        {"waits elsewhere", test_waits_elsewhere},
        {"constructors have the loader lock", test_constructors_run_under_the_loader_lock},
        {"destructors at exit have not", test_destructors_at_exit_do_not},
        {"nested calls hold both", test_nested_calls_hold_both},
        {"at a lock", test_at_a_lock},
        {NULL, NULL},
    };

    return fixture_main("stack_kind", cases);
}
