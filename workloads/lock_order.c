/*
 * lock-order: two threads that need the same two locks, and one that calls a stranger's code
 * with its own lock held. Nothing is left to chance: in `inverted` each thread has its first lock
 * before either asks for its second one, in `taking-turns` one has given both back by then.
 * Source: catalogue rows F1, F2; SS (ranked locks; no calls out with a lock held).
 */
#include <harness/workload.h>
#include <workloads/crew.h>

enum { ROUNDS };

static const struct workload_parameter parameters[] = {
    [ROUNDS] = {"rounds", "times that both locks are taken per lap", 10, 1, 1000000},
    {.name = NULL},
};

enum variant {
    VARIANT_RANKED,
    VARIANT_DROPPED,
    VARIANT_INVERTED,
    VARIANT_REENTERED,
    VARIANT_TAKING_TURNS,
};

#define TOLERATED "thread-kill thread-suspend thread-cancel main-kill exit-nt-order"

static const struct workload_variant variants[] = {
    [VARIANT_RANKED] = {.name = "ranked",
                        .summary = "both threads take the locks in one order",
                        .tolerates = TOLERATED},
    [VARIANT_DROPPED] = {.name = "dropped",
                         .summary = "the lock is dropped before the callback is called",
                         .tolerates = TOLERATED},
    [VARIANT_INVERTED] = {.name = "inverted",
                          .summary = "each thread has one lock, and asks for the other's",
                          .bad = true,
                          .codes = "lock.deadlock",
                          .injectors = ""},
    [VARIANT_REENTERED] = {.name = "reentered",
                           .summary = "a callback comes back for the lock that is held around it",
                           .bad = true,
                           .codes = "lock.deadlock",
                           .injectors = ""},
    [VARIANT_TAKING_TURNS] = {.name = "taking-turns",
                              .summary = "out of order one after the other, so that nothing hangs",
                              .bad = true,
                              .codes = "lock.order-inversion",
                              .injectors = ""},
    {.name = NULL},
};

enum { PAIR = 2 };

static struct {
    const struct workload_context *context;
    pthread_mutex_t mutex[PAIR]; /* [0] first; each guards its @count */
    uint64_t count[PAIR];
    pthread_barrier_t both; /* have their first one */
    struct crew crew;
} order;

/* Both, the one of @first before the other; @meet: with a stop in between. */
static void take_both(unsigned first, bool meet)
{
    unsigned second = 1 - first;

    pthread_mutex_lock(&order.mutex[first]);
    order.count[first]++;
    if (meet)
        pthread_barrier_wait(&order.both);
    pthread_mutex_lock(&order.mutex[second]);
    order.count[second]++;
    pthread_mutex_unlock(&order.mutex[second]);
    pthread_mutex_unlock(&order.mutex[first]);
}

/* What a stranger does when it is called: it asks the caller for its state. */
static void callback(void)
{
    pthread_mutex_lock(&order.mutex[0]);
    order.count[1]++;
    pthread_mutex_unlock(&order.mutex[0]);
}

static void notify(bool held)
{
    pthread_mutex_lock(&order.mutex[0]);
    order.count[0]++;
    if (held)
        callback();
    pthread_mutex_unlock(&order.mutex[0]);
    if (!held)
        callback();
}

/* Each in its own order, and both are alive all the while. */
static void take_turns(unsigned index)
{
    if (index == 1)
        pthread_barrier_wait(&order.both);
    take_both(index, false);
    if (index == 0)
        pthread_barrier_wait(&order.both);
    pthread_barrier_wait(&order.both);
}

static void *worker(void *argument)
{
    unsigned index = ((struct crew_member *)argument)->index;
    int variant = order.context->variant;

    for (int64_t round = 0; round < order.context->value[ROUNDS]; round++) {
        if (variant == VARIANT_DROPPED || variant == VARIANT_REENTERED)
            notify(variant == VARIANT_REENTERED);
        else if (variant == VARIANT_TAKING_TURNS)
            take_turns(index);
        else
            take_both(variant == VARIANT_INVERTED ? index : 0, variant == VARIANT_INVERTED);
    }
    return argument;
}

static int setup(struct workload_context *context)
{
    order.context = context;
    for (unsigned i = 0; i < PAIR; i++) {
        order.count[i] = 0;
        pthread_mutex_init(&order.mutex[i], NULL);
    }
    return pthread_barrier_init(&order.both, NULL, PAIR) == 0 ? 0 : ERROR_SYSTEM;
}

static void body(struct workload_context *context, uint32_t lap)
{
    (void)context;
    (void)lap;
    crew_start(&order.crew, PAIR, worker);
    crew_join(&order.crew);
}

static void check(struct workload_context *context)
{
    (void)context;
    if (order.count[0] != order.count[1])
        workload_broken("lock-order: %llu and %llu", (unsigned long long)order.count[0],
                        (unsigned long long)order.count[1]);
}

static void teardown(struct workload_context *context)
{
    (void)context;
    pthread_barrier_destroy(&order.both);
    for (unsigned i = 0; i < PAIR; i++)
        pthread_mutex_destroy(&order.mutex[i]);
}

const struct workload workload_lock_order = {
    .name = "lock-order",
    .summary = "locks out of order, and a callback under a lock that it wants",
    .source = "F1 F2",
    .parameters = parameters,
    .variants = variants,
    .setup = setup,
    .body = body,
    .check = check,
    .teardown = teardown,
};
