/*
 * lost-exchange: threads that make a snippet at first use, all at once, and publish it by
 * compare-and-exchange. Who comes too late uses the winner's, and its own is discarded.
 *
 * The discard is bounded, by threads and slots: it happens at first use and never again. So the
 * source calls it no leak, and neither may we. One twin leaves the discarded snippet where it is,
 * as the source does, the other frees it.
 * Source: catalogue row D3; SS (an intentional, bounded leak).
 */
#include <harness/workload.h>
#include <workloads/crew.h>

#include <stdatomic.h>
#include <stdlib.h>

enum { THREADS, SLOTS };

static const struct workload_parameter parameters[] = {
    [THREADS] = {"threads", "threads that want the same snippets at once", 3, 1, CREW_HIGH},
    [SLOTS] = {"slots", "snippets; one is first wanted in each lap", 6, 1, 64},
    {.name = NULL},
};

enum variant { DISCARDED, FREED };

#define TOLERATED "thread-kill thread-suspend main-kill main-pthread_exit exit-nt-order"

static const struct workload_variant variants[] = {
    [DISCARDED] = {.name = "discarded",
                   .summary = "who loses the race leaves its snippet where it is",
                   .tolerates = TOLERATED,
                   .laps = 105},
    [FREED] = {.name = "freed",
               .summary = "who loses the race frees its snippet",
               .tolerates = TOLERATED,
               .laps = 105},
    {.name = NULL},
};

struct snippet {
    uint64_t slot;
    uint64_t value;
};

static struct {
    _Atomic(struct snippet *) slot[64];
    const struct workload_context *context;
    struct crew crew;
    uint32_t lap;
} snippets;

static uint64_t value_of(uint64_t slot)
{
    return (slot + 1) * UINT64_C(0x9e3779b97f4a7c15);
}

static struct snippet *make(uint64_t slot)
{
    struct snippet *made = malloc(sizeof *made);

    if (made != NULL)
        *made = (struct snippet){slot, value_of(slot)};
    return made;
}

/* NULL: no memory for it. */
static const struct snippet *get(uint64_t slot)
{
    struct snippet *published = atomic_load(&snippets.slot[slot]);
    struct snippet *own;

    if (published != NULL)
        return published;
    own = make(slot);
    if (own == NULL || atomic_compare_exchange_strong(&snippets.slot[slot], &published, own))
        return own;
    mark_site("lost");
    if (snippets.context->variant == FREED)
        free(own);
    return published;
}

static void *use_all(void *argument)
{
    uint64_t slots = (uint64_t)snippets.context->value[SLOTS];

    for (uint64_t slot = 0; slot < slots && slot <= snippets.lap; slot++) {
        const struct snippet *snippet = get(slot);

        if (snippet != NULL && (snippet->slot != slot || snippet->value != value_of(slot)))
            workload_broken("lost-exchange: slot %llu has another's snippet",
                            (unsigned long long)slot);
    }
    return argument;
}

static int setup(struct workload_context *context)
{
    snippets.context = context;
    return 0;
}

static void body(struct workload_context *context, uint32_t lap)
{
    snippets.lap = lap;
    crew_start(&snippets.crew, (unsigned)context->value[THREADS], use_all);
    crew_join(&snippets.crew);
}

static void teardown(struct workload_context *context)
{
    (void)context;
    for (unsigned i = 0; i < 64; i++)
        free(atomic_exchange(&snippets.slot[i], NULL));
}

const struct workload workload_lost_exchange = {
    .name = "lost-exchange",
    .summary = "threads publish what each has made; who is late discards its own, once",
    .source = "D3",
    .parameters = parameters,
    .variants = variants,
    .setup = setup,
    .body = body,
    .teardown = teardown,
};
