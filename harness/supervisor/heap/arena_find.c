/*
 * arena_find: which glibc it is, where its main_arena lies, and which memory belongs to which
 * arena.
 *
 * libc's own symbols are not needed: main_arena is known by its 127 lists, which in the usual
 * case lead back to themselves. Whatever does not have that form is not taken for it.
 */
#include "arena_parts.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
    DATA_MOST = 4 << 20,  /* libc's writable memory is 80 KiB */
    TEXT_MOST = 16 << 20, /* its constants are 400 KiB */
    EMPTY_LEAST = 32,     /* of a main arena's lists this many lead back to themselves */
    TORN_MOST = 2,        /* lists that one thread can be changing when it is stopped or dies */
    PIECE = 65536,
};

/* --- which glibc --------------------------------------------------------------------------- */

static unsigned number_behind(const char *text, size_t bytes)
{
    static const char mark[] = "release version 2.";
    const char *at = memmem(text, bytes, mark, sizeof mark - 1);
    unsigned number = 0;

    if (at == NULL)
        return 0;
    for (at += sizeof mark - 1; at < text + bytes && *at >= '0' && *at <= '9' && number < 1000;
         at++)
        number = number * 10 + (unsigned)(*at - '0');
    return at < text + bytes ? number : 0;
}

/* Pieces overlap, so that the words are whole in one of them. */
static unsigned version_in(const struct arena_reader *reader, struct arena_range range, char *piece)
{
    static const char banner[] = "GNU C Library (";
    const size_t overlap = 512;

    if (range.end - range.start > TEXT_MOST)
        return 0;
    for (size_t at = 0; at < range.end - range.start; at += PIECE - overlap) {
        size_t bytes = (size_t)(range.end - range.start) - at;
        size_t got =
            reader->read(reader->context, range.start + at, piece, bytes < PIECE ? bytes : PIECE);
        const char *found = memmem(piece, got, banner, sizeof banner - 1);
        unsigned number = 0;

        if (found != NULL)
            number = number_behind(found, got - (size_t)(found - piece));
        if (number != 0)
            return number;
    }
    return 0;
}

unsigned arena_version(const struct arena_reader *reader, const struct arena_range *range,
                       size_t ranges)
{
    char *piece = malloc(PIECE);
    unsigned number = 0;

    for (size_t i = 0; piece != NULL && number == 0 && i < ranges; i++)
        if (range[i].end > range[i].start)
            number = version_in(reader, range[i], piece);
    free(piece);
    return number;
}

/* --- main_arena ------------------------------------------------------------------------------ */

static uint64_t load(const uint8_t *bytes)
{
    uint64_t word;

    memcpy(&word, bytes, sizeof word);
    return word;
}

static bool is_locked(const uint8_t *state)
{
    uint32_t lock;

    memcpy(&lock, state + STATE_MUTEX, sizeof lock);
    return lock != 0;
}

/* The list heads of an arena at @address whose bytes are @state; all of them set, many empty. Who
 * holds the lock may be between the two stores that empty a list, or fill it. */
static bool has_bins(const uint8_t *state, uint64_t address)
{
    unsigned torn = 0, empty = 0;

    for (unsigned i = 0; i < BINS; i++) {
        const uint8_t *head = state + STATE_BINS + 16 * (size_t)i;
        uint64_t self = address + STATE_BINS + 16 * (uint64_t)i - ARENA_HEADER;
        uint64_t next = load(head), previous = load(head + ARENA_WORD);

        if (next == 0 || previous == 0)
            return false;
        torn += (next == self) != (previous == self);
        empty += next == self;
    }
    return empty >= EMPTY_LEAST && torn <= (is_locked(state) ? TORN_MOST : 0);
}

/* Another arena lies right behind the record of its first heap, which names it. */
static bool has_heap(struct walker *w, uint64_t address)
{
    uint64_t heap = address - HEAP_BYTES, owner;

    return heap % HEAP_SPAN == 0 && arena_word(w, heap + HEAP_ARENA, &owner) && owner == address;
}

/*
 * The lists alone also fit 16 bytes beside an arena, where what is taken for the link to the next
 * one is a bit map or a count, and these can have any value.
 */
static bool is_main(struct walker *w, const uint8_t *state, uint64_t address)
{
    uint64_t next = load(state + STATE_NEXT);

    if (next != address && next % HEAP_SPAN != HEAP_BYTES)
        return false;
    return has_bins(state, address) && (next == address || has_heap(w, next));
}

/* Zero, one or many; the first goes to *@found. */
static unsigned search(struct walker *w, struct arena_range range, uint64_t *found)
{
    size_t bytes = (size_t)(range.end - range.start);
    uint8_t *data = malloc(bytes);
    unsigned count = 0;
    size_t got;

    if (data == NULL)
        return 0;
    got = w->request->reader.read(w->request->reader.context, range.start, data, bytes);
    for (size_t at = 0; at + STATE_BYTES <= got; at += ARENA_WORD) {
        if (!is_main(w, data + at, range.start + at))
            continue;
        if (count++ == 0)
            *found = range.start + at;
    }
    free(data);
    return count;
}

static int find_main(struct walker *w, struct error *e)
{
    unsigned count = 0;

    for (size_t i = 0; i < w->request->datas && count <= 1; i++) {
        struct arena_range range = w->request->data[i];

        if (range.end > range.start && range.end - range.start <= DATA_MOST)
            count += search(w, range, count == 0 ? &w->main : &(uint64_t){0});
    }
    if (count == 0)
        return error_set(e, ERROR_NOT_FOUND, "heap: nothing in libc's data looks like main_arena");
    if (count > 1)
        return error_set(e, ERROR_CORRUPT,
                         "heap: more than one thing in libc's data looks like "
                         "main_arena");
    return 0;
}

/* --- the ring of arenas ------------------------------------------------------------------------
 */

static bool is_known(const struct walker *w, uint64_t address)
{
    for (size_t i = 0; i < w->arenas; i++)
        if (w->arena[i].address == address)
            return true;
    return false;
}

static int add_arena(struct walker *w, uint64_t address, struct error *e)
{
    struct arena_heap *arena;

    if (w->arenas == ARENAS_MOST)
        return error_set(e, ERROR_FULL, "heap: more than %d arenas", ARENAS_MOST);
    if (!arena_grow(w, (void **)&w->arena, w->arenas, &w->arena_room, sizeof *w->arena))
        return error_set(e, ERROR_MEMORY, "heap: out of memory");
    arena = &w->arena[w->arenas];
    memset(arena, 0, sizeof *arena);
    arena->address = address;
    arena->main = address == w->main;
    if (is_known(w, address) || (!arena->main && !has_heap(w, address)) ||
        !arena_peek(w, address, arena->state, STATE_BYTES) || !has_bins(arena->state, address))
        return error_set(e, ERROR_CORRUPT,
                         "heap: the ring of arenas leads to 0x%" PRIx64 ", which is none", address);
    arena->skipped = is_locked(arena->state) && w->request->busy;
    arena->top = load(arena->state + STATE_TOP);
    w->out->locked += arena->skipped;
    w->arenas++;
    return 0;
}

static int find_arenas(struct walker *w, struct error *e)
{
    uint64_t next = w->main;
    int code;

    do {
        code = add_arena(w, next, e);
        if (code != 0)
            return code;
        next = load(w->arena[w->arenas - 1].state + STATE_NEXT);
    } while (next != w->main);
    w->out->arenas = (unsigned)w->arenas;
    return 0;
}

/* --- their memory -------------------------------------------------------------------------------
 */

static void add_segment(struct walker *w, struct arena_heap *arena, struct arena_range range,
                        uint64_t first, uint64_t top)
{
    struct arena_segment *segment = &w->segment[w->segments];

    if (w->segments == HEAPS_MOST || range.end <= range.start || first < range.start ||
        first >= range.end) {
        w->out->whole = false;
        return;
    }
    *segment = (struct arena_segment){range, arena, first, top};
    w->segments++;
}

static uint64_t align(uint64_t address)
{
    return (address + ARENA_ALIGN - 1) & ~(uint64_t)(ARENA_ALIGN - 1);
}

/* The program can have moved the break itself: then only what hangs on lists is known. */
static void main_segment(struct walker *w, struct arena_heap *arena)
{
    const struct arena_range *heap = &w->request->heap;
    uint32_t flags;

    memcpy(&flags, arena->state + STATE_FLAGS, sizeof flags);
    if (arena->top == arena->address + STATE_BINS - ARENA_HEADER)
        return; /* not used yet */
    if ((flags & STATE_NONCONTIGUOUS) || arena->top < heap->start || arena->top >= heap->end) {
        w->out->whole = false;
        return;
    }
    add_segment(w, arena, *heap, align(heap->start), arena->top);
}

static void one_heap(struct walker *w, struct arena_heap *arena, uint64_t heap, uint64_t size,
                     uint64_t top)
{
    bool first = arena->address == heap + HEAP_BYTES;
    uint64_t start = heap + (first ? HEAP_BYTES + STATE_BYTES : HEAP_BYTES);

    add_segment(w, arena, (struct arena_range){heap, heap + size}, align(start), top);
}

static void other_segments(struct walker *w, struct arena_heap *arena)
{
    uint64_t heap = arena->top & ~(uint64_t)(HEAP_SPAN - 1), top = arena->top;
    size_t before = w->segments;

    while (heap != 0 && w->segments - before < HEAPS_MOST) {
        uint64_t record[HEAP_BYTES / ARENA_WORD];
        uint64_t size;

        if (!arena_peek(w, heap, record, sizeof record) ||
            record[HEAP_ARENA / ARENA_WORD] != arena->address)
            break;
        size = record[HEAP_SIZE / ARENA_WORD];
        if (size <= HEAP_BYTES || size > HEAP_SPAN || size % PAGE_BYTES != 0)
            break;
        one_heap(w, arena, heap, size, top);
        if (heap == arena->address - HEAP_BYTES)
            return;
        top = 0;
        heap = record[HEAP_PREVIOUS / ARENA_WORD];
        if (heap % HEAP_SPAN != 0)
            break;
    }
    w->out->whole = false;
}

static int by_start(const void *a, const void *b)
{
    const struct arena_segment *x = a, *y = b;

    return (x->range.start > y->range.start) - (x->range.start < y->range.start);
}

/* Two heaps that overlap are no heaps. */
static int check_segments(struct walker *w, struct error *e)
{
    qsort(w->segment, w->segments, sizeof *w->segment, by_start);
    for (size_t i = 1; i < w->segments; i++)
        if (w->segment[i].range.start < w->segment[i - 1].range.end)
            return error_set(e, ERROR_CORRUPT, "heap: two heaps overlap at 0x%" PRIx64,
                             w->segment[i].range.start);
    return 0;
}

int arena_find(struct walker *w, struct error *e)
{
    int code = find_main(w, e);

    if (code == 0)
        code = find_arenas(w, e);
    if (code != 0)
        return code;
    w->segment = calloc(HEAPS_MOST, sizeof *w->segment);
    if (w->segment == NULL)
        return error_set(e, ERROR_MEMORY, "heap: out of memory");
    for (size_t i = 0; i < w->arenas; i++) {
        if (w->arena[i].main)
            main_segment(w, &w->arena[i]);
        else
            other_segments(w, &w->arena[i]);
    }
    return check_segments(w, e);
}
