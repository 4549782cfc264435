/*
 * lock-lifetime: a lock that lives in an object, and an object that goes while the lock is held.
 * One thread holds it, and main takes the object away; they take turns by semaphores.
 * Source: catalogue row F3.
 */
#include <harness/workload.h>
#include <workloads/await.h>

#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>

static const struct workload_parameter parameters[] = {
    {.name = NULL},
};

enum variant { VARIANT_RELEASED, VARIANT_DESTROYED, VARIANT_FREED };

static const struct workload_variant variants[] = {
    [VARIANT_RELEASED] =
        {.name = "released",
         .summary = "the object goes when its lock's holder has let go",
         .tolerates = "thread-kill thread-suspend thread-cancel main-kill main-pthread_exit "
                      "exit-nt-order"},
    [VARIANT_DESTROYED] = {.name = "destroyed",
                           .summary = "the lock is destroyed while a thread holds it",
                           .bad = true,
                           .codes = "lock.destroyed-held",
                           .injectors = ""},
    [VARIANT_FREED] = {.name = "freed",
                       .summary = "the lock's memory is freed while a thread holds it",
                       .bad = true,
                       .codes = "lock.freed-held",
                       .injectors = ""},
    {.name = NULL},
};

struct object {
    pthread_mutex_t mutex; /* guards @value; nothing nests inside */
    uint64_t value;
};

static struct {
    struct object *object;
    pthread_t holder;
    sem_t held;
    sem_t gone; /* or, in the twin: it is time to let go */
    bool bad;
} scene;

/* Whoever lost his lock's memory does not touch it again: one fault is enough. */
static void *hold(void *argument)
{
    pthread_mutex_lock(&scene.object->mutex);
    scene.object->value++;
    sem_post(&scene.held);
    await(&scene.gone);
    if (!scene.bad)
        pthread_mutex_unlock(&scene.object->mutex);
    return argument;
}

static void take_lock_away(int variant)
{
    if (variant == VARIANT_DESTROYED)
        pthread_mutex_destroy(&scene.object->mutex);
    else
        free(scene.object);
}

/* What is left of the object: one fault is enough. */
static void take_rest_away(int variant)
{
    if (variant == VARIANT_RELEASED)
        pthread_mutex_destroy(&scene.object->mutex);
    if (variant != VARIANT_FREED)
        free(scene.object);
}

static int setup(struct workload_context *context)
{
    scene.bad = context->variant != VARIANT_RELEASED;
    return sem_init(&scene.held, 0, 0) == 0 && sem_init(&scene.gone, 0, 0) == 0 ? 0 : ERROR_SYSTEM;
}

static void body(struct workload_context *context, uint32_t lap)
{
    (void)lap;
    scene.object = calloc(1, sizeof *scene.object);
    if (scene.object == NULL)
        return;
    pthread_mutex_init(&scene.object->mutex, NULL);
    if (pthread_create(&scene.holder, NULL, hold, NULL) != 0) {
        take_rest_away(VARIANT_RELEASED);
        return;
    }
    await(&scene.held);
    if (scene.bad)
        take_lock_away(context->variant);
    sem_post(&scene.gone);
    pthread_join(scene.holder, NULL);
    take_rest_away(context->variant);
}

static void teardown(struct workload_context *context)
{
    (void)context;
    sem_destroy(&scene.gone);
    sem_destroy(&scene.held);
}

const struct workload workload_lock_lifetime = {
    .name = "lock-lifetime",
    .summary = "an object is destroyed or freed while a thread holds its lock",
    .source = "F3",
    .parameters = parameters,
    .variants = variants,
    .setup = setup,
    .body = body,
    .teardown = teardown,
};
