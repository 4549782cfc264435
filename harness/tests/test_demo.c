/*
 * The demonstration of the first page: a module of Debian as it comes leaves the destructor of a
 * thread-specific key behind, and the finding names it and is brought back by its line; the same
 * command on a sound module says nothing.
 *
 * Exit status 77, with the reason, where the package libnss-sss is not installed.
 */
#include <harness/tests/command_run.h>

#include <results/store/store.h>

#include <CUnit/Basic.h>

#include <dlfcn.h>

#define NOTES RUNDOWN_SOURCE_DIR "/docs/field-notes-modules/"

static const char results[] = "results";
static struct said said;

/* --- what was found ------------------------------------------------------------------------ */

struct search {
    const char *slug;
    unsigned findings;
    unsigned others; /* of the same cells, notes included */
    char text[4096];
    char replay[4096];
};

static int look(const struct store_finding *finding, void *context)
{
    struct search *search = context;

    if (strcmp(finding->slug, search->slug) != 0) {
        search->others++;
        return 0;
    }
    search->findings += finding->severity == STOP_SEVERITY_FINDING;
    snprintf(search->text, sizeof search->text, "%s", finding->text);
    snprintf(search->replay, sizeof search->replay, "%s", finding->replay);
    return 0;
}

/* In the cells of these places. */
static void find(const char *where, struct search *search)
{
    struct store_cell *cells;
    struct store *store;
    struct error e;
    size_t count;

    CU_ASSERT_EQUAL_FATAL(store_open(results, false, &store, &e), 0);
    CU_ASSERT_EQUAL_FATAL(store_cells(store, &cells, &count, &e), 0);
    CU_ASSERT_EQUAL(count, 3);
    for (size_t i = 0; i < count; i++)
        if (strchr(where, cells[i].variant[0]) != NULL)
            CU_ASSERT_EQUAL(store_cell_findings(store, cells[i].id, false, look, search, &e), 0);
    store_cells_free(cells, count);
    store_close(store);
}

static void run(const char *module, const char *use)
{
    char *argv[] = {(char *)COMMAND_PROGRAM, (char *)"module",  (char *)module,
                    (char *)"--use",         (char *)use,       (char *)"--seed=1",
                    (char *)"--laps=120",    (char *)"--quiet", (char *)"--no-lttng",
                    (char *)"--out",         (char *)results,   NULL};

    tree_remove(results);
    command_exec(&said, NULL, argv);
}

/* --- the demonstration --------------------------------------------------------------------- */

static void check_words(const struct search *search)
{
    said_has("the finding", search->text, "called the destructor of a thread-specific key");
    said_has("the finding", search->text, "libnss_sss.so.2+0x");
    said_has("the finding", search->text, "put on record by T1.1, in libnss_sss.so.2");
    said_has("the finding", search->text, "libnss_sss.so.2 was unloaded ");
    said_has("the finding", search->text, " ago by T1.1");
}

static void bring_back(const char *line)
{
    char *argv[] = {(char *)COMMAND_PROGRAM, (char *)"replay",  (char *)line,
                    (char *)"--times=20",    (char *)"--quiet", NULL};

    command_exec(&said, NULL, argv);
    said_status(line, &said, 1);
    said_has("replay", said.out, "reproduced 20 of 20");
}

static void test_demonstration(void)
{
    struct search outliving = {.slug = "module.callback-unmapped"};
    struct search inside = {.slug = "module.callback-unmapped"};

    run("libnss_sss.so.2", NOTES "getpw.c");
    said_status("the demonstration", &said, 1);
    find("b", &outliving);
    find("c", &inside);
    CU_ASSERT_EQUAL_FATAL(outliving.findings, 1);
    CU_ASSERT_EQUAL_FATAL(inside.findings, 1);
    check_words(&outliving);
    check_words(&inside);
    bring_back(outliving.replay);
}

static void test_sound_module(void)
{
    struct search search = {.slug = "module.callback-unmapped"};

    run("libz.so.1", NOTES "libz.c");
    said_status("a sound module", &said, 0);
    find("abc", &search);
    CU_ASSERT_EQUAL(search.findings + search.others, 0);
    CU_ASSERT_STRING_EQUAL(search.text, "");
}

int main(void)
{
    CU_pSuite suite;
    void *module = dlopen("libnss_sss.so.2", RTLD_NOW);

    if (module == NULL) {
        fprintf(stderr, "skipped: libnss_sss.so.2 is not here: install the package libnss-sss\n");
        return 77;
    }
    dlclose(module);
    CU_initialize_registry();
    suite = CU_add_suite("demonstration", place_open, place_close);
    CU_ADD_TEST(suite, test_demonstration);
    CU_ADD_TEST(suite, test_sound_module);
    CU_basic_set_mode(CU_BRM_VERBOSE);
    CU_basic_run_tests();
    said_free(&said);
    return CU_get_number_of_failures() != 0;
}
