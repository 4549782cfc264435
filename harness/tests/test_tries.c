/*
 * Tests of second tries: what is broken once, or not done at its deadline, is run again.
 */
#include <harness/tests/command_run.h>

#include <CUnit/Basic.h>

#define TRIES RUNDOWN_BUILD_DIR "/tests/programs/tries"

static struct said said;

static sqlite3 *run_tries(const char *name, const char *options, const char *words, int status)
{
    command_run(&said, "run --inject none --no-lttng --confirm 0 --out %s %s -- " TRIES " %s", name,
                options, words);
    said_status(words, &said, status);
    return record_of(name);
}

/* The sixth run is a cycle; the dry ones come first. */
static void broken_once_is_a_remark(void)
{
    sqlite3 *db = run_tries("once", "--cycles 10", "server runs-once 6 6", 0);

    asked("once", db, "SELECT passed FROM cell", 10);
    asked("once", db, "SELECT broken FROM cell", 0);
    asked("once", db, "SELECT count(*) FROM finding", 0);
    said_has("once", said.out, "came out well when run again");
    sqlite3_close(db);
}

static void broken_twice_is_broken(void)
{
    sqlite3 *db = run_tries("twice", "--cycles 10", "server runs-twice 6 9999", 3);

    asked("twice", db, "SELECT broken > 0 FROM cell", 1);
    asked("twice", db, "SELECT passed FROM cell", 4);
    asked("twice", db, "SELECT count(*) > 0 FROM finding WHERE code = 'harness.broken'", 1);
    sqlite3_close(db);
}

static void slow_once_is_a_note(void)
{
    sqlite3 *db = run_tries("slow", "--cycles 8 --deadline 2s", "slow runs-slow 6 6", 0);

    asked("slow", db, "SELECT passed FROM cell", 8);
    asked("slow", db, "SELECT failed FROM cell", 0);
    asked("slow", db, "SELECT count(*) FROM finding WHERE code = 'hang.deadline'", 1);
    sqlite3_close(db);
}

/* Confirmed once, it need not be again: each later cycle costs one deadline. */
static void slow_twice_is_a_finding(void)
{
    sqlite3 *db = run_tries("hung", "--cycles 6 --deadline 1s", "slow runs-hung 6 9999", 1);

    asked("hung", db, "SELECT passed FROM cell", 4);
    asked("hung", db, "SELECT failed FROM cell", 2);
    asked("hung", db, "SELECT count(*) FROM finding WHERE code = 'hang.deadline'", 2);
    answer_fits(db, "SELECT text FROM finding WHERE cycle = 4", "confirmed: a rerun");
    sqlite3_close(db);
}

static void a_polled_death_is_found(void)
{
    sqlite3 *db;

    command_run(&said, "run --inject thread-kill@T1.1:malloc#5+3i --no-control --no-lttng "
                       "--deadline 1s --cycles 3 --confirm 0 --out polled -- " TRIES " poll");
    said_status("poll", &said, 1);
    db = record_of("polled");
    asked("poll", db, "SELECT failed FROM cell", 3);
    answer_fits(db, "SELECT text FROM finding", "was killed at T1\\.1:malloc#5\\+3i");
    sqlite3_close(db);
}

/* 400 ms there, and no clock of ours: a user's hour is over only when the workload is. */
static void a_variant_has_its_deadline_unless_the_user_has(void)
{
    static const char starved[] = "run -q --inject none --no-lttng --confirm 0 --cycles 1 "
                                  "--workload starved-writer,variant=relayed";
    sqlite3 *db;

    command_run(&said, "%s --out short", starved);
    said_status("its own", &said, 1);
    db = record_of("short");
    asked("its own", db, "SELECT count(*) FROM finding WHERE code = 'hang.starvation'", 1);
    answer_fits(db, "SELECT replay FROM finding", " deadline=0\\.4 ");
    sqlite3_close(db);
    command_run(&said, "%s,nap=600 --deadline 1h --out long", starved);
    said_status("the user's", &said, 0);
    db = record_of("long");
    asked("the user's", db, "SELECT passed FROM cell", 1);
    asked("the user's", db, "SELECT count(*) FROM finding", 0);
    sqlite3_close(db);
}

int main(void)
{
    CU_pSuite suite;

    if (CU_initialize_registry() != CUE_SUCCESS)
        return 2;
    suite = CU_add_suite("second tries", place_open, place_close);
    CU_ADD_TEST(suite, broken_once_is_a_remark);
    CU_ADD_TEST(suite, broken_twice_is_broken);
    CU_ADD_TEST(suite, slow_once_is_a_note);
    CU_ADD_TEST(suite, slow_twice_is_a_finding);
    CU_ADD_TEST(suite, a_polled_death_is_found);
    CU_ADD_TEST(suite, a_variant_has_its_deadline_unless_the_user_has);
    CU_basic_set_mode(CU_BRM_VERBOSE);
    CU_basic_run_tests();
    said_free(&said);
    return CU_get_number_of_failures() != 0;
}
