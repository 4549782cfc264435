/*
 * shared_image.h: what a target may have left in the memory that it shares with rundown, as bytes.
 *
 * An image is one file. It begins with 8 bytes for people, "rundshar", then
 *
 *     hang (bit 7: epochs are as patched), ended, server, threads (at most 16): one byte each
 *     each thread: lane, state, call, bits (1: no time limit, 2: it waits for its lane's object),
 *                  frames (at most 8), and one byte a frame: its place in shared_frames
 *     patches, to the end: part, index, length (one byte each; 255: 1024 bytes), offset (two
 *                  bytes, little-endian, in words of 4), then that many bytes
 *
 * The memory is empty but for the patches, and what they touch is made to belong to this cycle.
 * Anything is an image: what is missing is 0, what is out of range is brought into it. For tests
 * only, all static inline.
 */
#ifndef TESTS_SHARED_IMAGE_H
#define TESTS_SHARED_IMAGE_H

#include <harness/agent_abi.h>
#include <harness/detector.h>

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

enum {
    SHARED_EPOCH = 7,
    SHARED_THREADS = 16,
    SHARED_FRAMES = 8,
    SHARED_LANES = 16,        /* that patches go to */
    SHARED_PATCH_LONG = 1024, /* bytes */
    SHARED_GUARD = 1 << 20,   /* bytes before and behind the memory that nobody may touch */
};

/* What in a part says to which cycle it belongs. */
enum shared_mark { MARK_NONE, MARK_EPOCH, MARK_TIE };

/* Parts of the memory: @count entries of @bytes each, @stride apart. */
static const struct shared_part {
    const char *name;
    size_t offset;
    size_t bytes;
    size_t stride;
    unsigned count;
    enum shared_mark mark;
} shared_part[] = {
#define SHARED_ONE(field)                                                                          \
    {                                                                                              \
#field, offsetof(struct abi_memory, field), sizeof((struct abi_memory *)0)->field,         \
            sizeof((struct abi_memory *)0)->field, 1, MARK_NONE                                    \
    }
#define SHARED_MANY(field, number, mark)                                                           \
    {                                                                                              \
#field, offsetof(struct abi_memory, field),                                                \
            sizeof((struct abi_memory *)0)                                                         \
                ->field[0], sizeof((struct abi_memory *)0)->field[0], number, mark                 \
    }
    SHARED_ONE(control),
    {"lane's head", offsetof(struct abi_memory, lane), offsetof(struct abi_lane, ring),
     sizeof(struct abi_lane), SHARED_LANES, MARK_EPOCH},
    {"ring", offsetof(struct abi_memory, lane) + offsetof(struct abi_lane, ring),
     sizeof(struct abi_event) * ABI_RING_EVENTS, sizeof(struct abi_lane), SHARED_LANES, MARK_NONE},
    SHARED_MANY(death, ABI_DEATHS, MARK_EPOCH),
    SHARED_MANY(module, ABI_MODULES, MARK_EPOCH),
    SHARED_MANY(tie, ABI_TIES, MARK_TIE),
    SHARED_MANY(heap_fault, ABI_HEAP_FAULTS, MARK_EPOCH),
    {"guard", offsetof(struct abi_memory, guard), 8, 8, 1, MARK_NONE},
    SHARED_MANY(guard.slot, ABI_GUARD_SLOTS, MARK_EPOCH),
    {"order", offsetof(struct abi_memory, order), offsetof(struct abi_order, circle), 1, 1,
     MARK_NONE},
    SHARED_MANY(order.circle, ABI_ORDER_CIRCLES, MARK_EPOCH),
    SHARED_MANY(order.edge, ABI_ORDER_EDGES, MARK_EPOCH),
    SHARED_ONE(call_site),
    {"heap", offsetof(struct abi_memory, heap), 1 << 16, 1 << 16, 16, MARK_NONE},
    {"lap", offsetof(struct abi_memory, lap), 1 << 14, 1 << 14, 16, MARK_NONE},
    {"lap_sites", offsetof(struct abi_memory, lap_sites), offsetof(struct abi_lap_sites, sample), 1,
     1, MARK_EPOCH},
    {"lap_sites.sample",
     offsetof(struct abi_memory, lap_sites) + offsetof(struct abi_lap_sites, sample), 256,
     sizeof(struct abi_site_count) * ABI_CALL_SITES, ABI_SITE_SAMPLES, MARK_NONE},
    SHARED_MANY(lengths, ABI_LANES, MARK_NONE),
};

enum { SHARED_PARTS = sizeof shared_part / sizeof shared_part[0] };

/* Frames that a stack may be made of. */
static const struct {
    const char *module;
    const char *function;
    const char *file;
    int line;
} shared_frame[] = {
    {"prog", "main", "prog.c", 10},
    {"prog", "worker", "prog.c", 20},
    {"libplug.so", "stop", "plug.c", 40},
    {"libc.so.6", "_int_malloc", "", 0},
    {"libc.so.6", "_int_free", "", 0},
    {"libc.so.6", "__lll_lock_wait_private", "", 0},
    {"libc.so.6", "__pthread_mutex_lock", "", 0},
    {"libc.so.6", "pthread_join", "", 0},
    {"libc.so.6", "fork", "", 0},
    {"libc.so.6", "_IO_puts", "", 0},
    {"libc.so.6", "__run_exit_handlers", "", 0},
    {"libc.so.6", "__nptl_deallocate_tsd", "", 0},
    {"ld-linux-x86-64.so.2", "_dl_close", "", 0},
    {"ld-linux-x86-64.so.2", "_dl_open", "", 0},
    {"liblttng-ust.so.1", "lttng_ust_lock", "", 0},
    {"librundown-agent.so", "dlclose", "", 0},
    {"", "", "", 0},
};

enum { SHARED_FRAME_KINDS = sizeof shared_frame / sizeof shared_frame[0] };

static const long shared_call[] = {-2,       -1,       SYS_futex, SYS_wait4,
                                   SYS_read, SYS_poll, SYS_pause, SYS_clock_nanosleep};

enum { SHARED_CALLS = sizeof shared_call / sizeof shared_call[0] };

/** struct shared_image - what of an image is no memory. */
struct shared_image {
    enum evidence_hang hang;
    bool ended;
    unsigned threads;
    struct evidence_thread thread[SHARED_THREADS];
};

/* --- the memory ------------------------------------------------------------------------------ */

static inline size_t shared_bytes(void)
{
    return (sizeof(struct abi_memory) + 4095) / 4096 * 4096;
}

/** shared_map() - empty memory between two stretches that nobody may touch. */
static inline struct abi_memory *shared_map(void)
{
    char *at = mmap(NULL, shared_bytes() + 2 * SHARED_GUARD, PROT_NONE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (at == MAP_FAILED ||
        mprotect(at + SHARED_GUARD, shared_bytes(), PROT_READ | PROT_WRITE) != 0)
        abort();
    return (struct abi_memory *)(at + SHARED_GUARD);
}

/** shared_clear() - empty again. */
static inline void shared_clear(struct abi_memory *memory)
{
    madvise(memory, shared_bytes(), MADV_DONTNEED);
}

/* --- from a file ------------------------------------------------------------------------------ */

struct shared_cursor {
    const uint8_t *at;
    size_t left;
};

static inline uint8_t shared_byte(struct shared_cursor *cursor)
{
    if (cursor->left == 0)
        return 0;
    cursor->left--;
    return *cursor->at++;
}

static inline void shared_mark(uint8_t *entry, enum shared_mark mark)
{
    uint64_t word;

    memcpy(&word, entry, sizeof word);
    if (mark == MARK_EPOCH)
        word = SHARED_EPOCH;
    else if (mark == MARK_TIE)
        word = (uint64_t)SHARED_EPOCH << 8 | (word & 0xff);
    memcpy(entry, &word, sizeof word);
}

static inline void shared_patch(struct abi_memory *memory, struct shared_cursor *cursor, bool mark)
{
    const struct shared_part *part = &shared_part[shared_byte(cursor) % SHARED_PARTS];
    unsigned index = shared_byte(cursor) % part->count;
    size_t length = shared_byte(cursor), at = shared_byte(cursor);
    uint8_t *entry = (uint8_t *)memory + part->offset + index * part->stride;

    at = (at | (size_t)shared_byte(cursor) << 8) * 4 % part->bytes;
    if (length == 255)
        length = SHARED_PATCH_LONG;
    length = length < part->bytes - at ? length : part->bytes - at;
    length = length < cursor->left ? length : cursor->left;
    memcpy(entry + at, cursor->at, length);
    cursor->at += length;
    cursor->left -= length;
    if (mark)
        shared_mark(entry, part->mark);
}

static inline void shared_stack(struct evidence_thread *thread, struct shared_cursor *cursor)
{
    thread->frames = shared_byte(cursor) % (SHARED_FRAMES + 1);
    for (unsigned i = 0; i < thread->frames; i++) {
        unsigned kind = shared_byte(cursor) % SHARED_FRAME_KINDS;
        struct evidence_frame *frame = &thread->frame[i];

        snprintf(frame->module, sizeof frame->module, "%s", shared_frame[kind].module);
        snprintf(frame->function, sizeof frame->function, "%s", shared_frame[kind].function);
        snprintf(frame->file, sizeof frame->file, "%s", shared_frame[kind].file);
        frame->line = shared_frame[kind].line;
        frame->pc = 0x400000 + kind * 0x1000;
    }
}

/* @waits: for what the lane says, which is known when the memory is. */
static inline bool shared_thread(struct evidence_thread *thread, struct shared_cursor *cursor)
{
    unsigned bits;

    memset(thread, 0, sizeof *thread);
    thread->lane = (int)(shared_byte(cursor) % (SHARED_LANES + 1)) - 1;
    thread->tid = 4000 + thread->lane;
    thread->state = (enum evidence_thread_state)(shared_byte(cursor) % (THREAD_ZOMBIE + 1));
    thread->syscall = shared_call[shared_byte(cursor) % SHARED_CALLS];
    bits = shared_byte(cursor);
    thread->waits = bits & 1;
    shared_stack(thread, cursor);
    return (bits & 2) != 0;
}

/** shared_parse() - fills @memory, which is empty, and @image from a file's bytes. */
static inline void shared_parse(struct shared_image *image, struct abi_memory *memory,
                                const uint8_t *bytes, size_t size)
{
    struct shared_cursor cursor = {bytes, size};
    bool follows[SHARED_THREADS] = {false};
    unsigned hang;

    for (unsigned i = 0; i < 8; i++) /* the file's first word is for people */
        shared_byte(&cursor);
    hang = shared_byte(&cursor);
    image->hang = (enum evidence_hang)(hang % (HANG_DEADLINE + 1));
    image->ended = shared_byte(&cursor) & 1;
    memory->control.server = shared_byte(&cursor);
    image->threads = shared_byte(&cursor) % (SHARED_THREADS + 1);
    for (unsigned i = 0; i < image->threads; i++)
        follows[i] = shared_thread(&image->thread[i], &cursor);
    while (cursor.left > 0)
        shared_patch(memory, &cursor, hang < 128);
    if (hang < 128)
        memory->control.epoch = SHARED_EPOCH;
    for (unsigned i = 0; i < image->threads; i++)
        if (follows[i] && image->thread[i].lane >= 0) {
            const struct abi_lane *lane = &memory->lane[image->thread[i].lane];

            image->thread[i].tid = (int)lane->tid;
            image->thread[i].argument[0] = lane->wait_object;
        }
}

#endif
