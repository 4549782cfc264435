/*
 * lost-blocks: blocks that somebody has a pointer to, in ways that are hard to see, and blocks
 * that nobody has. Walking out from the roots has to tell the two apart.
 *
 * The twin's pointers are tagged in their low bits, or lead to the middle of a block, or lie in
 * another block. What is hidden by XOR is not found, and not to be found: no scan from outside
 * can know the other half. A program that does this is watched --without leak-unreachable.
 * Source: catalogue row D4; SS (walk out from the roots; tagged and interior pointers).
 */
#include <harness/workload.h>

#include <stdlib.h>
#include <string.h>

enum { SLOTS, BYTES };

static const struct workload_parameter parameters[] = {
    [SLOTS] = {"slots", "blocks that are kept at once", 32, 3, 1024},
    [BYTES] = {"bytes", "size of a block", 64, 32, 65536},
    {.name = NULL},
};

enum variant { KEPT, LOST, HIDDEN };

/* Enough for the heap to be looked at, too few to be judged as a series. */
enum { LAPS = 24 };

static const struct workload_variant variants[] = {
    [KEPT] = {.name = "kept",
              .summary = "by tagged pointers, by interior ones, and by blocks of their own",
              .laps = LAPS},
    [LOST] = {.name = "lost",
              .summary = "one block for each lap, and nobody has a pointer to it",
              .bad = true,
              .codes = "leak.unreachable",
              .injectors = "",
              .laps = LAPS},
    [HIDDEN] = {.name = "hidden",
                .summary = "pointers under XOR, which no scan can see: told of though in use",
                .bad = true,
                .codes = "leak.unreachable",
                .injectors = "",
                .laps = LAPS},
    {.name = NULL},
};

enum way { TAGGED, INTERIOR, BOXED, WAYS };

#define MASK UINT64_C(0x5bd1e9955bd1e995)

static uintptr_t slots[1024];

/* --- pointers that are not plain ones -------------------------------------------------------- */

static uintptr_t wrap(enum way way, void *block, size_t bytes)
{
    void **box;

    switch (way) {
    case TAGGED:
        return (uintptr_t)block | 3;
    case INTERIOR:
        return (uintptr_t)block + bytes / 2;
    default:
        box = malloc(sizeof *box);
        if (box == NULL)
            free(block);
        else
            *box = block;
        return (uintptr_t)box;
    }
}

/* The block behind @word; a box is freed on the way. */
static void *unwrap(enum way way, uintptr_t word, size_t bytes)
{
    void *block;

    if (word == 0)
        return NULL;
    switch (way) {
    case TAGGED:
        return (void *)(word & ~(uintptr_t)3);
    case INTERIOR:
        return (void *)(word - bytes / 2);
    default:
        block = *(void **)word;
        free((void *)word);
        return block;
    }
}

/* --- a lap --------------------------------------------------------------------------------------
 */

static enum way way_of(uint32_t slot)
{
    return (enum way)(slot % WAYS);
}

static void check_block(const unsigned char *block, unsigned slot)
{
    if (block != NULL && block[0] != (unsigned char)slot)
        workload_broken("lost-blocks: the block of slot %u is another's", slot);
}

static void keep(const struct workload_context *context, void *block, uint32_t slot)
{
    size_t bytes = (size_t)context->value[BYTES];
    void *old;

    if (context->variant == HIDDEN) {
        old = slots[slot] != 0 ? (void *)(slots[slot] ^ MASK) : NULL;
        slots[slot] = (uintptr_t)block ^ MASK;
    } else {
        old = unwrap(way_of(slot), slots[slot], bytes);
        slots[slot] = wrap(way_of(slot), block, bytes);
    }
    check_block(old, slot);
    free(old);
}

static void body(struct workload_context *context, uint32_t lap)
{
    uint32_t slot = lap % (uint32_t)context->value[SLOTS];
    unsigned char *block = malloc((size_t)context->value[BYTES]);

    if (block == NULL)
        return;
    memset(block, (unsigned char)slot, (size_t)context->value[BYTES]);
    __asm__ volatile("" : "+r"(block) : : "memory");
    if (context->variant != LOST)
        keep(context, block, slot);
}

static void teardown(struct workload_context *context)
{
    for (uint32_t slot = 0; slot < (uint32_t)context->value[SLOTS]; slot++) {
        if (context->variant == HIDDEN && slots[slot] != 0)
            free((void *)(slots[slot] ^ MASK));
        else if (context->variant == KEPT)
            free(unwrap(way_of(slot), slots[slot], (size_t)context->value[BYTES]));
        slots[slot] = 0;
    }
}

const struct workload workload_lost_blocks = {
    .name = "lost-blocks",
    .summary = "blocks that are reached in ways hard to see, and blocks that are not",
    .source = "D4",
    .parameters = parameters,
    .variants = variants,
    .body = body,
    .teardown = teardown,
};
