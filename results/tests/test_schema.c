/*
 * test_schema: what is not a sound run of this version is refused, and says why.
 */
#include "store_fixture.h"

#include <fcntl.h>

/* A run with something in it, closed. */
static void make_run(struct fixture *f)
{
    struct store_finding finding;
    int64_t cell;

    fixture_create(f);
    cell = fixture_cell(f, "plugin-singleton variant=late-join", "none");
    for (uint64_t cycle = 0; cycle < 200; cycle++) {
        finding = fixture_finding(cell, cycle, 0, STOP_LOADER_DEADLOCK, "loader.deadlock a b");
        fixture_ok(f, fixture_fail(f, cell, cycle, &finding, 1));
    }
    store_close(f->store);
    f->store = NULL;
}

/* Both ways of opening give @want and a sentence with @word. */
static void expect_refused(struct fixture *f, int want, const char *word)
{
    for (int write = 0; write < 2; write++) {
        f->e.text[0] = '\0';
        fixture_code(f, store_open(f->directory, write, &f->store, &f->e), want);
        CU_ASSERT_PTR_NULL(f->store);
        CU_ASSERT_PTR_NOT_NULL(strstr(f->e.text, f->path));
        if (strstr(f->e.text, word) == NULL)
            printf("\n    no '%s' in: %s", word, f->e.text);
        CU_ASSERT_PTR_NOT_NULL(strstr(f->e.text, word));
    }
}

static void overwrite(struct fixture *f, off_t at, const void *bytes, size_t length)
{
    int fd = open(f->path, O_WRONLY);

    CU_ASSERT_NOT_EQUAL_FATAL(fd, -1);
    CU_ASSERT_EQUAL(pwrite(fd, bytes, length, at), (ssize_t)length);
    close(fd);
}

static off_t size_of(const struct fixture *f)
{
    struct stat st;

    CU_ASSERT_EQUAL_FATAL(stat(f->path, &st), 0);
    return st.st_size;
}

static void test_newer_version(void)
{
    struct fixture f;
    char sql[64], word[64];

    make_run(&f);
    snprintf(sql, sizeof sql, "PRAGMA user_version = %d", STORE_SCHEMA + 6);
    snprintf(word, sizeof word, "%d", STORE_SCHEMA + 6);
    fixture_sql(&f, sql);
    expect_refused(&f, ERROR_VERSION, word);
    fixture_remove(&f);
}

static void test_older_version(void)
{
    struct fixture f;

    make_run(&f);
    fixture_sql(&f, "PRAGMA user_version = 1; DROP TABLE replayed");
    expect_refused(&f, ERROR_VERSION, "its schema is 1");
    fixture_remove(&f);
}

static void test_other_databases(void)
{
    struct fixture f;
    char sql[64];

    make_run(&f);
    fixture_sql(&f, "PRAGMA application_id = 12345");
    expect_refused(&f, ERROR_CORRUPT, "no run of rundown's");
    fixture_sql(&f, "PRAGMA application_id = 1919837294; PRAGMA user_version = 0");
    expect_refused(&f, ERROR_CORRUPT, "no run of rundown's");
    snprintf(sql, sizeof sql, "PRAGMA user_version = %d", STORE_SCHEMA);
    fixture_sql(&f, sql);
    fixture_reopen(&f, false);
    fixture_remove(&f);
}

static void test_not_a_database(void)
{
    static const char prose[] = "This is a letter to somebody, and no database at all.";
    struct fixture f;
    char page[8192];

    make_run(&f);
    memset(page, 0, sizeof page);
    for (size_t i = 0; i + sizeof prose < sizeof page; i += sizeof prose)
        memcpy(page + i, prose, sizeof prose);
    overwrite(&f, 0, page, sizeof page);
    expect_refused(&f, ERROR_CORRUPT, "not a database");
    CU_ASSERT_EQUAL(truncate(f.path, 0), 0);
    expect_refused(&f, ERROR_CORRUPT, "no run of rundown's");
    fixture_remove(&f);
}

/* Cut anywhere: at every page, and inside of pages. */
static void test_truncated(void)
{
    off_t step = 3000;

    for (off_t cut = 100;; cut += step) {
        struct fixture f;
        off_t size;

        make_run(&f);
        size = size_of(&f);
        if (cut < size) {
            CU_ASSERT_EQUAL(truncate(f.path, cut), 0);
            expect_refused(&f, ERROR_CORRUPT, "fetch a copy");
            step = size / 8;
        }
        fixture_remove(&f);
        if (cut >= size)
            return;
    }
}

/* Each page in turn is overwritten; its like never gets past the check. */
static void test_damaged_pages(void)
{
    uint8_t rubbish[2048];
    struct fixture f;
    uint64_t state = 3;
    off_t size;

    for (size_t i = 0; i < sizeof rubbish; i++)
        rubbish[i] = (uint8_t)fixture_random(&state);
    make_run(&f);
    size = size_of(&f);
    CU_ASSERT_TRUE(size >= 8 * 4096);
    for (off_t page = 4096; page < size; page += 4096 * 3) {
        char saved[sizeof rubbish];
        int fd = open(f.path, O_RDONLY);

        CU_ASSERT_EQUAL(pread(fd, saved, sizeof saved, page), (ssize_t)sizeof saved);
        close(fd);
        overwrite(&f, page, rubbish, sizeof rubbish);
        expect_refused(&f, ERROR_CORRUPT, "");
        overwrite(&f, page, saved, sizeof saved);
    }
    fixture_reopen(&f, false);
    fixture_remove(&f);
}

static void test_missing_tables(void)
{
    static const char *const drops[] = {
        "DROP TABLE meta",
        "DROP TABLE cell",
        "DROP TABLE signature",
        "DROP TABLE finding",
        "DROP TABLE series",
        "DROP INDEX finding_verdict",
        "ALTER TABLE cell DROP COLUMN histogram",
        "ALTER TABLE series RENAME COLUMN block TO lump",
    };

    for (size_t i = 0; i < sizeof drops / sizeof drops[0]; i++) {
        struct fixture f;

        make_run(&f);
        fixture_sql(&f, drops[i]);
        expect_refused(&f, ERROR_CORRUPT, "no such ");
        fixture_remove(&f);
    }
}

/* A refused file is left as it was, also by one who came to write. */
static void test_refusal_changes_nothing(void)
{
    struct fixture f;
    off_t size;

    make_run(&f);
    fixture_sql(&f, "PRAGMA journal_mode = DELETE; PRAGMA application_id = 5");
    size = size_of(&f);
    expect_refused(&f, ERROR_CORRUPT, "no run of rundown's");
    CU_ASSERT_EQUAL(size_of(&f), size);
    fixture_sql(&f, "CREATE TABLE still_works(x)");
    fixture_remove(&f);
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"newer version", test_newer_version},
        {"older version", test_older_version},
        {"other databases", test_other_databases},
        {"not a database", test_not_a_database},
        {"truncated", test_truncated},
        {"damaged pages", test_damaged_pages},
        {"missing tables", test_missing_tables},
        {"refusal changes nothing", test_refusal_changes_nothing},
        CU_TEST_INFO_NULL,
    };

    return vector_run("schema", tests);
}
