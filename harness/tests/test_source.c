/*
 * Tests of source: what is remembered of lines, and which excerpts get into the store.
 */
#include <harness/supervisor/process/source.h>

#include <results/store/store.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include <CUnit/Basic.h>

static char place[200];
static struct store *store;

/* struct got - the excerpts of one place, all in a row. */
struct got {
    unsigned count;
    char text[2000];
};

static int open_place(void)
{
    struct error e;

    snprintf(place, sizeof place, "%s/rundown-test.XXXXXX",
             getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp");
    return mkdtemp(place) == NULL || chdir(place) != 0 || store_create(place, &store, &e) != 0;
}

static int close_place(void)
{
    char command[300];

    store_close(store);
    snprintf(command, sizeof command, "rm -r '%s'", place);
    return chdir("/") != 0 || system(command) != 0;
}

static void write_file(const char *name, unsigned lines, time_t changed)
{
    struct timeval times[2] = {{changed, 0}, {changed, 0}};
    FILE *out = fopen(name, "we");

    CU_ASSERT_PTR_NOT_NULL_FATAL(out);
    for (unsigned i = 1; i <= lines; i++)
        fprintf(out, "%s line %u\n", name, i);
    fclose(out);
    CU_ASSERT_EQUAL(utimes(name, times), 0);
}

static int take(const struct store_source *source, void *context)
{
    struct got *got = context;
    size_t length = strlen(got->text);

    snprintf(got->text + length, sizeof got->text - length, "%d from %d%s:\n%s", source->line,
             source->first, source->newer ? " newer" : "", source->text);
    got->count++;
    return 0;
}

static struct got ask(const char *where)
{
    struct got got = {0};

    CU_ASSERT_EQUAL(store_sources(store, where, take, &got, NULL), 0);
    return got;
}

static void note(const char *name, int line, const char *module)
{
    char path[300];

    snprintf(path, sizeof path, "%s/%s", place, name);
    source_note(NULL, path, line, module);
}

static void keep(const char *text)
{
    struct error e;

    CU_ASSERT_EQUAL(source_keep(store, text, &e), 0);
}

static void what_is_named_is_kept(void)
{
    struct got got;

    source_forget();
    write_file("a.c", 20, 1000);
    write_file("module", 1, 2000);
    note("a.c", 10, "module");
    note("a.c", 2, NULL);
    note("a.c", 20, "module");
    keep("T1  in f  prog  a.c:10\nT1.1  in g  prog  a.c:2, a.c:7 a.c:99");
    got = ask("a.c:10");
    CU_ASSERT_STRING_EQUAL(got.text, "10 from 6:\na.c line 6\na.c line 7\na.c line 8\na.c line 9\n"
                                     "a.c line 10\na.c line 11\na.c line 12\na.c line 13\n");
    CU_ASSERT_EQUAL(strncmp(ask("a.c:2").text, "2 from 1:\na.c line 1\na.c line 2\n", 32), 0);
    CU_ASSERT_EQUAL(ask("a.c:20").count, 0); /* nobody has named it */
    CU_ASSERT_EQUAL(ask("a.c:7").count, 0);  /* and of this nobody knows where it is */
    keep("a.c:20");
    CU_ASSERT_EQUAL(strncmp(ask("a.c:20").text, "20 from 16:\n", 12), 0);
}

/* What stood there when it was judged first is what counts. */
static void it_is_kept_once(void)
{
    source_forget();
    write_file("b.c", 5, 1000);
    note("b.c", 3, NULL);
    keep("b.c:3");
    write_file("b.c", 3, 1000);
    keep("b.c:3");
    CU_ASSERT_EQUAL(ask("b.c:3").count, 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(ask("b.c:3").text, "line 5"));
}

static void a_file_of_later_is_marked(void)
{
    source_forget();
    write_file("c.c", 3, 3000);
    note("c.c", 3, "module");
    keep("c.c:3");
    CU_ASSERT_EQUAL(strncmp(ask("c.c:3").text, "3 from 1 newer:\n", 16), 0);
}

static void two_files_of_one_name_are_both_kept(void)
{
    char path[300];

    source_forget();
    CU_ASSERT_EQUAL(mkdir("below", 0777), 0);
    write_file("d.c", 3, 1000);
    write_file("below/d.c", 3, 1000);
    note("d.c", 3, NULL);
    source_note(place, "below/d.c", 3, NULL); /* relative to where it was compiled */
    source_note(NULL, "elsewhere/d.c", 3, NULL);
    keep("d.c:3");
    CU_ASSERT_EQUAL(ask("d.c:3").count, 2);
    snprintf(path, sizeof path, "below/d.c line 3\n");
    CU_ASSERT_PTR_NOT_NULL(strstr(ask("d.c:3").text, path));
}

static void what_is_no_file_is_let_be(void)
{
    source_forget();
    CU_ASSERT_EQUAL(mkfifo("pipe.c", 0666), 0);
    write_file("short.c", 3, 1000);
    note("pipe.c", 3, NULL); /* opening it would wait for a writer */
    note("gone.c", 3, NULL);
    note("short.c", 4, NULL);
    note("", 3, NULL);
    note("short.c", 0, NULL);
    keep("pipe.c:3 gone.c:3 short.c:4");
    CU_ASSERT_EQUAL(ask("pipe.c:3").count + ask("gone.c:3").count + ask("short.c:4").count, 0);
}

/* Far more lines than there is room for: the last are known, whatever became of the others. */
static void it_forgets_rather_than_grows(void)
{
    source_forget();
    write_file("e.c", 5000, 1000);
    for (int line = 1; line <= 5000; line++)
        note("e.c", line, NULL);
    keep("e.c:5000 e.c:1");
    CU_ASSERT_EQUAL(ask("e.c:5000").count, 1);
    CU_ASSERT_EQUAL(ask("e.c:1").count, 0);
}

int main(void)
{
    CU_pSuite suite;
    int failed;

    if (CU_initialize_registry() != CUE_SUCCESS)
        return 1;
    suite = CU_add_suite("source", open_place, close_place);
    CU_ADD_TEST(suite, what_is_named_is_kept);
    CU_ADD_TEST(suite, it_is_kept_once);
    CU_ADD_TEST(suite, a_file_of_later_is_marked);
    CU_ADD_TEST(suite, two_files_of_one_name_are_both_kept);
    CU_ADD_TEST(suite, what_is_no_file_is_let_be);
    CU_ADD_TEST(suite, it_forgets_rather_than_grows);
    CU_basic_run_tests();
    failed = CU_get_number_of_failures() != 0;
    CU_cleanup_registry();
    return failed;
}
