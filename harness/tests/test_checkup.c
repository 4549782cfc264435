/*
 * Tests of checkup: the helpers, and that each check fills what it promises. What a check finds
 * out where something is lacking is tested in test_commands, on the program; here are limits
 * that only a child may set.
 */
#include <harness/supervisor/cli/checkup.h>

#include <harness/tests/command_run.h>

#include <CUnit/Basic.h>

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

static struct said said;
static char why[200];

static int return_number(void *context)
{
    return *(int *)context;
}

static int die(void *context)
{
    raise(*(int *)context);
    return 0;
}

static void a_child_has_a_status_or_a_reason(void)
{
    int number = 0;

    CU_ASSERT_EQUAL(checkup_child(return_number, &number, why, sizeof why), 0);
    number = 77;
    CU_ASSERT_EQUAL(checkup_child(return_number, &number, why, sizeof why), 77);
    number = SIGSEGV;
    CU_ASSERT_EQUAL(checkup_child(die, &number, why, sizeof why), -1);
    CU_ASSERT_STRING_EQUAL(why, "killed by SIGSEGV");
    number = SIGALRM; /* what the deadline sends */
    CU_ASSERT_EQUAL(checkup_child(die, &number, why, sizeof why), -1);
    CU_ASSERT_PTR_NOT_NULL(strstr(why, "no answer in "));
}

static int blocked(void *context)
{
    sigset_t now;

    sigprocmask(SIG_SETMASK, NULL, &now);
    return sigismember(&now, SIGUSR1) || signal(SIGUSR2, SIG_DFL) != SIG_DFL || alarm(0) == 0;
}

/* What the caller blocks and ignores would hide what a check waits for. */
static void a_child_starts_with_default_signals_and_a_deadline(void)
{
    sigset_t set, old;

    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, &old);
    signal(SIGUSR2, SIG_IGN);
    CU_ASSERT_EQUAL(checkup_child(blocked, NULL, why, sizeof why), 0);
    signal(SIGUSR2, SIG_DFL);
    sigprocmask(SIG_SETMASK, &old, NULL);
}

static void files_and_programs_are_found(void)
{
    char line[64] = "untouched", path[256];
    char *old = strdup(getenv("PATH") != NULL ? getenv("PATH") : "");

    CU_ASSERT_FALSE(checkup_read("/nonexistent", line, sizeof line));
    CU_ASSERT_TRUE(checkup_read("/proc/self/comm", line, sizeof line));
    CU_ASSERT_STRING_EQUAL(line, "test_checkup");
    setenv("PATH", "/nonexistent:/bin:/usr/bin", 1);
    CU_ASSERT_TRUE(checkup_find("sh", path, sizeof path));
    CU_ASSERT_STRING_EQUAL(path, "/bin/sh");
    CU_ASSERT_FALSE(checkup_find("no-such-program", path, sizeof path));
    setenv("PATH", "/etc", 1); /* there, and no program */
    CU_ASSERT_FALSE(checkup_find("passwd", path, sizeof path));
    setenv("PATH", old, 1);
    free(old);
}

static void good_and_bad_fill_all(void)
{
    struct checkup checkup;

    memset(&checkup, 'x', sizeof checkup);
    checkup_bad(&checkup, CHECKUP_MISSING, "this", "do that", "%d of %d", 1, 2);
    CU_ASSERT_EQUAL(checkup.state, CHECKUP_MISSING);
    CU_ASSERT_STRING_EQUAL(checkup.fact, "1 of 2");
    CU_ASSERT_STRING_EQUAL(checkup.lost, "this");
    CU_ASSERT_STRING_EQUAL(checkup.mend, "do that");
    checkup_ok(&checkup, "%s", "fine");
    CU_ASSERT_EQUAL(checkup.state, CHECKUP_OK);
    CU_ASSERT_STRING_EQUAL(checkup.fact, "fine");
    CU_ASSERT_STRING_EQUAL(checkup.lost, "");
    CU_ASSERT_STRING_EQUAL(checkup.mend, "");
}

static void every_check_says_something(void)
{
    for (unsigned i = 0; checkup_items[i].name != NULL; i++) {
        struct checkup checkup = {.fact = ""};

        checkup_items[i].look(&checkup);
        CU_ASSERT_NOT_EQUAL(checkup.fact[0], 0);
        CU_ASSERT_PTR_NULL(strpbrk(checkup.fact, "\n"));
        CU_ASSERT_EQUAL(checkup.lost[0] == 0, checkup.state == CHECKUP_OK);
        CU_ASSERT_EQUAL(checkup.mend[0] == 0, checkup.state == CHECKUP_OK);
        for (unsigned k = 0; k < i; k++)
            CU_ASSERT_STRING_NOT_EQUAL(checkup_items[i].name, checkup_items[k].name);
    }
}

/* struct limited - a check under a limit. */
struct limited {
    int resource;
    rlim_t most;
    void (*look)(struct checkup *);
};

/* The state; 9 where the limit cannot be set. Root has none on processes, so it stops being. */
static int look_limited(void *context)
{
    const struct limited *limited = context;
    struct rlimit limit;
    struct checkup checkup;

    getrlimit(limited->resource, &limit);
    if (limit.rlim_max < limited->most)
        return 9;
    limit.rlim_cur = limited->most;
    if (setrlimit(limited->resource, &limit) != 0)
        return 9;
    if (geteuid() == 0 && setresuid(65534, 65534, 65534) != 0)
        return 9;
    limited->look(&checkup);
    puts(checkup.fact);
    return (int)checkup.state;
}

static void check_limited(struct limited limited, enum checkup_state wanted)
{
    command_call(&said, look_limited, &limited);
    if (said.status != 9)
        said_status("limited", &said, (int)wanted);
}

static void limits_are_judged(void)
{
    check_limited((struct limited){RLIMIT_NOFILE, 1001, checkup_files}, CHECKUP_MISSING);
    check_limited((struct limited){RLIMIT_NOFILE, 1002, checkup_files}, CHECKUP_OK);
    check_limited((struct limited){RLIMIT_NPROC, 100, checkup_processes}, CHECKUP_DEGRADED);
    check_limited((struct limited){RLIMIT_NPROC, 2000, checkup_processes}, CHECKUP_OK);
    check_limited((struct limited){RLIMIT_STACK, 1 << 20, checkup_stack}, CHECKUP_DEGRADED);
    check_limited((struct limited){RLIMIT_STACK, 8 << 20, checkup_stack}, CHECKUP_OK);
    check_limited((struct limited){RLIMIT_CORE, 1 << 20, checkup_cores}, CHECKUP_DEGRADED);
}

int main(void)
{
    CU_pSuite suite;

    if (CU_initialize_registry() != CUE_SUCCESS)
        return 2;
    suite = CU_add_suite("checkup", NULL, NULL);
    CU_ADD_TEST(suite, a_child_has_a_status_or_a_reason);
    CU_ADD_TEST(suite, a_child_starts_with_default_signals_and_a_deadline);
    CU_ADD_TEST(suite, files_and_programs_are_found);
    CU_ADD_TEST(suite, good_and_bad_fill_all);
    CU_ADD_TEST(suite, every_check_says_something);
    CU_ADD_TEST(suite, limits_are_judged);
    CU_basic_set_mode(CU_BRM_NORMAL);
    CU_basic_run_tests();
    said_free(&said);
    return CU_get_number_of_failures() != 0;
}
