/*
 * suspended-dispatch: a thread that is suspended while it is somewhere between two of its
 * contexts: in a signal's handler on top of what the signal has cut short, or in an unwinder's
 * walk over the modules, with the loader's write lock in its hands.
 *
 * The signal comes from the thread itself, so it always lands in the same place: where the
 * counter's lock is held. In the twin it lands where nothing is, and only after the handler
 * has returned there is a point at which the thread may stand still.
 * Source: catalogue row A6; SS (suspending a thread in exception dispatch blends contexts).
 */
#include <harness/workload.h>
#include <workloads/crew.h>

#include <link.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>

enum { THREADS, OPS };

static const struct workload_parameter parameters[] = {
    [THREADS] = {"threads", "threads that are interrupted", 2, 1, CREW_HIGH},
    [OPS] = {"ops", "interruptions of each thread per lap", 20, 1, 10000000},
    {.name = NULL},
};

enum variant { VARIANT_RETURNED, VARIANT_HANDLER, VARIANT_UNWIND };

static const struct workload_variant variants[] = {
    [VARIANT_RETURNED] = {.name = "returned",
                          .summary = "suspended after the handler has returned, with nothing held",
                          .tolerates = "main-kill"},
    [VARIANT_HANDLER] = {.name = "handler",
                         .summary = "suspended in a handler that cut short the owner of a lock",
                         .bad = true,
                         .codes = "lock.owner-suspended",
                         .injectors = "thread-suspend"},
    [VARIANT_UNWIND] = {.name = "unwind",
                        .summary = "suspended in a walk over the modules, as an unwinder does it",
                        .bad = true,
                        .codes = "lock.owner-suspended",
                        .injectors = "thread-suspend"},
    {.name = NULL},
};

static struct {
    const struct workload_context *context;
    pthread_mutex_t mutex; /* guards @counter; nothing nests inside */
    uint64_t counter;
    atomic_ullong handled;
    struct crew crew;
} dispatch = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static void handler(int signal)
{
    (void)signal;
    atomic_fetch_add(&dispatch.handled, 1);
    if (dispatch.context->variant == VARIANT_HANDLER)
        mark_site("handler");
}

/* The loader holds its lock around each call of this. */
static int look_at_module(struct dl_phdr_info *info, size_t size, void *found)
{
    (void)size;
    if (info->dlpi_addr != 0 && ++*(unsigned *)found == 1)
        mark_site("unwind");
    return 0;
}

static void unwind(void)
{
    unsigned found = 0;

    dl_iterate_phdr(look_at_module, &found);
}

static void count(void)
{
    pthread_mutex_lock(&dispatch.mutex);
    dispatch.counter++;
    raise(SIGUSR1);
    pthread_mutex_unlock(&dispatch.mutex);
}

static void *worker(void *argument)
{
    for (int64_t op = 0; op < dispatch.context->value[OPS]; op++) {
        if (dispatch.context->variant == VARIANT_HANDLER) {
            count();
        } else if (dispatch.context->variant == VARIANT_UNWIND) {
            unwind();
        } else {
            raise(SIGUSR1);
            mark_site("returned");
        }
    }
    return argument;
}

static int setup(struct workload_context *context)
{
    struct sigaction action = {.sa_handler = handler};

    dispatch.context = context;
    atomic_store(&dispatch.handled, 0);
    return sigaction(SIGUSR1, &action, NULL) == 0 ? 0 : ERROR_SYSTEM;
}

static void body(struct workload_context *context, uint32_t lap)
{
    (void)lap;
    crew_start(&dispatch.crew, (unsigned)context->value[THREADS], worker);
    crew_join(&dispatch.crew);
}

const struct workload workload_suspended_dispatch = {
    .name = "suspended-dispatch",
    .summary = "a thread is suspended in a signal's handler, or in an unwinder's walk",
    .source = "A6",
    .parameters = parameters,
    .variants = variants,
    .setup = setup,
    .body = body,
};
