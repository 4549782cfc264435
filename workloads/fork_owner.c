/*
 * fork-owner: forks while another thread owns something. Only the thread that forks is copied,
 * so in the child the owner does not exist, and what it owns is owned for ever.
 *
 * glibc's fork itself sees to the allocator and to streams; _Fork, which is what a signal
 * handler may call, sees to neither. The owner keeps what it owns until the child has ended, so
 * nothing here depends on the schedule but `heap`, since nobody can keep an arena.
 * Source: catalogue row F4.
 */
#include <harness/workload.h>
#include <workloads/await.h>

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FORKS, OPS };

static const struct workload_parameter parameters[] = {
    [FORKS] = {"forks", "children per lap", 3, 1, 100000},
    [OPS] = {"ops", "blocks that the owner of `heap` renews meanwhile", 20000, 1, 10000000},
    {.name = NULL},
};

enum variant {
    VARIANT_ALONE,
    VARIANT_ATFORK,
    VARIANT_LOCK,
    VARIANT_STREAM,
    VARIANT_HEAP,
    VARIANT_POOL,
};

/* What ends the child of a lap early gives its parent another status than it waits for. */
#define TOLERATED                                                                                  \
    "thread-kill thread-suspend thread-cancel main-kill main-pthread_exit exit exit-nt-order "     \
    "exit-twice exit_group _exit quick_exit abort sigterm sigkill fork-here"

static const struct workload_variant variants[] = {
    [VARIANT_ALONE] = {.name = "alone",
                       .summary = "there is no other thread when it forks",
                       .tolerates = TOLERATED},
    [VARIANT_ATFORK] = {.name = "atfork",
                        .summary = "pthread_atfork takes the lock before, and frees it after",
                        .tolerates = TOLERATED},
    [VARIANT_LOCK] = {.name = "lock",
                      .summary = "another thread owns a mutex that the child wants",
                      .bad = true,
                      .codes = "lock.orphaned",
                      .injectors = ""},
    [VARIANT_STREAM] = {.name = "stream",
                        .summary = "another thread owns a stream that the child prints to",
                        .bad = true,
                        .codes = "lock.orphaned",
                        .injectors = ""},
    [VARIANT_HEAP] = {.name = "heap",
                      .summary = "another thread owns the arena that the child allocates from",
                      .bad = true,
                      .codes = "heap.lock-orphaned",
                      .injectors = "",
                      .environment =
                          "GLIBC_TUNABLES=glibc.malloc.arena_max=1:glibc.malloc.tcache_count=0"},
    [VARIANT_POOL] = {.name = "pool",
                      .summary = "the child hands work to a thread that only its parent has",
                      .bad = true,
                      .codes = "thread.lost-at-fork",
                      .injectors = ""},
    {.name = NULL},
};

static struct {
    const struct workload_context *context;
    pthread_mutex_t mutex; /* guards @entries; nothing nests inside */
    uint64_t entries;
    FILE *stream;
    pthread_t owner;
    bool runs;
    atomic_bool enough;
    sem_t owned;
    sem_t forked;
    sem_t asked; /* of `pool`: work for the owner */
    sem_t answered;
} scene;

static void lock(void)
{
    pthread_mutex_lock(&scene.mutex);
}

static void unlock(void)
{
    pthread_mutex_unlock(&scene.mutex);
}

/* --- the owner ---------------------------------------------------------------------------- */

static void own_until_forked(void)
{
    sem_post(&scene.owned);
    await(&scene.forked);
}

/* Hidden from the compiler, which would leave out a block that nobody reads. */
static void churn(void)
{
    void *block = malloc(5000);

    __asm__ volatile("" : "+r"(block));
    free(block);
}

/* Nobody can own an arena longer than a call lasts, so it is owned as often as can be. */
static void own_arena(void)
{
    sem_post(&scene.owned);
    for (int64_t op = 0; op < scene.context->value[OPS] && !atomic_load(&scene.enough); op++)
        churn();
    await(&scene.forked);
}

/* With the handlers in place fork waits for the lock, so it cannot be kept until then. */
static void own_by_turns(void)
{
    sem_post(&scene.owned);
    for (unsigned i = 0; i < 100; i++) {
        lock();
        scene.entries++;
        unlock();
    }
    await(&scene.forked);
}

static void ask(void)
{
    sem_post(&scene.asked);
    await(&scene.answered);
}

/* The parent asks once, so that it works there. */
static void serve(void)
{
    await(&scene.asked);
    sem_post(&scene.answered);
    own_until_forked();
}

static void *own(void *argument)
{
    switch (scene.context->variant) {
    case VARIANT_LOCK:
        lock();
        own_until_forked();
        unlock();
        break;
    case VARIANT_STREAM:
        flockfile(scene.stream);
        own_until_forked();
        funlockfile(scene.stream);
        break;
    case VARIANT_HEAP:
        own_arena();
        break;
    case VARIANT_POOL:
        serve();
        break;
    default:
        own_by_turns();
        break;
    }
    return argument;
}

/* --- the child ------------------------------------------------------------------------------ */

/* It must not outlive the parent, whatever becomes of that. */
static void live_as_child(pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(0);
    switch (scene.context->variant) {
    case VARIANT_STREAM:
        flockfile(scene.stream);
        fputs("child\n", scene.stream);
        funlockfile(scene.stream);
        break;
    case VARIANT_HEAP:
        churn();
        break;
    case VARIANT_POOL:
        ask();
        break;
    default:
        lock();
        scene.entries++;
        unlock();
        break;
    }
    _exit(0);
}

static void fork_once(void)
{
    pid_t parent = getpid();
    bool bare = scene.context->variant == VARIANT_STREAM || scene.context->variant == VARIANT_HEAP;
    pid_t pid = bare ? _Fork() : fork();
    int status = 0;

    if (pid == 0)
        live_as_child(parent);
    if (pid < 0)
        return;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    if (status != 0)
        workload_broken("fork-owner: the child ended with status %#x", (unsigned)status);
}

/* --- the workload ------------------------------------------------------------------------------
 */

static int setup(struct workload_context *context)
{
    scene.context = context;
    pthread_mutex_init(&scene.mutex, NULL);
    if (sem_init(&scene.owned, 0, 0) != 0 || sem_init(&scene.forked, 0, 0) != 0 ||
        sem_init(&scene.asked, 0, 0) != 0 || sem_init(&scene.answered, 0, 0) != 0)
        return ERROR_SYSTEM;
    if (context->variant == VARIANT_ATFORK && pthread_atfork(lock, unlock, unlock) != 0)
        return ERROR_SYSTEM;
    if (context->variant != VARIANT_STREAM)
        return 0;
    scene.stream = fopen("/dev/null", "w");
    return scene.stream != NULL ? 0 : ERROR_SYSTEM;
}

static void body(struct workload_context *context, uint32_t lap)
{
    (void)lap;
    atomic_store(&scene.enough, false);
    scene.runs =
        context->variant != VARIANT_ALONE && pthread_create(&scene.owner, NULL, own, NULL) == 0;
    if (scene.runs && context->variant == VARIANT_POOL)
        ask();
    if (scene.runs)
        await(&scene.owned);
    for (int64_t i = 0; i < context->value[FORKS]; i++)
        fork_once();
    if (!scene.runs)
        return;
    atomic_store(&scene.enough, true);
    sem_post(&scene.forked);
    pthread_join(scene.owner, NULL);
}

static void teardown(struct workload_context *context)
{
    (void)context;
    if (scene.stream != NULL)
        fclose(scene.stream);
    sem_destroy(&scene.forked);
    sem_destroy(&scene.owned);
    pthread_mutex_destroy(&scene.mutex);
}

const struct workload workload_fork_owner = {
    .name = "fork-owner",
    .summary = "forks while another thread owns a lock or a stream that the child needs",
    .source = "F4",
    .parameters = parameters,
    .variants = variants,
    .setup = setup,
    .body = body,
    .teardown = teardown,
};
