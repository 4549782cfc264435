/*
 * counter: a workload as a user may bring it, with one bad variant for each of three ends: a
 * lock that stays locked when an allocation fails, a sum that is wrong, a block lost each lap.
 */
#include <rundown/workload.h>

#include <pthread.h>
#include <stdlib.h>

enum { THREADS, OPS, THREADS_HIGH = 16 };

static const struct workload_parameter parameters[] = {
    [THREADS] = {"threads", "threads that count", 4, 1, THREADS_HIGH},
    [OPS] = {"ops", "increments by each thread", 20, 1, 100000},
    {.name = NULL},
};

enum { VARIANT_PLAIN, VARIANT_LOCKED, VARIANT_LOSES, VARIANT_LEAKS };

static const struct workload_variant variants[] = {
    [VARIANT_PLAIN] = {.name = "plain", .summary = "unlocks on every way out"},
    [VARIANT_LOCKED] = {.name = "locked",
                        .summary = "forgets to unlock where malloc fails",
                        .bad = true,
                        .codes = "lock.deadlock|hang.deadlock",
                        .injectors = "alloc-fail"},
    [VARIANT_LOSES] = {.name = "loses",
                       .summary = "loses one count",
                       .bad = true,
                       .codes = "state.invariant"},
    [VARIANT_LEAKS] = {.name = "leaks",
                       .summary = "loses a block in each lap",
                       .bad = true,
                       .codes = "leak.trend.heap",
                       .laps = 120,
                       .held_long_ms = 500,
                       .deadline_ms = 90000},
    {.name = NULL},
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int64_t count, wanted;
static struct workload_context *context;
static pthread_t thread[THREADS_HIGH];

static void increment(void)
{
    void *block;

    pthread_mutex_lock(&lock);
    block = malloc(24);
    if (block == NULL && context->variant == VARIANT_LOCKED)
        return;
    RUNDOWN_SITE("commit");
    count++;
    free(block);
    pthread_mutex_unlock(&lock);
}

static void *worker(void *unused)
{
    for (int64_t i = 0; i < context->value[OPS]; i++)
        increment();
    return unused;
}

static int setup(struct workload_context *given)
{
    context = given;
    count = wanted = 0;
    return 0;
}

static void body(struct workload_context *given, uint32_t lap)
{
    int64_t threads = given->value[THREADS];
    int64_t started = 0;

    (void)lap;
    while (started < threads && pthread_create(&thread[started], NULL, worker, NULL) == 0)
        started++;
    for (int64_t i = 0; i < started; i++)
        pthread_join(thread[i], NULL);
    wanted += started * given->value[OPS];
    if (given->variant == VARIANT_LOSES)
        count--;
    if (given->variant == VARIANT_LEAKS) {
        void *volatile lost = malloc(64);

        (void)lost;
    }
}

static void check(struct workload_context *given)
{
    (void)given;
    if (count != wanted)
        workload_broken("counter: it stands at %lld, not at %lld", (long long)count,
                        (long long)wanted);
}

static const struct workload counter = {
    .name = "counter",
    .summary = "counts under a lock",
    .parameters = parameters,
    .variants = variants,
    .setup = setup,
    .body = body,
    .check = check,
};

RUNDOWN_WORKLOAD(counter);

#ifdef COUNTER_MAIN
int main(int argc, char **argv)
{
    return rundown_workload_run(&counter, argc, argv);
}
#endif
