/*
 * `rundown minimise`, end to end. The workloads and programs are such that each step's outcome is
 * certain: one thread is enough, an injection is needed or not.
 */
#include <harness/tests/command_run.h>

#include <CUnit/Basic.h>

#define OWN RUNDOWN_BUILD_DIR "/tests/own"

static struct said said;

/* The shortest line, as printed; the caller frees. */
static char *shortest(void)
{
    const char *line = strstr(said.out, "shortest: rundown replay ");

    CU_ASSERT_PTR_NOT_NULL_FATAL(line);
    line += strlen("shortest: rundown replay ");
    return strndup(line, strcspn(line, "\n"));
}

/* Everything that is not needed goes, and what stays shows the same. */
static void threads_operations_and_point_become_few(void)
{
    char *line;

    command_run(&said, "minimise '" OWN "/counter.so variant=locked threads=4 ops=40 seed=0x1 "
                       "cycle=0 inject=alloc-fail@T1.3:malloc#21 mode=free'");
    said_status("locked", &said, 1);
    said_has("locked", said.out, "as it is: 20 of 20 (95 % interval 83.8 to 100 %)\n");
    text_fits("locked", said.out, "wanted:   (lock|hang)\\.deadlock counter\\.so:");
    said_has("locked", said.out, "step 1: without the injection: no, in 2 of 2 tries\n");
    said_has("locked", said.out, "the injection in thread T1.1: yes, at try 1\n");
    text_fits("locked", said.out,
              "\nreproduced [0-9]+ of 20 \\(95 % interval .*\\), grade R[34]\n");
    text_fits("locked", said.out,
              "\n[0-9]+ steps, [0-9]+ taken; up to [0-9.]+ parts may be "
              "unneeded\n");
    line = shortest();
    said_has("locked", line, " threads=1 ops=2 ");
    said_has("locked", line, " inject=alloc-fail@T1.1:malloc#1 mode=free");
    command_run(&said, "replay --quiet --times 5 %s", line);
    said_status(line, &said, 1);
    free(line);
}

static void an_injection_that_is_not_needed_goes(void)
{
    char *line;

    command_run(&said, "minimise --quiet '" OWN "/counter.so variant=loses threads=3 seed=0x1 "
                       "cycle=0 inject=delay@T1.1:lock#2 argument=3 mode=free laps=5'");
    said_status("loses", &said, 1);
    line = shortest();
    text_fits("loses", line,
              "variant=loses threads=1 ops=1 seed=0x1 cycle=0 inject=none mode=free "
              "build=[0-9a-f]+'$");
    CU_ASSERT_PTR_NULL(strstr(said.out, "step 1"));
    free(line);
}

/* Of a program nothing but the injection and the laps can be left out, and that is said. */
static void of_a_program_the_injection_alone(void)
{
    char *line;

    command_run(&said, "minimise 'seed=0x7 cycle=0 inject=thread-kill@T1.1:malloc#1+20i mode=free "
                       "-- " ACTS " threads 1'");
    CU_ASSERT_TRUE(said.status == 1);
    said_has("program", said.out, "of a program's own threads and operations nothing can be left");
    line = shortest();
    text_fits("program", line, "inject=thread-kill@T1\\.1:malloc#1(\\+[0-9]+i)? mode=free");
    said_has("program", line, "threads 1");
    free(line);
}

static void an_address_is_taken(void)
{
    tree_remove("results");
    command_run(&said, "run --quiet --seed 2 --workload " OWN "/counter.so,variant=loses --inject "
                       "none --cycles 1 --out results --confirm 0");
    said_status("run", &said, 1);
    command_run(&said, "minimise --json results:1:0");
    said_status("address", &said, 1);
    text_fits("address", said.out,
              "^\\{\"steps\":\\[\\{\"what\":\"threads=1\",\"reproduced\":true,"
              "\"tries\":1,\"of\":2\\}.*\\],\"end\":\"done\",\"signature\":"
              "\"state\\.invariant .*\"line\":\".*threads=1 ops=1 .*\","
              "\"reproduced\":20,\"replays\":20,\"grade\":\"R3\"");
    CU_ASSERT_STRING_EQUAL(said.err, "");
}

/* Another finding than the wanted one is no reproduction; it is kept aside. */
static void another_signature_is_kept_aside(void)
{
    char *line;

    /* Without the thread that is killed the sum is right; loses' own sum is another place's. */
    command_run(&said, "minimise '" OWN "/counter.so variant=locked threads=2 ops=30 seed=0x1 "
                       "cycle=0 inject=thread-kill@T1.1:user:commit#3 mode=free'");
    CU_ASSERT_TRUE(said.status == 1 || said.status == 3);
    text_fits("aside", said.out, "wanted:   (lock\\.orphaned|state\\.invariant)");
    text_fits("aside", said.out, "kept aside: (lock\\.orphaned|state\\.invariant)");
    line = shortest();
    said_has("aside", line, "inject=thread-kill@T1.");
    free(line);
}

static void what_shows_nothing_is_not_minimised(void)
{
    command_run(&said, "minimise '" OWN "/counter.so variant=plain threads=1 ops=1 seed=0x1 "
                       "cycle=0 inject=none mode=free'");
    said_status("nothing", &said, 0);
    said_has("nothing", said.out, "not minimised: too rare: 0 of 300 (95 % interval 0 to ");
}

static void interrupt_at_once(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, NULL);
    raise(SIGINT); /* stays pending over exec */
}

static void an_interrupt_keeps_the_best_so_far(void)
{
    command_words(&said, interrupt_at_once,
                  "minimise '" OWN "/counter.so variant=loses threads=3 seed=0x1 cycle=0 "
                  "inject=none mode=free'");
    said_status("interrupt", &said, 130);
    said_has("interrupt", said.out, "interrupted: this is the shortest so far\n");
    said_has("interrupt", said.out, "variant=loses threads=3 seed=0x1");
}

static void bad_words_are_one_line(void)
{
    command_run(&said, "minimise");
    said_refused("none", &said, 2, "a replay line or DIR:CELL:CYCLE is missing");
    command_run(&said, "minimise 'null variant=plain seed=1'");
    said_refused("cycle", &said, 2, "replay line: it has no cycle=N");
    command_run(&said, "minimise nowhere:1:1");
    said_refused("dir", &said, 2, "nowhere");
    command_run(&said, "minimise 'null variant=plain seed=1 cycle=0 inject=none mode=free "
                       "build=0123456789abcdef'");
    said_refused("build", &said, 3, "other binaries: the line was made for build 0123456789abcdef");
}

int main(void)
{
    CU_pSuite suite;

    if (CU_initialize_registry() != CUE_SUCCESS)
        return 2;
    suite = CU_add_suite("minimise", place_open, place_close);
    CU_ADD_TEST(suite, threads_operations_and_point_become_few);
    CU_ADD_TEST(suite, an_injection_that_is_not_needed_goes);
    CU_ADD_TEST(suite, of_a_program_the_injection_alone);
    CU_ADD_TEST(suite, an_address_is_taken);
    CU_ADD_TEST(suite, another_signature_is_kept_aside);
    CU_ADD_TEST(suite, what_shows_nothing_is_not_minimised);
    CU_ADD_TEST(suite, an_interrupt_keeps_the_best_so_far);
    CU_ADD_TEST(suite, bad_words_are_one_line);
    CU_basic_set_mode(CU_BRM_VERBOSE);
    CU_basic_run_tests();
    said_free(&said);
    return CU_get_number_of_failures() != 0;
}
