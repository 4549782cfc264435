/*
 * block-misuse: what a program does to single blocks that are not its own any more.
 *
 * `freed-twice`: two owners of a block each free it. `link-cut`: somebody ends what he takes for
 * his own list in a node that was freed already, and thereby cuts the allocator's list of free
 * blocks; the program ends by a check of its own, and what the heap looks like then tells why.
 * Nothing here depends on the schedule.
 * Source: App Verifier's heap stops (double free, corrupted free block).
 */
#include <harness/workload.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { BYTES };

static const struct workload_parameter parameters[] = {
    [BYTES] = {"bytes", "size of a block", 56, 24, 1000},
    {.name = NULL},
};

enum variant { VARIANT_ONCE, VARIANT_FREED_TWICE, VARIANT_LINK_CUT };

static const struct workload_variant variants[] = {
    [VARIANT_ONCE] = {.name = "once", .summary = "each block has one owner, who frees it"},
    [VARIANT_FREED_TWICE] = {.name = "freed-twice",
                             .summary = "two owners of a block each free it",
                             .bad = true,
                             .codes = "heap.double-free",
                             .injectors = ""},
    [VARIANT_LINK_CUT] = {.name = "link-cut",
                          .summary = "a write into a freed block cuts the list of free blocks",
                          .bad = true,
                          .codes = "heap.inconsistent",
                          .injectors = ""},
    {.name = NULL},
};

/* Hidden from the compiler, which would warn of what is meant here. */
static void *hidden(void *block)
{
    __asm__ volatile("" : "+r"(block) : : "memory");
    return block;
}

static void misuse(int variant, uintptr_t *first, uintptr_t *second)
{
    uintptr_t *also_first = hidden(first), *also_second = hidden(second);

    switch (variant) {
    case VARIANT_FREED_TWICE:
        free(first);
        free(also_first);
        break;
    case VARIANT_LINK_CUT:
        free(first);
        free(second);
        *also_second = (uintptr_t)also_second >> 12; /* as glibc stores an empty link */
        abort();
    default:
        free(first);
        free(second);
        break;
    }
}

static void body(struct workload_context *context, uint32_t lap)
{
    size_t bytes = (size_t)context->value[BYTES];
    uintptr_t *first = malloc(bytes);
    uintptr_t *second = malloc(bytes);

    (void)lap;
    if (first == NULL || second == NULL) { /* no memory is no fault */
        free(first);
        free(second);
        return;
    }
    memset(first, 1, bytes);
    memset(second, 2, bytes);
    misuse(context->variant, hidden(first), hidden(second));
}

const struct workload workload_block_misuse = {
    .name = "block-misuse",
    .summary = "blocks that are freed twice, and writes into freed ones",
    .source = "App Verifier, heaps",
    .parameters = parameters,
    .variants = variants,
    .body = body,
};
