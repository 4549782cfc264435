/*
 * lock-table: accounts, each under a lock of its own, and threads that move money between
 * them. Mutexes, rwlocks and spin locks guard one third each; the sum of all accounts never
 * changes while nobody is in the middle of a transfer.
 *
 * Locks are ranked by their index, spin locks last, so nobody blocks while he makes others
 * burn. Everybody locks plainly, the final check too: a survivor that waits for an orphaned
 * lock for ever is what this workload has to show, so nothing here may time out or try.
 * Source: catalogue rows A2, A4, A5.
 */
#include <harness/workload.h>
#include <workloads/crew.h>

#include <stddef.h>
#include <string.h>

enum {
    ROWS_HIGH = 24,   /* an audit holds all of them, and a lane can name 32 held locks */
    OPENING = 1000,   /* money in each account */
    AUDIT_EVERY = 16, /* operations, on average */
};

enum { THREADS, OPS, ROWS };

static const struct workload_parameter parameters[] = {
    [THREADS] = {"threads", "threads that move money", 4, 1, CREW_HIGH},
    [OPS] = {"ops", "transfers and audits by each thread per lap", 100, 1, 10000000},
    [ROWS] = {"rows", "accounts, each with its own lock", 12, 3, ROWS_HIGH},
    {.name = NULL},
};

enum variant { VARIANT_PLAIN, VARIANT_MUTEX, VARIANT_RWLOCK, VARIANT_SPIN };

static const struct workload_variant variants[] = {
    [VARIANT_PLAIN] = {.name = "plain",
                       .summary = "mutexes, rwlocks and spin locks, a third each",
                       .tolerates =
                           "thread-kill thread-suspend thread-cancel main-kill exit-nt-order"},
    [VARIANT_MUTEX] = {.name = "mutex",
                       .summary = "mutexes only: their owner's death leaves them locked",
                       .bad = true,
                       .codes = "lock.orphaned",
                       .injectors = "thread-kill"},
    [VARIANT_RWLOCK] = {.name = "rwlock",
                        .summary = "rwlocks only: a dead reader or writer leaves them locked",
                        .bad = true,
                        .codes = "lock.orphaned",
                        .injectors = "thread-kill"},
    [VARIANT_SPIN] = {.name = "spin",
                      .summary = "spin locks only: their owner's death leaves others burning",
                      .bad = true,
                      .codes = "lock.spin-orphaned",
                      .injectors = "thread-kill"},
    {.name = NULL},
};

enum kind { KIND_MUTEX, KIND_RWLOCK, KIND_SPIN, KINDS };

struct guard {
    enum kind kind;
    pthread_mutex_t mutex;
    pthread_rwlock_t rwlock;
    pthread_spinlock_t spin;
};

/* The accounts come first: a test spoils them through context->user. */
static struct {
    int64_t balance[ROWS_HIGH];
    struct guard guard[ROWS_HIGH]; /* guard[i] guards balance[i]; nests inside lower ones */
    const struct workload_context *context;
    uint32_t lap;
    unsigned rows;
    struct crew crew;
} table;

/* --- one lock ------------------------------------------------------------------------ */

static void expect_success(int error, const char *what)
{
    if (error != 0)
        workload_broken("lock-table: %s failed: %s", what, strerrorname_np(error));
}

static enum kind kind_of(unsigned row)
{
    switch (table.context->variant) {
    case VARIANT_MUTEX:
        return KIND_MUTEX;
    case VARIANT_RWLOCK:
        return KIND_RWLOCK;
    case VARIANT_SPIN:
        return KIND_SPIN;
    default:
        return (enum kind)(row * KINDS / table.rows);
    }
}

/* The types differ inside libc, so all of them are met. */
static int mutex_init(pthread_mutex_t *mutex, unsigned row)
{
    static const int types[] = {PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_RECURSIVE,
                                PTHREAD_MUTEX_ERRORCHECK, PTHREAD_MUTEX_ADAPTIVE_NP};
    pthread_mutexattr_t attributes;
    int error = pthread_mutexattr_init(&attributes);

    if (error != 0)
        return error;
    pthread_mutexattr_settype(&attributes, types[row % (sizeof types / sizeof types[0])]);
    error = pthread_mutex_init(mutex, &attributes);
    pthread_mutexattr_destroy(&attributes);
    return error;
}

static int guard_init(struct guard *guard, unsigned row)
{
    guard->kind = kind_of(row);
    if (guard->kind == KIND_MUTEX)
        return mutex_init(&guard->mutex, row);
    if (guard->kind == KIND_RWLOCK)
        return pthread_rwlock_init(&guard->rwlock, NULL);
    return pthread_spin_init(&guard->spin, PTHREAD_PROCESS_PRIVATE);
}

static void guard_destroy(struct guard *guard)
{
    if (guard->kind == KIND_MUTEX)
        expect_success(pthread_mutex_destroy(&guard->mutex), "pthread_mutex_destroy");
    else if (guard->kind == KIND_RWLOCK)
        expect_success(pthread_rwlock_destroy(&guard->rwlock), "pthread_rwlock_destroy");
    else
        expect_success(pthread_spin_destroy(&guard->spin), "pthread_spin_destroy");
}

static void lock_to_read(struct guard *guard)
{
    if (guard->kind == KIND_MUTEX)
        expect_success(pthread_mutex_lock(&guard->mutex), "pthread_mutex_lock");
    else if (guard->kind == KIND_RWLOCK)
        expect_success(pthread_rwlock_rdlock(&guard->rwlock), "pthread_rwlock_rdlock");
    else
        expect_success(pthread_spin_lock(&guard->spin), "pthread_spin_lock");
}

static void lock_to_write(struct guard *guard)
{
    if (guard->kind == KIND_RWLOCK)
        expect_success(pthread_rwlock_wrlock(&guard->rwlock), "pthread_rwlock_wrlock");
    else
        lock_to_read(guard);
}

static void unlock(struct guard *guard)
{
    if (guard->kind == KIND_MUTEX)
        expect_success(pthread_mutex_unlock(&guard->mutex), "pthread_mutex_unlock");
    else if (guard->kind == KIND_RWLOCK)
        expect_success(pthread_rwlock_unlock(&guard->rwlock), "pthread_rwlock_unlock");
    else
        expect_success(pthread_spin_unlock(&guard->spin), "pthread_spin_unlock");
}

/* --- what is done under them --------------------------------------------------------------- */

/* A transfer with nobody else between its halves; the site is where it is half done. */
static void transfer(unsigned from, unsigned to, int64_t amount)
{
    unsigned first = from < to ? from : to;
    unsigned second = from < to ? to : from;

    lock_to_write(&table.guard[first]);
    lock_to_write(&table.guard[second]);
    table.balance[from] -= amount;
    mark_site("commit");
    table.balance[to] += amount;
    unlock(&table.guard[second]);
    unlock(&table.guard[first]);
}

static void audit(void)
{
    int64_t wanted = (int64_t)table.rows * OPENING;
    int64_t sum = 0;

    for (unsigned row = 0; row < table.rows; row++) {
        lock_to_read(&table.guard[row]);
        sum += table.balance[row];
    }
    for (unsigned row = table.rows; row-- > 0;)
        unlock(&table.guard[row]);
    if (sum != wanted)
        workload_broken("lock-table: the accounts sum to %lld, not %lld", (long long)sum,
                        (long long)wanted);
}

static void operate(uint64_t *state)
{
    unsigned from = (unsigned)(workload_random(state) % table.rows);
    unsigned away = 1 + (unsigned)(workload_random(state) % (table.rows - 1));
    uint64_t number = workload_random(state);

    if (number % AUDIT_EVERY == 0)
        audit();
    else
        transfer(from, (from + away) % table.rows, 1 + (int64_t)(number >> 32) % OPENING);
}

static void *worker(void *argument)
{
    unsigned index = ((struct crew_member *)argument)->index;
    uint64_t state = workload_stream(table.context, (uint64_t)table.lap << 16 | index);

    for (int64_t op = 0; op < table.context->value[OPS]; op++)
        operate(&state);
    return NULL;
}

/* --- the workload ----------------------------------------------------------------------------- */

static int setup(struct workload_context *context)
{
    table.context = context;
    table.rows = (unsigned)context->value[ROWS];
    context->user = table.balance;
    for (unsigned row = 0; row < table.rows; row++) {
        table.balance[row] = OPENING;
        if (guard_init(&table.guard[row], row) != 0)
            return ERROR_SYSTEM;
    }
    return 0;
}

static void body(struct workload_context *context, uint32_t lap)
{
    table.lap = lap;
    crew_start(&table.crew, (unsigned)context->value[THREADS], worker);
    crew_join(&table.crew);
}

static void check(struct workload_context *context)
{
    (void)context;
    audit();
}

static void teardown(struct workload_context *context)
{
    (void)context;
    for (unsigned row = 0; row < table.rows; row++)
        guard_destroy(&table.guard[row]);
}

const struct workload workload_lock_table = {
    .name = "lock-table",
    .summary = "transfers between accounts under mutexes, rwlocks and spin locks",
    .source = "A2 A4 A5",
    .parameters = parameters,
    .variants = variants,
    .setup = setup,
    .body = body,
    .check = check,
    .teardown = teardown,
};
