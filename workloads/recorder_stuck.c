/*
 * recorder-stuck: a thread leaves in the middle of an event, and main's exit runs the clean-up of
 * the module that takes the events. The bad one waits there for the event to end, which nobody
 * will end; the twin's leaves it at that.
 *
 * The module is one of ours that stands in for the flight recorder: what is tried is whether
 * rundown owns up to what its recorder would have done, on machines without one, too. So such a
 * cycle is broken, and a run of `waits` by name can't be trusted: that is right. The twin must
 * never come to that, whoever is killed where; so its clean-up waits for nobody.
 * Source: what LTTng-UST does at an exit, with a thread that was killed in one of its events.
 */
#include <harness/workload.h>
#include <workloads/modules/standin.h>
#include <workloads/plug.h>

#include <pthread.h>

enum { EVENTS };

static const struct workload_parameter parameters[] = {
    [EVENTS] = {"events", "events that the thread ends before the one in which it leaves", 20, 0,
                1000000},
    {.name = NULL},
};

enum variant { VARIANT_LEAVES_IT, VARIANT_WAITS };

static const struct workload_variant variants[] = {
    [VARIANT_LEAVES_IT] = {.name = "leaves-it",
                           .summary = "the clean-up waits for no event",
                           .tolerates = "module-unload module-reload"},
    [VARIANT_WAITS] = {.name = "waits",
                       .summary = "the clean-up waits for an event that nobody ends",
                       .bad = true,
                       .codes = "harness.recorder",
                       .injectors = ""},
    {.name = NULL},
};

static struct {
    const struct workload_context *context;
    struct plug module;
    bool loaded;
    void (*begin)(void);
    void (*end)(void);
    void (*set_patient)(int);
    pthread_t thread;
} scene;

static void *record(void *argument)
{
    for (int64_t event = 0; event < scene.context->value[EVENTS]; event++) {
        scene.begin();
        scene.end();
    }
    scene.begin();
    return argument;
}

static int setup(struct workload_context *context)
{
    scene.context = context;
    return plug_find(&scene.module, context, "librundown-lttng-standin.so");
}

/* It stays loaded: its clean-up is the exit's. */
static bool load(void)
{
    void *handle = plug_open(&scene.module, RTLD_LOCAL);

    if (handle == NULL)
        return false;
    scene.begin = (void (*)(void))plug_symbol(handle, "standin_begin");
    scene.end = (void (*)(void))plug_symbol(handle, "standin_end");
    scene.set_patient = (void (*)(int))plug_symbol(handle, "standin_set_patient");
    return scene.begin != NULL && scene.end != NULL && scene.set_patient != NULL;
}

static void body(struct workload_context *context, uint32_t lap)
{
    if (lap == 0)
        scene.loaded = load();
    if (!scene.loaded)
        return;
    scene.set_patient(context->variant == VARIANT_WAITS);
    if (pthread_create(&scene.thread, NULL, record, NULL) == 0)
        pthread_join(scene.thread, NULL);
}

const struct workload workload_recorder_stuck = {
    .name = "recorder-stuck",
    .summary = "a thread leaves in the middle of an event of a module that takes them",
    .source = "LTTng-UST, exits",
    .parameters = parameters,
    .variants = variants,
    .modules = true,
    .setup = setup,
    .body = body,
};
