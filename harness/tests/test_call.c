/*
 * Tests of call: what a user may write in --use, and where a mistake is said to be.
 */
#include <harness/common/call.h>

#include <CUnit/Basic.h>

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static struct call call;
static struct error e;

static void expect_good(const char *text, const char *name, unsigned count)
{
    int code = call_parse(text, &call, &e);

    if (code != 0)
        fprintf(stderr, "\n    %s\n", e.text);
    CU_ASSERT_EQUAL_FATAL(code, 0);
    CU_ASSERT_STRING_EQUAL(call.name, name);
    CU_ASSERT_EQUAL(call.count, count);
}

static void test_no_arguments(void)
{
    expect_good("f()", "f", 0);
    expect_good("  _a_Function9 (  ) ; ", "_a_Function9", 0);
}

static void test_numbers(void)
{
    expect_good("f(1,-2, 0x10,010,18446744073709551615,-9223372036854775808)", "f", 6);
    CU_ASSERT_EQUAL(call_word(&call, 0), 1);
    CU_ASSERT_EQUAL((intptr_t)call_word(&call, 1), -2);
    CU_ASSERT_EQUAL(call_word(&call, 2), 16);
    CU_ASSERT_EQUAL(call_word(&call, 3), 8);
    CU_ASSERT_EQUAL(call_word(&call, 4), UINT64_MAX);
    CU_ASSERT_EQUAL((intptr_t)call_word(&call, 5), INT64_MIN);
}

static void test_strings_and_null(void)
{
    expect_good("f(\"a,b)\", NULL, \"\", \"\\\"\\n\\x41\\\\\")", "f", 4);
    CU_ASSERT_STRING_EQUAL((const char *)call_word(&call, 0), "a,b)");
    CU_ASSERT_EQUAL(call_word(&call, 1), 0);
    CU_ASSERT_STRING_EQUAL((const char *)call_word(&call, 2), "");
    CU_ASSERT_STRING_EQUAL((const char *)call_word(&call, 3), "\"\nA\\");
}

/* Zeros inside are bytes like others. */
static void test_zeros_in_strings(void)
{
    expect_good("f(\"a\\0b\\x00c\",7)", "f", 2);
    CU_ASSERT_EQUAL(memcmp((const char *)call_word(&call, 0), "a\0b\0c", 6), 0);
    CU_ASSERT_EQUAL(call_word(&call, 1), 7);
}

struct mistake {
    const char *text;
    unsigned character;
    const char *what;
};

static void expect_mistake(const struct mistake *mistake)
{
    char place[32];
    int code = call_parse(mistake->text, &call, &e);
    bool told;

    snprintf(place, sizeof place, "character %u: ", mistake->character);
    told = code == ERROR_USAGE && strstr(e.text, place) != NULL &&
           strstr(e.text, mistake->what) != NULL;
    if (!told)
        fprintf(stderr, "\n    '%s': %d: %s\n", mistake->text, code, e.text);
    CU_ASSERT_TRUE(told);
}

static void test_mistakes(void)
{
    static const struct mistake mistakes[] = {
        {"", 1, "name is missing"},
        {"(1)", 1, "name is missing"},
        {"9f()", 1, "name is missing"},
        {"f", 2, "'(' is missing"},
        {"f 1", 3, "'(' is missing"},
        {"f(", 3, "an argument is missing"},
        {"f(1", 4, "',' or ')' is missing"},
        {"f(1,,2)", 5, "an argument is missing"},
        {"f(1,)", 5, "an argument is missing"},
        {"f(1 2)", 5, "',' or ')' is missing"},
        {"f(1.5)", 4, "no whole number"},
        {"f(12x)", 5, "no whole number"},
        {"f(09)", 4, "no whole number"},
        {"f(18446744073709551616)", 3, "64 bits"},
        {"f(-9223372036854775809)", 3, "64 bits"},
        {"f(-)", 3, "an argument is"},
        {"f(NULLS)", 3, "an argument is"},
        {"f(null)", 3, "an argument is"},
        {"f('a')", 3, "an argument is"},
        {"f(\"a)", 6, "does not end"},
        {"f(\"\\q\")", 5, "escape is unknown"},
        {"f(\"\\x1\")", 5, "two hexadecimal digits"},
        {"f(\"\\", 5, "escape is unknown"},
        {"f(1,2,3,4,5,6,7)", 15, "at most 6"},
        {"f() g()", 5, "nothing may follow"},
        {"f(1))", 5, "nothing may follow"},
    };

    for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++)
        expect_mistake(&mistakes[i]);
}

static void long_call(char *out, size_t letters)
{
    memset(out, 'a', letters);
    memcpy(out + letters, "()", 3);
}

static void test_longest_name(void)
{
    char text[CALL_NAME_BYTES + 8];

    long_call(text, CALL_NAME_BYTES - 1);
    CU_ASSERT_EQUAL(call_parse(text, &call, &e), 0);
    long_call(text, CALL_NAME_BYTES);
    expect_mistake(&(struct mistake){text, 1, "too long"});
}

static void long_string(char *out, size_t letters)
{
    memcpy(out, "f(\"", 3);
    memset(out + 3, 'a', letters);
    memcpy(out + 3 + letters, "\")", 3);
}

static void test_longest_strings(void)
{
    char text[CALL_TEXT_BYTES + 16];

    long_string(text, CALL_TEXT_BYTES - 1);
    expect_good(text, "f", 1);
    CU_ASSERT_EQUAL(strlen((const char *)call_word(&call, 0)), CALL_TEXT_BYTES - 1);
    long_string(text, CALL_TEXT_BYTES);
    CU_ASSERT_EQUAL(call_parse(text, &call, &e), ERROR_USAGE);
}

int main(void)
{
    CU_pSuite suite;

    if (CU_initialize_registry() != CUE_SUCCESS)
        return 1;
    suite = CU_add_suite("call", NULL, NULL);
    CU_ADD_TEST(suite, test_no_arguments);
    CU_ADD_TEST(suite, test_numbers);
    CU_ADD_TEST(suite, test_strings_and_null);
    CU_ADD_TEST(suite, test_zeros_in_strings);
    CU_ADD_TEST(suite, test_mistakes);
    CU_ADD_TEST(suite, test_longest_name);
    CU_ADD_TEST(suite, test_longest_strings);
    CU_basic_set_mode(CU_BRM_NORMAL);
    CU_basic_run_tests();
    return CU_get_number_of_failures() != 0;
}
