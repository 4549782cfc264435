/*
 * lost-wakeup: a thread waits for an event that nobody sets any more. No lock is held and no
 * owner is dead: all stand still, and there is nobody to blame.
 *
 * The event is set before the wait begins. In the twin that is remembered under the mutex; in the
 * bad ones it is not, so the signal finds nobody, or nobody posts.
 * Source: catalogue row F5.
 */
#include <harness/workload.h>

#include <pthread.h>
#include <semaphore.h>

static const struct workload_parameter parameters[] = {
    {.name = NULL},
};

enum variant { VARIANT_REMEMBERED, VARIANT_CONDITION, VARIANT_SEMAPHORE };

static const struct workload_variant variants[] = {
    [VARIANT_REMEMBERED] = {.name = "remembered",
                            .summary = "the waiter looks at a flag before it waits",
                            .tolerates =
                                "thread-kill thread-suspend thread-cancel main-kill exit-nt-order"},
    [VARIANT_CONDITION] = {.name = "condition",
                           .summary = "the waiter waits for a signal that was given before",
                           .bad = true,
                           .codes = "hang.lost-wakeup",
                           .injectors = ""},
    [VARIANT_SEMAPHORE] = {.name = "semaphore",
                           .summary = "the waiter waits for a post that is left out",
                           .bad = true,
                           .codes = "hang.lost-wakeup",
                           .injectors = ""},
    {.name = NULL},
};

static struct {
    int variant;
    pthread_mutex_t mutex; /* guards @set; nothing nests inside */
    pthread_cond_t changed;
    bool set;
    sem_t event;
    pthread_t waiter;
} scene = {.mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static void unlock(void *unused)
{
    (void)unused;
    pthread_mutex_unlock(&scene.mutex);
}

/* The condition is a loop in the twin, and a single blind wait in the bad one. */
static void wait_for_condition(bool looks)
{
    pthread_mutex_lock(&scene.mutex);
    pthread_cleanup_push(unlock, NULL);
    if (!looks)
        pthread_cond_wait(&scene.changed, &scene.mutex);
    while (!scene.set)
        pthread_cond_wait(&scene.changed, &scene.mutex);
    pthread_cleanup_pop(1);
}

static void *wait_for_event(void *argument)
{
    if (scene.variant == VARIANT_SEMAPHORE)
        while (sem_wait(&scene.event) != 0)
            continue;
    else
        wait_for_condition(scene.variant == VARIANT_REMEMBERED);
    return argument;
}

static int setup(struct workload_context *context)
{
    scene.variant = context->variant;
    return sem_init(&scene.event, 0, 0) == 0 ? 0 : ERROR_SYSTEM;
}

static void body(struct workload_context *context, uint32_t lap)
{
    (void)context;
    (void)lap;
    scene.set = false;
    pthread_mutex_lock(&scene.mutex);
    scene.set = true;
    pthread_cond_broadcast(&scene.changed);
    pthread_mutex_unlock(&scene.mutex);
    if (pthread_create(&scene.waiter, NULL, wait_for_event, NULL) == 0)
        pthread_join(scene.waiter, NULL);
}

static void teardown(struct workload_context *context)
{
    (void)context;
    sem_destroy(&scene.event);
}

const struct workload workload_lost_wakeup = {
    .name = "lost-wakeup",
    .summary = "a thread waits for an event that nobody sets any more",
    .source = "F5",
    .parameters = parameters,
    .variants = variants,
    .setup = setup,
    .body = body,
    .teardown = teardown,
};
