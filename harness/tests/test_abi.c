/*
 * test_abi: names and properties of sites, events, modes and probes. Users type some of these
 * names and scripts match others, so the ones that matter are spelled out here once more.
 */
#include <harness/agent_abi.h>

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <CUnit/Basic.h>

/* What lies behind the control block must not be taken for a part of it. */
static struct {
    struct abi_control control;
    char behind[2 * ABI_NAME_BYTES];
} memory;

static void reset_control(void)
{
    memset(&memory.control, 0, sizeof memory.control);
    memset(memory.behind, 'x', sizeof memory.behind);
}

/* Words of lower case, digits, '-' and '_': nothing a replay line would have to quote. */
static bool is_word(const char *name)
{
    return name[0] != 0 && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-") == strlen(name);
}

static void every_site_is_found_by_its_name(void)
{
    char out[64];

    for (uint32_t site = 1; site < ABI_SITES; site++) {
        const char *name = abi_site_name(NULL, site, out);

        CU_ASSERT(is_word(name));
        CU_ASSERT_EQUAL(abi_site_find(name), site);
    }
}

static void names_that_are_no_sites_are_not_found(void)
{
    static const char *const names[] = {"",       "?",        "mallo", "mallocs",
                                        "MALLOC", "user:lap", "any",   " malloc"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        CU_ASSERT_EQUAL(abi_site_find(names[i]), 0);
}

static void known_sites_have_their_names(void)
{
    CU_ASSERT_EQUAL(abi_site_find("malloc"), SITE_MALLOC);
    CU_ASSERT_EQUAL(abi_site_find("posix_memalign"), SITE_POSIX_MEMALIGN);
    CU_ASSERT_EQUAL(abi_site_find("unlock"), SITE_UNLOCK);
    CU_ASSERT_EQUAL(abi_site_find("_exit"), SITE_EXIT_NOW);
    CU_ASSERT_EQUAL(abi_site_find("exit"), SITE_EXIT);
    CU_ASSERT_EQUAL(abi_site_find("posix_spawn"), SITE_SPAWN);
    CU_ASSERT_EQUAL(abi_site_find("lap"), SITE_LAP);
}

static void a_site_out_of_range_has_no_name(void)
{
    char out[64];

    CU_ASSERT_STRING_EQUAL(abi_site_name(&memory.control, 0, out), "?");
    CU_ASSERT_STRING_EQUAL(abi_site_name(&memory.control, ABI_SITES_ALL, out), "?");
    CU_ASSERT_STRING_EQUAL(abi_site_name(&memory.control, UINT32_MAX, out), "?");
}

static void a_user_site_is_named_by_the_control_block(void)
{
    char out[64];

    reset_control();
    memory.control.user_sites = 2;
    strcpy(memory.control.user_site[0], "half-update");
    strcpy(memory.control.user_site[1], "gate");
    strcpy(memory.control.user_site[2], "of-an-older-cycle");
    CU_ASSERT_STRING_EQUAL(abi_site_name(&memory.control, ABI_SITES, out), "user:half-update");
    CU_ASSERT_STRING_EQUAL(abi_site_name(&memory.control, ABI_SITES + 1, out), "user:gate");
    CU_ASSERT_STRING_EQUAL(abi_site_name(&memory.control, ABI_SITES + 2, out), "?");
    CU_ASSERT_STRING_EQUAL(abi_site_name(NULL, ABI_SITES, out), "?");
}

static void a_damaged_user_site_stays_in_bounds_and_printable(void)
{
    char out[64];
    const char *name;

    reset_control();
    memory.control.user_sites = UINT32_MAX;
    memset(memory.control.user_site, 'x', sizeof memory.control.user_site);
    name = abi_site_name(&memory.control, ABI_SITES + ABI_USER_SITES - 1, out);
    CU_ASSERT_EQUAL(strlen(name), 5 + ABI_NAME_BYTES);
    CU_ASSERT_STRING_EQUAL(abi_site_name(&memory.control, ABI_SITES_ALL, out), "?");
    memcpy(memory.control.user_site[0], "a b\n\x7f\xff", 7);
    CU_ASSERT_STRING_EQUAL(abi_site_name(&memory.control, ABI_SITES, out), "user:a?b???");
    memory.control.user_site[1][0] = 0;
    CU_ASSERT_STRING_EQUAL(abi_site_name(&memory.control, ABI_SITES + 1, out), "?");
}

static void families(void)
{
    CU_ASSERT_EQUAL(abi_site_family(SITE_ANY), FAMILY_NONE);
    CU_ASSERT_EQUAL(abi_site_family(SITE_MALLOC), FAMILY_ALLOC);
    CU_ASSERT_EQUAL(abi_site_family(SITE_PVALLOC), FAMILY_ALLOC);
    CU_ASSERT_EQUAL(abi_site_family(SITE_FUNLOCKFILE), FAMILY_LOCK);
    CU_ASSERT_EQUAL(abi_site_family(SITE_ONCE), FAMILY_WAIT);
    CU_ASSERT_EQUAL(abi_site_family(SITE_JOIN), FAMILY_THREAD);
    CU_ASSERT_EQUAL(abi_site_family(SITE_DTOR), FAMILY_LOADER);
    CU_ASSERT_EQUAL(abi_site_family(SITE_FINI), FAMILY_EXIT);
    CU_ASSERT_EQUAL(abi_site_family(SITE_EXEC), FAMILY_PROCESS);
    CU_ASSERT_EQUAL(abi_site_family(SITE_LAP), FAMILY_USER);
    CU_ASSERT_EQUAL(abi_site_family(ABI_SITES), FAMILY_USER);
    CU_ASSERT_EQUAL(abi_site_family(ABI_SITES_ALL - 1), FAMILY_USER);
    CU_ASSERT_EQUAL(abi_site_family(ABI_SITES_ALL), FAMILY_NONE);
    CU_ASSERT_EQUAL(abi_site_family(UINT32_MAX), FAMILY_NONE);
    for (uint32_t site = 1; site < ABI_SITES_ALL; site++)
        CU_ASSERT_NOT_EQUAL(abi_site_family(site), FAMILY_NONE);
}

static void where_instructions_can_be_counted(void)
{
    static const uint16_t outside[] = {SITE_THREAD_START, SITE_THREAD_EXIT, SITE_CTOR,
                                       SITE_DTOR,         SITE_MAIN,        SITE_EXIT,
                                       SITE_VFORK,        SITE_EXEC,        SITE_LAP};

    CU_ASSERT_EQUAL(abi_site_inside(SITE_MALLOC), 1);
    CU_ASSERT_EQUAL(abi_site_inside(SITE_DLCLOSE), 1);
    CU_ASSERT_EQUAL(abi_site_inside(SITE_FORK), 1);
    for (size_t i = 0; i < sizeof outside / sizeof outside[0]; i++)
        CU_ASSERT_EQUAL(abi_site_inside(outside[i]), 0);
    CU_ASSERT_EQUAL(abi_site_inside(SITE_ANY), 0);
    for (uint32_t site = ABI_SITES; site < ABI_SITES + 300; site++)
        CU_ASSERT_EQUAL(abi_site_inside(site), 0);
}

static void check_names(const char *(*name)(uint32_t), uint32_t first, uint32_t count)
{
    CU_ASSERT_STRING_EQUAL(name(count), "?");
    CU_ASSERT_STRING_EQUAL(name(UINT32_MAX), "?");
    for (uint32_t i = first; i < count; i++) {
        CU_ASSERT_PTR_NOT_NULL_FATAL(name(i));
        CU_ASSERT_STRING_NOT_EQUAL(name(i), "?");
        CU_ASSERT_STRING_NOT_EQUAL(name(i), "");
        for (uint32_t other = first; other < i; other++)
            CU_ASSERT_STRING_NOT_EQUAL(name(i), name(other));
    }
}

static void every_event_has_a_name_of_its_own(void)
{
    check_names(abi_event_name, EVENT_NONE + 1, ABI_EVENTS);
    CU_ASSERT_STRING_EQUAL(abi_event_name(EVENT_NONE), "?");
    CU_ASSERT_STRING_EQUAL(abi_event_name(EVENT_WAIT_BEGIN), "wait-begin");
    CU_ASSERT_STRING_EQUAL(abi_event_name(EVENT_SIGNAL), "signal");
    for (uint32_t kind = 1; kind < ABI_EVENTS; kind++)
        CU_ASSERT(is_word(abi_event_name(kind)));
}

static void every_mode_has_a_name_of_its_own(void)
{
    check_names(abi_mode_name, MODE_NONE, ABI_MODES);
    CU_ASSERT_STRING_EQUAL(abi_mode_name(MODE_MUTEX), "mutex");
    CU_ASSERT_STRING_EQUAL(abi_mode_name(MODE_LOADER), "the loader lock");
    CU_ASSERT_STRING_EQUAL(abi_mode_name(MODE_HEAP), "the heap lock");
}

static void every_probe_has_a_name_of_its_own(void)
{
    check_names(abi_probe_name, PROBE_NONE, ABI_PROBES);
    CU_ASSERT_STRING_EQUAL(abi_probe_name(PROBE_MALLOC_SMALL), "malloc(64)");
    CU_ASSERT_STRING_EQUAL(abi_probe_name(PROBE_FORK), "fork");
    CU_ASSERT_STRING_EQUAL(abi_probe_name(PROBE_EXIT), "exit");
}

int main(void)
{
    CU_pSuite suite;

    if (CU_initialize_registry() != CUE_SUCCESS)
        return 2;
    suite = CU_add_suite("abi", NULL, NULL);
    CU_ADD_TEST(suite, every_site_is_found_by_its_name);
    CU_ADD_TEST(suite, names_that_are_no_sites_are_not_found);
    CU_ADD_TEST(suite, known_sites_have_their_names);
    CU_ADD_TEST(suite, a_site_out_of_range_has_no_name);
    CU_ADD_TEST(suite, a_user_site_is_named_by_the_control_block);
    CU_ADD_TEST(suite, a_damaged_user_site_stays_in_bounds_and_printable);
    CU_ADD_TEST(suite, families);
    CU_ADD_TEST(suite, where_instructions_can_be_counted);
    CU_ADD_TEST(suite, every_event_has_a_name_of_its_own);
    CU_ADD_TEST(suite, every_mode_has_a_name_of_its_own);
    CU_ADD_TEST(suite, every_probe_has_a_name_of_its_own);
    CU_basic_set_mode(CU_BRM_NORMAL);
    CU_basic_run_tests();
    return CU_get_number_of_failures() != 0;
}
