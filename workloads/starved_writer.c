/*
 * starved-writer: two readers relay a lock so that one of them is always inside, and a writer waits
 * for it. Each leaves only when the other one has told him that he is in, so there is no moment at
 * which the lock is free, however fast or slow the machine is.
 *
 * The twin's readers leave together after some readings, and the writer has his turn. Those of the
 * bad one go on until main has slept for as long as it is told to: long beyond the deadline that
 * the variant sets, and thrice it. No clock is asked. The kind of lock is the usual one, which lets
 * readers in although a writer waits.
 * Source: pthread_rwlockattr_setkind_np(3) (PTHREAD_RWLOCK_PREFER_READER_NP starves writers).
 */
#include <harness/workload.h>
#include <workloads/await.h>

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

enum { READINGS, NAP };

enum { DEADLINE_MS = 400 };

static const struct workload_parameter parameters[] = {
    [READINGS] = {"readings", "readings of each reader of `pausing`", 50, 1, 1000000},
    [NAP] = {"nap", "milliseconds for which the readers of `relayed` go on", 3000, 0, 1000000},
    {.name = NULL},
};

enum variant { VARIANT_PAUSING, VARIANT_RELAYED };

static const struct workload_variant variants[] = {
    [VARIANT_PAUSING] = {.name = "pausing",
                         .summary = "after some readings both readers leave the lock",
                         .tolerates = "thread-kill thread-suspend thread-cancel main-kill "
                                      "main-pthread_exit exit-nt-order"},
    [VARIANT_RELAYED] = {.name = "relayed",
                         .summary = "there is always a reader inside, and the writer never gets in",
                         .bad = true,
                         .codes = "hang.starvation",
                         .injectors = "",
                         .deadline_ms = DEADLINE_MS},
    {.name = NULL},
};

enum { READERS = 2, THREADS = READERS + 1 };

static struct {
    const struct workload_context *context;
    pthread_rwlock_t lock; /* guards @half, which are equal; nothing nests inside */
    uint64_t half[2];
    sem_t inside;         /* the first reader is */
    sem_t leave[READERS]; /* the other one is */
    sem_t came;           /* the writer, who goes for the lock next */
    atomic_bool stop;     /* no reader begins another round */
    pthread_t thread[THREADS];
    bool runs[THREADS];
} scene;

static const unsigned reader_number[READERS] = {0, 1};

static void look(void)
{
    if (scene.half[0] != scene.half[1])
        workload_broken("starved-writer: a reader met the writer inside");
}

/* Whoever has enough stops both: the other one would wait for him. */
static void count(int64_t readings)
{
    if (scene.context->variant == VARIANT_PAUSING && readings >= scene.context->value[READINGS])
        atomic_store(&scene.stop, true);
}

static void *read_on(void *argument)
{
    unsigned self = *(const unsigned *)argument;
    bool first = self == 0;
    int64_t readings = 0;

    for (; !atomic_load(&scene.stop); first = false) {
        pthread_rwlock_rdlock(&scene.lock);
        sem_post(first ? &scene.inside : &scene.leave[!self]);
        look();
        await(&scene.leave[self]);
        pthread_rwlock_unlock(&scene.lock);
        count(++readings);
    }
    sem_post(&scene.leave[!self]);
    return NULL;
}

static void *write_once(void *argument)
{
    sem_post(&scene.came);
    pthread_rwlock_wrlock(&scene.lock);
    scene.half[0]++;
    scene.half[1]++;
    pthread_rwlock_unlock(&scene.lock);
    return argument;
}

static int setup(struct workload_context *context)
{
    scene.context = context;
    return -pthread_rwlock_init(&scene.lock, NULL);
}

static bool start(unsigned index, void *(*routine)(void *), void *argument)
{
    scene.runs[index] = pthread_create(&scene.thread[index], NULL, routine, argument) == 0;
    return scene.runs[index];
}

/* The writer comes while the first reader is inside, then the second reader. False if somebody is
 * missing: no memory is no fault.
 */
static bool start_all(void)
{
    if (!start(0, read_on, (void *)&reader_number[0]))
        return false;
    await(&scene.inside);
    if (start(READERS, write_once, NULL)) {
        await(&scene.came);
        if (start(1, read_on, (void *)&reader_number[1]))
            return true;
    }
    atomic_store(&scene.stop, true);
    sem_post(&scene.leave[0]); /* in place of the one who is missing */
    return false;
}

static void body(struct workload_context *context, uint32_t lap)
{
    (void)lap;
    atomic_store(&scene.stop, false);
    sem_init(&scene.inside, 0, 0);
    sem_init(&scene.came, 0, 0);
    for (unsigned i = 0; i < READERS; i++)
        sem_init(&scene.leave[i], 0, 0);
    if (start_all() && context->variant == VARIANT_RELAYED) {
        nap(context->value[NAP]);
        atomic_store(&scene.stop, true);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        if (scene.runs[i])
            pthread_join(scene.thread[i], NULL);
        scene.runs[i] = false;
    }
    sem_destroy(&scene.inside);
    sem_destroy(&scene.came);
    for (unsigned i = 0; i < READERS; i++)
        sem_destroy(&scene.leave[i]);
}

static void teardown(struct workload_context *context)
{
    (void)context;
    pthread_rwlock_destroy(&scene.lock);
}

const struct workload workload_starved_writer = {
    .name = "starved-writer",
    .summary = "readers relay a lock that a writer waits for",
    .source = "pthread_rwlockattr_setkind_np(3)",
    .parameters = parameters,
    .variants = variants,
    .setup = setup,
    .body = body,
    .teardown = teardown,
};
