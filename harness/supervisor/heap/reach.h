/*
 * reach.h: which blocks of the heap does any pointer lead to?
 *
 * Conservative: any word that could be a pointer into a block is taken for one. Found are pointers
 * to a block's beginning, into it and to its end, with tags in the low bits or in the high 16, at
 * addresses that are a multiple of 4 (packed structures). Not found are pointers that are
 * hidden: XORed with something, compressed, kept in a file, in the kernel (epoll, timers) or in
 * another process.
 */
#ifndef SUPERVISOR_REACH_H
#define SUPERVISOR_REACH_H

#include "arena_walk.h"

/** enum reach_state - what became of a block. */
enum reach_state {
    REACH_LOST,   /* no pointer to it was found */
    REACH_BEHIND, /* only blocks that are lost themselves point to it */
    REACH_FOUND,
};

/**
 * struct reach_request - where to look.
 * @root: memory that the program can reach, blocks of the heap left out; any order, may overlap.
 * @word: registers. @block: ascending and disjoint; bytes is how much of it may hold pointers.
 * @most: bytes to be read at most.
 */
struct reach_request {
    struct arena_reader reader;
    const struct arena_range *root;
    size_t roots;
    const uint64_t *word;
    size_t words;
    const struct arena_block *block;
    size_t blocks;
    uint64_t most;
};

/**
 * reach_scan() - walks out from the roots.
 * @state: one for each block; set in any case.
 *
 * Memory that cannot be read holds no pointers. Returns 0, ERROR_FULL (more than @most) or
 * ERROR_MEMORY; then @state must not be believed. Pure but for the reader.
 */
int reach_scan(const struct reach_request *request, enum reach_state *state, struct error *e);

/**
 * reach_without() - @from less @taken, as new ranges.
 * @taken: ascending, disjoint. @out: set to what the caller frees; @count: how many.
 *
 * Returns 0 or ERROR_MEMORY.
 */
int reach_without(const struct arena_range *from, size_t froms, const struct arena_range *taken,
                  size_t takens, struct arena_range **out, size_t *count);

#endif
