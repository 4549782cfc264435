/*
 * test_removal: trees that are deep, locked, linked or full of the removal's own names.
 *
 * Started by root, the suite runs again as nobody, whom permissions stop.
 */
#include <harness/supervisor/guardian/removal.h>

#include <CUnit/Basic.h>
#include <CUnit/CUnit.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { DEPTH = 600, OWN_NAMES = 40, NOBODY = 65534 };

static char place[32];
static int top;

static int set_up(void)
{
    snprintf(place, sizeof place, "/tmp/test_removal.XXXXXX");
    if (mkdtemp(place) == NULL)
        return 1;
    top = open(place, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return top < 0;
}

/* An empty place is the proof that no test left or lost anything. */
static int tear_down(void)
{
    close(top);
    return rmdir(place) != 0;
}

static void directory(const char *name)
{
    CU_ASSERT_EQUAL(mkdirat(top, name, 0700), 0);
}

static void file(const char *name)
{
    int fd = openat(top, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    CU_ASSERT(fd >= 0);
    close(fd);
}

static bool exists(const char *name)
{
    struct stat st;

    return fstatat(top, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static void test_simple(void)
{
    file("plain");
    directory("empty");
    CU_ASSERT(removal_tree(top, "plain"));
    CU_ASSERT(removal_tree(top, "empty"));
    CU_ASSERT(removal_tree(top, "never"));
    CU_ASSERT_FALSE(exists("plain") || exists("empty"));
}

static void test_links(void)
{
    directory("outside");
    file("outside/kept");
    directory("tree");
    directory("tree/inner");
    CU_ASSERT_EQUAL(symlinkat("../../outside", top, "tree/inner/link"), 0);
    CU_ASSERT_EQUAL(symlinkat("outside", top, "link"), 0);
    CU_ASSERT(removal_tree(top, "tree"));
    CU_ASSERT(removal_tree(top, "link"));
    CU_ASSERT_FALSE(exists("tree") || exists("link"));
    CU_ASSERT(exists("outside/kept"));
    CU_ASSERT(removal_tree(top, "outside"));
}

static void test_locked(void)
{
    directory("tree");
    directory("tree/inner");
    directory("tree/inner/last");
    file("tree/inner/last/file");
    CU_ASSERT_EQUAL(fchmodat(top, "tree/inner/last", 0, 0), 0);
    CU_ASSERT_EQUAL(fchmodat(top, "tree/inner", 0, 0), 0);
    CU_ASSERT_EQUAL(fchmodat(top, "tree", 0, 0), 0);
    CU_ASSERT(removal_tree(top, "tree"));
    CU_ASSERT_FALSE(exists("tree"));
}

/* Deeper than any path may be long. */
static void test_deep(void)
{
    int dir, next;

    directory("tree");
    dir = openat(top, "tree", O_PATH | O_DIRECTORY | O_CLOEXEC);
    for (int i = 0; i < DEPTH; i++, dir = next) {
        CU_ASSERT_EQUAL(mkdirat(dir, "nested-nested-nested", 0700), 0);
        next = openat(dir, "nested-nested-nested", O_PATH | O_DIRECTORY | O_CLOEXEC);
        close(dir);
    }
    close(dir);
    CU_ASSERT(removal_tree(top, "tree"));
    CU_ASSERT_FALSE(exists("tree"));
}

/* The first directory that moves up meets its own parent under the first name of a removal. */
static void test_first_name(void)
{
    directory("tree");
    directory("tree/.removed-0");
    directory("tree/.removed-0/inner");
    file("tree/.removed-0/inner/file");
    CU_ASSERT(removal_tree(top, "tree"));
    CU_ASSERT_FALSE(exists("tree"));
}

/*
 * The names that hoisting takes are there already: as files, as empty directories and as full
 * ones, beside directories that must be hoisted.
 */
static void test_own_names(void)
{
    char name[64];

    directory("tree");
    for (int i = 0; i < OWN_NAMES; i++) {
        snprintf(name, sizeof name, "tree/.removed-%d", i);
        (i % 3 == 0 ? file : directory)(name);
        snprintf(name, sizeof name, "tree/.removed-%d/inner", i);
        if (i % 3 == 1)
            directory(name);
        snprintf(name, sizeof name, "tree/.removed-%d/inner/file", i);
        if (i % 3 == 1)
            file(name);
    }
    CU_ASSERT(removal_tree(top, "tree"));
    CU_ASSERT_FALSE(exists("tree"));
}

/* What cannot go stays, and the removal ends and says so. */
static void test_stays(void)
{
    bool root = geteuid() == 0;

    directory("above");
    directory("above/tree");
    file("above/tree/file");
    CU_ASSERT_EQUAL(fchmodat(top, "above", 0500, 0), 0);
    CU_ASSERT_EQUAL(removal_tree(top, "above/tree"), root);
    CU_ASSERT_EQUAL(exists("above/tree"), !root);
    CU_ASSERT_FALSE(exists("above/tree/file"));
    CU_ASSERT_EQUAL(fchmodat(top, "above", 0700, 0), 0);
    CU_ASSERT(removal_tree(top, "above"));
}

static _Noreturn void again_as_nobody(void)
{
    if (setgroups(0, NULL) == 0 && setresgid(NOBODY, NOBODY, NOBODY) == 0 &&
        setresuid(NOBODY, NOBODY, NOBODY) == 0)
        execl("/proc/self/exe", "test_removal", (char *)NULL);
    perror("as nobody");
    _exit(1);
}

static bool runs_as_nobody(void)
{
    int status = -1;
    pid_t pid;

    fflush(NULL);
    pid = fork();
    if (pid == 0)
        again_as_nobody();
    return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"its own first name", test_first_name},      {"a tree of its own names", test_own_names},
        {"files and empty directories", test_simple}, {"links are not followed", test_links},
        {"locked directories", test_locked},          {"a deep tree", test_deep},
        {"what cannot go stays", test_stays},         CU_TEST_INFO_NULL};
    CU_SuiteInfo suites[] = {{"removal", set_up, tear_down, NULL, NULL, tests}, CU_SUITE_INFO_NULL};
    bool failed;

    if (CU_initialize_registry() != CUE_SUCCESS || CU_register_suites(suites) != CUE_SUCCESS)
        return 1;
    CU_basic_set_mode(CU_BRM_VERBOSE);
    CU_basic_run_tests();
    failed = CU_get_number_of_failures() != 0;
    CU_cleanup_registry();
    if (geteuid() == 0)
        failed |= !runs_as_nobody();
    return failed;
}
