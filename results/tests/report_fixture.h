/*
 * report_fixture.h: one run with a bit of everything, and a report of it as a string. For tests
 * only, all static inline.
 */
#ifndef RESULTS_TESTS_REPORT_FIXTURE_H
#define RESULTS_TESTS_REPORT_FIXTURE_H

#include "text_fixture.h"

#include <harness/report.h>

/* Bytes that no format may let through: markup, quotes, escapes, bad text, forbidden characters. */
#define NASTY "<b a=\"1\">&amp; ]]> \x1b[31m\x01\x0b \xff\xc0\x80 \xef\xbf\xbf \\ ' \" \t|"

/* A cell with every field given. */
static inline int64_t report_cell(struct fixture *f, const char *target, const char *injector,
                                  const char *state, const char *notes)
{
    struct store_cell cell = {.target = (char *)target,
                              .workload = "plugin-singleton",
                              .variant = "late-join",
                              .injector = (char *)injector,
                              .mode = "free",
                              .state = (char *)state,
                              .notes = (char *)notes,
                              .key = UINT64_MAX,
                              .planned = 1000};

    fixture_ok(f, store_cell_add(f->store, &cell, &f->e));
    return cell.id;
}

static inline void report_one(struct fixture *f, int64_t cell, uint64_t cycle,
                              const struct store_finding *findings, size_t count)
{
    struct store_batch batch = fixture_batch(cell, cycle, 1);

    batch.passed = findings[0].severity == STOP_SEVERITY_NOTE;
    batch.failed = findings[0].severity == STOP_SEVERITY_FINDING;
    batch.broken = findings[0].severity == STOP_SEVERITY_HARNESS;
    fixture_ok(f, store_commit_batch(f->store, &batch, findings, count, NULL, 0, &f->e));
}

/*
 * Cell 1: 962 passed, 37 times loader.deadlock (from cycle 962 on, the first with two
 *         consequences and output), 1 nasty crash. Cell 2: 2,000 passed, 10 not fired, a series.
 * Cell 3: skipped. Cell 4: 5 broken of 10, and a note. Cell 5: never fired. Cell 6: not begun.
 */
static inline void report_run(struct fixture *f)
{
    static const int64_t samples[] = {1000, 1008, 1016, 1024};
    static const char output[] = "starting\nplugin loaded\nwaiting for the worker\n";
    static const char target[] = "plugin-singleton variant=late-join";
    struct store_series series = {2, 0, "heap.bytes", 5, samples, 4};
    struct store_batch batch;
    struct store_finding three[3];

    fixture_create(f);
    store_meta_set(f->store, "seed", "0x9a1", &f->e);
    store_meta_set(f->store, "command", "rundown run --workload x", &f->e);
    store_meta_set(f->store, "started", "2024-05-06T07:08:09Z", &f->e);
    report_cell(f, target, "none", "", "started afresh: it opens sockets\nsecond note");
    report_cell(f, target, "thread-kill@T1.2:malloc#17+41i", "", "");
    report_cell(f, "-- ./prog '" NASTY "'", "park", "it has no threads " NASTY, "");
    report_cell(f, "heap-churn variant=shared-arena threads=4", "none", "", "");
    report_cell(f, "heap-churn variant=shared-arena threads=4", "park", "", "");
    report_cell(f, "null", "none", "", "");

    fixture_ok(f, fixture_pass(f, 1, 0, 962));
    three[0] = fixture_finding(1, 962, 0, STOP_LOADER_DEADLOCK, "loader.deadlock a b");
    three[0].hang_ms = 3.1;
    three[0].output = output;
    three[0].output_bytes = sizeof output - 1;
    three[1] = fixture_finding(1, 962, 1, STOP_HANG_DEADLOCK, "hang");
    three[2] = fixture_finding(1, 962, 2, STOP_EXIT_THREADS_ALIVE, "alive");
    report_one(f, 1, 962, three, 3);
    for (uint64_t i = 963; i < 999; i++) {
        three[0].cycle = i;
        report_one(f, 1, i, three, 1);
    }
    three[0] = fixture_finding(1, 999, 0, STOP_CRASH_SIGNAL, "crash " NASTY);
    three[0].text = NASTY "\nsecond line";
    three[0].injected = three[0].replay = three[0].trace = three[0].timeline = NASTY;
    three[0].output = NASTY "\0 and more\n";
    three[0].output_bytes = sizeof NASTY + 10;
    report_one(f, 1, 999, three, 1);

    batch = fixture_batch(2, 0, 2010);
    batch.passed = 2000;
    batch.not_fired = 10;
    fixture_ok(f, store_commit_batch(f->store, &batch, NULL, 0, &series, 1, &f->e));

    for (uint64_t i = 0; i < 5; i++) {
        three[0] = fixture_finding(4, i, 0, STOP_HARNESS_BROKEN, "harness.broken fork");
        three[0].text = "fork said EAGAIN";
        report_one(f, 4, i, three, 1);
    }
    three[0] = fixture_finding(4, 5, 0, STOP_LOCK_ORDER_INVERSION, "order a b");
    report_one(f, 4, 5, three, 1);
    fixture_ok(f, fixture_pass(f, 4, 6, 4));

    batch = fixture_batch(5, 0, 50);
    batch.passed = 0;
    batch.not_fired = 50;
    fixture_ok(f, store_commit_batch(f->store, &batch, NULL, 0, NULL, 0, &f->e));
    fixture_reopen(f, false);
}

/* The report of a store; the caller frees it. */
static inline char *report_text(struct fixture *f, const struct report_format *format,
                                const struct report_options *options)
{
    struct capture c;

    fixture_ok(f, format->write(f->store, capture_open(&c), options, &f->e));
    capture_close(&c);
    CU_ASSERT_EQUAL(strlen(c.text), c.size);
    return c.text;
}

/* A device without room: every format has to notice. */
static inline void report_to_full_device(struct fixture *f, const struct report_format *format)
{
    static const struct report_options options = {.columns = 80};
    FILE *out = fopen("/dev/full", "w");
    int code;

    CU_ASSERT_PTR_NOT_NULL_FATAL(out);
    code = format->write(f->store, out, &options, &f->e);
    CU_ASSERT_TRUE(code == ERROR_FULL || code == ERROR_SYSTEM);
    fclose(out);
}

/* A damaged store: the error comes through, and nothing is freed twice. */
static inline void report_of_damage(struct fixture *f, const struct report_format *format,
                                    const char *damage)
{
    static const struct report_options options = {.columns = 80};
    struct capture c;

    store_close(f->store);
    f->store = NULL;
    fixture_sql(f, damage);
    fixture_reopen(f, false);
    fixture_code(f, format->write(f->store, capture_open(&c), &options, &f->e), ERROR_CORRUPT);
    capture_close(&c);
    capture_free(&c);
}

#endif
