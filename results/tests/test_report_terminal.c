/*
 * test_report_terminal: what people read, line by line.
 */
#include "report_fixture.h"

#include <results/text/utf8.h>

extern const struct report_format report_format_terminal;

static const struct report_options plain = {.columns = 80};

static const char deadlock[] =
    "FAIL  loader.deadlock\n"
    "      plugin-singleton variant=late-join  cycle 962  3.1 ms after the last event\n"
    "  T1 (main)   waits for T1.1 to end       pthread_join\n"
    "  T1.1        waits\n"
    "  injected:   nothing (this one needs no help)\n"
    "  also seen:  hang.deadlock, exit.threads-alive (note)\n"
    "  again:      rundown replay 'plugin-singleton variant=late-join seed=0x9a1 cycle=37 "
    "mode=free'\n"
    "  seen 37 times in 1,000 cycles, first at cycle 962 (finding 1)\n"
    "  it printed:\n"
    "    starting\n"
    "    plugin loaded\n"
    "    waiting for the worker\n";

static const char table[] =
    "target\n"
    "  injector              cycles   passed  failed broken not fired  per s   median\n"
    "plugin-singleton variant=late-join\n"
    "  none                   1,000      962      38      0         0  1,000   939 us\n"
    "    with findings: 38 of 1,000: 3.8 % (95 % interval 2.7 to 5.2 %)\n"
    "    note: started afresh: it opens sockets\n"
    "    note: second note\n"
    "  thread-kill@T1.2:malloc#17+41i\n"
    "                         2,010    2,000       0      0        10  1,000   939 us\n"
    "    with findings: 0 of 2,000: below 0.15 % with 95 % confidence\n";

static void test_findings_and_table(void)
{
    struct fixture f;
    char *text;

    report_run(&f);
    text = report_text(&f, &report_format_terminal, &plain);
    expect_has(text, "command   rundown run --workload x\nseed      0x9a1\n"
                     "started   2024-05-06T07:08:09Z\n\n");
    expect_has(text, deadlock);
    expect_has(text, table);
    expect_has(text, "  none                      10        5       0      5         0");
    expect_has(text, "    with findings: 0 of 5: below 45.1 % with 95 % confidence\n");
    expect_has(text, "    with findings: no cycle that counts, so nothing can be said\n");
    expect_has(text, "  park\n    skipped: it has no threads <b a=");
    expect_has(text, "2 findings and 1 note of different signatures in 3,070 cycles of 6 cells;\n"
                     "rundown's own troubles: 1.\n");
    free(text);
    fixture_remove(&f);
}

/* What the program did comes first, then rundown's troubles, then notes. */
static void test_order(void)
{
    static const char *const order[] = {"FAIL  loader.deadlock", "FAIL  crash.signal",
                                        "BROKEN  harness.broken", "NOTE  lock.order-inversion",
                                        "target\n  injector"};
    struct fixture f;
    char *text;
    const char *at, *before = "";

    report_run(&f);
    text = report_text(&f, &report_format_terminal, &plain);
    for (size_t i = 0; i < 5; i++) {
        at = strstr(text, order[i]);
        CU_ASSERT_PTR_NOT_NULL_FATAL(at);
        CU_ASSERT_TRUE(i == 0 || at > before);
        CU_ASSERT_PTR_NULL(strstr(at + 1, order[i]));
        before = at;
    }
    free(text);
    fixture_remove(&f);
}

/* Only the replay line may be longer, and nothing but newlines is a control character. */
static void test_width_and_bytes(void)
{
    struct fixture f;

    report_run(&f);
    for (unsigned columns = 80; columns <= 140; columns += 20) {
        struct report_options options = {.columns = columns};
        char *text = report_text(&f, &report_format_terminal, &options), *rest = text;
        uint32_t character;

        for (char *line; (line = strsep(&rest, "\n")) != NULL;) {
            size_t length = strlen(line);

            if (utf8_columns(line, length) > columns && strncmp(line, "  again:", 8) != 0)
                CU_FAIL("a line is too long");
            for (size_t i = 0; i < length;) {
                i += utf8_next(line + i, length - i, &character);
                CU_ASSERT_TRUE(character != UTF8_BAD && character >= 0x20 &&
                               (character < 0x7f || character >= 0xa0));
            }
        }
        free(text);
    }
    fixture_remove(&f);
}

static void test_verbose_and_colour(void)
{
    struct report_options options = {.columns = 80, .verbose = true, .colour = true};
    struct fixture f;
    unsigned count = 0;
    char *text;

    report_run(&f);
    text = report_text(&f, &report_format_terminal, &options);
    for (const char *at = text; (at = strstr(at, "FAIL  loader.deadlock")) != NULL; at++)
        count++;
    CU_ASSERT_EQUAL(count, 37);
    expect_has(text, "FAIL  hang.deadlock");
    expect_has(text, "\033[33mNOTE  exit.threads-alive\033[0m\n");
    CU_ASSERT_FALSE(has(text, "also seen:"));
    expect_has(text, "2 findings and 1 note of different signatures");
    free(text);
    fixture_remove(&f);
}

static void test_one_finding(void)
{
    struct report_options options = {.columns = 80, .finding = 1};
    struct fixture f;
    struct capture c;
    char *text;

    report_run(&f);
    text = report_text(&f, &report_format_terminal, &options);
    CU_ASSERT_EQUAL(strncmp(text, deadlock, (size_t)(strstr(deadlock, "  it printed") - deadlock)),
                    0);
    expect_has(text, "\nWhat to do\n"); /* its page: see test_page */
    CU_ASSERT_FALSE(has(text, "injector "));
    free(text);
    options.finding = 12345;
    CU_ASSERT_EQUAL(report_format_terminal.write(f.store, capture_open(&c), &options, &f.e),
                    ERROR_NOT_FOUND);
    expect_capture(&c, "");
    fixture_remove(&f);
}

/* Silence is put as a bound, never as "no failures"; slow cells show their speed too. */
static void test_clean_run(void)
{
    struct store_batch batch = fixture_batch(1, 0, 299);
    struct fixture f;
    char *text;

    fixture_create(&f);
    report_cell(&f, "null", "none", "", "");
    memset(batch.histogram, 0, sizeof batch.histogram);
    batch.histogram[ABI_HISTOGRAM - 1] = 299;
    batch.nanoseconds = UINT64_C(299) * 2500000000;
    fixture_ok(&f, store_commit_batch(f.store, &batch, NULL, 0, NULL, 0, &f.e));
    text = report_text(&f, &report_format_terminal, &plain);
    expect_has(text, "    with findings: 0 of 299: below 1.0 % with 95 % confidence\n");
    expect_has(text, "    0.4>1 h 0 min\n");
    expect_has(text, "0 findings and 0 notes of different signatures in 299 cycles of 1 cell;\n"
                     "rundown's own troubles: 0. What silence is worth stands beside each cell.\n");
    CU_ASSERT_FALSE(has(text, "no failure"));
    free(text);
    fixture_remove(&f);
}

static void test_failures(void)
{
    struct fixture f;

    report_run(&f);
    report_to_full_device(&f, &report_format_terminal);
    report_of_damage(&f, &report_format_terminal, "UPDATE finding SET cell = 77 WHERE id = 40");
    report_of_damage(&f, &report_format_terminal, "UPDATE cell SET histogram = x'00'");
    fixture_remove(&f);
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"findings and table", test_findings_and_table},
        {"order", test_order},
        {"width and bytes", test_width_and_bytes},
        {"verbose and colour", test_verbose_and_colour},
        {"one finding", test_one_finding},
        {"clean run", test_clean_run},
        {"failures", test_failures},
        CU_TEST_INFO_NULL,
    };

    return vector_run("terminal report", tests);
}
