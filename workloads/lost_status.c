/*
 * lost-status: whose status a process ends with. On Linux it is the one that was given to
 * exit(), _exit() or main's return by whoever came first; where nobody did, and main has ended
 * by pthread_exit(), it is 0, whatever the last thread says. On NT it is the last thread's.
 *
 * Each twin ends by one of these rules, with the status that the rule gives. The bad one carries
 * NT's rule over: each thread puts down its own status when it ends, and main returns what it
 * finds; so the parent gets whichever thread came last. Who that is the seed decides, in place
 * of a busy machine: the threads end one after another.
 * Source: catalogue row B8; PE (the last thread's status, or the process's).
 */
#include <harness/workload.h>
#include <harness/common/workload.h>
#include <workloads/crew.h>

#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

/* Above what the runner itself ends with. */
enum { STATUS_FIRST = 20, STATUS_GROUP = 0 };

enum { THREADS };

static const struct workload_parameter parameters[] = {
    [THREADS] = {"threads", "threads, each with a status of its own", 4, 2, CREW_HIGH},
    {.name = NULL},
};

enum variant { VARIANT_RETURNED, VARIANT_LAST_THREAD, VARIANT_GROUP, VARIANT_LAST_WINS };

#define TOLERATED                                                                                  \
    "thread-kill thread-suspend thread-cancel main-kill main-pthread_exit exit-nt-order"

static const struct workload_variant variants[] = {
    [VARIANT_RETURNED] = {.name = "returned",
                          .summary = "main returns 0 after all threads: that is the status",
                          .tolerates = TOLERATED},
    [VARIANT_LAST_THREAD] = {.name = "last-thread",
                             .summary = "main ends by pthread_exit(): 0, whatever threads return",
                             .tolerates = TOLERATED},
    [VARIANT_GROUP] = {.name = "group-status",
                       .summary = "a thread calls _exit(0) once main has ended: that is it",
                       .tolerates = TOLERATED},
    [VARIANT_LAST_WINS] = {.name = "last-wins",
                           .summary = "the status is that of whichever thread ended last",
                           .bad = true,
                           .codes = "exit.wrong-status",
                           .injectors = ""},
    {.name = NULL},
};

static struct {
    const struct workload_context *context;
    atomic_int last; /* status of the thread that ended last so far */
    sem_t turn[CREW_HIGH];
    struct crew crew;
} scene;

static void await(sem_t *semaphore)
{
    while (sem_wait(semaphore) != 0)
        continue;
}

static void *worker(void *argument)
{
    unsigned index = ((struct crew_member *)argument)->index;

    await(&scene.turn[index]);
    atomic_store(&scene.last, STATUS_FIRST + (int)index);
    return argument;
}

/* The last thread of the process, once main is gone. */
static void *outlive_main(void *argument)
{
    pthread_join(*(pthread_t *)scene.context->user, NULL);
    if (scene.context->variant == VARIANT_GROUP)
        _exit(STATUS_GROUP);
    return argument;
}

static int setup(struct workload_context *context)
{
    static pthread_t self;

    self = pthread_self();
    context->user = &self;
    scene.context = context;
    for (unsigned i = 0; i < CREW_HIGH; i++)
        if (sem_init(&scene.turn[i], 0, 0) != 0)
            return ERROR_SYSTEM;
    return 0;
}

/* One after another, from one that the seed draws. */
static void body(struct workload_context *context, uint32_t lap)
{
    uint64_t state = workload_stream(context, lap);
    unsigned count = (unsigned)context->value[THREADS];
    unsigned first = (unsigned)(workload_random(&state) % count);

    crew_start(&scene.crew, count, worker);
    for (unsigned i = 0; i < count; i++) {
        struct crew_member *member = &scene.crew.member[(first + i) % count];

        sem_post(&scene.turn[member->index]);
        if (member->runs)
            pthread_join(member->thread, NULL);
        member->runs = false;
    }
}

static void teardown(struct workload_context *context)
{
    pthread_t last;

    if (context->variant == VARIANT_LAST_WINS)
        exit(atomic_load(&scene.last));
    if (context->variant == VARIANT_RETURNED)
        return;
    if (pthread_create(&last, NULL, outlive_main, NULL) == 0)
        pthread_exit(NULL);
}

const struct workload workload_lost_status = {
    .name = "lost-status",
    .summary = "whose status the process ends with: the first to ask, or the last to end",
    .source = "B8",
    .parameters = parameters,
    .variants = variants,
    .setup = setup,
    .body = body,
    .teardown = teardown,
};
