/*
 * exit-gates-up: an exit handler that reads what a lock guards, and does not ask for the lock,
 * since at an exit "all the gates are up". If the other threads were killed first, as Windows does
 * it, it reads what one of them has left half done, and nobody will finish that.
 *
 * The worker stands between the two halves of its entry, and waits there until main tells it to go
 * on: so where main is struck in between (exit-nt-order), the entry is half done for certain,
 * on a machine of any speed.
 * Source: catalogue row B2; XP and SS (locks are weakened at exit; "just return without doing
 * anything").
 */
#include <harness/workload.h>
#include <workloads/await.h>
#include <harness/common/workload.h>
#include <workloads/crew.h>

#include <semaphore.h>
#include <stdlib.h>

enum { OPENING = 1000 };

enum { OPS };

static const struct workload_parameter parameters[] = {
    [OPS] = {"ops", "entries that the worker makes per lap", 10, 1, 10000000},
    {.name = NULL},
};

enum variant { VARIANT_HANDS_OFF, VARIANT_CLEANED_UP, VARIANT_GATES_UP, VARIANT_GATES_UP_ALIVE };

static const struct workload_variant variants[] = {
    [VARIANT_HANDS_OFF] = {.name = "hands-off",
                           .summary = "the handler just returns, without doing anything",
                           .tolerates = "thread-kill thread-suspend thread-cancel main-kill "
                                        "main-pthread_exit"},
    [VARIANT_CLEANED_UP] = {.name = "cleaned-up",
                            .summary = "the handler reads, after the threads were joined",
                            .tolerates = "thread-kill thread-suspend thread-cancel main-kill "
                                         "main-pthread_exit exit exit-nt-order"},
    [VARIANT_GATES_UP] = {.name = "gates-up",
                          .summary = "the handler reads without the lock, the worker was killed",
                          .bad = true,
                          .codes = "state.invariant",
                          .injectors = "exit-nt-order"},
    [VARIANT_GATES_UP_ALIVE] = {.name = "gates-up-alive",
                                .summary = "the handler reads without the lock, the worker lives",
                                .bad = true,
                                .codes = "state.invariant exit.threads-alive exit.locks-held",
                                .injectors = ""},
    {.name = NULL},
};

static struct {
    const struct workload_context *context;
    pthread_mutex_t mutex; /* guards the two below; nothing nests inside */
    int64_t left;
    int64_t right;
    sem_t half; /* the worker stands between the halves */
    sem_t go_on;
    struct crew crew;
} scene = {.mutex = PTHREAD_MUTEX_INITIALIZER, .left = OPENING, .right = OPENING};

static void handler(void)
{
    if (scene.context->variant == VARIANT_HANDS_OFF)
        return;
    if (scene.left + scene.right != 2 * OPENING)
        workload_broken("exit-gates-up: the handler read %lld and %lld", (long long)scene.left,
                        (long long)scene.right);
}

static void enter(void)
{
    pthread_mutex_lock(&scene.mutex);
    scene.left--;
    sem_post(&scene.half);
    await(&scene.go_on);
    scene.right++;
    pthread_mutex_unlock(&scene.mutex);
}

static void *worker(void *argument)
{
    for (int64_t op = 0; op < scene.context->value[OPS]; op++)
        enter();
    return argument;
}

static int setup(struct workload_context *context)
{
    scene.context = context;
    if (sem_init(&scene.half, 0, 0) != 0 || sem_init(&scene.go_on, 0, 0) != 0)
        return ERROR_SYSTEM;
    return atexit(handler) == 0 ? 0 : ERROR_SYSTEM;
}

/* Lets the worker through all its entries but the last @kept ones, in the first of which it
 * is left standing. */
static void oversee(int64_t kept)
{
    for (int64_t op = 0; op < scene.context->value[OPS]; op++) {
        await(&scene.half);
        mark_site("half");
        if (op + kept == scene.context->value[OPS])
            return;
        sem_post(&scene.go_on);
    }
}

static void body(struct workload_context *context, uint32_t lap)
{
    bool leaves = context->variant == VARIANT_GATES_UP_ALIVE && lap + 1 == context->laps;

    crew_start(&scene.crew, 1, worker);
    if (scene.crew.member[0].runs)
        oversee(leaves ? 1 : 0);
    if (!leaves)
        crew_join(&scene.crew);
}

static void teardown(struct workload_context *context)
{
    (void)context;
    exit(workload_exit_status());
}

const struct workload workload_exit_gates_up = {
    .name = "exit-gates-up",
    .summary = "an exit handler reads half-done data, since it asks for no lock any more",
    .source = "B2",
    .parameters = parameters,
    .variants = variants,
    .setup = setup,
    .body = body,
    .teardown = teardown,
};
