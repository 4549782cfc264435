/*
 * heap_look: see heap_look.h. All that is counted here comes from a process that may have
 * scribbled over everything it shares with us: the table of live blocks is believed where it is
 * sane, and numbers are bounded.
 *
 * One rule keeps findings true: a thread that stands inside the allocator, or died there, leaves
 * the heap as it is in the middle of a change. Then the arenas that are locked are left out.
 */
#include "heap_look.h"

#include "arena_walk.h"
#include "reach.h"

#include <harness/common/array.h>
#include <harness/supervisor/evidence/evidence.h>
#include <harness/supervisor/process/space.h>

#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <unistd.h>

enum {
    PLACES = 64,     /* maps of libc's file */
    EPOCH_BITS = 20, /* of a slot's key; see agent/heap.h */
    XSTATE_BYTES = 8192,
    USABLE_MORE = 64, /* a chunk is by so much larger than what was asked for, at most */
    RED_ZONE = 128,
    STACK_SAVED = 16384,
};

static const uint64_t READ_MOST = UINT64_C(2) << 30;

/* --- lists that grow ------------------------------------------------------------------------- */

struct list {
    void *items;
    size_t count;
    size_t room;
};

static void *append(struct list *list, size_t bytes)
{
    if (!array_room(&list->items, list->count, &list->room, bytes))
        return NULL;
    return (char *)list->items + bytes * list->count++;
}

static void sort(struct list *list, size_t bytes, int (*compare)(const void *, const void *))
{
    if (list->count > 1)
        qsort(list->items, list->count, bytes, compare);
}

struct look {
    struct evidence *evidence;
    const struct heap_look_request *request;
    struct space space;
    struct arena_range data[PLACES]; /* libc's */
    size_t datas;
    struct arena_range text[PLACES];
    size_t texts;
    struct arena_range heap;
    bool many;         /* more than one libc */
    struct list live;  /* struct arena_block */
    struct list freed; /* uint64_t */
    struct list word;  /* uint64_t: registers */
    struct list root;  /* struct arena_range */
    struct list dead;  /* struct arena_range: stack memory that is not in use */
    uint64_t thread[EVIDENCE_THREADS];
    uint64_t stack[EVIDENCE_THREADS]; /* stack pointers of the same threads */
    size_t threads;
    bool busy;
    struct arena_walk walk;
    bool walked;
};

static size_t read_space(void *context, uint64_t address, void *out, size_t bytes)
{
    return space_read(context, address, out, bytes);
}

static struct arena_reader reader(struct look *look)
{
    return (struct arena_reader){read_space, &look->space};
}

/* --- maps ------------------------------------------------------------------------------------ */

static const char *base_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash != NULL ? slash + 1 : path;
}

/* Not libpthread and its like, which are empty shells beside it. */
static bool is_libc(const char *path)
{
    return strncmp(base_of(path), "libc.so", 7) == 0 || strncmp(base_of(path), "libc-2.", 7) == 0;
}

/* Zero-filled data of a module lie right behind its file's map, without a name. */
static bool is_tail(const struct space_map *map, const struct space_map *before)
{
    return map->path[0] == 0 && map->start == before->end && map->writable && before->writable;
}

static void add_place(struct arena_range *range, size_t *count, const struct space_map *map)
{
    if (*count < PLACES)
        range[(*count)++] = (struct arena_range){map->start, map->end};
}

static void find_places(struct look *look)
{
    const struct space_map *libc = NULL;

    for (size_t i = 0; i < look->space.maps; i++) {
        const struct space_map *map = &look->space.map[i];

        if (strcmp(map->path, "[heap]") == 0) {
            if (look->heap.end != map->start)
                look->heap.start = map->start;
            look->heap.end = map->end;
        }
        if (is_libc(map->path) && map->offset == 0) {
            look->many |= libc != NULL;
            libc = map;
        }
        if (is_libc(map->path) && map->readable && map->writable)
            add_place(look->data, &look->datas, map);
        else if (is_libc(map->path) && map->readable && !map->executable)
            add_place(look->text, &look->texts, map);
        else if (i > 0 && look->datas > 0 && is_libc(map[-1].path) && is_tail(map, &map[-1]))
            look->data[look->datas - 1].end = map->end;
    }
}

/* --- the agent's table --------------------------------------------------------------------------
 */

static bool take_slot(struct look *look, const struct abi_heap_slot *slot)
{
    uint64_t epoch = look->evidence->memory->control.epoch;
    uint64_t mask = (UINT64_C(1) << EPOCH_BITS) - 1;
    uint64_t key = slot->key; /* once: the table is no copy */
    struct arena_block *block;

    if ((key & mask) != (epoch & mask) || key >> EPOCH_BITS == 0)
        return true;
    block = append(&look->live, sizeof *block);
    if (block == NULL)
        return false;
    *block = (struct arena_block){key >> EPOCH_BITS << 4, slot->bytes, slot->caller};
    return true;
}

static int by_address(const void *a, const void *b)
{
    const struct arena_block *x = a, *y = b;

    return (x->address > y->address) - (x->address < y->address);
}

/* Parts of the table that nobody has written are no memory yet, and are not to become any. */
static bool next_part(const struct look *look, uint64_t at, uint64_t *start, uint64_t *end)
{
    uint64_t base = offsetof(struct abi_memory, heap);
    uint64_t limit = base + sizeof look->evidence->memory->heap;
    off_t from = lseek(look->request->memory_fd, (off_t)(base + at), SEEK_DATA);
    off_t to;

    if (look->request->memory_fd < 0) {
        *start = at;
        *end = sizeof look->evidence->memory->heap;
        return at < *end;
    }
    if (from < 0 || (uint64_t)from >= limit)
        return false;
    to = lseek(look->request->memory_fd, from, SEEK_HOLE);
    *start = (uint64_t)from - base;
    *end = (to < 0 || (uint64_t)to > limit ? limit : (uint64_t)to) - base;
    return *end > *start;
}

static bool read_table(struct look *look)
{
    const struct abi_memory *memory = look->request->memory;
    const struct abi_heap_slot *slot = (memory != NULL ? memory : look->evidence->memory)->heap;
    uint64_t start, end;

    for (uint64_t at = 0; next_part(look, at, &start, &end); at = end)
        for (uint64_t i = start / sizeof *slot; i < end / sizeof *slot; i++)
            if (!take_slot(look, &slot[i]))
                return false;
    sort(&look->live, sizeof(struct arena_block), by_address);
    return true;
}

static const struct arena_block *live_at(const struct look *look, uint64_t address)
{
    const struct arena_block wanted = {address, 0, 0};

    if (look->live.count == 0)
        return NULL;
    return bsearch(&wanted, look->live.items, look->live.count, sizeof wanted, by_address);
}

/* --- threads
 * -------------------------------------------------------------------------------------- */

static void add_words(struct look *look, const void *bytes, size_t size)
{
    for (size_t at = 0; at + sizeof(uint64_t) <= size; at += sizeof(uint64_t)) {
        uint64_t *word = append(&look->word, sizeof *word);

        if (word == NULL)
            return;
        memcpy(word, (const char *)bytes + at, sizeof *word);
    }
}

static void add_thread(struct look *look, pid_t tid)
{
    struct user_regs_struct regs;
    _Alignas(64) static uint8_t extended[XSTATE_BYTES];
    struct iovec room = {extended, sizeof extended};

    if (look->threads == EVIDENCE_THREADS || ptrace(PTRACE_GETREGS, tid, NULL, &regs) != 0)
        return;
    look->thread[look->threads] = regs.fs_base;
    look->stack[look->threads++] = regs.rsp;
    add_words(look, &regs, sizeof regs);
    if (ptrace(PTRACE_GETREGSET, tid, (void *)(uintptr_t)NT_X86_XSTATE, &room) == 0)
        add_words(look, extended, room.iov_len);
}

/* In the frames of a crash inside the allocator there is nobody but libc before our hook. */
static bool crashed_inside(const struct evidence *evidence)
{
    unsigned i = 0;

    while (i < evidence->crash_frames && i < EVIDENCE_FRAMES &&
           evidence_is_libc(evidence->crash_frame[i].module))
        i++;
    return i > 0 && i < evidence->crash_frames && i < EVIDENCE_FRAMES &&
           strncmp(evidence->crash_frame[i].module, "librundown-agent", 16) == 0;
}

static bool is_inside(const struct evidence *evidence, unsigned index, const struct abi_lane *lane)
{
    const struct abi_crash *crash = &evidence->memory->control.crash;

    if (crash->epoch == evidence->memory->control.epoch && crash->lane == index &&
        crashed_inside(evidence))
        return false;              /* it found the damage, and stands still at it */
    if (lane->state == LANE_ENDED) /* its cache is being emptied */
        return evidence_thread_of(evidence, index) != NULL;
    return abi_site_family(lane->site) == FAMILY_ALLOC;
}

/* What the plan killed was killed anywhere. A thread without a lane runs: nobody knows where. */
static bool is_busy(const struct evidence *evidence)
{
    const struct abi_control *control = &evidence->memory->control;

    if (control->deaths != 0)
        return true;
    for (unsigned i = 0; i < evidence_lanes(evidence); i++) {
        const struct abi_lane *lane = evidence_lane(evidence, i);

        if (lane != NULL && evidence_is_target(evidence, lane) && is_inside(evidence, i, lane))
            return true;
    }
    for (unsigned i = 0; i < evidence->threads; i++)
        if (evidence->thread[i].lane < 0 && evidence->thread[i].syscall < 0)
            return true;
    return false;
}

/* --- freed, and not got again
 * ---------------------------------------------------------------------- */

static int by_word(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

/*
 * Whoever allocates unseen may have got what the program freed; with --heap-check the agent may
 * have it still.
 */
static bool all_seen(const struct evidence *evidence)
{
    const struct abi_control *control = &evidence->memory->control;

    return !(control->options & (OPTION_TRACE | OPTION_HEAP_FILL | OPTION_HEAP_GUARD)) &&
           control->lane_overflow == 0 && control->heap_full == 0 && control->unknown_threads == 0;
}

static void add_freed(struct look *look, const struct abi_lane *lane)
{
    const struct abi_event *event;
    uint64_t *freed;

    for (uint64_t back = 0; (event = evidence_event(lane, back)) != NULL; back++) {
        if (event->kind != EVENT_FREE || event->object == 0 || live_at(look, event->object) != NULL)
            continue;
        freed = append(&look->freed, sizeof *freed);
        if (freed == NULL)
            return;
        *freed = event->object;
    }
}

static void find_freed(struct look *look)
{
    if (!all_seen(look->evidence))
        return;
    for (unsigned i = 0; i < evidence_lanes(look->evidence); i++) {
        const struct abi_lane *lane = evidence_lane(look->evidence, i);

        if (lane != NULL && evidence_is_target(look->evidence, lane))
            add_freed(look, lane);
    }
    sort(&look->freed, sizeof(uint64_t), by_word);
}

/* --- the walk
 * --------------------------------------------------------------------------------------- */

static enum evidence_heap_kind kind_of(enum arena_kind kind)
{
    static const enum evidence_heap_kind kinds[] = {
        [ARENA_LINK] = HEAP_FREE_LINK,     [ARENA_MARK] = HEAP_FREE_MARK,
        [ARENA_CIRCLE] = HEAP_FREE_CIRCLE, [ARENA_SIZE] = HEAP_HEADER,
        [ARENA_SWALLOW] = HEAP_SWALLOWS,   [ARENA_SHORT] = HEAP_TOO_SHORT,
        [ARENA_PREVIOUS] = HEAP_PREVIOUS,  [ARENA_TOP] = HEAP_TOP,
        [ARENA_COUNT] = HEAP_COUNT,        [ARENA_BOTH] = HEAP_USED_AND_FREE,
        [ARENA_TWICE] = HEAP_FREE_TWICE,   [ARENA_LOST] = HEAP_LOST,
    };

    return kinds[kind];
}

static uint64_t caller_of(const struct look *look, uint32_t site)
{
    return site != 0 && site < ABI_CALL_SITES ? look->evidence->memory->call_site[site] : 0;
}

static void keep_fault(struct look *look, const struct arena_fault *fault)
{
    struct evidence_heap *heap = &look->evidence->heap;
    struct evidence_heap_fault *out = &heap->fault[heap->faults];
    const struct arena_block *before = live_at(look, fault->before);

    if (heap->faults == EVIDENCE_HEAP_FAULTS)
        return;
    *out = (struct evidence_heap_fault){
        kind_of(fault->kind), fault->block, fault->bytes, fault->value, fault->before, 0, 0};
    if (before != NULL) {
        out->before_bytes = before->bytes;
        out->before_caller = caller_of(look, before->site);
    }
    heap->faults++;
}

static void keep_walk(struct look *look)
{
    struct evidence_heap *heap = &look->evidence->heap;

    heap->walked = look->walked = true;
    heap->arenas = look->walk.arenas;
    heap->chunks = look->walk.chunks;
    for (size_t i = 0; i < look->walk.faults && i < ARENA_FAULTS; i++)
        keep_fault(look, &look->walk.fault[i]);
    if (look->walk.faults > ARENA_FAULTS)
        heap->faults = look->walk.faults;
}

static bool may_walk(struct look *look)
{
    struct arena_reader memory = reader(look);
    char *why = look->evidence->heap.refused;
    size_t size = sizeof look->evidence->heap.refused;
    unsigned version;

    if (look->evidence->memory->control.remarks & REMARK_OWN_HEAP)
        return false; /* which the cell says already */
    if (look->many) {
        snprintf(why, size, "more than one C library is loaded");
        return false;
    }
    if (look->datas == 0) {
        snprintf(why, size, "no C library is known in the target");
        return false;
    }
    version = arena_version(&memory, look->text, look->texts);
    if (version >= ARENA_VERSION_LOW && version <= ARENA_VERSION_HIGH)
        return true;
    if (version == 0)
        snprintf(why, size, "the C library does not say which glibc it is");
    else
        snprintf(why, size, "the heap of glibc 2.%u is not known here, only that of 2.%d to 2.%d",
                 version, ARENA_VERSION_LOW, ARENA_VERSION_HIGH);
    return false;
}

static void walk(struct look *look)
{
    struct arena_request request = {
        .reader = reader(look),
        .data = look->data,
        .datas = look->datas,
        .heap = look->heap,
        .live = look->live.items,
        .lives = look->live.count,
        .freed = look->freed.items,
        .freeds = look->freed.count,
        .thread = look->thread,
        .threads = look->threads,
        .busy = look->busy,
    };
    struct error e;
    int code;

    if (!may_walk(look))
        return;
    code = arena_walk(&request, &look->walk, &e);
    if (code == 0)
        keep_walk(look);
    else if (code != ERROR_NOT_FOUND || look->live.count > 0)
        snprintf(look->evidence->heap.refused, sizeof look->evidence->heap.refused, "%.190s",
                 e.text);
}

/* --- where pointers can be
 * -------------------------------------------------------------------------- */

static bool begins(const char *text, const char *beginning)
{
    return strncmp(text, beginning, strlen(beginning)) == 0;
}

/* Memory that is ours or the recorder's: addresses of the program's blocks stand in there. */
static bool is_ours(const struct space_map *map)
{
    const char *base = base_of(map->path);

    return begins(map->path, "/memfd:rundown") || begins(base, "librundown-") ||
           begins(base, "liblttng-") || begins(base, "lttng-") || begins(base, "ust-");
}

static bool is_root(const struct space_map *map)
{
    bool file = map->path[0] == '/';

    return map->readable && (map->writable || !file) && !is_ours(map) &&
           !begins(map->path, "[v"); /* vdso, vvar, vsyscall */
}

static bool add_range(struct list *list, uint64_t start, uint64_t end)
{
    struct arena_range *range = append(list, sizeof *range);

    if (range == NULL)
        return false;
    *range = (struct arena_range){start, end};
    return true;
}

/* A stack of glibc's making has a page below it that nobody may touch. */
static bool is_guarded(const struct look *look, const struct space_map *map)
{
    return map > look->space.map && map[-1].end == map->start && !map[-1].readable;
}

/* Below the stack pointer lies what calls have left that are over. */
static void add_unused(struct look *look, size_t index)
{
    const struct space_map *map = space_find(&look->space, look->stack[index]);
    uint64_t thread = look->thread[index];

    if (map == NULL || look->stack[index] < map->start + RED_ZONE)
        return;
    if (strcmp(map->path, "[stack]") == 0 ||
        (thread > look->stack[index] && thread < map->end && is_guarded(look, map)))
        add_range(&look->dead, map->start, look->stack[index] - RED_ZONE);
}

static bool is_in_use(const struct look *look, const struct space_map *map)
{
    for (size_t i = 0; i < look->threads; i++)
        if ((look->thread[i] >= map->start && look->thread[i] < map->end) ||
            (look->stack[i] >= map->start && look->stack[i] < map->end))
            return true;
    return false;
}

/* The stack of a thread that has ended is kept for the next; its record lies at the upper end. */
static void add_ended(struct look *look, const struct abi_lane *lane)
{
    const struct space_map *map = space_find(&look->space, lane->pthread);

    if (lane->state == LANE_ENDED && map != NULL && map->path[0] == 0 && is_guarded(look, map) &&
        !is_in_use(look, map))
        add_range(&look->dead, map->start, lane->pthread);
}

static int by_start(const void *a, const void *b)
{
    const struct arena_range *x = a, *y = b;

    return (x->start > y->start) - (x->start < y->start);
}

/* Disjoint and ascending, as reach_without() takes them. */
static void sort_ranges(struct list *list)
{
    struct arena_range *range = list->items;
    size_t kept = 0;

    sort(list, sizeof *range, by_start);
    for (size_t i = 0; i < list->count; i++) {
        if (kept > 0 && range[i].start <= range[kept - 1].end) {
            if (range[i].end > range[kept - 1].end)
                range[kept - 1].end = range[i].end;
        } else {
            range[kept++] = range[i];
        }
    }
    list->count = kept;
}

/* What a crash interrupted is in the signal's frame, on a stack of ours. */
static void add_crash(struct look *look)
{
    const struct abi_crash *crash = &look->evidence->memory->control.crash;

    if (crash->epoch == look->evidence->memory->control.epoch)
        add_words(look, crash->regs, sizeof crash->regs);
}

static void add_lanes(struct look *look)
{
    for (unsigned i = 0; i < evidence_lanes(look->evidence); i++) {
        const struct abi_lane *lane = evidence_lane(look->evidence, i);

        if (lane == NULL)
            continue;
        if (lane->state == LANE_BORN) /* it has not got it yet */
            add_words(look, &lane->start_argument, sizeof lane->start_argument);
        add_ended(look, lane);
    }
    for (unsigned i = 0; i < ABI_DEATHS; i++) {
        const struct abi_death *death = evidence_death(look->evidence, i);

        if (death != NULL)
            add_words(look, death->regs, sizeof death->regs);
    }
}

/* A handler of the program's that runs on a stack of ours. */
static void add_borrowed(struct look *look, size_t index)
{
    const struct space_map *map = space_find(&look->space, look->stack[index]);

    if (map != NULL && is_ours(map))
        add_range(&look->root, look->stack[index],
                  map->end - look->stack[index] > STACK_SAVED ? look->stack[index] + STACK_SAVED
                                                              : map->end);
}

static void find_roots(struct look *look)
{
    for (size_t i = 0; i < look->space.maps; i++)
        if (is_root(&look->space.map[i]))
            add_range(&look->root, look->space.map[i].start, look->space.map[i].end);
    for (size_t i = 0; i < look->threads; i++) {
        add_unused(look, i);
        add_borrowed(look, i);
    }
    add_crash(look);
    add_lanes(look);
}

/*
 * A free chunk's memory is full of pointers that mean nothing any more, and the allocator's own
 * lead to headers, of which the first word belongs to the block before.
 */
static void add_free_chunks(struct look *look)
{
    for (unsigned i = 0; i < look->walk.arenas; i++)
        add_range(&look->dead, look->walk.record[i].start, look->walk.record[i].end);
    for (size_t i = 0; i < look->walk.chunks; i++) {
        const struct arena_chunk *chunk = &look->walk.chunk[i];

        if (chunk->state != ARENA_LIVE && chunk->state != ARENA_UNKNOWN)
            add_range(&look->dead, chunk->start, chunk->start + chunk->size);
    }
}

/* How much of a block may hold pointers: more than was asked for, if the chunk has more. */
static void measure(struct look *look, struct arena_block *block)
{
    uint64_t header = 0, size;
    const struct space_map *map;

    if (block->address >= 16 &&
        space_read(&look->space, block->address - 8, &header, sizeof header) == sizeof header) {
        size = (header & ~UINT64_C(7)) - 8;
        if (size >= block->bytes && size - block->bytes <= USABLE_MORE)
            block->bytes = size;
    }
    if (block->bytes < UINT32_MAX)
        return;
    map = space_find(&look->space, block->address);
    if (map != NULL)
        block->bytes = map->end - block->address;
}

/* Two blocks that overlap were never given out together: the table was written over. */
static bool is_disjoint(const struct look *look)
{
    const struct arena_block *block = look->live.items;

    for (size_t i = 1; i < look->live.count; i++)
        if (block[i].address < block[i - 1].address + block[i - 1].bytes)
            return false;
    return true;
}

static void add_blocks(struct look *look)
{
    const struct arena_block *block = look->live.items;

    for (size_t i = 0; i < look->live.count; i++)
        add_range(&look->dead, block[i].address, block[i].address + block[i].bytes);
}

/* --- what was found
 * ----------------------------------------------------------------------------------- */

struct sum {
    uint32_t site;
    struct evidence_leak leak;
};

static int by_bytes(const void *a, const void *b)
{
    const struct sum *x = a, *y = b;

    if (x->leak.bytes != y->leak.bytes)
        return x->leak.bytes < y->leak.bytes ? 1 : -1;
    return (x->leak.caller > y->leak.caller) - (x->leak.caller < y->leak.caller);
}

static void add_leak(struct sum *sum, const struct arena_block *block, uint32_t asked, bool head)
{
    struct evidence_leak *leak = &sum[block->site < ABI_CALL_SITES ? block->site : 0].leak;

    if (leak->heads == 0 || leak->blocks == 0)
        leak->example = block->address;
    leak->blocks++;
    leak->heads += head;
    leak->bytes += asked;
}

static void keep_leaks(struct look *look, const enum reach_state *state, const uint32_t *asked)
{
    struct evidence_reach *reach = &look->evidence->reach;
    const struct arena_block *block = look->live.items;
    struct sum *sum = calloc(ABI_CALL_SITES, sizeof *sum);

    if (sum == NULL)
        return;
    for (uint32_t i = 0; i < ABI_CALL_SITES; i++)
        sum[i].leak.caller = caller_of(look, i);
    for (size_t i = 0; i < look->live.count; i++) {
        if (state[i] == REACH_FOUND)
            continue;
        add_leak(sum, &block[i], asked[i], state[i] == REACH_LOST);
        reach->blocks++;
        reach->bytes += asked[i];
    }
    qsort(sum, ABI_CALL_SITES, sizeof *sum, by_bytes);
    for (uint32_t i = 0; i < ABI_CALL_SITES && reach->sites < EVIDENCE_LEAK_SITES; i++)
        if (sum[i].leak.blocks > 0)
            reach->leak[reach->sites++] = sum[i].leak;
    reach->scanned = true;
    free(sum);
}

static void search(struct look *look, enum reach_state *state, const uint32_t *asked)
{
    struct reach_request request = {.reader = reader(look), .most = READ_MOST};
    struct arena_range *root;

    request.block = look->live.items;
    request.blocks = look->live.count;
    request.word = look->word.items;
    request.words = look->word.count;
    sort_ranges(&look->dead);
    if (reach_without(look->root.items, look->root.count, look->dead.items, look->dead.count, &root,
                      &request.roots) != 0)
        return;
    request.root = root;
    if (reach_scan(&request, state, NULL) == 0)
        keep_leaks(look, state, asked);
    free(root);
}

/* Without the walk every free block would count as a place for pointers; nothing would be lost. */
static void reach(struct look *look)
{
    const struct abi_control *control = &look->evidence->memory->control;
    struct arena_block *block = look->live.items;
    enum reach_state *state = calloc(look->live.count + 1, sizeof *state);
    uint32_t *asked = calloc(look->live.count + 1, sizeof *asked);

    look->evidence->reach.asked = look->request->asked;
    look->evidence->reach.laps = control->lap;
    look->evidence->reach.live = look->live.count;
    for (size_t i = 0; state != NULL && asked != NULL && i < look->live.count; i++) {
        asked[i] = (uint32_t)block[i].bytes;
        measure(look, &block[i]);
    }
    if (state != NULL && asked != NULL && look->walked && is_disjoint(look)) {
        find_roots(look);
        add_free_chunks(look);
        add_blocks(look);
        search(look, state, asked);
    }
    free(asked);
    free(state);
}

void heap_look(struct evidence *evidence, const struct heap_look_request *request)
{
    struct look *look = calloc(1, sizeof *look);
    struct error e;

    memset(&evidence->heap, 0, sizeof evidence->heap);
    memset(&evidence->reach, 0, sizeof evidence->reach);
    if (look == NULL || evidence->memory == NULL || request->tids == 0 ||
        space_open(&look->space, request->pid, request->tid[0], &e) != 0) {
        free(look);
        return;
    }
    look->evidence = evidence;
    look->request = request;
    look->busy = is_busy(evidence);
    find_places(look);
    for (size_t i = 0; i < request->tids; i++)
        add_thread(look, request->tid[i]);
    if (read_table(look)) {
        find_freed(look);
        walk(look);
        if (request->reach)
            reach(look);
    }
    arena_walk_free(&look->walk);
    space_close(&look->space);
    free(look->live.items);
    free(look->freed.items);
    free(look->word.items);
    free(look->root.items);
    free(look->dead.items);
    free(look);
}
