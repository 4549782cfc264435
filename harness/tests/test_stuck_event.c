/*
 * Tests of the gate before a process's end (agent/emit.c): it waits for the recorder's events that
 * are under way, and not for one that will never be whole.
 */
#include <harness/tests/command_run.h>

#include <CUnit/Basic.h>

#define STUCK RUNDOWN_BUILD_DIR "/tests/programs/stuck_event"

static struct said said;

/* With the recorder where there is one; without, nobody is in an event. */
static void the_end_comes_all_the_same(void)
{
    sqlite3 *db;

    command_run(&said, "run --inject none --cycles 3 --confirm 0 --deadline 20 --quiet --lttng "
                       "--out stuck -- " STUCK);
    said_status("stuck event", &said, 0);
    db = record_of("stuck");
    asked("passed", db, "SELECT passed FROM cell", 3);
    asked("in time", db, "SELECT count(*) FROM finding", 0);
    sqlite3_close(db);
    CU_ASSERT_EQUAL(tree_remove("stuck"), 0);
}

int main(void)
{
    CU_pSuite suite;

    if (CU_initialize_registry() != CUE_SUCCESS)
        return 2;
    suite = CU_add_suite("stuck event", place_open, place_close);
    CU_ADD_TEST(suite, the_end_comes_all_the_same);
    CU_basic_set_mode(CU_BRM_VERBOSE);
    CU_basic_run_tests();
    said_free(&said);
    return CU_get_number_of_failures() != 0;
}
