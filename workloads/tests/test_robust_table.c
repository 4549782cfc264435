/*
 * Tests of robust-table: threads die in the middle of transfers, at the worst place there is.
 * The twins that recover must come out whole, and the one that ignores EOWNERDEAD must not.
 * Linked with --wrap for pthread_mutex_init, to see what kind of mutex is made.
 */
#include <workloads/tests/drive.h>

#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>

extern const struct workload workload_robust_table;

static const char *const twins[] = {"plain", "process-shared", "pi"};
enum { TWINS = sizeof twins / sizeof twins[0] };

int __real_pthread_mutex_init(pthread_mutex_t *, const pthread_mutexattr_t *);
int __wrap_pthread_mutex_init(pthread_mutex_t *, const pthread_mutexattr_t *);

/* Of the mutex made last. */
static struct {
    int robust;
    int shared;
    int protocol;
} made;

int __wrap_pthread_mutex_init(pthread_mutex_t *mutex, const pthread_mutexattr_t *attributes)
{
    pthread_mutexattr_getrobust(attributes, &made.robust);
    pthread_mutexattr_getpshared(attributes, &made.shared);
    pthread_mutexattr_getprotocol(attributes, &made.protocol);
    return __real_pthread_mutex_init(mutex, attributes);
}

static pid_t first_process;

/* Shared, since the second process of a twin commits too. */
static struct {
    atomic_uint elsewhere; /* commits by another process than the one that set it up */
    atomic_uint commits;
    atomic_uint deaths;
} * shared;

static unsigned deadly_every; /* each so many commits the thread dies; 0: never */
enum { DEATHS = 3 };          /* of four threads */

void rundown_mark_site(const char *name)
{
    if (getpid() != first_process)
        atomic_fetch_add(&shared->elsewhere, 1);
    if (strcmp(name, "commit") != 0 || deadly_every == 0 ||
        (atomic_fetch_add(&shared->commits, 1) + 1) % deadly_every != 0)
        return;
    if (atomic_fetch_add(&shared->deaths, 1) < DEATHS)
        syscall(SYS_exit, 0);
}

static void test_clean_for_many_seeds(void)
{
    int before = drive_threads();

    for (unsigned i = 0; i < TWINS; i++)
        drive_clean_seeds(&workload_robust_table, twins[i], 15);
    CU_ASSERT_EQUAL(drive_threads_left(before), 0);
    CU_ASSERT_EQUAL(waitpid(-1, NULL, WNOHANG), -1);
}

static void check_made(const char *variant, int pshared, int protocol)
{
    struct workload_context context = drive_context(&workload_robust_table, variant, 1);

    atomic_store(&shared->elsewhere, 0);
    drive_clean(&workload_robust_table, &context);
    CU_ASSERT_EQUAL(made.robust, PTHREAD_MUTEX_ROBUST);
    CU_ASSERT_EQUAL(made.shared, pshared);
    CU_ASSERT_EQUAL(made.protocol, protocol);
}

static void test_each_variant_has_its_mutex(void)
{
    check_made("plain", PTHREAD_PROCESS_PRIVATE, PTHREAD_PRIO_NONE);
    check_made("pi", PTHREAD_PROCESS_PRIVATE, PTHREAD_PRIO_INHERIT);
    check_made("ignored", PTHREAD_PROCESS_PRIVATE, PTHREAD_PRIO_NONE);
    CU_ASSERT_EQUAL(atomic_load(&shared->elsewhere), 0);
    check_made("process-shared", PTHREAD_PROCESS_SHARED, PTHREAD_PRIO_NONE);
    CU_ASSERT_TRUE(atomic_load(&shared->elsewhere) > 0);
}

/* It only goes wrong when somebody dies. */
static void test_ignoring_is_clean_while_nobody_dies(void)
{
    drive_clean_seeds(&workload_robust_table, "ignored", 15);
}

static void test_clean_at_the_edges_of_its_parameters(void)
{
    for (unsigned i = 0; i < TWINS; i++) {
        struct workload_context context = drive_context(&workload_robust_table, twins[i], i);

        drive_set(&workload_robust_table, &context, "threads", i == 0 ? 64 : 1);
        drive_set(&workload_robust_table, &context, "ops", 3);
        drive_set(&workload_robust_table, &context, "groups", i == 0 ? 16 : 1);
        drive_clean(&workload_robust_table, &context);
    }
}

static int spoil(void *variant)
{
    struct workload_context context = drive_context(&workload_robust_table, variant, 1);
    unsigned broken;

    workload_robust_table.setup(&context);
    drive_laps(&workload_robust_table, &context);
    ++*(int64_t *)context.user;
    broken = workload_broken_count();
    drive_end(&workload_robust_table, &context);
    return broken == 0 && workload_broken_count() == 1;
}

static void test_wrong_sum_is_found_out(void)
{
    for (unsigned i = 0; i < TWINS; i++)
        CU_ASSERT_EQUAL(drive_apart(spoil, (char *)twins[i]), 1);
}

struct deadly_run {
    const char *variant;
    int64_t threads;
    uint64_t seed;
};

static int run_deadly(void *argument)
{
    const struct deadly_run *run = argument;
    struct workload_context context =
        drive_context(&workload_robust_table, run->variant, run->seed);

    drive_set(&workload_robust_table, &context, "threads", run->threads);
    first_process = getpid();
    deadly_every = 40 + (unsigned)run->seed;
    return drive_run(&workload_robust_table, &context) != 0;
}

/* How many of the seeds broke a promise; every one must have had its deaths. */
static int broken_of(const char *variant, int64_t threads, uint64_t seeds)
{
    unsigned deaths = threads < DEATHS ? (unsigned)threads : DEATHS;
    int broken = 0;

    for (uint64_t seed = 0; seed < seeds; seed++) {
        struct deadly_run run = {variant, threads, seed};
        int status;

        atomic_store(&shared->commits, 0);
        atomic_store(&shared->deaths, 0);
        status = drive_apart(run_deadly, &run);
        CU_ASSERT_TRUE(status == 0 || status == 1);
        CU_ASSERT_TRUE(atomic_load(&shared->deaths) >= deaths);
        broken += status == 1;
    }
    return broken;
}

static void test_recovery_survives_every_death(void)
{
    if (DRIVE_TSAN)
        return;
    for (unsigned i = 0; i < TWINS; i++)
        CU_ASSERT_EQUAL(broken_of(twins[i], 4, 20), 0);
}

/* One thread, for certainty: where more go in unlocked, their errors might cancel out. */
static void test_ignored_deaths_are_found_out(void)
{
    if (DRIVE_TSAN)
        return;
    CU_ASSERT_EQUAL(broken_of("ignored", 1, 20), 20);
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"clean for many seeds", test_clean_for_many_seeds},
        {"each variant has its mutex", test_each_variant_has_its_mutex},
        {"ignoring is clean while nobody dies", test_ignoring_is_clean_while_nobody_dies},
        {"clean at the edges of its parameters", test_clean_at_the_edges_of_its_parameters},
        {"a wrong sum is found out", test_wrong_sum_is_found_out},
        {"recovery survives every death", test_recovery_survives_every_death},
        {"ignored deaths are found out", test_ignored_deaths_are_found_out},
        CU_TEST_INFO_NULL,
    };

    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        return 1;
    first_process = getpid();
    return drive_suite("robust-table", tests);
}
