/*
 * robust-table: groups of accounts, each group under one robust mutex with a journal beside
 * it. Whoever gets EOWNERDEAD rolls the dead owner's transfer back before he calls the mutex
 * consistent, so the sum of a group holds whoever dies, and wherever.
 *
 * The journal is what makes that true: it says what the accounts were before the first write
 * to them, and it is closed after the last. The order of those writes is the point of the
 * file; the fences keep the compiler to it, and the kernel's release of a dead owner's mutex
 * makes it seen elsewhere. Rolling back twice does no harm, since he who does it may die too.
 *
 * The table lies in shared memory, and under `process-shared` a second process works on it.
 * Source: catalogue row A3.
 */
#include <harness/workload.h>
#include <workloads/crew.h>

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { GROUPS_HIGH = 16, ACCOUNTS = 4, OPENING = 1000 };

enum { THREADS, OPS, GROUPS };

static const struct workload_parameter parameters[] = {
    [THREADS] = {"threads", "threads that move money", 4, 1, CREW_HIGH},
    [OPS] = {"ops", "transfers by each thread per lap", 200, 1, 10000000},
    [GROUPS] = {"groups", "groups of accounts, each with its own mutex", 4, 1, GROUPS_HIGH},
    {.name = NULL},
};

enum variant { VARIANT_PLAIN, VARIANT_SHARED, VARIANT_PI, VARIANT_IGNORED };

/* A worker's death is survived here. A worker that stands still for ever is not, nor the death
 * of main while it creates a thread: both leave something held that knows no EOWNERDEAD. */
#define TOLERATED "thread-suspend main-kill"

static const struct workload_variant variants[] = {
    [VARIANT_PLAIN] = {.name = "plain",
                       .summary = "private robust mutexes, recovered as they should be",
                       .tolerates = TOLERATED},
    [VARIANT_SHARED] = {.name = "process-shared",
                        .summary = "the same between two processes",
                        .tolerates = TOLERATED},
    [VARIANT_PI] = {.name = "pi",
                    .summary = "the same with priority inheritance",
                    .tolerates = TOLERATED},
    [VARIANT_IGNORED] = {.name = "ignored",
                         .summary = "EOWNERDEAD is taken for success, and nothing is repaired",
                         .bad = true,
                         .codes = "lock.owner-died-ignored state.invariant",
                         .injectors = "thread-kill"},
    {.name = NULL},
};

/* @open: a transfer is under way, and the rest says what it found. */
struct journal {
    int open;
    unsigned from;
    unsigned to;
    int64_t from_before;
    int64_t to_before;
};

/* The accounts come first: a test spoils them through context->user. */
struct group {
    int64_t balance[ACCOUNTS];
    struct journal journal;
    pthread_mutex_t mutex; /* guards all of the group; nothing nests inside */
};

static struct {
    const struct workload_context *context;
    uint32_t lap;
    struct group *group; /* shared memory */
    unsigned groups;
    pid_t other; /* the second process, 0 if there is none */
    struct crew crew;
} table;

static void in_order(void)
{
    atomic_signal_fence(memory_order_seq_cst);
}

/* --- the mutex ---------------------------------------------------------------------------- */

static void expect_success(int error, const char *what)
{
    if (error != 0)
        workload_broken("robust-table: %s failed: %s", what, strerrorname_np(error));
}

static int mutex_attributes(pthread_mutexattr_t *attributes, int variant)
{
    int error = pthread_mutexattr_setrobust(attributes, PTHREAD_MUTEX_ROBUST);

    if (error == 0 && variant == VARIANT_SHARED)
        error = pthread_mutexattr_setpshared(attributes, PTHREAD_PROCESS_SHARED);
    if (error == 0 && variant == VARIANT_PI)
        error = pthread_mutexattr_setprotocol(attributes, PTHREAD_PRIO_INHERIT);
    return error;
}

static int mutex_init(pthread_mutex_t *mutex, int variant)
{
    pthread_mutexattr_t attributes;
    int error = pthread_mutexattr_init(&attributes);

    if (error != 0)
        return error;
    error = mutex_attributes(&attributes, variant);
    if (error == 0)
        error = pthread_mutex_init(mutex, &attributes);
    pthread_mutexattr_destroy(&attributes);
    return error;
}

static void roll_back(struct group *group)
{
    struct journal *journal = &group->journal;

    if (!journal->open)
        return;
    group->balance[journal->from] = journal->from_before;
    group->balance[journal->to] = journal->to_before;
    in_order();
    journal->open = 0;
    in_order();
}

static void lock(struct group *group)
{
    int error = pthread_mutex_lock(&group->mutex);

    if (error == EOWNERDEAD) {
        roll_back(group);
        error = pthread_mutex_consistent(&group->mutex);
    }
    expect_success(error, "pthread_mutex_lock");
}

static void unlock(struct group *group)
{
    expect_success(pthread_mutex_unlock(&group->mutex), "pthread_mutex_unlock");
}

/* The bad variant: as if the two calls could not fail. After the first such unlock the mutex
 * is not recoverable, and everybody goes in unlocked. */
static void lock_blindly(struct group *group)
{
    (void)pthread_mutex_lock(&group->mutex);
}

static void unlock_blindly(struct group *group)
{
    (void)pthread_mutex_unlock(&group->mutex);
}

static bool is_blind(void)
{
    return table.context->variant == VARIANT_IGNORED;
}

static void enter(struct group *group)
{
    if (is_blind())
        lock_blindly(group);
    else
        lock(group);
}

static void leave(struct group *group)
{
    if (is_blind())
        unlock_blindly(group);
    else
        unlock(group);
}

/* --- what is done under it ---------------------------------------------------------------------
 */

static void transfer(struct group *group, unsigned from, unsigned to, int64_t amount)
{
    struct journal *journal = &group->journal;

    journal->from = from;
    journal->to = to;
    journal->from_before = group->balance[from];
    journal->to_before = group->balance[to];
    in_order();
    journal->open = 1;
    in_order();
    group->balance[from] -= amount;
    in_order();
    mark_site("commit");
    group->balance[to] += amount;
    in_order();
    journal->open = 0;
}

static int64_t sum_of(const struct group *group)
{
    int64_t sum = 0;

    for (unsigned account = 0; account < ACCOUNTS; account++)
        sum += group->balance[account];
    return sum;
}

static void operate(uint64_t *state)
{
    struct group *group = &table.group[workload_random(state) % table.groups];
    unsigned from = (unsigned)(workload_random(state) % ACCOUNTS);
    unsigned away = 1 + (unsigned)(workload_random(state) % (ACCOUNTS - 1));
    int64_t amount = 1 + (int64_t)(workload_random(state) % OPENING);

    enter(group);
    transfer(group, from, (from + away) % ACCOUNTS, amount);
    leave(group);
}

static void work(unsigned index)
{
    uint64_t state = workload_stream(table.context, (uint64_t)table.lap << 16 | index);

    for (int64_t op = 0; op < table.context->value[OPS]; op++)
        operate(&state);
}

static void *worker(void *argument)
{
    work(((struct crew_member *)argument)->index);
    return NULL;
}

/* The second process. It must not outlive the first, whatever becomes of that. */
static pid_t start_other(void)
{
    pid_t first = getpid();
    pid_t pid = fork();

    if (pid != 0)
        return pid > 0 ? pid : 0;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() == first)
        work(CREW_HIGH);
    _exit(0);
}

/* --- the workload -------------------------------------------------------------------------------
 */

static int group_init(struct group *group, int variant)
{
    for (unsigned account = 0; account < ACCOUNTS; account++)
        group->balance[account] = OPENING;
    return mutex_init(&group->mutex, variant) == 0 ? 0 : ERROR_SYSTEM;
}

static int setup(struct workload_context *context)
{
    int error = 0;
    void *memory = mmap(NULL, sizeof(struct group) * GROUPS_HIGH, PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED)
        return ERROR_MEMORY;
    table.context = context;
    table.group = memory;
    table.groups = (unsigned)context->value[GROUPS];
    table.other = 0;
    context->user = memory;
    for (unsigned i = 0; i < table.groups && error == 0; i++)
        error = group_init(&table.group[i], context->variant);
    return error;
}

static void body(struct workload_context *context, uint32_t lap)
{
    table.lap = lap;
    table.other = context->variant == VARIANT_SHARED ? start_other() : 0;
    crew_start(&table.crew, (unsigned)context->value[THREADS], worker);
    crew_join(&table.crew);
}

static void quiesce(struct workload_context *context)
{
    (void)context;
    while (table.other != 0 && waitpid(table.other, NULL, 0) < 0 && errno == EINTR)
        continue;
    table.other = 0;
}

static void check_group(struct group *group)
{
    int64_t wanted = ACCOUNTS * OPENING;
    int64_t sum;

    enter(group);
    sum = sum_of(group);
    leave(group);
    if (sum != wanted)
        workload_broken("robust-table: a group sums to %lld, not %lld", (long long)sum,
                        (long long)wanted);
}

static void check(struct workload_context *context)
{
    (void)context;
    for (unsigned i = 0; i < table.groups; i++)
        check_group(&table.group[i]);
}

static void teardown(struct workload_context *context)
{
    (void)context;
    for (unsigned i = 0; i < table.groups; i++)
        pthread_mutex_destroy(&table.group[i].mutex);
    munmap(table.group, sizeof(struct group) * GROUPS_HIGH);
}

const struct workload workload_robust_table = {
    .name = "robust-table",
    .summary = "transfers under robust mutexes, rolled back when their owner dies",
    .source = "A3",
    .parameters = parameters,
    .variants = variants,
    .setup = setup,
    .body = body,
    .quiesce = quiesce,
    .check = check,
    .teardown = teardown,
};
