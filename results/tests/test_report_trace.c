/*
 * test_report_trace: the stored timelines become tracks, slices and marks, and whatever a timeline
 * holds, the document is JSON whose slices nest. SQLite, which is at hand, reads it.
 */
#include "report_fixture.h"

extern const struct report_format report_format_trace;

static const struct report_options plain = {.columns = 80};
static const struct report_options verbose = {.columns = 80, .verbose = true};

/* --- asking the document ------------------------------------------------------------------- */

/* Over "event", with the members of an event as columns. Returns what the caller frees. */
static char *ask(const char *json, const char *query)
{
    static const char view[] =
        "WITH event AS (SELECT json_extract(value, '$.name') AS name, json_extract(value, '$.ph') "
        "AS ph, json_extract(value, '$.pid') AS pid, json_extract(value, '$.tid') AS tid, "
        "json_extract(value, '$.ts') AS ts, json_extract(value, '$.dur') AS dur, "
        "json_extract(value, '$.s') AS s, json_extract(value, '$.cat') AS cat, "
        "json_extract(value, '$.args') AS args, key FROM json_each(?1, '$.traceEvents')) ";
    sqlite3 *db;
    sqlite3_stmt *statement;
    char *sql = sqlite3_mprintf("%s%s", view, query), *text = NULL;

    CU_ASSERT_EQUAL_FATAL(sqlite3_open(":memory:", &db), SQLITE_OK);
    CU_ASSERT_EQUAL_FATAL(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
    sqlite3_bind_text(statement, 1, json, -1, SQLITE_STATIC);
    if (sqlite3_step(statement) == SQLITE_ROW && sqlite3_column_text(statement, 0) != NULL)
        text = strdup((const char *)sqlite3_column_text(statement, 0));
    sqlite3_finalize(statement);
    sqlite3_close(db);
    sqlite3_free(sql);
    return text != NULL ? text : strdup("");
}

static void asked(const char *json, const char *query, const char *want)
{
    char *got = ask(json, query);

    if (strcmp(got, want) != 0)
        printf("\n    %s: got '%s', want '%s'", query, got, want);
    CU_ASSERT_STRING_EQUAL(got, want);
    free(got);
}

/* What every trace owes its reader. */
static void expect_valid(const char *json)
{
    asked(json, "SELECT json_valid(?1)", "1");
    asked(json, "SELECT json_type(?1, '$.traceEvents')", "array");
    asked(json, "SELECT count(*) FROM event WHERE ph NOT IN ('M', 'X', 'i')", "0");
    asked(json, "SELECT count(*) FROM event WHERE name IS NULL OR pid IS NULL OR tid IS NULL", "0");
    asked(json, "SELECT count(*) FROM event WHERE ph <> 'M' AND (ts IS NULL OR ts < 0)", "0");
    asked(json, "SELECT count(*) FROM event WHERE ph = 'X' AND (dur IS NULL OR dur <= 0)", "0");
    asked(json, "SELECT count(*) FROM event WHERE ph = 'i' AND s NOT IN ('t', 'p')", "0");
    /* every track has a name and one process */
    asked(json,
          "SELECT count(*) FROM (SELECT tid FROM event GROUP BY tid HAVING count(DISTINCT pid) > 1 "
          "OR sum(name = 'thread_name' AND ph = 'M') <> 1)",
          "0");
    /* what readers round by themselves need not fit together any more */
    asked(json, "SELECT count(*) FROM event WHERE typeof(ts) = 'real' OR typeof(dur) = 'real'",
          "0");
    asked(json,
          "SELECT count(*) FROM (SELECT ts, lag(ts) OVER (PARTITION BY tid ORDER BY key) AS before "
          "FROM event WHERE ph <> 'M') WHERE ts < before",
          "0");
    /* of two slices of a track, the first holds the other or they do not meet */
    asked(json,
          "SELECT count(*) FROM event a, event b WHERE a.ph = 'X' AND b.ph = 'X' AND a.tid = b.tid "
          "AND a.key < b.key AND b.ts < a.ts + a.dur AND b.ts + b.dur > a.ts + a.dur",
          "0");
}

/* --- one cycle ----------------------------------------------------------------------------- */

static void one_finding(struct fixture *f, const char *timeline, const char *injected,
                        double hang_ms)
{
    struct store_finding finding;

    fixture_create(f);
    store_meta_set(f->store, "seed", "0x9a1", &f->e);
    report_cell(f, "plugin-singleton variant=late-join", "thread-kill", "", "");
    fixture_ok(f, fixture_pass(f, 1, 0, 37));
    finding = fixture_finding(1, 37, 0, STOP_LOADER_DEADLOCK, "loader.deadlock a b");
    finding.timeline = timeline;
    finding.injected = injected;
    finding.hang_ms = hang_ms;
    report_one(f, 1, 37, &finding, 1);
    fixture_reopen(f, false);
}

static const char lines[] =
    "-2.500 ms  T1       load-begin                  0x11  main  host  host.c:41\n"
    "-2.000 ms  T1       lock_wait      object 0x7f00 mode 0x1\n"
    "-1.500 ms  T1       lock_acquire   object 0x7f00 mode 0x1\n"
    "-1.250 ms  tid 4711 site           user:handover 0x0  worker  host  host.c:9\n"
    "-1.000 ms  T1       load-end                    0x22  main  host  host.c:41\n"
    "-0.500 ms  T1.2     inject-intent  malloc       0x33  \n"
    "-0.250 ms  T1.2     released       unlock       0x7f00  \n"
    "-0.000 ms  T1       join-begin                  0x44  ~Singleton  libpolicy.so  policy.c:88\n";

static void test_tracks_slices_and_marks(void)
{
    struct fixture f;
    char *text;

    one_finding(&f, lines, "thread-kill at T1.2:malloc#17+41i", 3.1);
    text = report_text(&f, &report_format_trace, &plain);
    expect_valid(text);
    asked(text,
          "SELECT group_concat(json_extract(args, '$.name'), '|') FROM event WHERE name = "
          "'thread_name'",
          "verdict|T1|tid 4711|T1.2");
    asked(text, "SELECT json_extract(args, '$.name') FROM event WHERE name = 'process_name'",
          "loader.deadlock: cycle 37 of cell 1: plugin-singleton variant=late-join under "
          "thread-kill");
    asked(text, "SELECT ts || '+' || dur FROM event WHERE name = 'loads a module'", "0+1500");
    asked(text, "SELECT ts || '+' || dur FROM event WHERE name = 'waits for a lock'", "500+500");
    asked(text, "SELECT json_extract(args, '$.until') FROM event WHERE name = 'waits for a lock'",
          "lock_acquire");
    asked(text, "SELECT ts || '+' || dur FROM event WHERE name = 'waits for a thread''s end'",
          "2500+3100");
    asked(text, "SELECT json_extract(args, '$.until') FROM event WHERE name LIKE '%end'",
          "nothing ended it");
    asked(text, "SELECT ph || s || cat || ts FROM event WHERE name = 'inject-intent'",
          "ipinjection2000");
    asked(text, "SELECT ph || s || ts FROM event WHERE name = 'released'", "it2250");
    asked(text, "SELECT json_extract(args, '$.detail') FROM event WHERE name = 'user:handover'",
          "0x0  worker  host  host.c:9");
    asked(text, "SELECT ts || '+' || dur FROM event WHERE name = 'no event'", "2500+3100");
    asked(text, "SELECT ts || s FROM event WHERE cat = 'finding'", "5600p");
    asked(text, "SELECT count(*) FROM event WHERE name = 'injected earlier'", "0");
    asked(text, "SELECT json_extract(?1, '$.otherData.seed')", "0x9a1");
    free(text);
    fixture_remove(&f);
}

static void expect_earlier(const char *timeline, const char *injected, const char *count)
{
    struct fixture f;
    char *text;

    one_finding(&f, timeline, injected, -1);
    text = report_text(&f, &report_format_trace, &plain);
    expect_valid(text);
    asked(text, "SELECT count(*) FROM event WHERE name = 'injected earlier' AND cat = 'injection'",
          count);
    asked(text, "SELECT count(*) FROM event WHERE name = 'no event'", "0");
    free(text);
    fixture_remove(&f);
}

static void test_an_injection_before_the_timeline_is_told(void)
{
    static const char quiet[] = "-0.000 ms  T1       free           0x0  \n";

    expect_earlier(quiet, "thread-kill at T1.2:malloc#17", "1");
    expect_earlier(quiet, "thread-kill at T1.2:malloc#17 (did not fire)", "0");
    expect_earlier(quiet, "nothing (this one needs no help)", "0");
    expect_earlier(quiet, "", "0");
    expect_earlier("", "thread-kill at T1.2:malloc#17", "1");
    expect_earlier(lines, "thread-kill at T1.2:malloc#17", "0");
}

/* An end without its begin, a begin inside another's, ends in the wrong order. */
static void test_slices_always_nest(void)
{
    static const char odd[] = "-9.000 ms  T1  acquired  lock  0x1  \n"
                              "-8.000 ms  T1  load-begin  0x1\n"
                              "-7.000 ms  T1  wait-begin  lock  0x1  \n"
                              "-6.000 ms  T1  load-end  0x1\n"
                              "-5.000 ms  T1  acquired  lock  0x1  \n"
                              "-4.000 ms  T1  lap-begin  0x1\n"
                              "-3.000 ms  T1  lap-begin  0x2\n"
                              "-2.000 ms  T1  lap-end  0x2\n"
                              "-0.000 ms  T1  free  0x2\n";
    struct fixture f;
    char *text;

    one_finding(&f, odd, "", -1);
    text = report_text(&f, &report_format_trace, &plain);
    expect_valid(text);
    asked(text, "SELECT count(*) FROM event WHERE name = 'acquired' AND ph = 'i'", "2");
    asked(text, "SELECT ts || '+' || dur FROM event WHERE name = 'waits for a lock'", "2000+1000");
    asked(text, "SELECT ts || '+' || dur FROM event WHERE name = 'loads a module'", "1000+2000");
    asked(text, "SELECT group_concat(ts || '+' || dur) FROM event WHERE name = 'lap'",
          "5000+4000,6000+1000");
    free(text);
    fixture_remove(&f);
}

/* Two that begin at once; ends so late that nine digits cannot tell them apart. */
static void test_slices_nest_to_the_microsecond(void)
{
    static const char late[] = "-1800000.001 ms  T1  lap-begin  0x1\n"
                               "-1700000.002 ms  T1  load-begin  0x1\n"
                               "-1700000.002 ms  T1  wait-begin  lock  0x1\n"
                               "-0.001 ms  T1  acquired  lock  0x1\n"
                               "-0.000 ms  T1  join-begin  0x1\n";
    struct fixture f;
    char *text;

    one_finding(&f, late, "", 23.6619165);
    text = report_text(&f, &report_format_trace, &plain);
    expect_valid(text);
    asked(text, "SELECT group_concat(name || ' ' || ts || '+' || dur) FROM event WHERE ph = 'X'",
          "lap 0+1800023663,loads a module 99999999+1700023664,waits for a lock "
          "99999999+1700000001,waits for a thread's end 1800000001+23662,no event "
          "1800000001+23662");
    free(text);
    fixture_remove(&f);
}

static void test_time_runs_forward(void)
{
    static const char odd[] = "-9.000 ms  T1  lap-begin  0x1\n"
                              "-5.000 ms  T1  load-begin  0x1\n"
                              "-7.000 ms  T1  wait-begin  lock  0x1\n"
                              "-8.000 ms  T1.1  free  0x2\n"
                              "-6.000 ms  T1  acquired  lock  0x1\n"
                              "-0.000 ms  T1  load-end  0x1\n";
    struct fixture f;
    char *text;

    one_finding(&f, odd, "", -1);
    text = report_text(&f, &report_format_trace, &plain);
    expect_valid(text);
    asked(text, "SELECT ph || ts FROM event WHERE name = 'waits for a lock'", "i4000");
    asked(text, "SELECT ts FROM event WHERE name = 'free'", "1000");
    free(text);
    fixture_remove(&f);
}

static void test_any_text_makes_a_valid_trace(void)
{
    static const char *const texts[] = {
        "",
        "\n\n\n",
        "no line of ours",
        NASTY,
        "-1.000 ms",
        "-1.000 ms  ",
        "-1.000 ms  tid ",
        "-1.000 ms  tid 1",
        "-1.000 ms  T1",
        ("-1.000 ms  T1  " NASTY),
        "-nan ms  T1  free  0x0",
        "-inf ms  T1  free  0x0",
        "-1e300 ms  T1  free  0x0",
        "12.000 ms  T1  free  0x0",
        "-1.000 ms  T1  site",
        "text\n-1.000 ms  T1  load-begin\n",
    };
    struct fixture f;
    char *text;

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        one_finding(&f, texts[i], NASTY, i % 2 == 0 ? 1e300 : 1);
        text = report_text(&f, &report_format_trace, &plain);
        expect_valid(text);
        asked(text, "SELECT count(*) FROM event WHERE cat = 'finding'", "1");
        free(text);
        fixture_remove(&f);
    }
}

static void test_more_open_slices_than_are_kept(void)
{
    struct fixture f;
    struct capture c;
    char *text;

    capture_open(&c);
    for (int i = 200; i >= 0; i--)
        fprintf(c.out, "-%d.000 ms  T1  lap-begin  0x1\n", i);
    one_finding(&f, capture_close(&c), "", -1);
    text = report_text(&f, &report_format_trace, &plain);
    expect_valid(text);
    asked(text,
          "SELECT count(*) FROM event WHERE ph = 'X' OR ph = 'i' AND name LIKE "
          "'lap%'",
          "201");
    free(text);
    capture_free(&c);
    fixture_remove(&f);
}

/* --- which cycles -------------------------------------------------------------------------- */

static void test_cycles_that_fail(void)
{
    struct fixture f;
    char *text;

    report_run(&f);
    text = report_text(&f, &report_format_trace, &plain);
    expect_valid(text);
    asked(text, "SELECT count(DISTINCT pid) FROM event", "2"); /* one for each signature */
    asked(text, "SELECT count(*) FROM event WHERE cat = 'finding'", "4");
    asked(text, "SELECT count(*) FROM event WHERE name LIKE 'harness%' OR name LIKE 'lock%'", "0");
    free(text);
    text = report_text(&f, &report_format_trace, &verbose);
    expect_valid(text);
    asked(text, "SELECT count(DISTINCT pid) FROM event", "38");
    free(text);
    fixture_remove(&f);
}

/* Perfetto tells threads apart by their number alone. */
static void test_cycles_share_no_track(void)
{
    struct store_finding finding =
        fixture_finding(1, 0, 0, STOP_LOADER_DEADLOCK, "loader.deadlock a b");
    struct fixture f;
    char *text;

    fixture_create(&f);
    report_cell(&f, "t", "none", "", "");
    finding.timeline = lines;
    for (finding.cycle = 0; finding.cycle < 3; finding.cycle++)
        report_one(&f, 1, finding.cycle, &finding, 1);
    text = report_text(&f, &report_format_trace, &verbose);
    expect_valid(text);
    asked(text, "SELECT count(DISTINCT pid) FROM event", "3");
    asked(text, "SELECT count(DISTINCT tid) FROM event", "12");
    free(text);
    fixture_remove(&f);
}

static void test_one_finding_alone(void)
{
    struct report_options one = {.columns = 80, .finding = 2}; /* the first's consequence */
    struct fixture f;
    struct capture c;
    char *text;

    report_run(&f);
    text = report_text(&f, &report_format_trace, &one);
    expect_valid(text);
    asked(text, "SELECT count(DISTINCT pid) FROM event", "1");
    asked(text, "SELECT group_concat(name) FROM event WHERE cat = 'finding'",
          "loader.deadlock,hang.deadlock,exit.threads-alive");
    free(text);
    one.finding = 4711;
    fixture_code(&f, report_format_trace.write(f.store, capture_open(&c), &one, &f.e),
                 ERROR_NOT_FOUND);
    expect_capture(&c, "");
    fixture_remove(&f);
}

static void test_a_run_without_failures(void)
{
    struct fixture f;
    char *text;

    fixture_create(&f);
    text = report_text(&f, &report_format_trace, &plain);
    expect_text(text, "{\"displayTimeUnit\":\"ms\",\"traceEvents\":[],\"otherData\":{}}\n");
    free(text);
    fixture_remove(&f);
}

static void test_failures(void)
{
    struct fixture f;

    report_run(&f);
    report_to_full_device(&f, &report_format_trace);
    report_of_damage(&f, &report_format_trace, "UPDATE finding SET severity = 'odd'");
    fixture_remove(&f);
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"tracks, slices and marks", test_tracks_slices_and_marks},
        {"an injection before the timeline is told", test_an_injection_before_the_timeline_is_told},
        {"slices always nest", test_slices_always_nest},
        {"slices nest to the microsecond", test_slices_nest_to_the_microsecond},
        {"time runs forward", test_time_runs_forward},
        {"any text makes a valid trace", test_any_text_makes_a_valid_trace},
        {"more open slices than are kept", test_more_open_slices_than_are_kept},
        {"cycles that fail", test_cycles_that_fail},
        {"cycles share no track", test_cycles_share_no_track},
        {"one finding alone", test_one_finding_alone},
        {"a run without failures", test_a_run_without_failures},
        {"failures", test_failures},
        CU_TEST_INFO_NULL,
    };

    return vector_run("trace report", tests);
}
