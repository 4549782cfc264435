/*
 * The page of a finding, end to end: a program is run, fails, and its page has what a reader asks
 * for; on a pipe without colours, on a terminal with them unless NO_COLOR is set.
 */
#include <harness/tests/command_run.h>

#include <CUnit/Basic.h>

#include <pty.h>

#define PLANTED RUNDOWN_BUILD_DIR "/tests/planted/"

static struct said said;

static void make_run(void)
{
    command_run(&said,
                "run --inject none --cycles 2 --confirm 0 --seed 1 --quiet --out run -- " PLANTED
                "loader_deadlock bad");
    said_status("run", &said, 1);
}

static void the_page_has_it_all(void)
{
    make_run();
    command_run(&said, "report run --finding 1");
    said_good("page", &said);
    said_has("page", said.out, "FAIL  loader.deadlock\n");
    said_has("page", said.out, "  the circle: T1 ");
    said_has("page", said.out, "  again:      rundown replay '");
    said_has("page", said.out, "  seen 2 times in 2 cycles, first at cycle 0 (finding 1)\n");
    said_has("page", said.out, "loader_deadlock_module.so:planted_stop");
    text_fits("page", said.out, "\n  >  +[0-9]+      pthread_join\\(worker, NULL\\);\n");
    text_fits("page", said.out, "\n  >  +[0-9]+      handle = dlopen\\(\"libm");
    text_fits("page", said.out,
              "\n +-[0-9.]+  T1 +unload-begin  dlclose +loader_deadlock_module.so");
    text_fits("page", said.out,
              "\n +-?[0-9.]+  T1.1 +load-begin +dlopen  in work\n? *"
              "[^\n]*loader_deadlock_module.c:[0-9]+\n");
    said_has("page", said.out, "\nWhat to do\n");
    CU_ASSERT_PTR_NULL(strchr(said.out, '\033'));
}

/* All of the JSON must be readable by somebody else, here SQLite; its shape is tested elsewhere. */
static void the_other_forms_have_the_same(void)
{
    sqlite3 *db;

    command_run(&said, "report run --finding 1 --json");
    said_good("json", &said);
    db = record_read(said.out);
    asked("json", db, "SELECT json_extract(json, '$.finding') FROM line", 1);
    asked("json", db,
          "SELECT count(*) FROM line, json_each(line.json, '$.sources') WHERE "
          "json_extract(value, '$.path') LIKE '/%loader_deadlock_module.c'",
          2);
    asked("json", db,
          "SELECT count(*) > 5 FROM line, json_each(line.json, '$.timeline') WHERE "
          "json_extract(value, '$.thread') IN ('T1', 'T1.1')",
          1);
    sqlite3_close(db);
    command_run(&said, "report run --finding 1 --markdown");
    said_good("markdown", &said);
    said_has("markdown", said.out, "## FAIL `loader.deadlock` in `-- ");
    said_has("markdown", said.out, "```sh\nrundown replay '");
}

/* What the program says to a terminal. */
static void on_terminal(char *out, size_t room)
{
    char *const argv[] = {(char *)COMMAND_PROGRAM, (char *)"report", (char *)"run",
                          (char *)"--finding",     (char *)"1",      NULL};
    size_t length = 0;
    ssize_t got;
    int master;
    pid_t pid = forkpty(&master, NULL, NULL, NULL);

    CU_ASSERT_FATAL(pid >= 0);
    if (pid == 0) {
        execv(argv[0], argv);
        _exit(127);
    }
    while (length < room - 1 && (got = read(master, out + length, room - 1 - length)) > 0)
        length += (size_t)got;
    out[length] = 0;
    close(master);
    CU_ASSERT_EQUAL(waitpid(pid, NULL, 0), pid);
}

static void colours_are_for_terminals(void)
{
    static char text[1 << 16];

    setenv("TERM", "xterm", 1);
    unsetenv("NO_COLOR");
    on_terminal(text, sizeof text);
    said_has("terminal", text, "\033[1;31mFAIL  loader.deadlock\033[0m");
    setenv("NO_COLOR", "1", 1);
    on_terminal(text, sizeof text);
    said_has("terminal", text, "FAIL  loader.deadlock");
    CU_ASSERT_PTR_NULL(strchr(text, '\033'));
    unsetenv("NO_COLOR");
}

int main(void)
{
    CU_pSuite suite;
    int failed;

    if (CU_initialize_registry() != CUE_SUCCESS)
        return 1;
    suite = CU_add_suite("the page of a run", place_open, place_close);
    CU_ADD_TEST(suite, the_page_has_it_all);
    CU_ADD_TEST(suite, the_other_forms_have_the_same);
    CU_ADD_TEST(suite, colours_are_for_terminals);
    CU_basic_set_mode(CU_BRM_VERBOSE);
    CU_basic_run_tests();
    failed = CU_get_number_of_failures() != 0;
    CU_cleanup_registry();
    return failed;
}
