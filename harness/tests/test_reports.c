/*
 * Tests of the reports at a run's end: colours on a terminal, and the wish for none; each is of
 * one moment.
 *
 * The terminal is a pair of our own; nothing here depends on how fast the machine is.
 */
#include <pty.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CUnit/Basic.h>

#include <harness/supervisor/cli/reports.h>
#include <results/store/database.h>
#include <results/store/store.h>

static char place[] = "/tmp/rundown-reports.XXXXXX";
static char text[1 << 16];

static void read_all(int terminal)
{
    size_t length = 0;
    ssize_t got;

    while (length < sizeof text - 1 &&
           (got = read(terminal, text + length, sizeof text - 1 - length)) > 0)
        length += (size_t)got;
    text[length] = 0;
}

/* A run that finds something; @no_color NULL: unset. */
static void run(const char *no_color)
{
    static unsigned runs;
    char directory[64];
    int terminal;
    pid_t pid;
    int status = 0;

    snprintf(directory, sizeof directory, "%s/%u", place, runs++);
    pid = forkpty(&terminal, NULL, NULL, NULL);
    CU_ASSERT_FATAL(pid >= 0);
    if (pid == 0) {
        unsetenv("NO_COLOR");
        setenv("TERM", "xterm", 1);
        if (no_color != NULL)
            setenv("NO_COLOR", no_color, 1);
        alarm(120);
        execl(RUNDOWN_BUILD_DIR "/bin/rundown", "rundown", "run", "--inject", "none", "--cycles",
              "2", "--quiet", "--out", directory, "--", RUNDOWN_BUILD_DIR "/tests/programs/notices",
              "exit-together", NULL);
        _exit(127);
    }
    read_all(terminal);
    waitpid(pid, &status, 0);
    close(terminal);
    CU_ASSERT(WIFEXITED(status) && WEXITSTATUS(status) == 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "exit.concurrent"));
}

static bool is_coloured(void)
{
    return strstr(text, "\x1b[") != NULL;
}

static void test_colours_on_a_terminal(void)
{
    run(NULL);
    CU_ASSERT(is_coloured());
}

/* no-color.org: set, and not to an empty string. */
static void test_no_color(void)
{
    run("1");
    CU_ASSERT_FALSE(is_coloured());
    run("");
    CU_ASSERT(is_coloured());
}

/* --- one moment ------------------------------------------------------------------------------ */

static struct store *make_store(const char *name, char directory[64])
{
    struct store *store = NULL;
    struct error e;

    snprintf(directory, 64, "%s/%s", place, name);
    CU_ASSERT_FATAL(mkdir(directory, 0700) == 0 && store_create(directory, &store, &e) == 0);
    CU_ASSERT_EQUAL(store_meta_set(store, "seed", "0x1", &e), 0);
    return store;
}

/* struct seen - statements, and those outside any transaction, by which one begins. */
struct seen {
    sqlite3 *db;
    unsigned statements, outside;
};

static int see(unsigned kind, void *context, void *statement, void *sql)
{
    struct seen *seen = context;

    seen->statements++;
    seen->outside += sqlite3_get_autocommit(seen->db) != 0;
    return 0;
}

static void watch(struct store *store, struct seen *seen)
{
    *seen = (struct seen){.db = store->db};
    sqlite3_trace_v2(store->db, SQLITE_TRACE_STMT, see, seen);
}

static void expect_one_transaction(const struct seen *seen)
{
    CU_ASSERT(seen->statements > 3);
    CU_ASSERT_EQUAL(seen->outside, 1);
    CU_ASSERT(sqlite3_get_autocommit(seen->db)); /* and it has ended */
}

static void test_one_moment(void)
{
    char directory[64], path[96];
    struct store *store = make_store("moment", directory);
    struct seen seen;
    struct error e;

    snprintf(path, sizeof path, "%s/page", directory);
    watch(store, &seen);
    CU_ASSERT_EQUAL(reports_write_file(store, reports_find("html"), path, &e), 0);
    expect_one_transaction(&seen);
    watch(store, &seen);
    CU_ASSERT_EQUAL(reports_write_terminal(store, &e), 0);
    expect_one_transaction(&seen);
    watch(store, &seen);
    CU_ASSERT_EQUAL(reports_write_all(store, directory), 0);
    expect_one_transaction(&seen);
    store_close(store);
}

/* A report that fails leaves no transaction behind, in which the next change would be lost. */
static void test_a_failure_ends_it(void)
{
    char directory[64], path[96];
    struct store *store = make_store("failure", directory);
    struct error e;

    snprintf(path, sizeof path, "%s/none/page", directory);
    CU_ASSERT_NOT_EQUAL(reports_write_file(store, reports_find("html"), path, &e), 0);
    CU_ASSERT(sqlite3_get_autocommit(store->db));
    snprintf(path, sizeof path, "%s/none", directory);
    CU_ASSERT_NOT_EQUAL(reports_write_all(store, path), 0);
    CU_ASSERT(sqlite3_get_autocommit(store->db));
    store_close(store);
}

int main(void)
{
    CU_pSuite suite;

    if (mkdtemp(place) == NULL || CU_initialize_registry() != CUE_SUCCESS)
        return 1;
    suite = CU_add_suite("reports", NULL, NULL);
    CU_ADD_TEST(suite, test_colours_on_a_terminal);
    CU_ADD_TEST(suite, test_no_color);
    CU_ADD_TEST(suite, test_one_moment);
    CU_ADD_TEST(suite, test_a_failure_ends_it);
    CU_basic_set_mode(CU_BRM_VERBOSE);
    CU_basic_run_tests();
    snprintf(text, sizeof text, "rm -rf %s", place);
    if (system(text) != 0)
        return 1;
    return CU_get_number_of_failures() != 0;
}
