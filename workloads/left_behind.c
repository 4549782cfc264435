/*
 * left-behind: threads that have something to clean up when they end, and one that ends itself by
 * the bare system call, so that nobody does it: a value of a thread-specific key, a cleanup
 * handler, and a signal that waits for it.
 *
 * A join on such a thread looks clean. It ends with no lock held; what a dead owner does to
 * others is half-update's and heap-owner's lesson.
 * Source: catalogue row A7; PE (stack, TLS and APCs of a terminated thread).
 */
#include <harness/workload.h>
#include <workloads/crew.h>

#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { BYTES = 64 };

enum { THREADS };

static const struct workload_parameter parameters[] = {
    [THREADS] = {"threads", "threads that end per lap", 2, 1, CREW_HIGH},
    {.name = NULL},
};

enum variant { VARIANT_EXITS, VARIANT_CANCELLED, VARIANT_BARE };

/* Without memory, glibc aborts in pthread_exit: it cannot load its unwinder. */
#define TOLERATED "thread-kill thread-suspend thread-cancel main-kill exit-nt-order alloc-fail"

static const struct workload_variant variants[] = {
    [VARIANT_EXITS] = {.name = "exits", .summary = "by pthread_exit", .tolerates = TOLERATED},
    [VARIANT_CANCELLED] = {.name = "cancelled",
                           .summary = "cancelled at a cancellation point",
                           .tolerates = TOLERATED},
    [VARIANT_BARE] = {.name = "bare",
                      .summary = "by the bare system call, and joined all the same",
                      .bad = true,
                      .codes = "thread.left-behind",
                      .injectors = ""},
    {.name = NULL},
};

static struct {
    const struct workload_context *context;
    pthread_key_t key;
    atomic_uint started;   /* threads that have something to clean up */
    atomic_uint destroyed; /* values of @key that were taken back */
    atomic_uint cleaned;   /* cleanup handlers that ran */
    sem_t never;
    sem_t ready; /* a thread is about to end */
    struct crew crew;
} scene;

static void destroy(void *value)
{
    atomic_fetch_add(&scene.destroyed, 1);
    free(value);
}

static void clean(void *argument)
{
    (void)argument;
    atomic_fetch_add(&scene.cleaned, 1);
}

/* To this thread alone, which has it blocked: it waits for as long as the thread lives. */
static void leave_signal_pending(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    pthread_kill(pthread_self(), SIGUSR1);
}

static void leave(void *argument)
{
    switch (scene.context->variant) {
    case VARIANT_CANCELLED:
        sem_wait(&scene.never);
        break;
    case VARIANT_BARE:
        syscall(SYS_exit, 0);
        break;
    default:
        pthread_exit(argument);
    }
}

static void *worker(void *argument)
{
    void *value = malloc(BYTES);

    leave_signal_pending();
    pthread_cleanup_push(clean, NULL);
    if (value != NULL && pthread_setspecific(scene.key, value) == 0)
        atomic_fetch_add(&scene.started, 1);
    else
        free(value);
    sem_post(&scene.ready);
    leave(argument);
    pthread_cleanup_pop(1);
    return NULL;
}

static int setup(struct workload_context *context)
{
    scene.context = context;
    if (sem_init(&scene.never, 0, 0) != 0 || sem_init(&scene.ready, 0, 0) != 0)
        return ERROR_SYSTEM;
    return pthread_key_create(&scene.key, destroy) == 0 ? 0 : ERROR_SYSTEM;
}

static void body(struct workload_context *context, uint32_t lap)
{
    (void)lap;
    crew_start(&scene.crew, (unsigned)context->value[THREADS], worker);
    for (unsigned i = 0; i < scene.crew.count; i++)
        while (scene.crew.member[i].runs && sem_wait(&scene.ready) != 0)
            continue;
    for (unsigned i = 0; i < scene.crew.count; i++)
        if (scene.crew.member[i].runs && context->variant == VARIANT_CANCELLED)
            pthread_cancel(scene.crew.member[i].thread);
    crew_join(&scene.crew);
}

static void check(struct workload_context *context)
{
    bool clean_end = context->variant == VARIANT_EXITS || context->variant == VARIANT_CANCELLED;
    unsigned started = atomic_load(&scene.started);
    unsigned destroyed = atomic_load(&scene.destroyed);

    if (clean_end && started != destroyed)
        workload_broken("left-behind: %u threads had a value, %u were taken back", started,
                        destroyed);
    if (clean_end && atomic_load(&scene.cleaned) < started)
        workload_broken("left-behind: %u threads had a cleanup handler, %u ran", started,
                        atomic_load(&scene.cleaned));
}

static void teardown(struct workload_context *context)
{
    (void)context;
    pthread_key_delete(scene.key);
}

const struct workload workload_left_behind = {
    .name = "left-behind",
    .summary = "a thread ends itself by the bare system call, and leaves all it had behind",
    .source = "A7",
    .parameters = parameters,
    .variants = variants,
    .setup = setup,
    .body = body,
    .check = check,
    .teardown = teardown,
};
