/*
 * module-lock: a lock lies in a module's data, and the module is unloaded while a thread has it.
 * The thread and its code are the host's; it and main take turns by semaphores.
 * Source: catalogue row F3.
 */
#include <harness/workload.h>
#include <workloads/await.h>
#include <workloads/modules/vault.h>
#include <workloads/plug.h>

#include <pthread.h>
#include <semaphore.h>

static const struct workload_parameter parameters[] = {
    {.name = NULL},
};

enum variant { VARIANT_RELEASED, VARIANT_HELD };

static const struct workload_variant variants[] = {
    [VARIANT_RELEASED] = {.name = "released",
                          .summary = "the module goes when its lock's holder has let go",
                          .tolerates = "thread-kill thread-suspend thread-cancel main-kill "
                                       "main-pthread_exit exit-nt-order module-unload "
                                       "module-reload"},
    [VARIANT_HELD] = {.name = "held",
                      .summary = "the module goes while a thread holds its lock",
                      .bad = true,
                      .codes = "lock.in-unloaded-module",
                      .injectors = ""},
    {.name = NULL},
};

static struct {
    struct plug module;
    struct vault *vault;
    bool lets_go;
    pthread_t holder;
    sem_t held;
    sem_t gone;
} scene;

/* Whoever lost his lock does not touch it again: one fault is enough. */
static void *hold(void *argument)
{
    pthread_mutex_lock(&scene.vault->mutex);
    scene.vault->entries++;
    if (scene.lets_go)
        pthread_mutex_unlock(&scene.vault->mutex);
    sem_post(&scene.held);
    await(&scene.gone);
    return argument;
}

static int setup(struct workload_context *context)
{
    scene.lets_go = context->variant == VARIANT_RELEASED;
    if (sem_init(&scene.held, 0, 0) != 0 || sem_init(&scene.gone, 0, 0) != 0)
        return ERROR_SYSTEM;
    return plug_find(&scene.module, context, "vault.so");
}

static void body(struct workload_context *context, uint32_t lap)
{
    void *handle = plug_open(&scene.module, RTLD_LOCAL);
    bool runs;

    (void)context;
    (void)lap;
    if (handle == NULL)
        return;
    scene.vault = plug_symbol(handle, "vault");
    runs = scene.vault != NULL && pthread_create(&scene.holder, NULL, hold, NULL) == 0;
    if (runs)
        await(&scene.held);
    mark_site("unload");
    plug_close(handle);
    if (!runs)
        return;
    sem_post(&scene.gone);
    pthread_join(scene.holder, NULL);
}

static void teardown(struct workload_context *context)
{
    (void)context;
    sem_destroy(&scene.gone);
    sem_destroy(&scene.held);
}

const struct workload workload_module_lock = {
    .name = "module-lock",
    .summary = "a module is unloaded while a thread holds a lock in its data",
    .source = "F3",
    .parameters = parameters,
    .variants = variants,
    .modules = true,
    .setup = setup,
    .body = body,
    .teardown = teardown,
};
