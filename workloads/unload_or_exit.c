/*
 * unload-or-exit: the same module is unloaded while the process goes on, and is there when the
 * process exits. The one has to clean up, since nobody else ever will; the other must not try,
 * since others may be anywhere in it, and the kernel takes it all away in any case.
 *
 * With inside=1, and in exit-tries always, a thread is in the module at the exit, has the lock of
 * its tables and stays there. The last load is the exit's; each lap has one that is unloaded.
 * Source: catalogue row C5; XP (what to do at DLL_PROCESS_DETACH, and what not).
 */
#include <harness/workload.h>
#include <workloads/modules/tables.h>
#include <workloads/plug.h>

#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>

enum { USES, INSIDE };

static const struct workload_parameter parameters[] = {
    [USES] = {"uses", "look-ups in the module's tables per lap", 3, 1, 1000000},
    [INSIDE] = {"inside", "1: a thread is in the tables at the exit, and keeps their lock", 0, 0,
                1},
    {.name = NULL},
};

enum variant { SPLIT, NO_CLEAN_UP, EXIT_TRIES };

enum { LAPS = 105 }; /* from here on the statistics are sure */

static const struct workload_variant variants[] = {
    [SPLIT] = {.name = "split",
               .summary = "the unload frees the tables, the exit leaves them alone",
               .tolerates = "thread-kill thread-suspend thread-cancel main-kill main-pthread_exit "
                            "exit-nt-order module-unload module-reload",
               .laps = LAPS},
    [NO_CLEAN_UP] = {.name = "no-clean-up",
                     .summary = "neither frees them",
                     .bad = true,
                     .codes = "leak.trend",
                     .injectors = "",
                     .laps = LAPS},
    [EXIT_TRIES] = {.name = "exit-tries",
                    .summary = "both free them, though at the exit somebody has their lock",
                    .bad = true,
                    .codes = "hang exit.handler-stuck",
                    .injectors = ""},
    {.name = NULL},
};

static const struct tables_ways ways[] = {
    [SPLIT] = {true, false}, [NO_CLEAN_UP] = {false, false}, [EXIT_TRIES] = {true, true}};

struct tables {
    void *handle;
    void (*begin)(struct tables_ways);
    uint64_t (*look_up)(uint64_t);
    void (*walk)(void (*)(void));
    void (*exiting)(void);
};

static struct {
    struct plug module;
    struct tables last; /* the one that is there at the exit */
    sem_t inside;
    sem_t never;
} host;

/* --- the module ------------------------------------------------------------------------------ */

static bool find(struct tables *tables)
{
    tables->begin = (void (*)(struct tables_ways))plug_symbol(tables->handle, "tables_begin");
    tables->look_up = (uint64_t(*)(uint64_t))plug_symbol(tables->handle, "tables_look_up");
    tables->walk = (void (*)(void (*)(void)))plug_symbol(tables->handle, "tables_walk");
    tables->exiting = (void (*)(void))plug_symbol(tables->handle, "tables_exiting");
    return tables->begin != NULL && tables->look_up != NULL && tables->walk != NULL &&
           tables->exiting != NULL;
}

static bool load(struct tables *tables, const struct workload_context *context)
{
    tables->handle = plug_open(&host.module, RTLD_LOCAL);
    if (tables->handle == NULL)
        return false;
    if (find(tables)) {
        tables->begin(ways[context->variant]);
        return true;
    }
    plug_close(tables->handle);
    tables->handle = NULL;
    return false;
}

static void look_up(const struct tables *tables, uint64_t key)
{
    uint64_t row = tables->look_up(key);

    if (row != 0 && row != tables_expected(key))
        workload_broken("unload-or-exit: the row of %#llx is %#llx", (unsigned long long)key,
                        (unsigned long long)row);
}

/* --- the exit ----------------------------------------------------------------------------------
 */

static void stay(void)
{
    sem_post(&host.inside);
    while (sem_wait(&host.never) != 0)
        ;
}

static void *walk(void *argument)
{
    host.last.walk(stay);
    return argument;
}

/* Before the module's destructor: handlers come before the loader's. */
static void at_exit(void)
{
    if (host.last.handle != NULL)
        host.last.exiting();
}

/* A thread that is inside, and stays there. */
static void occupy(void)
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, walk, NULL) != 0)
        return;
    pthread_detach(thread);
    while (sem_wait(&host.inside) != 0)
        ;
}

static int setup(struct workload_context *context)
{
    sem_init(&host.inside, 0, 0);
    sem_init(&host.never, 0, 0);
    if (atexit(at_exit) != 0)
        return ERROR_MEMORY;
    return plug_find(&host.module, context, "tables.so");
}

static void body(struct workload_context *context, uint32_t lap)
{
    uint64_t state = workload_stream(context, lap);
    struct tables tables;

    if (!load(&tables, context))
        return;
    for (int64_t i = 0; i < context->value[USES]; i++)
        look_up(&tables, workload_random(&state));
    plug_close(tables.handle);
}

static void teardown(struct workload_context *context)
{
    if (!load(&host.last, context))
        return;
    look_up(&host.last, context->seed);
    if (context->value[INSIDE] != 0 || context->variant == EXIT_TRIES)
        occupy();
    mark_site("leave");
}

const struct workload workload_unload_or_exit = {
    .name = "unload-or-exit",
    .summary = "one module under dlclose, which has to clean up, and under exit, which must not",
    .source = "C5",
    .parameters = parameters,
    .variants = variants,
    .modules = true,
    .setup = setup,
    .body = body,
    .teardown = teardown,
};
