/*
 * slow-holder: a thread sleeps with a lock held, and main waits for that lock.
 *
 * The twin sleeps before it takes the lock, and then works under it without sleeping: longer than a
 * holder may sleep here, so the watch does look at it. That both are over in milliseconds is the
 * doing of held_long_ms. The bad one sleeps ten times as long as that, so that rundown has a chance
 * to look on a busy machine, too. Numbers are fixed; no clock is asked.
 * Source: catalogue row F2 (what is called under a lock of one's own may sleep).
 */
#include <harness/workload.h>
#include <workloads/await.h>

#include <pthread.h>
#include <semaphore.h>

enum { NAP, STEPS };

enum { HELD_LONG_MS = 4 };

static const struct workload_parameter parameters[] = {
    [NAP] = {"nap", "milliseconds that the holder sleeps; the twin a fourth of it", 40, 0, 1000000},
    [STEPS] = {"steps", "numbers that it draws under the lock", 600000, 1, 1000000000},
    {.name = NULL},
};

enum variant { VARIANT_AWAKE, VARIANT_ASLEEP };

static const struct workload_variant variants[] = {
    [VARIANT_AWAKE] = {.name = "awake",
                       .summary = "the holder sleeps before it takes the lock, and works under it",
                       .tolerates = "thread-kill thread-suspend thread-cancel main-kill "
                                    "main-pthread_exit exit-nt-order",
                       .held_long_ms = HELD_LONG_MS},
    [VARIANT_ASLEEP] = {.name = "asleep",
                        .summary = "the holder sleeps with the lock held",
                        .bad = true,
                        .codes = "lock.held-long",
                        .injectors = "",
                        .held_long_ms = HELD_LONG_MS},
    {.name = NULL},
};

static struct {
    const struct workload_context *context;
    pthread_mutex_t mutex; /* guards @sum; nothing nests inside */
    uint64_t sum;
    sem_t taken;
    pthread_t holder;
} scene = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static uint64_t draw(void)
{
    uint64_t state = workload_stream(scene.context, 0);
    uint64_t sum = 1;

    for (int64_t i = 0; i < scene.context->value[STEPS]; i++)
        sum += workload_random(&state);
    return sum;
}

static void *hold(void *argument)
{
    bool asleep = scene.context->variant == VARIANT_ASLEEP;

    if (!asleep)
        nap(scene.context->value[NAP] / 4);
    pthread_mutex_lock(&scene.mutex);
    sem_post(&scene.taken);
    if (asleep)
        nap(scene.context->value[NAP]);
    else
        scene.sum += draw();
    pthread_mutex_unlock(&scene.mutex);
    return argument;
}

static int setup(struct workload_context *context)
{
    scene.context = context;
    return sem_init(&scene.taken, 0, 0) == 0 ? 0 : ERROR_SYSTEM;
}

static void body(struct workload_context *context, uint32_t lap)
{
    (void)lap;
    scene.sum = 0;
    if (pthread_create(&scene.holder, NULL, hold, NULL) != 0)
        return; /* no memory is no fault */
    await(&scene.taken);
    pthread_mutex_lock(&scene.mutex);
    if (context->variant == VARIANT_AWAKE && scene.sum == 0)
        workload_broken("slow-holder: the holder's work is not there");
    pthread_mutex_unlock(&scene.mutex);
    pthread_join(scene.holder, NULL);
}

static void teardown(struct workload_context *context)
{
    (void)context;
    sem_destroy(&scene.taken);
}

const struct workload workload_slow_holder = {
    .name = "slow-holder",
    .summary = "a thread sleeps with a lock held, and another one waits for it",
    .source = "F2",
    .parameters = parameters,
    .variants = variants,
    .setup = setup,
    .body = body,
    .teardown = teardown,
};
