/*
 * arena_walk: the chunks of every heap from its first to its last, and what the lists of free
 * chunks, the headers and the program's own blocks say about each other.
 *
 * After a header that can't be, the walk goes on at the program's next block: one overwritten
 * word is to be told once, and not once for each chunk behind it.
 */
#include "arena_walk.h"

#include "arena_parts.h"

#include <harness/common/array.h>

#include <stdlib.h>
#include <string.h>

/* --- memory ------------------------------------------------------------------------------------
 */

static const struct arena_page *page_at(struct walker *w, uint64_t address)
{
    const struct arena_reader *reader = &w->request->reader;
    struct arena_page *page = &w->page[address / PAGE_BYTES % PAGES_KEPT];

    if (page->address == address + 1)
        return page;
    page->address = 0;
    if (reader->read(reader->context, address, page->bytes, PAGE_BYTES) != PAGE_BYTES)
        return NULL;
    page->address = address + 1;
    return page;
}

bool arena_peek(struct walker *w, uint64_t address, void *out, size_t bytes)
{
    uint8_t *to = out;

    if (address + bytes < address)
        return false;
    while (bytes > 0) {
        size_t within = (size_t)(address % PAGE_BYTES);
        size_t part = bytes < PAGE_BYTES - within ? bytes : PAGE_BYTES - within;
        const struct arena_page *page = page_at(w, address - within);

        if (page == NULL)
            return false;
        memcpy(to, page->bytes + within, part);
        to += part;
        address += part;
        bytes -= part;
    }
    return true;
}

bool arena_grow(struct walker *w, void **array, size_t count, size_t *room, size_t bytes)
{
    if (count == *room && count >= CHUNKS_MOST) {
        w->failed = ERROR_FULL;
        return false;
    }
    if (array_room(array, count, room, bytes))
        return true;
    w->failed = ERROR_MEMORY;
    return false;
}

/* --- who is where --------------------------------------------------------------------------------
 */

const struct arena_segment *arena_segment_of(const struct walker *w, uint64_t address)
{
    size_t low = ARRAY_FIRST(w->segments, i, w->segment[i].range.end <= address);

    return low < w->segments && w->segment[low].range.start <= address ? &w->segment[low] : NULL;
}

size_t arena_live_at(const struct walker *w, uint64_t address)
{
    return ARRAY_FIRST(w->request->lives, i, w->request->live[i].address < address);
}

const struct arena_chunk *arena_chunk_at(const struct arena_walk *walk, uint64_t address)
{
    size_t low =
        ARRAY_FIRST(walk->chunks, i, walk->chunk[i].start + walk->chunk[i].size <= address);

    return low < walk->chunks && walk->chunk[low].start <= address ? &walk->chunk[low] : NULL;
}

static uint64_t user(uint64_t start)
{
    return start + ARENA_HEADER;
}

/* The block before the one at @block, if it was walked; else of the program's the nearest. */
static uint64_t block_before(const struct walker *w, uint64_t block)
{
    const struct arena_chunk *chunk = arena_chunk_at(w->out, block - ARENA_HEADER - 1);
    size_t live = arena_live_at(w, block);

    if (chunk != NULL)
        return user(chunk->start);
    if (live > 0 && block - w->request->live[live - 1].address < PAGE_BYTES)
        return w->request->live[live - 1].address;
    return 0;
}

void arena_say(struct walker *w, enum arena_kind kind, uint64_t block, uint64_t bytes,
               uint64_t value, uint64_t before)
{
    struct arena_walk *out = w->out;

    if (w->mute)
        return;
    for (size_t i = 0; i < out->faults && i < ARENA_FAULTS; i++)
        if (out->fault[i].kind == kind && out->fault[i].block == block)
            return;
    if (out->faults < ARENA_FAULTS)
        out->fault[out->faults] = (struct arena_fault){kind, block, bytes, value, before};
    out->faults++;
}

/* --- chunk by chunk
 * ------------------------------------------------------------------------------- */

static bool add_chunk(struct walker *w, uint64_t start, uint64_t size)
{
    struct arena_walk *out = w->out;

    if (!arena_grow(w, (void **)&out->chunk, out->chunks, &w->chunk_room, sizeof *out->chunk))
        return false;
    out->chunk[out->chunks++] = (struct arena_chunk){start, size, ARENA_UNKNOWN};
    return true;
}

/* In other arenas only chunks in use say whose they are. */
static bool is_sane(const struct arena_segment *segment, uint64_t start, uint64_t header)
{
    uint64_t size = header & ~(uint64_t)CHUNK_BITS;
    uint64_t limit = segment->top != 0 ? segment->top : segment->range.end;

    return size >= ARENA_SMALLEST && size % ARENA_ALIGN == 0 && start < limit &&
           size <= limit - start && !(header & CHUNK_MAPPED) &&
           !(segment->arena->main && (header & CHUNK_OTHER_ARENA));
}

/* Two blocks of the program in what its header calls one chunk. */
static bool swallows(const struct walker *w, uint64_t start, uint64_t size)
{
    size_t first = arena_live_at(w, user(start));

    return first + 1 < w->request->lives && w->request->live[first + 1].address < start + size;
}

/* The next place behind @start at which a block of the program says that a chunk begins. */
static uint64_t resume(struct walker *w, const struct arena_segment *segment, uint64_t start)
{
    uint64_t header;

    for (size_t i = arena_live_at(w, user(start) + 1);
         i < w->request->lives && w->request->live[i].address < segment->range.end; i++) {
        uint64_t at = w->request->live[i].address - ARENA_HEADER;

        if (at % ARENA_ALIGN == 0 && arena_word(w, at + ARENA_WORD, &header) &&
            is_sane(segment, at, header))
            return at;
    }
    return segment->range.end;
}

/* The end of a heap that another one followed, or where somebody else moved the break. */
static bool is_fence(const struct arena_segment *segment, uint64_t start, uint64_t header)
{
    uint64_t size = header & ~(uint64_t)CHUNK_BITS;

    if (segment->arena->main)
        return size == ARENA_HEADER;
    return size <= ARENA_HEADER && start + 2 * (uint64_t)ARENA_HEADER >= segment->range.end;
}

/* Whose first chunk is the first thread's cache begins where we think that it begins. */
static bool begins_here(const struct arena_segment *segment, uint64_t start, uint64_t header)
{
    return !segment->arena->main || start != segment->first ||
           (header & ~(uint64_t)CHUNK_BITS) == CACHE_CHUNK;
}

/* Where to go on: behind this chunk, or elsewhere if it is none. */
static uint64_t one_chunk(struct walker *w, const struct arena_segment *segment, uint64_t start)
{
    uint64_t header;
    uint64_t size;

    if (!arena_word(w, start + ARENA_WORD, &header)) {
        w->out->whole = false;
        return segment->range.end;
    }
    size = header & ~(uint64_t)CHUNK_BITS;
    if (is_fence(segment, start, header) || !begins_here(segment, start, header)) {
        w->out->whole &= !segment->arena->main;
        return segment->arena->main ? resume(w, segment, start) : segment->range.end;
    }
    if (is_sane(segment, start, header) && !swallows(w, start, size))
        return add_chunk(w, start, size) ? start + size : segment->range.end;
    w->out->whole = false;
    arena_say(w, is_sane(segment, start, header) ? ARENA_SWALLOW : ARENA_SIZE, user(start), 0,
              header, block_before(w, user(start)));
    return resume(w, segment, start);
}

/* What is left of the heap ends on a page, and in all but the main arena where the heap ends. */
static void check_top(struct walker *w, const struct arena_segment *segment)
{
    uint64_t header, size, end;

    if (segment->top == 0 || !arena_word(w, segment->top + ARENA_WORD, &header))
        return;
    if (add_chunk(w, segment->top, segment->range.end - segment->top))
        w->out->chunk[w->out->chunks - 1].state = ARENA_REST;
    size = header & ~(uint64_t)CHUNK_BITS;
    end = segment->top + size;
    if (size < ARENA_SMALLEST || size > segment->range.end - segment->top ||
        !(header & CHUNK_PREVIOUS_USED) || end % PAGE_BYTES != 0 ||
        (!segment->arena->main && end != segment->range.end))
        arena_say(w, ARENA_TOP, user(segment->top), 0, header, block_before(w, user(segment->top)));
}

static void walk_segment(struct walker *w, const struct arena_segment *segment)
{
    uint64_t limit = segment->top != 0 ? segment->top : segment->range.end;
    uint64_t at = segment->first;

    if (segment->top != 0 && (segment->top < segment->first || segment->top % ARENA_ALIGN != 0)) {
        w->out->whole = false;
        return;
    }
    while (at < limit && w->failed == 0)
        at = one_chunk(w, segment, at);
    check_top(w, segment);
}

/* Chunks of arenas that somebody works on are as they are: none is believed. */
static void walk_segments(struct walker *w)
{
    for (size_t i = 0; i < w->segments && w->failed == 0; i++) {
        if (w->segment[i].arena->skipped)
            w->out->whole = false;
        else
            walk_segment(w, &w->segment[i]);
    }
}

/* --- one against the other
 * ------------------------------------------------------------------------- */

static int by_start(const void *a, const void *b)
{
    const struct arena_entry *x = a, *y = b;

    return (x->start > y->start) - (x->start < y->start);
}

static const struct arena_entry *entry_at(const struct walker *w, uint64_t start)
{
    size_t low = ARRAY_FIRST(w->entries, i, w->entry[i].start < start);

    return low < w->entries && w->entry[low].start == start ? &w->entry[low] : NULL;
}

/* Twice in the lists, or at a place where no chunk begins. */
static void check_entries(struct walker *w)
{
    if (w->entries > 0)
        qsort(w->entry, w->entries, sizeof *w->entry, by_start);
    w->mute = w->request->busy;
    for (size_t i = 0; i < w->entries; i++) {
        const struct arena_entry *entry = &w->entry[i];
        const struct arena_chunk *chunk = arena_chunk_at(w->out, entry->start);

        w->out->free_bytes += entry->size;
        if (i > 0 && entry[-1].start == entry->start)
            arena_say(w, ARENA_TWICE, user(entry->start), entry->size, 0, 0);
        else if (chunk != NULL && chunk->start != entry->start)
            arena_say(w, ARENA_LINK, entry->from != 0 ? entry->from : user(entry->start),
                      entry->size, entry->start, 0);
    }
    w->mute = false;
}

static bool is_cache_chunk(const struct walker *w, uint64_t start)
{
    for (size_t i = 0; i < w->caches; i++)
        if (w->cache[i] == user(start))
            return true;
    return false;
}

/* The program's block in this chunk, if there is one; its memory ends 8 into the next header. */
static const struct arena_block *live_in(const struct walker *w, const struct arena_chunk *chunk)
{
    size_t at = arena_live_at(w, user(chunk->start));

    return at < w->request->lives &&
                   w->request->live[at].address < chunk->start + chunk->size + ARENA_WORD
               ? &w->request->live[at]
               : NULL;
}

static void check_live(struct walker *w, const struct arena_chunk *chunk,
                       const struct arena_block *block)
{
    uint64_t room = chunk->start + chunk->size + ARENA_WORD - block->address;

    if (block->bytes != UINT32_MAX && block->bytes > room)
        arena_say(w, ARENA_SHORT, user(chunk->start), block->bytes, chunk->size,
                  block_before(w, user(chunk->start)));
}

static bool is_freed(const struct walker *w, uint64_t address)
{
    size_t low = ARRAY_FIRST(w->request->freeds, i, w->request->freed[i] < address);

    return low < w->request->freeds && w->request->freed[low] == address;
}

/* Where a list broke off, its rest is not lost: it only could not be followed. */
static void check_lost(struct walker *w, const struct arena_chunk *chunk)
{
    if (!w->request->busy && !w->broken_list && w->out->whole && is_freed(w, user(chunk->start)))
        arena_say(w, ARENA_LOST, user(chunk->start), chunk->size, 0, 0);
}

/* The header behind a chunk says whether it is in use; what is in a bin is not, all else is. */
static void check_behind(struct walker *w, const struct arena_chunk *chunk, bool binned)
{
    uint64_t behind[2];
    const struct arena_segment *segment = arena_segment_of(w, chunk->start);

    if (binned || segment == NULL || chunk->start + chunk->size + 16 > segment->range.end ||
        !arena_peek(w, chunk->start + chunk->size, behind, sizeof behind))
        return;
    if (!(behind[1] & CHUNK_PREVIOUS_USED) && !w->broken_list)
        arena_say(w, ARENA_PREVIOUS, user(chunk->start + chunk->size), 0, behind[0],
                  user(chunk->start));
}

static void judge_chunk(struct walker *w, struct arena_chunk *chunk)
{
    const struct arena_entry *entry = entry_at(w, chunk->start);
    const struct arena_block *block = live_in(w, chunk);

    if (chunk->state == ARENA_REST)
        return;
    if (entry != NULL) {
        chunk->state = ARENA_FREE;
        if (block != NULL && !w->request->busy)
            arena_say(w, ARENA_BOTH, user(chunk->start), chunk->size, 0, 0);
    } else if (block != NULL) {
        chunk->state = ARENA_LIVE;
        check_live(w, chunk, block);
    } else if (chunk->size == CACHE_CHUNK && is_cache_chunk(w, chunk->start)) {
        chunk->state = ARENA_CACHE;
    } else {
        check_lost(w, chunk);
    }
    check_behind(w, chunk, entry != NULL && !entry->cached);
}

/* --- all of it ----------------------------------------------------------------------------------
 */

static void name_neighbours(struct walker *w)
{
    for (size_t i = 0; i < w->out->faults && i < ARENA_FAULTS; i++) {
        struct arena_fault *fault = &w->out->fault[i];

        if (fault->before == 0 && fault->block >= PAGE_BYTES)
            fault->before = block_before(w, fault->block);
    }
}

static int keep_places(struct walker *w)
{
    w->out->segment = calloc(w->segments + 1, sizeof *w->out->segment);
    w->out->record = calloc(w->arenas + 1, sizeof *w->out->record);
    if (w->out->segment == NULL || w->out->record == NULL)
        return ERROR_MEMORY;
    for (size_t i = 0; i < w->segments; i++)
        w->out->segment[w->out->segments++] = w->segment[i].range;
    for (size_t i = 0; i < w->arenas; i++)
        w->out->record[i] =
            (struct arena_range){w->arena[i].address, w->arena[i].address + STATE_BYTES};
    return 0;
}

static int walk(struct walker *w, struct error *e)
{
    int code = arena_find(w, e);

    if (code != 0)
        return code;
    walk_segments(w);
    arena_caches(w);
    arena_lists(w);
    check_entries(w);
    for (size_t i = 0; i < w->out->chunks && w->failed == 0; i++)
        judge_chunk(w, &w->out->chunk[i]);
    name_neighbours(w);
    if (w->failed == 0)
        w->failed = keep_places(w);
    if (w->failed == ERROR_FULL)
        return error_set(e, ERROR_FULL, "heap: more than %d chunks", CHUNKS_MOST);
    if (w->failed != 0)
        return error_set(e, w->failed, "heap: out of memory");
    return 0;
}

int arena_walk(const struct arena_request *request, struct arena_walk *out, struct error *e)
{
    struct walker w = {.request = request, .out = out};
    int code;

    memset(out, 0, sizeof *out);
    out->whole = true;
    w.page = calloc(PAGES_KEPT, sizeof *w.page);
    code = w.page != NULL ? walk(&w, e) : error_set(e, ERROR_MEMORY, "heap: out of memory");
    free(w.page);
    free(w.arena);
    free(w.segment);
    free(w.entry);
    free(w.cache);
    if (code != 0)
        arena_walk_free(out);
    return code;
}

void arena_walk_free(struct arena_walk *walk)
{
    free(walk->segment);
    free(walk->record);
    free(walk->chunk);
    memset(walk, 0, sizeof *walk);
}
