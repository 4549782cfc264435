/*
 * test_report_jsonl: every line is an object of docs/jsonl.md, and tells what the store holds.
 */
#include "report_fixture.h"

#include <results/text/utf8.h>

#include <jansson.h>

extern const struct report_format report_format_jsonl;

static const struct report_options plain = {.columns = 80};

enum { LINES = 200 };

/* struct parsed - the lines of a report. */
struct parsed {
    size_t count;
    json_t *line[LINES];
};

static void parse(struct fixture *f, const struct report_options *options, struct parsed *p)
{
    char *text = report_text(f, &report_format_jsonl, options), *rest = text, *line;

    CU_ASSERT_TRUE(utf8_valid(text, strlen(text)));
    CU_ASSERT_EQUAL(text[strlen(text) - 1], '\n');
    *p = (struct parsed){0};
    while ((line = strsep(&rest, "\n")) != NULL && rest != NULL) {
        json_error_t error;
        json_t *object = json_loads(line, JSON_REJECT_DUPLICATES, &error);

        if (object == NULL)
            printf("\n    %s: %s", error.text, line);
        CU_ASSERT_TRUE_FATAL(json_is_object(object));
        CU_ASSERT_TRUE_FATAL(p->count < LINES);
        p->line[p->count++] = object;
    }
    free(text);
}

static void parsed_free(struct parsed *p)
{
    for (size_t i = 0; i < p->count; i++)
        json_decref(p->line[i]);
}

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    CU_ASSERT_PTR_NOT_NULL(text);
    return text != NULL ? text : "";
}

static long long number_of(const json_t *object, const char *name)
{
    CU_ASSERT_TRUE(json_is_integer(json_object_get(object, name)));
    return json_integer_value(json_object_get(object, name));
}

static bool is_near(const json_t *object, const char *name, double want)
{
    double got = json_number_value(json_object_get(object, name));

    return fabs(got - want) <= 1e-6 * fabs(want);
}

/* The @index-th line of a type. */
static const json_t *line_of(const struct parsed *p, const char *type, size_t index)
{
    for (size_t i = 0; i < p->count; i++)
        if (strcmp(text_of(p->line[i], "type"), type) == 0 && index-- == 0)
            return p->line[i];
    CU_FAIL_FATAL("no such line");
    return NULL;
}

static void test_order_and_end(void)
{
    static const char *const types[] = {"run", "cell", "finding", "series", "end"};
    unsigned counts[5] = {0}, at = 0;
    struct parsed p;
    struct fixture f;
    const json_t *end;

    report_run(&f);
    parse(&f, &plain, &p);
    for (size_t i = 0; i < p.count; i++) {
        while (at < 5 && strcmp(text_of(p.line[i], "type"), types[at]) != 0)
            at++;
        CU_ASSERT_TRUE_FATAL(at < 5);
        counts[at]++;
    }
    CU_ASSERT_EQUAL(counts[0], 1);
    CU_ASSERT_EQUAL(counts[1], 6);
    CU_ASSERT_EQUAL(counts[2], 4);
    CU_ASSERT_EQUAL(counts[3], 1);
    CU_ASSERT_EQUAL(counts[4], 1);
    end = line_of(&p, "end", 0);
    CU_ASSERT_EQUAL(number_of(end, "cells"), 6);
    CU_ASSERT_EQUAL(number_of(end, "findings"), 4);
    CU_ASSERT_EQUAL(number_of(end, "series"), 1);
    parsed_free(&p);
    fixture_remove(&f);
}

static void test_run_and_cells(void)
{
    struct parsed p;
    struct fixture f;
    const json_t *run, *cell, *rate, *latency;

    report_run(&f);
    parse(&f, &plain, &p);
    run = line_of(&p, "run", 0);
    CU_ASSERT_EQUAL(number_of(run, "format"), 1);
    CU_ASSERT_EQUAL(number_of(run, "schema"), STORE_SCHEMA);
    expect_text(text_of(json_object_get(run, "meta"), "seed"), "0x9a1");
    cell = line_of(&p, "cell", 0);
    expect_text(text_of(cell, "target"), "plugin-singleton variant=late-join");
    expect_text(text_of(cell, "key"), "0xffffffffffffffff");
    CU_ASSERT_EQUAL(json_array_size(json_object_get(cell, "notes")), 2);
    CU_ASSERT_EQUAL(number_of(cell, "cycles"), 1000);
    CU_ASSERT_EQUAL(number_of(cell, "passed"), 962);
    CU_ASSERT_EQUAL(number_of(cell, "failed"), 38);
    CU_ASSERT_TRUE(is_near(cell, "seconds", 1.0));
    rate = json_object_get(cell, "rate");
    CU_ASSERT_EQUAL(number_of(rate, "findings"), 38);
    CU_ASSERT_TRUE(json_is_null(json_object_get(rate, "below")));
    rate = json_object_get(line_of(&p, "cell", 1), "rate");
    CU_ASSERT_EQUAL(number_of(rate, "cycles"), 2000);
    CU_ASSERT_TRUE(is_near(rate, "below", -expm1(log(0.05) / 2000)));
    latency = json_array_get(json_object_get(cell, "latency"), 0);
    CU_ASSERT_TRUE(is_near(latency, "share", 0.5));
    CU_ASSERT_TRUE(is_near(latency, "microseconds", exp2(39.5 / 4)));
    expect_text(text_of(latency, "is"), "about");
    CU_ASSERT_EQUAL(json_array_size(json_object_get(cell, "histogram")), ABI_HISTOGRAM);
    CU_ASSERT_EQUAL(json_integer_value(json_array_get(json_object_get(cell, "histogram"), 39)),
                    1000);
    CU_ASSERT_EQUAL(json_array_size(json_object_get(line_of(&p, "cell", 5), "latency")), 0);
    CU_ASSERT_EQUAL(number_of(line_of(&p, "cell", 4), "not_fired"), 50);
    parsed_free(&p);
    fixture_remove(&f);
}

static void test_findings(void)
{
    struct parsed p;
    struct fixture f;
    const json_t *finding, *repeats, *codes;

    report_run(&f);
    parse(&f, &plain, &p);
    finding = line_of(&p, "finding", 0);
    CU_ASSERT_EQUAL(number_of(finding, "finding"), 1);
    CU_ASSERT_EQUAL(number_of(finding, "cycle"), 962);
    expect_text(text_of(finding, "code"), "loader.deadlock");
    expect_text(text_of(finding, "severity"), "finding");
    CU_ASSERT_TRUE(is_near(finding, "hang_ms", 3.1));
    CU_ASSERT_EQUAL(json_array_size(json_object_get(finding, "text")), 2);
    expect_text(text_of(finding, "output"), "starting\nplugin loaded\nwaiting for the worker\n");
    CU_ASSERT_TRUE(json_is_null(json_object_get(finding, "output_base64")));
    repeats = json_object_get(finding, "repeats");
    CU_ASSERT_EQUAL(number_of(repeats, "times"), 37);
    CU_ASSERT_EQUAL(number_of(repeats, "cells"), 1);
    CU_ASSERT_EQUAL(number_of(repeats, "cycles"), 1000);
    CU_ASSERT_EQUAL(number_of(repeats, "first_cycle"), 962);
    codes = json_object_get(finding, "cycle_codes");
    CU_ASSERT_EQUAL(json_array_size(codes), 3);
    expect_text(text_of(json_array_get(codes, 2), "code"), "exit.threads-alive");
    expect_text(text_of(json_array_get(codes, 2), "severity"), "note");
    CU_ASSERT_TRUE(json_is_null(json_object_get(line_of(&p, "finding", 1), "hang_ms")));
    expect_text(text_of(line_of(&p, "finding", 2), "severity"), "harness");
    parsed_free(&p);
    fixture_remove(&f);
}

/* Bytes that are no text: visible in the string, exact in the second form. */
static void test_nasty_bytes(void)
{
    struct parsed p;
    struct fixture f;
    const json_t *finding;

    report_run(&f);
    parse(&f, &plain, &p);
    finding = line_of(&p, "finding", 1);
    expect_text(text_of(finding, "replay"),
                "<b a=\"1\">&amp; ]]> \x1b[31m\x01\x0b \\xff\\xc0\\x80 \xef\xbf\xbf \\ ' \" \t|");
    expect_has(text_of(finding, "output"), "|\\x00 and more\n");
    expect_has(text_of(finding, "output_base64"), "PGIgYT0iMSI+JmFtcDsgXV0+IBtbMzFtAQsg/8CAI");
    expect_has(text_of(line_of(&p, "cell", 2), "target"), "\\xff\\xc0\\x80");
    parsed_free(&p);
    fixture_remove(&f);
}

/* Good text with a NUL in it cannot be held by every reader's strings either. */
static void test_output_with_nul(void)
{
    struct store_finding finding = fixture_finding(1, 0, 0, STOP_CRASH_SIGNAL, "s");
    struct parsed p;
    struct fixture f;

    fixture_create(&f);
    fixture_cell(&f, "t", "none");
    finding.output = "foo\0";
    finding.output_bytes = 4;
    report_one(&f, 1, 0, &finding, 1);
    parse(&f, &plain, &p);
    expect_text(text_of(line_of(&p, "finding", 0), "output"), "foo\\x00");
    expect_text(text_of(line_of(&p, "finding", 0), "output_base64"), "Zm9vAA==");
    parsed_free(&p);
    fixture_remove(&f);
}

static void test_series(void)
{
    struct parsed p;
    struct fixture f;
    const json_t *series;

    report_run(&f);
    parse(&f, &plain, &p);
    series = line_of(&p, "series", 0);
    expect_text(text_of(series, "kind"), "heap.bytes");
    CU_ASSERT_EQUAL(number_of(series, "cell"), 2);
    CU_ASSERT_EQUAL(number_of(series, "first_lap"), 5);
    CU_ASSERT_EQUAL(number_of(series, "samples"), 4);
    CU_ASSERT_EQUAL(number_of(series, "behind_a_gap"), 0);
    CU_ASSERT_EQUAL(number_of(series, "first"), 1000);
    CU_ASSERT_EQUAL(number_of(series, "last"), 1024);
    CU_ASSERT_EQUAL(number_of(series, "low"), 1000);
    CU_ASSERT_EQUAL(number_of(series, "high"), 1024);
    parsed_free(&p);
    fixture_remove(&f);
}

static void test_verbose_and_one(void)
{
    struct report_options verbose = {.verbose = true}, one = {.finding = 2}, none = {.finding = 99};
    struct parsed p;
    struct fixture f;
    struct capture c;

    report_run(&f);
    parse(&f, &verbose, &p);
    CU_ASSERT_EQUAL(number_of(line_of(&p, "end", 0), "findings"), 37 + 2 + 1 + 5 + 1);
    CU_ASSERT_TRUE(json_is_null(json_object_get(line_of(&p, "finding", 1), "repeats")));
    parsed_free(&p);
    parse(&f, &one, &p);
    CU_ASSERT_EQUAL(p.count, 1);
    expect_text(text_of(p.line[0], "code"), "hang.deadlock");
    parsed_free(&p);
    CU_ASSERT_EQUAL(report_format_jsonl.write(f.store, capture_open(&c), &none, &f.e),
                    ERROR_NOT_FOUND);
    capture_close(&c);
    capture_free(&c);
    fixture_remove(&f);
}

/* Every member that is written has its line in the document, in backticks. */
static void test_document_names_every_member(void)
{
    static char document[65536];
    struct parsed p;
    struct fixture f;
    FILE *in = fopen(RUNDOWN_SOURCE_DIR "/docs/jsonl.md", "r");

    CU_ASSERT_PTR_NOT_NULL_FATAL(in);
    CU_ASSERT_TRUE(fread(document, 1, sizeof document - 1, in) > 0);
    fclose(in);
    report_run(&f);
    parse(&f, &plain, &p);
    for (size_t i = 0; i < p.count; i++) {
        const char *name;
        json_t *value;

        json_object_foreach(p.line[i], name, value)
        {
            char word[64];

            snprintf(word, sizeof word, "`%s`", name);
            if (!has(document, word))
                printf("\n    docs/jsonl.md does not name %s", word);
            CU_ASSERT_TRUE(has(document, word));
        }
    }
    parsed_free(&p);
    fixture_remove(&f);
}

static void test_failures(void)
{
    struct fixture f;

    report_run(&f);
    report_to_full_device(&f, &report_format_jsonl);
    report_of_damage(&f, &report_format_jsonl, "UPDATE series SET block = x'00'");
    report_of_damage(&f, &report_format_jsonl, "UPDATE finding SET severity = 'x' WHERE place = 2");
    fixture_remove(&f);
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"order and end", test_order_and_end},
        {"run and cells", test_run_and_cells},
        {"findings", test_findings},
        {"nasty bytes", test_nasty_bytes},
        {"output with NUL", test_output_with_nul},
        {"series", test_series},
        {"verbose and one", test_verbose_and_one},
        {"document names every member", test_document_names_every_member},
        {"failures", test_failures},
        CU_TEST_INFO_NULL,
    };

    return vector_run("jsonl report", tests);
}
