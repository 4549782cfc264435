/*
 * destroyed-in-use: an exit handler that takes away what a live worker goes on to use: a lock, or
 * the memory of a table. In the twin the worker is stopped, and joined, before exit is asked for.
 *
 * The worker uses its things once before and once after the handler has taken them away, and
 * the handler waits for that; so it is always too late, on a machine of any speed.
 * Source: catalogue row B6; SS (globals destroyed under threads that still run).
 */
#include <harness/workload.h>
#include <workloads/await.h>
#include <harness/common/workload.h>
#include <workloads/crew.h>

#include <semaphore.h>
#include <stdlib.h>

enum { BYTES };

static const struct workload_parameter parameters[] = {
    /* From 128 KiB on glibc maps a block by itself, and gives it back when it is freed. */
    [BYTES] = {"bytes", "size of the table", 1 << 20, 1 << 20, 1 << 28},
    {.name = NULL},
};

enum variant { VARIANT_STOPPED_FIRST, VARIANT_LOCK, VARIANT_MEMORY };

static const struct workload_variant variants[] = {
    [VARIANT_STOPPED_FIRST] = {.name = "stopped-first",
                               .summary = "the worker is joined before exit is asked for",
                               .tolerates = "thread-kill thread-suspend thread-cancel main-kill "
                                            "main-pthread_exit exit exit-nt-order"},
    [VARIANT_LOCK] = {.name = "lock-destroyed",
                      .summary = "the handler destroys a mutex that the worker goes on to lock",
                      .bad = true,
                      .codes = "exit.destroyed-in-use",
                      .injectors = ""},
    [VARIANT_MEMORY] = {.name = "memory-freed",
                        .summary = "the handler frees a table that the worker goes on to read",
                        .bad = true,
                        .codes = "exit.destroyed-in-use crash.signal",
                        .injectors = ""},
    {.name = NULL},
};

static struct {
    const struct workload_context *context;
    pthread_mutex_t mutex; /* guards @uses; nothing nests inside */
    uint64_t uses;
    volatile unsigned char *table; /* NULL where there was no memory for it */
    sem_t used;
    sem_t go_on;
    sem_t used_again;
    struct crew crew;
} scene;

static void use(void)
{
    pthread_mutex_lock(&scene.mutex);
    scene.uses++;
    pthread_mutex_unlock(&scene.mutex);
    if (scene.table != NULL && scene.table[scene.context->value[BYTES] / 2] != 0)
        workload_broken("destroyed-in-use: the table has changed");
}

static void *worker(void *argument)
{
    use();
    sem_post(&scene.used);
    await(&scene.go_on);
    use();
    sem_post(&scene.used_again);
    return argument;
}

static void take_away(void)
{
    if (scene.context->variant != VARIANT_MEMORY)
        pthread_mutex_destroy(&scene.mutex);
    if (scene.context->variant != VARIANT_LOCK)
        free((void *)scene.table);
}

/* Of the bad ones; in the twin nothing is left for it to do. */
static void handler(void)
{
    if (scene.context->variant == VARIANT_STOPPED_FIRST || !scene.crew.member[0].runs)
        return;
    take_away();
    sem_post(&scene.go_on);
    await(&scene.used_again);
}

static int setup(struct workload_context *context)
{
    scene.context = context;
    if (sem_init(&scene.used, 0, 0) != 0 || sem_init(&scene.go_on, 0, 0) != 0 ||
        sem_init(&scene.used_again, 0, 0) != 0 || pthread_mutex_init(&scene.mutex, NULL) != 0)
        return ERROR_SYSTEM;
    scene.table = calloc(1, (size_t)context->value[BYTES]);
    return atexit(handler) == 0 ? 0 : ERROR_SYSTEM;
}

static void body(struct workload_context *context, uint32_t lap)
{
    bool last = lap + 1 == context->laps;

    crew_start(&scene.crew, 1, worker);
    if (scene.crew.member[0].runs)
        await(&scene.used);
    if (context->variant != VARIANT_STOPPED_FIRST && last)
        return;
    sem_post(&scene.go_on);
    if (scene.crew.member[0].runs)
        await(&scene.used_again);
    crew_join(&scene.crew);
}

static void teardown(struct workload_context *context)
{
    if (context->variant == VARIANT_STOPPED_FIRST)
        take_away();
    exit(workload_exit_status());
}

const struct workload workload_destroyed_in_use = {
    .name = "destroyed-in-use",
    .summary = "the exit destroys a lock, or frees a table, that a live thread goes on to use",
    .source = "B6",
    .parameters = parameters,
    .variants = variants,
    .setup = setup,
    .body = body,
    .teardown = teardown,
};
