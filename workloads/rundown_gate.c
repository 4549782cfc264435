/*
 * rundown-gate: threads call into a module that is about to be unloaded. A gate counts who is
 * inside: the unloader closes it, waits until the last one has left, and whoever comes after is
 * refused. The gate is the host's, since it has to be there when the module is not.
 *
 * It is a read-write lock: to be inside is to read. The robust gate is a mutex for each caller,
 * which tells the unloader that its caller has died inside, so that nobody waits for the dead.
 * Source: catalogue row C9; PE (rundown protection, the first step of a thread's exit); SS (the
 * barrier that fails calls in once shutdown began).
 */
#include <harness/workload.h>
#include <workloads/await.h>
#include <workloads/crew.h>
#include <workloads/modules/hall.h>
#include <workloads/plug.h>

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

enum { DEAD_MS = 50 }; /* after which a caller who does not come is taken for dead */

enum { THREADS, VISITS };

static const struct workload_parameter parameters[] = {
    [THREADS] = {"threads", "threads that call into the module", 2, 1, CREW_HIGH},
    [VISITS] = {"visits", "calls by each, unless it is refused before", 40, 1, 1000000},
    {.name = NULL},
};

enum variant { GATED, ROBUST, NO_GATE, LOCK_HELD, LOADER_HELD, DIES_INSIDE };

#define TOLERATED                                                                                  \
    "thread-suspend thread-cancel main-kill main-pthread_exit exit-nt-order module-unload "        \
    "module-reload"

static const struct workload_variant variants[] = {
    [GATED] = {.name = "gated",
               .summary = "closed, and all have left, before the module goes; late ones refused",
               .tolerates = "thread-kill " TOLERATED},
    [ROBUST] = {.name = "robust",
                .summary = "a gate that tells of callers who died inside",
                .tolerates = TOLERATED},
    [NO_GATE] = {.name = "no-gate",
                 .summary = "the module goes under its callers",
                 .bad = true,
                 .codes = "module.code-unmapped",
                 .injectors = ""},
    [LOCK_HELD] = {.name = "lock-held",
                   .summary = "waits at the gate with a lock that those inside need",
                   .bad = true,
                   .codes = "lock.deadlock",
                   .injectors = ""},
    [LOADER_HELD] = {.name = "loader-held",
                     .summary = "waits at the gate inside dlclose; those inside need the loader",
                     .bad = true,
                     .codes = "loader.deadlock",
                     .injectors = ""},
    [DIES_INSIDE] = {.name = "dies-inside",
                     .summary = "a caller dies inside, and the gate waits for it",
                     .bad = true,
                     .codes = "hang lock.orphaned",
                     .injectors = "thread-kill"},
    {.name = NULL},
};

static struct {
    struct plug module;
    struct plug rules;
    const struct workload_context *context;
    struct crew crew;
    struct hall_host lent;
    void *handle;
    uint64_t (*visit)(uint64_t);
    pthread_rwlock_t gate;           /* inside: read. Nests outside of mutex */
    pthread_mutex_t seat[CREW_HIGH]; /* the robust gate: inside is to have one's own */
    atomic_bool closed;
    pthread_mutex_t mutex; /* what a visit needs; guards thoughts */
    uint64_t thoughts;
    sem_t entered; /* once for each visit */
} host;

/* --- the gate ----------------------------------------------------------------------------------
 */

static bool is_robust(void)
{
    return host.context->variant == ROBUST;
}

/* Who died in here left nothing that has to be mended: the seat is free again. */
static void take_seat(unsigned index)
{
    if (pthread_mutex_lock(&host.seat[index]) == EOWNERDEAD)
        pthread_mutex_consistent(&host.seat[index]);
}

static void leave(unsigned index)
{
    if (is_robust())
        pthread_mutex_unlock(&host.seat[index]);
    else if (host.context->variant != NO_GATE)
        pthread_rwlock_unlock(&host.gate);
}

/* False: refused. */
static bool enter(unsigned index)
{
    if (is_robust())
        take_seat(index);
    else if (host.context->variant != NO_GATE)
        pthread_rwlock_rdlock(&host.gate);
    if (!atomic_load(&host.closed))
        return true;
    leave(index);
    return false;
}

/* Returns when the last one has left; whoever comes later finds the gate closed. */
static void close_gate(void)
{
    atomic_store(&host.closed, true);
    for (unsigned i = 0; is_robust() && i < host.crew.count; i++) {
        take_seat(i);
        pthread_mutex_unlock(&host.seat[i]);
    }
    if (is_robust() || host.context->variant == NO_GATE)
        return;
    pthread_rwlock_wrlock(&host.gate);
    pthread_rwlock_unlock(&host.gate);
}

/* --- what the module calls -----------------------------------------------------------------------
 */

/* Halfway: from here on the unloader may come. */
static void think(void)
{
    int variant = host.context->variant;

    mark_site("inside");
    sem_post(&host.entered);
    if (variant == LOADER_HELD)
        plug_close(plug_open(&host.rules, RTLD_LOCAL));
    if (variant != LOCK_HELD && variant != NO_GATE)
        return;
    pthread_mutex_lock(&host.mutex);
    host.thoughts++;
    pthread_mutex_unlock(&host.mutex);
}

static void ending(void)
{
    if (host.context->variant == LOADER_HELD)
        close_gate();
}

/* --- callers
 * --------------------------------------------------------------------------------------- */

/* False: refused. */
static bool visit_once(unsigned index, uint64_t number)
{
    uint64_t result;

    if (!enter(index))
        return false;
    result = host.visit(number);
    leave(index);
    if (result != hall_expected(number))
        workload_broken("rundown-gate: visit %#llx got %#llx", (unsigned long long)number,
                        (unsigned long long)result);
    return true;
}

static void *call_in(void *argument)
{
    const struct crew_member *member = argument;
    uint64_t state = workload_stream(host.context, member->index);

    for (int64_t i = 0; i < host.context->value[VISITS]; i++)
        if (!visit_once(member->index, workload_random(&state)))
            break;
    return argument;
}

/* --- the unloader
 * ---------------------------------------------------------------------------------- */

/* Until somebody is inside. Who may be killed on the way can't be waited for without a limit. */
static void wait_for_caller(void)
{
    int variant = host.context->variant;

    if (!host.crew.member[0].runs)
        return;
    if (variant == ROBUST || variant == DIES_INSIDE)
        await_for(&host.entered, DEAD_MS);
    else
        await(&host.entered);
}

static void unload(void)
{
    int variant = host.context->variant;

    wait_for_caller();
    if (variant != NO_GATE && variant != LOADER_HELD)
        close_gate();
    if (variant == LOCK_HELD)
        pthread_mutex_unlock(&host.mutex);
    mark_site("unload");
    plug_close(host.handle);
}

static bool load(void)
{
    void (*begin)(const struct hall_host *);

    host.handle = plug_open(&host.module, RTLD_LOCAL);
    if (host.handle == NULL)
        return false;
    begin = (void (*)(const struct hall_host *))plug_symbol(host.handle, "hall_begin");
    host.visit = (uint64_t(*)(uint64_t))plug_symbol(host.handle, "hall_visit");
    if (begin != NULL && host.visit != NULL) {
        begin(&host.lent);
        return true;
    }
    plug_close(host.handle);
    return false;
}

static void init_seats(void)
{
    pthread_mutexattr_t attributes;

    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    for (unsigned i = 0; i < CREW_HIGH; i++)
        pthread_mutex_init(&host.seat[i], &attributes);
    pthread_mutexattr_destroy(&attributes);
}

static int setup(struct workload_context *context)
{
    int error = plug_find(&host.module, context, "hall.so");

    host.context = context;
    host.lent = (struct hall_host){think, ending};
    pthread_rwlock_init(&host.gate, NULL);
    pthread_mutex_init(&host.mutex, NULL);
    init_seats();
    return error != 0 ? error : plug_find(&host.rules, context, "rules.so");
}

static void body(struct workload_context *context, uint32_t lap)
{
    (void)lap;
    atomic_store(&host.closed, false);
    sem_init(&host.entered, 0, 0);
    if (!load())
        return;
    if (context->variant == LOCK_HELD) /* before anybody calls, so that all of them need it */
        pthread_mutex_lock(&host.mutex);
    crew_start(&host.crew, (unsigned)context->value[THREADS], call_in);
    unload();
    crew_join(&host.crew);
}

const struct workload workload_rundown_gate = {
    .name = "rundown-gate",
    .summary = "threads call into a module that goes: a gate counts them, and refuses late ones",
    .source = "C9",
    .parameters = parameters,
    .variants = variants,
    .modules = true,
    .setup = setup,
    .body = body,
};
