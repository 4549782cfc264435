/*
 * test_report_html: the page is whole, says what the store says, runs nothing of a target's and
 * asks nobody. How it looks is for eyes; RUNDOWN_PAGE=FILE keeps the large page of the last test
 * for a browser.
 */
#include <results/text/calibration.h>
#include "report_fixture.h"

#include <ctype.h>

extern const struct report_format report_format_html;

static const struct report_options plain = {.columns = 80};

enum {
    LARGE_CELLS = 1000,
    LARGE_FINDINGS = 500,
    LARGE_BYTES = 5 * 1000 * 1000,
    LARGE_LEAKS = 100,
    LARGE_LAPS = 105,
    LARGE_NIGHTS = 30,
    LAPS = 425,
};

/* --- a parser that believes nothing ------------------------------------------------------------
 */

enum { DEPTH = 64, TAG_BYTES = 32 };

/* struct tags - elements that are open. @bad: of the first that does not fit, or NULL. */
struct tags {
    char open[DEPTH][TAG_BYTES];
    int depth;
    const char *bad;
};

static bool is_void(const char *name)
{
    return strcmp(name, "meta") == 0 || strcmp(name, "input") == 0 || strcmp(name, "br") == 0;
}

/* The end of a tag; '>' may stand in quotes. */
static const char *tag_end(const char *at)
{
    bool quoted = false;

    for (; *at != '\0' && (*at != '>' || quoted); at++)
        quoted ^= *at == '"';
    return at;
}

static void close_tag(struct tags *tags, const char *name, const char *at)
{
    if (tags->depth == 0 || strcmp(tags->open[tags->depth - 1], name) != 0)
        tags->bad = at;
    else
        tags->depth--;
}

static const char *read_tag(struct tags *tags, const char *at)
{
    const char *end = tag_end(at), *name = at + 1 + (at[1] == '/');
    char word[TAG_BYTES] = "", stop[TAG_BYTES + 3];

    for (size_t i = 0; i + 1 < sizeof word && isalnum((unsigned char)name[i]); i++)
        word[i] = name[i];
    if (at[1] == '!' || end[-1] == '/' || is_void(word))
        return end;
    if (word[0] == '\0' || *end == '\0' || tags->depth == DEPTH) {
        tags->bad = at;
    } else if (at[1] == '/') {
        close_tag(tags, word, at);
    } else if (strcmp(word, "script") == 0 || strcmp(word, "style") == 0) {
        snprintf(stop, sizeof stop, "</%s>", word);
        return strstr(end, stop) + strlen(stop) - 1;
    } else {
        snprintf(tags->open[tags->depth++], TAG_BYTES, "%s", word);
    }
    return end;
}

static void expect_whole(const char *page)
{
    struct tags tags = {.depth = 0};

    for (const char *at = page; *at != '\0' && tags.bad == NULL; at++)
        if (*at == '<')
            at = read_tag(&tags, at);
    if (tags.bad != NULL)
        printf("\n    not whole at: %.120s", tags.bad);
    CU_ASSERT_PTR_NULL(tags.bad);
    CU_ASSERT_EQUAL(tags.depth, 0);
}

static unsigned count(const char *text, const char *part)
{
    unsigned found = 0;

    while ((text = strstr(text, part)) != NULL) {
        found++;
        text += strlen(part);
    }
    return found;
}

static void expect_not(const char *page, const char *part)
{
    const char *at = strstr(page, part);

    if (at != NULL)
        printf("\n    '%s' in: %.120s", part, at);
    CU_ASSERT_PTR_NULL(at);
}

/* Nobody is asked, nothing runs but what the policy names. */
static void expect_closed(const char *page)
{
    static const char *const refused[] = {
        " src=",  "@import", "url(http", "url(/",   "url(\"",   "<link",  "<iframe",    "<object",
        "<embed", "<base",   " style=",  " onload", " onclick", "srcdoc", "javascript:"};
    const char *style = strstr(page, "<style>");

    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        expect_not(page, refused[i]);
    expect_has(page, "default-src 'none'; style-src 'sha256-");
    expect_has(page, "; script-src 'sha256-");
    expect_not(page, "unsafe");
    CU_ASSERT_EQUAL(count(page, "<style"), 1);
    CU_ASSERT_EQUAL(count(page, "<script>"), 1);
    CU_ASSERT_EQUAL(count(page, "<script"), 1 + count(page, "<script type=\"application/json\">"));
    CU_ASSERT_PTR_NOT_NULL(style);
    CU_ASSERT_TRUE(strstr(page, "Content-Security-Policy") < style);
}

static char *page_of(struct fixture *f, const struct report_options *options)
{
    char *page = report_text(f, &report_format_html, options);

    expect_whole(page);
    expect_closed(page);
    return page;
}

/* --- tests -------------------------------------------------------------------------------------
 */

static void test_page(void)
{
    struct fixture f;
    char *page;

    report_run(&f);
    page = page_of(&f, &plain);
    expect_has(page, "<html lang=\"en\">");
    expect_has(page, "<p class=\"say\">No.</p>"); /* 5 cycles broken */
    expect_has(page, "<p class=\"say\">2 findings and 1 note.</p>");
    expect_has(page, "the run had not ended");
    expect_has(page, "3.8 % (95 % interval 2.7 to 5.2 %)");
    expect_has(page, "seen</dt><dd>37 times in 1,000 cycles");
    expect_has(page, "also seen</dt><dd>hang.deadlock, exit.threads-alive (note)");
    expect_has(page, "rundown replay &#39;plugin-singleton variant=late-join seed=0x9a1 cycle=37 "
                     "mode=free&#39;");
    expect_has(page, "aria-label=\"How long cycles took");
    expect_has(page, "<caption>");
    expect_not(page, "Who waits for whom"); /* words do not tell arrows */
    /* Worst first: what the program did, then rundown's own, then notes. */
    CU_ASSERT_TRUE(strstr(page, "loader.deadlock</h3>") < strstr(page, "Trouble of rundown"));
    CU_ASSERT_TRUE(strstr(page, ">Trouble of rundown") < strstr(page, ">Notes</h2>"));
    free(page);
    fixture_remove(&f);
}

/* The policy's hashes are of these files, so not a byte may come between. */
static void expect_embedded(const char *page, const char *begin, const char *name, const char *end)
{
    char path[FIXTURE_PATH], *text = NULL, *whole = NULL;
    size_t room = 0;
    FILE *in;

    snprintf(path, sizeof path, "%s/results/html/%s", RUNDOWN_SOURCE_DIR, name);
    in = fopen(path, "r");
    CU_ASSERT_PTR_NOT_NULL_FATAL(in);
    CU_ASSERT_TRUE_FATAL(getdelim(&text, &room, '\0', in) > 0);
    CU_ASSERT_TRUE_FATAL(asprintf(&whole, "%s%s%s", begin, text, end) > 0);
    CU_ASSERT_TRUE(has(page, whole));
    CU_ASSERT_FALSE(has(text, "</"));
    fclose(in);
    free(text);
    free(whole);
}

static void test_embedded(void)
{
    struct fixture f;
    char *page;

    fixture_create(&f);
    page = page_of(&f, &plain);
    expect_embedded(page, "<style>", "style.css", "</style>");
    expect_embedded(page, "<script>", "script.js", "</script>");
    free(page);
    fixture_remove(&f);
}

/* Bytes of a target's, in every field that has some: they are text, or visible. */
static void test_bytes_of_a_target(void)
{
    static const char evil[] = "</pre></script><script>alert(1)</script><img src=x onerror=y>"
                               "\" onfocus=\"z\" ' & \x1b[31m \xff \xe2\x80\xae";
    static const char waits[] = "<i>a\t</svg>\"x\t<i>b\tz<script>\n";
    int64_t samples[LAPS];
    struct store_series series = {1, 0, "</script><b>\"", 0, samples, LAPS};
    struct store_finding finding;
    struct store_batch batch;
    struct fixture f;
    char *page;

    for (int i = 0; i < LAPS; i++)
        samples[i] = 8 * i;
    fixture_create(&f);
    store_meta_set(f.store, "command", evil, &f.e);
    report_cell(&f, evil, evil, "", evil);
    finding = fixture_finding(1, 0, 0, STOP_CRASH_SIGNAL, evil);
    finding.text = finding.injected = finding.replay = finding.trace = evil;
    finding.timeline = "-1.0 ms  <u>T1  wait-begin  </svg><script>\n-0.0 ms  <u>T1  <b>  \"x\n";
    finding.waits = waits;
    finding.output = evil;
    finding.output_bytes = sizeof evil;
    batch = fixture_batch(1, 0, 1);
    batch.passed = 0;
    batch.failed = 1;
    fixture_ok(&f, store_commit_batch(f.store, &batch, &finding, 1, &series, 1, &f.e));
    fixture_reopen(&f, false);
    page = report_text(&f, &report_format_html, &plain);
    expect_whole(page);
    CU_ASSERT_EQUAL(count(page, "<script>"), 1);
    CU_ASSERT_EQUAL(count(page, "<script"), 2); /* and the numbers of the chart */
    expect_not(page, "<img");
    expect_not(page, "<i>a");
    expect_not(page, "<u>");
    expect_not(page, "\" onfocus=");
    expect_not(page, "\x1b");
    expect_not(page, "\xff");
    expect_not(page, "\xe2\x80\xae"); /* turns the direction of what follows */
    expect_has(page, "&lt;script&gt;alert(1)&lt;/script&gt;");
    free(page);
    fixture_remove(&f);
}

static void test_drawings(void)
{
    struct store_finding finding;
    struct fixture f;
    char *page;

    fixture_create(&f);
    fixture_cell(&f, "t", "none");
    finding = fixture_finding(1, 0, 0, STOP_LOADER_DEADLOCK, "a");
    finding.waits = "T1\twaits for T1.1 to end\tT1.1\twaits for the loader lock\n"
                    "T1.1\twaits for the loader lock\tT1\twaits for T1.1 to end\n"
                    "T1.2\twaits for mutex m\tT1.3\twas killed\nno arrow\n";
    finding.timeline = "-2.0 ms  T1  wait-begin  lock\n-1.0 ms  T1.1  inject-intent  x\n"
                       "-0.0 ms  T1  acquired  lock\n";
    finding.hang_ms = 4;
    fixture_ok(&f, fixture_fail(&f, 1, 0, &finding, 1));
    fixture_ok(&f, store_replayed_set(f.store, 1, 3, 10, &f.e));
    page = page_of(&f, &plain);
    expect_has(page, "T1 waits for T1.1 to end, that is for T1.1; T1.1 waits for the loader lock, "
                     "that is for T1; T1.2 waits for mutex m, that is for T1.3, which was killed");
    CU_ASSERT_EQUAL(count(page, "class=\"edge\""), 3);
    CU_ASSERT_EQUAL(count(page, "class=\"box dead\""), 1);
    CU_ASSERT_EQUAL(count(page, "class=\"event"), 3);
    CU_ASSERT_EQUAL(count(page, "class=\"event strike\""), 1);
    CU_ASSERT_EQUAL(count(page, "<rect class=\"lasts\""), 1);
    expect_has(page, "then 4.0 ms of silence");
    expect_has(page, "That line brought it back in 3 of 10: 30.0 %");
    free(page);
    fixture_remove(&f);
}

static void add_series(struct fixture *f, int64_t cell, int64_t step)
{
    struct store_batch batch = fixture_batch(cell, 0, 1);
    int64_t samples[LAPS];
    struct store_series series = {cell, 0, "heap.bytes", 0, samples, LAPS};

    for (int i = 0; i < LAPS; i++)
        samples[i] = 4096 + step * i;
    fixture_ok(f, store_commit_batch(f->store, &batch, NULL, 0, &series, 1, &f->e));
}

/* The store has them in the order of cycles. */
static void test_worst_first(void)
{
    static const enum stop_code codes[] = {STOP_LOCK_ORDER_INVERSION, STOP_HARNESS_BROKEN,
                                           STOP_HANG_DEADLOCK, STOP_HEAP_LOCK_ORPHANED};
    const char *at[4];
    struct fixture f;
    char *page;

    CU_ASSERT_TRUE(stop_code_rank(codes[3]) < stop_code_rank(codes[2]));
    fixture_create(&f);
    fixture_cell(&f, "t", "none");
    for (uint64_t i = 0; i < 4; i++) {
        char signature[16] = {(char)('a' + i), 0};
        struct store_finding finding = fixture_finding(1, i, 0, codes[i], signature);

        report_one(&f, 1, i, &finding, 1);
    }
    page = page_of(&f, &plain);
    for (int i = 0; i < 4; i++) {
        char article[32];

        snprintf(article, sizeof article, "id=\"f%d\"", i + 1);
        at[i] = strstr(page, article);
        CU_ASSERT_PTR_NOT_NULL_FATAL(at[i]);
    }
    CU_ASSERT_TRUE(at[3] < at[2] && at[2] < at[1] && at[1] < at[0]);
    free(page);
    fixture_remove(&f);
}

static void test_leaks(void)
{
    struct fixture f;
    char *page;

    fixture_create(&f);
    fixture_cell(&f, "steady", "none");
    fixture_cell(&f, "leaky", "none");
    add_series(&f, 1, 0);
    add_series(&f, 2, 64);
    page = page_of(&f, &plain);
    expect_has(page, "<p class=\"say\">1 leak, 0 suspects.</p>");
    expect_has(page, "+64 bytes/cycle, 95 % interval +64 to +64");
    expect_has(page, "<b>rising</b>: the floor rises and keeps rising.");
    expect_has(page, "+64 +64 +64");
    expect_has(page, "{\"first\":0,\"step\":1,\"value\":[4096,4160,");
    CU_ASSERT_EQUAL(count(page, "class=\"floor\""), 1); /* the steady one is a row of a table */
    expect_has(page, "none above ");
    free(page);
    fixture_remove(&f);
}

static void test_one_finding(void)
{
    static const struct report_options one = {.columns = 80, .finding = 1};
    static const struct report_options none = {.columns = 80, .finding = 9999};
    struct capture c;
    struct fixture f;
    char *page;

    report_run(&f);
    page = page_of(&f, &one);
    CU_ASSERT_EQUAL(count(page, "<article"), 1);
    expect_not(page, "id=\"map\"");
    expect_not(page, "href=\"#c");
    free(page);
    fixture_code(&f, report_format_html.write(f.store, capture_open(&c), &none, &f.e),
                 ERROR_NOT_FOUND);
    capture_close(&c);
    capture_free(&c);
    fixture_remove(&f);
}

static void test_clean_and_empty(void)
{
    struct fixture f;
    char *page;

    fixture_create(&f);
    page = page_of(&f, &plain);
    expect_has(page, "<p class=\"say\">No.</p>"); /* a run of nothing has not found nothing */
    free(page);
    fixture_cell(&f, "t", "none");
    fixture_ok(&f, fixture_pass(&f, 1, 0, 299));
    page = page_of(&f, &plain);
    expect_has(page, "<p class=\"say\">Yes, with care.</p>"); /* it may have been cut off */
    free(page);
    store_meta_set(f.store, "ended", "2024-05-06", &f.e);
    page = page_of(&f, &plain);
    expect_has(page, "<p class=\"say\">Yes.</p>");
    expect_has(page, "<p class=\"say\">Nothing.</p>");
    expect_has(page, "0 of 299: below 1.0 % with 95 % confidence");
    free(page);
    fixture_remove(&f);
}

/* --- earlier nights ----------------------------------------------------------------------------
 */

static void add_past(struct fixture *f, int64_t cell, const char *started, uint64_t findings)
{
    struct store_past past = {cell, started, 1000, findings};

    fixture_ok(f, store_past_add(f->store, &past, &f->e));
}

static void two_findings(struct fixture *f)
{
    struct store_finding finding;

    fixture_create(f);
    fixture_cell(f, "often", "none");
    fixture_cell(f, "silent", "none");
    fixture_cell(f, "added", "none");
    fixture_ok(f, fixture_pass(f, 1, 0, 98));
    finding = fixture_finding(1, 98, 0, STOP_LOCK_DEADLOCK, "old one");
    fixture_ok(f, fixture_fail(f, 1, 98, &finding, 1));
    finding = fixture_finding(1, 99, 0, STOP_LOCK_DEADLOCK, "fresh one");
    fixture_ok(f, fixture_fail(f, 1, 99, &finding, 1));
    fixture_ok(f, fixture_pass(f, 2, 0, 100));
    fixture_ok(f, fixture_pass(f, 3, 0, 100));
}

static void test_nights(void)
{
    struct fixture f;
    char *page;

    two_findings(&f);
    page = page_of(&f, &plain);
    expect_not(page, "class=\"nights\"");
    expect_not(page, "new</span>");
    expect_not(page, "No night before");
    free(page);
    store_meta_set(f.store, "history", "2", &f.e);
    fixture_ok(&f, store_seen_before_add(f.store, "old one", &f.e));
    add_past(&f, 1, "2024-01-01T22:00:00+0000", 10);
    add_past(&f, 1, "2024-01-02T22:00:00+0000", 30);
    add_past(&f, 2, "2024-01-01T22:00:00+0000", 0);
    page = page_of(&f, &plain);
    expect_has(page, "<b>1 new</b> since the 2 nights before.");
    CU_ASSERT_EQUAL(count(page, "<span class=\"tag t-bad\">new</span>"), 2);
    CU_ASSERT_PTR_NOT_NULL(strstr(page, "href=\"#f2\"><b>lock.deadlock</b></a> <span"));
    CU_ASSERT_EQUAL(count(page, "<svg class=\"nights\""), 1);
    expect_has(page,
               "2 nights before, from 2024-01-01 on: from 1.0 % to 3.0 % of a night's cycles");
    expect_has(page,
               "<td>2024-01-02T22:00:00</td><td>30 of 1,000: 3.0 % (95 % interval 2.1 to 4.3");
    expect_has(page, "1 night before, from 2024-01-01 on: no finding in 1,000 cycles");
    expect_has(page, "<p>No night before had a cycle of it.</p>");
    free(page);
    fixture_ok(&f, store_seen_before_add(f.store, "fresh one", &f.e));
    page = page_of(&f, &plain);
    expect_has(page, "Nothing new since the 2 nights before.");
    expect_not(page, "new</span>");
    free(page);
    store_meta_set(f.store, "history", "1", &f.e);
    page = page_of(&f, &plain);
    expect_has(page, "Nothing new since the night before.");
    free(page);
    fixture_remove(&f);
}

static void plant(struct fixture *f, int64_t id, const char *codes, uint64_t cycles)
{
    struct store_cell row = {.id = id,
                             .target = "planted variant=bad",
                             .workload = "planted",
                             .variant = "bad",
                             .injector = "none",
                             .mode = "free",
                             .state = "",
                             .notes = ""};
    struct store_planted planted = {.cell = id, .bad = true, .codes = codes};

    fixture_ok(f, store_cell_add(f->store, &row, &f->e));
    fixture_ok(f, store_planted_add(f->store, &planted, &f->e));
    fixture_ok(f, fixture_pass(f, id, 0, cycles));
}

static void test_planted(void)
{
    struct store_finding finding = fixture_finding(-1, 30, 0, STOP_LOCK_DEADLOCK, "planted");
    struct fixture f;
    char *page;

    fixture_create(&f);
    fixture_cell(&f, "t", "none");
    fixture_ok(&f, fixture_pass(&f, 1, 0, 100));
    store_meta_set(f.store, "ended", "2024-05-06", &f.e);
    plant(&f, -1, "lock.deadlock", 30);
    fixture_ok(&f, fixture_fail(&f, -1, 30, &finding, 1));
    page = page_of(&f, &plain);
    expect_has(page, "<p class=\"say\">Yes.</p>");
    expect_has(page, "planted faults: 1 of 1 found (sensitivity ");
    expect_has(page, "<p class=\"say\">Nothing.</p>"); /* of the program's own */
    free(page);
    plant(&f, -2, "heap.double-free", CALIBRATION_LEAST);
    page = page_of(&f, &plain);
    expect_has(page, "<p class=\"say\">No.</p>");
    expect_has(page, "planted faults: 1 of 2 found");
    expect_has(page, "<li>not found: heap.double-free in planted variant=bad</li>");
    free(page);
    fixture_remove(&f);
}

/* --- size --------------------------------------------------------------------------------------
 */

static char *large_timeline(void)
{
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);

    for (int i = 63; i >= 0; i--)
        fprintf(out, "-%d.310 ms  T1.%d     %-14s lock  mutex table  in put  prog  table.c:%d\n", i,
                i % 7,
                i % 3 == 0   ? "wait-begin"
                : i % 3 == 1 ? "inject-intent"
                             : "acquired",
                i);
    fclose(out);
    return text;
}

static void large_cell(struct fixture *f, int i, const char *timeline, const char *output,
                       size_t bytes)
{
    char target[96], injector[64], signature[64];
    int64_t samples[LARGE_LAPS];
    struct store_series series = {0, 0, "heap.bytes", 0, samples, LARGE_LAPS};
    struct store_batch batch;
    struct store_finding finding;
    int64_t cell;

    snprintf(target, sizeof target, "workload-%d variant=plain threads=4", i / 25);
    snprintf(injector, sizeof injector, "injector-%d", i % 25);
    snprintf(signature, sizeof signature, "lock.orphaned prog:f%d prog:g", i);
    cell = fixture_cell(f, target, injector);
    for (int lap = 0; lap < LARGE_LAPS; lap++)
        samples[lap] = i < LARGE_LEAKS ? 64 * lap : 0;
    series.cell = cell;
    batch = fixture_batch(cell, 0, 1000);
    for (int b = 20; b < 60; b++)
        batch.histogram[b] = (uint32_t)(b * i);
    fixture_ok(f, store_commit_batch(f->store, &batch, NULL, 0, &series, 1, &f->e));
    for (int night = 1; night <= LARGE_NIGHTS; night++) {
        snprintf(target, sizeof target, "2024-01-%02dT22:00:00+0000", night);
        add_past(f, cell, target, (uint64_t)(1 + night * i % 50));
    }
    if (i >= LARGE_FINDINGS)
        return;
    finding = fixture_finding(cell, 1000, 0, STOP_LOCK_ORPHANED, signature);
    finding.timeline = timeline;
    finding.waits = "T1\twaits for mutex table\tT1.3\twas killed\n";
    finding.output = output;
    finding.output_bytes = bytes;
    fixture_ok(f, fixture_fail(f, cell, 1000, &finding, 1));
}

static void keep_page(const char *page)
{
    const char *path = getenv("RUNDOWN_PAGE");
    FILE *out = path != NULL ? fopen(path, "w") : NULL;

    if (out != NULL) {
        fputs(page, out);
        fclose(out);
    }
}

static void test_large(void)
{
    static char output[65536];
    char *timeline = large_timeline();
    struct fixture f;
    char *page;

    memset(output, '<', sizeof output); /* the dearest byte there is */
    fixture_create(&f);
    fixture_ok(&f, store_begin(f.store, &f.e));
    store_meta_set(f.store, "history", "30", &f.e);
    for (int i = 0; i < LARGE_CELLS; i++)
        large_cell(&f, i, timeline, output, sizeof output);
    fixture_ok(&f, store_finish(f.store, true, &f.e));
    page = page_of(&f, &plain);
    CU_ASSERT_TRUE(strlen(page) < LARGE_BYTES);
    CU_ASSERT_EQUAL(count(page, "<svg class=\"nights\""), LARGE_FINDINGS);
    CU_ASSERT_EQUAL(count(page, "<article class=\"finding\""), LARGE_FINDINGS);
    CU_ASSERT_EQUAL(count(page, "<section class=\"cell\""), LARGE_CELLS);
    CU_ASSERT_EQUAL(count(page, "class=\"edge\""), LARGE_FINDINGS);
    expect_has(page, "are left out here, or this page would be too large");
    keep_page(page);
    free(page);
    free(timeline);
    fixture_remove(&f);
}

static void test_failures(void)
{
    struct fixture f;

    report_run(&f);
    report_to_full_device(&f, &report_format_html);
    report_of_damage(&f, &report_format_html, "UPDATE finding SET cell = 77 WHERE id = 40");
    report_of_damage(&f, &report_format_html, "UPDATE cell SET histogram = x'00'");
    fixture_remove(&f);
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"page", test_page},
        {"embedded", test_embedded},
        {"bytes of a target", test_bytes_of_a_target},
        {"drawings", test_drawings},
        {"worst first", test_worst_first},
        {"leaks", test_leaks},
        {"one finding", test_one_finding},
        {"clean and empty", test_clean_and_empty},
        {"nights", test_nights},
        {"planted", test_planted},
        {"large", test_large},
        {"failures", test_failures},
        CU_TEST_INFO_NULL,
    };

    return vector_run("html report", tests);
}
