/*
 * exit-handlers: what a program may not do on its way out: make a thread in a handler,
 * or want a lock there that will not come.
 *
 * The handler is registered in set-up, and does nothing in the twin.
 * Source: catalogue rows B3, B4; XP and SS.
 */
#include <harness/workload.h>
#include <workloads/await.h>
#include <harness/common/workload.h>

#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>

static const struct workload_parameter parameters[] = {
    {.name = NULL},
};

enum variant { VARIANT_QUIET, VARIANT_THREAD, VARIANT_LOCK_WANTED };

static const struct workload_variant variants[] = {
    [VARIANT_QUIET] = {.name = "quiet",
                       .summary = "the handler does nothing, and nobody is left",
                       .tolerates = "thread-kill thread-suspend thread-cancel main-kill "
                                    "main-pthread_exit exit-nt-order"},
    [VARIANT_THREAD] = {.name = "thread-created",
                        .summary = "the handler makes a thread and joins it",
                        .bad = true,
                        .codes = "exit.thread-created",
                        .injectors = ""},
    [VARIANT_LOCK_WANTED] = {.name = "lock-wanted",
                             .summary = "the handler takes a lock that another thread keeps",
                             .bad = true,
                             .codes = "exit.handler-stuck exit.locks-held hang",
                             .injectors = ""},
    {.name = NULL},
};

static struct {
    int variant;
    pthread_mutex_t mutex; /* guards nothing: it is only held */
    pthread_t other;
    sem_t taken;
    sem_t never;
} scene = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static void *do_nothing(void *argument)
{
    return argument;
}

static void make_thread(void)
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, do_nothing, NULL) == 0)
        pthread_join(thread, NULL);
}

static void handler(void)
{
    if (scene.variant == VARIANT_THREAD)
        make_thread();
    if (scene.variant == VARIANT_LOCK_WANTED) {
        pthread_mutex_lock(&scene.mutex);
        pthread_mutex_unlock(&scene.mutex);
    }
}

static void *keep_lock(void *argument)
{
    pthread_mutex_lock(&scene.mutex);
    sem_post(&scene.taken);
    await(&scene.never);
    return argument;
}

static int setup(struct workload_context *context)
{
    scene.variant = context->variant;
    if (sem_init(&scene.taken, 0, 0) != 0 || sem_init(&scene.never, 0, 0) != 0)
        return ERROR_SYSTEM;
    return atexit(handler) == 0 ? 0 : ERROR_SYSTEM;
}

static void body(struct workload_context *context, uint32_t lap)
{
    (void)lap;
    if (context->variant == VARIANT_LOCK_WANTED &&
        pthread_create(&scene.other, NULL, keep_lock, NULL) == 0)
        await(&scene.taken);
}

static void teardown(struct workload_context *context)
{
    (void)context;
    exit(workload_exit_status());
}

const struct workload workload_exit_handlers = {
    .name = "exit-handlers",
    .summary = "handlers of exit that make threads, or want locks that are held",
    .source = "B3 B4",
    .parameters = parameters,
    .variants = variants,
    .setup = setup,
    .body = body,
    .teardown = teardown,
};
