/*
 * test_wrap: lines fit where they can, nothing is lost, and what was aligned stays so.
 */
#include "text_fixture.h"

#include <results/text/utf8.h>
#include <results/text/wrap.h>

static void expect_line(unsigned indent, unsigned hang, const char *text, unsigned columns,
                        const char *want)
{
    struct capture c;

    wrap_line(capture_open(&c), indent, hang, text, columns);
    expect_capture(&c, want);
}

static void test_lines(void)
{
    expect_line(2, 4, "short", 80, "  short\n");
    expect_line(2, 4, "", 80, "\n");
    expect_line(2, 4, "a  b    c", 80, "  a  b    c\n");
    expect_line(2, 4, "one two three four", 12, "  one two\n      three\n      four\n");
    expect_line(0, 2, "one two three four", 9, "one two\n  three\n  four\n");
    expect_line(0, 2, "unbreakable-and-long tail", 5, "unbreakable-and-long\n  tail\n");
    expect_line(2, 2, "  holds a lock", 10, "    holds\n      a\n      lock\n");
    expect_line(0, 0, "a    b", 3, "a\nb\n");
    expect_line(2, 4, "never broken at all, however long", 0,
                "  never broken at all, however long\n");
    /* Columns, not bytes: eleven characters of three bytes each. */
    expect_line(0, 0,
                "\xe2\x94\x80\xe2\x94\x80\xe2\x94\x80\xe2\x94\x80\xe2\x94\x80 "
                "\xe2\x94\x80\xe2\x94\x80\xe2\x94\x80\xe2\x94\x80\xe2\x94\x80",
                11,
                "\xe2\x94\x80\xe2\x94\x80\xe2\x94\x80\xe2\x94\x80\xe2\x94\x80 "
                "\xe2\x94\x80\xe2\x94\x80\xe2\x94\x80\xe2\x94\x80\xe2\x94\x80\n");
}

static void test_texts(void)
{
    struct capture c;

    wrap_text(capture_open(&c), 2, 4, "one\n\ntwo\x1b[1m\n", 13, 80);
    expect_capture(&c, "  one\n\n  two\\x1b[1m\n");
    wrap_text(capture_open(&c), 2, 4, "", 0, 80);
    expect_capture(&c, "");
    wrap_text(capture_open(&c), 2, 4, "no newline\0at the end", 21, 80);
    expect_capture(&c, "  no newline\\x00at the end\n");
}

/* Without blanks and newlines, what comes out is what went in; each line fits or is one word. */
static void test_nothing_is_lost(void)
{
    for (uint64_t seed = 1; seed <= 400; seed++) {
        uint64_t state = seed;
        unsigned columns = 10 + seed % 60;
        char text[300], *out;
        struct capture c;
        size_t n = 0;

        for (size_t i = 0; i < sizeof text - 1; i++)
            text[i] = fixture_random(&state) % 5 ? (char)('a' + i % 26) : ' ';
        text[0] = 'x';
        text[sizeof text - 1] = '\0';
        wrap_line(capture_open(&c), 2, 4, text, columns);
        capture_close(&c);
        out = c.text;
        for (char *line; (line = strsep(&out, "\n")) != NULL;) {
            size_t begin = strspn(line, " ");

            CU_ASSERT_TRUE(strlen(line) <= columns || strchr(line + begin, ' ') == NULL);
            for (char *at = line; *at != '\0'; at++) {
                if (*at == ' ')
                    continue;
                n += strspn(text + n, " ");
                CU_ASSERT_EQUAL(text[n++], *at);
            }
        }
        CU_ASSERT_EQUAL(text[n + strspn(text + n, " ")], '\0');
        capture_free(&c);
    }
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"lines", test_lines},
        {"texts", test_texts},
        {"nothing is lost", test_nothing_is_lost},
        CU_TEST_INFO_NULL,
    };

    return vector_run("wrap", tests);
}
