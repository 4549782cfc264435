/*
 * exit-while-allocating: one thread calls exit() while the others allocate and free in a loop,
 * and an exit handler allocates, as handlers do. What comes of it hangs on the order: glibc lets
 * the others run on until the very end; Windows kills them first, where they stand, and then the
 * handlers meet the heap as the dead have left it.
 *
 * The Windows order is exit-nt-order's doing. Main passes its marks, where it may be struck, while
 * the others are in their loops. Those have an end, far away, since a cycle in which one thread
 * runs at a time must end, too.
 * Source: catalogue row B1; SS (ExitProcess from one thread, HeapAlloc and HeapFree in a loop
 * from a second one).
 */
#include <harness/workload.h>
#include <harness/common/workload.h>
#include <workloads/crew.h>

#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { LOOKS = 8 /* marks that main passes before it exits */ };

enum { THREADS, OPS, BYTES };

static const struct workload_parameter parameters[] = {
    [THREADS] = {"threads", "threads that allocate in a loop", 2, 1, CREW_HIGH},
    [OPS] = {"ops", "blocks that each handles at most, if nobody stops it", 20000, 1, 10000000},
    [BYTES] = {"bytes", "size of a block", 100000, 1, 16777216},
    {.name = NULL},
};

enum variant {
    VARIANT_JOINED,
    VARIANT_GLIBC,
    VARIANT_NT,
    VARIANT_NT_ARENAS,
    VARIANT_NT_CACHES,
};

/* Every block is taken from the system and given back: most of the time the arena is locked. */
#define ONE_ARENA                                                                                  \
    "GLIBC_TUNABLES=glibc.malloc.arena_max=1:glibc.malloc.tcache_count=0:glibc.malloc.trim_"       \
    "threshold=0:glibc.malloc.top_pad=0"
#define ONE_ARENA_CACHED "GLIBC_TUNABLES=glibc.malloc.arena_max=1"
#define MANY_ARENAS      "GLIBC_TUNABLES=glibc.malloc.tcache_count=0"

static const struct workload_variant variants[] = {
    [VARIANT_JOINED] = {.name = "joined",
                        .summary = "the threads are joined before exit() is called",
                        .environment = ONE_ARENA,
                        .tolerates = "thread-kill thread-suspend thread-cancel main-kill "
                                     "exit exit-nt-order"},
    [VARIANT_GLIBC] = {.name = "glibc-order",
                       .summary = "exit() is called while they allocate, from one arena",
                       .bad = true,
                       .codes = "exit.threads-alive",
                       .injectors = "",
                       .environment = ONE_ARENA},
    [VARIANT_NT] = {.name = "nt-order",
                    .summary = "they are killed while they allocate from the arena that exit needs",
                    .bad = true,
                    .codes = "heap.lock-orphaned",
                    .injectors = "exit-nt-order",
                    .environment = ONE_ARENA},
    [VARIANT_NT_ARENAS] = {.name = "nt-order-own-arenas",
                           .summary = "they are killed while each allocates from an arena of its "
                                      "own, which exit does not need",
                           .bad = true,
                           .codes = "exit.threads-alive",
                           .injectors = "",
                           .environment = MANY_ARENAS},
    [VARIANT_NT_CACHES] = {.name = "nt-order-caches",
                           .summary = "they are killed while each is served by its cache, which "
                                      "has no lock: the arena is one, and nobody is in it",
                           .bad = true,
                           .codes = "exit.threads-alive",
                           .injectors = "",
                           .environment = ONE_ARENA_CACHED},
    {.name = NULL},
};

static struct {
    const struct workload_context *context;
    sem_t started;
    atomic_bool over; /* of `joined`: the loops are to end */
    struct crew crew;
} scene;

enum { CACHED_BYTES = 1000 /* a cache takes blocks up to 1032 bytes */ };

static size_t block_bytes(void)
{
    size_t bytes = (size_t)scene.context->value[BYTES];

    return scene.context->variant == VARIANT_NT_CACHES && bytes > CACHED_BYTES ? CACHED_BYTES
                                                                               : bytes;
}

/* Hidden from the compiler, which would leave out a block that nobody reads. */
static void churn(void)
{
    void *block = malloc(block_bytes());

    __asm__ volatile("" : "+r"(block));
    free(block);
}

/* What any handler may do that closes a log or sorts a list. */
static void handler(void)
{
    churn();
}

static void *worker(void *argument)
{
    int64_t ops = scene.context->value[OPS];

    sem_post(&scene.started);
    for (int64_t op = 0; op < ops && !atomic_load(&scene.over); op++)
        churn();
    return argument;
}

static int setup(struct workload_context *context)
{
    scene.context = context;
    if (sem_init(&scene.started, 0, 0) != 0 || atexit(handler) != 0)
        return ERROR_SYSTEM;
    return 0;
}

static void await_started(void)
{
    for (unsigned i = 0; i < scene.crew.count; i++)
        while (scene.crew.member[i].runs && sem_wait(&scene.started) != 0)
            continue;
}

/* The last lap's threads are left alone where main is on its way out. */
static void body(struct workload_context *context, uint32_t lap)
{
    atomic_store(&scene.over, false);
    crew_start(&scene.crew, (unsigned)context->value[THREADS], worker);
    await_started();
    for (int look = 0; look < LOOKS; look++)
        mark_site("looks-on");
    if (context->variant != VARIANT_JOINED && lap + 1 == context->laps)
        return;
    atomic_store(&scene.over, true);
    crew_join(&scene.crew);
}

static void teardown(struct workload_context *context)
{
    (void)context;
    exit(workload_exit_status());
}

const struct workload workload_exit_while_allocating = {
    .name = "exit-while-allocating",
    .summary = "exit() while other threads allocate, in glibc's order and in that of Windows",
    .source = "B1",
    .parameters = parameters,
    .variants = variants,
    .setup = setup,
    .body = body,
    .teardown = teardown,
};
