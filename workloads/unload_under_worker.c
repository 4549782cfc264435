/*
 * unload-under-worker: a module is told to stop, says so to its worker and is unloaded at once;
 * nobody waits for the worker. It keeps the module itself: it has a reference of its own, which
 * it drops as its very last act, in code that stays mapped, and only then the module goes.
 *
 * So the module may be loaded again while the old worker is on its way out: the same instance,
 * with the same data. The bad ones leave out the reference, or handle that case by one flag.
 * Source: catalogue row C2; TT (FreeLibraryAndExitThread; the reload before the worker left).
 */
#include <harness/workload.h>
#include <workloads/modules/desk.h>
#include <workloads/plug.h>

#include <pthread.h>

enum { LOADS, USES };

static const struct workload_parameter parameters[] = {
    [LOADS] = {"loads", "times that the module is loaded and unloaded per lap", 4, 1, 1000000},
    [USES] = {"uses", "questions put to the worker per load", 2, 0, 1000000},
    {.name = NULL},
};

enum variant { PINNED, NOT_PINNED, FORGETFUL };

static const struct workload_variant variants[] = {
    [PINNED] = {.name = "pinned",
                .summary = "the worker keeps its module, and knows whether it is meant",
                .tolerates = "thread-kill thread-suspend thread-cancel main-kill "
                             "main-pthread_exit exit-nt-order module-unload module-reload"},
    [NOT_PINNED] = {.name = "not-pinned",
                    .summary = "the worker has no reference, and its code goes under its feet",
                    .bad = true,
                    .codes = "module.code-unmapped",
                    .injectors = ""},
    [FORGETFUL] = {.name = "forgetful",
                   .summary = "pinned, but a reload takes back the word that the old one waits for",
                   .bad = true,
                   .codes = "hang",
                   .injectors = ""},
    {.name = NULL},
};

enum errand_state { ERRAND_FREE, ERRAND_RUNS, ERRAND_LEFT };

/** struct errand - of one worker. @pin: its reference, NULL for none. @state: ERRAND_LEFT is to
 * be joined yet. */
struct errand {
    enum errand_state state;
    pthread_t thread;
    void *pin;
    void (*sit)(uint64_t);
    uint64_t turn;
};

enum { ERRANDS = 64 };

static struct {
    struct plug module;
    pthread_mutex_t mutex; /* guards the states; nothing nests inside */
    pthread_cond_t left;
    struct errand errand[ERRANDS];
} host = {.mutex = PTHREAD_MUTEX_INITIALIZER, .left = PTHREAD_COND_INITIALIZER};

/* --- workers -------------------------------------------------------------------------------- */

static enum errand_state state_of(const struct errand *errand)
{
    enum errand_state state;

    pthread_mutex_lock(&host.mutex);
    state = errand->state;
    pthread_mutex_unlock(&host.mutex);
    return state;
}

/* Joins one that has left: it is all but over. Only main calls this, and only main starts any. */
static bool is_free(struct errand *errand)
{
    enum errand_state state = state_of(errand);

    if (state == ERRAND_LEFT) {
        pthread_join(errand->thread, NULL);
        errand->state = ERRAND_FREE;
    }
    return state != ERRAND_RUNS;
}

static struct errand *find_free(void)
{
    for (struct errand *errand = host.errand; errand < host.errand + ERRANDS; errand++)
        if (is_free(errand))
            return errand;
    return NULL;
}

/* All but the call in the middle is the host's code, and stays. */
static void *run_errand(void *argument)
{
    struct errand *errand = argument;

    errand->sit(errand->turn);
    plug_close(errand->pin);
    pthread_mutex_lock(&host.mutex);
    errand->state = ERRAND_LEFT;
    pthread_cond_broadcast(&host.left);
    pthread_mutex_unlock(&host.mutex);
    return NULL;
}

static bool start_errand(struct errand *errand)
{
    errand->state = ERRAND_RUNS;
    if (pthread_create(&errand->thread, NULL, run_errand, errand) == 0)
        return true;
    errand->state = ERRAND_FREE;
    plug_close(errand->pin);
    return false;
}

/* False: no memory for it. */
static bool send(void *handle, bool pin, uint64_t turn)
{
    struct errand *errand = find_free();

    if (errand == NULL)
        return false;
    errand->turn = turn;
    errand->sit = (void (*)(uint64_t))plug_symbol(handle, "desk_sit");
    errand->pin = pin ? plug_open(&host.module, RTLD_LOCAL) : NULL;
    if (errand->sit != NULL && (!pin || errand->pin != NULL))
        return start_errand(errand);
    plug_close(errand->pin);
    return false;
}

static void wait_until_left(const struct errand *errand)
{
    pthread_mutex_lock(&host.mutex);
    while (errand->state == ERRAND_RUNS)
        pthread_cond_wait(&host.left, &host.mutex);
    pthread_mutex_unlock(&host.mutex);
}

/* --- a load ---------------------------------------------------------------------------------- */

static void ask(uint64_t (*put)(uint64_t), uint64_t question)
{
    uint64_t answer = put(question);

    if (answer != desk_answer(question))
        workload_broken("unload-under-worker: the answer to %#llx is %#llx",
                        (unsigned long long)question, (unsigned long long)answer);
}

static void use(void *handle, const struct workload_context *context, uint64_t *state)
{
    uint64_t (*open)(bool) = (uint64_t(*)(bool))plug_symbol(handle, "desk_open");
    uint64_t (*put)(uint64_t) = (uint64_t(*)(uint64_t))plug_symbol(handle, "desk_ask");
    void (*close)(void) = (void (*)(void))plug_symbol(handle, "desk_close");

    if (open == NULL || put == NULL || close == NULL)
        return;
    if (!send(handle, context->variant != NOT_PINNED, open(context->variant == FORGETFUL)))
        return;
    for (int64_t i = 0; i < context->value[USES]; i++)
        ask(put, workload_random(state));
    close();
    mark_site("told");
}

static int setup(struct workload_context *context)
{
    return plug_find(&host.module, context, "desk.so");
}

static void quiesce(struct workload_context *context)
{
    (void)context;
    for (struct errand *errand = host.errand; errand < host.errand + ERRANDS; errand++) {
        wait_until_left(errand);
        is_free(errand);
    }
}

static void body(struct workload_context *context, uint32_t lap)
{
    uint64_t state = workload_stream(context, lap);

    for (int64_t i = 0; i < context->value[LOADS]; i++) {
        void *handle = plug_open(&host.module, RTLD_LOCAL);

        if (handle == NULL)
            continue;
        use(handle, context, &state);
        plug_close(handle);
        if (context->variant == NOT_PINNED)
            quiesce(context); /* another load would take the place, and hide that it was empty */
    }
}

const struct workload workload_unload_under_worker = {
    .name = "unload-under-worker",
    .summary = "a module is unloaded, and loaded again, before its worker has left",
    .source = "C2",
    .parameters = parameters,
    .variants = variants,
    .modules = true,
    .setup = setup,
    .body = body,
    .quiesce = quiesce,
};
