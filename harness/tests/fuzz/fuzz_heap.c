/*
 * fuzz_heap: any bytes as a memory image: the walk through the arenas and the search for pointers
 * must end, and touch nothing but their own memory. `ci/fuzz heap` builds it with clang's
 * libFuzzer; test_heap_corpus runs the corpus through it in every test run.
 */
#include <harness/tests/heap_image.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static enum reach_state state[IMAGE_LIVES];
    const struct arena_reader reader = {heap_image_read, NULL};
    struct arena_reader memory = reader;
    struct heap_image image;
    struct arena_walk walk;
    struct error e;

    heap_image_parse(&image, data, size);
    memory.context = &image;
    arena_version(&memory, image.range, image.ranges);
    if (heap_image_walk(&image, &walk, &e) == 0)
        for (size_t i = 0; i < image.lives; i++)
            arena_chunk_at(&walk, image.live[i].address);
    arena_walk_free(&walk);
    heap_image_reach(&image, state, &e);
    heap_image_free(&image);
    return 0;
}
