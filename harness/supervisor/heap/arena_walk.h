/*
 * arena_walk.h: glibc's malloc arenas of a process that stands still, read from outside.
 *
 * Works on memory through a reader function alone, so an image in a file serves as well as a
 * live process. Believes nothing: every address is tried before it is used, every list has a
 * bound, and what the walk does not know it refuses. Judges nothing: it tells what contradicts
 * what, and leaves to the detectors what that means.
 *
 * Layouts are those of x86-64, glibc 2.35 to 2.41. Source: glibc, malloc/malloc.c and
 * malloc/arena.c (struct malloc_state, struct malloc_chunk, tcache_perthread_struct, heap_info).
 */
#ifndef SUPERVISOR_ARENA_WALK_H
#define SUPERVISOR_ARENA_WALK_H

#include <harness/error.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    ARENA_VERSION_LOW = 35, /* glibc 2.35 to 2.41 are laid out alike */
    ARENA_VERSION_HIGH = 41,
    ARENA_FAULTS = 16, /* kept of one walk; what was broken first breaks much behind it */
};

/**
 * struct arena_reader - the way to the memory.
 * @read: copies up to @bytes from @address on and returns how many it could, 0 for none.
 */
struct arena_reader {
    size_t (*read)(void *context, uint64_t address, void *out, size_t bytes);
    void *context;
};

/** struct arena_range - the addresses [@start, @end). */
struct arena_range {
    uint64_t start;
    uint64_t end;
};

/**
 * struct arena_block - a block that the program has.
 * @address: as the program got it. @bytes: as it asked for; UINT32_MAX stands for more.
 * @site: of the allocation, for whoever made the list; the walk does not look at it.
 */
struct arena_block {
    uint64_t address;
    uint64_t bytes;
    uint32_t site;
};

/** enum arena_state - what a chunk is. */
enum arena_state {
    ARENA_UNKNOWN, /* in use, and nobody knows by whom: the program's from before, or libc's own */
    ARENA_LIVE,    /* one of the program's blocks */
    ARENA_FREE,    /* in a list of free chunks */
    ARENA_CACHE,   /* a thread's cache itself */
    ARENA_REST,    /* the top: what of the heap was never given out, or came back to it */
};

/** struct arena_chunk - @start is its header's address, 16 below what malloc returned. */
struct arena_chunk {
    uint64_t start;
    uint64_t size;
    enum arena_state state;
};

/** enum arena_kind - what contradicts what; struct arena_fault says where. */
enum arena_kind {
    ARENA_LINK,     /* the link of a free block leads nowhere: @value is what stands there */
    ARENA_MARK,     /* the mark that says "free" was overwritten in a cached block */
    ARENA_CIRCLE,   /* a list of free blocks runs in a circle through @block */
    ARENA_SIZE,     /* no chunk can have the size @value that the header of @block says */
    ARENA_SWALLOW,  /* the header of @block says @value bytes, and another block begins in there */
    ARENA_SHORT,    /* the header of @block says less (@value) than the program asked for */
    ARENA_PREVIOUS, /* the header of @block takes the block before it for free, which it is not,
                       or states another size of it than its own header (@value) */
    ARENA_TOP,      /* the header of the unused rest of the heap, @block, says @value bytes */
    ARENA_COUNT,    /* a thread's cache counts @value blocks in a list that has @bytes of them */
    ARENA_BOTH,     /* @block is in use by the program, and in a list of free blocks */
    ARENA_TWICE,    /* @block is in the free lists twice */
    ARENA_LOST,     /* the program freed @block, which is in no list */
};

/**
 * struct arena_fault - one contradiction.
 * @block: address as a program would have it (for ARENA_COUNT: the cache). @bytes: size of its
 * chunk where known.
 * @before: the block that lies before it in memory, 0 where unknown: who wrote too far.
 */
struct arena_fault {
    enum arena_kind kind;
    uint64_t block;
    uint64_t bytes;
    uint64_t value;
    uint64_t before;
};

/**
 * struct arena_request - what is known beforehand.
 * @data: libc's writable memory. @heap: the map that brk grows; empty if there is none.
 * @live: the program's blocks, ascending. @freed: addresses that it freed and that nobody is
 * known to have got again, ascending; for ARENA_LOST.
 * @thread: thread pointers (pthread_t), to find the threads' caches.
 * @busy: somebody may stand inside the allocator: arenas whose lock is taken are left out, and
 *        of the caches nothing is judged.
 */
struct arena_request {
    struct arena_reader reader;
    const struct arena_range *data;
    size_t datas;
    struct arena_range heap;
    const struct arena_block *live;
    size_t lives;
    const uint64_t *freed;
    size_t freeds;
    const uint64_t *thread;
    size_t threads;
    bool busy;
};

/**
 * struct arena_walk - what was found; arena_walk_free() ends it.
 * @record: of each of the @arenas its own. What points to chunks from there is no program's.
 * @segment: heap memory. @chunk: ascending; gaps are what could not be walked.
 * @whole: each segment was walked from end to end, so a block that is not here is nowhere.
 * @locked: arenas that were left out because somebody is in there.
 * @faults: how many there are; the first ARENA_FAULTS are kept.
 */
struct arena_walk {
    unsigned arenas;
    unsigned locked;
    unsigned caches;
    struct arena_range *record;
    struct arena_range *segment;
    size_t segments;
    struct arena_chunk *chunk;
    size_t chunks;
    bool whole;
    uint64_t free_bytes;
    uint64_t faults;
    struct arena_fault fault[ARENA_FAULTS];
};

/**
 * arena_version() - the minor number of the glibc whose constant data lies in @range.
 *
 * Reads the words that libc has for its users ("GNU C Library (...) stable release version
 * 2.36."). Returns 0 where they are not found.
 */
unsigned arena_version(const struct arena_reader *reader, const struct arena_range *range,
                       size_t ranges);

/**
 * arena_walk() - finds main_arena by its structure, and walks all that hangs on it.
 * @out: set in any case; freed by arena_walk_free().
 *
 * Returns 0, ERROR_NOT_FOUND (nothing looks like main_arena: nothing was allocated, or it is
 * another allocator), ERROR_CORRUPT (the arenas' own records are damaged), ERROR_FULL (more
 * than can be walked) or ERROR_MEMORY. Pure but for the reader.
 */
int arena_walk(const struct arena_request *request, struct arena_walk *out, struct error *e);

/** arena_walk_free() - may be called again. */
void arena_walk_free(struct arena_walk *walk);

/** arena_chunk_at() - the chunk that holds @address, header included; NULL if none was walked. */
const struct arena_chunk *arena_chunk_at(const struct arena_walk *walk, uint64_t address);

#endif
