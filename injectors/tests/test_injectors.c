/*
 * test_injectors: what each injector asks of the agent, and what it tells the plan.
 *
 * The services are fakes that write down their calls; one that must not return jumps back
 * here. Nothing is struck. The expectations are written out again, injector by injector: an
 * entry that changes by accident changes what a seed means.
 */
#include <harness/injector.h>

#include <dirent.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <CUnit/Basic.h>

#include <harness/agent_abi.h>

/* --- fake services ---------------------------------------------------------------------- */

static char calls[256];
static jmp_buf gone;

static void __attribute__((format(printf, 1, 2))) note(const char *format, ...)
{
    size_t length = strlen(calls);
    va_list args;

    va_start(args, format);
    vsnprintf(calls + length, sizeof calls - length, format, args);
    va_end(args);
}

static void __attribute__((noreturn)) fake_thread_vanish(void)
{
    note("thread_vanish;");
    longjmp(gone, 1);
}

static bool unreached; /* a thread that cannot be ended */

static bool fake_others_vanish(void)
{
    note("others_vanish;");
    return !unreached;
}

static void fake_signal_process(int signal)
{
    note("signal_process %d;", signal);
}

static void fake_park(int64_t events)
{
    note("park %lld;", (long long)events);
}

static void fake_yield(int64_t turns)
{
    note("yield %lld;", (long long)turns);
}

static void fake_exit(int status)
{
    note("exit %d;", status);
}

static void fake_exit_now(int status)
{
    note("exit_now %d;", status);
}

static void fake_exit_group(int status)
{
    note("exit_group %d;", status);
}

static void fake_quick_exit(int status)
{
    note("quick_exit %d;", status);
}

static void fake_abort(void)
{
    note("abort;");
}

static void fake_thread_exit(void)
{
    note("thread_exit;");
}

static void fake_return_from_main(int status)
{
    note("return_from_main %d;", status);
}

static void fake_exit_twice(int status)
{
    note("exit_twice %d;", status);
}

static void fake_cancel(bool asynchronous)
{
    note("cancel %s;", asynchronous ? "asynchronous" : "deferred");
}

static void fake_fork_here(void)
{
    note("fork_here;");
}

static void fake_module_unload(int64_t index)
{
    note("module_unload %lld;", (long long)index);
}

static void fake_module_reload(int64_t index)
{
    note("module_reload %lld;", (long long)index);
}

static void fake_fail_allocation(void)
{
    note("fail_allocation;");
}

static const struct injector_services services = {
    .thread_vanish = fake_thread_vanish,
    .others_vanish = fake_others_vanish,
    .signal_process = fake_signal_process,
    .park = fake_park,
    .yield = fake_yield,
    .exit = fake_exit,
    .exit_now = fake_exit_now,
    .exit_group = fake_exit_group,
    .quick_exit = fake_quick_exit,
    .abort = fake_abort,
    .thread_exit = fake_thread_exit,
    .return_from_main = fake_return_from_main,
    .exit_twice = fake_exit_twice,
    .cancel = fake_cancel,
    .fork_here = fake_fork_here,
    .module_unload = fake_module_unload,
    .module_reload = fake_module_reload,
    .fail_allocation = fake_fail_allocation,
};

static const char *strike(const struct injector *injector, int64_t argument)
{
    const struct injector_strike order = {&services, argument};

    calls[0] = 0;
    if (setjmp(gone) == 0)
        injector->act(&order);
    return calls;
}

/* --- what is expected -------------------------------------------------------------------- */

#define LEAVING     "exit _exit quick_exit abort fini"
#define ALL         UINT32_MAX
#define NOT_IN_LIBC (ALL & ~(1u << FAMILY_ALLOC)) /* which allocates in mid-work */

/**
 * struct expected - one injector, as a reader of the documentation would describe it.
 * @argument, @calls: carried out with this argument, it must call just this.
 * @families: bits. @not_sites: names, blanks between.
 */
struct expected {
    const char *name;
    int64_t argument;
    const char *calls;
    uint32_t families;
    const char *not_sites;
    enum injector_victim victim;
    bool inside;
    bool needs_module;
    int64_t low;
    int64_t high;
    enum injector_effect effect;
    int value;
};

static const struct expected expected[] = {
    {"_exit", 7, "exit_now 7;", ALL, "", VICTIM_ANY, false, false, 1, 125, EFFECT_STATUS, 0},
    {"abort", 0, "abort;", ALL, "", VICTIM_ANY, false, false, 0, 0, EFFECT_SIGNAL, SIGABRT},
    {"alloc-fail", 0, "fail_allocation;", 1u << FAMILY_ALLOC, "free", VICTIM_ANY, false, false, 0,
     0, EFFECT_CALL_FAILS, 0},
    {"delay", 12, "yield 12;", ALL, "", VICTIM_ANY, false, false, 1, 64, EFFECT_NOTHING, 0},
    {"exit", 3, "exit 3;", NOT_IN_LIBC, LEAVING, VICTIM_ANY, false, false, 1, 125, EFFECT_STATUS,
     0},
    {"exit-nt-order", 9, "others_vanish;exit 9;", NOT_IN_LIBC, LEAVING, VICTIM_ANY, false, false, 1,
     125, EFFECT_STATUS, 0},
    {"exit-twice", 5, "exit_twice 5;", NOT_IN_LIBC, LEAVING, VICTIM_ANY, false, false, 1, 125,
     EFFECT_STATUS, 0},
    {"exit_group", 125, "exit_group 125;", ALL, "", VICTIM_ANY, false, false, 1, 125, EFFECT_STATUS,
     0},
    {"fork-here", 0, "fork_here;", ALL, "", VICTIM_ANY, false, false, 0, 0, EFFECT_NOTHING, 0},
    {"main-kill", 0, "thread_vanish;", ALL, "", VICTIM_MAIN, true, false, 0, 0, EFFECT_THREAD_DIES,
     0},
    {"main-pthread_exit", 0, "thread_exit;", NOT_IN_LIBC, LEAVING " ctor dtor", VICTIM_MAIN, false,
     false, 0, 0, EFFECT_THREAD_ENDS, 0},
    {"module-reload", 4, "module_reload 4;", NOT_IN_LIBC, "ctor dtor fini", VICTIM_ANY, false, true,
     0, 127, EFFECT_NOTHING, 0},
    {"module-unload", 127, "module_unload 127;", NOT_IN_LIBC, "ctor dtor fini", VICTIM_ANY, false,
     true, 0, 127, EFFECT_NOTHING, 0},
    {"none", 0, NULL, 0, "", VICTIM_ANY, false, false, 0, 0, EFFECT_NOTHING, 0},
    {"quick_exit", 1, "quick_exit 1;", NOT_IN_LIBC, LEAVING, VICTIM_ANY, false, false, 1, 125,
     EFFECT_STATUS, 0},
    {"return-from-main", 8, "return_from_main 8;", NOT_IN_LIBC, LEAVING " main_return ctor dtor",
     VICTIM_MAIN, false, false, 1, 125, EFFECT_STATUS, 0},
    {"sigkill", 0, "signal_process 9;", ALL, "", VICTIM_ANY, false, false, 0, 0, EFFECT_SIGNAL,
     SIGKILL},
    {"sigterm", 0, "signal_process 15;", ALL, "", VICTIM_ANY, false, false, 0, 0, EFFECT_SIGNAL,
     SIGTERM},
    {"thread-cancel", 1, "cancel asynchronous;", ALL, "thread_exit", VICTIM_NOT_MAIN, false, false,
     0, 1, EFFECT_THREAD_ENDS, 0},
    {"thread-kill", 0, "thread_vanish;", ALL, "", VICTIM_NOT_MAIN, true, false, 0, 0,
     EFFECT_THREAD_DIES, 0},
    {"thread-suspend", -1, "park -1;", ALL, "", VICTIM_ANY, true, false, -1, 30,
     EFFECT_THREAD_PARKED, 0},
};

enum { EXPECTED = sizeof expected / sizeof expected[0] };

static const struct injector *entry_of(const char *name)
{
    int index = injector_find(name);

    CU_ASSERT_TRUE_FATAL(index >= 0 && (unsigned)index < injector_count());
    return injector_registry[index];
}

static void each_calls_exactly_what_it_should(void)
{
    for (int i = 0; i < EXPECTED; i++) {
        const struct injector *injector = entry_of(expected[i].name);

        if (expected[i].calls == NULL)
            CU_ASSERT_PTR_NULL(injector->act)
        else
            CU_ASSERT_STRING_EQUAL(strike(injector, expected[i].argument), expected[i].calls);
    }
}

static void arguments_reach_the_service(void)
{
    CU_ASSERT_STRING_EQUAL(strike(entry_of("thread-cancel"), 0), "cancel deferred;");
    CU_ASSERT_STRING_EQUAL(strike(entry_of("thread-suspend"), 0), "park 0;");
    CU_ASSERT_STRING_EQUAL(strike(entry_of("thread-suspend"), INT64_MAX),
                           "park 9223372036854775807;");
    CU_ASSERT_STRING_EQUAL(strike(entry_of("delay"), 64), "yield 64;");
    CU_ASSERT_STRING_EQUAL(strike(entry_of("exit"), 125), "exit 125;");
}

/* --- the registry ------------------------------------------------------------------------- */

static void the_registry_holds_these_and_no_others(void)
{
    CU_ASSERT_EQUAL(injector_count(), EXPECTED);
    CU_ASSERT_PTR_NULL(injector_registry[injector_count()]);
}

static void every_name_is_unique_and_found(void)
{
    for (unsigned i = 0; i < injector_count(); i++)
        CU_ASSERT_EQUAL(injector_find(injector_registry[i]->name), (int)i);
    CU_ASSERT_EQUAL(injector_find("thread_kill"), -1);
    CU_ASSERT_EQUAL(injector_find("thread-kil"), -1);
    CU_ASSERT_EQUAL(injector_find(""), -1);
}

/* The file that must define an injector: '-' is '_' there, and a leading '_' has to go. */
static void file_of(const char *name, char out[64])
{
    snprintf(out, 64, "%s.c", strcmp(name, "_exit") == 0 ? "exit_now" : name);
    for (char *at = out; *at != 0; at++)
        if (*at == '-')
            *at = '_';
}

static int compare(const void *a, const void *b)
{
    const char *const *one = a;
    const char *const *other = b;

    return strcmp(*one, *other);
}

static unsigned list_folder(const char *folder, char **files, unsigned count)
{
    char path[512];
    DIR *dir;

    snprintf(path, sizeof path, "%s/injectors/%s", RUNDOWN_SOURCE_DIR, folder);
    dir = opendir(path);
    CU_ASSERT_PTR_NOT_NULL_FATAL(dir);
    for (struct dirent *file; (file = readdir(dir)) != NULL;) {
        size_t length = strlen(file->d_name);

        if (length > 2 && strcmp(file->d_name + length - 2, ".c") == 0 && count < 200)
            files[count++] = strndup(file->d_name, length - 2);
    }
    closedir(dir);
    return count;
}

static void every_file_is_in_the_registry_in_order(void)
{
    static const char *const folders[] = {"thread", "process", "module", "other"};
    char *files[200];
    char wanted[64];
    char found[80];
    unsigned count = 0;

    for (int i = 0; i < 4; i++)
        count = list_folder(folders[i], files, count);
    qsort(files, count, sizeof files[0], compare);
    CU_ASSERT_EQUAL_FATAL(count, injector_count());
    for (unsigned i = 0; i < count; i++) {
        file_of(injector_registry[i]->name, wanted);
        snprintf(found, sizeof found, "%s.c", files[i]);
        CU_ASSERT_STRING_EQUAL(found, wanted);
        free(files[i]);
    }
}

/* With a thread left that cannot be ended, there is no exit in that order. */
static void nt_order_needs_all_others_gone(void)
{
    int index = injector_find("exit-nt-order");

    CU_ASSERT_TRUE_FATAL(index >= 0);
    unreached = true;
    CU_ASSERT_STRING_EQUAL(strike(injector_registry[index], 9), "others_vanish;");
    unreached = false;
}

static void the_hash_is_that_of_all_names(void)
{
    char names[4096];
    size_t length = 0;

    for (unsigned i = 0; i < injector_count(); i++) {
        strcpy(names + length, injector_registry[i]->name);
        length += strlen(injector_registry[i]->name) + 1;
    }
    CU_ASSERT_EQUAL(injector_registry_hash(), plan_hash(names, length));
}

static void every_entry_explains_itself(void)
{
    for (unsigned i = 0; i < injector_count(); i++) {
        const struct injector *injector = injector_registry[i];

        CU_ASSERT(strlen(injector->summary) > 20 && strlen(injector->summary) <= 78);
        CU_ASSERT_PTR_NULL(strchr(injector->summary, '\n'));
        CU_ASSERT_EQUAL(injector->argument_name != NULL,
                        injector->argument_low != injector->argument_high);
        CU_ASSERT_EQUAL(injector->act == NULL, injector->control);
        CU_ASSERT_EQUAL(injector->families == 0, injector->control);
    }
}

static void entries_are_as_expected(void)
{
    for (int i = 0; i < EXPECTED; i++) {
        const struct injector *injector = entry_of(expected[i].name);

        CU_ASSERT_EQUAL(injector->families, expected[i].families);
        CU_ASSERT_EQUAL(injector->victim, expected[i].victim);
        CU_ASSERT_EQUAL(injector->inside, expected[i].inside);
        CU_ASSERT_EQUAL(injector->needs_module, expected[i].needs_module);
        CU_ASSERT_EQUAL(injector->argument_low, expected[i].low);
        CU_ASSERT_EQUAL(injector->argument_high, expected[i].high);
        CU_ASSERT_EQUAL(injector->effect, expected[i].effect);
        CU_ASSERT_EQUAL(injector->effect_value, expected[i].value);
    }
}

/* --- what the plan is told ------------------------------------------------------------------ */

static bool has_site(const struct plan_spec *spec, uint32_t site)
{
    return spec->sites[site / 64] >> site % 64 & 1;
}

static bool names(const char *list, const char *word)
{
    size_t length = strlen(word);

    for (const char *at = list; (at = strstr(at, word)) != NULL; at++)
        if ((at == list || at[-1] == ' ') && (at[length] == ' ' || at[length] == 0))
            return true;
    return false;
}

static bool expects_site(const struct expected *want, uint32_t site)
{
    char out[64];

    if (site == 0 || site >= ABI_SITES_ALL)
        return false;
    return (want->families >> abi_site_family(site) & 1) &&
           !names(want->not_sites, abi_site_name(NULL, site, out));
}

static void specs_have_the_right_sites(void)
{
    struct plan_spec spec;

    for (int i = 0; i < EXPECTED; i++) {
        injector_spec(injector_find(expected[i].name), &spec);
        for (uint32_t site = 0; site < 256; site++)
            CU_ASSERT_EQUAL(has_site(&spec, site), expects_site(&expected[i], site));
    }
}

static void excluded_sites_are_of_the_families(void)
{
    for (unsigned i = 0; i < injector_count(); i++) {
        const struct injector *injector = injector_registry[i];
        const uint16_t *site = injector->not_sites;

        for (; site != NULL && *site != 0; site++)
            CU_ASSERT(*site < ABI_SITES &&
                      (injector->families & INJECTOR_FAMILY(abi_site_family(*site))) != 0);
    }
}

static void an_allocation_fails_only_where_one_is_made(void)
{
    struct plan_spec spec;
    unsigned count = 0;

    injector_spec(injector_find("alloc-fail"), &spec);
    for (uint32_t site = 0; site < 256; site++)
        count += has_site(&spec, site);
    CU_ASSERT_EQUAL(count, 9);
    CU_ASSERT_TRUE(has_site(&spec, SITE_MALLOC));
    CU_ASSERT_TRUE(has_site(&spec, SITE_PVALLOC));
    CU_ASSERT_FALSE(has_site(&spec, SITE_FREE));
    CU_ASSERT_FALSE(has_site(&spec, SITE_LOCK));
    CU_ASSERT_FALSE(has_site(&spec, ABI_SITES));
}

static void specs_have_victim_and_argument(void)
{
    struct plan_spec spec;

    for (int i = 0; i < EXPECTED; i++) {
        int index = injector_find(expected[i].name);

        memset(&spec, 0xa5, sizeof spec);
        injector_spec(index, &spec);
        CU_ASSERT_EQUAL(spec.point.injector, index);
        CU_ASSERT_EQUAL(spec.main_only, expected[i].victim == VICTIM_MAIN);
        CU_ASSERT_EQUAL(spec.not_main, expected[i].victim == VICTIM_NOT_MAIN);
        CU_ASSERT_EQUAL(spec.inside, expected[i].inside);
        CU_ASSERT_EQUAL(spec.none, strcmp(expected[i].name, "none") == 0);
        CU_ASSERT_EQUAL(spec.draw_argument, expected[i].low != expected[i].high);
        CU_ASSERT_EQUAL(spec.argument_low, expected[i].low);
        CU_ASSERT_EQUAL(spec.argument_high, expected[i].high);
    }
}

static void specs_fix_nothing(void)
{
    static const struct plan_point open;
    struct plan_spec spec;

    for (unsigned i = 0; i < injector_count(); i++) {
        memset(&spec, 0xa5, sizeof spec);
        injector_spec((int)i, &spec);
        spec.point.injector = 0;
        CU_ASSERT_EQUAL(memcmp(&spec.point, &open, sizeof open), 0);
    }
}

int main(void)
{
    CU_pSuite suite;

    if (CU_initialize_registry() != CUE_SUCCESS)
        return 2;
    suite = CU_add_suite("injectors", NULL, NULL);
    CU_ADD_TEST(suite, each_calls_exactly_what_it_should);
    CU_ADD_TEST(suite, arguments_reach_the_service);
    CU_ADD_TEST(suite, the_registry_holds_these_and_no_others);
    CU_ADD_TEST(suite, every_name_is_unique_and_found);
    CU_ADD_TEST(suite, every_file_is_in_the_registry_in_order);
    CU_ADD_TEST(suite, nt_order_needs_all_others_gone);
    CU_ADD_TEST(suite, the_hash_is_that_of_all_names);
    CU_ADD_TEST(suite, every_entry_explains_itself);
    CU_ADD_TEST(suite, entries_are_as_expected);
    CU_ADD_TEST(suite, specs_have_the_right_sites);
    CU_ADD_TEST(suite, excluded_sites_are_of_the_families);
    CU_ADD_TEST(suite, an_allocation_fails_only_where_one_is_made);
    CU_ADD_TEST(suite, specs_have_victim_and_argument);
    CU_ADD_TEST(suite, specs_fix_nothing);
    CU_basic_set_mode(CU_BRM_NORMAL);
    CU_basic_run_tests();
    return CU_get_number_of_failures() != 0;
}
