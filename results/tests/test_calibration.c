/*
 * test_calibration: what planted cells have come to, and that nobody else counts them.
 */
#include "store_fixture.h"

#include <results/text/calibration.h>

#include <CUnit/Basic.h>

static void words_and_codes(void)
{
    char missing[CALIBRATION_CODES];

    CU_ASSERT_TRUE(calibration_means("hang", 4, "hang.lost-wakeup"));
    CU_ASSERT_TRUE(calibration_means("hang", 4, "lock.spin-orphaned"));
    CU_ASSERT_FALSE(calibration_means("hang", 4, "crash.signal"));
    CU_ASSERT_TRUE(calibration_means("leak.trend", 10, "leak.trend.fd"));
    CU_ASSERT_FALSE(calibration_means("leak.trend", 10, "leak.unreachable"));
    CU_ASSERT_TRUE(calibration_means("crash.signal|lock.orphaned", 26, "lock.orphaned"));
    CU_ASSERT_FALSE(calibration_means("crash.signal|lock.orphaned", 26, "lock.orphan"));
    CU_ASSERT_EQUAL(calibration_missing("a.b c.d|e.f", "e.f x.y a.b", missing), 0);
    CU_ASSERT_STRING_EQUAL(missing, "");
    CU_ASSERT_EQUAL(calibration_missing("a.b  c.d|e.f g.h", "a.bc", missing), 3);
    CU_ASSERT_STRING_EQUAL(missing, "a.b c.d|e.f g.h");
    CU_ASSERT_EQUAL(calibration_missing("", "a.b", missing), 0);
}

static void add_planned(struct fixture *f, int64_t id, bool bad, const char *codes,
                        uint64_t planned)
{
    struct store_cell cell = {.id = id,
                              .planned = planned,
                              .target = "w variant=v",
                              .workload = "w",
                              .variant = "v",
                              .injector = "none",
                              .mode = "free",
                              .state = "",
                              .notes = ""};
    struct store_planted planted = {id, bad, codes};

    fixture_ok(f, store_cell_add(f->store, &cell, &f->e));
    CU_ASSERT_EQUAL(cell.id, id);
    fixture_ok(f, store_planted_add(f->store, &planted, &f->e));
}

static void add(struct fixture *f, int64_t id, bool bad, const char *codes)
{
    add_planned(f, id, bad, codes, 10);
}

/* Ten cycles of a cell, of which number @at has failed with @code. */
static void fill(struct fixture *f, int64_t id, uint64_t at, enum stop_code code)
{
    struct store_batch batch = {
        .cell = id, .count = 10, .passed = 9, .failed = 1, .nanoseconds = 1};
    struct store_finding finding = {.cell = id,
                                    .cycle = at,
                                    .code = code,
                                    .severity = STOP_SEVERITY_FINDING,
                                    .signature = "same everywhere"};

    fixture_ok(f, store_commit_batch(f->store, &batch, &finding, 1, NULL, 0, &f->e));
}

static int count_finding(const struct store_finding *finding, void *context)
{
    CU_ASSERT_TRUE(finding->cell > 0);
    CU_ASSERT_EQUAL(finding->repeats, 1);
    ++*(int *)context;
    return 0;
}

static void planted_cells_are_apart(void)
{
    struct store_cell *cells;
    struct fixture f;
    size_t count;
    int findings = 0;

    fixture_create(&f);
    fixture_cell(&f, "real", "none");
    add(&f, -1, true, "lock.orphaned");
    add(&f, -2, true, "lock.orphaned");
    fill(&f, 1, 3, STOP_LOCK_ORPHANED);
    fill(&f, -1, 4, STOP_LOCK_ORPHANED);
    fixture_ok(&f, store_cells(f.store, &cells, &count, &f.e));
    CU_ASSERT_EQUAL(count, 1);
    store_cells_free(cells, count);
    fixture_ok(&f, store_cells_all(f.store, &cells, &count, &f.e));
    CU_ASSERT_EQUAL_FATAL(count, 3);
    CU_ASSERT_EQUAL(cells[0].id, 1);
    CU_ASSERT_EQUAL(cells[1].id, -1);
    CU_ASSERT_EQUAL(cells[2].id, -2);
    store_cells_free(cells, count);
    fixture_ok(&f, store_findings(f.store, false, count_finding, &findings, &f.e));
    fixture_ok(&f, store_findings(f.store, true, count_finding, &findings, &f.e));
    CU_ASSERT_EQUAL(findings, 2);
    fixture_remove(&f);
}

static void has(const char *text, const char *wanted)
{
    if (strstr(text, wanted) == NULL)
        printf("\n    wanted '%s' in: %s", wanted, text);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, wanted));
}

static void check_texts(const struct calibration *calibration)
{
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);

    CU_ASSERT_PTR_NOT_NULL_FATAL(out);
    calibration_write(calibration, out);
    calibration_table(calibration, out);
    fclose(out);
    has(text, "1 of 2 planted faults found");
    has(text, "half of them within 5 cycles, all within 5");
    has(text,
        "NOT FOUND  w variant=v under none: lock.deadlock, in 10 cycles; seen: lock.orphaned");
    has(text, "FALSE ALARM  w variant=v under none: crash.signal, in 1 of 10 cycles");
    has(text,
        "\nbad\tw\tv\tnone\tfree\tlock.orphaned|heap.lock-orphaned\tyes\tlock.orphaned\t10\t1\t");
    has(text,
        "\t4\nbad\tw\tv\tnone\tfree\tlock.deadlock lock.orphaned\tno\tlock.orphaned\t10\t0\t");
    has(text, "\nclean\tw\tv\tnone\tfree\t\tno\tcrash.signal\t10\t1\t");
    free(text);
}

/* Ten cycles of a night that goes by time: too few to call the fault missed. */
static void what_had_no_time(void)
{
    struct calibration calibration;
    struct fixture f;

    fixture_create(&f);
    add_planned(&f, -1, true, "lock.deadlock", 0);
    fill(&f, -1, 9, STOP_LOCK_ORPHANED);
    fixture_ok(&f, calibration_read(f.store, &calibration, &f.e));
    CU_ASSERT_EQUAL(calibration.faults, 0);
    CU_ASSERT_EQUAL(calibration.cut, 1);
    CU_ASSERT_FALSE(calibration_passed(&calibration)); /* nothing shown */
    calibration_free(&calibration);
    add_planned(&f, -2, true, "lock.orphaned", 0);
    fill(&f, -2, 9, STOP_LOCK_ORPHANED);
    fixture_ok(&f, calibration_read(f.store, &calibration, &f.e));
    CU_ASSERT_EQUAL(calibration.faults, 1);
    CU_ASSERT_TRUE(calibration_passed(&calibration));
    calibration_free(&calibration);
    fixture_remove(&f);
}

static void what_became_of_them(void)
{
    struct calibration calibration;
    struct fixture f;

    fixture_create(&f);
    fixture_ok(&f, calibration_read(f.store, &calibration, &f.e));
    CU_ASSERT_EQUAL(calibration.cells, 0);
    CU_ASSERT_FALSE(calibration_passed(&calibration)); /* nothing planted, nothing shown */
    calibration_free(&calibration);
    add(&f, -1, true, "lock.orphaned|heap.lock-orphaned");
    fill(&f, -1, 4, STOP_LOCK_ORPHANED);
    fixture_ok(&f, calibration_read(f.store, &calibration, &f.e));
    CU_ASSERT_TRUE(calibration_passed(&calibration));
    CU_ASSERT_EQUAL(calibration.cell[0].first, 4);
    CU_ASSERT_EQUAL(calibration.cell[0].hits, 1);
    CU_ASSERT_EQUAL(calibration.cell[0].counted, 10);
    calibration_free(&calibration);
    add(&f, -2, true, "lock.deadlock lock.orphaned");
    fill(&f, -2, 9, STOP_LOCK_ORPHANED);
    add(&f, -3, false, "");
    fill(&f, -3, 0, STOP_CRASH_SIGNAL);
    fixture_ok(&f, calibration_read(f.store, &calibration, &f.e));
    CU_ASSERT_FALSE(calibration_passed(&calibration));
    CU_ASSERT_EQUAL(calibration.faults, 2);
    CU_ASSERT_EQUAL(calibration.found, 1);
    CU_ASSERT_STRING_EQUAL(calibration.cell[1].missing, "lock.deadlock");
    CU_ASSERT_EQUAL(calibration.alarms, 1);
    CU_ASSERT_STRING_EQUAL(calibration.cell[2].seen, "crash.signal");
    check_texts(&calibration);
    calibration_free(&calibration);
    fixture_remove(&f);
}

/* A cell that never ran shows nothing, whichever kind it is; one that stopped later has shown what
 * it has shown. */
static void what_could_not_be_run(void)
{
    struct store_batch batch = {.cell = -2, .count = 10, .passed = 10, .nanoseconds = 1};
    struct store_cell cell = {.id = -2, .state = "its module is gone", .notes = ""};
    struct calibration calibration;
    struct fixture f;
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);

    CU_ASSERT_PTR_NOT_NULL_FATAL(out);
    fixture_create(&f);
    add(&f, -1, true, "lock.orphaned");
    fill(&f, -1, 4, STOP_LOCK_ORPHANED);
    add(&f, -2, false, "");
    fixture_ok(&f, store_cell_remark(f.store, &cell, &f.e));
    fixture_ok(&f, calibration_read(f.store, &calibration, &f.e));
    CU_ASSERT_EQUAL(calibration.unrun, 1);
    CU_ASSERT_FALSE(calibration_passed(&calibration));
    calibration_write(&calibration, out);
    fclose(out);
    has(text, "1 of 1 planted faults found");
    has(text, "NOT RUN  w variant=v under none: its module is gone");
    has(text, "0 false alarms in 0 cycles of 0 cells");
    free(text);
    calibration_free(&calibration);
    fixture_ok(&f, store_commit_batch(f.store, &batch, NULL, 0, NULL, 0, &f.e));
    fixture_ok(&f, calibration_read(f.store, &calibration, &f.e));
    CU_ASSERT_EQUAL(calibration.unrun, 0);
    CU_ASSERT_TRUE(calibration_passed(&calibration));
    calibration_free(&calibration);
    fixture_remove(&f);
}

static int check_build(uint64_t key, const char *build, void *context)
{
    CU_ASSERT_EQUAL(key, 0);
    CU_ASSERT_STRING_EQUAL(build, "beef");
    ++*(int *)context;
    return 0;
}

static void builds_come_back(void)
{
    struct fixture f;
    int count = 0;

    fixture_create(&f);
    fixture_ok(&f, store_builds(f.store, check_build, &count, &f.e));
    CU_ASSERT_EQUAL(count, 0);
    fixture_cell(&f, "real", "none");
    fixture_ok(&f, store_build_set(f.store, 1, "dead", &f.e));
    fixture_ok(&f, store_build_set(f.store, 1, "beef", &f.e));
    fixture_reopen(&f, false);
    fixture_ok(&f, store_builds(f.store, check_build, &count, &f.e));
    CU_ASSERT_EQUAL(count, 1);
    fixture_remove(&f);
}

int main(void)
{
    CU_pSuite suite;

    if (CU_initialize_registry() != CUE_SUCCESS)
        return 2;
    suite = CU_add_suite("calibration", NULL, NULL);
    CU_ADD_TEST(suite, words_and_codes);
    CU_ADD_TEST(suite, planted_cells_are_apart);
    CU_ADD_TEST(suite, what_became_of_them);
    CU_ADD_TEST(suite, what_had_no_time);
    CU_ADD_TEST(suite, what_could_not_be_run);
    CU_ADD_TEST(suite, builds_come_back);
    CU_basic_set_mode(CU_BRM_VERBOSE);
    CU_basic_run_tests();
    return CU_get_number_of_failures() != 0;
}
