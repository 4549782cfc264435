/*
 * Tests of module-cycle: with the real module nothing breaks and nothing stays loaded; a
 * module that is missing, empty or lying is found out. Linked with --wrap for the loader's
 * functions, which play those.
 */
#include <workloads/tests/drive.h>
#include <workloads/modules/worker.h>

#include <dlfcn.h>
#include <errno.h>

extern const struct workload workload_module_cycle;

static const char module_path[] = RUNDOWN_BUILD_DIR "/lib/rundown/modules/worker.so";

void *__real_dlopen(const char *, int);
void *__wrap_dlopen(const char *, int);
void *__real_dlsym(void *, const char *);
void *__wrap_dlsym(void *, const char *);
char *__real_dlerror(void);
char *__wrap_dlerror(void);

enum fault {
    FAULT_NONE,
    FAULT_NOT_LOADED,
    FAULT_MEMORY_IN_ERRNO, /* that there is none, as glibc says it at times */
    FAULT_MEMORY_IN_TEXT,  /* and at others */
    FAULT_NO_SYMBOL,
    FAULT_LIES
};

static enum fault fault;
static unsigned loads;

void *__wrap_dlopen(const char *path, int flags)
{
    loads++;
    errno = fault == FAULT_MEMORY_IN_ERRNO ? ENOMEM : errno;
    if (fault == FAULT_NOT_LOADED || fault == FAULT_MEMORY_IN_ERRNO ||
        fault == FAULT_MEMORY_IN_TEXT)
        return NULL;
    return __real_dlopen(path, flags);
}

char *__wrap_dlerror(void)
{
    static char in_text[] = "libx.so: cannot allocate memory for program header";
    static char in_errno[] = "libx.so: cannot create shared object descriptor";
    static char not_found[] = "libx.so: cannot open shared object file";

    if (fault == FAULT_MEMORY_IN_TEXT)
        return in_text;
    if (fault == FAULT_MEMORY_IN_ERRNO)
        return in_errno;
    return fault == FAULT_NOT_LOADED ? not_found : __real_dlerror();
}

static uint64_t lie(uint64_t question)
{
    return worker_answer(question) + 1;
}

void *__wrap_dlsym(void *handle, const char *name)
{
    if (fault == FAULT_NO_SYMBOL && strcmp(name, "worker_stop") == 0)
        return __real_dlsym(handle, "no_such_name");
    if (fault == FAULT_LIES && strcmp(name, "worker_use") == 0)
        return (void *)lie;
    return __real_dlsym(handle, name);
}

static bool is_loaded(void)
{
    return __real_dlopen(module_path, RTLD_NOW | RTLD_NOLOAD) != NULL;
}

static void test_clean_for_many_seeds(void)
{
    int before = drive_threads();
    struct workload_context standard = drive_context(&workload_module_cycle, NULL, 0);
    int index = workload_parameter_index(&workload_module_cycle, "loads");

    loads = 0;
    drive_clean_seeds(&workload_module_cycle, NULL, 10);
    CU_ASSERT_EQUAL(loads, 10 * 3 * standard.value[index]);
    CU_ASSERT_FALSE(is_loaded());
    CU_ASSERT_EQUAL(drive_threads_left(before), 0);
}

static void test_clean_at_the_edges_of_its_parameters(void)
{
    struct workload_context context = drive_context(&workload_module_cycle, NULL, 1);

    drive_set(&workload_module_cycle, &context, "loads", 50);
    drive_set(&workload_module_cycle, &context, "uses", 0);
    drive_clean(&workload_module_cycle, &context);
    CU_ASSERT_FALSE(is_loaded());
}

static void test_missing_module_fails_the_setup(void)
{
    struct workload_context context = drive_context(&workload_module_cycle, NULL, 1);

    context.module_dir = "/nonexistent";
    CU_ASSERT_EQUAL(workload_module_cycle.setup(&context), ERROR_NOT_FOUND);
}

static void test_endless_path_fails_the_setup(void)
{
    struct workload_context context = drive_context(&workload_module_cycle, NULL, 1);
    static char endless[8192];

    memset(endless, 'x', sizeof endless - 1);
    context.module_dir = endless;
    CU_ASSERT_EQUAL(workload_module_cycle.setup(&context), ERROR_RANGE);
}

/* Promises broken by one lap with one load and four uses. */
static int run_faulty(void *which)
{
    struct workload_context context = drive_context(&workload_module_cycle, NULL, 1);

    fault = *(enum fault *)which;
    drive_set(&workload_module_cycle, &context, "loads", 1);
    drive_set(&workload_module_cycle, &context, "uses", 4);
    return drive_run(&workload_module_cycle, &context);
}

static int broken_by(enum fault which)
{
    return drive_apart(run_faulty, &which);
}

static void test_faults_are_found_out(void)
{
    CU_ASSERT_EQUAL(broken_by(FAULT_NONE), 0);
    CU_ASSERT_EQUAL(broken_by(FAULT_NOT_LOADED), 1);
    CU_ASSERT_EQUAL(broken_by(FAULT_NO_SYMBOL), 1);
    CU_ASSERT_EQUAL(broken_by(FAULT_LIES), 4);
}

static void test_no_memory_breaks_no_promise(void)
{
    CU_ASSERT_EQUAL(broken_by(FAULT_MEMORY_IN_ERRNO), 0);
    CU_ASSERT_EQUAL(broken_by(FAULT_MEMORY_IN_TEXT), 0);
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"clean for many seeds", test_clean_for_many_seeds},
        {"clean at the edges of its parameters", test_clean_at_the_edges_of_its_parameters},
        {"a missing module fails the set-up", test_missing_module_fails_the_setup},
        {"an endless path fails the set-up", test_endless_path_fails_the_setup},
        {"faults are found out", test_faults_are_found_out},
        {"no memory breaks no promise", test_no_memory_breaks_no_promise},
        CU_TEST_INFO_NULL,
    };

    return drive_suite("module-cycle", tests);
}
