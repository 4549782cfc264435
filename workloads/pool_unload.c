/*
 * pool-unload: a module that leaves its work to the host's thread pool, and so must not go before
 * its items are done. The question is where it waits for them.
 *
 * Outside of dlclose it may wait for anything. Its destructor runs under the loader's lock: items
 * that need no loader get done all the same, one that loads a module never does.
 * Source: catalogue row C3; TT (give the work to a thread pool, wait for the callbacks at unload).
 */
#include <harness/workload.h>
#include <workloads/crew.h>
#include <workloads/modules/jobs.h>
#include <workloads/plug.h>

#include <pthread.h>

enum { THREADS, ITEMS, LOADS };

static const struct workload_parameter parameters[] = {
    [THREADS] = {"threads", "threads of the host's pool", 2, 1, CREW_HIGH},
    [ITEMS] = {"items", "items that the module queues per load", 6, 1, 256},
    [LOADS] = {"loads", "times that the module is loaded and unloaded per lap", 2, 1, 1000000},
    {.name = NULL},
};

enum variant { OUTSIDE, INSIDE_PLAIN, INSIDE_LOADER };

#define TOLERATED                                                                                  \
    "thread-kill thread-suspend thread-cancel main-kill main-pthread_exit exit-nt-order "          \
    "module-unload module-reload"

static const struct workload_variant variants[] = {
    [OUTSIDE] = {.name = "outside",
                 .summary = "waits before it is unloaded, for items that load a module",
                 .tolerates = TOLERATED},
    [INSIDE_PLAIN] = {.name = "inside-plain",
                      .summary = "the destructor waits for items that need no loader",
                      .tolerates = TOLERATED},
    [INSIDE_LOADER] = {.name = "inside-loader",
                       .summary = "the destructor waits for items that load a module",
                       .bad = true,
                       .codes = "loader.deadlock",
                       .injectors = ""},
    {.name = NULL},
};

enum { QUEUE = 256 };

struct item {
    void (*work)(uint64_t);
    uint64_t argument;
};

static struct {
    struct plug module;
    struct plug rules;
    struct jobs_host lent;
    struct crew crew;
    pthread_mutex_t mutex; /* guards the rest; nothing nests inside */
    pthread_cond_t queued;
    pthread_cond_t done;
    struct item item[QUEUE];
    unsigned count;
    unsigned under_way;
    bool leave;
} pool = {.mutex = PTHREAD_MUTEX_INITIALIZER,
          .queued = PTHREAD_COND_INITIALIZER,
          .done = PTHREAD_COND_INITIALIZER};

/* --- the pool -------------------------------------------------------------------------------- */

/* Called with the mutex, and without it while the item is done. */
static void do_one(void)
{
    struct item item = pool.item[--pool.count];

    pool.under_way++;
    pthread_mutex_unlock(&pool.mutex);
    item.work(item.argument);
    pthread_mutex_lock(&pool.mutex);
    pool.under_way--;
    pthread_cond_broadcast(&pool.done);
}

static void unlock(void *unused)
{
    (void)unused;
    pthread_mutex_unlock(&pool.mutex);
}

static void *serve(void *argument)
{
    pthread_mutex_lock(&pool.mutex);
    pthread_cleanup_push(unlock, NULL);
    while (!pool.leave) {
        if (pool.count > 0)
            do_one();
        else
            pthread_cond_wait(&pool.queued, &pool.mutex);
    }
    pthread_cleanup_pop(1);
    return argument;
}

/* More than the queue holds is left out. */
static void submit(void (*work)(uint64_t), uint64_t argument)
{
    pthread_mutex_lock(&pool.mutex);
    if (pool.count < QUEUE)
        pool.item[pool.count++] = (struct item){work, argument};
    pthread_cond_signal(&pool.queued);
    pthread_mutex_unlock(&pool.mutex);
}

static void wait_until_done(void)
{
    pthread_mutex_lock(&pool.mutex);
    while (pool.count > 0 || pool.under_way > 0)
        pthread_cond_wait(&pool.done, &pool.mutex);
    pthread_mutex_unlock(&pool.mutex);
}

static void end_pool(void)
{
    pthread_mutex_lock(&pool.mutex);
    pool.leave = true;
    pthread_cond_broadcast(&pool.queued);
    pthread_mutex_unlock(&pool.mutex);
    crew_join(&pool.crew);
    pool.leave = false;
}

/* False: not a single thread could be made, and nobody would do the items. */
static bool start_pool(unsigned threads)
{
    bool any = false;

    crew_start(&pool.crew, threads, serve);
    for (unsigned i = 0; i < threads; i++)
        any |= pool.crew.member[i].runs;
    return any;
}

/* --- a load ---------------------------------------------------------------------------------- */

static void use(void *handle, const struct workload_context *context, uint64_t *state)
{
    void (*begin)(const struct jobs_host *, bool, bool) =
        (void (*)(const struct jobs_host *, bool, bool))plug_symbol(handle, "jobs_begin");
    void (*add)(uint64_t) = (void (*)(uint64_t))plug_symbol(handle, "jobs_add");
    void (*end)(void) = (void (*)(void))plug_symbol(handle, "jobs_end");

    if (begin == NULL || add == NULL || end == NULL)
        return;
    begin(&pool.lent, context->variant != INSIDE_PLAIN, context->variant != OUTSIDE);
    for (int64_t i = 0; i < context->value[ITEMS]; i++)
        add(workload_random(state));
    end();
    mark_site("ended");
}

static int setup(struct workload_context *context)
{
    int error = plug_find(&pool.module, context, "jobs.so");

    if (error == 0)
        error = plug_find(&pool.rules, context, "rules.so");
    pool.lent = (struct jobs_host){submit, wait_until_done, pool.rules.path};
    return error;
}

static void body(struct workload_context *context, uint32_t lap)
{
    uint64_t state = workload_stream(context, lap);

    for (int64_t i = 0; i < context->value[LOADS]; i++) {
        void *handle = plug_open(&pool.module, RTLD_LOCAL);

        if (handle == NULL)
            continue;
        if (start_pool((unsigned)context->value[THREADS]))
            use(handle, context, &state);
        plug_close(handle);
        end_pool();
    }
}

const struct workload workload_pool_unload = {
    .name = "pool-unload",
    .summary = "a module whose work is done by the host's pool waits for it when it goes",
    .source = "C3",
    .parameters = parameters,
    .variants = variants,
    .modules = true,
    .setup = setup,
    .body = body,
};
