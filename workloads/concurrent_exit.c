/*
 * concurrent-exit: a worker asks to exit, and while its handlers run main leaves, too, in one of
 * all the ways that there are. Each handler runs once, but on whichever thread came first to
 * it; what is left of them may never run, or run while the process is gone half-way.
 *
 * The handler that runs first stops until main is in the one after it, or has left otherwise: so
 * the two always meet, on a machine of any speed. In the twin one is anointed to leave. The
 * other one ends, and the winner waits for that end before it asks to exit.
 * Source: catalogue row B5; SS (exit called by many: one winner, 0, 1 or many shutdown calls).
 */
#include <harness/workload.h>
#include <workloads/await.h>
#include <harness/common/workload.h>

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

static const struct workload_parameter parameters[] = {
    {.name = NULL},
};

enum variant {
    VARIANT_ANOINTED,
    VARIANT_PARKED,
    VARIANT_EXIT,
    VARIANT_RETURN,
    VARIANT_QUICK_EXIT,
    VARIANT_EXIT_NOW,
    VARIANT_ABORT,
    VARIANT_PTHREAD_EXIT,
    VARIANT_SIGKILL
};

static const struct workload_variant variants[] = {
    [VARIANT_ANOINTED] = {.name = "anointed",
                          .summary = "one wins, the other ends, and only then exit is asked for",
                          .tolerates = "thread-kill thread-suspend thread-cancel main-kill "
                                       "main-pthread_exit exit exit-nt-order"},
    [VARIANT_PARKED] = {.name = "parked",
                        .summary = "one wins, and the other stands still until the process is gone",
                        .bad = true,
                        .codes = "exit.threads-alive",
                        .injectors = ""},
    [VARIANT_EXIT] = {.name = "exit",
                      .summary = "a worker calls exit(), and so does main",
                      .bad = true,
                      .codes = "exit.concurrent",
                      .injectors = ""},
    [VARIANT_RETURN] = {.name = "return",
                        .summary = "a worker calls exit(), and main returns",
                        .bad = true,
                        .codes = "exit.concurrent",
                        .injectors = ""},
    [VARIANT_QUICK_EXIT] = {.name = "quick_exit",
                            .summary = "a worker calls exit(), and main calls quick_exit()",
                            .bad = true,
                            .codes = "exit.concurrent",
                            .injectors = ""},
    [VARIANT_EXIT_NOW] = {.name = "_exit",
                          .summary = "a worker calls exit(), and main calls _exit()",
                          .bad = true,
                          .codes = "exit.concurrent",
                          .injectors = ""},
    [VARIANT_ABORT] = {.name = "abort",
                       .summary = "a worker calls exit(), and main calls abort()",
                       .bad = true,
                       .codes = "crash.signal",
                       .injectors = ""},
    [VARIANT_PTHREAD_EXIT] = {.name = "pthread_exit",
                              .summary = "a worker calls exit(), and main ends by pthread_exit()",
                              .bad = true,
                              .codes = "exit.threads-alive",
                              .injectors = ""},
    [VARIANT_SIGKILL] = {.name = "sigkill",
                         .summary = "a worker calls exit(), and the process is killed meanwhile",
                         .bad = true,
                         .codes = "crash.signal",
                         .injectors = ""},
    {.name = NULL},
};

static struct {
    int variant;
    pthread_t main;
    pthread_t worker;
    atomic_bool anointed; /* somebody is */
    sem_t inside;         /* the worker is in its first handler */
    sem_t met;            /* main is in the one after it, or is about to leave otherwise */
    sem_t never;
} scene;

static bool is_twin(void)
{
    return scene.variant == VARIANT_ANOINTED || scene.variant == VARIANT_PARKED;
}

/* Registered last, so it runs first, on the thread that asked first. */
static void first_handler(void)
{
    if (is_twin())
        return;
    sem_post(&scene.inside);
    await(&scene.met);
}

static void second_handler(void)
{
    if (!is_twin())
        sem_post(&scene.met);
}

static bool is_anointed(void)
{
    return !atomic_exchange(&scene.anointed, true);
}

/* The others are on their way to nowhere: they hold nothing, and want nothing. */
static void leave_alone(pthread_t other)
{
    if (scene.variant == VARIANT_ANOINTED)
        pthread_join(other, NULL);
    exit(workload_exit_status());
}

static void *leave_first(void *argument)
{
    if (!is_twin())
        exit(workload_exit_status());
    if (is_anointed())
        leave_alone(scene.main);
    if (scene.variant == VARIANT_PARKED)
        await(&scene.never);
    return argument;
}

static int setup(struct workload_context *context)
{
    scene.variant = context->variant;
    scene.main = pthread_self();
    if (sem_init(&scene.inside, 0, 0) != 0 || sem_init(&scene.met, 0, 0) != 0 ||
        sem_init(&scene.never, 0, 0) != 0)
        return ERROR_SYSTEM;
    if (atexit(second_handler) != 0 || atexit(first_handler) != 0 ||
        at_quick_exit(second_handler) != 0)
        return ERROR_SYSTEM;
    return 0;
}

static void body(struct workload_context *context, uint32_t lap)
{
    (void)context;
    (void)lap;
}

/* These give the worker no sign, for there is nothing left that it could wait for. */
static void leave_late(void)
{
    switch (scene.variant) {
    case VARIANT_RETURN:
        return;
    case VARIANT_QUICK_EXIT:
        quick_exit(workload_exit_status());
    case VARIANT_EXIT_NOW:
        _exit(workload_exit_status());
    case VARIANT_ABORT:
        abort();
    case VARIANT_PTHREAD_EXIT:
        sem_post(&scene.met);
        pthread_exit(NULL);
    case VARIANT_SIGKILL:
        kill(getpid(), SIGKILL);
        return;
    default:
        exit(workload_exit_status());
    }
}

static void teardown(struct workload_context *context)
{
    (void)context;
    if (pthread_create(&scene.worker, NULL, leave_first, NULL) != 0)
        exit(workload_exit_status());
    if (!is_twin()) {
        await(&scene.inside);
        leave_late();
        return;
    }
    if (is_anointed())
        leave_alone(scene.worker);
    if (scene.variant == VARIANT_PARKED)
        await(&scene.never);
    pthread_exit(NULL);
}

const struct workload workload_concurrent_exit = {
    .name = "concurrent-exit",
    .summary = "a worker and main leave at the same time, each in its own way",
    .source = "B5",
    .parameters = parameters,
    .variants = variants,
    .setup = setup,
    .body = body,
    .teardown = teardown,
};
