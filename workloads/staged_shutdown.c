/*
 * staged-shutdown: an orderly shutdown in stages, carried out by one thread, and a stage that
 * never comes to its end. Without a watchdog the whole process waits for it for ever. A watchdog
 * gives each stage so much time; a stage that takes longer is named, it and what comes after
 * it are skipped, and the process leaves all the same.
 *
 * The stage stalls in a wait that nobody ends, so that the watchdog's time is over for certain,
 * on a machine of any speed; where nothing stalls it waits for a minute.
 * Source: catalogue row B7; SS (a watchdog on the stages of a shutdown).
 */
#include <harness/workload.h>
#include <harness/common/workload.h>

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { LIMIT, STALLS };

static const char *const stages[] = {"refuse", "drain", "flush", "close"};

enum { STAGES = sizeof stages / sizeof stages[0] };

static const struct workload_parameter parameters[] = {
    [LIMIT] = {"limit_us", "time that a stage is given where one stalls", 1000, 1, 1000000000},
    [STALLS] = {"stalls", "stage that stalls, from 0", 2, 0, STAGES - 1},
    {.name = NULL},
};

enum variant { VARIANT_ORDERLY, VARIANT_WATCHED, VARIANT_UNWATCHED };

#define TOLERATED "thread-kill thread-suspend thread-cancel main-kill"

static const struct workload_variant variants[] = {
    [VARIANT_ORDERLY] = {.name = "orderly",
                         .summary = "no stage stalls, and the watchdog has nothing to do",
                         .tolerates = TOLERATED},
    [VARIANT_WATCHED] = {.name = "watched",
                         .summary = "a stage stalls; the watchdog names it and skips the rest",
                         .tolerates = TOLERATED},
    [VARIANT_UNWATCHED] = {.name = "unwatched",
                           .summary = "a stage stalls, and nobody minds the time",
                           .bad = true,
                           .codes = "hang",
                           .injectors = ""},
    {.name = NULL},
};

/* What a stage is given that does not stall: more than it ever takes, on whatever machine. */
enum { AMPLE_S = 10, BILLION = 1000000000 };

static struct {
    const struct workload_context *context;
    pthread_t closer;
    pthread_t watchdog;
    atomic_uint stage; /* under way; STAGES: all are done */
    atomic_bool over;  /* the closer has come to its end */
    bool closes;       /* there was a closer */
    sem_t finished;    /* a stage is, or the closer */
    sem_t never;
} scene;

/* A stage that stalls may be cut off where it waits, and nowhere else. */
static void run_stage(unsigned stage)
{
    bool stalls = scene.context->variant != VARIANT_ORDERLY &&
                  stage == (unsigned)scene.context->value[STALLS];

    mark_site(stages[stage]);
    while (stalls)
        sem_wait(&scene.never);
}

static void *close_down(void *argument)
{
    for (unsigned stage = 0; stage < STAGES; stage++) {
        run_stage(stage);
        atomic_store(&scene.stage, stage + 1);
        sem_post(&scene.finished);
    }
    atomic_store(&scene.over, true); /* main, which says so, too, may be gone */
    sem_post(&scene.finished);
    return argument;
}

static struct timespec time_limit(void)
{
    bool stalls = scene.context->variant == VARIANT_WATCHED;
    int64_t ns = stalls ? scene.context->value[LIMIT] * 1000 : (int64_t)AMPLE_S * BILLION;
    struct timespec limit;

    clock_gettime(CLOCK_REALTIME, &limit);
    ns += limit.tv_nsec;
    limit.tv_sec += ns / BILLION;
    limit.tv_nsec = ns % BILLION;
    return limit;
}

/* False: the time is over. */
static bool finishes_in_time(void)
{
    struct timespec limit = time_limit();
    int result;

    do
        result = sem_timedwait(&scene.finished, &limit);
    while (result != 0 && errno == EINTR);
    return result == 0;
}

static void *watch(void *argument)
{
    while (!atomic_load(&scene.over)) {
        if (finishes_in_time())
            continue;
        dprintf(STDOUT_FILENO, "stage %s took too long: skipped, with what comes after it\n",
                stages[atomic_load(&scene.stage) % STAGES]);
        pthread_cancel(scene.closer);
        break;
    }
    return argument;
}

static int setup(struct workload_context *context)
{
    scene.context = context;
    if (sem_init(&scene.finished, 0, 0) != 0 || sem_init(&scene.never, 0, 0) != 0)
        return ERROR_SYSTEM;
    return 0;
}

static void body(struct workload_context *context, uint32_t lap)
{
    bool watched = context->variant != VARIANT_UNWATCHED;

    (void)lap;
    atomic_store(&scene.stage, 0);
    atomic_store(&scene.over, false);
    scene.closes = pthread_create(&scene.closer, NULL, close_down, NULL) == 0;
    if (!scene.closes)
        return;
    watched = watched && pthread_create(&scene.watchdog, NULL, watch, NULL) == 0;
    pthread_join(scene.closer, NULL);
    atomic_store(&scene.over, true);
    sem_post(&scene.finished);
    if (watched)
        pthread_join(scene.watchdog, NULL);
}

static void check(struct workload_context *context)
{
    unsigned stage = atomic_load(&scene.stage);

    if (context->variant == VARIANT_ORDERLY && scene.closes && stage != STAGES)
        workload_broken("staged-shutdown: stage %s was skipped", stages[stage % STAGES]);
}

static void teardown(struct workload_context *context)
{
    (void)context;
    exit(workload_exit_status());
}

const struct workload workload_staged_shutdown = {
    .name = "staged-shutdown",
    .summary = "a stage of the shutdown stalls, with and without a watchdog",
    .source = "B7",
    .parameters = parameters,
    .variants = variants,
    .setup = setup,
    .body = body,
    .check = check,
    .teardown = teardown,
};
