/*
 * exit-race: main calls exit() while other threads allocate, free and print, or after they
 * have ended. Its exit handler and its destructor do what both should do at that point:
 * nothing, since whatever they touched could be half done.
 *
 * Under `running` the threads must still run when exit() is called. They tell main when half
 * of their work is done, and have the other half before them; so the count of operations is
 * fixed, and no clock is needed.
 * Source: catalogue rows B1, B2.
 */
#include <harness/workload.h>
#include <harness/common/workload.h>
#include <workloads/crew.h>

#include <errno.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>

enum { THREADS, OPS, MAX_BYTES };

static const struct workload_parameter parameters[] = {
    [THREADS] = {"threads", "threads that allocate and print", 4, 1, CREW_HIGH},
    [OPS] = {"ops", "operations by each thread per lap", 200, 2, 10000000},
    [MAX_BYTES] = {"max_bytes", "size of the largest block", 4096, 1, 16777216},
    {.name = NULL},
};

enum variant { VARIANT_JOINED, VARIANT_RUNNING };

static const struct workload_variant variants[] = {
    [VARIANT_JOINED] = {.name = "joined",
                        .summary = "all threads are joined before exit() is called",
                        .tolerates =
                            "thread-kill thread-suspend thread-cancel main-kill exit-nt-order"},
    [VARIANT_RUNNING] = {.name = "running",
                         .summary = "exit() is called while the threads allocate and print",
                         .bad = true,
                         .codes = "exit.threads-alive",
                         .injectors = ""},
    {.name = NULL},
};

enum { BLOCKS = 4 };

static struct {
    const struct workload_context *context;
    uint32_t lap;
    FILE *stream; /* shared by all threads, and left for exit() to flush */
    sem_t halfway;
    struct crew crew;
} race;

static void do_nothing(void) {}

__attribute__((destructor)) static void destructor(void)
{
    do_nothing();
}

static void unlock_stream(void *stream)
{
    funlockfile(stream);
}

/* Printing may be a cancellation point, and a stream must not stay locked. */
static void print(unsigned index, int64_t op)
{
    if (race.stream == NULL)
        return;
    flockfile(race.stream);
    pthread_cleanup_push(unlock_stream, race.stream);
    fprintf(race.stream, "thread %u ", index);
    fprintf(race.stream, "operation %lld\n", (long long)op);
    pthread_cleanup_pop(1);
}

static void operate(unsigned index, int64_t op, void **block, uint64_t *state)
{
    uint64_t largest = (uint64_t)race.context->value[MAX_BYTES];

    free(*block);
    *block = malloc(1 + workload_random(state) % largest);
    print(index, op);
}

static void *worker(void *argument)
{
    unsigned index = ((struct crew_member *)argument)->index;
    uint64_t state = workload_stream(race.context, (uint64_t)race.lap << 16 | index);
    int64_t ops = race.context->value[OPS];
    void *block[BLOCKS] = {NULL};

    for (int64_t op = 0; op < ops; op++) {
        if (op == ops / 2)
            sem_post(&race.halfway);
        operate(index, op, &block[op % BLOCKS], &state);
    }
    for (unsigned i = 0; i < BLOCKS; i++)
        free(block[i]);
    return NULL;
}

static void wait_halfway(void)
{
    for (unsigned i = 0; i < race.crew.count; i++)
        while (race.crew.member[i].runs && sem_wait(&race.halfway) != 0)
            continue;
}

/* A stream that cannot be had for want of memory is done without. */
static int setup(struct workload_context *context)
{
    race.context = context;
    if (sem_init(&race.halfway, 0, 0) != 0 || atexit(do_nothing) != 0)
        return ERROR_SYSTEM;
    race.stream = fopen("/dev/null", "w");
    return race.stream != NULL || errno == ENOMEM ? 0 : ERROR_SYSTEM;
}

/* The last lap's threads of `running` are left alone; main is on its way out. */
static void body(struct workload_context *context, uint32_t lap)
{
    race.lap = lap;
    crew_start(&race.crew, (unsigned)context->value[THREADS], worker);
    if (context->variant == VARIANT_RUNNING)
        wait_halfway();
    if (context->variant == VARIANT_JOINED || lap + 1 != context->laps)
        crew_join(&race.crew);
}

static void teardown(struct workload_context *context)
{
    (void)context;
    exit(workload_exit_status());
}

const struct workload workload_exit_race = {
    .name = "exit-race",
    .summary = "exit() after, or while, other threads allocate and print",
    .source = "B1 B2",
    .parameters = parameters,
    .variants = variants,
    .setup = setup,
    .body = body,
    .teardown = teardown,
};
