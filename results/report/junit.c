/*
 * junit: a run as test cases, for continuous integration.
 *
 * One testcase per cell. A signature that was found is a <failure>, broken cycles are an
 * <error>, a cell without a cycle that counts is <skipped>. Notes go to <system-out>, where also
 * stands what a clean cell is worth. docs/junit.xsd is the exact shape. Whatever XML forbids is
 * made visible.
 */
#include <harness/report.h>

#include <results/store/store.h>
#include <results/text/also.h>
#include <results/text/escape.h>
#include <results/text/finding_text.h>
#include <results/text/rate.h>
#include <results/text/stream.h>

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* struct suite - what is being written. */
struct suite {
    struct store *store;
    FILE *out;
    bool distinct;
    const struct store_cell *cell;
    enum stop_severity severity; /* of the findings whose turn it is */
    int code;                    /* of a failure inside a callback */
    struct error *e;
};

static void attribute(FILE *out, const char *name, const char *text)
{
    fprintf(out, " %s=\"", name);
    escape_xml(out, text, strlen(text), 1);
    fputc('"', out);
}

/* A finding in words, as the terminal has it, as character data. */
static int write_words(struct suite *suite, const struct store_finding *finding)
{
    struct finding_layout layout = {0};
    char *text = NULL, *also = NULL;
    size_t size;
    FILE *words;
    int code =
        also_seen(suite->store, finding->cell, finding->cycle, finding->place, &also, suite->e);

    words = code == 0 ? open_memstream(&text, &size) : NULL;
    if (words == NULL) {
        free(also);
        return code != 0 ? code : error_set(suite->e, ERROR_MEMORY, "report: out of memory");
    }
    layout.also = also;
    finding_text(words, finding, suite->cell, &layout);
    if (fclose(words) == 0)
        escape_xml(suite->out, text, size, 0);
    free(text);
    free(also);
    return 0;
}

/* What the code means, and whom it is about; the caller frees it. */
static char *message_of(const struct store_finding *finding)
{
    const struct stop_code_entry *entry = stop_code_entry(finding->code);
    int length = (int)strcspn(finding->text, "\n");
    char *message = NULL;

    if (asprintf(&message, "%s%s%.*s", entry != NULL ? entry->meaning : "",
                 entry != NULL && length > 0 ? " " : "", length, finding->text) < 0)
        return NULL;
    return message;
}

static int write_failure(struct suite *suite, const struct store_finding *finding,
                         const char *element)
{
    char *message = message_of(finding);

    if (message == NULL)
        return error_set(suite->e, ERROR_MEMORY, "report: out of memory");
    fprintf(suite->out, "      <%s", element);
    attribute(suite->out, "type", finding->slug);
    attribute(suite->out, "message", message);
    free(message);
    fputc('>', suite->out);
    suite->code = write_words(suite, finding);
    fprintf(suite->out, "</%s>\n", element);
    return suite->code;
}

static int each_failure(const struct store_finding *finding, void *context)
{
    struct suite *suite = context;

    if (finding->severity != suite->severity || finding->place != 0)
        return 0;
    return write_failure(suite, finding,
                         suite->severity == STOP_SEVERITY_FINDING ? "failure" : "error");
}

static int each_note(const struct store_finding *finding, void *context)
{
    struct suite *suite = context;

    if (finding->severity != STOP_SEVERITY_NOTE || finding->place != 0)
        return 0;
    suite->code = write_words(suite, finding);
    return suite->code;
}

static int write_severity(struct suite *suite, enum stop_severity severity)
{
    int code;

    suite->severity = severity;
    code = store_cell_findings(suite->store, suite->cell->id, suite->distinct, each_failure, suite,
                               suite->e);
    return code == 0 ? suite->code : code;
}

/* Broken cycles are an error even where no finding says what was the matter. */
static void write_broken(struct suite *suite)
{
    const struct store_cell *cell = suite->cell;

    if (cell->broken > 0)
        fprintf(suite->out,
                "      <error type=\"harness.broken\" message=\"%llu of %llu cycles could not be "
                "judged\"/>\n",
                (unsigned long long)cell->broken, (unsigned long long)cell->next);
}

static void write_remark(struct suite *suite, const char *remark)
{
    if (remark[0] == '\0')
        return;
    escape_xml(suite->out, remark, strlen(remark), 0);
    fputc('\n', suite->out);
}

static int write_system_out(struct suite *suite)
{
    char sentence[RATE_BYTES];
    struct rate rate;
    int code = rate_of_cell(suite->store, suite->cell, &rate, suite->e);

    if (code != 0)
        return code;
    fprintf(suite->out, "      <system-out>cycles with findings: %s\n",
            rate_sentence(&rate, sentence));
    write_remark(suite, suite->cell->state);
    write_remark(suite, suite->cell->notes);
    code = store_cell_findings(suite->store, suite->cell->id, suite->distinct, each_note, suite,
                               suite->e);
    fputs("</system-out>\n", suite->out);
    return code == 0 ? suite->code : code;
}

/* A cell that could show nothing must not pass. */
static bool is_skipped(const struct store_cell *cell)
{
    return cell->passed + cell->failed + cell->broken == 0;
}

static const char *why_skipped(const struct store_cell *cell)
{
    if (cell->state[0] != '\0')
        return cell->state;
    return cell->not_fired > 0 ? "the injection fired in no cycle" : "no cycle was run";
}

static int write_result(struct suite *suite)
{
    int code;

    if (is_skipped(suite->cell)) {
        fputs("      <skipped", suite->out);
        attribute(suite->out, "message", why_skipped(suite->cell));
        fputs("/>\n", suite->out);
        return 0;
    }
    code = write_severity(suite, STOP_SEVERITY_FINDING);
    write_broken(suite);
    if (code == 0)
        code = write_severity(suite, STOP_SEVERITY_HARNESS);
    return code == 0 ? write_system_out(suite) : code;
}

static int write_case(struct suite *suite)
{
    int code;

    fputs("    <testcase", suite->out);
    attribute(suite->out, "classname", suite->cell->target);
    attribute(suite->out, "name", suite->cell->injector);
    fprintf(suite->out, " time=\"%.3f\">\n", (double)suite->cell->nanoseconds / 1e9);
    code = write_result(suite);
    fputs("    </testcase>\n", suite->out);
    return code;
}

/* struct totals - counts of testcases, each in one column at most, and the time. */
struct totals {
    unsigned failures, errors, skipped;
    double seconds;
};

static int count_cell(struct suite *suite, const struct store_cell *cell, struct totals *totals)
{
    uint64_t findings = 0, troubles = 0;
    int code =
        store_count_findings(suite->store, cell->id, STOP_SEVERITY_FINDING, &findings, suite->e);

    if (code == 0)
        code = store_count_findings(suite->store, cell->id, STOP_SEVERITY_HARNESS, &troubles,
                                    suite->e);
    totals->seconds += (double)cell->nanoseconds / 1e9;
    if (is_skipped(cell))
        totals->skipped++;
    else if (findings > 0)
        totals->failures++;
    else if (cell->broken > 0 || troubles > 0)
        totals->errors++;
    return code;
}

/* The form that the attribute must have; what "started" holds is the writer's affair. */
static bool is_timestamp(const char *text)
{
    static const char form[] = "dddd-dd-ddTdd:dd:dd";

    for (size_t i = 0; form[i] != '\0'; i++) {
        if (form[i] == 'd' ? !isdigit((unsigned char)text[i]) : text[i] != form[i])
            return false;
    }
    return true;
}

static void write_timestamp(struct suite *suite)
{
    char *started;

    if (store_meta_get(suite->store, "started", &started, NULL) != 0)
        return;
    if (is_timestamp(started))
        fprintf(suite->out, " timestamp=\"%.19s\"", started);
    free(started);
}

static int each_meta(const char *key, const char *value, void *context)
{
    FILE *out = context;

    fputs("      <property", out);
    attribute(out, "name", key);
    attribute(out, "value", value);
    fputs("/>\n", out);
    return 0;
}

static int write_properties(struct suite *suite)
{
    int code;

    fputs("    <properties>\n", suite->out);
    code = store_meta_list(suite->store, each_meta, suite->out, suite->e);
    fputs("    </properties>\n", suite->out);
    return code;
}

static void write_totals(struct suite *suite, const char *element, size_t tests,
                         const struct totals *totals)
{
    fprintf(suite->out,
            "<%s name=\"rundown\" tests=\"%zu\" failures=\"%u\" errors=\"%u\" skipped=\"%u\" "
            "time=\"%.3f\"",
            element, tests, totals->failures, totals->errors, totals->skipped, totals->seconds);
}

static int write_suite(struct suite *suite, const struct store_cell *cells, size_t count)
{
    struct totals totals = {0};
    int code = 0;

    for (size_t i = 0; i < count && code == 0; i++)
        code = count_cell(suite, &cells[i], &totals);
    fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n", suite->out);
    write_totals(suite, "testsuites", count, &totals);
    fputs(">\n  ", suite->out);
    write_totals(suite, "testsuite", count, &totals);
    write_timestamp(suite);
    fputs(">\n", suite->out);
    if (code == 0)
        code = write_properties(suite);
    for (size_t i = 0; i < count && code == 0; i++) {
        suite->cell = &cells[i];
        code = write_case(suite);
    }
    fputs("  </testsuite>\n</testsuites>\n", suite->out);
    return code;
}

/* @options->finding does not apply: a test report of one finding would hide the other cells. */
static int junit_write(struct store *store, FILE *out, const struct report_options *options,
                       struct error *e)
{
    struct suite suite = {.store = store, .out = out, .distinct = !options->verbose, .e = e};
    struct store_cell *cells;
    size_t count;
    int code = store_cells(store, &cells, &count, e);

    if (code != 0)
        return code;
    code = write_suite(&suite, cells, count);
    store_cells_free(cells, count);
    return code == 0 ? stream_check(out, e) : code;
}

const struct report_format report_format_junit = {
    .name = "junit",
    .summary = "JUnit XML, one test case per cell, for continuous integration",
    .file = "junit.xml",
    .write = junit_write,
};
