/*
 * thread-churn: threads that come and go by every orderly way: return, pthread_exit, cancelled
 * at a cancellation point, joined or detached. Each leaves a cleanup handler and a key's value
 * behind it, and both must be called exactly once, whichever way it went.
 *
 * A record belongs to its thread until that is joined or, if detached, has posted `gone`,
 * which its key destructor does as the last thing it ever does to the record.
 * Source: catalogue rows A7 (the clean ways), E.
 */
#include <harness/workload.h>

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stddef.h>

enum { THREADS_HIGH = 64 };

enum { THREADS, ROUNDS };

static const struct workload_parameter parameters[] = {
    [THREADS] = {"threads", "threads alive together, the ways in turn", 7, 1, THREADS_HIGH},
    [ROUNDS] = {"rounds", "times that all of them come and go per lap", 2, 1, 1000000},
    {.name = NULL},
};

/* main-pthread_exit: threads that only main would cancel are left waiting. alloc-fail: glibc loads
 * its unwinder at the first pthread_exit or cancellation, and aborts where there is no memory for
 * it. */
static const struct workload_variant variants[] = {
    {.name = "plain",
     .summary = "all orderly ways: handlers and destructors run once",
     .tolerates = "thread-kill thread-suspend thread-cancel main-kill main-pthread_exit "
                  "exit-nt-order alloc-fail"},
    {.name = NULL},
};

/* A detached thread is never cancelled: it may be gone, and its name with it. */
enum way {
    WAY_RETURN,
    WAY_EXIT,
    WAY_CANCEL_WAITING,   /* in sem_wait */
    WAY_CANCEL_LISTENING, /* in pthread_cond_wait, which takes the mutex back first */
    WAY_CANCEL_PENDING,   /* asked before, obeyed at pthread_testcancel */
    WAY_BORN_DETACHED,
    WAY_DETACHED_LATER,
    WAYS
};

static const char *const way_name[WAYS] = {
    "returned",
    "left by pthread_exit",
    "was cancelled in sem_wait",
    "was cancelled in pthread_cond_wait",
    "was cancelled by pthread_testcancel",
    "was born detached",
    "was detached later",
};

/* @pushed, @keyed: the handler and the value are in place. @cleaned, @destroyed: calls. */
struct record {
    enum way way;
    pthread_t thread;
    bool runs;
    pthread_mutex_t mutex; /* of the condition; nothing nests inside */
    pthread_cond_t never;
    sem_t asked; /* its cancellation has been asked for */
    sem_t nobody_posts;
    atomic_uint pushed;
    atomic_uint cleaned;
    atomic_uint keyed;
    atomic_uint destroyed;
};

static struct {
    pthread_key_t key;
    pthread_attr_t detached;
    sem_t gone; /* a detached thread has done its last */
    unsigned threads;
    struct record record[THREADS_HIGH];
} churn;

/* --- in the thread ------------------------------------------------------------------------ */

static bool is_detached(enum way way)
{
    return way == WAY_BORN_DETACHED || way == WAY_DETACHED_LATER;
}

static bool is_cancelled(enum way way)
{
    return way == WAY_CANCEL_WAITING || way == WAY_CANCEL_LISTENING || way == WAY_CANCEL_PENDING;
}

static void clean(void *argument)
{
    struct record *record = argument;

    atomic_fetch_add(&record->cleaned, 1);
}

/* From here on a detached thread's record may belong to another one. */
static void farewell(const struct record *record)
{
    if (is_detached(record->way))
        sem_post(&churn.gone);
}

static void destroy(void *argument)
{
    struct record *record = argument;

    atomic_fetch_add(&record->destroyed, 1);
    farewell(record);
}

static void unlock(void *mutex)
{
    pthread_mutex_unlock(mutex);
}

static void wait_for_ever(sem_t *semaphore)
{
    for (;;)
        sem_wait(semaphore);
}

static void listen_for_ever(struct record *record)
{
    pthread_mutex_lock(&record->mutex);
    pthread_cleanup_push(unlock, &record->mutex);
    for (;;)
        pthread_cond_wait(&record->never, &record->mutex);
    pthread_cleanup_pop(1);
}

/* With cancellation off while it waits, so that nothing but the test can obey. */
static void obey_later(struct record *record)
{
    int state;

    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
    while (sem_wait(&record->asked) != 0)
        continue;
    pthread_setcancelstate(state, NULL);
    pthread_testcancel();
}

static void leave(struct record *record)
{
    switch (record->way) {
    case WAY_EXIT:
        pthread_exit(record);
    case WAY_CANCEL_WAITING:
        wait_for_ever(&record->nobody_posts);
        break;
    case WAY_CANCEL_LISTENING:
        listen_for_ever(record);
        break;
    case WAY_CANCEL_PENDING:
        obey_later(record);
        break;
    default:
        break;
    }
}

static void *live(void *argument)
{
    struct record *record = argument;
    bool key;

    pthread_cleanup_push(clean, record);
    atomic_store(&record->pushed, 1);
    key = pthread_setspecific(churn.key, record) == 0;
    atomic_store(&record->keyed, key);
    mark_site("armed");
    leave(record);
    pthread_cleanup_pop(1);
    if (!key)
        farewell(record);
    return record;
}

/* --- in main --------------------------------------------------------------------------------- */

static void birth(struct record *record, enum way way)
{
    record->way = way;
    atomic_store(&record->pushed, 0);
    atomic_store(&record->cleaned, 0);
    atomic_store(&record->keyed, 0);
    atomic_store(&record->destroyed, 0);
    record->runs =
        pthread_create(&record->thread, way == WAY_BORN_DETACHED ? &churn.detached : NULL, live,
                       record) == 0;
}

static void expect_result(const struct record *record, const void *result)
{
    const void *wanted = is_cancelled(record->way) ? PTHREAD_CANCELED : record;

    if (result != wanted)
        workload_broken("thread-churn: a thread that %s handed over the wrong result",
                        way_name[record->way]);
}

static void await_joined(struct record *record)
{
    void *result = NULL;

    if (is_cancelled(record->way))
        pthread_cancel(record->thread);
    if (record->way == WAY_CANCEL_PENDING)
        sem_post(&record->asked);
    if (pthread_join(record->thread, &result) != 0)
        workload_broken("thread-churn: a thread that %s cannot be joined", way_name[record->way]);
    else
        expect_result(record, result);
}

static void part(struct record *record)
{
    if (record->way == WAY_DETACHED_LATER)
        pthread_detach(record->thread);
    else if (record->way != WAY_BORN_DETACHED)
        await_joined(record);
}

static void await_detached(void)
{
    for (unsigned i = 0; i < churn.threads; i++)
        if (churn.record[i].runs && is_detached(churn.record[i].way))
            while (sem_wait(&churn.gone) != 0)
                continue;
}

static void expect_once(const struct record *record, const char *what, unsigned installed,
                        unsigned called)
{
    if (installed != called)
        workload_broken("thread-churn: the %s of a thread that %s was called %u times, not %u",
                        what, way_name[record->way], called, installed);
}

static void verify(const struct record *record)
{
    expect_once(record, "cleanup handler", atomic_load(&record->pushed),
                atomic_load(&record->cleaned));
    expect_once(record, "key destructor", atomic_load(&record->keyed),
                atomic_load(&record->destroyed));
}

static void run_round(void)
{
    for (unsigned i = 0; i < churn.threads; i++)
        birth(&churn.record[i], (enum way)(i % WAYS));
    for (unsigned i = 0; i < churn.threads; i++)
        if (churn.record[i].runs)
            part(&churn.record[i]);
    await_detached();
    for (unsigned i = 0; i < churn.threads; i++)
        if (churn.record[i].runs)
            verify(&churn.record[i]);
}

/* --- the workload -------------------------------------------------------------------------------
 */

static void record_init(struct record *record)
{
    pthread_mutex_init(&record->mutex, NULL);
    pthread_cond_init(&record->never, NULL);
    sem_init(&record->asked, 0, 0);
    sem_init(&record->nobody_posts, 0, 0);
}

static void record_destroy(struct record *record)
{
    sem_destroy(&record->nobody_posts);
    sem_destroy(&record->asked);
    pthread_cond_destroy(&record->never);
    pthread_mutex_destroy(&record->mutex);
}

static int setup(struct workload_context *context)
{
    churn.threads = (unsigned)context->value[THREADS];
    if (pthread_key_create(&churn.key, destroy) != 0)
        return ERROR_SYSTEM;
    pthread_attr_init(&churn.detached);
    pthread_attr_setdetachstate(&churn.detached, PTHREAD_CREATE_DETACHED);
    sem_init(&churn.gone, 0, 0);
    for (unsigned i = 0; i < churn.threads; i++)
        record_init(&churn.record[i]);
    return 0;
}

static void body(struct workload_context *context, uint32_t lap)
{
    (void)lap;
    for (int64_t round = 0; round < context->value[ROUNDS]; round++)
        run_round();
}

static void teardown(struct workload_context *context)
{
    (void)context;
    for (unsigned i = 0; i < churn.threads; i++)
        record_destroy(&churn.record[i]);
    sem_destroy(&churn.gone);
    pthread_attr_destroy(&churn.detached);
    pthread_key_delete(churn.key);
}

const struct workload workload_thread_churn = {
    .name = "thread-churn",
    .summary = "threads that come and go by every orderly way, handlers counted",
    .source = "A7 E",
    .parameters = parameters,
    .variants = variants,
    .setup = setup,
    .body = body,
    .teardown = teardown,
};
