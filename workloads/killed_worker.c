/*
 * killed-worker: a module that is unloaded while its worker works. Its destructor kills the
 * worker, without any clean-up, and the dlclose returns as if all were well.
 *
 * Who was killed in its sleep leaves its stack behind and runs no destructor of its own data;
 * who was killed in the allocator leaves an arena locked that main needs next. The twin tells the
 * worker to leave and joins it before the unload.
 * Source: catalogue row C1; TT (a DLL that terminates its helper thread at unload).
 */
#include <harness/workload.h>
#include <workloads/modules/yanked.h>
#include <workloads/plug.h>

#include <stdlib.h>

enum { OPS, BLOCKS };

static const struct workload_parameter parameters[] = {
    [OPS] = {"ops", "blocks that main handles before and after each unload", 10, 1, 1000000},
    [BLOCKS] = {"blocks", "blocks that the worker of `stopped` handles before it sleeps", 5000, 1,
                1000000},
    {.name = NULL},
};

enum variant { STOPPED, KILLED_ASLEEP, KILLED_AT_WORK };

/* Every block is taken from the system and given back: most of the time the arena is locked. */
#define ONE_ARENA                                                                                  \
    "GLIBC_TUNABLES=glibc.malloc.arena_max=1:glibc.malloc.tcache_count=0:glibc.malloc.trim_"       \
    "threshold=0:glibc.malloc.top_pad=0"

static const struct workload_variant variants[] = {
    [STOPPED] = {.name = "stopped",
                 .summary = "told to leave and joined, before the module goes",
                 .environment = ONE_ARENA,
                 .tolerates = "thread-kill thread-suspend thread-cancel main-kill "
                              "main-pthread_exit exit-nt-order module-unload module-reload"},
    [KILLED_ASLEEP] = {.name = "killed-asleep",
                       .summary = "the destructor kills a worker that sleeps",
                       .bad = true,
                       .codes = "thread.left-behind",
                       .injectors = "",
                       .environment = ONE_ARENA},
    [KILLED_AT_WORK] = {.name = "killed-at-work",
                        .summary = "the destructor kills a worker that allocates",
                        .bad = true,
                        .codes = "heap.lock-orphaned thread.left-behind",
                        .injectors = "",
                        .environment = ONE_ARENA},
    {.name = NULL},
};

/* It is killed long before it has handled so many, unless one thread runs at a time. */
enum { NO_END = 50000 };

static struct plug module;

static void churn(int64_t ops)
{
    for (int64_t op = 0; op < ops; op++) {
        void *block = malloc(5000);

        __asm__ volatile("" : "+r"(block));
        free(block);
    }
}

static long blocks_of(const struct workload_context *context)
{
    if (context->variant == STOPPED)
        return (long)context->value[BLOCKS];
    return context->variant == KILLED_AT_WORK ? NO_END : 0;
}

static void use(void *handle, const struct workload_context *context)
{
    int (*start)(long, bool) = (int (*)(long, bool))plug_symbol(handle, "yanked_start");
    void (*stop)(void) = (void (*)(void))plug_symbol(handle, "yanked_stop");
    long blocks = blocks_of(context);

    if (start == NULL || stop == NULL || start(blocks, context->variant != STOPPED) != 0)
        return;
    churn(context->value[OPS]);
    if (context->variant == STOPPED)
        stop();
    mark_site("unload");
}

static int setup(struct workload_context *context)
{
    return plug_find(&module, context, "yanked.so");
}

static void body(struct workload_context *context, uint32_t lap)
{
    void *handle = plug_open(&module, RTLD_LOCAL);

    (void)lap;
    if (handle == NULL)
        return;
    use(handle, context);
    plug_close(handle);
    churn(context->value[OPS]);
}

const struct workload workload_killed_worker = {
    .name = "killed-worker",
    .summary = "a module's destructor kills the module's worker, and the heap's lock with it",
    .source = "C1",
    .parameters = parameters,
    .variants = variants,
    .modules = true,
    .setup = setup,
    .body = body,
};
