/*
 * reach: marks blocks, from the roots on, without recursion: the blocks still to be looked into
 * are a list of indices, and each block is put there once.
 *
 * The inner loop sees every word of a process, so it does two comparisons and no more for a word
 * that is no pointer.
 */
#include "reach.h"

#include <harness/common/array.h>

#include <stdlib.h>
#include <string.h>

enum {
    PIECE = 1 << 18,
    STEP = 4, /* pointers in packed structures lie at such addresses */
};

static const uint64_t ADDRESS_MASK = (UINT64_C(1) << 48) - 1; /* above it there can be tags */

struct scan {
    const struct reach_request *request;
    enum reach_state *state;
    enum reach_state mark; /* what blocks become that are found now */
    size_t *pending;
    size_t pendings;
    size_t self; /* the block that is looked into: its own pointers to itself do not count */
    uint64_t low;
    uint64_t span; /* from the first block to the end of the last */
    uint64_t read;
    uint8_t *piece;
};

/* Index of the block that @address lies in or right behind, or @blocks. */
static size_t find(const struct reach_request *request, uint64_t address)
{
    size_t low = ARRAY_FIRST(request->blocks, i, request->block[i].address <= address);

    if (low == 0 || address - request->block[low - 1].address > request->block[low - 1].bytes)
        return request->blocks;
    return low - 1;
}

static void found(struct scan *scan, uint64_t word)
{
    size_t index = find(scan->request, word);

    if (index == scan->request->blocks || index == scan->self || scan->state[index] >= scan->mark)
        return;
    scan->state[index] = scan->mark;
    if (scan->mark == REACH_FOUND)
        scan->pending[scan->pendings++] = index;
}

static inline void look_at(struct scan *scan, uint64_t word)
{
    word &= ADDRESS_MASK;
    if (word - scan->low <= scan->span)
        found(scan, word);
}

static void look_through(struct scan *scan, const uint8_t *bytes, size_t count)
{
    uint64_t word;

    for (size_t at = 0; at + sizeof word <= count; at += STEP) {
        memcpy(&word, bytes + at, sizeof word);
        look_at(scan, word);
    }
}

/* What cannot be read is passed over page by page; pieces overlap by one word. */
static void read_range(struct scan *scan, uint64_t start, uint64_t end)
{
    const struct arena_reader *reader = &scan->request->reader;

    start = (start + STEP - 1) & ~(uint64_t)(STEP - 1);
    while (start < end && end - start >= sizeof(uint64_t) && scan->read <= scan->request->most) {
        size_t bytes = end - start < PIECE ? (size_t)(end - start) : PIECE;
        size_t got = reader->read(reader->context, start, scan->piece, bytes);

        scan->read += got != 0 ? got : 4096;
        look_through(scan, scan->piece, got);
        if (got == bytes && start + got == end)
            return;
        if (got < sizeof(uint64_t))
            start = (start | 4095) + 1;
        else
            start += (got - STEP) & ~(size_t)(STEP - 1);
        if (start == 0)
            return;
    }
}

static void look_into(struct scan *scan, size_t index)
{
    const struct arena_block *block = &scan->request->block[index];

    scan->self = index;
    read_range(scan, block->address, block->address + block->bytes);
    scan->self = SIZE_MAX;
}

static void scan_roots(struct scan *scan)
{
    const struct reach_request *request = scan->request;

    scan->mark = REACH_FOUND;
    for (size_t i = 0; i < request->words; i++)
        look_at(scan, request->word[i]);
    for (size_t i = 0; i < request->roots; i++)
        if (request->root[i].end > request->root[i].start)
            read_range(scan, request->root[i].start, request->root[i].end);
    while (scan->pendings > 0)
        look_into(scan, scan->pending[--scan->pendings]);
}

/* Whoever reads of a leak wants the block that was lost first, not what hung on it. */
static void scan_lost(struct scan *scan)
{
    scan->mark = REACH_BEHIND;
    for (size_t i = 0; i < scan->request->blocks; i++)
        if (scan->state[i] != REACH_FOUND)
            look_into(scan, i);
}

int reach_scan(const struct reach_request *request, enum reach_state *state, struct error *e)
{
    struct scan scan = {.request = request, .state = state, .self = SIZE_MAX};
    const struct arena_block *last;

    for (size_t i = 0; i < request->blocks; i++)
        state[i] = REACH_LOST;
    if (request->blocks == 0)
        return 0;
    last = &request->block[request->blocks - 1];
    scan.low = request->block[0].address;
    scan.span = last->address + last->bytes - scan.low;
    scan.pending = malloc(request->blocks * sizeof *scan.pending);
    scan.piece = malloc(PIECE);
    if (scan.pending != NULL && scan.piece != NULL) {
        scan_roots(&scan);
        scan_lost(&scan);
    }
    free(scan.piece);
    free(scan.pending);
    if (scan.pending == NULL || scan.piece == NULL)
        return error_set(e, ERROR_MEMORY, "reachability: out of memory");
    if (scan.read > request->most)
        return error_set(e, ERROR_FULL, "reachability: more than %llu MiB to look through",
                         (unsigned long long)request->most >> 20);
    return 0;
}

/* --- ranges ---------------------------------------------------------------------------------- */

struct pieces {
    struct arena_range *range;
    size_t count;
    size_t room;
};

static int add(struct pieces *pieces, uint64_t start, uint64_t end)
{
    if (end <= start)
        return 0;
    if (!ARRAY_ROOM(pieces->range, pieces->count, pieces->room))
        return ERROR_MEMORY;
    pieces->range[pieces->count++] = (struct arena_range){start, end};
    return 0;
}

/* Index of the first of @taken that ends behind @address. */
static size_t first_behind(const struct arena_range *taken, size_t takens, uint64_t address)
{
    return ARRAY_FIRST(takens, i, taken[i].end <= address);
}

int reach_without(const struct arena_range *from, size_t froms, const struct arena_range *taken,
                  size_t takens, struct arena_range **out, size_t *count)
{
    struct pieces pieces = {0};
    int code = 0;

    for (size_t i = 0; i < froms && code == 0; i++) {
        uint64_t at = from[i].start;

        for (size_t j = first_behind(taken, takens, at);
             j < takens && taken[j].start < from[i].end && code == 0; j++) {
            if (taken[j].start > at)
                code = add(&pieces, at, taken[j].start);
            at = taken[j].end > at ? taken[j].end : at;
        }
        if (code == 0)
            code = add(&pieces, at, from[i].end);
    }
    if (code != 0) {
        free(pieces.range);
        pieces = (struct pieces){0};
    }
    *out = pieces.range;
    *count = pieces.count;
    return code;
}
