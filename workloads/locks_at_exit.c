/*
 * locks-at-exit: a process that leaves with locks still held. Whoever looks at its data on the
 * way out, a leak check above all, finds them as their holder left them: half done.
 *
 * Nobody waits here and nothing hangs; what is to be told is who held which lock, and where
 * it was taken.
 * Source: catalogue row B9; SS (a leak check at shutdown, while a lock is held, is unsafe).
 */
#include <harness/workload.h>
#include <workloads/await.h>
#include <harness/common/workload.h>
#include <workloads/crew.h>

#include <semaphore.h>
#include <stdlib.h>

enum { THREADS, OPS };

static const struct workload_parameter parameters[] = {
    [THREADS] = {"threads", "threads that use the lock", 2, 1, CREW_HIGH},
    [OPS] = {"ops", "times that each takes it per lap", 10, 1, 10000000},
    {.name = NULL},
};

enum variant { VARIANT_NONE_HELD, VARIANT_MAIN, VARIANT_WORKER };

static const struct workload_variant variants[] = {
    [VARIANT_NONE_HELD] = {.name = "none-held",
                           .summary = "every lock is given back, and every thread is joined",
                           .tolerates = "thread-kill thread-suspend thread-cancel main-kill "
                                        "main-pthread_exit exit-nt-order"},
    [VARIANT_MAIN] = {.name = "held-by-main",
                      .summary = "main asks to exit with the lock in its hands",
                      .bad = true,
                      .codes = "exit.locks-held",
                      .injectors = ""},
    [VARIANT_WORKER] = {.name = "held-by-worker",
                        .summary = "main asks to exit while a worker has the lock",
                        .bad = true,
                        .codes = "exit.locks-held exit.threads-alive",
                        .injectors = ""},
    {.name = NULL},
};

static struct {
    const struct workload_context *context;
    pthread_mutex_t mutex; /* guards @entries; nothing nests inside */
    uint64_t entries;
    pthread_t keeper;
    sem_t taken;
    sem_t never;
    struct crew crew;
} scene = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static void *worker(void *argument)
{
    for (int64_t op = 0; op < scene.context->value[OPS]; op++) {
        pthread_mutex_lock(&scene.mutex);
        scene.entries++;
        pthread_mutex_unlock(&scene.mutex);
    }
    return argument;
}

/* It is in the middle of its work when the process goes. */
static void *keep_lock(void *argument)
{
    pthread_mutex_lock(&scene.mutex);
    scene.entries++;
    sem_post(&scene.taken);
    await(&scene.never);
    pthread_mutex_unlock(&scene.mutex);
    return argument;
}

static int setup(struct workload_context *context)
{
    scene.context = context;
    return sem_init(&scene.taken, 0, 0) == 0 && sem_init(&scene.never, 0, 0) == 0 ? 0
                                                                                  : ERROR_SYSTEM;
}

static void body(struct workload_context *context, uint32_t lap)
{
    (void)lap;
    crew_start(&scene.crew, (unsigned)context->value[THREADS], worker);
    crew_join(&scene.crew);
}

static void teardown(struct workload_context *context)
{
    if (context->variant == VARIANT_MAIN)
        pthread_mutex_lock(&scene.mutex);
    if (context->variant == VARIANT_WORKER &&
        pthread_create(&scene.keeper, NULL, keep_lock, NULL) == 0)
        await(&scene.taken);
    exit(workload_exit_status());
}

const struct workload workload_locks_at_exit = {
    .name = "locks-at-exit",
    .summary = "a process leaves with a lock held, by main or by a thread that still works",
    .source = "B9",
    .parameters = parameters,
    .variants = variants,
    .setup = setup,
    .body = body,
    .teardown = teardown,
};
