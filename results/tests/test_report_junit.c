/*
 * test_report_junit: valid against docs/junit.xsd whatever targets print, and each cell's result
 * is the right one.
 *
 * xmllint is the judge of validity and reads values back by XPath; without it the test is
 * skipped, since a hand-made check would share the writer's mistakes.
 */
#include "report_fixture.h"

extern const struct report_format report_format_junit;

static const struct report_options plain = {.columns = 80};

#define SCHEMA RUNDOWN_SOURCE_DIR "/docs/junit.xsd"

/* Writes the report beside the store. */
static void write_report(struct fixture *f, const struct report_options *options)
{
    char path[FIXTURE_PATH + 32];
    FILE *out;

    snprintf(path, sizeof path, "%s/junit.xml", f->directory);
    out = fopen(path, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(out);
    fixture_ok(f, report_format_junit.write(f->store, out, options, &f->e));
    CU_ASSERT_EQUAL(fclose(out), 0);
}

/* Exit status of xmllint over the report. */
static int validate(struct fixture *f)
{
    char command[3 * FIXTURE_PATH];

    snprintf(command, sizeof command, "xmllint --noout --schema %s %s/junit.xml 2>%s/why", SCHEMA,
             f->directory, f->directory);
    return system(command);
}

static void expect_valid(struct fixture *f)
{
    char command[2 * FIXTURE_PATH];

    if (validate(f) != 0) {
        snprintf(command, sizeof command, "head -3 %s/why", f->directory);
        CU_ASSERT_EQUAL(system(command), 0);
        CU_FAIL("the report is not valid");
    }
    CU_PASS("valid");
}

/* The value of an XPath expression without double quotes in it. */
static void expect_value(struct fixture *f, const char *xpath, const char *want)
{
    char command[4 * FIXTURE_PATH], got[4096];
    size_t length;
    FILE *in;

    snprintf(command, sizeof command, "xmllint --xpath \"%s\" %s/junit.xml", xpath, f->directory);
    in = popen(command, "r");
    CU_ASSERT_PTR_NOT_NULL_FATAL(in);
    length = fread(got, 1, sizeof got - 1, in);
    pclose(in);
    while (length > 0 && got[length - 1] == '\n')
        length--;
    got[length] = '\0';
    expect_text(got, want);
}

static void test_results_of_cells(void)
{
    static const struct {
        const char *xpath, *want;
    } rows[] = {
        {"string(/testsuites/@tests)", "6"},
        {"string(/testsuites/testsuite/@failures)", "1"},
        {"string(/testsuites/testsuite/@errors)", "1"},
        {"string(/testsuites/testsuite/@skipped)", "3"},
        {"string(/testsuites/testsuite/@timestamp)", "2024-05-06T07:08:09"},
        {"string(//property[@name='seed']/@value)", "0x9a1"},
        {"count(//testcase)", "6"},
        {"string(//testcase[1]/@classname)", "plugin-singleton variant=late-join"},
        {"string(//testcase[2]/@name)", "thread-kill@T1.2:malloc#17+41i"},
        {"string(//testcase[1]/@time)", "1.000"},
        {"count(//testcase[1]/failure)", "2"},
        {"string(//testcase[1]/failure[1]/@type)", "loader.deadlock"},
        {"string(//testcase[1]/failure[1]/@message)",
         "Threads wait for each other in a circle that runs through the dynamic loader's lock. "
         "T1 (main)   waits for T1.1 to end       pthread_join"},
        {"count(//testcase[1]/error)", "0"},
        {"count(//testcase[2]/*)", "1"},
        {"normalize-space(//testcase[2]/system-out)",
         "cycles with findings: 0 of 2,000: below 0.15 % with 95 % confidence"},
        {"starts-with(//testcase[3]/skipped/@message, 'it has no threads')", "true"},
        {"count(//testcase[3]/*)", "1"},
        {"count(//testcase[4]/failure)", "0"},
        {"count(//testcase[4]/error)", "2"},
        {"string(//testcase[4]/error[1]/@message)", "5 of 10 cycles could not be judged"},
        {"string(//testcase[4]/error[2]/@message)",
         "rundown itself failed in this cycle, and so can say nothing about the program. "
         "fork said EAGAIN"},
        {"contains(//testcase[4]/system-out, 'NOTE  lock.order-inversion')", "true"},
        {"string(//testcase[5]/skipped/@message)", "the injection fired in no cycle"},
        {"string(//testcase[6]/skipped/@message)", "no cycle was run"},
    };
    struct fixture f;

    report_run(&f);
    write_report(&f, &plain);
    expect_valid(&f);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        expect_value(&f, rows[i].xpath, rows[i].want);
    fixture_remove(&f);
}

static void test_words(void)
{
    struct fixture f;
    char *text;

    report_run(&f);
    text = report_text(&f, &report_format_junit, &plain);
    expect_has(text, ">FAIL  loader.deadlock                     plugin-singleton "
                     "variant=late-join  cycle 962  3.1 ms after the last event\n");
    expect_has(text, "  again:      rundown replay &#39;plugin-singleton variant=late-join "
                     "seed=0x9a1 cycle=37 mode=free&#39;\n");
    expect_has(text, "  seen 37 times in 1,000 cycles, first at cycle 962 (finding 1)\n");
    expect_has(text, "    waiting for the worker\n</failure>\n");
    expect_has(text, "started afresh: it opens sockets\nsecond note\n</system-out>");
    free(text);
    fixture_remove(&f);
}

/* Every byte value, every forbidden character, in every text that a target can reach. */
static void test_any_bytes(void)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct store_finding finding;
        struct fixture f;
        char noise[600];
        uint64_t state = seed;

        for (size_t i = 0; i < sizeof noise - 1; i++)
            noise[i] = (char)(i < 255 ? i + 1 : fixture_random(&state) % 255 + 1);
        memcpy(noise + 300, "]]>\xef\xbf\xbe\xef\xbf\xbf\xed\xa0\x80\xf4\x90\x80\x80<!--", 20);
        noise[sizeof noise - 1] = '\0';
        fixture_create(&f);
        fixture_ok(&f, store_meta_set(f.store, noise, noise, &f.e));
        report_cell(&f, noise, noise, noise, noise);
        report_cell(&f, noise, noise, noise, noise);
        finding = fixture_finding(1, 0, 0, STOP_CRASH_SIGNAL, noise);
        finding.text = finding.injected = finding.replay = finding.trace = noise;
        finding.output = noise;
        finding.output_bytes = sizeof noise;
        report_one(&f, 1, 0, &finding, 1);
        finding.cycle = 1;
        finding.severity = STOP_SEVERITY_NOTE;
        report_one(&f, 1, 1, &finding, 1);
        write_report(&f, &plain);
        expect_valid(&f);
        expect_value(&f, "count(//failure)", "1");
        fixture_remove(&f);
    }
}

static void test_empty_run_and_odd_start(void)
{
    struct fixture f;

    fixture_create(&f);
    write_report(&f, &plain);
    expect_valid(&f);
    fixture_ok(&f, store_meta_set(f.store, "started", "yesterday", &f.e));
    write_report(&f, &plain);
    expect_valid(&f);
    expect_value(&f, "count(//@timestamp)", "0");
    expect_value(&f, "string(//property/@value)", "yesterday");
    fixture_remove(&f);
}

/* The same bug in two cells fails both of them; in full every cycle is there. */
static void test_each_cell_has_its_failure(void)
{
    struct report_options verbose = {.verbose = true};
    struct store_finding finding;
    struct fixture f;

    fixture_create(&f);
    for (int64_t cell = 1; cell <= 2; cell++) {
        report_cell(&f, "t", "none", "", "");
        for (uint64_t cycle = 0; cycle < 3; cycle++) {
            finding = fixture_finding(cell, cycle, 0, STOP_CRASH_SIGNAL, "one bug");
            report_one(&f, cell, cycle, &finding, 1);
        }
    }
    write_report(&f, &plain);
    expect_valid(&f);
    expect_value(&f, "count(//testcase[1]/failure)", "1");
    expect_value(&f, "count(//testcase[2]/failure)", "1");
    expect_value(&f,
                 "contains(//testcase[2]/failure, 'seen 3 times in 3 cycles, first at "
                 "cycle 0 (')",
                 "true");
    write_report(&f, &verbose);
    expect_valid(&f);
    expect_value(&f, "count(//testcase[2]/failure)", "3");
    fixture_remove(&f);
}

/* The schema is no rubber stamp. */
static void test_schema_refuses(void)
{
    static const char *const edits[] = {
        "s/ tests=\"6\"//",
        "s/<skipped [^>]*>//",
        "s/type=\"loader.deadlock\"/type=\"Loader deadlock\"/",
        "s/time=\"1.000\"/time=\"-1\"/",
        "s/<testcase /<testcase extra=\"x\" /",
    };

    for (size_t i = 0; i < sizeof edits / sizeof edits[0]; i++) {
        char command[2 * FIXTURE_PATH];
        struct fixture f;

        report_run(&f);
        write_report(&f, &plain);
        snprintf(command, sizeof command, "sed -i '%s' %s/junit.xml", edits[i], f.directory);
        CU_ASSERT_EQUAL(system(command), 0);
        CU_ASSERT_NOT_EQUAL(validate(&f), 0);
        fixture_remove(&f);
    }
}

static void test_failures(void)
{
    struct fixture f;

    report_run(&f);
    report_to_full_device(&f, &report_format_junit);
    report_of_damage(&f, &report_format_junit, "UPDATE finding SET severity = 'x' WHERE place = 2");
    fixture_remove(&f);
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"results of cells", test_results_of_cells},
        {"words", test_words},
        {"any bytes", test_any_bytes},
        {"empty run and odd start", test_empty_run_and_odd_start},
        {"each cell has its failure", test_each_cell_has_its_failure},
        {"schema refuses", test_schema_refuses},
        {"failures", test_failures},
        CU_TEST_INFO_NULL,
    };

    if (system("xmllint --version >/dev/null 2>&1") != 0) {
        puts("skipped: xmllint is not installed");
        return 77;
    }
    return vector_run("junit report", tests);
}
