/*
 * arena_parts.h: what the files of the arena walk share; nobody else includes it.
 *
 *     arena_find.c   which version, where is main_arena, which arenas and segments are there
 *     arena_lists.c  the lists of free chunks: bins, fast bins, the threads' caches
 *     arena_walk.c   the chunks one by one, and who contradicts whom
 */
#ifndef SUPERVISOR_ARENA_PARTS_H
#define SUPERVISOR_ARENA_PARTS_H

#include "arena_walk.h"

enum {
    ARENA_WORD = 8,
    ARENA_ALIGN = 16,
    ARENA_HEADER = 16,   /* from a chunk's start to the user's memory */
    ARENA_SMALLEST = 32, /* MINSIZE */
    /* bits of a chunk's size */
    CHUNK_PREVIOUS_USED = 1,
    CHUNK_MAPPED = 2,
    CHUNK_OTHER_ARENA = 4,
    CHUNK_BITS = 7,
    /* struct malloc_state */
    STATE_MUTEX = 0,
    STATE_FLAGS = 4,
    STATE_FAST = 16,
    STATE_FASTS = 10,
    STATE_TOP = 96,
    STATE_BINS = 112,
    STATE_NEXT = 2160,
    STATE_SYSTEM = 2184,
    STATE_BYTES = 2200,
    BINS = 127,              /* doubly linked lists; the first is the unsorted one */
    STATE_NONCONTIGUOUS = 2, /* in flags */
    /* struct _heap_info */
    HEAP_ARENA = 0,
    HEAP_PREVIOUS = 8,
    HEAP_SIZE = 16,
    HEAP_BYTES = 48,
    HEAP_SPAN = 64 << 20, /* what heaps are aligned to, and the most that one can hold */
    /* tcache_perthread_struct */
    CACHE_LISTS = 64,
    CACHE_BYTES = CACHE_LISTS * 2 + CACHE_LISTS * 8,
    CACHE_CHUNK = CACHE_BYTES + ARENA_HEADER,
    /* bounds */
    ARENAS_MOST = 1024,
    HEAPS_MOST = 4096,
    CHUNKS_MOST = 4 << 20,
    PAGE_BYTES = 4096,
    PAGES_KEPT = 512,
};

struct arena_page {
    uint64_t address; /* + 1, so that 0 is an empty slot */
    uint8_t bytes[PAGE_BYTES];
};

/** struct arena_heap - one arena. @main: it is libc's own, its memory is brk's. */
struct arena_heap {
    uint64_t address;
    bool main;
    bool skipped; /* its lock is taken, and somebody may be inside */
    uint8_t state[STATE_BYTES];
    uint64_t top;
    uint64_t top_size;
};

/** struct arena_segment - memory of an arena. @first: of its chunks. @top: the last of them. */
struct arena_segment {
    struct arena_range range;
    struct arena_heap *arena;
    uint64_t first;
    uint64_t top; /* 0: it ends with a fence */
};

/** struct arena_entry - a chunk in a list of free ones. @from: block whose link led here, or 0. */
struct arena_entry {
    uint64_t start;
    uint64_t size;
    uint64_t from;
    bool cached; /* in a fast bin or a cache: its neighbours take it for used */
};

struct walker {
    const struct arena_request *request;
    struct arena_walk *out;
    struct arena_page *page;
    uint64_t main;
    struct arena_heap *arena;
    size_t arenas;
    size_t arena_room;
    struct arena_segment *segment;
    size_t segments;
    struct arena_entry *entry;
    size_t entries;
    size_t entry_room;
    size_t chunk_room;
    uint64_t *cache; /* user addresses of the threads' caches */
    size_t caches;
    size_t cache_room;
    uint64_t mark;    /* tcache_key, 0 while unknown */
    bool broken_list; /* what is in no list may be in the rest of that one */
    bool mute;        /* faults are not told: what is looked at may be half-way through a change */
    int failed;       /* an error code that ends the walk */
};

/** arena_peek() - all of @bytes, or false. */
bool arena_peek(struct walker *w, uint64_t address, void *out, size_t bytes);

/** arena_word() - one word; false if it cannot be read. */
static inline bool arena_word(struct walker *w, uint64_t address, uint64_t *out)
{
    return arena_peek(w, address, out, sizeof *out);
}

/** arena_say() - one more fault. */
void arena_say(struct walker *w, enum arena_kind kind, uint64_t block, uint64_t bytes,
               uint64_t value, uint64_t before);

/** arena_grow() - room for one more of @bytes each; false and w->failed without memory. */
bool arena_grow(struct walker *w, void **array, size_t count, size_t *room, size_t bytes);

/** arena_segment_of() - the segment that holds @address, or NULL. */
const struct arena_segment *arena_segment_of(const struct walker *w, uint64_t address);

/** arena_live_at() - index of the first live block at or above @address. */
size_t arena_live_at(const struct walker *w, uint64_t address);

/** arena_find() - fills arenas and segments; as arena_walk(). */
int arena_find(struct walker *w, struct error *e);

/** arena_lists() - bins and fast bins of every arena that is not skipped, and all the caches. */
void arena_lists(struct walker *w);

/** arena_caches() - caches that thread pointers lead to, and chunks that look like one. */
void arena_caches(struct walker *w);

#endif
