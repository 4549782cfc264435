/*
 * Workloads that users bring, end to end: in a shared object and linked into a program, found,
 * replayed, listed, and refused in one line each.
 */
#include <harness/tests/command_run.h>

#include <CUnit/Basic.h>

#define OWN RUNDOWN_BUILD_DIR "/tests/own"

static struct said said;

static char *line_of(const char *text)
{
    const char *line = strstr(text, "rundown replay '");

    CU_ASSERT_PTR_NOT_NULL_FATAL(line);
    line += strlen("rundown replay ");
    return strndup(line, strcspn(line, "\n"));
}

/* --- as a shared object --------------------------------------------------------------------- */

static void a_clean_one_is_quiet(void)
{
    tree_remove("results");
    command_run(&said, "run --quiet --workload " OWN "/counter.so,threads=2 --inject none "
                       "--inject thread-kill --cycles 20 --out results --confirm 0");
    CU_ASSERT_TRUE(said.status == 0 || said.status == 1); /* a killed thread breaks the sum */
    command_run(&said, "run --quiet --workload " OWN "/counter.so --inject none --cycles 20 "
                       "--laps 3 --out results2");
    said_status("clean", &said, 0);
    tree_remove("results2");
}

static void a_bad_variant_is_found_and_replayed(void)
{
    char *line;

    tree_remove("results");
    command_run(&said, "run --quiet --seed 3 --workload " OWN "/counter.so,variant=locked,ops=30 "
                       "--inject alloc-fail --no-control --cycles 60 --until-found 1 --out "
                       "results");
    said_status("locked", &said, 1);
    text_fits("locked", said.out, "(lock|hang)\\.deadlock");
    line = line_of(said.out);
    text_fits("line", line,
              "^'" OWN "/counter\\.so variant=locked ops=30 seed=0x3 cycle=[0-9]+ "
              "inject=alloc-fail@T1[.0-9]*:malloc#[0-9]+ mode=free "
              "build=[0-9a-f]{16}'$");
    command_run(&said, "replay --quiet --times 5 %s", line);
    said_status(line, &said, 1);
    text_fits(line, said.out, "^reproduced [1-5] of 5");
    free(line);
}

static void a_broken_promise_is_a_finding(void)
{
    tree_remove("results");
    command_run(&said, "run --quiet --workload " OWN "/counter.so,variant=loses --inject none "
                       "--cycles 3 --out results --confirm 0");
    said_status("loses", &said, 1);
    said_has("loses", said.out, "state.invariant");
    said_has("loses", said.out, "counter: it stands at 79, not at 80");
}

/* What its entry says of laps and slow locks holds as for a shipped one. */
static void laps_show_what_leaks(void)
{
    tree_remove("results");
    command_run(&said, "run --quiet --workload " OWN "/counter.so,variant=leaks,threads=1,ops=1 "
                       "--inject none --cycles 1 --out results --confirm 0");
    said_status("leaks", &said, 1);
    said_has("leaks", said.out, " laps=120 deadline=90 held-long=0.5 ");
    said_has("leaks", said.out, "leak.");
}

static void controlled_mode_and_own_sites(void)
{
    char *line;

    tree_remove("results");
    command_run(&said, "run --quiet --seed 5 --workload " OWN "/counter.so,threads=2 --mode "
                       "controlled --inject thread-kill@user:commit --no-control --cycles 20 "
                       "--until-found 1 --out results");
    said_status("controlled", &said, 1);
    line = line_of(said.out);
    text_fits("line", line,
              "inject=thread-kill@T1\\.[12]:user:commit#[0-9]+ mode=controlled "
              "hash=0x");
    command_run(&said, "replay --quiet --times 4 %s", line);
    said_has(line, said.out, "reproduced 4 of 4");
    free(line);
}

static void a_dry_run_prints_plans(void)
{
    command_run(&said, "run --quiet --seed 9 --dry-run --workload " OWN "/counter.so --inject "
                       "thread-kill@lock --no-control --cycles 3");
    said_good("dry run", &said);
    text_fits("dry run", said.out,
              "^" OWN "/counter.so variant=plain seed=0x9 cycle=0 inject="
              "thread-kill@T1");
}

/* With the names of its own sites, and as a line that can be run. */
static void a_dry_run_names_own_sites(void)
{
    char *rest = NULL, *lines;
    unsigned count = 0;

    command_run(&said, "run --quiet --seed 9 --dry-run --workload " OWN "/counter.so --inject "
                       "exit@user:commit --inject thread-kill@T1.1:user:commit#1 --no-control "
                       "--cycles 3");
    said_good("dry run", &said);
    said_has("dry run", said.out, "inject=thread-kill@T1.1:user:commit#1 ");
    lines = strdup(said.out);
    for (char *line = strtok_r(lines, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        text_fits("line", line, "inject=[a-z-]+@T1[.0-9]*:user:commit#[0-9]+ ");
        if (count++ % 2 != 0)
            continue;
        command_run(&said, "replay --quiet --times 1 '%s'", line);
        CU_ASSERT_TRUE(said.status == 0 || said.status == 1); /* as a line it is taken */
        said_has(line, said.out, " of 1");
    }
    CU_ASSERT_EQUAL(count, 6);
    free(lines);
}

/* Nothing of the path is a separator but a comma before name=. */
static void any_path_may_hold_it(void)
{
    char from[512], *line;

    mkdir("a b,c=d", 0755);
    snprintf(from, sizeof from, "%s/counter.so", OWN);
    CU_ASSERT_EQUAL_FATAL(symlink(from, "a b,c=d/it's.so"), 0);
    tree_remove("results");
    command_run(&said, "run --quiet --workload \"./a b,c=d/it's.so,variant=loses\" --inject none "
                       "--cycles 1 --out results --confirm 0");
    said_refused("path", &said, 2, "./a b: No such file or directory");
    mkdir("a b,c", 0755);
    CU_ASSERT_EQUAL_FATAL(symlink(from, "a b,c/it=s.so"), 0);
    command_run(&said, "run --quiet --workload \"./a b,c/it=s.so,variant=loses\" --inject none "
                       "--cycles 1 --out results --confirm 0");
    said_status("path", &said, 1);
    line = strstr(said.out, "rundown replay");
    CU_ASSERT_PTR_NOT_NULL_FATAL(line);
    said_has("path", said.out, "a b,c/it=s.so");
}

static void it_can_be_listed(void)
{
    command_run(&said, "list workloads " OWN "/counter.so");
    said_good("list", &said);
    said_has("list", said.out, "threads=4  1 to 16      threads that count");
    said_has("list", said.out, "must show lock.deadlock or hang.deadlock under alloc-fail");
    CU_ASSERT_PTR_NULL(strstr(said.out, "heap-churn"));
    command_run(&said, "list workloads " OWN "/counter.so --names");
    CU_ASSERT_STRING_EQUAL(said.out, "variant=plain\nvariant=locked\nvariant=loses\n"
                                     "variant=leaks\nthreads=\nops=\n");
    command_run(&said, "list workloads ./nothing.so");
    said_refused("list", &said, 2, "rundown list: ./nothing.so: No such file or directory");
}

/* --- linked into a program ------------------------------------------------------------------- */

static void plain(const char *words, int status, const char *wanted)
{
    char *argv[] = {(char *)"/bin/sh", (char *)"-c", NULL, NULL};

    CU_ASSERT_FATAL(asprintf(&argv[2], "exec " OWN "/linked %s", words) >= 0);
    command_exec(&said, NULL, argv);
    said_status(words, &said, status);
    said_has(words, said.err, wanted);
    free(argv[2]);
}

static void a_program_runs_without_rundown(void)
{
    plain("", 0, "");
    plain("threads=2 laps=3", 0, "");
    plain("variant=loses", 1, "broken: counter: it stands at 79, not at 80\n");
    plain("thread=2", 2, "linked: parameter 'thread' is unknown: did you mean 'threads'?\n");
    plain("variant=zzzzzz", 2, "known are plain, locked, loses, leaks\n");
}

static void a_program_runs_with_rundown(void)
{
    tree_remove("results");
    command_run(&said, "run --quiet --inject none --cycles 3 --out results --confirm 0 -- " OWN
                       "/linked variant=loses");
    said_status("linked", &said, 1);
    said_has("linked", said.out, "state.invariant");
}

/* --- what is refused ------------------------------------------------------------------------- */

static void refused(const char *file, const char *wanted)
{
    command_run(&said, "run --workload %s --inject none --cycles 1 --out results", file);
    said_refused(file, &said, 2, wanted);
    said_has(file, said.err, "rundown run: ");
}

static void what_is_no_workload_is_one_line(void)
{
    file_write("text.so", "no shared object", 0644);
    file_write("empty.so", "", 0644);
    refused("./nothing.so", "./nothing.so: No such file or directory");
    refused("nothing.so", "a file needs a slash: ./nothing.so");
    refused("./text.so", "a workload is a shared object, as cc -shared -fPIC makes it");
    refused("./empty.so", "a workload is a shared object");
    refused("/tmp", "/tmp: is no shared object");
    refused(OWN "/linked", "a program goes behind --");
    refused(OWN "/no_export.so", "it is no workload: it has no RUNDOWN_WORKLOAD()");
    refused(OWN "/magic.so", "is not what RUNDOWN_WORKLOAD() makes");
    refused(OWN "/version.so", "built for version 4 of the workload interface, this rundown has "
                               "version 3: build it again");
}

static void what_lacks_something_is_one_line(void)
{
    refused(OWN "/no_name.so", "no_name.so: the workload has no .name");
    refused(OWN "/no_summary.so", "workload 'faulty' has no .summary");
    refused(OWN "/no_body.so", "workload 'faulty' has no .body");
    refused(OWN "/parameter_taken.so", "parameter 'seed': replay lines use this word");
    refused(OWN "/parameter_range.so", "its standard 9 is outside 0 to 2");
    refused(OWN "/variant_first_bad.so", "the first is the default and must be a clean twin");
    refused(OWN "/variant_code.so", "'crash.signel' is no stop code");
    refused(OWN "/variant_injector.so", "'thread-kil' is no injector");
    refused(OWN "/counter.so,variant=lost", "'counter' has no variant 'lost'");
    refused(OWN "/counter.so,thread=3", "did you mean 'threads'?");
    refused(OWN "/counter.so,threads=17", "threads: 17 is outside 1 to 16");
}

static void what_fails_early_is_one_line(void)
{
    refused(OWN "/load_crashes.so", "it crashed (SIGABRT) as it was loaded");
    refused(OWN "/load_exits.so", "it ended with status 7 as it was loaded");
    refused(OWN "/setup_fails.so", "set-up failed: Cannot allocate memory");
    refused(OWN "/setup_says.so", "set-up failed: it did not return 0");
    refused(OWN "/setup_crashes.so", "it crashed (SIGABRT) as it was set up");
    refused(OWN "/setup_exits.so", "it ended with status 5 as it was set up");
}

/* The headers are for C++ as well. */
static void cxx_takes_the_header(void)
{
    char *argv[] = {(char *)"/bin/sh", (char *)"-c",
                    (char *)"c++ -std=c++20 -Wall -Wextra -Wno-missing-field-initializers -Werror "
                            "-shared -fPIC -I" RUNDOWN_SOURCE_DIR "/harness/include it.cpp -o "
                            "it.so",
                    NULL};

    file_write("it.cpp",
               "#include <rundown/workload.h>\n"
               "static void body(workload_context *, uint32_t) { RUNDOWN_SITE(\"here\"); }\n"
               "static const workload it = {.name = \"it\", .summary = \"C++\", .body = body};\n"
               "RUNDOWN_WORKLOAD(it);\n",
               0644);
    command_exec(&said, NULL, argv);
    said_status("c++", &said, 0);
    command_run(&said, "run --quiet --workload ./it.so --inject none --cycles 2 --out results3");
    said_status("c++", &said, 0);
}

int main(void)
{
    CU_pSuite suite;

    if (CU_initialize_registry() != CUE_SUCCESS)
        return 2;
    suite = CU_add_suite("own workloads", place_open, place_close);
    CU_ADD_TEST(suite, a_clean_one_is_quiet);
    CU_ADD_TEST(suite, a_bad_variant_is_found_and_replayed);
    CU_ADD_TEST(suite, a_broken_promise_is_a_finding);
    CU_ADD_TEST(suite, laps_show_what_leaks);
    CU_ADD_TEST(suite, controlled_mode_and_own_sites);
    CU_ADD_TEST(suite, a_dry_run_prints_plans);
    CU_ADD_TEST(suite, a_dry_run_names_own_sites);
    CU_ADD_TEST(suite, any_path_may_hold_it);
    CU_ADD_TEST(suite, it_can_be_listed);
    CU_ADD_TEST(suite, a_program_runs_without_rundown);
    CU_ADD_TEST(suite, a_program_runs_with_rundown);
    CU_ADD_TEST(suite, what_is_no_workload_is_one_line);
    CU_ADD_TEST(suite, what_lacks_something_is_one_line);
    CU_ADD_TEST(suite, what_fails_early_is_one_line);
    CU_ADD_TEST(suite, cxx_takes_the_header);
    CU_basic_set_mode(CU_BRM_VERBOSE);
    CU_basic_run_tests();
    said_free(&said);
    return CU_get_number_of_failures() != 0;
}
