/*
 * `rundown merge`, from outside: what it makes is a run for every other command, cycles that would
 * count twice are refused, and an interrupted one leaves nothing.
 */
#include <harness/tests/command_run.h>

#include <results/tests/night_fixture.h>

#include <CUnit/Basic.h>

static struct said said;

static void run_as(const char *out, int seed)
{
    tree_remove(out);
    command_run(&said,
                "run --quiet --no-lttng --confirm 0 --seed %d --out %s --inject none "
                "--cycles 3 -- " ACTS " hang",
                seed, out);
    said_status(out, &said, 1);
}

static void every_command_takes_it(void)
{
    static const char *const formats[] = {"terminal", "html",  "junit", "jsonl",
                                          "metrics",  "trace", "csv"};

    run_as("a", 1);
    run_as("b", 2);
    command_run(&said, "merge out a b");
    said_good("merge", &said);
    said_has("merge", said.out, "2 runs, 1 cell, 6 cycles, 6 findings");
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        command_run(&said, "report out --format %s", formats[i]);
        said_good(formats[i], &said);
    }
    command_run(&said, "report out --format terminal");
    said_has("report", said.out, "6 of 6");
    command_run(&said, "compare a out");
    said_status("compare", &said, 0);
    command_run(&said, "replay out:1:4 --times 1 --no-lttng");
    said_status("replay", &said, 1);
    said_has("replay", said.out, "seed=0x2 cycle=1");
    said_has("replay", said.out, "reproduced 1 of 1");
    command_run(&said, "run --resume out -- " ACTS " hang");
    said_refused("resume", &said, 2, "out was merged from several runs: resume those");
    CU_ASSERT_FALSE(directory_find(".", "out.", (char[256]){0}));
    tree_remove("out");
}

static void wrong_words_are_one_line(void)
{
    static const struct {
        const char *words, *wanted;
    } table[] = {
        {"merge", "OUT is missing; name a directory to be made"},
        {"merge out", "IN is missing; name the directories of the runs"},
        {"merge out a a", "a and a both have cycles 0 to 2 of seed 0x1 of '"},
        {"merge out a nowhere", "nowhere/run.sqlite: No such file or directory"},
        {"merge b a", "b: it is there already: name a new directory"},
        {"merge nowhere/out a b", "nowhere/out: No such file or directory: name a new"},
        {"merge out a wrong", "wrong/run.sqlite"},
        {"merge --quit out a", "'--quit' is no option; did you mean '--quiet'?"},
    };

    run_as("a", 1);
    run_as("b", 2);
    mkdir("wrong", 0777);
    file_write("wrong/run.sqlite", "this is no database, whatever its name says it may be", 0666);
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        command_run(&said, "%s", table[i].words);
        said_refused(table[i].words, &said, 2, table[i].wanted);
        CU_ASSERT_FALSE(directory_find(".", "out", (char[256]){0}));
    }
    tree_remove("wrong");
}

/* Killed at any moment, it leaves no OUT, or a whole one. By the sizes of what it reads it is in
 * the middle of writing when its directory comes up. */
static void interrupted_it_leaves_no_out(void)
{
    struct night_cell cell = {.target = "prog",
                              .injector = "delay",
                              .cycles = 20000,
                              .signature = {"lock.deadlock x"},
                              .fails = {20000}};
    struct going going;
    char name[256];
    struct error e;

    CU_ASSERT_EQUAL_FATAL(night_write(".", 1, &cell, 1, &e), 0);
    CU_ASSERT_EQUAL_FATAL(night_write(".", 2, &cell, 1, &e), 0);
    going_start(&going, NULL, "merge out night-1 night-2");
    CU_ASSERT_TRUE(directory_wait(".", "out.merge-", name));
    kill(going.pid, SIGTERM);
    going_end(&going, &said);
    if (said.status == 0) { /* it was done before the signal came */
        command_run(&said, "report out --format jsonl --output /dev/null");
        said_status("whole", &said, 0);
    } else {
        said_status("interrupted", &said, 130);
        CU_ASSERT_TRUE(said_one_line(said.err));
        CU_ASSERT_FALSE(directory_find(".", "out", name));
    }
    tree_remove("out");
    going_start(&going, NULL, "merge out night-1 night-2");
    CU_ASSERT_TRUE(directory_wait(".", "out.merge-", name));
    kill(going.pid, SIGKILL);
    going_end(&going, &said);
    if (access("out", F_OK) == 0) {
        command_run(&said, "report out --format jsonl --output /dev/null");
        said_status("whole", &said, 0);
    }
}

int main(void)
{
    CU_pSuite suite;

    CU_initialize_registry();
    suite = CU_add_suite("merge", place_open, place_close);
    CU_add_test(suite, "every command takes it", every_command_takes_it);
    CU_add_test(suite, "wrong words are one line", wrong_words_are_one_line);
    CU_add_test(suite, "interrupted", interrupted_it_leaves_no_out);
    CU_basic_run_tests();
    return CU_get_number_of_failures() > 0;
}
