/*
 * Tests of lock-table: clean with every kind of lock, a sum that is off is found out, and a
 * lock whose owner died stays locked: the others wait for it, in the kernel, without a limit.
 * Linked with --wrap for the locking functions, to count them, and because nobody can wait for
 * a spin lock and be seen.
 */
#include <workloads/tests/drive.h>

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/syscall.h>

extern const struct workload workload_lock_table;

int __real_pthread_mutex_lock(pthread_mutex_t *);
int __wrap_pthread_mutex_lock(pthread_mutex_t *);
int __real_pthread_rwlock_rdlock(pthread_rwlock_t *);
int __wrap_pthread_rwlock_rdlock(pthread_rwlock_t *);
int __real_pthread_rwlock_wrlock(pthread_rwlock_t *);
int __wrap_pthread_rwlock_wrlock(pthread_rwlock_t *);
int __real_pthread_spin_lock(pthread_spinlock_t *);
int __wrap_pthread_spin_lock(pthread_spinlock_t *);

enum { MUTEX = 1, READ = 2, WRITE = 4, SPIN = 8 };
static atomic_uint kinds; /* that were locked, as bits */

enum { STATUS_WOULD_BURN = 42 };

static bool alone; /* nobody is left who could unlock what is locked */
static atomic_uint commits;
static unsigned deadly; /* commit at which the thread dies, 0: none */

void rundown_mark_site(const char *name)
{
    if (strcmp(name, "commit") == 0 && atomic_fetch_add(&commits, 1) + 1 == deadly)
        syscall(SYS_exit, 0);
}

int __wrap_pthread_mutex_lock(pthread_mutex_t *lock)
{
    atomic_fetch_or(&kinds, MUTEX);
    return __real_pthread_mutex_lock(lock);
}

int __wrap_pthread_rwlock_rdlock(pthread_rwlock_t *lock)
{
    atomic_fetch_or(&kinds, READ);
    return __real_pthread_rwlock_rdlock(lock);
}

int __wrap_pthread_rwlock_wrlock(pthread_rwlock_t *lock)
{
    atomic_fetch_or(&kinds, WRITE);
    return __real_pthread_rwlock_wrlock(lock);
}

int __wrap_pthread_spin_lock(pthread_spinlock_t *lock)
{
    atomic_fetch_or(&kinds, SPIN);
    if (alone && pthread_spin_trylock(lock) != 0)
        _exit(STATUS_WOULD_BURN);
    return alone ? 0 : __real_pthread_spin_lock(lock);
}

static void test_clean_for_many_seeds(void)
{
    static const char *const variants[] = {"plain", "mutex", "rwlock", "spin"};
    int before = drive_threads();

    for (unsigned i = 0; i < sizeof variants / sizeof variants[0]; i++)
        drive_clean_seeds(&workload_lock_table, variants[i], 10);
    CU_ASSERT_EQUAL(drive_threads_left(before), 0);
}

static unsigned kinds_of(const char *variant)
{
    struct workload_context context = drive_context(&workload_lock_table, variant, 1);

    atomic_store(&kinds, 0);
    drive_clean(&workload_lock_table, &context);
    return atomic_load(&kinds);
}

static void test_each_variant_uses_its_locks(void)
{
    CU_ASSERT_EQUAL(kinds_of("plain"), MUTEX | READ | WRITE | SPIN);
    CU_ASSERT_EQUAL(kinds_of("mutex"), MUTEX);
    CU_ASSERT_EQUAL(kinds_of("rwlock"), READ | WRITE);
    CU_ASSERT_EQUAL(kinds_of("spin"), SPIN);
}

static void test_clean_at_the_edges_of_its_parameters(void)
{
    static const int64_t edges[][3] = {{1, 100, 3}, {64, 3, 24}, {2, 1, 4}};

    for (unsigned i = 0; i < sizeof edges / sizeof edges[0]; i++) {
        struct workload_context context = drive_context(&workload_lock_table, NULL, i);

        drive_set(&workload_lock_table, &context, "threads", edges[i][0]);
        drive_set(&workload_lock_table, &context, "ops", edges[i][1]);
        drive_set(&workload_lock_table, &context, "rows", edges[i][2]);
        drive_clean(&workload_lock_table, &context);
    }
}

static unsigned commits_with(uint64_t seed)
{
    struct workload_context context = drive_context(&workload_lock_table, NULL, seed);

    atomic_store(&commits, 0);
    drive_clean(&workload_lock_table, &context);
    return atomic_load(&commits);
}

static void test_transfers_depend_on_the_seed_alone(void)
{
    unsigned first = commits_with(1);
    unsigned others = 0;

    CU_ASSERT_TRUE(first > 0);
    CU_ASSERT_EQUAL(commits_with(1), first);
    for (uint64_t seed = 2; seed < 10; seed++)
        others += commits_with(seed) != first;
    CU_ASSERT_TRUE(others > 0);
}

static int spoil(void *ops)
{
    struct workload_context context = drive_context(&workload_lock_table, NULL, 1);
    unsigned broken;

    drive_set(&workload_lock_table, &context, "ops", *(int64_t *)ops);
    workload_lock_table.setup(&context);
    drive_laps(&workload_lock_table, &context);
    ++*(int64_t *)context.user;
    broken = workload_broken_count();
    drive_end(&workload_lock_table, &context);
    return broken == 0 && workload_broken_count() == 1;
}

static void test_wrong_sum_is_found_out_at_the_end(void)
{
    int64_t ops = 100;

    CU_ASSERT_EQUAL(drive_apart(spoil, &ops), 1);
}

static int spoil_before(void *unused)
{
    struct workload_context context = drive_context(&workload_lock_table, NULL, 1);

    (void)unused;
    workload_lock_table.setup(&context);
    ++*(int64_t *)context.user;
    drive_laps(&workload_lock_table, &context);
    return workload_broken_count() > 0;
}

static void test_wrong_sum_is_found_out_under_way(void)
{
    CU_ASSERT_EQUAL(drive_apart(spoil_before, NULL), 1);
}

/* --- the orphaned lock ----------------------------------------------------------------- */

static int run_deadly(void *variant)
{
    struct workload_context context = drive_context(&workload_lock_table, variant, 1);

    deadly = 5;
    atomic_store(&commits, 0);
    return drive_run(&workload_lock_table, &context);
}

/* A thread in futex() without a time limit: number, word, operation, value, no timeout. */
static bool waits_for_ever(pid_t pid, const char *task, char *line, size_t size)
{
    char path[300];
    unsigned long number = 0;
    unsigned long timeout = 1;
    FILE *file;

    snprintf(path, sizeof path, "/proc/%d/task/%s/syscall", (int)pid, task);
    file = fopen(path, "r");
    line[0] = '\0';
    if (file == NULL)
        return false;
    if (fgets(line, (int)size, file) != NULL)
        sscanf(line, "%lu %*x %*x %*x %lx", &number, &timeout);
    fclose(file);
    return number == SYS_futex && timeout == 0;
}

/* Appends every thread's line to @picture; true if all of them wait for ever. */
static bool all_wait(pid_t pid, char *picture, size_t size)
{
    char path[64];
    struct dirent *entry;
    bool all = true;
    DIR *tasks;

    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    tasks = opendir(path);
    picture[0] = '\0';
    while (tasks != NULL && (entry = readdir(tasks)) != NULL) {
        char line[256];

        if (entry->d_name[0] == '.')
            continue;
        all = waits_for_ever(pid, entry->d_name, line, sizeof line) && all;
        if (strlen(picture) + strlen(line) + 1 < size)
            strcat(picture, line);
    }
    if (tasks != NULL)
        closedir(tasks);
    return all && tasks != NULL;
}

/* Two pictures alike, with everybody in a wait that only another of them could end. */
static bool hangs(pid_t pid)
{
    time_t end = drive_seconds() + DRIVE_SECONDS / 2;
    char before[4096];
    char after[4096];

    while (drive_seconds() < end) {
        if (all_wait(pid, before, sizeof before) && all_wait(pid, after, sizeof after) &&
            before[0] != '\0' && strcmp(before, after) == 0)
            return true;
        sched_yield();
    }
    return false;
}

static void check_hangs(char *variant)
{
    pid_t pid;

    if (DRIVE_TSAN)
        return;
    pid = drive_start(run_deadly, variant);
    CU_ASSERT_TRUE(hangs(pid));
    kill(pid, SIGKILL);
    CU_ASSERT_EQUAL(drive_status(pid), -SIGKILL);
}

static void test_dead_owner_leaves_a_mutex_locked(void)
{
    check_hangs("mutex");
}

static void test_dead_owner_leaves_a_rwlock_locked(void)
{
    check_hangs("rwlock");
}

static int run_spinning(void *deadly_commit)
{
    struct workload_context context = drive_context(&workload_lock_table, "spin", 1);

    atomic_store(&commits, 0);
    deadly = *(unsigned *)deadly_commit;
    drive_set(&workload_lock_table, &context, "threads", 1);
    workload_lock_table.setup(&context);
    drive_laps(&workload_lock_table, &context);
    alone = true;
    drive_end(&workload_lock_table, &context);
    return (int)workload_broken_count();
}

static void test_dead_owner_leaves_a_spin_lock_locked(void)
{
    unsigned never = 0;
    unsigned fifth = 5;

    if (DRIVE_TSAN)
        return;
    CU_ASSERT_EQUAL(drive_apart(run_spinning, &never), 0);
    CU_ASSERT_EQUAL(drive_apart(run_spinning, &fifth), STATUS_WOULD_BURN);
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"clean for many seeds", test_clean_for_many_seeds},
        {"each variant uses its locks", test_each_variant_uses_its_locks},
        {"clean at the edges of its parameters", test_clean_at_the_edges_of_its_parameters},
        {"transfers depend on the seed alone", test_transfers_depend_on_the_seed_alone},
        {"a wrong sum is found out at the end", test_wrong_sum_is_found_out_at_the_end},
        {"a wrong sum is found out under way", test_wrong_sum_is_found_out_under_way},
        {"a dead owner leaves a mutex locked", test_dead_owner_leaves_a_mutex_locked},
        {"a dead owner leaves a rwlock locked", test_dead_owner_leaves_a_rwlock_locked},
        {"a dead owner leaves a spin lock locked", test_dead_owner_leaves_a_spin_lock_locked},
        CU_TEST_INFO_NULL,
    };

    return drive_suite("lock-table", tests);
}
