/*
 * test_page: one finding on one page, to read and to paste: everything that the store has is on it,
 * and nothing that a target wrote is taken for a command or for markup.
 */
#include "page_fixture.h"

#include "vector_file.h"

static void test_text(void)
{
    struct fixture f;
    char *text;

    page_run(&f);
    text = page_of(&f, PAGE_STUCK, PAGE_TEXT, false);
    expect_has(text, "FAIL  lock.orphaned");
    expect_has(text, "null  cycle 0  3.1 ms after the last event\n");
    expect_has(text, "  also seen:  exit.locks-held (note)\n");
    expect_has(text, "  seen 1 time in 1 cycles, first at cycle 0 (finding 47)\n");
    expect_has(text, "  that line brought it back in 7 of 20: ");
    expect_has(text, "  signature:  lock.orphaned prog:put prog:get\n");
    expect_has(text, "\nSource\n"
                     "  table.c:40  /src/table.c  (changed since the program was made)\n"
                     "       39  {\n"
                     "  >    40      lock(\\x1b[2J);\n"
                     "  >    41  }\n" /* of an excerpt that lies within this one */
                     "\n"
                     "  table.c:60  /other/table.c\n"
                     "       59  \n"
                     "  >    60  other();\n"
                     "\n"
                     "  table.c:60  /src/table.c\n");
    expect_has(text, "\n      -2.010  T1.2    inject-intent malloc       thread-kill at\n");
    expect_has(text, "\n      -0.310  tid 17  lock_wait     obj 0x10\n");
    expect_has(text, "\n  no such line\n");
    expect_has(text, "\nOutput\n  it printed:\n    half a line ``` and a fence\n");
    expect_has(text, stop_code_entry(STOP_LOCK_ORPHANED)->meaning);
    CU_ASSERT_FALSE(has(text, "not named"));
    CU_ASSERT_FALSE(has(text, "\x1b"));
    free(text);
    fixture_remove(&f);
}

/* The verdict's timeline is the cycle's, and so also that of what came with it. */
static void test_what_came_with_it(void)
{
    struct fixture f;
    char *text;

    page_run(&f);
    text = page_of(&f, PAGE_STUCK + 1, PAGE_TEXT, false);
    expect_has(text, "NOTE  exit.locks-held");
    expect_has(text, "  also seen:  lock.orphaned\n");
    expect_has(text, "inject-intent");
    CU_ASSERT_FALSE(has(text, "  seen "));
    free(text);
    fixture_remove(&f);
}

static void test_colours(void)
{
    struct fixture f;
    char *plain, *text, *to;

    page_run(&f);
    plain = page_of(&f, PAGE_STUCK, PAGE_TEXT, false);
    text = page_of(&f, PAGE_STUCK, PAGE_TEXT, true);
    expect_has(text, "\033[1;31mFAIL  lock.orphaned\033[0m");
    expect_has(text, "\033[1;33m");
    to = text; /* without its colours it is the same */
    for (const char *at = text; *at != '\0'; at++) {
        if (*at == '\033')
            at += strcspn(at, "m");
        else
            *to++ = *at;
    }
    *to = '\0';
    expect_text(text, plain);
    free(plain);
    free(text);
    fixture_remove(&f);
}

static void test_markdown(void)
{
    struct fixture f;
    char *text;

    page_run(&f);
    text = page_of(&f, PAGE_STUCK, PAGE_MARKDOWN, true);
    CU_ASSERT_EQUAL(strncmp(text, "## FAIL `lock.orphaned` in `null`, cycle 0\n\n", 43), 0);
    expect_has(text, "```text\n  T1.2  was killed, in put  prog  table.c:40\n");
    expect_has(text, "- also seen: `exit.locks-held (note)`\n");
    expect_has(text, "- signature: `lock.orphaned prog:put prog:get`\n");
    expect_has(text, "```sh\nrundown replay '");
    expect_has(text,
               "`table.c:40` in `/src/table.c`, changed since the program was made:\n\n```text\n"
               "     39  {\n>    40      lock(\\x1b[2J);\n>    41  }\n```\n");
    expect_has(text, "```text\n    -2.010  T1.2    inject-intent malloc       thread-kill at");
    expect_has(text,
               "\n````text\nhalf a line ``` and a fence\n````\n"); /* longer than what is in it */
    expect_has(text, "\n**What to do.** ");
    CU_ASSERT_FALSE(has(text, "\x1b"));
    free(text);
    fixture_remove(&f);
}

/* Takes the fenced blocks out, which have three backquotes or more around them. */
static void leave_out_blocks(char *text)
{
    char *to = text;
    size_t fence = 0;

    for (char *at = text; *at != '\0';) {
        size_t length = strcspn(at, "\n") + 1, run = strspn(at, "`");

        if (fence == 0 && run >= 3)
            fence = run;
        else if (fence != 0 && run >= fence && at[run] == '\n')
            fence = 0;
        else if (fence == 0) {
            memmove(to, at, length);
            to += length;
        }
        at += length;
    }
    *to = '\0';
    CU_ASSERT_EQUAL(fence, 0);
}

/* Outside of blocks and of code nothing is left that Markdown would take for markup. */
static void test_nasty_bytes(void)
{
    struct fixture f;
    char *text;

    page_run(&f);
    text = page_of(&f, PAGE_NASTY, PAGE_TEXT, false);
    expect_has(text, "crash.signal");
    CU_ASSERT_FALSE(has(text, "\x1b") || has(text, "\x01"));
    free(text);
    text = page_of(&f, PAGE_NASTY, PAGE_MARKDOWN, false);
    CU_ASSERT_FALSE(has(text, "\x1b") || has(text, "\x01"));
    leave_out_blocks(text);
    expect_has(text, "- injected: `<b a=");
    for (const char *at = text; (at = strstr(at, "<b a")) != NULL; at++)
        CU_ASSERT_TRUE(at[-1] == '`' || strncmp(at - 7, "`crash ", 7) == 0);
    CU_ASSERT_FALSE(has(text, "\n<b a"));
    free(text);
    fixture_remove(&f);
}

static void test_errors(void)
{
    struct page_options options = {PAGE_TEXT, 80, false};
    struct fixture f;
    struct capture c;
    FILE *full = fopen("/dev/full", "w");

    page_run(&f);
    fixture_code(&f, page_write(f.store, 12345, capture_open(&c), &options, &f.e), ERROR_NOT_FOUND);
    expect_capture(&c, "");
    CU_ASSERT_PTR_NOT_NULL_FATAL(full);
    for (options.form = PAGE_TEXT; options.form <= PAGE_JSON; options.form++)
        CU_ASSERT_NOT_EQUAL(page_write(f.store, PAGE_STUCK, full, &options, &f.e), 0);
    fclose(full);
    store_close(f.store);
    f.store = NULL;
    fixture_sql(&f, "UPDATE finding SET cell = 77 WHERE id = 47");
    fixture_reopen(&f, false);
    options.form = PAGE_TEXT;
    fixture_code(&f, page_write(f.store, PAGE_STUCK, capture_open(&c), &options, &f.e),
                 ERROR_CORRUPT);
    expect_capture(&c, "");
    fixture_remove(&f);
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"text", test_text},
        {"what came with it", test_what_came_with_it},
        {"colours", test_colours},
        {"Markdown", test_markdown},
        {"nasty bytes", test_nasty_bytes},
        {"errors", test_errors},
        CU_TEST_INFO_NULL,
    };

    return vector_run("the page of a finding", tests);
}
