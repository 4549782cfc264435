/*
 * Tests of fork-owner: its clean twins break no promise and leave no thread behind; what its bad
 * variants do goes unnoticed as long as nobody is struck, or hangs in a process apart.
 */
#include <workloads/tests/drive.h>

#include <signal.h>

extern const struct workload workload_fork_owner;

static const struct workload *const workload = &workload_fork_owner;

static int run_variant(void *name)
{
    struct workload_context context = drive_context(workload, name, 1);

    return drive_run(workload, &context);
}

static void test_twins_are_clean(void)
{
    CU_ASSERT_EQUAL(drive_apart(run_variant, (char *)"alone"), 0);
    CU_ASSERT_EQUAL(drive_apart(run_variant, (char *)"atfork"), 0);
}

/* The child waits for what nobody there owns, and its parent for the child: the alarm ends it. */
static void test_the_child_of_an_owner_hangs(const char *variant)
{
    pid_t pid = drive_start(run_variant, (char *)variant);
    char path[64];
    char text[64] = "";
    time_t end = drive_seconds() + DRIVE_SECONDS / 2;
    FILE *children;
    int child = 0;

    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)pid, (int)pid);
    while (child == 0 && drive_seconds() < end) {
        children = fopen(path, "re");
        if (children == NULL || fscanf(children, "%d", &child) != 1)
            child = 0;
        if (children != NULL)
            fclose(children);
    }
    CU_ASSERT_NOT_EQUAL_FATAL(child, 0);
    snprintf(path, sizeof path, "/proc/%d/syscall", child);
    while (strncmp(text, "202 ", 4) != 0 && drive_seconds() < end) {
        children = fopen(path, "re");
        if (children == NULL || fgets(text, sizeof text, children) == NULL)
            text[0] = '\0';
        if (children != NULL)
            fclose(children);
    }
    CU_ASSERT_EQUAL(strncmp(text, "202 ", 4), 0);
    kill(pid, SIGKILL);
    CU_ASSERT_EQUAL(drive_status(pid), -SIGKILL);
}

static void test_bad_ones_hang(void)
{
    test_the_child_of_an_owner_hangs("lock");
    test_the_child_of_an_owner_hangs("stream");
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"twins are clean", test_twins_are_clean},
        {"bad ones hang", test_bad_ones_hang},
        CU_TEST_INFO_NULL,
    };

    return drive_suite("fork-owner", tests);
}
