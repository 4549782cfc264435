/*
 * half-update: a book of two sides, whose sum never changes while nobody is between the two halves
 * of an entry; and threads that die there, with the book's lock in their hands.
 *
 * Who comes next waits for ever. Under `gates-up` the lock is opened by force once its owner is
 * dead: nobody waits, and everybody reads what was half done. In the twin the threads that may
 * die only work out the amounts, and main, which outlives them, makes the entries.
 * Source: catalogue row A2; XP (the lock's owner was terminated, the data are inconsistent).
 */
#include <harness/workload.h>
#include <workloads/crew.h>

#include <stdatomic.h>

enum { OPENING = 1000000, LARGEST = 100 };

enum { THREADS, OPS };

static const struct workload_parameter parameters[] = {
    [THREADS] = {"threads", "threads that make entries (gates-up has one)", 2, 1, CREW_HIGH},
    [OPS] = {"ops", "entries by each thread, and by main, per lap", 20, 1, 10000000},
    {.name = NULL},
};

enum variant { VARIANT_BETWEEN, VARIANT_INSIDE, VARIANT_GATES_UP };

static const struct workload_variant variants[] = {
    [VARIANT_BETWEEN] = {.name = "between",
                         .summary = "threads die between updates: they never enter one",
                         .tolerates = "thread-suspend main-kill"},
    [VARIANT_INSIDE] = {.name = "inside",
                        .summary = "threads die between the halves, and others want the lock",
                        .bad = true,
                        .codes = "lock.orphaned",
                        .injectors = "thread-kill"},
    [VARIANT_GATES_UP] = {.name = "gates-up",
                          .summary = "the dead owner's lock is opened by force, and the book read",
                          .bad = true,
                          .codes = "state.invariant",
                          .injectors = "thread-kill"},
    {.name = NULL},
};

static struct {
    const struct workload_context *context;
    uint32_t lap;
    pthread_mutex_t mutex; /* guards @left and @right; nothing nests inside */
    int64_t left;
    int64_t right;
    atomic_llong worked_out; /* amounts of the twin that main has not entered yet */
    struct crew crew;
} book = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static void enter(int64_t amount)
{
    pthread_mutex_lock(&book.mutex);
    book.left -= amount;
    mark_site("half");
    book.right += amount;
    pthread_mutex_unlock(&book.mutex);
}

static void work_out(int64_t amount)
{
    atomic_fetch_add(&book.worked_out, amount);
    mark_site("between");
}

static void *worker(void *argument)
{
    unsigned index = ((struct crew_member *)argument)->index;
    uint64_t state = workload_stream(book.context, (uint64_t)book.lap << 16 | index);

    for (int64_t op = 0; op < book.context->value[OPS]; op++) {
        int64_t amount = 1 + (int64_t)(workload_random(&state) % LARGEST);

        if (book.context->variant == VARIANT_BETWEEN)
            work_out(amount);
        else
            enter(amount);
    }
    return argument;
}

static int setup(struct workload_context *context)
{
    book.context = context;
    book.left = OPENING;
    book.right = OPENING;
    atomic_store(&book.worked_out, 0);
    return 0;
}

/* As locks are opened when a process ends on Windows: whoever had it, it is open now. */
static void open_by_force(void)
{
    if (pthread_mutex_trylock(&book.mutex) != 0)
        pthread_mutex_init(&book.mutex, NULL);
    else
        pthread_mutex_unlock(&book.mutex);
}

static void body(struct workload_context *context, uint32_t lap)
{
    bool alone = context->variant == VARIANT_GATES_UP;

    book.lap = lap;
    crew_start(&book.crew, alone ? 1 : (unsigned)context->value[THREADS], worker);
    for (int64_t op = 0; op < context->value[OPS] && !alone; op++)
        enter(atomic_exchange(&book.worked_out, 0));
    crew_join(&book.crew);
    if (alone)
        open_by_force();
    enter(atomic_exchange(&book.worked_out, 0));
}

static void check(struct workload_context *context)
{
    (void)context;
    pthread_mutex_lock(&book.mutex);
    if (book.left + book.right != 2 * (int64_t)OPENING)
        workload_broken("half-update: %lld and %lld do not make %lld", (long long)book.left,
                        (long long)book.right, 2 * (long long)OPENING);
    pthread_mutex_unlock(&book.mutex);
}

const struct workload workload_half_update = {
    .name = "half-update",
    .summary = "a thread dies between the halves of an update, with the lock in its hands",
    .source = "A2",
    .parameters = parameters,
    .variants = variants,
    .setup = setup,
    .body = body,
    .check = check,
};
