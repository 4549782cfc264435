/*
 * The example project, as its README says it: against an installed tree in a place of its own, the
 * commands of the README are run as they stand, and what they say is looked at.
 */
#include <harness/tests/command_run.h>

#include <CUnit/Basic.h>

#define EXAMPLE RUNDOWN_SOURCE_DIR "/docs/examples/ledger"

static struct said said;

static void shell(const char *script)
{
    char *argv[] = {(char *)"/bin/sh", (char *)"-ec", (char *)script, NULL};

    command_exec(&said, NULL, argv);
}

/* As `cmake --install`, which however writes a list into the build tree: that may be another's. */
static void it_is_installed(void)
{
    shell("sed '/^ *file(WRITE .*MANIFEST/,/)/d' " RUNDOWN_BUILD_DIR "/cmake_install.cmake "
          ">install.cmake; cmake -DCMAKE_INSTALL_PREFIX=\"$PWD/prefix\" -P install.cmake >log 2>&1 "
          "|| { cat log; exit 1; }");
    said_status("install", &said, 0);
    for (const char *const *file =
             (const char *const[]){
                 "bin/rundown", "include/rundown/workload.h", "include/rundown/marks.h",
                 "lib/librundown-workload.a", "lib/pkgconfig/rundown.pc",
                 "lib/cmake/rundown/rundown-config.cmake", "lib/rundown/rundown-target", NULL};
         *file != NULL; file++) {
        char path[256];

        snprintf(path, sizeof path, "prefix/%s", *file);
        if (access(path, R_OK) != 0)
            fprintf(stderr, "\n    %s is not installed\n", *file);
        CU_ASSERT_EQUAL(access(path, R_OK), 0);
    }
}

/* What stands between ```sh and ``` in the README. */
static void the_readme_is_followed(void)
{
    shell("cp -R " EXAMPLE " project; cd project; chmod -R u+w .; "
          "awk '/^```sh$/ { on = 1; next } /^```$/ { on = 0 } on' README.md >../script; "
          "PREFIX=\"$PWD/../prefix\" PATH=\"$PWD/../prefix/bin:$PATH\" sh -ex ../script");
    said_status("readme", &said, 0);
    said_has("readme", said.out, "threads=4  1 to 32");
    said_has("readme", said.out, "0 findings");
    said_has("readme", said.out, "FAIL  lock.deadlock");
    said_has("readme", said.out, "ledger.c:");
    text_fits("readme", said.out, "\nreproduced [1-5] of 5 ");
    text_fits("readme", said.out,
              "shortest: rundown replay '/.*/build/ledger_workload\\.so "
              "variant=plain threads=1 ops=2 .*inject=alloc-fail@T1\\.1:"
              "malloc#[0-9]+ mode=free");
    text_fits("readme", said.out, "\\./build/ledger_test threads=2");
}

static void pkg_config_is_enough(void)
{
    shell("export PKG_CONFIG_PATH=$PWD/prefix/lib/pkgconfig; cd project; "
          "cc -std=gnu17 -g workload.c test.c ledger.c $(pkg-config --cflags --libs rundown) "
          "-pthread -o by-hand; ./by-hand threads=2; "
          "cc -std=gnu17 -g -shared -fPIC workload.c ledger.c $(pkg-config --cflags rundown) "
          "-pthread -o by-hand.so; "
          "../prefix/bin/rundown run --quiet --workload ./by-hand.so --inject none --cycles 2 "
          "--out by-hand-results");
    said_status("pkg-config", &said, 0);
}

int main(void)
{
    CU_pSuite suite;

    if (CU_initialize_registry() != CUE_SUCCESS)
        return 2;
    suite = CU_add_suite("example", place_open, place_close);
    CU_ADD_TEST(suite, it_is_installed);
    CU_ADD_TEST(suite, the_readme_is_followed);
    CU_ADD_TEST(suite, pkg_config_is_enough);
    CU_basic_set_mode(CU_BRM_VERBOSE);
    CU_basic_run_tests();
    said_free(&said);
    return CU_get_number_of_failures() != 0;
}
