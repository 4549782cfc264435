/*
 * Tests of plugin-singleton: the twin leaves neither a thread nor a module; a missing plug-in
 * fails the set-up; what makes the bad ones bad is there (they hang, in a process apart).
 */
#include <workloads/tests/drive.h>

#include <dlfcn.h>
#include <signal.h>

extern const struct workload workload_plugin_singleton;

static const char plugin_path[] = RUNDOWN_BUILD_DIR "/lib/rundown/modules/policy.so";

static void test_clean_for_many_seeds(void)
{
    int before = drive_threads();

    drive_clean_seeds(&workload_plugin_singleton, NULL, 10);
    CU_ASSERT_PTR_NULL(dlopen(plugin_path, RTLD_NOW | RTLD_NOLOAD));
    CU_ASSERT_EQUAL(drive_threads_left(before), 0);
}

static void test_clean_without_a_question(void)
{
    struct workload_context context = drive_context(&workload_plugin_singleton, NULL, 1);

    drive_set(&workload_plugin_singleton, &context, "uses", 0);
    drive_set(&workload_plugin_singleton, &context, "refreshes", 0);
    drive_clean(&workload_plugin_singleton, &context);
}

static void test_missing_plugin_fails_the_setup(void)
{
    struct workload_context context = drive_context(&workload_plugin_singleton, NULL, 1);

    context.module_dir = "/nonexistent";
    CU_ASSERT_EQUAL(workload_plugin_singleton.setup(&context), ERROR_NOT_FOUND);
}

static int run_variant(void *name)
{
    struct workload_context context = drive_context(&workload_plugin_singleton, name, 1);

    return drive_run(&workload_plugin_singleton, &context);
}

/* Both threads asleep for good is the circle: main in the join, the worker at the loader. */
static bool is_stuck(pid_t pid)
{
    time_t end = drive_seconds() + DRIVE_SECONDS / 2;
    char command[128];
    int asleep = 0;

    snprintf(command, sizeof command, "cat /proc/%d/task/*/syscall 2>/dev/null | grep -c '^202 '",
             (int)pid);
    while (asleep != 2 && drive_seconds() < end) {
        FILE *pipe = popen(command, "r");

        if (pipe == NULL || fscanf(pipe, "%d", &asleep) != 1)
            asleep = 0;
        if (pipe != NULL)
            pclose(pipe);
    }
    return asleep == 2;
}

static void test_late_signal_hangs(void)
{
    pid_t pid = drive_start(run_variant, (char *)"late-signal");

    CU_ASSERT_TRUE(is_stuck(pid));
    kill(pid, SIGKILL);
    CU_ASSERT_EQUAL(drive_status(pid), -SIGKILL);
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"clean for many seeds", test_clean_for_many_seeds},
        {"clean without a question", test_clean_without_a_question},
        {"a missing plug-in fails the set-up", test_missing_plugin_fails_the_setup},
        {"a late signal hangs", test_late_signal_hangs},
        CU_TEST_INFO_NULL,
    };

    return drive_suite("plugin-singleton", tests);
}
