/*
 * Tests of the report at a run's end on a terminal: colours, and the wish for none.
 *
 * The terminal is a pair of our own; nothing here depends on how fast the machine is.
 */
#include <pty.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CUnit/Basic.h>

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

int main(void)
{
    CU_pSuite suite;

    if (mkdtemp(place) == NULL || CU_initialize_registry() != CUE_SUCCESS)
        return 1;
    suite = CU_add_suite("reports", NULL, NULL);
    CU_ADD_TEST(suite, test_colours_on_a_terminal);
    CU_ADD_TEST(suite, test_no_color);
    CU_basic_set_mode(CU_BRM_VERBOSE);
    CU_basic_run_tests();
    snprintf(text, sizeof text, "rm -rf %s", place);
    if (system(text) != 0)
        return 1;
    return CU_get_number_of_failures() != 0;
}
