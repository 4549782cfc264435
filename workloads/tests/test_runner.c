/*
 * Tests of the runner, from outside: what it says to bad arguments (one line that names what
 * is wrong), and with what status it ends.
 */
#include <workloads/tests/drive.h>

static const char program[] = RUNDOWN_BUILD_DIR "/lib/rundown/rundown-target";

enum { ARGUMENTS = 12 };

/* What one run of the runner came to. */
static struct {
    int status;
    char said[8192];
} run;

static void read_all(int fd, char *out, size_t size)
{
    size_t length = 0;
    ssize_t got;

    while (length < size - 1 && (got = read(fd, out + length, size - 1 - length)) > 0)
        length += (size_t)got;
    out[length] = '\0';
}

/* Runs it with @text cut at blanks, and in the environment with @setting, if not NULL. */
static void runner(const char *text, const char *setting)
{
    char copy[1024];
    char *argument[ARGUMENTS + 2] = {(char *)program};
    int count = 1;
    int ends[2];
    pid_t pid;

    snprintf(copy, sizeof copy, "%s", text);
    for (char *word = strtok(copy, " "); word != NULL && count <= ARGUMENTS;
         word = strtok(NULL, " "))
        argument[count++] = word;
    CU_ASSERT_EQUAL_FATAL(pipe(ends), 0);
    fflush(NULL);
    pid = fork();
    if (pid == 0) {
        dup2(ends[1], STDOUT_FILENO);
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        close(ends[1]);
        alarm(DRIVE_SECONDS);
        if (setting != NULL)
            putenv((char *)setting);
        execv(program, argument);
        _exit(127);
    }
    close(ends[1]);
    read_all(ends[0], run.said, sizeof run.said);
    close(ends[0]);
    run.status = drive_status(pid);
}

static bool is_one_line(const char *text)
{
    const char *end = strchr(text, '\n');

    return end != NULL && end != text && end[1] == '\0';
}

static void check_said(const char *text, const char *wanted)
{
    if (strstr(run.said, wanted) == NULL)
        fprintf(stderr, "\n'%s': wanted \"%s\" in: %s\n", text, wanted, run.said);
    CU_ASSERT_PTR_NOT_NULL(strstr(run.said, wanted));
}

/* Refused in one line with both of these in it. */
static void check_refused(const char *text, const char *what, const char *mend)
{
    runner(text, NULL);
    CU_ASSERT_EQUAL(run.status, 2);
    CU_ASSERT_TRUE(is_one_line(run.said));
    check_said(text, "rundown-target: ");
    check_said(text, what);
    check_said(text, mend);
}

static void check_passes(const char *text)
{
    runner(text, NULL);
    if (run.status != 0)
        fprintf(stderr, "\n'%s' ended with %d: %s\n", text, run.status, run.said);
    CU_ASSERT_EQUAL(run.status, 0);
    CU_ASSERT_PTR_NULL(strstr(run.said, "rundown-target")); /* a workload's own words are its own */
}

/* --- refusals -------------------------------------------------------------------------- */

static void test_workload_must_be_known(void)
{
    check_refused("", "no workload given", "WORKLOAD");
    check_refused("heap-chrun", "'heap-chrun' is unknown", "'heap-churn'");
    check_refused("heap_churn", "'heap_churn' is unknown", "'heap-churn'");
    check_refused("zzzzzzzzzzzzzzzz", "'zzzzzzzzzzzzzzzz' is unknown", "rundown list workloads");
    check_refused("-x", "'-x' is unknown", "rundown list workloads");
}

static void test_parameter_must_be_known(void)
{
    check_refused("heap-churn thread=4", "'thread' is unknown", "'threads'");
    check_refused("heap-churn sede=4", "'sede' is unknown", "'seed'");
    check_refused("null threads=4", "'threads' is unknown", "");
    check_refused("heap-churn threads", "'threads' is not an argument", "NAME=VALUE");
    check_refused("heap-churn =4", "'=4' is not an argument", "NAME=VALUE");
    check_refused("heap-churn "
                  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa=1",
                  "is unknown", "known are threads, ");
}

static void test_variant_must_be_known(void)
{
    check_refused("heap-churn variant=shared-arean", "'shared-arean' is unknown", "'shared-arena'");
    check_refused("heap-churn variant=", "'' is unknown", "");
    check_refused("null variant=plane", "'plane' is unknown", "'plain'");
}

static void test_value_must_be_a_number(void)
{
    static const char *const wrong[] = {"", "12x", "x", "1.5", "+4", "-", "0x", "0xg", "1e3"};

    for (unsigned i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char text[64];
        char what[64];

        snprintf(text, sizeof text, "heap-churn threads=%s", wrong[i]);
        snprintf(what, sizeof what, "threads: '%s' is not a number", wrong[i]);
        check_refused(text, what, "from 1 to 64");
    }
}

static void test_value_must_be_in_range(void)
{
    check_refused("heap-churn threads=0", "threads: '0' is out of range", "from 1 to 64");
    check_refused("heap-churn threads=65", "threads: '65' is out of range", "from 1 to 64");
    check_refused("heap-churn threads=-1", "threads: '-1' is out of range", "from 1 to 64");
    check_refused("heap-churn ops=99999999999999999999", "is out of range", "from 1 to");
    check_refused("null laps=0", "laps: '0' is out of range", "from 1 to");
    check_refused("null laps=4294967296", "laps: '4294967296' is out of range", "from 1 to");
}

static void test_seed_must_be_64_bits(void)
{
    check_refused("null seed=18446744073709551616", "seed: '18446744073709551616' is out of range",
                  "18446744073709551615");
    check_refused("null seed=-1", "seed: '-1' is not a number", "from 0 to");
    check_refused("null seed=abc", "seed: 'abc' is not a number", "from 0 to");
    check_passes("null seed=18446744073709551615");
    check_passes("null seed=0xFFFFFFFFFFFFFFFF");
    check_passes("null seed=007");
}

static void test_the_first_mistake_counts(void)
{
    check_refused("heap-churn threads=x ops=y", "threads: 'x'", "from");
    check_refused("heap-churn threads=2 ops=y", "ops: 'y'", "from");
}

static void test_seed_comes_from_the_environment_too(void)
{
    runner("null", "RUNDOWN_SEED=12");
    CU_ASSERT_EQUAL(run.status, 0);
    runner("null", "RUNDOWN_SEED=twelve");
    CU_ASSERT_EQUAL(run.status, 2);
    check_said("RUNDOWN_SEED", "'twelve' is not a number");
}

/* --- runs ---------------------------------------------------------------------------------- */

static void test_every_variant_passes_in_silence(void)
{
    for (int i = 0; workload_registry[i] != NULL; i++) {
        const struct workload *workload = workload_registry[i];
        const struct workload_variant *variant = workload->variants;

        check_passes(workload->name);
        for (int j = 0; variant != NULL && variant[j].name != NULL; j++) {
            char text[128];

            /* One that is bad by itself may break promises; the others keep them. */
            if (variant[j].bad && variant[j].injectors[0] == '\0')
                continue;
            snprintf(text, sizeof text, "%s variant=%s laps=2", workload->name, variant[j].name);
            check_passes(text);
        }
    }
}

static void test_null_takes_the_usual_arguments(void)
{
    check_passes("null variant=plain seed=0x5eed laps=1000");
}

static void test_missing_module_is_a_setup_failure(void)
{
    runner("module-cycle", "RUNDOWN_MODULE_DIR=/nonexistent");
    CU_ASSERT_EQUAL(run.status, 3);
    CU_ASSERT_TRUE(is_one_line(run.said));
    check_said("module-cycle", "module-cycle: set-up failed: no such file");
}

/* A module that is none is loaded in vain: a broken promise, once per load. */
static void test_broken_promise_shows_in_the_status(void)
{
    char directory[] = "/tmp/rundown-test-XXXXXX";
    char path[64];
    char setting[128];
    FILE *file;

    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/worker.so", directory);
    snprintf(setting, sizeof setting, "RUNDOWN_MODULE_DIR=%s", directory);
    file = fopen(path, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    fputs("this is no module\n", file);
    fclose(file);
    runner("module-cycle loads=1", setting);
    CU_ASSERT_EQUAL(run.status, 1);
    CU_ASSERT_TRUE(is_one_line(run.said));
    check_said("module-cycle", "broken: module-cycle: dlopen failed");
    unlink(path);
    rmdir(directory);
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"the workload must be known", test_workload_must_be_known},
        {"a parameter must be known", test_parameter_must_be_known},
        {"the variant must be known", test_variant_must_be_known},
        {"a value must be a number", test_value_must_be_a_number},
        {"a value must be in range", test_value_must_be_in_range},
        {"the seed must be 64 bits", test_seed_must_be_64_bits},
        {"the first mistake counts", test_the_first_mistake_counts},
        {"the seed comes from the environment too", test_seed_comes_from_the_environment_too},
        {"every variant passes in silence", test_every_variant_passes_in_silence},
        {"null takes the usual arguments", test_null_takes_the_usual_arguments},
        {"a missing module is a set-up failure", test_missing_module_is_a_setup_failure},
        {"a broken promise shows in the status", test_broken_promise_shows_in_the_status},
        CU_TEST_INFO_NULL,
    };

    return drive_suite("runner", tests);
}
