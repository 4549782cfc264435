/*
 * arena_lists: the chunks that glibc keeps as free. Three kinds of lists: the doubly linked bins
 * and the singly linked fast bins of each arena, and each thread's cache, whose links are hidden
 * by the address that they lie at (glibc's "safe linking").
 *
 * A list is followed as long as it makes sense, and at its first nonsense it is left: the rest of
 * it would only be told of twice.
 */
#include "arena_parts.h"

#include <stdlib.h>
#include <string.h>

enum {
    THREAD_WORDS_BYTES = 16384, /* of static thread-local storage below a thread pointer */
    BROKEN_MOST = 2,            /* lists of a cache that is still taken for one */
    MARKS_TRIED = 32,
};

/* A list can't be longer than its heap has room for; this also ends what only pretends to end. */
static bool is_too_long(const struct walker *w, uint64_t count)
{
    return count > CHUNKS_MOST || w->entries >= CHUNKS_MOST;
}

/* Where a chunk of @arena can lie; memory that is in no segment has to be readable at least. */
static bool is_place(struct walker *w, const struct arena_heap *arena, uint64_t start)
{
    const struct arena_segment *segment = arena_segment_of(w, start);
    uint64_t word;

    if (start % ARENA_ALIGN != 0)
        return false;
    if (segment != NULL)
        return (arena == NULL || segment->arena == arena) && start >= segment->first;
    return !w->out->whole && arena_word(w, start, &word);
}

static bool add_entry(struct walker *w, uint64_t start, uint64_t size, uint64_t from, bool cached)
{
    if (!arena_grow(w, (void **)&w->entry, w->entries, &w->entry_room, sizeof *w->entry))
        return false;
    w->entry[w->entries++] = (struct arena_entry){start, size, from, cached};
    return true;
}

static uint64_t user(uint64_t start)
{
    return start + ARENA_HEADER;
}

static uint64_t list_word(const struct arena_heap *arena, size_t offset)
{
    uint64_t word;

    memcpy(&word, arena->state + offset, sizeof word);
    return word;
}

static bool is_size(uint64_t size, uint64_t least)
{
    return size >= least && size % ARENA_ALIGN == 0 && size < UINT64_C(1) << 47;
}

static void broken(struct walker *w, enum arena_kind kind, uint64_t block, uint64_t bytes,
                   uint64_t value)
{
    w->broken_list = true;
    arena_say(w, kind, block, bytes, value, 0);
}

static bool is_live(const struct walker *w, uint64_t at, uint64_t bytes)
{
    size_t i = arena_live_at(w, at);

    return i < w->request->lives && w->request->live[i].address - at < bytes;
}

/* --- bins ------------------------------------------------------------------------------------ */

struct bin_chunk {
    uint64_t previous_size;
    uint64_t size;
    uint64_t next;
    uint64_t previous;
};

/* What lies behind a free chunk knows so, and knows its size. */
static void check_footer(struct walker *w, uint64_t start, uint64_t size)
{
    const struct arena_segment *segment = arena_segment_of(w, start);
    uint64_t behind[2];

    if (segment != NULL && start + size >= segment->range.end)
        return;
    if (!arena_peek(w, start + size, behind, sizeof behind))
        return;
    if (behind[0] != size || (behind[1] & CHUNK_PREVIOUS_USED))
        broken(w, ARENA_PREVIOUS, user(start + size), behind[1] & ~(uint64_t)CHUNK_BITS, behind[0]);
}

/* False: the list ends here, for better or worse. */
static bool bin_step(struct walker *w, const struct arena_heap *arena, uint64_t before,
                     uint64_t head, uint64_t at, struct bin_chunk *chunk)
{
    uint64_t size;

    if (!is_place(w, arena, at) || !arena_peek(w, at, chunk, sizeof *chunk)) {
        broken(w, ARENA_LINK, before != head ? user(before) : arena->address, 0, at);
        return false;
    }
    size = chunk->size & ~(uint64_t)CHUNK_BITS;
    if (chunk->previous != before) {
        broken(w, ARENA_LINK, user(at), size, chunk->previous);
        return false;
    }
    if (!is_size(size, ARENA_SMALLEST)) {
        broken(w, ARENA_SIZE, user(at), 0, chunk->size);
        return false;
    }
    check_footer(w, at, size);
    return add_entry(w, at, size, before != head ? user(before) : 0, false);
}

static void walk_bin(struct walker *w, const struct arena_heap *arena, unsigned index)
{
    size_t offset = STATE_BINS + 16 * (size_t)index;
    uint64_t head = arena->address + offset - ARENA_HEADER;
    uint64_t before = head, at = list_word(arena, offset);
    struct bin_chunk chunk;
    uint64_t count = 0;

    while (at != head && !is_too_long(w, count++)) {
        if (!bin_step(w, arena, before, head, at, &chunk))
            return;
        before = at;
        at = chunk.next;
    }
    if (at == head && list_word(arena, offset + ARENA_WORD) != before)
        broken(w, ARENA_LINK, before != head ? user(before) : arena->address, 0,
               list_word(arena, offset + ARENA_WORD));
}

/* --- singly linked lists ------------------------------------------------------------------------
 */

static uint64_t reveal(uint64_t at, uint64_t stored)
{
    return at >> 12 ^ stored;
}

/* struct chain - a list under way. @at: the user's address. @mark: places for circles. */
struct chain {
    const struct arena_heap *arena; /* NULL: any */
    uint64_t size;
    uint64_t from;
    uint64_t at;
    uint64_t stored; /* the link that led here, as it stands in memory */
    uint64_t count;
    uint64_t seen;
};

/* Brent's way: a place is remembered at each power of two, and a circle comes back to it. */
static bool is_circle(struct chain *chain)
{
    bool again = chain->at == chain->seen;

    if ((chain->count & (chain->count - 1)) == 0)
        chain->seen = chain->at;
    return again;
}

/* A wrong size in the list: the header is as the heap has it, so the link is what is wrong. */
static bool is_sound(const struct walker *w, uint64_t start, uint64_t size)
{
    const struct arena_chunk *chunk = arena_chunk_at(w->out, start);

    return chunk != NULL && (chunk->start != start || chunk->size == size);
}

/* True: @chain->at was a free chunk of this list, and the chain stands at the next. */
static bool chain_step(struct walker *w, struct chain *chain)
{
    uint64_t start = chain->at - ARENA_HEADER, size, stored;

    if (chain->at % ARENA_ALIGN != 0 || chain->at < ARENA_HEADER ||
        !is_place(w, chain->arena, start) || !arena_word(w, start + ARENA_WORD, &size) ||
        !arena_word(w, chain->at, &stored)) {
        broken(w, ARENA_LINK, chain->from, chain->size, chain->stored);
        return false;
    }
    chain->count++;
    if (is_circle(chain) || is_too_long(w, chain->count)) {
        broken(w, ARENA_CIRCLE, chain->at, chain->size, stored);
        return false;
    }
    if ((size & ~(uint64_t)CHUNK_BITS) != chain->size) {
        if (is_sound(w, start, size & ~(uint64_t)CHUNK_BITS))
            broken(w, ARENA_LINK, chain->from, chain->size, chain->stored);
        else
            broken(w, ARENA_SIZE, chain->at, chain->size, size);
        return false;
    }
    if (!w->request->busy && is_live(w, chain->at, chain->size - ARENA_WORD)) {
        broken(w, chain->count > 1 ? ARENA_LINK : ARENA_BOTH,
               chain->count > 1 ? chain->from : chain->at, chain->size, chain->stored);
        return false;
    }
    if (!add_entry(w, start, chain->size, chain->from, true))
        return false;
    chain->from = chain->at;
    chain->stored = stored;
    chain->at = reveal(chain->at, stored);
    return true;
}

static void walk_fast(struct walker *w, const struct arena_heap *arena, unsigned index)
{
    uint64_t start = list_word(arena, STATE_FAST + ARENA_WORD * (size_t)index);
    struct chain chain = {.arena = arena, .size = ARENA_SMALLEST + 16 * (uint64_t)index};

    if (start == 0)
        return;
    chain.at = start + ARENA_HEADER;
    chain.from = arena->address;
    chain.stored = start;
    while (chain_step(w, &chain)) {
        if (chain.at == 0)
            return;
        chain.at += ARENA_HEADER; /* fast bins link headers, caches link user memory */
    }
}

/* --- caches of threads ---------------------------------------------------------------------------
 */

struct cache {
    uint16_t count[CACHE_LISTS];
    uint64_t entry[CACHE_LISTS];
};
_Static_assert(sizeof(struct cache) == CACHE_BYTES, "tcache_perthread_struct has no holes");

/* A list is empty and counted so, or begins with a chunk of its own size. */
static bool is_cached_list(struct walker *w, const struct cache *cache, unsigned index)
{
    uint64_t at = cache->entry[index], size;

    if (at == 0 || cache->count[index] == 0)
        return at == 0 && cache->count[index] == 0;
    return at % ARENA_ALIGN == 0 && at >= ARENA_HEADER && is_place(w, NULL, at - ARENA_HEADER) &&
           arena_word(w, at - ARENA_WORD, &size) &&
           (size & ~(uint64_t)CHUNK_BITS) == ARENA_SMALLEST + 16 * (uint64_t)index;
}

/* @pointed: a thread's own data lead here, so it may be empty, or broken in a list or two. */
static bool is_cache(struct walker *w, const struct cache *cache, bool pointed)
{
    unsigned broken_lists = 0, used = 0;

    for (unsigned i = 0; i < CACHE_LISTS; i++) {
        used += cache->entry[i] != 0;
        broken_lists += !is_cached_list(w, cache, i);
    }
    return pointed ? broken_lists <= BROKEN_MOST : broken_lists == 0 && used > 0;
}

static bool is_known_cache(const struct walker *w, uint64_t at)
{
    for (size_t i = 0; i < w->caches; i++)
        if (w->cache[i] == at)
            return true;
    return false;
}

static void try_cache(struct walker *w, uint64_t at, bool pointed)
{
    struct cache cache;
    uint64_t size;

    if (at % ARENA_ALIGN != 0 || at < ARENA_HEADER ||
        arena_segment_of(w, at - ARENA_HEADER) == NULL || !arena_word(w, at - ARENA_WORD, &size) ||
        (size & ~(uint64_t)CHUNK_BITS) != CACHE_CHUNK || is_known_cache(w, at) ||
        is_live(w, at, CACHE_BYTES) || !arena_peek(w, at, &cache, sizeof cache) ||
        !is_cache(w, &cache, pointed))
        return;
    if (arena_grow(w, (void **)&w->cache, w->caches, &w->cache_room, sizeof *w->cache))
        w->cache[w->caches++] = at;
}

static void caches_of_thread(struct walker *w, uint64_t thread)
{
    uint64_t words[PAGE_BYTES / ARENA_WORD];
    uint64_t at;

    if (thread < THREAD_WORDS_BYTES || thread % ARENA_WORD != 0)
        return;
    at = (thread - THREAD_WORDS_BYTES) / PAGE_BYTES * PAGE_BYTES;
    for (; at < thread; at += PAGE_BYTES) {
        if (!arena_peek(w, at, words, sizeof words))
            continue;
        for (size_t i = 0; i < PAGE_BYTES / ARENA_WORD && at + i * ARENA_WORD < thread; i++)
            try_cache(w, words[i], true);
    }
}

void arena_caches(struct walker *w)
{
    for (size_t i = 0; i < w->request->threads; i++)
        caches_of_thread(w, w->request->thread[i]);
    for (size_t i = 0; i < w->out->chunks; i++)
        if (w->out->chunk[i].size == CACHE_CHUNK)
            try_cache(w, w->out->chunk[i].start + ARENA_HEADER, false);
    w->out->caches = (unsigned)w->caches;
}

static void walk_cached_list(struct walker *w, const struct cache *cache, uint64_t at,
                             unsigned index)
{
    struct chain chain = {.size = ARENA_SMALLEST + 16 * (uint64_t)index, .from = at};

    chain.at = cache->entry[index];
    chain.stored = chain.at;
    while (chain.at != 0)
        if (!chain_step(w, &chain))
            return;
    if (chain.count != cache->count[index])
        arena_say(w, ARENA_COUNT, at, chain.count, cache->count[index], 0);
}

static void walk_cache(struct walker *w, uint64_t at)
{
    struct cache cache;

    if (!arena_peek(w, at, &cache, sizeof cache))
        return;
    for (unsigned i = 0; i < CACHE_LISTS; i++)
        walk_cached_list(w, &cache, at, i);
}

/* --- all of them ---------------------------------------------------------------------------------
 */

/* The same number stands in all cached blocks, and in libc's data. Not found: not judged. */
static bool is_libc_word(struct walker *w, uint64_t word)
{
    uint64_t words[PAGE_BYTES / ARENA_WORD];

    for (size_t i = 0; i < w->request->datas; i++)
        for (uint64_t at = w->request->data[i].start; at < w->request->data[i].end;
             at += PAGE_BYTES) {
            if (at % PAGE_BYTES != 0 || !arena_peek(w, at, words, sizeof words))
                break;
            for (size_t j = 0; j < PAGE_BYTES / ARENA_WORD; j++)
                if (words[j] == word)
                    return true;
        }
    return false;
}

static void find_mark(struct walker *w, size_t first)
{
    size_t tried = 0;
    uint64_t word;

    for (size_t i = first; w->mark == 0 && tried < MARKS_TRIED && i < w->entries; i++, tried++)
        if (arena_word(w, user(w->entry[i].start) + ARENA_WORD, &word) && word >> 32 != 0 &&
            is_libc_word(w, word))
            w->mark = word;
}

static void check_marks(struct walker *w, size_t first)
{
    uint64_t word;

    find_mark(w, first);
    for (size_t i = first; w->mark != 0 && i < w->entries; i++)
        if (arena_word(w, user(w->entry[i].start) + ARENA_WORD, &word) && word != w->mark &&
            !is_live(w, user(w->entry[i].start), w->entry[i].size - ARENA_WORD))
            arena_say(w, ARENA_MARK, user(w->entry[i].start), w->entry[i].size, word, 0);
}

void arena_lists(struct walker *w)
{
    size_t first;

    for (size_t i = 0; i < w->arenas; i++) {
        const struct arena_heap *arena = &w->arena[i];

        for (unsigned bin = 0; bin < BINS && !arena->skipped; bin++)
            walk_bin(w, arena, bin);
        for (unsigned fast = 0; fast < STATE_FASTS && !arena->skipped; fast++)
            walk_fast(w, arena, fast);
    }
    first = w->entries;
    w->mute = w->request->busy;
    for (size_t i = 0; i < w->caches; i++)
        walk_cache(w, w->cache[i]);
    w->mute = false;
    if (!w->request->busy)
        check_marks(w, first);
}
