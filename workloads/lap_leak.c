/*
 * lap-leak: one process that loads, uses and unloads a module over and over, and each time a
 * little stays behind: a few bytes, or now and then a descriptor, a thread, a mapping. No lap of
 * its own shows that; only the series does.
 *
 * The twins grow too, and stop: while they warm up, while a cache fills, when more threads than
 * ever before need arenas of their own; or they give all back now and then. What is kept here is
 * given back before the exit, so that nothing but the series can tell.
 * Source: catalogue row D1; SS (ignore the first 5 cycles, take a broad view over the next 20).
 */
#include <harness/workload.h>
#include <workloads/modules/leaky.h>
#include <workloads/plug.h>

#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>

enum { EVERY, WARM_UP, ENTRIES, TOOTH };

static const struct workload_parameter parameters[] = {
    [EVERY] = {"every", "laps for each descriptor, thread or mapping that stays", 5, 1, 1000000},
    [WARM_UP] = {"warm-up", "laps in which warm-up grows", 20, 1, 1000000},
    [ENTRIES] = {"entries", "entries of the cache that plateau fills", 40, 1, 1024},
    [TOOTH] = {"tooth", "laps after which sawtooth gives all back", 10, 1, 1024},
    {.name = NULL},
};

enum variant {
    WARMS_UP,
    PLATEAUS,
    ARENA_STEPS,
    SAWTOOTH,
    BYTES_4,
    BYTES_8,
    BYTES_12,
    BYTES_64,
    DESCRIPTOR,
    THREAD,
    MAPPING,
};

enum { LAPS = 105 }; /* from here on the statistics are sure */

#define TOLERATED                                                                                  \
    "thread-kill thread-suspend thread-cancel main-kill main-pthread_exit exit-nt-order "          \
    "module-unload module-reload"

#define BAD(what, text, code)                                                                      \
    {                                                                                              \
        .name = what, .summary = text, .bad = true, .codes = code, .injectors = "", .laps = LAPS   \
    }

static const struct workload_variant variants[] = {
    [WARMS_UP] = {.name = "warm-up",
                  .summary = "what grows at first, and stops to",
                  .tolerates = TOLERATED,
                  .laps = LAPS},
    [PLATEAUS] = {.name = "plateau",
                  .summary = "a cache that is full at some time",
                  .tolerates = TOLERATED,
                  .laps = LAPS},
    [ARENA_STEPS] = {.name = "arena-steps",
                     .summary = "more threads at once than before, now and then: a new arena each",
                     .tolerates = TOLERATED,
                     .laps = LAPS},
    [SAWTOOTH] = {.name = "sawtooth",
                  .summary = "grows, and gives all back after some laps",
                  .tolerates = TOLERATED,
                  .laps = LAPS},
    [BYTES_4] = BAD("bytes-4", "the module loses 4 bytes each time", "leak.trend.heap"),
    [BYTES_8] = BAD("bytes-8", "the module loses 8 bytes each time", "leak.trend.heap"),
    [BYTES_12] = BAD("bytes-12", "the module loses 12 bytes each time", "leak.trend.heap"),
    [BYTES_64] = BAD("bytes-64", "the module loses 64 bytes each time", "leak.trend.heap"),
    [DESCRIPTOR] = BAD("descriptor", "a descriptor stays open now and then", "leak.trend.fd"),
    [THREAD] = BAD("thread", "a thread stays now and then", "leak.trend.thread"),
    [MAPPING] = BAD("mapping", "a mapping stays now and then", "leak.trend.map"),
    {.name = NULL},
};

static const size_t lost_bytes[] = {
    [BYTES_4] = 4, [BYTES_8] = 8, [BYTES_12] = 12, [BYTES_64] = 64, [MAPPING] = 0};

enum { KEPT = 1024, THREADS = 200, CROWD = 4, ENTRY_BYTES = 48, PAGE_BYTES = 4096 };

static struct {
    struct plug module;
    void *kept[KEPT];
    unsigned count;
    pthread_t thread[THREADS];
    unsigned threads;
    sem_t leave; /* for the threads that stay */
    sem_t came;
    sem_t go;
} leak;

/* --- what is kept --------------------------------------------------------------------------- */

static void keep(void)
{
    if (leak.count < KEPT && (leak.kept[leak.count] = malloc(ENTRY_BYTES)) != NULL)
        leak.count++;
}

static void give_back(void)
{
    while (leak.count > 0)
        free(leak.kept[--leak.count]);
}

static void fill_cache(uint32_t lap, int64_t entries)
{
    unsigned slot = lap % (unsigned)entries;

    free(leak.kept[slot]);
    leak.kept[slot] = malloc(ENTRY_BYTES);
    if (leak.count <= slot)
        leak.count = slot + 1;
}

/* --- threads -------------------------------------------------------------------------------- */

static void wait_for(sem_t *semaphore)
{
    while (sem_wait(semaphore) != 0)
        ;
}

static void *stay(void *argument)
{
    wait_for(&leak.leave);
    return argument;
}

static void leave_thread(void)
{
    if (leak.threads < THREADS && pthread_create(&leak.thread[leak.threads], NULL, stay, NULL) == 0)
        leak.threads++;
}

/* Has a block while all the others of the crowd have one, so that each needs an arena. */
static void *crowd_member(void *argument)
{
    void *block = malloc(ENTRY_BYTES);

    sem_post(&leak.came);
    wait_for(&leak.go);
    free(block);
    return argument;
}

static void crowd(unsigned size)
{
    pthread_t thread[CROWD];
    unsigned count = 0;

    while (count < size && pthread_create(&thread[count], NULL, crowd_member, NULL) == 0)
        count++;
    for (unsigned i = 0; i < count; i++)
        wait_for(&leak.came);
    for (unsigned i = 0; i < count; i++)
        sem_post(&leak.go);
    for (unsigned i = 0; i < count; i++)
        pthread_join(thread[i], NULL);
}

/* --- a lap ------------------------------------------------------------------------------------ */

static void use_module(size_t lost, uint64_t question)
{
    void *handle = plug_open(&leak.module, RTLD_LOCAL);
    uint64_t (*use)(uint64_t, size_t);

    if (handle == NULL)
        return;
    use = (uint64_t(*)(uint64_t, size_t))plug_symbol(handle, "leaky_use");
    if (use != NULL) {
        uint64_t answer = use(question, lost);

        if (answer != 0 && answer != leaky_answer(question))
            workload_broken("lap-leak: the module answered %#llx to %#llx",
                            (unsigned long long)answer, (unsigned long long)question);
    }
    plug_close(handle);
}

static void leave_thing(int variant)
{
    if (variant == DESCRIPTOR)
        (void)!eventfd(0, EFD_CLOEXEC);
    else if (variant == THREAD)
        leave_thread();
    else if (variant == MAPPING)
        (void)!mmap(NULL, PAGE_BYTES, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void grow_and_stop(const struct workload_context *context, uint32_t lap)
{
    if (context->variant == WARMS_UP && lap < context->value[WARM_UP])
        keep();
    else if (context->variant == PLATEAUS)
        fill_cache(lap, context->value[ENTRIES]);
    else if (context->variant == ARENA_STEPS)
        crowd(1 + (lap >= 10) + (lap >= 25) + (lap >= 50));
    else if (context->variant == SAWTOOTH && lap % context->value[TOOTH] == 0)
        give_back();
    if (context->variant == SAWTOOTH)
        keep();
}

static void body(struct workload_context *context, uint32_t lap)
{
    uint64_t state = workload_stream(context, lap);

    use_module(lost_bytes[context->variant], workload_random(&state));
    grow_and_stop(context, lap);
    if (lap % context->value[EVERY] == 0)
        leave_thing(context->variant);
}

static int setup(struct workload_context *context)
{
    memset(&leak, 0, sizeof leak);
    sem_init(&leak.leave, 0, 0);
    sem_init(&leak.came, 0, 0);
    sem_init(&leak.go, 0, 0);
    return plug_find(&leak.module, context, "leaky.so");
}

static void teardown(struct workload_context *context)
{
    (void)context;
    give_back();
    for (unsigned i = 0; i < leak.threads; i++)
        sem_post(&leak.leave);
    for (unsigned i = 0; i < leak.threads; i++)
        pthread_join(leak.thread[i], NULL);
    leak.threads = 0;
}

const struct workload workload_lap_leak = {
    .name = "lap-leak",
    .summary = "loads, uses and unloads a module, and a little stays behind each time",
    .source = "D1",
    .parameters = parameters,
    .variants = variants,
    .modules = true,
    .setup = setup,
    .body = body,
    .teardown = teardown,
};
