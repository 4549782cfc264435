/*
 * heap-owner: one thread beside main, and what its death does to the heap of the others. What
 * decides is not that it dies but where: inside the allocator, with an arena that others need.
 *
 * The twins show the other two cases: a thread that is given its blocks and never enters the
 * allocator, and one that has an arena of its own. Main allocates all the time and joins at the
 * end; it must come through whenever the dead thread held nothing of main's. A later fork does
 * not, even where the arena was the dead thread's own: it takes every arena's lock.
 * Source: catalogue row A1; SS and XP (TerminateThread, and the process heap's lock).
 */
#include <harness/workload.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { OPS, BYTES };

static const struct workload_parameter parameters[] = {
    [OPS] = {"ops", "blocks that each of the two threads handles per lap", 60, 1, 10000000},
    [BYTES] = {"bytes", "size of a block", 5000, 1, 16777216},
    {.name = NULL},
};

enum variant { VARIANT_OUTSIDE, VARIANT_OWN_ARENA, VARIANT_SHARED_ARENA };

#define ONE_ARENA "GLIBC_TUNABLES=glibc.malloc.arena_max=1:glibc.malloc.tcache_count=0"

static const struct workload_variant variants[] = {
    [VARIANT_OUTSIDE] = {.name = "outside",
                         .summary = "the thread works on blocks of main's, outside the allocator",
                         .environment = ONE_ARENA,
                         .tolerates = "thread-suspend main-kill"},
    [VARIANT_OWN_ARENA] = {.name = "own-arena",
                           .summary = "the thread allocates from an arena that nobody else needs",
                           .tolerates = "thread-kill thread-suspend main-kill"},
    [VARIANT_SHARED_ARENA] = {.name = "shared-arena",
                              .summary = "the thread allocates from the arena that main needs",
                              .bad = true,
                              .codes = "heap.lock-orphaned",
                              .injectors = "thread-kill",
                              .environment = ONE_ARENA},
    {.name = NULL},
};

enum { LENT = 8 };

static struct {
    const struct workload_context *context;
    pthread_t thread;
    bool runs;
    unsigned char *lent[LENT]; /* main's blocks, for `outside` */
} owner;

/* Hidden from the compiler, which would leave out a block that nobody reads. */
static void churn(void)
{
    void *block = malloc((size_t)owner.context->value[BYTES]);

    __asm__ volatile("" : "+r"(block));
    free(block);
}

static void touch(int64_t op)
{
    unsigned char *block = owner.lent[op % LENT];

    if (block != NULL)
        memset(block, (int)op, (size_t)owner.context->value[BYTES]);
    mark_site("touched");
}

static void *work(void *argument)
{
    for (int64_t op = 0; op < owner.context->value[OPS]; op++) {
        if (owner.context->variant == VARIANT_OUTSIDE)
            touch(op);
        else
            churn();
    }
    return argument;
}

static int setup(struct workload_context *context)
{
    owner.context = context;
    for (unsigned i = 0; i < LENT && context->variant == VARIANT_OUTSIDE; i++)
        owner.lent[i] = malloc((size_t)context->value[BYTES]);
    return 0;
}

static void body(struct workload_context *context, uint32_t lap)
{
    (void)lap;
    owner.runs = pthread_create(&owner.thread, NULL, work, NULL) == 0;
    for (int64_t op = 0; op < context->value[OPS]; op++)
        churn();
    if (owner.runs)
        pthread_join(owner.thread, NULL);
    churn();
}

static void teardown(struct workload_context *context)
{
    (void)context;
    for (unsigned i = 0; i < LENT; i++) {
        free(owner.lent[i]);
        owner.lent[i] = NULL;
    }
}

const struct workload workload_heap_owner = {
    .name = "heap-owner",
    .summary = "a thread dies inside, outside or beside the allocator that main needs",
    .source = "A1",
    .parameters = parameters,
    .variants = variants,
    .setup = setup,
    .body = body,
    .teardown = teardown,
};
