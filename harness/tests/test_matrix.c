/*
 * Tests of the matrix where it meets a database: a run that was killed while its cells were being
 * written has done nothing yet, and is to go on; one that has begun must be the same run.
 */
#include <harness/tests/command_run.h>

#include <CUnit/Basic.h>

#define TWO_CELLS "run --quiet --no-lttng --inject none --inject sigkill --cycles 3 "

static struct said said;

/* A finished run of two cells, of which @statement makes what a kill would have left. */
static void begin(const char *directory, const char *statement)
{
    char path[64];
    sqlite3 *db;

    command_run(&said, TWO_CELLS "--seed 5 --out %s -- /bin/true", directory);
    said_status(directory, &said, 0);
    snprintf(path, sizeof path, "%s/run.sqlite", directory);
    CU_ASSERT_EQUAL_FATAL(sqlite3_open(path, &db), SQLITE_OK);
    CU_ASSERT_EQUAL(sqlite3_exec(db, statement, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static void goes_on(const char *directory, const char *statement)
{
    sqlite3 *db;

    begin(directory, statement);
    command_run(&said, TWO_CELLS "--resume %s -- /bin/true", directory);
    said_status(directory, &said, 0);
    db = record_of(directory);
    asked(directory, db, "SELECT count(*) FROM cell", 2);
    asked(directory, db, "SELECT count(*) FROM cell WHERE cycles = 3 AND passed = 3", 2);
    asked(directory, db, "SELECT count(DISTINCT injector) FROM cell", 2);
    sqlite3_close(db);
}

static void killed_before_any_cell(void)
{
    goes_on("empty", "DELETE FROM cell");
}

static void killed_between_two_cells(void)
{
    goes_on("half", "DELETE FROM cell WHERE id = 2; UPDATE cell SET next = 0, passed = 0,"
                    " histogram = zeroblob(length(histogram))");
}

static void begun_with_fewer_cells(void)
{
    begin("fewer", "DELETE FROM cell WHERE id = 2");
    command_run(&said, TWO_CELLS "--resume fewer -- /bin/true");
    said_status("fewer", &said, 2);
    said_has("fewer", said.err, "fewer holds 1 cells, this command line makes 2");
}

int main(void)
{
    CU_pSuite suite;

    if (CU_initialize_registry() != CUE_SUCCESS)
        return 2;
    suite = CU_add_suite("matrix", place_open, place_close);
    CU_ADD_TEST(suite, killed_before_any_cell);
    CU_ADD_TEST(suite, killed_between_two_cells);
    CU_ADD_TEST(suite, begun_with_fewer_cells);
    CU_basic_set_mode(CU_BRM_VERBOSE);
    CU_basic_run_tests();
    said_free(&said);
    return CU_get_number_of_failures() != 0;
}
