/*
 * Tests of `rundown module`, from outside: the built program is let loose on modules that are
 * bad in one way each, and on their clean twins. What it found is read from its store.
 */
#include <harness/tests/command_run.h>

#include <results/store/store.h>

#include <CUnit/Basic.h>

#define MODULES    RUNDOWN_BUILD_DIR "/tests/modules/module_"
#define SOUND_CALL "--use=sound_use(3,\"some\\ttext\",NULL)"
#define LEAST_LAPS "--laps=120" /* the statistics judge a leak from 105 on */
#define FEW_LAPS   "--laps=30"

enum { WORDS = 16 };

static const char results[] = "results";
static struct said said;

/* @words: behind the module, up to NULL. */
static void run(const char *module, const char *const *words)
{
    char *argv[WORDS + 8] = {(char *)COMMAND_PROGRAM, (char *)"module",  (char *)module,
                             (char *)"--seed=1",      (char *)"--quiet", (char *)"--out",
                             (char *)results};
    unsigned count = 7;

    while (*words != NULL && count < WORDS + 7)
        argv[count++] = (char *)*words++;
    tree_remove(results);
    command_exec(&said, NULL, argv);
}

#define RUN(module, ...) run(module, (const char *const[]){__VA_ARGS__, NULL})

/* --- what was found -----------------------------------------------------------------------------
 */

struct search {
    const char *slug; /* NULL: any */
    const char *text;
    unsigned findings;
    unsigned notes;
    char *replay;
};

static int look(const struct store_finding *finding, void *context)
{
    struct search *search = context;

    if ((search->slug != NULL && strcmp(finding->slug, search->slug) != 0) ||
        (search->text != NULL && strstr(finding->text, search->text) == NULL))
        return 0;
    search->findings += finding->severity == STOP_SEVERITY_FINDING;
    search->notes += finding->severity == STOP_SEVERITY_NOTE;
    if (search->replay == NULL)
        search->replay = strdup(finding->replay);
    return 0;
}

/* In the cell of this place, 'a', 'b' or 'c'; 0 for all of them. */
static struct search found_in(char where, const char *slug, const char *text)
{
    struct search search = {slug, text, 0, 0, NULL};
    struct store_cell *cells;
    struct store *store;
    struct error e;
    size_t count;

    CU_ASSERT_EQUAL_FATAL(store_open(results, false, &store, &e), 0);
    CU_ASSERT_EQUAL_FATAL(store_cells(store, &cells, &count, &e), 0);
    CU_ASSERT_EQUAL(count, 3);
    for (size_t i = 0; i < count; i++)
        if (where == 0 || cells[i].variant[0] == where)
            CU_ASSERT_EQUAL(store_cell_findings(store, cells[i].id, false, look, &search, &e), 0);
    store_cells_free(cells, count);
    store_close(store);
    return search;
}

static bool is_finding(char where, const char *slug, const char *text)
{
    struct search search = found_in(where, slug, text);

    free(search.replay);
    return search.findings > 0;
}

static bool is_note(char where, const char *slug, const char *text)
{
    struct search search = found_in(where, slug, text);

    free(search.replay);
    return search.notes > 0 && search.findings == 0;
}

static void expect_silence(const char *what)
{
    struct search search;

    said_status(what, &said, 0);
    search = found_in(0, NULL, NULL);
    if (search.findings + search.notes > 0)
        fprintf(stderr, "\n    '%s': said: %.3000s\n", what, said.out);
    CU_ASSERT_EQUAL(search.findings + search.notes, 0);
    free(search.replay);
}

/* --- sound ones ---------------------------------------------------------------------------------
 */

static void test_sound(void)
{
    RUN(MODULES "sound.so", SOUND_CALL, LEAST_LAPS);
    expect_silence("sound");
    RUN(MODULES "sound.so", LEAST_LAPS, "--must-unload");
    expect_silence("loaded and unloaded, no more");
    RUN(MODULES "sound.so", "--use=" MODULES "driver.so", SOUND_CALL, FEW_LAPS);
    expect_silence("a driver and a call");
}

static void test_snippet(void)
{
    file_write("ok.c",
               "#include <dlfcn.h>\n"
               "#include <stdlib.h>\n"
               "void use(void *module)\n"
               "{\n"
               "    if (dlsym(module, \"sound_use\") == NULL)\n"
               "        abort();\n"
               "}\n",
               0644);
    RUN(MODULES "sound.so", "--use", "ok.c", FEW_LAPS);
    expect_silence("a C file");
}

static void test_key_deleted(void)
{
    RUN(MODULES "key_deleted.so", "--use=key_use()", LEAST_LAPS);
    expect_silence("a key that is deleted");
}

/* --- bad ones -----------------------------------------------------------------------------------
 */

static void test_leak(void)
{
    RUN(MODULES "leak.so", "--use=leak_use()", LEAST_LAPS);
    said_status("leak", &said, 1);
    for (char where = 'a'; where <= 'c'; where++)
        CU_ASSERT(is_finding(where, "leak.trend.heap", "+8 bytes per lap"));
}

/* On the loading thread nobody ever calls the destructor: a note. */
static void test_key_left(void)
{
    RUN(MODULES "key_left.so", "--use=key_use()", FEW_LAPS);
    said_status("key left", &said, 1);
    CU_ASSERT(is_note('a', "module.callback-unmapped", "drop  module_key_left.so"));
    for (char where = 'b'; where <= 'c'; where++) {
        CU_ASSERT(is_finding(where, "module.callback-unmapped", "drop  module_key_left.so"));
        CU_ASSERT_FALSE(is_finding(where, "module.code-unmapped", NULL));
    }
}

static void test_crash_while_loading(void)
{
    RUN(MODULES "crash.so", FEW_LAPS);
    said_status("crash", &said, 1);
    for (char where = 'a'; where <= 'c'; where++)
        CU_ASSERT(is_finding(where, "crash.signal", NULL));
}

/* --- those that stay ----------------------------------------------------------------------------
 */

struct staying {
    const char *module;
    const char *use;
    const char *reason;
};

static const struct staying staying[] = {
    {MODULES "nodelete.so", "--use=nodelete_use()", "linked with -z nodelete"},
    {MODULES "unique.so", "--use=unique_use()", "the unique symbol unique_number"},
    {MODULES "needed.so", "--use=needed_use()", "module_dependant.so needs it"},
    {MODULES "thread_local.so", "--use=thread_local_use()", "thread_local objects"},
    {MODULES "reference.so", "--use=reference_use()", "a reference was not dropped"},
};

/* Longer than the ring remembers the first load: 1000 laps. */
static void test_staying(void)
{
    for (size_t i = 0; i < sizeof staying / sizeof staying[0]; i++) {
        RUN(staying[i].module, "--laps=1000", staying[i].use);
        said_status(staying[i].module, &said, 0);
        for (char where = 'a'; where <= 'c'; where++)
            if (!is_note(where, "module.not-unloaded", staying[i].reason)) {
                fprintf(stderr, "\n    %s, %c: %.3000s\n", staying[i].module, where, said.out);
                CU_FAIL("the reason is not told");
            }
        CU_ASSERT_FALSE(is_note(0, "leak.trend.module", NULL));
    }
}

/* All loads are still known: their number is told. */
static void test_staying_for_a_short_time(void)
{
    RUN(MODULES "reference.so", FEW_LAPS);
    said_status("reference", &said, 0);
    CU_ASSERT(is_note('a', "module.not-unloaded", "opened 31 times, closed 30 times"));
}

static void test_must_unload(void)
{
    RUN(MODULES "nodelete.so", FEW_LAPS, "--must-unload");
    said_status("must unload", &said, 1);
    CU_ASSERT(is_finding('a', "module.not-unloaded", "linked with -z nodelete"));
}

/* --- injections ---------------------------------------------------------------------------------
 */

static void test_injected_ends(void)
{
    RUN(MODULES "sound.so", SOUND_CALL, "--laps=20", "--cycles=8", "--no-control",
        "--inject=sigkill", "--must-unload");
    expect_silence("sigkill");
    RUN(MODULES "sound.so", SOUND_CALL, "--laps=20", "--cycles=8", "--no-control",
        "--inject=alloc-fail", "--must-unload");
    expect_silence("alloc-fail");
}

/* The module goes away while it is used: its name must be in the finding. Three of five do. */
static void test_unload_under_use(void)
{
    RUN(MODULES "sound.so", SOUND_CALL, "--laps=20", "--cycles=16", "--no-control",
        "--inject=module-unload@thread_start");
    CU_ASSERT(is_finding('b', "module.code-unmapped", "module_sound.so+0x"));
}

/* --- again --------------------------------------------------------------------------------------
 */

static void replay(const char *line, int status)
{
    char *argv[] = {(char *)COMMAND_PROGRAM, (char *)"replay",  (char *)line,
                    (char *)"--times=2",     (char *)"--quiet", NULL};

    command_exec(&said, NULL, argv);
    said_status(line, &said, status);
}

static void test_replay(void)
{
    struct search search;

    RUN(MODULES "leak.so", "--use=leak_use()", LEAST_LAPS);
    search = found_in('b', "leak.trend.heap", NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(search.replay);
    CU_ASSERT_EQUAL(strncmp(search.replay, "module /", 8), 0);
    said_has("replay", search.replay, " where=b use='leak_use()' ");
    CU_ASSERT_PTR_NULL(strstr(search.replay, "rundown-module-host"));
    replay(search.replay, 1);
    said_has("replay", said.out, "reproduced 2 of 2");
    free(search.replay);
}

/* Quotes, blanks and brackets come through the line and back. */
static void test_replay_of_awkward_words(void)
{
    struct search search;

    file_write("it's (a) file.c",
               "#include <stdlib.h>\n"
               "extern void *kept;\n"
               "void *kept;\n"
               "void use(void *module)\n"
               "{\n"
               "    (void)module;\n"
               "    kept = malloc(40);\n"
               "}\n",
               0644);
    RUN(MODULES "sound.so", "--use", "it's (a) file.c", SOUND_CALL, LEAST_LAPS);
    search = found_in('a', "leak.trend.heap", "+40 bytes per lap");
    CU_ASSERT_PTR_NOT_NULL_FATAL(search.replay);
    replay(search.replay, 1);
    free(search.replay);
}

static void test_bad_lines(void)
{
    static const struct {
        const char *line;
        const char *wanted;
    } lines[] = {
        {"module where=a cycle=1", "where=a"},
        {"module /nonexistent/libfoo.so where=a cycle=1", "/nonexistent/libfoo.so: No such file"},
        {"module " MODULES "sound.so where=q cycle=1", "'q' is neither a, b nor c"},
        {"module " MODULES "sound.so where=a threads=4 cycle=1", "'threads=4' has no meaning"},
        {"module " MODULES "sound.so use='f(' cycle=1", "character 3: an argument is missing"},
        {"module " MODULES "sound.so where=a", "no cycle=N"},
    };

    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        char *argv[] = {(char *)COMMAND_PROGRAM, (char *)"replay", (char *)lines[i].line, NULL};

        command_exec(&said, NULL, argv);
        said_refused(lines[i].line, &said, 2, lines[i].wanted);
    }
}

/* --- refusals -----------------------------------------------------------------------------------
 */

static void test_refusals(void)
{
    static const char *const words[][4] = {
        {"/nonexistent/libfoo.so", NULL, "/nonexistent/libfoo.so: No such file or directory"},
        {"libnosuch.so.9", NULL, "libnosuch.so.9: cannot open shared object file"},
        {"/", NULL, "/: is no shared object"},
        {"libc.so.6", NULL, "every program has it loaded"},
        {MODULES "undefined.so", NULL, "module_undefined.so: undefined symbol: nobody_has_this; "},
        {MODULES "sound.so", "--use=nofn()", "--use: nofn(): the module has no such function"},
        {MODULES "sound.so", "--use=sound_number()", "it is data, not a function"},
        {MODULES "sound.so", "--use=f(1,,2)", "--use: 'f(1,,2)': character 5: an argument is"},
        {MODULES "sound.so", "--use=/nonexistent/x.c", "--use: /nonexistent/x.c: No such file"},
        {MODULES "sound.so", "--use=" MODULES "leak.so", "it does not define void use("},
        {MODULES "sound.so", "--use=" MODULES "undefined.so", "undefined symbol: nobody_has_this"},
        {MODULES "sound.so", "--laps=1", "--laps: 1 is outside 2 to"},
        {MODULES "sound.so", "--laps=12x", "--laps: '12x' is not a number"},
        {MODULES "sound.so", "--no-control", "--no-control: nothing is left"},
        {MODULES "sound.so", "--inject=threadkill", "did you mean 'thread-kill'?"},
        {MODULES "sound.so", "--without=modul", "did you mean 'module'?"},
        {MODULES "sound.so", "other.so", "'other.so': one module only"},
    };

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        run(words[i][0], &words[i][1]);
        said_refused(words[i][1] != NULL ? words[i][1] : words[i][0], &said, 2, words[i][2]);
        CU_ASSERT_EQUAL(strncmp(said.err, "rundown module: ", 16), 0);
        CU_ASSERT_NOT_EQUAL(access(results, F_OK), 0);
    }
}

static void test_no_module(void)
{
    command_run(&said, "module");
    said_refused("module", &said, 2, "a module is missing; write");
}

static void test_no_elf(void)
{
    char text[256];

    file_write("empty.so", "", 0644);
    run("./empty.so", (const char *const[]){NULL});
    said_refused("empty", &said, 2, "file too short; a module is a shared object");
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = 0;
    file_write("text.so", text, 0644);
    run("./text.so", (const char *const[]){NULL});
    said_refused("text", &said, 2, "text.so: invalid ELF header; a module is a shared object");
}

static void no_compiler(void)
{
    setenv("CC", "no-such-compiler", 1);
}

/* What the compiler says is shown, and our line comes last. */
static void test_snippets_that_do_not_compile(void)
{
    static const char words[] = "module " MODULES "sound.so --use=bad.c";

    file_write("bad.c", "void use(void *m) { nonsense", 0644);
    command_words(&said, NULL, words);
    said_status("bad.c", &said, 2);
    said_has("bad.c", said.err, "bad.c:1:");
    said_has("bad.c", said.err, "bad.c: 'cc' does not compile it, see above\n");
    command_words(&said, no_compiler, words);
    said_refused("no compiler", &said, 2, "the compiler 'no-such-compiler': ");
    said_has("no compiler", said.err, "apt-get install gcc");
    file_write("nouse.c", "extern int x; int x;\n", 0644);
    command_run(&said, "module %s --use=nouse.c", MODULES "sound.so");
    said_refused("nouse.c", &said, 2, "nouse.c: it does not define void use(void *module)");
}

/* --- nothing is left
 * ------------------------------------------------------------------------------
 */

static void test_help_and_version(void)
{
    command_run(&said, "module --help");
    said_good("--help", &said);
    said_has("--help", said.out, "Usage: rundown module [OPTION...] LIB.so");
    said_has("--help", said.out, "--must-unload");
}

/* The folder of compiled files goes also when the program is killed outright. */
static void test_killed(void)
{
    struct going going;
    char name[256];

    file_write("use.c", "void use(void *module) { (void)module; }\n", 0644);
    tree_remove(results);
    going_start(&going, NULL, "module %s --use use.c --laps=100000000 --out %s", MODULES "sound.so",
                results);
    CU_ASSERT_TRUE(directory_wait(test_temporary, "rundown-use.", name));
    kill(going.pid, SIGKILL);
    going_end(&going, &said);
    CU_ASSERT_EQUAL(said.status, -1);
    CU_ASSERT_FALSE(directory_find(test_temporary, "", name));
}

int main(void)
{
    CU_pSuite suite;

    if (CU_initialize_registry() != CUE_SUCCESS)
        return 2;
    suite = CU_add_suite("module", place_open, place_close);
    CU_ADD_TEST(suite, test_sound);
    CU_ADD_TEST(suite, test_snippet);
    CU_ADD_TEST(suite, test_key_deleted);
    CU_ADD_TEST(suite, test_leak);
    CU_ADD_TEST(suite, test_key_left);
    CU_ADD_TEST(suite, test_crash_while_loading);
    CU_ADD_TEST(suite, test_staying);
    CU_ADD_TEST(suite, test_staying_for_a_short_time);
    CU_ADD_TEST(suite, test_must_unload);
    CU_ADD_TEST(suite, test_injected_ends);
    CU_ADD_TEST(suite, test_unload_under_use);
    CU_ADD_TEST(suite, test_replay);
    CU_ADD_TEST(suite, test_replay_of_awkward_words);
    CU_ADD_TEST(suite, test_bad_lines);
    CU_ADD_TEST(suite, test_refusals);
    CU_ADD_TEST(suite, test_no_module);
    CU_ADD_TEST(suite, test_no_elf);
    CU_ADD_TEST(suite, test_snippets_that_do_not_compile);
    CU_ADD_TEST(suite, test_help_and_version);
    CU_ADD_TEST(suite, test_killed);
    CU_basic_set_mode(CU_BRM_VERBOSE);
    CU_basic_run_tests();
    said_free(&said);
    return CU_get_number_of_failures() != 0;
}
