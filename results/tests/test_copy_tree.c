/*
 * test_copy_tree: files and directories come along, links do not, and no path leads out.
 */
#include "store_fixture.h"

#include <results/merge/copy_tree.h>

#include <CUnit/Basic.h>

static void test_inside(void)
{
    CU_ASSERT_TRUE(copy_tree_is_inside("traces/1-2"));
    CU_ASSERT_TRUE(copy_tree_is_inside("..a/b.."));
    CU_ASSERT_FALSE(copy_tree_is_inside(""));
    CU_ASSERT_FALSE(copy_tree_is_inside("/etc"));
    CU_ASSERT_FALSE(copy_tree_is_inside(".."));
    CU_ASSERT_FALSE(copy_tree_is_inside("a/.."));
    CU_ASSERT_FALSE(copy_tree_is_inside("a/../../b"));
}

static void path_of(const struct fixture *f, const char *name, char out[2 * FIXTURE_PATH])
{
    snprintf(out, 2 * FIXTURE_PATH, "%s/%s", f->directory, name);
}

static void make(const struct fixture *f, const char *name, const char *text)
{
    char path[2 * FIXTURE_PATH];
    FILE *file;

    path_of(f, name, path);
    if (text == NULL) {
        CU_ASSERT_EQUAL_FATAL(mkdir(path, 0777), 0);
        return;
    }
    file = fopen(path, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    fputs(text, file);
    fclose(file);
}

static bool is_there(const struct fixture *f, const char *name)
{
    char path[2 * FIXTURE_PATH];
    struct stat info;

    path_of(f, name, path);
    return lstat(path, &info) == 0;
}

static void test_copy(void)
{
    struct fixture f;
    char from[2 * FIXTURE_PATH], to[2 * FIXTURE_PATH], link[2 * FIXTURE_PATH];

    fixture_directory(&f);
    make(&f, "in", NULL);
    make(&f, "in/file", "text");
    make(&f, "in/deep", NULL);
    make(&f, "in/deep/other", "more");
    path_of(&f, "in/link", link);
    CU_ASSERT_EQUAL_FATAL(symlink("/etc", link), 0);
    path_of(&f, "in", from);
    path_of(&f, "out/a/b", to);
    fixture_ok(&f, copy_tree(from, to, &f.e));
    CU_ASSERT_TRUE(is_there(&f, "out/a/b/file"));
    CU_ASSERT_TRUE(is_there(&f, "out/a/b/deep/other"));
    CU_ASSERT_FALSE(is_there(&f, "out/a/b/link"));
    CU_ASSERT_EQUAL(copy_tree(link, to, &f.e), ERROR_NOT_FOUND);
    path_of(&f, "nothing", from);
    CU_ASSERT_EQUAL(copy_tree(from, to, &f.e), ERROR_NOT_FOUND);
    fixture_remove(&f);
}

int main(void)
{
    CU_pSuite suite;

    CU_initialize_registry();
    suite = CU_add_suite("copy_tree", NULL, NULL);
    CU_add_test(suite, "inside", test_inside);
    CU_add_test(suite, "copy", test_copy);
    CU_basic_run_tests();
    return CU_get_number_of_failures() > 0;
}
