/*
 * heap-churn: threads that allocate, change and free blocks through every entry point of the
 * allocator, and hand blocks to each other, so that many are freed by another thread than
 * the one that made them.
 *
 * Every block is full of a pattern made from its address, size and owner, and the pattern is
 * checked before the block is changed or freed. A block is taken out of its descriptor before
 * the allocator gets it, and put in when it is whole: a thread killed at any point loses a
 * block at most and never leaves one to be freed twice. All book-keeping is static, so the
 * only heap traffic is what is under stress.
 * Source: catalogue rows A1, B1.
 */
#include <harness/workload.h>
#include <workloads/crew.h>

#include <malloc.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum {
    SLOTS = 8,          /* blocks that a thread has at once */
    SHELF = 8,          /* blocks that lie between threads */
    HANDOVER_EVERY = 4, /* operations, on average */
    PAGE = 4096,
};

enum { THREADS, OPS, MAX_BYTES };

static const struct workload_parameter parameters[] = {
    [THREADS] = {"threads", "threads that churn", 4, 1, CREW_HIGH},
    [OPS] = {"ops", "blocks that each thread renews per lap", 200, 1, 10000000},
    [MAX_BYTES] = {"max_bytes", "size of the largest block", 4096, 16, 16777216},
    {.name = NULL},
};

static const struct workload_variant variants[] = {
    {.name = "plain",
     .summary = "the allocator as it comes, an arena for each thread",
     .tolerates = "thread-kill thread-suspend thread-cancel main-kill exit-nt-order"},
    {.name = "shared-arena",
     .summary = "one arena and no thread cache: who dies inside holds what everybody needs",
     .bad = true,
     .codes = "heap.lock-orphaned",
     .injectors = "thread-kill",
     .environment = "GLIBC_TUNABLES=glibc.malloc.arena_max=1:glibc.malloc.tcache_count=0"},
    {.name = NULL},
};

enum maker {
    MAKER_MALLOC,
    MAKER_CALLOC,
    MAKER_MEMALIGN,
    MAKER_POSIX_MEMALIGN,
    MAKER_ALIGNED_ALLOC,
    MAKER_VALLOC,
    MAKER_PVALLOC,
    MAKER_REALLOC,
    MAKER_REALLOCARRAY,
    MAKERS
};

static const char *const maker_name[MAKERS] = {
    "malloc", "calloc",  "memalign", "posix_memalign", "aligned_alloc",
    "valloc", "pvalloc", "realloc",  "reallocarray",
};

/* @address: NULL while there is no block. */
struct block {
    unsigned char *address;
    size_t bytes;
    unsigned owner;
    enum maker maker;
};

/* What one operation will do, drawn as a whole so that every operation draws as often. */
struct order {
    enum maker maker;
    size_t bytes;
    size_t alignment;
};

enum { BLOCKS = CREW_HIGH * SLOTS + SHELF };

static struct {
    const struct workload_context *context;
    uint32_t lap;
    unsigned threads;
    struct crew crew;
    _Atomic(struct block *) shelf[SHELF];
    struct block block[BLOCKS]; /* the shelf's first ones come last */
} churn;

/* --- the pattern ---------------------------------------------------------------------- */

static uint64_t pattern_key(const struct block *block)
{
    uint64_t state = (uint64_t)(uintptr_t)block->address ^ (uint64_t)block->bytes << 20 ^
                     (uint64_t)block->owner << 48;

    return workload_random(&state);
}

static uint64_t pattern_word(uint64_t key, size_t index)
{
    return key + index * UINT64_C(0x9e3779b97f4a7c15);
}

static size_t word_bytes(size_t left)
{
    return left < sizeof(uint64_t) ? left : sizeof(uint64_t);
}

static void pattern_fill(unsigned char *to, size_t bytes, uint64_t key)
{
    for (size_t at = 0; at < bytes; at += sizeof(uint64_t)) {
        uint64_t word = pattern_word(key, at / sizeof word);

        memcpy(to + at, &word, word_bytes(bytes - at));
    }
}

/* Where the first wrong byte is; @bytes if there is none. */
static size_t pattern_check(const unsigned char *from, size_t bytes, uint64_t key)
{
    for (size_t at = 0; at < bytes; at += sizeof(uint64_t)) {
        uint64_t word = pattern_word(key, at / sizeof word);
        const unsigned char *wanted = (const unsigned char *)&word;
        size_t length = word_bytes(bytes - at);

        if (memcmp(from + at, &word, length) == 0)
            continue;
        for (size_t i = 0; i < length; i++)
            if (from[at + i] != wanted[i])
                return at + i;
    }
    return bytes;
}

/* The first @bytes of @from must be what @block was filled with; @key is its pattern's. */
static void verify(const struct block *block, uint64_t key, const unsigned char *from, size_t bytes,
                   const char *when)
{
    size_t wrong = pattern_check(from, bytes, key);

    if (wrong != bytes)
        workload_broken("heap-churn: a block of %zu bytes from %s changed at byte %zu, seen %s",
                        block->bytes, maker_name[block->maker], wrong, when);
}

/* --- one block ---------------------------------------------------------------------------- */

static struct block block_take(struct block *block)
{
    struct block taken = *block;

    block->address = NULL;
    atomic_signal_fence(memory_order_seq_cst);
    return taken;
}

static void block_put(struct block *block, struct block whole)
{
    block->bytes = whole.bytes;
    block->owner = whole.owner;
    block->maker = whole.maker;
    atomic_signal_fence(memory_order_seq_cst);
    block->address = whole.address;
}

static void drop(struct block *block)
{
    struct block taken = block_take(block);

    if (taken.address != NULL)
        verify(&taken, pattern_key(&taken), taken.address, taken.bytes, "at free");
    free(taken.address);
}

static void *aligned_at(size_t alignment, size_t bytes)
{
    void *address = NULL;

    return posix_memalign(&address, alignment, bytes) == 0 ? address : NULL;
}

static void *make(const struct order *order)
{
    switch (order->maker) {
    case MAKER_CALLOC:
        return calloc(1, order->bytes);
    case MAKER_MEMALIGN:
        return memalign(order->alignment, order->bytes);
    case MAKER_POSIX_MEMALIGN:
        return aligned_at(order->alignment, order->bytes);
    case MAKER_ALIGNED_ALLOC:
        return aligned_alloc(order->alignment, order->bytes);
    case MAKER_VALLOC:
        return valloc(order->bytes);
    case MAKER_PVALLOC:
        return pvalloc(order->bytes);
    default:
        return malloc(order->bytes);
    }
}

static size_t alignment_owed(const struct order *order)
{
    switch (order->maker) {
    case MAKER_MEMALIGN:
    case MAKER_POSIX_MEMALIGN:
    case MAKER_ALIGNED_ALLOC:
        return order->alignment;
    case MAKER_VALLOC:
    case MAKER_PVALLOC:
        return PAGE;
    default:
        return _Alignof(max_align_t);
    }
}

static void verify_promises(const struct order *order, const unsigned char *address)
{
    const char *name = maker_name[order->maker];

    if ((uintptr_t)address % alignment_owed(order) != 0)
        workload_broken("heap-churn: %s gave a block that is not aligned to %zu", name,
                        alignment_owed(order));
    for (size_t i = 0; order->maker == MAKER_CALLOC && i < order->bytes; i++) {
        if (address[i] != 0) {
            workload_broken("heap-churn: calloc gave a block that is not zero at byte %zu", i);
            return;
        }
    }
}

static void fill_and_put(struct block *block, struct block whole)
{
    pattern_fill(whole.address, whole.bytes, pattern_key(&whole));
    block_put(block, whole);
}

/* No memory is no fault: the descriptor stays empty until its next turn. */
static void replace(struct block *block, const struct order *order, unsigned owner)
{
    struct block fresh = {NULL, order->bytes, owner, order->maker};

    drop(block);
    fresh.address = make(order);
    if (fresh.address == NULL)
        return;
    verify_promises(order, fresh.address);
    fill_and_put(block, fresh);
}

/* What was in the block must have moved along; a failed call leaves the old one as it was. */
static void resize(struct block *block, const struct order *order, unsigned owner)
{
    struct block old = block_take(block);
    struct block fresh = {NULL, order->bytes, owner, order->maker};
    bool filled = old.address != NULL;
    uint64_t key = pattern_key(&old);

    if (filled)
        verify(&old, key, old.address, old.bytes, "before realloc");
    fresh.address = order->maker == MAKER_REALLOC ? realloc(old.address, order->bytes)
                                                  : reallocarray(old.address, order->bytes, 1);
    if (fresh.address == NULL) {
        block_put(block, old);
        return;
    }
    if (filled)
        verify(&old, key, fresh.address, old.bytes < fresh.bytes ? old.bytes : fresh.bytes,
               "after realloc");
    fill_and_put(block, fresh);
}

/* --- threads --------------------------------------------------------------------------------- */

/* Sizes are spread over the powers of two: mostly small, now and then the largest. */
static size_t draw_bytes(uint64_t *state)
{
    uint64_t largest = (uint64_t)churn.context->value[MAX_BYTES];
    uint64_t bits = (uint64_t)(64 - __builtin_clzll(largest));
    uint64_t below = UINT64_C(1) << (1 + workload_random(state) % bits);
    uint64_t bytes = 1 + workload_random(state) % below;

    return (size_t)(bytes < largest ? bytes : largest);
}

static struct order draw_order(uint64_t *state)
{
    struct order order = {
        .maker = (enum maker)(workload_random(state) % MAKERS),
        .bytes = draw_bytes(state),
        .alignment = (size_t)16 << workload_random(state) % 6,
    };

    /* The standard wants whole multiples of it. */
    if (order.maker == MAKER_ALIGNED_ALLOC)
        order.bytes = (order.bytes + order.alignment - 1) / order.alignment * order.alignment;
    return order;
}

static void renew(struct block *block, unsigned owner, uint64_t *state)
{
    struct order order = draw_order(state);

    if (order.maker == MAKER_REALLOC || order.maker == MAKER_REALLOCARRAY)
        resize(block, &order, owner);
    else
        replace(block, &order, owner);
}

/* Swaps a descriptor for another thread's, so none is ever lost or had by two. */
static struct block *hand_over(struct block *mine, uint64_t number)
{
    mark_site("handover");
    return atomic_exchange(&churn.shelf[number % SHELF], mine);
}

static uint64_t stream(unsigned index)
{
    return workload_stream(churn.context, (uint64_t)churn.lap << 16 | index);
}

static void *worker(void *argument)
{
    unsigned index = ((struct crew_member *)argument)->index;
    uint64_t state = stream(index);
    struct block *mine[SLOTS];

    for (unsigned i = 0; i < SLOTS; i++)
        mine[i] = &churn.block[index * SLOTS + i];
    for (int64_t op = 0; op < churn.context->value[OPS]; op++) {
        struct block **slot = &mine[workload_random(&state) % SLOTS];
        uint64_t number = workload_random(&state);

        renew(*slot, index, &state);
        if (number % HANDOVER_EVERY == 0)
            *slot = hand_over(*slot, number / HANDOVER_EVERY);
    }
    return NULL;
}

/* --- the workload -------------------------------------------------------------------------------
 */

static int setup(struct workload_context *context)
{
    churn.context = context;
    churn.threads = (unsigned)context->value[THREADS];
    return 0;
}

static void body(struct workload_context *context, uint32_t lap)
{
    uint64_t state;

    (void)context;
    churn.lap = lap;
    state = stream(CREW_HIGH);
    for (unsigned i = 0; i < SHELF; i++) {
        struct block *block = &churn.block[CREW_HIGH * SLOTS + i];

        renew(block, CREW_HIGH, &state);
        atomic_store(&churn.shelf[i], block);
    }
    crew_start(&churn.crew, churn.threads, worker);
    crew_join(&churn.crew);
}

/* Everything is freed here, so that two laps end with the same heap. */
static void quiesce(struct workload_context *context)
{
    (void)context;
    for (unsigned i = 0; i < churn.threads * SLOTS; i++)
        drop(&churn.block[i]);
    for (unsigned i = CREW_HIGH * SLOTS; i < BLOCKS; i++)
        drop(&churn.block[i]);
}

const struct workload workload_heap_churn = {
    .name = "heap-churn",
    .summary = "threads that allocate and free by every entry point, and check each block",
    .source = "A1 B1",
    .parameters = parameters,
    .variants = variants,
    .setup = setup,
    .body = body,
    .quiesce = quiesce,
};
