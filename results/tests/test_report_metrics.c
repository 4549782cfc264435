/*
 * test_report_metrics: the text is read by a parser of the exposition format, small and strict, and
 * asked for values. Whatever a target calls itself, no line may come apart.
 */
#include "report_fixture.h"

#include <results/text/utf8.h>

#include <ctype.h>

extern const struct report_format report_format_metrics;

static const struct report_options plain = {.columns = 80};

/* --- the parser ---------------------------------------------------------------------------- */

/* struct samples - "name{labels}" as written, and the value. */
struct samples {
    struct sample {
        char *name;
        double value;
    } * sample;
    size_t count;
    char *families[64];
    size_t family_count;
};

static const char *bad; /* what the parser did not like, NULL while all is well */
static bool quiet;      /* it is meant to dislike something */

static void require(bool good, const char *what, const char *line)
{
    if (good || bad != NULL)
        return;
    bad = what;
    if (!quiet)
        printf("\n    %s: %s", what, line);
}

static size_t name_length(const char *text)
{
    size_t length = 0;

    if (isalpha((unsigned char)*text) || *text == '_')
        while (isalnum((unsigned char)text[length]) || text[length] == '_')
            length++;
    return length;
}

/* Behind the labels that begin at @at; NULL if they are none. */
static const char *skip_labels(const char *at)
{
    if (*at != '{')
        return at;
    do {
        size_t length = name_length(++at);

        if (length == 0 || at[length] != '=' || at[length + 1] != '"')
            return NULL;
        for (at += length + 2; *at != '"'; at++)
            if (*at == '\0' || (*at == '\\' && strchr("\\\"n", *++at) == NULL))
                return NULL;
        at++;
    } while (*at == ',');
    return *at == '}' ? at + 1 : NULL;
}

static void add_sample(struct samples *samples, const char *line)
{
    const char *family = samples->families[samples->family_count - 1]; /* there is one */
    size_t length = name_length(line);
    const char *end = skip_labels(line + length);
    struct sample sample;
    char *rest;

    require(length == strlen(family) && strncmp(line, family, length) == 0,
            "a sample outside its family", line);
    require(end != NULL && *end == ' ', "broken labels", line);
    if (bad != NULL)
        return;
    sample.name = strndup(line, (size_t)(end - line));
    sample.value = strtod(end + 1, &rest);
    require(rest != end + 1 && *rest == '\0' && isfinite(sample.value), "no number", line);
    for (size_t i = 0; i < samples->count; i++)
        require(strcmp(samples->sample[i].name, sample.name) != 0, "twice the same", line);
    samples->sample = realloc(samples->sample, (samples->count + 1) * sizeof samples->sample[0]);
    samples->sample[samples->count++] = sample;
}

/* "# HELP name words", then "# TYPE name gauge", then samples. */
static void add_family(struct samples *samples, const char *line, char **rest)
{
    static const char help[] = "# HELP ", type[] = "# TYPE ";
    size_t length = name_length(line + strlen(help));
    char *name = strndup(line + strlen(help), length);
    const char *next = strsep(rest, "\n");

    require(length > 0 && line[strlen(help) + length] == ' ', "broken help", line);
    require(strpbrk(line, "\\\"") == NULL, "a help to be escaped", line);
    require(next != NULL && strncmp(next, type, strlen(type)) == 0 &&
                strncmp(next + strlen(type), name, length) == 0 &&
                strcmp(next + strlen(type) + length, " gauge") == 0,
            "no type behind the help", line);
    for (size_t i = 0; i < samples->family_count; i++)
        require(strcmp(samples->families[i], name) != 0, "a family in two parts", line);
    CU_ASSERT_FATAL(samples->family_count < 64);
    samples->families[samples->family_count++] = name;
}

static void parse(struct samples *samples, const char *text)
{
    static const char end[] = "\n# EOF\n";
    size_t length = strlen(text);
    char *copy, *rest;

    *samples = (struct samples){0};
    bad = NULL;
    require(length > strlen(end) && strcmp(text + length - strlen(end), end) == 0, "no end", text);
    require(utf8_valid(text, length), "no UTF-8", text);
    copy = rest = strndup(text, length > strlen(end) ? length - strlen(end) : 0);
    for (char *line; (line = strsep(&rest, "\n")) != NULL && bad == NULL;)
        if (strncmp(line, "# HELP ", 7) == 0)
            add_family(samples, line, &rest);
        else if (samples->family_count > 0 && *line != '#')
            add_sample(samples, line);
        else
            require(false, "no line of the format", line);
    free(copy);
}

static void samples_free(struct samples *samples)
{
    for (size_t i = 0; i < samples->count; i++)
        free(samples->sample[i].name);
    for (size_t i = 0; i < samples->family_count; i++)
        free(samples->families[i]);
    free(samples->sample);
}

static struct samples read_report(struct fixture *f)
{
    struct samples samples;
    char *text = report_text(f, &report_format_metrics, &plain);

    parse(&samples, text);
    CU_ASSERT_PTR_NULL(bad);
    free(text);
    return samples;
}

/* The one sample whose name and labels hold all of these, divided by '|'; NAN if none. */
static double value_of(const struct samples *samples, const char *parts)
{
    double value = NAN;
    unsigned found = 0;

    for (size_t i = 0; i < samples->count; i++) {
        char *copy = strdup(parts), *rest = copy;
        const char *name = strsep(&rest, "|"), *part;
        bool fits = strlen(name) == name_length(samples->sample[i].name) &&
                    strncmp(samples->sample[i].name, name, strlen(name)) == 0;

        while ((part = strsep(&rest, "|")) != NULL)
            fits = fits && strstr(samples->sample[i].name, part) != NULL;
        if (fits) {
            value = samples->sample[i].value;
            found++;
        }
        free(copy);
    }
    return found == 1 ? value : NAN;
}

static void expect(const struct samples *samples, const char *parts, double want)
{
    double got = value_of(samples, parts);

    if (!(fabs(got - want) <= 1e-8 * fabs(want)))
        printf("\n    %s: got %.12g, want %.12g", parts, got, want);
    CU_ASSERT_TRUE(fabs(got - want) <= 1e-8 * fabs(want));
}

static void expect_none(const struct samples *samples, const char *parts)
{
    CU_ASSERT_TRUE(isnan(value_of(samples, parts)));
}

/* --- tests --------------------------------------------------------------------------------- */

/* If the parser took anything, the tests behind it would prove nothing. */
static void test_the_parser_refuses(void)
{
#define HEAD "# HELP a b\n# TYPE a gauge\n"
    static const char *const texts[] = {
        HEAD "a 1\n",
        HEAD "a 1\n# EOF",
        HEAD "a 1\n# EOF\n\n",
        HEAD "b 1\n# EOF\n",
        HEAD "ab 1\n# EOF\n",
        HEAD "a x\n# EOF\n",
        HEAD "a NaN\n# EOF\n",
        HEAD "a  \n# EOF\n",
        HEAD "a{} 1\n# EOF\n",
        HEAD "a{b=\"c} 1\n# EOF\n",
        HEAD "a{b=\"c\\d\"} 1\n# EOF\n",
        HEAD "a{b=\"c\"d\"} 1\n# EOF\n",
        HEAD "a{b=\"c\",} 1\n# EOF\n",
        HEAD "a{b=\"c\n\"} 1\n# EOF\n",
        HEAD "a{b=\"\xff\"} 1\n# EOF\n",
        HEAD "a{b=\"c\"} 1\na{b=\"c\"} 2\n# EOF\n",
        HEAD "a 1\n" HEAD "a 1\n# EOF\n",
        "a 1\n# EOF\n",
        "# HELP a b\na 1\n# EOF\n",
        "# HELP a b\n# TYPE b gauge\n# EOF\n",
    };

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct samples samples;

        quiet = true;
        parse(&samples, texts[i]);
        quiet = false;
        if (bad == NULL)
            printf("\n    taken: %s", texts[i]);
        CU_ASSERT_PTR_NOT_NULL(bad);
        samples_free(&samples);
    }
}

static void test_counts_and_rates(void)
{
    struct fixture f;
    struct samples s;

    report_run(&f);
    s = read_report(&f);
    expect(&s, "rundown_run|seed=\"0x9a1\"|command=\"rundown run --workload x\"", 1);
    expect(&s, "rundown_run_start_time_seconds", 1714979289);
    expect_none(&s, "rundown_run_end_time_seconds");
    expect(&s, "rundown_cell_cycles|cell=\"1\"|verdict=\"passed\"", 962);
    expect(&s, "rundown_cell_cycles|cell=\"1\"|verdict=\"failed\"", 38);
    expect(&s, "rundown_cell_cycles|cell=\"2\"|verdict=\"not_fired\"", 10);
    expect(&s, "rundown_cell_cycles|cell=\"4\"|verdict=\"broken\"", 5);
    expect(&s, "rundown_cell_planned_cycles|cell=\"6\"", 1000);
    expect(&s, "rundown_cell_busy_seconds|cell=\"2\"", 2.01);
    expect(&s, "rundown_cell_longest_cycle_seconds|cell=\"2\"", 0.001);
    expect(&s, "rundown_cell_findings|cell=\"1\"|severity=\"finding\"", 38);
    expect(&s, "rundown_cell_findings|cell=\"4\"|severity=\"harness\"", 5);
    expect(&s, "rundown_cell_findings|cell=\"4\"|severity=\"note\"", 1);
    expect(&s, "rundown_cell_finding_ratio|cell=\"1\"", 0.038);
    CU_ASSERT_TRUE(value_of(&s, "rundown_cell_finding_ratio_low|cell=\"1\"") < 0.038);
    CU_ASSERT_TRUE(value_of(&s, "rundown_cell_finding_ratio_high|cell=\"1\"") > 0.038);
    expect_none(&s, "rundown_cell_finding_ratio_below|cell=\"1\"");
    expect(&s, "rundown_cell_finding_ratio_below|cell=\"2\"", -expm1(log(0.05) / 2000));
    expect(&s, "rundown_cell_finding_ratio_low|cell=\"2\"", 0);
    expect_none(&s, "rundown_cell_finding_ratio|cell=\"5\""); /* no cycle counts */
    expect(&s, "rundown_cell_cycles|cell=\"3\"|verdict=\"passed\"", 0);
    expect(&s, "rundown_signature_cycles|cell=\"1\"|code=\"loader.deadlock\"|severity=\"finding\"",
           37);
    expect(&s, "rundown_signature_cycles|cell=\"4\"|code=\"harness.broken\"|severity=\"harness\"",
           5);
    expect_none(&s, "rundown_signature_cycles|code=\"hang.deadlock\""); /* a consequence */
    expect(&s, "rundown_leak_series|cell=\"2\"|series=\"heap.bytes\"|verdict=\"too-short\"", 1);
    expect_none(&s, "rundown_leak_slope|cell=\"2\"");
    samples_free(&s);
    fixture_remove(&f);
}

/* Nothing that a target says ends a label: parse() has looked at all of report_run() and this. */
static void test_labels_are_escaped(void)
{
    struct fixture f;
    struct samples s;
    char *text;

    fixture_create(&f);
    store_meta_set(f.store, "seed", NASTY, &f.e);
    store_meta_set(f.store, "started", "tomorrow", &f.e);
    report_cell(&f, "a\\b\"c\nd\r\xff\xc3\xa9", "x\"} 1\ny{", "", "");
    text = report_text(&f, &report_format_metrics, &plain);
    expect_has(text, "target=\"a\\\\b\\\"c\\\\x0ad\\\\x0d\\\\xff\xc3\xa9\"");
    expect_has(text, "injector=\"x\\\"} 1\\\\x0ay{\"");
    parse(&s, text);
    CU_ASSERT_PTR_NULL(bad);
    expect_none(&s, "rundown_run_start_time_seconds");
    expect(&s, "rundown_cell_cycles|cell=\"1\"|verdict=\"passed\"", 0);
    samples_free(&s);
    free(text);
    fixture_remove(&f);
}

/* --- leaks --------------------------------------------------------------------------------- */

enum { LAPS = 425 };

static void add_series(struct fixture *f, uint64_t cycle, const char *kind, int64_t first,
                       int64_t step, size_t missing_from)
{
    static int64_t sample[LAPS];
    struct store_series series = {1, cycle, kind, 0, sample, LAPS};
    struct store_batch batch = fixture_batch(1, cycle, 1);

    for (size_t i = 0; i < LAPS; i++)
        sample[i] = i >= missing_from ? -1 : first + step * (int64_t)i;
    fixture_ok(f, store_commit_batch(f->store, &batch, NULL, 0, &series, 1, &f->e));
}

static void test_leaks(void)
{
    struct fixture f;
    struct samples s;

    fixture_create(&f);
    report_cell(&f, "t", "none", "", "");
    add_series(&f, 0, "fds", 7, 0, LAPS);
    add_series(&f, 1, "fds", 7, 2, LAPS);
    add_series(&f, 2, "fds", 7, 1, LAPS);
    add_series(&f, 3, "fds", 7, 3, 60); /* ends early: suspect, though steeper */
    add_series(&f, 4, "rss.pages", 7, 0, LAPS);
    add_series(&f, 5, "heap.bytes", -10000, 16, LAPS); /* may be below 0 */
    add_series(&f, 6, "threads", 7, 0, 3);
    s = read_report(&f);
    expect(&s, "rundown_leak_series|series=\"fds\"|verdict=\"leak\"", 2);
    expect(&s, "rundown_leak_series|series=\"fds\"|verdict=\"suspect\"", 1);
    expect(&s, "rundown_leak_series|series=\"fds\"|verdict=\"not-seen\"", 1);
    expect(&s, "rundown_leak_slope|series=\"fds\"", 2);
    expect(&s, "rundown_leak_slope_low|series=\"fds\"", 2);
    expect(&s, "rundown_leak_slope_high|series=\"fds\"", 2);
    expect_none(&s, "rundown_leak_none_above|series=\"fds\"");
    expect(&s, "rundown_leak_series|series=\"rss.pages\"|verdict=\"not-seen\"", 1);
    expect(&s, "rundown_leak_slope|series=\"rss.pages\"", 0);
    CU_ASSERT_TRUE(value_of(&s, "rundown_leak_none_above|series=\"rss.pages\"") > 0);
    expect(&s, "rundown_leak_slope|series=\"heap.bytes\"", 16);
    expect(&s, "rundown_leak_series|series=\"threads\"|verdict=\"too-short\"", 1);
    expect_none(&s, "rundown_leak_slope|series=\"threads\"");
    samples_free(&s);
    fixture_remove(&f);
}

/* --- the page, and failures ---------------------------------------------------------------- */

static void test_the_page_names_every_family(void)
{
    static char page[1 << 16];
    FILE *file = fopen(RUNDOWN_SOURCE_DIR "/docs/metrics.md", "re");
    struct fixture f;
    struct samples s;

    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    page[fread(page, 1, sizeof page - 1, file)] = '\0';
    fclose(file);
    report_run(&f);
    s = read_report(&f);
    CU_ASSERT_TRUE(s.family_count >= 15);
    for (size_t i = 0; i < s.family_count; i++) {
        char wanted[128];

        snprintf(wanted, sizeof wanted, "| `%s` |", s.families[i]);
        expect_has(page, wanted);
    }
    samples_free(&s);
    fixture_remove(&f);
}

static void test_an_empty_run(void)
{
    struct fixture f;
    struct samples s;

    fixture_create(&f);
    s = read_report(&f);
    CU_ASSERT_EQUAL(s.count, 1);
    expect(&s, "rundown_run", 1);
    samples_free(&s);
    fixture_remove(&f);
}

static void test_failures(void)
{
    struct fixture f;

    report_run(&f);
    report_to_full_device(&f, &report_format_metrics);
    report_of_damage(&f, &report_format_metrics, "UPDATE series SET block = x'00'");
    report_of_damage(&f, &report_format_metrics, "UPDATE finding SET severity = 'x'");
    fixture_remove(&f);
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"the parser refuses", test_the_parser_refuses},
        {"counts and rates", test_counts_and_rates},
        {"labels are escaped", test_labels_are_escaped},
        {"leaks", test_leaks},
        {"the page names every family", test_the_page_names_every_family},
        {"an empty run", test_an_empty_run},
        {"failures", test_failures},
        CU_TEST_INFO_NULL,
    };

    return vector_run("metrics report", tests);
}
