/*
 * heap_image.h: memory images of a heap, for tests and the fuzzer.
 *
 * An image is one file: numbers of 8 bytes, little-endian, then the bytes of its ranges.
 *
 *     "rundheap"  flags (1: busy)  heap.start heap.end
 *     ranges (at most 8)   each: start, bytes, kind (1: libc's data)
 *     live (at most 512)   each: address, bytes
 *     freed (at most 512)  each: address
 *     threads (at most 8)  each: address
 *     the ranges' bytes, one after the other; missing ones read as 0
 *
 * Anything is an image: what is missing is 0, what is too much is cut. For tests only.
 */
#ifndef TESTS_HEAP_IMAGE_H
#define TESTS_HEAP_IMAGE_H

#include <harness/supervisor/heap/arena_walk.h>
#include <harness/supervisor/heap/reach.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    IMAGE_RANGES = 8,
    IMAGE_LIVES = 512,
    IMAGE_FREEDS = 512,
    IMAGE_THREADS = 8,
    IMAGE_BYTES_MOST = 8 << 20,    /* of all ranges */
    IMAGE_PARSED_MOST = 512 << 10, /* the same of a file, which may say anything */
};

struct heap_image {
    bool busy;
    struct arena_range heap;
    size_t ranges;
    struct arena_range range[IMAGE_RANGES];
    bool is_data[IMAGE_RANGES];
    uint8_t *bytes[IMAGE_RANGES];
    struct arena_range data[IMAGE_RANGES];
    size_t datas;
    size_t lives;
    struct arena_block live[IMAGE_LIVES];
    size_t freeds;
    uint64_t freed[IMAGE_FREEDS];
    size_t threads;
    uint64_t thread[IMAGE_THREADS];
};

/* Where a page is not all in a range, the rest of it reads as 0, as in a file's last page. */
static inline size_t heap_image_read(void *context, uint64_t address, void *out, size_t bytes)
{
    const struct heap_image *image = context;
    bool any = false;

    for (size_t i = 0; i < image->ranges; i++) {
        struct arena_range range = image->range[i];
        uint64_t from = range.start > address ? range.start : address;
        uint64_t to = range.end < address + bytes ? range.end : address + bytes;

        if (address + bytes < address || from >= to)
            continue;
        if (!any)
            memset(out, 0, bytes);
        memcpy((uint8_t *)out + (from - address), image->bytes[i] + (from - range.start),
               (size_t)(to - from));
        any = true;
    }
    return any ? bytes : 0;
}

/** heap_image_word() - the word at @address of the image, to be changed; NULL if it has none. */
static inline uint64_t *heap_image_word(struct heap_image *image, uint64_t address)
{
    for (size_t i = 0; i < image->ranges; i++)
        if (address >= image->range[i].start && address + 8 <= image->range[i].end)
            return (uint64_t *)(image->bytes[i] + (address - image->range[i].start));
    return NULL;
}

/** heap_image_add() - a range, zero-filled; false if there is no room for it. */
static inline bool heap_image_add(struct heap_image *image, uint64_t start, uint64_t bytes,
                                  bool is_data)
{
    uint64_t all = bytes;
    size_t i = image->ranges;

    for (size_t j = 0; j < i; j++)
        all += image->range[j].end - image->range[j].start;
    if (i == IMAGE_RANGES || bytes > IMAGE_BYTES_MOST || all > IMAGE_BYTES_MOST ||
        start + bytes < start)
        return false;
    image->bytes[i] = calloc(1, (size_t)bytes + 1);
    if (image->bytes[i] == NULL)
        return false;
    image->range[i] = (struct arena_range){start, start + bytes};
    if (is_data)
        image->data[image->datas++] = image->range[i];
    image->is_data[i] = is_data;
    image->ranges++;
    return true;
}

static inline void heap_image_free(struct heap_image *image)
{
    for (size_t i = 0; i < image->ranges; i++)
        free(image->bytes[i]);
    image->ranges = 0;
}

/* --- as a file ------------------------------------------------------------------------------- */

struct heap_image_cursor {
    const uint8_t *at;
    size_t left;
};

static inline uint64_t heap_image_number(struct heap_image_cursor *cursor)
{
    uint64_t number = 0;
    size_t bytes = cursor->left < sizeof number ? cursor->left : sizeof number;

    memcpy(&number, cursor->at, bytes);
    cursor->at += bytes;
    cursor->left -= bytes;
    return number;
}

static inline size_t heap_image_count(struct heap_image_cursor *cursor, size_t most)
{
    uint64_t count = heap_image_number(cursor);

    return count < most ? (size_t)count : most;
}

static inline int heap_image_by_address(const void *a, const void *b)
{
    const struct arena_block *x = a, *y = b;

    return (x->address > y->address) - (x->address < y->address);
}

static inline int heap_image_by_word(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

/* The table of live blocks is sorted and without two blocks in one place, whoever wrote it. */
static inline void heap_image_tidy(struct heap_image *image)
{
    size_t kept = 0;

    qsort(image->live, image->lives, sizeof image->live[0], heap_image_by_address);
    for (size_t i = 0; i < image->lives; i++)
        if (kept == 0 ||
            image->live[i].address - image->live[kept - 1].address > image->live[kept - 1].bytes)
            image->live[kept++] = image->live[i];
    image->lives = kept;
    qsort(image->freed, image->freeds, sizeof image->freed[0], heap_image_by_word);
}

/** heap_image_parse() - from a file's bytes; heap_image_free() afterwards. */
static inline void heap_image_parse(struct heap_image *image, const uint8_t *bytes, size_t size)
{
    struct heap_image_cursor cursor = {bytes, size};
    size_t ranges;

    memset(image, 0, sizeof *image);
    heap_image_number(&cursor); /* the file's first word is for people */
    image->busy = heap_image_number(&cursor) & 1;
    image->heap.start = heap_image_number(&cursor);
    image->heap.end = heap_image_number(&cursor);
    ranges = heap_image_count(&cursor, IMAGE_RANGES);
    for (size_t i = 0; i < ranges; i++) {
        uint64_t start = heap_image_number(&cursor);
        uint64_t length = heap_image_number(&cursor);

        if (length > IMAGE_PARSED_MOST / IMAGE_RANGES * 4)
            length = IMAGE_PARSED_MOST / IMAGE_RANGES * 4;
        heap_image_add(image, start, length, heap_image_number(&cursor) & 1);
    }
    image->lives = heap_image_count(&cursor, IMAGE_LIVES);
    for (size_t i = 0; i < image->lives; i++) {
        image->live[i].address = heap_image_number(&cursor);
        image->live[i].bytes = heap_image_number(&cursor);
    }
    image->freeds = heap_image_count(&cursor, IMAGE_FREEDS);
    for (size_t i = 0; i < image->freeds; i++)
        image->freed[i] = heap_image_number(&cursor);
    image->threads = heap_image_count(&cursor, IMAGE_THREADS);
    for (size_t i = 0; i < image->threads; i++)
        image->thread[i] = heap_image_number(&cursor);
    for (size_t i = 0; i < image->ranges; i++) {
        size_t length = (size_t)(image->range[i].end - image->range[i].start);

        length = length < cursor.left ? length : cursor.left;
        memcpy(image->bytes[i], cursor.at, length);
        cursor.at += length;
        cursor.left -= length;
    }
    heap_image_tidy(image);
}

static inline void heap_image_put(FILE *file, uint64_t number)
{
    fwrite(&number, sizeof number, 1, file);
}

/** heap_image_write() - the file that heap_image_parse() reads. */
static inline void heap_image_write(const struct heap_image *image, FILE *file)
{
    fwrite("rundheap", 8, 1, file);
    heap_image_put(file, image->busy);
    heap_image_put(file, image->heap.start);
    heap_image_put(file, image->heap.end);
    heap_image_put(file, image->ranges);
    for (size_t i = 0; i < image->ranges; i++) {
        heap_image_put(file, image->range[i].start);
        heap_image_put(file, image->range[i].end - image->range[i].start);
        heap_image_put(file, image->is_data[i]);
    }
    heap_image_put(file, image->lives);
    for (size_t i = 0; i < image->lives; i++) {
        heap_image_put(file, image->live[i].address);
        heap_image_put(file, image->live[i].bytes);
    }
    heap_image_put(file, image->freeds);
    for (size_t i = 0; i < image->freeds; i++)
        heap_image_put(file, image->freed[i]);
    heap_image_put(file, image->threads);
    for (size_t i = 0; i < image->threads; i++)
        heap_image_put(file, image->thread[i]);
    for (size_t i = 0; i < image->ranges; i++)
        fwrite(image->bytes[i], 1, (size_t)(image->range[i].end - image->range[i].start), file);
}

/* --- looking at it ---------------------------------------------------------------------------- */

/** heap_image_walk() - arena_walk() of the image. */
static inline int heap_image_walk(struct heap_image *image, struct arena_walk *walk,
                                  struct error *e)
{
    struct arena_request request = {
        .reader = {heap_image_read, image},
        .data = image->data,
        .datas = image->datas,
        .heap = image->heap,
        .live = image->live,
        .lives = image->lives,
        .freed = image->freed,
        .freeds = image->freeds,
        .thread = image->thread,
        .threads = image->threads,
        .busy = image->busy,
    };

    return arena_walk(&request, walk, e);
}

/** heap_image_reach() - reach_scan() of its live blocks, all that is no block being roots. */
static inline int heap_image_reach(struct heap_image *image, enum reach_state *state,
                                   struct error *e)
{
    struct arena_range taken[IMAGE_LIVES];
    struct reach_request request = {.reader = {heap_image_read, image}, .most = 8 << 20};
    struct arena_range *root;
    int code;

    for (size_t i = 0; i < image->lives; i++)
        taken[i] = (struct arena_range){image->live[i].address,
                                        image->live[i].address + image->live[i].bytes};
    if (reach_without(image->range, image->ranges, taken, image->lives, &root, &request.roots) != 0)
        return ERROR_MEMORY;
    request.root = root;
    request.word = image->thread;
    request.words = image->threads;
    request.block = image->live;
    request.blocks = image->lives;
    code = reach_scan(&request, state, e);
    free(root);
    return code;
}

#endif
