/*
 * `rundown run -- PROGRAM`, end to end: how it gets along with programs that nobody prepared for
 * it, and with some that make trouble. What each does is certain, so every cycle's verdict is.
 */
#include <harness/tests/command_run.h>

#include <CUnit/Basic.h>

static struct said said;

/* What a program without injections comes to: all cycles pass. */
static void check_sound(const char *options, const char *words)
{
    sqlite3 *db;

    command_run(&said, "run --inject none --cycles 3 --out sound %s -- %s", options, words);
    said_status(words, &said, 0);
    CU_ASSERT_STRING_EQUAL(said.err, "");
    db = record_of("sound");
    asked(words, db, "SELECT passed FROM cell", 3);
    asked(words, db, "SELECT count(*) FROM finding", 0);
    sqlite3_close(db);
    CU_ASSERT_EQUAL(tree_remove("sound"), 0);
}

static void trouble_makers_are_sound(void)
{
    static const char *const acts[] = {
        "exit 0",        "exit 255", "fork 3",  "threads", "close-all",
        "block-signals", "daemon",   "chatter", "fill 1",
    };
    char words[512];

    for (size_t i = 0; i < sizeof acts / sizeof acts[0]; i++) {
        snprintf(words, sizeof words, ACTS " %s", acts[i]);
        check_sound("", words);
        check_sound("--fresh", words);
    }
}

/* Closed descriptors and blocked signals hide nothing, and let every strike through. */
static void strikes_reach_every_program(void)
{
    static const char *const acts[] = {"threads", "close-all", "block-signals", "socket"};
    sqlite3 *db;

    for (size_t i = 0; i < sizeof acts / sizeof acts[0]; i++) {
        command_run(&said,
                    "run --inject thread-kill@T1.1:malloc#1+20i --cycles 3 --out struck%zu -- " ACTS
                    " %s",
                    i, acts[i]);
        said_status(acts[i], &said, 1);
        snprintf(said.out, strlen(said.out) + 1, "struck%zu", i);
        db = record_of(said.out);
        asked(acts[i], db, "SELECT failed FROM cell WHERE cell = 1", 3);
        asked(acts[i], db, "SELECT passed FROM cell WHERE injector = 'none'", 3);
        asked(acts[i], db,
              "SELECT count(*) FROM finding WHERE place = 0 AND code = 'lock.orphaned'", 3);
        answer_fits(db, "SELECT text FROM finding", "was killed at T1\\.1:malloc#1\\+20i");
        sqlite3_close(db);
    }
}

static void what_cannot_be_forked_is_started_afresh(void)
{
    sqlite3 *db;

    command_run(&said, "run --inject none --cycles 3 --out afresh -- " ACTS " socket");
    said_status("socket", &said, 0);
    said_has("socket", said.out, "started afresh for each cycle: its constructors open sockets");
    db = record_of("afresh");
    asked("socket", db, "SELECT passed FROM cell", 3);
    answer_fits(db, "SELECT note FROM cell", "^started afresh for each cycle");
    sqlite3_close(db);
}

/* A wrapper that becomes the program by exec leaves nothing to strike, and says what is wrong. */
static void wrappers_are_told(void)
{
    static const char note[] = "^the program becomes another one by exec";
    sqlite3 *db;

    command_run(&said,
                "run --inject thread-kill --cycles 3 --out become -- " ACTS " become /bin/true");
    said_status("become", &said, 0);
    db = record_of("become");
    asked("become", db, "SELECT passed FROM cell WHERE injector = 'none'", 3);
    answer_fits(db, "SELECT state FROM cell WHERE injector = 'thread-kill'", note);
    answer_fits(db, "SELECT note FROM cell WHERE injector = 'none'", note);
    sqlite3_close(db);
    command_run(&said, "run --inject none --cycles 3 --out vain -- " ACTS " become /no/such");
    db = record_of("vain");
    asked("vain", db, "SELECT note IS NULL OR note = '' FROM cell", 1);
    sqlite3_close(db);
}

static void crashes_and_hangs_are_found(void)
{
    sqlite3 *db;

    command_run(&said, "run --inject none --cycles 3 --out crash -- " ACTS " say-and-crash hello");
    said_status("crash", &said, 1);
    db = record_of("crash");
    asked("crash", db, "SELECT count(*) FROM finding WHERE code = 'crash.signal'", 3);
    asked("crash", db,
          "SELECT count(*) FROM finding WHERE output = "
          "'hello' || char(10) || 'hello (stderr)' || char(10)",
          3);
    answer_fits(db, "SELECT text FROM finding", "SIGSEGV at 0x10.*act_say_and_crash.*acts\\.c:");
    sqlite3_close(db);
    command_run(&said, "run --inject none --cycles 2 --out hang -- " ACTS " hang");
    said_status("hang", &said, 1);
    db = record_of("hang");
    asked("hang", db, "SELECT count(*) FROM finding WHERE place = 0 AND code = 'lock.deadlock'", 2);
    answer_fits(db, "SELECT text FROM finding", "act_hang.*acts\\.c:");
    sqlite3_close(db);
}

/* Ten MiB go through; the last 64 KiB are kept, to the byte. */
static void the_end_of_the_output_is_kept(void)
{
    sqlite3 *db;

    command_run(&said, "run --inject none --cycles 1 --out fill -- " ACTS " fill-and-crash 10");
    said_status("fill", &said, 1);
    db = record_of("fill");
    asked("fill", db, "SELECT length(output) FROM finding", 65536);
    asked("fill", db, "SELECT substr(output, 1, 16) = 'line 0000651264' || char(10) FROM finding",
          1);
    asked("fill", db, "SELECT substr(output, -16) = 'line 0000655359' || char(10) FROM finding", 1);
    sqlite3_close(db);
}

/* Who reads a file to its end must find its beginning again in the next cycle. */
static void stdin_starts_anew_in_each_cycle(void)
{
    file_write("in put", "one", 0644);
    check_sound("--stdin 'in put'", ACTS " expect one");
    check_sound("--stdin 'in put' --fresh", ACTS " expect one");
    check_sound("", ACTS " expect ''");
    command_run(&said,
                "run --inject none --cycles 2 --out wrong --stdin 'in put' -- " ACTS " expect two");
    said_status("expect two", &said, 1);
    said_has("expect two", said.out, "died of SIGABRT");
}

/* A group is the target's own; whoever kills our processes by name ends the run, not us. */
static void killers_do_no_harm(void)
{
    command_run(&said, "run --inject none --cycles 2 --out group -- " ACTS " kill-group");
    said_status("kill-group", &said, 1);
    said_has("kill-group", said.out, "died of SIGKILL");
    command_run(&said, "run --inject none --cycles 2 --out parents -- " ACTS " kill-parents-group");
    said_status("kill-parents-group", &said, 3);
    said_has("kill-parents-group", said.out, "skipped: the fork server ended (signal 9)");
    command_run(&said, "run --inject none --cycles 2 --fresh --out parents-fresh -- " ACTS
                       " kill-parents-group");
    said_status("kill-parents-group", &said, 3);
}

int main(void)
{
    CU_pSuite suite;

    if (CU_initialize_registry() != CUE_SUCCESS)
        return 2;
    suite = CU_add_suite("programs", place_open, place_close);
    CU_ADD_TEST(suite, trouble_makers_are_sound);
    CU_ADD_TEST(suite, strikes_reach_every_program);
    CU_ADD_TEST(suite, what_cannot_be_forked_is_started_afresh);
    CU_ADD_TEST(suite, wrappers_are_told);
    CU_ADD_TEST(suite, crashes_and_hangs_are_found);
    CU_ADD_TEST(suite, the_end_of_the_output_is_kept);
    CU_ADD_TEST(suite, stdin_starts_anew_in_each_cycle);
    CU_ADD_TEST(suite, killers_do_no_harm);
    CU_basic_set_mode(CU_BRM_VERBOSE);
    CU_basic_run_tests();
    said_free(&said);
    return CU_get_number_of_failures() != 0;
}
