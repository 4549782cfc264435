/*
 * test_page_json: the page for programs is what docs/finding.schema.json says, and what a person
 * reads on the other forms.
 */
#include "page_fixture.h"

#include "json_schema.h"
#include "vector_file.h"

static json_t *parse(const char *text)
{
    json_error_t error;
    json_t *object = json_loads(text, JSON_REJECT_DUPLICATES, &error);

    if (object == NULL)
        printf("\n    %s: %s", error.text, text);
    CU_ASSERT_TRUE_FATAL(json_is_object(object));
    return object;
}

static json_t *page_json_of(struct fixture *f, long id)
{
    char *text = page_of(f, id, PAGE_JSON, true);
    json_t *object = parse(text);

    CU_ASSERT_EQUAL(text[strlen(text) - 1], '\n');
    free(text);
    return object;
}

static json_t *schema_read(void)
{
    json_error_t error;
    json_t *schema = json_load_file(RUNDOWN_SOURCE_DIR "/docs/finding.schema.json", 0, &error);

    if (schema == NULL)
        printf("\n    %s, line %d", error.text, error.line);
    CU_ASSERT_PTR_NOT_NULL_FATAL(schema);
    return schema;
}

static bool fits(json_t *root, const json_t *document, const char *what)
{
    struct schema schema = {.root = root};
    bool good = schema_check(&schema, document);

    if (!good && what != NULL)
        printf("\n    %s: %s", what, schema.wrong);
    return good;
}

static const json_t *at(const json_t *array, size_t index)
{
    return json_array_get(array, index);
}

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    CU_ASSERT_PTR_NOT_NULL(text);
    return text != NULL ? text : "";
}

/* Every kind of finding that the run has. */
static void test_every_page_fits_the_schema(void)
{
    static const long ids[] = {1, 2, 3, PAGE_NASTY, 41, 46, PAGE_STUCK, PAGE_STUCK + 1};
    json_t *root = schema_read();
    struct fixture f;

    page_run(&f);
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        json_t *page = page_json_of(&f, ids[i]);

        CU_ASSERT_TRUE(fits(root, page, "page"));
        CU_ASSERT_EQUAL(json_integer_value(json_object_get(page, "finding")), ids[i]);
        json_decref(page);
    }
    json_decref(root);
    fixture_remove(&f);
}

/* What must not fit does not: every member is missed, and none may be added or be of another type.
 */
static void test_the_schema_refuses(void)
{
    json_t *root = schema_read();
    struct fixture f;
    json_t *page, *copy, *member;
    const char *name;

    page_run(&f);
    page = page_json_of(&f, PAGE_STUCK);
    json_object_foreach(page, name, member)
    {
        copy = json_deep_copy(page);
        json_object_del(copy, name);
        CU_ASSERT_FALSE(fits(root, copy, NULL));
        json_object_set_new(copy, name, json_pack("[[i]]", 1));
        CU_ASSERT_FALSE(fits(root, copy, NULL));
        json_decref(copy);
    }
    json_object_set_new(page, "more", json_true());
    CU_ASSERT_FALSE(fits(root, page, NULL));
    json_object_del(page, "more");
    json_object_set_new(json_object_get(page, "cell"), "cell", json_integer(0));
    CU_ASSERT_FALSE(fits(root, page, NULL));
    json_decref(page);
    json_decref(root);
    fixture_remove(&f);
}

static void check_sources(const json_t *page)
{
    const json_t *sources = json_object_get(page, "sources");

    CU_ASSERT_EQUAL(json_array_size(sources), 4);
    CU_ASSERT_STRING_EQUAL(text_of(at(sources, 0), "place"), "table.c:40");
    CU_ASSERT_STRING_EQUAL(text_of(at(sources, 0), "path"), "/src/table.c");
    CU_ASSERT_TRUE(json_is_true(json_object_get(at(sources, 0), "newer")));
    CU_ASSERT_EQUAL(json_integer_value(json_object_get(at(sources, 0), "first")), 39);
    CU_ASSERT_EQUAL(json_array_size(json_object_get(at(sources, 0), "lines")), 3);
    CU_ASSERT_EQUAL(json_array_size(json_object_get(at(sources, 1), "lines")), 2); /* one empty */
}

static void check_timeline(const json_t *page)
{
    const json_t *timeline = json_object_get(page, "timeline");

    CU_ASSERT_EQUAL(json_array_size(timeline), 4);
    CU_ASSERT_DOUBLE_EQUAL(json_number_value(json_object_get(at(timeline, 0), "before_ms")), 2.01,
                           1e-9);
    CU_ASSERT_STRING_EQUAL(text_of(at(timeline, 0), "thread"), "T1.2");
    CU_ASSERT_STRING_EQUAL(text_of(at(timeline, 0), "kind"), "inject-intent");
    CU_ASSERT_STRING_EQUAL(text_of(at(timeline, 1), "thread"), "tid 17");
    CU_ASSERT_STRING_EQUAL(text_of(at(timeline, 2), "detail"), "no such line");
    CU_ASSERT_TRUE(json_is_null(json_object_get(at(timeline, 2), "before_ms")));
    CU_ASSERT_STRING_EQUAL(text_of(at(timeline, 3), "detail"),
                           "lock         mutex table  in put  table.c:40");
}

static void test_content(void)
{
    const struct stop_code_entry *entry = stop_code_entry(STOP_LOCK_ORPHANED);
    struct fixture f;
    json_t *page;

    page_run(&f);
    page = page_json_of(&f, PAGE_STUCK);
    CU_ASSERT_STRING_EQUAL(text_of(page, "code"), "lock.orphaned");
    CU_ASSERT_STRING_EQUAL(text_of(json_object_get(page, "explanation"), "mend"), entry->mend);
    CU_ASSERT_STRING_EQUAL(text_of(json_object_get(page, "run"), "seed"), "0x9a1");
    CU_ASSERT_STRING_EQUAL(text_of(at(json_object_get(page, "also"), 0), "code"),
                           "exit.locks-held");
    CU_ASSERT_EQUAL(
        json_integer_value(json_object_get(json_object_get(page, "seen"), "first_finding")),
        PAGE_STUCK);
    CU_ASSERT_EQUAL(
        json_integer_value(json_object_get(json_object_get(page, "replayed"), "reproduced")), 7);
    check_sources(page);
    check_timeline(page);
    json_decref(page);
    page = page_json_of(&f, PAGE_STUCK + 1);
    CU_ASSERT_TRUE(json_is_null(json_object_get(page, "seen")));
    json_decref(page);
    page = page_json_of(&f, PAGE_NASTY);
    CU_ASSERT_TRUE(json_is_string(json_object_get(page, "output_base64")));
    json_decref(page);
    fixture_remove(&f);
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"every page fits the schema", test_every_page_fits_the_schema},
        {"the schema refuses", test_the_schema_refuses},
        {"content", test_content},
        CU_TEST_INFO_NULL,
    };

    return vector_run("the page for programs", tests);
}
