/*
 * page_fixture.h: a page of the run that report_fixture.h makes, with excerpts and a timeline. For
 * tests only.
 */
#ifndef RESULTS_TESTS_PAGE_FIXTURE_H
#define RESULTS_TESTS_PAGE_FIXTURE_H

#include "report_fixture.h"

#include <results/page/page.h>

/* Findings of report_run(), and the one that page_run() adds. */
enum { PAGE_DEADLOCK = 1, PAGE_NASTY = 40, PAGE_STUCK = 47 };

static const char page_timeline[] =
    "-2.010 ms  T1.2     inject-intent  malloc       thread-kill at T1.2:malloc#17+41i\n"
    "-0.310 ms  tid 17   lock_wait      obj 0x10\n"
    "no such line\n"
    "-0.000 ms  T1       wait-begin     lock         mutex table  in put  table.c:40\n";

static inline void page_source(struct fixture *f, const char *place, const char *path, int line,
                               bool newer, const char *text)
{
    struct store_source source = {place, path, line, line - 1, newer, text};

    fixture_ok(f, store_source_add(f->store, &source, &f->e));
}

/* One more cycle in cell 6, which fails with all that a page can show. */
static inline void page_run(struct fixture *f)
{
    struct store_finding two[2];

    report_run(f);
    fixture_reopen(f, true);
    two[0] = fixture_finding(6, 0, 0, STOP_LOCK_ORPHANED, "lock.orphaned prog:put prog:get");
    two[0].text =
        "T1.2  was killed, in put  prog  table.c:40\nT1  waits, in get  prog  table.c:60\n"
        "T1  came by table.c:41";
    two[0].timeline = page_timeline;
    two[0].hang_ms = 3.1;
    two[0].output = "half a line ``` and a fence";
    two[0].output_bytes = 27;
    two[1] = fixture_finding(6, 0, 1, STOP_EXIT_LOCKS_HELD, "exit.locks-held prog:put -");
    report_one(f, 6, 0, two, 2);
    fixture_ok(f, store_replayed_set(f->store, PAGE_STUCK, 7, 20, &f->e));
    page_source(f, "table.c:40", "/src/table.c", 40, true, "{\n    lock(\x1b[2J);\n}\n");
    page_source(f, "table.c:41", "/src/table.c", 41, true, "lock();\n}\n");
    page_source(f, "table.c:60", "/src/table.c", 60, false, "\nget();\n");
    page_source(f, "table.c:60", "/other/table.c", 60, false, "\nother();\n");
    page_source(f, "table.c:61", "/src/table.c", 61, false, "not named\n\n");
    fixture_reopen(f, false);
}

static inline char *page_of(struct fixture *f, long id, enum page_form form, bool colour)
{
    struct page_options options = {form, 80, colour};
    struct capture c;

    fixture_ok(f, page_write(f->store, id, capture_open(&c), &options, &f->e));
    capture_close(&c);
    return c.text;
}

#endif
