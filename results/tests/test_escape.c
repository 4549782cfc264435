/*
 * test_escape: whatever a target prints stays harmless, and stays readable.
 */
#include "text_fixture.h"

#include <results/text/escape.h>
#include <results/text/utf8.h>

#include <jansson.h>

typedef void escape(FILE *out, const void *bytes, size_t length);

static void xml_text(FILE *out, const void *bytes, size_t length)
{
    escape_xml(out, bytes, length, 0);
}

static void xml_attribute(FILE *out, const void *bytes, size_t length)
{
    escape_xml(out, bytes, length, 1);
}

static void expect(escape *function, const char *bytes, size_t length, const char *want)
{
    struct capture c;

    function(capture_open(&c), bytes, length);
    expect_capture(&c, want);
}

#define EXPECT(function, literal, want) expect(function, literal, sizeof literal - 1, want)

static void test_terminal(void)
{
    char *copy;

    EXPECT(escape_terminal, "plain \xe2\x94\x80\xe2\x96\xba text",
           "plain \xe2\x94\x80\xe2\x96\xba text");
    EXPECT(escape_terminal, "\x1b[31mred\x1b]0;title\a", "\\x1b[31mred\\x1b]0;title\\x07");
    EXPECT(escape_terminal, "a\tb\rc\nd\0e\x7f", "a b\\x0dc\\x0ad\\x00e\\x7f");
    EXPECT(escape_terminal,
           "\xc2\x9b"
           "31m",
           "\\u009b31m");
    EXPECT(escape_terminal, "\xff\xc0\x80", "\\xff\\xc0\\x80");
    EXPECT(escape_terminal,
           "a\xe2\x80\xae"
           "b\xe2\x81\xa6"
           "c",
           "a\\u202eb\\u2066c");
    copy = escape_terminal_copy("\x1b", 1);
    CU_ASSERT_STRING_EQUAL(copy, "\\x1b");
    free(copy);
}

static void test_json(void)
{
    EXPECT(escape_json, "a\"b\\c/d", "a\\\"b\\\\c/d");
    EXPECT(escape_json, "\n\t\x1b\x7f", "\\n\\u0009\\u001b\\u007f");
    EXPECT(escape_json, "\0\xff", "\\\\x00\\\\xff");
    EXPECT(escape_json, "\xf0\x9f\x92\xa5", "\xf0\x9f\x92\xa5");
}

static void test_xml(void)
{
    EXPECT(xml_text, "<a b=\"c\">&'d'</a>", "&lt;a b=&quot;c&quot;&gt;&amp;&#39;d&#39;&lt;/a&gt;");
    EXPECT(xml_text, "]]>", "]]&gt;");
    EXPECT(xml_text, "a\tb\nc\rd", "a\tb\nc&#13;d");
    EXPECT(xml_attribute, "a\tb\nc\rd", "a&#9;b&#10;c&#13;d");
    EXPECT(xml_text, "\0\x01\x1b\x0b\xff", "\\x00\\x01\\x1b\\x0b\\xff");
    EXPECT(xml_text, "\xef\xbf\xbe\xef\xbf\xbf", "\\ufffe\\uffff");
    EXPECT(xml_text, "\xed\xa0\x80", "\\xed\\xa0\\x80");
}

static void test_csv(void)
{
    struct capture c;

    escape_csv(capture_open(&c), "plain");
    fputc(' ', c.out);
    escape_csv(c.out, "a,b");
    fputc(' ', c.out);
    escape_csv(c.out, "say \"x\"\n\xff");
    expect_capture(&c, "plain \"a,b\" \"say \"\"x\"\"\n\\xff\"");
}

static void test_base64(void)
{
    EXPECT(escape_base64, "", "");
    EXPECT(escape_base64, "f", "Zg==");
    EXPECT(escape_base64, "fo", "Zm8=");
    EXPECT(escape_base64, "foo", "Zm9v");
    EXPECT(escape_base64, "foob", "Zm9vYg==");
    EXPECT(escape_base64, "\0\xff\xfe\xfb\xf0", "AP/++/A=");
}

/* What a shell makes of the word. */
static void expect_shell(const char *text)
{
    struct capture c;
    char *command, got[4096];
    FILE *shell;
    size_t length;

    escape_shell(capture_open(&c), text);
    capture_close(&c);
    CU_ASSERT_TRUE(asprintf(&command, "printf %%s %s", c.text) > 0);
    setenv("RUNDOWN_TEST_LINE", command, 1);
    free(command);
    shell = popen("LC_ALL=C bash -c \"$RUNDOWN_TEST_LINE\"", "r");
    CU_ASSERT_PTR_NOT_NULL_FATAL(shell);
    length = fread(got, 1, sizeof got - 1, shell);
    got[length] = '\0';
    pclose(shell);
    expect_text(got, text);
    capture_free(&c);
}

static void test_shell(void)
{
    struct capture c;

    escape_shell(capture_open(&c), "heap-churn threads=4 inject=x@T1:malloc#1");
    expect_capture(&c, "'heap-churn threads=4 inject=x@T1:malloc#1'");
    expect_shell("it's $HOME `id` \"q\" \\n * ;");
    expect_shell("line\nbreak\t\x01"
                 "7 and \\ and 'quote'");
    expect_shell("\xff\xfe"
                 "0 bad bytes");
    expect_shell("");
}

/* Random bytes: JSON is valid and free of NUL, and terminals and XML get no control. */
static void test_random_bytes(void)
{
    for (uint64_t seed = 1; seed <= 300; seed++) {
        uint64_t state = seed;
        char bytes[200];
        struct capture c;
        json_t *value;
        uint32_t character;
        unsigned bad = 0;

        for (size_t i = 0; i < sizeof bytes; i++)
            bytes[i] = (char)(fixture_random(&state) >> (seed % 2 ? 0 : 60));
        fputc('"', capture_open(&c));
        escape_json(c.out, bytes, sizeof bytes);
        fputc('"', c.out);
        capture_close(&c);
        value = json_loads(c.text, JSON_DECODE_ANY, NULL);
        CU_ASSERT_PTR_NOT_NULL(value);
        json_decref(value);
        capture_free(&c);
        for (int xml = 0; xml < 2; xml++) {
            capture_open(&c);
            (xml ? xml_attribute : escape_terminal)(c.out, bytes, sizeof bytes);
            capture_close(&c);
            CU_ASSERT_TRUE(utf8_valid(c.text, c.size));
            for (size_t i = 0; i < c.size;) {
                i += utf8_next(c.text + i, c.size - i, &character);
                bad += character < 0x20 || (character >= 0x7f && character < 0xa0);
            }
            CU_ASSERT_EQUAL(bad, 0);
            capture_free(&c);
        }
    }
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"terminal", test_terminal},
        {"json", test_json},
        {"xml", test_xml},
        {"csv", test_csv},
        {"base64", test_base64},
        {"shell", test_shell},
        {"random bytes", test_random_bytes},
        CU_TEST_INFO_NULL,
    };

    return vector_run("escape", tests);
}
