/*
 * test_store_sources: excerpts are kept once for each place and file, and runs without any are
 * sound.
 */
#include "report_fixture.h"

#include "vector_file.h"

/* struct got - what a place has. */
struct got {
    unsigned count;
    unsigned most;
    char last[200];
};

static int take(const struct store_source *source, void *context)
{
    struct got *got = context;

    snprintf(got->last, sizeof got->last, "%s %s %d %d %d %s", source->place, source->path,
             source->line, source->first, source->newer, source->text);
    return ++got->count == got->most;
}

static struct got ask(struct fixture *f, const char *place, unsigned most)
{
    struct got got = {.most = most};

    fixture_ok(f, store_sources(f->store, place, take, &got, &f->e));
    return got;
}

static void add(struct fixture *f, const char *place, const char *path, const char *text)
{
    struct store_source source = {place, path, 7, 5, true, text};

    fixture_ok(f, store_source_add(f->store, &source, &f->e));
}

static void test_kept_once(void)
{
    struct fixture f;
    struct got got;

    fixture_create(&f);
    add(&f, "a.c:7", "/x/a.c", "one\n");
    add(&f, "a.c:7", "/x/a.c", "two\n");
    add(&f, "a.c:7", "/y/a.c", NULL);
    fixture_reopen(&f, false);
    got = ask(&f, "a.c:7", 9);
    CU_ASSERT_EQUAL(got.count, 2);
    CU_ASSERT_STRING_EQUAL(got.last, "a.c:7 /y/a.c 7 5 1 ");
    got = ask(&f, "a.c:7", 1);
    CU_ASSERT_EQUAL(got.count, 1);
    CU_ASSERT_STRING_EQUAL(got.last, "a.c:7 /x/a.c 7 5 1 one\n");
    CU_ASSERT_EQUAL(ask(&f, "a.c:8", 9).count, 0);
    fixture_remove(&f);
}

static void test_runs_without(void)
{
    struct store_source source = {"a.c:7", "/x/a.c", 7, 5, false, "one\n"};
    struct fixture f;

    report_run(&f);
    CU_ASSERT_EQUAL(ask(&f, "a.c:7", 9).count, 0);
    CU_ASSERT_EQUAL(store_source_add(f.store, &source, &f.e), ERROR_PERMISSION);
    fixture_remove(&f);
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"kept once", test_kept_once},
        {"runs without", test_runs_without},
        CU_TEST_INFO_NULL,
    };

    return vector_run("store: excerpts of sources", tests);
}
