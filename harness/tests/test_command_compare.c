/*
 * `rundown compare`, from outside: what it says, its exit status, its JSON held against the
 * schema's names, and what it refuses. Stores are made by hand, so nothing depends on a target.
 */
#include <harness/tests/command_run.h>

#include <results/tests/night_fixture.h>

#include <CUnit/Basic.h>

static struct said said;

static void night(int day, const struct night_cell *cells, size_t count)
{
    struct error e;
    int code = night_write(".", day, cells, count, &e);

    if (code != 0)
        fprintf(stderr, "\n    %s\n", e.text);
    CU_ASSERT_EQUAL_FATAL(code, 0);
}

static struct night_cell cell_of(const char *signature, uint64_t fails)
{
    return (struct night_cell){.target = "prog",
                               .injector = "delay",
                               .cycles = 1000,
                               .signature = {signature},
                               .fails = {fails}};
}

static void nights(void)
{
    struct night_cell one = cell_of("lock.deadlock a", 10), worse = cell_of("lock.deadlock b", 90);
    struct night_cell broken = one;

    broken.broken = 1;
    night(1, &one, 1);
    night(2, &one, 1);
    night(3, &worse, 1);
    night(4, &broken, 1);
}

static void forget(void)
{
    char path[32];

    for (int day = 1; day <= 4; day++) {
        snprintf(path, sizeof path, "night-%d", day);
        tree_remove(path);
    }
}

static void status_says_what_came_out(void)
{
    nights();
    command_run(&said, "compare night-1 night-2");
    said_good("same", &said);
    said_has("same", said.out, "nothing is worse, as far as these cycles can tell");
    command_run(&said, "compare night-1 night-3");
    said_status("worse", &said, 1);
    said_has("worse", said.out, "new signatures: 1\n  FAIL  lock.deadlock b\n");
    said_has("worse", said.out, "WORSE: 1 new signature, 0 that weigh more, 1 rate, 0 leaks");
    command_run(&said, "compare -q night-1 night-3");
    said_status("quiet", &said, 1);
    CU_ASSERT_STRING_EQUAL(said.out, "");
    command_run(&said, "compare night-3 night-1");
    said_status("new again", &said, 1);
    command_run(&said, "compare night-1 night-4");
    said_status("broken", &said, 3);
    said_has("broken", said.out, "NOT TO BE TRUSTED: night-4: 1 of its cycles are broken");
    forget();
}

static void a_history_is_ordered_by_time(void)
{
    nights();
    CU_ASSERT_EQUAL(rename("night-1", "zz"), 0);
    command_run(&said, "compare --history . night-3");
    said_status("history", &said, 1);
    said_has("history", said.out, "2 earlier runs; the latest of them is OLD\nOLD  ./night-2\n");
    said_has("history", said.out, "left out: ./night-4: it began later");
    said_has("history", said.out, "1 cell with fewer than 10 nights: learning, no judgement");
    tree_remove("zz");
    forget();
}

static void json_is_one_object(void)
{
    nights();
    command_run(&said, "compare --json night-1 night-3");
    said_status("json", &said, 1);
    CU_ASSERT_TRUE(said_one_line(said.out));
    said_has("json", said.out,
             "{\"format\":\"rundown-compare\",\"version\":1,\"test\":\"fisher\",");
    said_has("json", said.out, "\"worse\":true,\"untrusted\":null,\"sums\":{\"new_findings\":1,");
    forget();
}

static void wrong_words_are_one_line(void)
{
    static const struct {
        const char *words, *wanted;
    } table[] = {
        {"compare", "OLD is missing; name the directory of a run"},
        {"compare night-1", "NEW is missing"},
        {"compare --history . ", "NEW is missing"},
        {"compare night-1 night-2 night-3", "'night-3': two runs only; more of them: --history"},
        {"compare --history . night-1 night-2", "'night-2': with --history there is one NEW"},
        {"compare night-1 nowhere", "nowhere/run.sqlite: No such file or directory"},
        {"compare night-1 wrong", "wrong/run.sqlite"},
        {"compare --history nowhere night-1", "nowhere: No such file or directory: name a"},
        {"compare --history . night-1", "no run in it that night-1 can be compared with"},
        {"compare --slower 0.5 night-1 night-2", "'0.5' is no factor of 1 or more"},
        {"compare --slower=nan night-1 night-2", "'nan' is no factor"},
        {"compare --slower 2x night-1 night-2", "'2x' is no factor"},
        {"compare --jsn night-1 night-2", "'--jsn' is no option; did you mean '--json'?"},
    };

    nights();
    CU_ASSERT_EQUAL(mkdir("wrong", 0777), 0);
    file_write("wrong/run.sqlite", "this is no database, whatever its name says it may be", 0666);
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        command_run(&said, "%s", table[i].words);
        said_refused(table[i].words, &said, 2, table[i].wanted);
    }
    tree_remove("wrong");
    forget();
}

/* What a real run notes of its machine is there to be compared. */
static void real_runs_note_their_machine(void)
{
    char *meta;
    struct store *store;
    struct error e;
    static const char *const keys[] = {"started", "kernel", "libc"};

    for (int i = 1; i <= 2; i++) {
        command_run(&said,
                    "run --quiet --no-lttng --seed %d --out real-%d --inject none --cycles 20 "
                    "-- /bin/true",
                    i, i);
        said_status("a real run", &said, 0);
    }
    CU_ASSERT_EQUAL_FATAL(store_open("real-1", false, &store, &e), 0);
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        CU_ASSERT_EQUAL(store_meta_get(store, keys[i], &meta, &e), 0);
        free(meta);
    }
    store_close(store);
    command_run(&said, "compare real-1 real-2");
    said_status("real runs", &said, 0);
    said_has("real runs", said.out, "machine and binaries: no difference known");
    tree_remove("real-1");
    tree_remove("real-2");
}

int main(void)
{
    CU_pSuite suite;

    CU_initialize_registry();
    suite = CU_add_suite("compare", place_open, place_close);
    CU_add_test(suite, "its status says what came out", status_says_what_came_out);
    CU_add_test(suite, "a history is ordered by time", a_history_is_ordered_by_time);
    CU_add_test(suite, "JSON is one object", json_is_one_object);
    CU_add_test(suite, "wrong words are one line", wrong_words_are_one_line);
    CU_add_test(suite, "real runs note their machine", real_runs_note_their_machine);
    CU_basic_run_tests();
    return CU_get_number_of_failures() > 0;
}
