/*
 * One signature, one bug: a fault has the same in two builds of its program that lie in other
 * folders, are optimised differently and have other code around it, and with two seeds; two faults
 * have two. Findings of one signature are told once, with their number.
 */
#include <harness/tests/command_run.h>

#include <CUnit/Basic.h>

#define BUILD(folder) RUNDOWN_BUILD_DIR "/tests/builds/" folder "/fault"

enum { CYCLES = 2, FAULTS = 4, BYTES = 1000 };

static const struct {
    const char *act;
    const char *inject;
    const char *code;
} faults[FAULTS] = {
    {"crash", "none", "crash.signal"},
    {"circle", "none", "lock.deadlock"},
    {"orphan", "thread-kill@T1.1:user:inside#1", "lock.orphaned"},
    {"forgotten", "none", "hang.lost-wakeup"},
};

static struct said said;
static char signatures[FAULTS][BYTES]; /* of the first build, with the first seed */

/* All signatures of a run, in order. */
static void take_signatures(const char *directory, char out[BYTES])
{
    sqlite3 *db = record_of(directory);
    char *text =
        ask_text(db, "SELECT group_concat(one, ', ') FROM (SELECT DISTINCT json_extract(json, "
                     "'$.signature') AS one FROM line WHERE type = 'finding' ORDER BY one)");

    snprintf(out, BYTES, "%s", text);
    free(text);
    sqlite3_close(db);
}

static void run_fault(unsigned index, const char *program, int seed, char out[BYTES])
{
    char directory[64];

    snprintf(directory, sizeof directory, "%u-%d-%s", index, seed,
             strstr(program, "/other/") != NULL ? "other" : "plain");
    command_run(
        &said,
        "run --inject %s --no-control --cycles %d --confirm 0 --seed %d --quiet --out %s -- "
        "%s %s",
        faults[index].inject, CYCLES, seed, directory, program, faults[index].act);
    said_status(faults[index].act, &said, 1);
    take_signatures(directory, out);
}

static void builds_and_seeds_have_one_signature(void)
{
    char other[BYTES];

    for (unsigned i = 0; i < FAULTS; i++) {
        run_fault(i, BUILD("plain"), 1, signatures[i]);
        said_has(faults[i].act, signatures[i], faults[i].code);
        run_fault(i, BUILD("other"), 2, other);
        if (strcmp(signatures[i], other) != 0)
            fprintf(stderr, "\n    %s: '%s' and '%s'\n", faults[i].act, signatures[i], other);
        CU_ASSERT_STRING_EQUAL(signatures[i], other);
    }
}

/* The function is known in all of them: then nothing else that a build decides is in there. */
static void signatures_name_functions_and_no_addresses(void)
{
    static const char *const functions[FAULTS] = {"fault:put", "fault:take_", "fault:hold",
                                                  "fault:wait_for"};

    for (unsigned i = 0; i < FAULTS; i++) {
        said_has(faults[i].act, signatures[i], functions[i]);
        CU_ASSERT_PTR_NULL(strstr(signatures[i], "0x"));
        CU_ASSERT_PTR_NULL(strchr(signatures[i], '+'));
        CU_ASSERT_PTR_NULL(strchr(signatures[i], '/'));
        for (unsigned k = 0; k < i; k++)
            CU_ASSERT_STRING_NOT_EQUAL(signatures[i], signatures[k]);
    }
}

static void duplicates_are_folded_with_their_number(void)
{
    sqlite3 *db;

    command_run(&said, "report 0-1-plain --format jsonl");
    said_status("report", &said, 0);
    db = record_read(said.out);
    asked("folded", db, "SELECT count(*) FROM finding", 1);
    asked("folded", db,
          "SELECT json_extract(json, '$.repeats.times') FROM line WHERE type = 'finding'", CYCLES);
    sqlite3_close(db);
}

int main(void)
{
    CU_pSuite suite;
    int failed;

    if (CU_initialize_registry() != CUE_SUCCESS)
        return 1;
    suite = CU_add_suite("signatures", place_open, place_close);
    CU_ADD_TEST(suite, builds_and_seeds_have_one_signature);
    CU_ADD_TEST(suite, signatures_name_functions_and_no_addresses);
    CU_ADD_TEST(suite, duplicates_are_folded_with_their_number);
    CU_basic_set_mode(CU_BRM_VERBOSE);
    CU_basic_run_tests();
    failed = CU_get_number_of_failures() != 0;
    CU_cleanup_registry();
    return failed;
}
