/*
 * drive.h: runs one workload's functions as the runner does, for its test; and runs what must
 * break, or may hang, in a process apart.
 *
 * Includes CUnit and defines statics: one test program, one inclusion.
 */
#ifndef WORKLOADS_TESTS_DRIVE_H
#define WORKLOADS_TESTS_DRIVE_H

#include <harness/common/workload.h>

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <CUnit/Basic.h>

/* Patience of every wait; only a failing test ever uses it up. */
enum { DRIVE_SECONDS = 60 };

static const char drive_modules[] = RUNDOWN_BUILD_DIR "/lib/rundown/modules";

static inline int drive_variant(const struct workload *workload, const char *name)
{
    for (int i = 0; workload->variants != NULL && workload->variants[i].name != NULL; i++)
        if (strcmp(workload->variants[i].name, name) == 0)
            return i;
    fprintf(stderr, "%s has no variant %s\n", workload->name, name);
    abort();
}

/** drive_context() - a context with the standard values; @variant NULL is the default one. */
static inline struct workload_context drive_context(const struct workload *workload,
                                                    const char *variant, uint64_t seed)
{
    struct workload_context context = {.seed = seed, .laps = 1, .module_dir = drive_modules};

    if (variant != NULL)
        context.variant = drive_variant(workload, variant);
    for (int i = 0; workload->parameters[i].name != NULL; i++)
        context.value[i] = workload->parameters[i].standard;
    return context;
}

static inline void drive_set(const struct workload *workload, struct workload_context *context,
                             const char *name, int64_t value)
{
    int index = workload_parameter_index(workload, name);

    if (index < 0) {
        fprintf(stderr, "%s has no parameter %s\n", workload->name, name);
        abort();
    }
    context->value[index] = value;
}

static inline void drive_laps(const struct workload *workload, struct workload_context *context)
{
    for (uint32_t lap = 0; lap < context->laps; lap++) {
        workload->body(context, lap);
        if (workload->quiesce != NULL)
            workload->quiesce(context);
    }
}

static inline void drive_end(const struct workload *workload, struct workload_context *context)
{
    if (workload->check != NULL)
        workload->check(context);
    if (workload->teardown != NULL)
        workload->teardown(context);
}

/** drive_run() - a whole cycle; returns how many promises broke, -1 if it was not set up. */
static inline int drive_run(const struct workload *workload, struct workload_context *context)
{
    unsigned before = workload_broken_count();

    if (workload->setup != NULL && workload->setup(context) != 0)
        return -1;
    drive_laps(workload, context);
    drive_end(workload, context);
    return (int)(workload_broken_count() - before);
}

/** drive_clean() - asserts a cycle without a broken promise; says how to have it again. */
static inline void drive_clean(const struct workload *workload, struct workload_context *context)
{
    int broken = drive_run(workload, context);

    if (broken != 0)
        fprintf(stderr, "\n%s: variant %d seed=%#llx: %d promises broken\n", workload->name,
                context->variant, (unsigned long long)context->seed, broken);
    CU_ASSERT_EQUAL(broken, 0);
}

/** drive_clean_seeds() - drive_clean() for seeds 0 to @seeds - 1, three laps each. */
static inline void drive_clean_seeds(const struct workload *workload, const char *variant,
                                     uint64_t seeds)
{
    for (uint64_t seed = 0; seed < seeds; seed++) {
        struct workload_context context = drive_context(workload, variant, seed);

        context.laps = 3;
        drive_clean(workload, &context);
    }
}

/*
 * ThreadSanitizer cannot follow a thread that dies by a raw system call, and calls one that
 * runs at exit a leak: cases that live by either are left out under it.
 */
#ifdef __SANITIZE_THREAD__
enum { DRIVE_TSAN = 1 };
#else
enum { DRIVE_TSAN = 0 };
#endif

/* --- threads ------------------------------------------------------------------------- */

static inline time_t drive_seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

/** drive_threads() - threads of this process, as the kernel counts them. */
static inline int drive_threads(void)
{
    DIR *tasks = opendir("/proc/self/task");
    int count = 0;

    while (tasks != NULL && readdir(tasks) != NULL)
        count++;
    if (tasks != NULL)
        closedir(tasks);
    return count - 2;
}

/** drive_threads_left() - what is left above @before once those that are leaving have left. */
static inline int drive_threads_left(int before)
{
    time_t end = drive_seconds() + DRIVE_SECONDS;

    while (drive_threads() > before && drive_seconds() < end)
        sched_yield();
    return drive_threads() - before;
}

/* --- a process apart ------------------------------------------------------------------- */

/** drive_start() - runs @job in a process of its own, whose status is what @job returns.
 * Its standard error, where broken promises are complained of, goes nowhere. */
static inline pid_t drive_start(int (*job)(void *), void *argument)
{
    pid_t pid;

    fflush(NULL); /* or the child prints it again when it calls exit() */
    pid = fork();
    if (pid == 0) {
        int nowhere = open("/dev/null", O_WRONLY);

        dup2(nowhere, STDERR_FILENO);
        alarm(DRIVE_SECONDS);
        _exit(job(argument));
    }
    return pid;
}

/** drive_status() - exit status of @pid, or minus the signal that it died of. */
static inline int drive_status(pid_t pid)
{
    int status = 0;

    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        return -1000;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/** drive_apart() - both. */
static inline int drive_apart(int (*job)(void *), void *argument)
{
    return drive_status(drive_start(job, argument));
}

static inline void *drive_nothing(void *argument)
{
    return argument;
}

/* A sanitizer adds a thread of its own when the first one is made: let it, before we count. */
static inline void drive_warm_up(void)
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, drive_nothing, NULL) == 0)
        pthread_join(thread, NULL);
}

/** drive_suite() - runs @tests and gives main's exit status. */
static inline int drive_suite(const char *name, CU_TestInfo *tests)
{
    CU_SuiteInfo suites[] = {{name, NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};
    unsigned failures;

    if (CU_initialize_registry() != CUE_SUCCESS || CU_register_suites(suites) != CUE_SUCCESS)
        return 1;
    drive_warm_up();
    CU_basic_set_mode(CU_BRM_VERBOSE);
    CU_basic_run_tests();
    failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures != 0;
}

#endif
