/*
 * suspended-owner: two threads that meet in one place, and one of them is suspended there. Who
 * is suspended holds what it holds, and says so to nobody; once resumed it gives it back.
 *
 * The places are the allocator, the loader, and a lock of the program's. In the twin they meet
 * nowhere: a thread that stands still outside of everything only makes others wait for it.
 * Source: catalogue row A5; SS (SuspendThread on an owner of the heap or loader lock).
 */
#include <harness/workload.h>
#include <workloads/crew.h>

#include <dlfcn.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { LOAD_EVERY = 8 /* meetings */ };

enum { THREADS, OPS };

static const struct workload_parameter parameters[] = {
    [THREADS] = {"threads", "threads that meet", 4, 1, CREW_HIGH},
    [OPS] = {"ops", "meetings of each thread per lap", 40, 1, 10000000},
    {.name = NULL},
};

enum variant { VARIANT_OUTSIDE, VARIANT_HEAP, VARIANT_LOADER, VARIANT_LOCK };

static const struct workload_variant variants[] = {
    [VARIANT_OUTSIDE] = {.name = "outside",
                         .summary = "nothing is shared: to be suspended keeps nobody from going on",
                         .tolerates = "main-kill"},
    [VARIANT_HEAP] = {.name = "heap",
                      .summary = "both allocate from one arena",
                      .bad = true,
                      .codes = "lock.owner-suspended",
                      .injectors = "thread-suspend",
                      .environment =
                          "GLIBC_TUNABLES=glibc.malloc.arena_max=1:glibc.malloc.tcache_count=0"},
    [VARIANT_LOADER] = {.name = "loader",
                        .summary = "both load and unload a module",
                        .bad = true,
                        .codes = "lock.owner-suspended",
                        .injectors = "thread-suspend"},
    [VARIANT_LOCK] = {.name = "lock",
                      .summary = "both take one mutex",
                      .bad = true,
                      .codes = "lock.owner-suspended",
                      .injectors = "thread-suspend"},
    {.name = NULL},
};

static struct {
    const struct workload_context *context;
    pthread_mutex_t mutex; /* guards @meetings of `lock`; nothing nests inside */
    int64_t meetings;
    atomic_llong done; /* all of them, of every variant */
    char module[PATH_MAX];
    struct crew crew;
} place = {.mutex = PTHREAD_MUTEX_INITIALIZER};

/* Hidden from the compiler, which would leave out a block that nobody reads. */
static void meet_in_heap(void)
{
    void *block = malloc(5000);

    __asm__ volatile("" : "+r"(block));
    free(block);
}

/* A load that fails for want of memory is left out. */
static void meet_in_loader(void)
{
    void *handle = dlopen(place.module, RTLD_NOW | RTLD_LOCAL);

    if (handle != NULL)
        dlclose(handle);
}

static void meet_in_lock(void)
{
    pthread_mutex_lock(&place.mutex);
    place.meetings++;
    mark_site("inside");
    pthread_mutex_unlock(&place.mutex);
}

/* A load is long, so there are fewer of them. */
static void meet(int64_t op)
{
    switch (place.context->variant) {
    case VARIANT_HEAP:
        meet_in_heap();
        break;
    case VARIANT_LOADER:
        if (op % LOAD_EVERY == 0)
            meet_in_loader();
        break;
    case VARIANT_LOCK:
        meet_in_lock();
        break;
    default:
        mark_site("outside");
        break;
    }
    atomic_fetch_add(&place.done, 1);
}

static void *worker(void *argument)
{
    for (int64_t op = 0; op < place.context->value[OPS]; op++)
        meet(op);
    return argument;
}

static int setup(struct workload_context *context)
{
    int length = snprintf(place.module, sizeof place.module, "%s/rules.so", context->module_dir);

    place.context = context;
    if (length < 0 || (size_t)length >= sizeof place.module)
        return ERROR_RANGE;
    return access(place.module, R_OK) == 0 ? 0 : ERROR_NOT_FOUND;
}

static void body(struct workload_context *context, uint32_t lap)
{
    unsigned ran = 0;

    (void)lap;
    atomic_store(&place.done, 0);
    crew_start(&place.crew, (unsigned)context->value[THREADS], worker);
    for (unsigned i = 0; i < place.crew.count; i++)
        ran += place.crew.member[i].runs;
    crew_join(&place.crew);
    /* Whoever was suspended went on, and did all that he had to do. */
    if (context->variant != VARIANT_OUTSIDE)
        return;
    if (atomic_load(&place.done) != (long long)ran * context->value[OPS])
        workload_broken("suspended-owner: %lld meetings of %lld",
                        (long long)atomic_load(&place.done),
                        (long long)ran * (long long)context->value[OPS]);
}

const struct workload workload_suspended_owner = {
    .name = "suspended-owner",
    .summary = "a thread is suspended in the allocator, the loader or a lock that others need",
    .source = "A5",
    .parameters = parameters,
    .variants = variants,
    .modules = true,
    .setup = setup,
    .body = body,
};
