/*
 * Tests of thread-churn: clean by every way, and a handler that does not run, a destructor
 * that does not run and a result that gets lost are each found out. Linked with --wrap for
 * pthread_setspecific and pthread_join, which play the faults, and pthread_detach, to count.
 */
#include <workloads/tests/drive.h>

#include <pthread.h>
#include <stdatomic.h>
#include <sys/syscall.h>

extern const struct workload workload_thread_churn;

int __real_pthread_setspecific(pthread_key_t, const void *);
int __wrap_pthread_setspecific(pthread_key_t, const void *);
int __real_pthread_join(pthread_t, void **);
int __wrap_pthread_join(pthread_t, void **);
int __real_pthread_detach(pthread_t);
int __wrap_pthread_detach(pthread_t);

enum fault { FAULT_NONE, FAULT_LOST_VALUE, FAULT_LOST_RESULT, FAULT_KILLED };

static enum fault fault;
static unsigned joined;
static unsigned detached;

int __wrap_pthread_detach(pthread_t thread)
{
    detached++;
    return __real_pthread_detach(thread);
}

int __wrap_pthread_setspecific(pthread_key_t key, const void *value)
{
    return fault == FAULT_LOST_VALUE ? 0 : __real_pthread_setspecific(key, value);
}

int __wrap_pthread_join(pthread_t thread, void **result)
{
    int error = __real_pthread_join(thread, result);

    joined++;
    if (fault == FAULT_LOST_RESULT)
        *result = NULL;
    return error;
}

void rundown_mark_site(const char *name)
{
    if (fault == FAULT_KILLED && strcmp(name, "armed") == 0)
        syscall(SYS_exit, 0);
}

static void test_clean_for_many_seeds(void)
{
    int before = drive_threads();

    drive_clean_seeds(&workload_thread_churn, NULL, 20);
    CU_ASSERT_EQUAL(drive_threads_left(before), 0);
}

static void test_clean_at_the_edges_of_its_parameters(void)
{
    int before = drive_threads();

    for (int64_t threads = 1; threads <= 64; threads = threads * 2) {
        struct workload_context context = drive_context(&workload_thread_churn, NULL, 0);

        drive_set(&workload_thread_churn, &context, "threads", threads);
        drive_set(&workload_thread_churn, &context, "rounds", 5);
        drive_clean(&workload_thread_churn, &context);
    }
    CU_ASSERT_EQUAL(drive_threads_left(before), 0);
}

/* Of the seven ways, five end in a join, one in a detach, and one needs neither. */
static void test_every_thread_is_let_go_of(void)
{
    struct workload_context context = drive_context(&workload_thread_churn, NULL, 0);

    joined = detached = 0;
    drive_set(&workload_thread_churn, &context, "threads", 14);
    drive_set(&workload_thread_churn, &context, "rounds", 3);
    drive_clean(&workload_thread_churn, &context);
    CU_ASSERT_EQUAL(joined, 2 * 3 * 5);
    CU_ASSERT_EQUAL(detached, 2 * 3);
}

struct faulty_run {
    enum fault fault;
    int64_t threads; /* the first ways: 1 return, 2 and pthread_exit, 5 and the cancelled ones */
};

/* Promises broken by one round. */
static int run_faulty(void *argument)
{
    const struct faulty_run *run = argument;
    struct workload_context context = drive_context(&workload_thread_churn, NULL, 1);

    fault = run->fault;
    drive_set(&workload_thread_churn, &context, "threads", run->threads);
    drive_set(&workload_thread_churn, &context, "rounds", 1);
    return drive_run(&workload_thread_churn, &context);
}

static int broken_by(enum fault which, int64_t threads)
{
    struct faulty_run run = {which, threads};

    return drive_apart(run_faulty, &run);
}

static void test_nothing_is_found_where_nothing_is_wrong(void)
{
    CU_ASSERT_EQUAL(broken_by(FAULT_NONE, 7), 0);
}

static void test_lost_destructor_is_found_out_for_each_way(void)
{
    CU_ASSERT_EQUAL(broken_by(FAULT_LOST_VALUE, 5), 5);
}

static void test_lost_result_is_found_out_for_each_way(void)
{
    CU_ASSERT_EQUAL(broken_by(FAULT_LOST_RESULT, 5), 5);
}

/* Its handler and its destructor are lost; its result is whatever lay in its place. */
static void test_killed_thread_is_found_out(void)
{
    if (DRIVE_TSAN)
        return;
    CU_ASSERT_TRUE(broken_by(FAULT_KILLED, 1) >= 2);
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"clean for many seeds", test_clean_for_many_seeds},
        {"clean at the edges of its parameters", test_clean_at_the_edges_of_its_parameters},
        {"every thread is let go of", test_every_thread_is_let_go_of},
        {"nothing is found where nothing is wrong", test_nothing_is_found_where_nothing_is_wrong},
        {"a lost destructor is found out for each way",
         test_lost_destructor_is_found_out_for_each_way},
        {"a lost result is found out for each way", test_lost_result_is_found_out_for_each_way},
        {"a killed thread is found out", test_killed_thread_is_found_out},
        CU_TEST_INFO_NULL,
    };

#ifdef __SANITIZE_ADDRESS__
    /* A cancelled thread leaves its stack's shadow poisoned, and the next one inherits it. */
    return 77;
#endif
    return drive_suite("thread-churn", tests);
}
