/*
 * test_also: the consequences beside a verdict, and only those.
 */
#include "text_fixture.h"

#include <results/text/also.h>

static void expect(struct fixture *f, uint64_t cycle, unsigned place, const char *want)
{
    char *text;

    fixture_ok(f, also_seen(f->store, 1, cycle, place, &text, &f->e));
    expect_text(text, want);
    free(text);
}

static void test_lists(void)
{
    struct store_finding findings[] = {
        fixture_finding(1, 0, 0, STOP_LOADER_DEADLOCK, "a"),
        fixture_finding(1, 0, 1, STOP_HANG_DEADLOCK, "b"),
        fixture_finding(1, 0, 2, STOP_EXIT_THREADS_ALIVE, "c"),
        fixture_finding(1, 0, 3, STOP_HARNESS_RECORDER, "d"),
    };
    struct fixture f;

    fixture_create(&f);
    fixture_cell(&f, "t", "none");
    fixture_ok(&f, fixture_fail(&f, 1, 0, findings, 4));
    expect(&f, 0, 0, "hang.deadlock, exit.threads-alive (note), harness.recorder (rundown itself)");
    expect(&f, 0, 2, "loader.deadlock, hang.deadlock, harness.recorder (rundown itself)");
    findings[0].cycle = 1;
    fixture_ok(&f, fixture_fail(&f, 1, 1, findings, 1));
    expect(&f, 1, 0, "");
    expect(&f, 99, 0, "");
    fixture_remove(&f);
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"lists", test_lists},
        CU_TEST_INFO_NULL,
    };

    return vector_run("also", tests);
}
