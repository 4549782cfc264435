/*
 * test_json_write: what the writer writes is JSON, read by a parser of somebody else's.
 */
#include "text_fixture.h"

#include <results/text/json_write.h>

#include <jansson.h>

static void test_shapes(void)
{
    struct capture c;
    struct json_write json = {.out = capture_open(&c)};

    json_write_open_object(&json, NULL);
    json_write_text(&json, "a", "x\"y");
    json_write_unsigned(&json, "big", UINT64_MAX);
    json_write_signed(&json, "low", INT64_MIN);
    json_write_real(&json, "r", 0.1);
    json_write_real(&json, "nan", NAN);
    json_write_real(&json, "inf", INFINITY);
    json_write_hash(&json, "h", 0x5eed);
    json_write_null(&json, "n");
    json_write_bool(&json, "yes", true);
    json_write_bool(&json, "no", false);
    json_write_open_array(&json, "list");
    json_write_open_array(&json, NULL);
    json_write_close_array(&json);
    json_write_open_object(&json, NULL);
    json_write_close_object(&json);
    json_write_bytes(&json, NULL, "a\0b", 3);
    json_write_close_array(&json);
    json_write_lines(&json, "lines", "one\n\ntwo\n");
    json_write_lines(&json, "none", "");
    json_write_text(&json, "odd \" name\xff", "");
    json_write_close_object(&json);
    expect_capture(&c, "{\"a\":\"x\\\"y\",\"big\":18446744073709551615,"
                       "\"low\":-9223372036854775808,\"r\":0.1,\"nan\":null,\"inf\":null,"
                       "\"h\":\"0x0000000000005eed\",\"n\":null,"
                       "\"yes\":true,\"no\":false,\"list\":[[],{},\"a\\\\x00b\"],"
                       "\"lines\":[\"one\",\"\",\"two\"],\"none\":[],"
                       "\"odd \\\" name\\\\xff\":\"\"}");
}

static void test_parsed(void)
{
    struct capture c;
    struct json_write json = {.out = capture_open(&c)};
    json_t *root;

    json_write_open_object(&json, NULL);
    json_write_lines(&json, "lines", "tab\there\nbell\a");
    json_write_open_object(&json, "inner");
    json_write_real(&json, "third", 1.0 / 3);
    json_write_close_object(&json);
    json_write_text(&json, "after", "x");
    json_write_close_object(&json);
    root = json_loads(capture_close(&c), JSON_REJECT_DUPLICATES, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(root);
    expect_text(json_string_value(json_array_get(json_object_get(root, "lines"), 0)), "tab\there");
    expect_text(json_string_value(json_array_get(json_object_get(root, "lines"), 1)), "bell\a");
    CU_ASSERT_TRUE(fabs(json_real_value(json_object_get(json_object_get(root, "inner"), "third")) -
                        1.0 / 3) < 1e-9);
    expect_text(json_string_value(json_object_get(root, "after")), "x");
    json_decref(root);
    capture_free(&c);
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"shapes", test_shapes},
        {"parsed", test_parsed},
        CU_TEST_INFO_NULL,
    };

    return vector_run("json", tests);
}
