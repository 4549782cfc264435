/*
 * test_arena_walk: the heap of a live child, walked from outside: every block that it has and every
 * one that it freed is where it should be, and nothing is found wrong. Then the same on a picture
 * of such a heap, in which one word after the other is broken, and any word at random.
 */
#include <harness/supervisor/heap/arena_walk.h>

#include <harness/supervisor/process/space.h>
#include <harness/tests/heap_image.h>
#include <harness/tests/unwind_target.h>

#include <CUnit/Basic.h>
#include <gnu/libc-version.h>
#include <pthread.h>

enum {
    SIZES = 48,
    KEPT = 4096,
    BIG = 700, /* blocks of 100 kB: more than one heap of 64 MiB holds */
    BIG_BYTES = 100000,
    THREADS = 3,
};

/* What the child has done, for the test to read. In shared memory. */
struct ledger {
    size_t lives;
    struct arena_block live[KEPT];
    size_t freeds;
    uint64_t freed[KEPT];
    size_t threads;
    uint64_t thread[THREADS + 1];
};

static struct ledger *ledger;

static struct ledger *ledger_new(void)
{
    void *map = mmap(NULL, sizeof(struct ledger), PROT_READ | PROT_WRITE,
                     MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (map == MAP_FAILED)
        exit(TARGET_BROKEN);
    return map;
}

/* --- the child -------------------------------------------------------------------------------- */

static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;

static char *take(size_t bytes)
{
    char *block = malloc(bytes);

    memset(block, 0x5a, bytes);
    ledger->live[ledger->lives++] = (struct arena_block){(uint64_t)block, bytes, 0};
    return block;
}

static void give(char *block)
{
    for (size_t i = 0; i < ledger->lives; i++)
        if (ledger->live[i].address == (uint64_t)block)
            ledger->live[i] = ledger->live[--ledger->lives];
    ledger->freed[ledger->freeds++] = (uint64_t)block;
    free(block);
}

/*
 * Some of each kind: cached, in fast bins, in the unsorted, small and large bins. Between those
 * that are freed stay some that are not, or all would become one.
 */
static void use_heap(void)
{
    char *block[SIZES * 10];
    size_t count = 0;

    for (size_t size = 1; size <= SIZES; size++)
        for (int i = 0; i < 10; i++)
            block[count++] = take(size * size * (size % 3 + 1));
    for (size_t i = 0; i < count; i++)
        if (i % 7 != 3)
            give(block[i]);
    take(3000); /* sorts the unsorted ones into their bins */
    for (size_t i = 0; i < 20; i++)
        take(24);
}

static void *use_heap_in_thread(void *argument)
{
    struct board *board = argument;

    pthread_mutex_lock(&turn);
    ledger->thread[ledger->threads++] = (uint64_t)pthread_self();
    use_heap();
    if (ledger->threads == THREADS + 1)
        for (int i = 0; i < BIG; i++)
            take(BIG_BYTES);
    pthread_mutex_unlock(&turn);
    board_post(board, atomic_load(&board->stage) + 1);
    target_sleep(board);
    return NULL;
}

static void busy_target(struct board *board)
{
    pthread_t thread;

    ledger->thread[ledger->threads++] = (uint64_t)pthread_self();
    for (uint32_t i = 0; i < THREADS; i++) {
        pthread_create(&thread, NULL, use_heap_in_thread, board);
        board_wait(board, i + 1);
    }
    use_heap();    /* last: what libc allocates for a thread is not in the ledger */
    take(2000000); /* mapped, in no arena */
    board_post(board, 100);
    target_sleep(board);
}

/* --- looking at it -----------------------------------------------------------------------------
 */

static size_t read_space(void *context, uint64_t address, void *out, size_t bytes)
{
    return space_read(context, address, out, bytes);
}

static bool is_libc(const struct space_map *map)
{
    return strstr(map->path, "/libc.so.6") != NULL || strstr(map->path, "/libc-2.") != NULL;
}

static size_t find_data(const struct space *space, struct arena_range *data)
{
    size_t count = 0;

    for (size_t i = 1; i < space->maps; i++) {
        const struct space_map *map = &space->map[i];

        if (is_libc(map) && map->writable)
            data[count++] = (struct arena_range){map->start, map->end};
        else if (count > 0 && map->path[0] == 0 && map->start == data[count - 1].end)
            data[count - 1].end = map->end;
    }
    return count;
}

/* A child's heap can be two maps in a row: what it has of its parent, and what is its own. */
static struct arena_range find_heap(const struct space *space)
{
    struct arena_range heap = {0, 0};

    for (size_t i = 0; i < space->maps; i++) {
        if (strcmp(space->map[i].path, "[heap]") != 0)
            continue;
        if (heap.start == 0)
            heap.start = space->map[i].start;
        heap.end = space->map[i].end;
    }
    return heap;
}

static void sort_ledger(void)
{
    qsort(ledger->live, ledger->lives, sizeof ledger->live[0], heap_image_by_address);
    qsort(ledger->freed, ledger->freeds, sizeof ledger->freed[0], heap_image_by_word);
}

static int walk_space(struct space *space, struct arena_walk *walk, bool busy, struct error *e)
{
    struct arena_range data[8];
    struct arena_request request = {
        .reader = {read_space, space},
        .data = data,
        .datas = find_data(space, data),
        .heap = find_heap(space),
        .live = ledger->live,
        .lives = ledger->lives,
        .freed = ledger->freed,
        .freeds = ledger->freeds,
        .thread = ledger->thread,
        .threads = ledger->threads,
        .busy = busy,
    };

    return arena_walk(&request, walk, e);
}

static void tell(const struct arena_walk *walk, const struct error *e)
{
    for (size_t i = 0; i < walk->faults && i < ARENA_FAULTS; i++)
        printf("  fault %d at %#llx value %#llx before %#llx\n", (int)walk->fault[i].kind,
               (unsigned long long)walk->fault[i].block, (unsigned long long)walk->fault[i].value,
               (unsigned long long)walk->fault[i].before);
    if (e->code != 0)
        printf("  %s\n", e->text);
}

/* A block of the program's own that is not there any more, because another took its place. */
static bool is_live_again(uint64_t address)
{
    for (size_t i = 0; i < ledger->lives; i++)
        if (ledger->live[i].address == address)
            return true;
    return false;
}

static void check_places(const struct arena_walk *walk)
{
    size_t found = 0, freed = 0, wrong = 0;

    for (size_t i = 0; i < ledger->lives; i++) {
        const struct arena_chunk *chunk = arena_chunk_at(walk, ledger->live[i].address);

        found += chunk != NULL && chunk->start == ledger->live[i].address - 16 &&
                 chunk->state == ARENA_LIVE;
    }
    for (size_t i = 0; i < ledger->freeds; i++) {
        const struct arena_chunk *chunk = arena_chunk_at(walk, ledger->freed[i]);

        freed++;
        wrong += !is_live_again(ledger->freed[i]) && chunk != NULL &&
                 chunk->start == ledger->freed[i] - 16 && chunk->state == ARENA_UNKNOWN;
    }
    CU_ASSERT_EQUAL(found, ledger->lives - 1); /* the mapped one is in no arena */
    CU_ASSERT_EQUAL(wrong, 0);
    CU_ASSERT(freed > 100);
}

static void test_live_child(void)
{
    struct board *board = board_new();
    struct arena_walk walk;
    struct space space;
    struct error e = {0};
    pid_t pid;

    memset(ledger, 0, sizeof *ledger);
    pid = target_start(busy_target, board);
    board_wait(board, 100);
    sort_ledger();
    CU_ASSERT_EQUAL_FATAL(space_open(&space, pid, pid, &e), 0);
    CU_ASSERT_EQUAL(walk_space(&space, &walk, false, &e), 0);
    tell(&walk, &e);
    CU_ASSERT_EQUAL(walk.faults, 0);
    CU_ASSERT_TRUE(walk.whole);
    CU_ASSERT_EQUAL(walk.arenas, THREADS + 1);
    CU_ASSERT_EQUAL(walk.caches, THREADS + 1);
    CU_ASSERT(walk.segments >= THREADS + 2); /* one arena has two heaps */
    check_places(&walk);
    arena_walk_free(&walk);
    space_close(&space);
    target_kill(pid);
    board_free(board);
}

/* --- which glibc
 * ---------------------------------------------------------------------------------- */

static void test_version(void)
{
    struct arena_range text[16];
    struct arena_reader reader;
    struct space space;
    struct error e = {0};
    unsigned wanted = 0;
    size_t count = 0;

    CU_ASSERT_EQUAL_FATAL(space_open(&space, getpid(), getpid(), &e), 0);
    for (size_t i = 0; i < space.maps && count < 16; i++)
        if (is_libc(&space.map[i]) && space.map[i].readable)
            text[count++] = (struct arena_range){space.map[i].start, space.map[i].end};
    reader = (struct arena_reader){read_space, &space};
    sscanf(gnu_get_libc_version(), "2.%u", &wanted);
    CU_ASSERT_EQUAL(arena_version(&reader, text, count), wanted);
    CU_ASSERT_EQUAL(arena_version(&reader, text, 0), 0);
    space_close(&space);
}

/* --- pictures ------------------------------------------------------------------------------------
 */

enum { FIRST, SECOND, THIRD, FENCED, PARTS };

/* Blocks side by side: what the test itself has freed is used up first, for good. */
static void take_in_a_row(char *block[PARTS], char **big, char **last)
{
    bool row;

    do {
        row = true;
        for (int i = 0; i < PARTS; i++) {
            block[i] = malloc(40);
            row &= i == 0 || block[i] == block[i - 1] + 48;
        }
        *big = malloc(2000);
        *last = malloc(40);
    } while (!row || *big != block[PARTS - 1] + 48 || *last != *big + 2016);
}

/* A small heap: three blocks in the cache, a free chunk between two that are in use. */
static void small_target(struct board *board)
{
    char *block[PARTS], *big, *last, *volatile sorts;

    ledger->thread[ledger->threads++] = (uint64_t)pthread_self();
    take_in_a_row(block, &big, &last);
    ledger->live[ledger->lives++] = (struct arena_block){(uint64_t)block[FENCED], 40, 0};
    ledger->live[ledger->lives++] = (struct arena_block){(uint64_t)last, 40, 0};
    sorts = malloc(50000); /* empties the unsorted bin */
    for (int i = 0; i < FENCED; i++)
        ledger->freed[ledger->freeds++] = (uint64_t)block[i];
    memset(block[FENCED], 0x5a, 40);
    for (int i = 0; i < FENCED; i++)
        free(block[i]);
    ledger->freed[ledger->freeds++] = (uint64_t)big;
    free(big);
    (void)sorts;
    board_post(board, 100);
    target_sleep(board);
}

static void add_part(struct heap_image *image, struct space *space, struct arena_range range,
                     bool is_data)
{
    size_t index = image->ranges;

    CU_ASSERT_TRUE_FATAL(heap_image_add(image, range.start, range.end - range.start, is_data));
    CU_ASSERT_EQUAL(
        space_read(space, range.start, image->bytes[index], (size_t)(range.end - range.start)),
        range.end - range.start);
}

/* Of the child's heap only what is in use, and of libc only its data: a picture for the corpus. */
static void take_picture(struct heap_image *image)
{
    struct board *board = board_new();
    struct arena_range data[8];
    struct space space;
    struct error e = {0};
    size_t datas;
    pid_t pid;

    memset(image, 0, sizeof *image);
    memset(ledger, 0, sizeof *ledger);
    pid = target_start(small_target, board);
    board_wait(board, 100);
    sort_ledger();
    CU_ASSERT_EQUAL_FATAL(space_open(&space, pid, pid, &e), 0);
    datas = find_data(&space, data);
    for (size_t i = 0; i < datas; i++)
        add_part(image, &space, data[i], true);
    image->heap = find_heap(&space);
    add_part(image, &space, image->heap, false);
    add_part(image, &space,
             (struct arena_range){(ledger->thread[0] & ~UINT64_C(4095)), ledger->thread[0]}, false);
    image->lives = ledger->lives;
    memcpy(image->live, ledger->live, ledger->lives * sizeof ledger->live[0]);
    image->freeds = ledger->freeds;
    memcpy(image->freed, ledger->freed, ledger->freeds * sizeof ledger->freed[0]);
    image->threads = 1;
    image->thread[0] = ledger->thread[0];
    space_close(&space);
    target_kill(pid);
    board_free(board);
}

/* The n-th block of 40 bytes that the child took, freed or not. */
static uint64_t part(unsigned index)
{
    return ledger->live[0].address + (uint64_t)48 * index - (uint64_t)48 * FENCED;
}

static bool has(const struct arena_walk *walk, enum arena_kind kind, uint64_t block)
{
    for (size_t i = 0; i < walk->faults && i < ARENA_FAULTS; i++)
        if (walk->fault[i].kind == kind && (block == 0 || walk->fault[i].block == block))
            return true;
    return false;
}

/* One word of the picture is another, and this is what must be said of it. */
static void expect(struct heap_image *image, uint64_t address, uint64_t value, enum arena_kind kind,
                   uint64_t block)
{
    uint64_t *word = heap_image_word(image, address);
    struct arena_walk walk;
    struct error e = {0};
    uint64_t before;

    CU_ASSERT_PTR_NOT_NULL_FATAL(word);
    before = *word;
    *word = value;
    CU_ASSERT_EQUAL(heap_image_walk(image, &walk, &e), 0);
    if (!has(&walk, kind, block)) {
        printf("  wanted %d at %#llx\n", (int)kind, (unsigned long long)block);
        tell(&walk, &e);
        CU_FAIL("a fault that was not found");
    }
    arena_walk_free(&walk);
    *word = before;
}

static void expect_nothing(struct heap_image *image)
{
    struct arena_walk walk;
    struct error e = {0};

    CU_ASSERT_EQUAL(heap_image_walk(image, &walk, &e), 0);
    tell(&walk, &e);
    CU_ASSERT_EQUAL(walk.faults, 0);
    CU_ASSERT_TRUE(walk.whole);
    CU_ASSERT_EQUAL(walk.caches, 1);
    CU_ASSERT_EQUAL(walk.arenas, 1);
    arena_walk_free(&walk);
}

/* The free chunk is alone in its list, so it leads back to main_arena. */
static uint64_t main_arena(struct heap_image *image)
{
    return *heap_image_word(image, ledger->live[1].address - 2016 + 8) - 96;
}

/* Cached last come first: THIRD leads to SECOND, that to FIRST. */
static void test_broken_words(void)
{
    struct heap_image image;
    uint64_t big, top;

    take_picture(&image);
    big = ledger->live[1].address - 2016;
    top = *heap_image_word(&image, main_arena(&image) + 96) + 16;
    expect_nothing(&image);
    expect(&image, part(SECOND), 0x4141414141414141, ARENA_LINK, part(SECOND));
    expect(&image, part(SECOND), part(SECOND) >> 12, ARENA_COUNT, 0);
    expect(&image, part(SECOND), part(SECOND) >> 12, ARENA_LOST, part(FIRST));
    expect(&image, part(SECOND), part(SECOND) >> 12 ^ part(THIRD), ARENA_CIRCLE, 0);
    expect(&image, part(SECOND), part(SECOND) >> 12 ^ part(FENCED), ARENA_LINK, part(SECOND));
    expect(&image, part(THIRD) + 8, 0x4242424242424242, ARENA_MARK, part(THIRD));
    expect(&image, part(FENCED) - 8, 0x4343434343434343, ARENA_SIZE, part(FENCED));
    expect(&image, part(FENCED) - 8, 0x21, ARENA_SHORT, part(FENCED));
    expect(&image, part(FENCED) - 8, 0x831, ARENA_SWALLOW, part(FENCED));
    expect(&image, part(FENCED) - 8, 0x30, ARENA_PREVIOUS, part(FENCED));
    expect(&image, big, 0x4444444444444444, ARENA_LINK, big);
    expect(&image, big + 8, 0x4545454545454545, ARENA_LINK, big);
    expect(&image, big + 2000, 0x20, ARENA_PREVIOUS, big + 2016);
    expect(&image, top - 8, 0x4646464646464646, ARENA_TOP, top);
    expect_nothing(&image);
    image.live[image.lives++] = (struct arena_block){part(THIRD), 40, 0};
    heap_image_tidy(&image);
    expect(&image, part(THIRD) + 8, 0, ARENA_BOTH, part(THIRD));
    heap_image_free(&image);
}

/* Who is named as the one that wrote too far. */
static void test_neighbour(void)
{
    struct heap_image image;
    struct arena_walk walk;
    struct error e = {0};

    take_picture(&image);
    *heap_image_word(&image, part(FENCED) - 8) = 0x4343434343434343;
    CU_ASSERT_EQUAL(heap_image_walk(&image, &walk, &e), 0);
    CU_ASSERT_EQUAL(walk.fault[0].kind, ARENA_SIZE);
    CU_ASSERT_EQUAL(walk.fault[0].before, part(THIRD));
    CU_ASSERT_FALSE(walk.whole);
    CU_ASSERT_FALSE(has(&walk, ARENA_LOST, 0));
    arena_walk_free(&walk);
    heap_image_free(&image);
}

/* In the middle of a change nothing is said of caches, nor of an arena whose lock is taken. */
static void test_busy(void)
{
    struct heap_image image;
    struct arena_walk walk;
    struct error e = {0};
    uint64_t big;

    take_picture(&image);
    big = ledger->live[1].address - 2016;
    image.busy = true;
    *heap_image_word(&image, part(SECOND)) = 0x4141414141414141;
    CU_ASSERT_EQUAL(heap_image_walk(&image, &walk, &e), 0);
    CU_ASSERT_EQUAL(walk.faults, 0);
    arena_walk_free(&walk);
    *heap_image_word(&image, big + 8) = 0x4545454545454545;
    CU_ASSERT_EQUAL(heap_image_walk(&image, &walk, &e), 0);
    CU_ASSERT_TRUE(has(&walk, ARENA_LINK, big));
    arena_walk_free(&walk);
    heap_image_free(&image);
}

/* Who died between two stores leaves a list whose head leads back to itself on one side only. */
static void test_torn(void)
{
    struct heap_image image;
    struct arena_walk walk;
    struct error e = {0};
    uint64_t arena;

    take_picture(&image);
    arena = main_arena(&image);
    *heap_image_word(&image, arena + 112 + 16 * 60) = part(FIRST) - 16; /* an empty list's head */
    CU_ASSERT_EQUAL(heap_image_walk(&image, &walk, &e), ERROR_NOT_FOUND);
    *heap_image_word(&image, arena) |= 1; /* its lock */
    image.busy = true;
    CU_ASSERT_EQUAL(heap_image_walk(&image, &walk, &e), 0);
    CU_ASSERT_EQUAL(walk.locked, 1);
    CU_ASSERT_EQUAL(walk.faults, 0);
    arena_walk_free(&walk);
    heap_image_free(&image);
}

/* The bit map of the lists that may have something, read as a link, may look like one. */
static void test_beside_the_arena(void)
{
    struct heap_image image;
    uint64_t arena;

    take_picture(&image);
    arena = main_arena(&image);
    *heap_image_word(&image, arena + 2144) = 48;
    *heap_image_word(&image, arena + 104) = arena; /* what would be the first list */
    expect_nothing(&image);
    *heap_image_word(&image, arena + 2144) = (64 << 20) + 48;
    expect_nothing(&image);
    heap_image_free(&image);
}

static void test_refusals(void)
{
    struct heap_image image;
    struct arena_walk walk;
    struct error e = {0};
    uint64_t arena;

    take_picture(&image);
    arena = main_arena(&image);
    *heap_image_word(&image, arena) |= 1; /* its lock */
    image.busy = true;
    CU_ASSERT_EQUAL(heap_image_walk(&image, &walk, &e), 0);
    CU_ASSERT_EQUAL(walk.locked, 1);
    CU_ASSERT_EQUAL(walk.chunks, 0);
    arena_walk_free(&walk);
    *heap_image_word(&image, arena + 2160) = (64 << 20) + 48; /* the ring */
    CU_ASSERT_EQUAL(heap_image_walk(&image, &walk, &e), ERROR_NOT_FOUND);
    CU_ASSERT_EQUAL(walk.chunks, 0);
    image.datas = 0;
    CU_ASSERT_EQUAL(heap_image_walk(&image, &walk, &e), ERROR_NOT_FOUND);
    heap_image_free(&image);
}

/* Any word may hold anything: the walk ends, and keeps to its memory. */
static void test_any_word(void)
{
    struct heap_image image;
    struct arena_walk walk;
    struct error e;
    uint64_t random = 0x5eed;
    unsigned faults = 0;

    take_picture(&image);
    for (unsigned i = 0; i < 2000; i++) {
        uint64_t span = i % 2 == 0 ? 2 * 4096 : image.data[0].end - image.data[0].start;
        uint64_t start = i % 2 == 0 ? image.heap.start : image.data[0].start;
        uint64_t *word, before;

        random = random * UINT64_C(6364136223846793005) + 1442695040888963407u;
        word = heap_image_word(&image, start + (random >> 33) % (span - 8) / 8 * 8);
        before = *word;
        *word = i % 3 == 0 ? random : i % 3 == 1 ? before ^ 1u << (random >> 60) : start + 0x100;
        if (heap_image_walk(&image, &walk, &e) == 0)
            faults += walk.faults != 0;
        arena_walk_free(&walk);
        *word = before;
    }
    CU_ASSERT(faults > 10);
    expect_nothing(&image);
    heap_image_free(&image);
}

/* test_arena_walk --picture FILE: a new beginning for the corpus. */
static const char *picture_path;

/* Of libc's data the pages with main_arena, and the heap last: its zeros need not be in the file.
 */
static void trim_picture(struct heap_image *image, struct heap_image *small)
{
    uint64_t arena = main_arena(image) & ~UINT64_C(4095);
    const struct arena_range part[] = {
        {arena, arena + 2 * 4096}, image->range[image->ranges - 1], image->heap};

    *small = *image;
    small->ranges = small->datas = 0;
    for (unsigned i = 0; i < 3; i++) {
        CU_ASSERT_TRUE_FATAL(
            heap_image_add(small, part[i].start, part[i].end - part[i].start, i == 0));
        heap_image_read(image, part[i].start, small->bytes[i],
                        (size_t)(part[i].end - part[i].start));
    }
}

static void write_picture(void)
{
    struct heap_image image, small;
    FILE *file = fopen(picture_path, "we");

    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    take_picture(&image);
    trim_picture(&image, &small);
    expect_nothing(&small);
    heap_image_write(&small, file);
    heap_image_free(&small);
    heap_image_free(&image);
    CU_ASSERT_EQUAL(fclose(file), 0);
}

int main(int argc, char **argv)
{
    CU_pSuite suite;

    ledger = ledger_new();
    if (CU_initialize_registry() != CUE_SUCCESS)
        return 1;
    suite = CU_add_suite("arena_walk", NULL, NULL);
    if (argc == 3 && strcmp(argv[1], "--picture") == 0) {
        picture_path = argv[2];
        CU_ADD_TEST(suite, write_picture);
    } else {
        CU_ADD_TEST(suite, test_version);
        CU_ADD_TEST(suite, test_live_child);
        CU_ADD_TEST(suite, test_broken_words);
        CU_ADD_TEST(suite, test_neighbour);
        CU_ADD_TEST(suite, test_busy);
        CU_ADD_TEST(suite, test_torn);
        CU_ADD_TEST(suite, test_beside_the_arena);
        CU_ADD_TEST(suite, test_refusals);
        CU_ADD_TEST(suite, test_any_word);
    }
    CU_basic_set_mode(CU_BRM_VERBOSE);
    CU_basic_run_tests();
    return CU_get_number_of_failures() != 0;
}
