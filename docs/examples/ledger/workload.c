/*
 * workload: threads that book into one ledger.
 *
 * A booking that fails for want of memory is no broken promise: rundown makes malloc fail.
 */
#include "workload.h"

#include "ledger.h"

enum { THREADS, OPS, THREADS_HIGH = 32 };

static const struct workload_parameter parameters[] = {
    [THREADS] = {"threads", "threads that book", 4, 1, THREADS_HIGH},
    [OPS] = {"ops", "bookings by each thread and lap", 50, 1, 100000},
    {.name = NULL},
};

/* Nothing here lies on main's stack: a thread may outlive main's frame. */
static struct ledger ledger;
static struct workload_context *context;
static pthread_t thread[THREADS_HIGH];
static uint64_t stream[THREADS_HIGH];

static int setup(struct workload_context *given)
{
    context = given;
    ledger_init(&ledger);
    return 0;
}

static void *clerk(void *argument)
{
    uint64_t *state = argument;

    for (int64_t i = 0; i < context->value[OPS]; i++)
        ledger_book(&ledger, (long)(workload_random(state) % 1000));
    return NULL;
}

static void body(struct workload_context *given, uint32_t lap)
{
    int64_t started = 0;

    for (; started < given->value[THREADS]; started++) {
        stream[started] = workload_stream(given, (uint64_t)lap << 16 | (uint64_t)started);
        if (pthread_create(&thread[started], NULL, clerk, &stream[started]) != 0)
            break;
    }
    for (int64_t i = 0; i < started; i++)
        pthread_join(thread[i], NULL);
}

static void quiesce(struct workload_context *given)
{
    (void)given;
    if (!ledger_adds_up(&ledger))
        workload_broken("ledger: the sum is not that of the bookings");
    ledger_clear(&ledger); /* so that laps can be compared: nothing may be left */
}

const struct workload ledger_workload = {
    .name = "ledger",
    .summary = "threads that book into one ledger",
    .parameters = parameters,
    .setup = setup,
    .body = body,
    .quiesce = quiesce,
};

RUNDOWN_WORKLOAD(ledger_workload);
