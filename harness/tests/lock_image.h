/*
 * lock_image.h: a program that stands still, as bytes: threads, what they sleep on, and the memory
 * that their locks lie in, for whatever reads lock words, owners and chains.
 *
 * An image is one file, numbers little-endian. It begins with 8 bytes for people, "rundlock", then
 *
 *     flags (1: static, 2: more threads than were read), ranges (at most 6), threads (at most 24):
 *     one byte each
 *     each range: start (8), pages (1, at most 16), flags (1): 1 writable, 2 executable, 4 shared,
 *                 the rest a path of lock_path
 *     each thread: number (2), state (1), call (1: index of lock_call), first range and offset of
 *                  what it sleeps on (1, 2), operation (1), value (4), limit (1), stack: range,
 *                  offset (1, 2), descriptor: range, offset (1, 2), frames (1, at most 6), and one
 *                  byte a frame: its place in lock_frame
 *     the ranges' bytes, one after the other; missing ones read as 0
 *
 * Anything is an image: what is missing is 0, what is too much is cut. For tests only, all static
 * inline.
 */
#ifndef TESTS_LOCK_IMAGE_H
#define TESTS_LOCK_IMAGE_H

#include <harness/supervisor/postmortem/postmortem_parts.h>
#include <harness/supervisor/process/space.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

enum {
    LOCK_RANGES = 6,
    LOCK_PAGES = 16, /* of a range */
    LOCK_THREADS = 24,
    LOCK_FRAMES = 6,
    LOCK_PAGE = 4096,
};

static const char *const lock_path[] = {
    "", "[heap]", "/usr/lib/ld-linux-x86-64.so.2", "/usr/lib/libc.so.6", "/usr/bin/prog", "[stack]",
};

static const long lock_call[] = {SYS_futex, SYS_futex,           SYS_futex, -1,
                                 SYS_read,  SYS_wait4,           SYS_fcntl, SYS_poll,
                                 SYS_pause, SYS_clock_nanosleep, SYS_write, SYS_restart_syscall};

/* Module and function of frames that a stack may be made of. */
static const struct {
    const char *module;
    const char *function;
} lock_frame[] = {
    {"prog", "worker"},
    {"prog", "main"},
    {"libc.so.6", ""},
    {"libc.so.6", "__lll_lock_wait"},
    {"libc.so.6", "__pthread_mutex_lock"},
    {"libc.so.6", "pthread_rwlock_rdlock"},
    {"libc.so.6", "pthread_rwlock_wrlock"},
    {"libc.so.6", "pthread_cond_wait"},
    {"libc.so.6", "sem_wait"},
    {"libc.so.6", "pthread_barrier_wait"},
    {"libc.so.6", "__pthread_clockjoin_ex"},
    {"libc.so.6", "__pthread_once_slow"},
    {"libstdc++.so.6", "__cxa_guard_acquire"},
    {"libc.so.6", "pthread_spin_lock"},
    {"libc.so.6", "_IO_flockfile"},
    {"libc.so.6", "_IO_puts"},
    {"libc.so.6", "_int_malloc"},
    {"libc.so.6", "exit"},
    {"ld-linux-x86-64.so.2", "_dl_open"},
    {"python3", "PyThread_acquire_lock_timed"},
};

struct lock_image {
    unsigned flags;
    unsigned ranges;
    struct {
        uint64_t start;
        size_t bytes;
        unsigned flags;
        uint8_t *at;
    } range[LOCK_RANGES];
};

struct lock_cursor {
    const uint8_t *at;
    size_t left;
};

static inline uint64_t lock_number(struct lock_cursor *cursor, size_t bytes)
{
    uint64_t number = 0;
    size_t taken = cursor->left < bytes ? cursor->left : bytes;

    memcpy(&number, cursor->at, taken);
    cursor->at += taken;
    cursor->left -= taken;
    return number;
}

/* As a core does: what lies in no range can't be read, and a read ends with its range. */
static inline size_t lock_read(void *context, uint64_t address, void *out, size_t bytes)
{
    const struct lock_image *image = context;

    for (unsigned i = 0; i < image->ranges; i++) {
        uint64_t at = address - image->range[i].start;

        if (address < image->range[i].start || at >= image->range[i].bytes)
            continue;
        if (bytes > image->range[i].bytes - at)
            bytes = image->range[i].bytes - (size_t)at;
        memcpy(out, image->range[i].at + at, bytes);
        return bytes;
    }
    return 0;
}

/* Ascending and disjoint, as a space's maps are: whatever else is left out. */
static inline void lock_add_range(struct lock_image *image, struct lock_cursor *cursor)
{
    uint64_t start = lock_number(cursor, 8) & ~(uint64_t)(LOCK_PAGE - 1);
    size_t bytes = (1 + lock_number(cursor, 1) % LOCK_PAGES) * LOCK_PAGE;
    unsigned flags = (unsigned)lock_number(cursor, 1);
    unsigned i = image->ranges;

    if (start + bytes < start ||
        (i > 0 && start < image->range[i - 1].start + image->range[i - 1].bytes))
        return;
    image->range[i].at = calloc(1, bytes);
    if (image->range[i].at == NULL)
        abort();
    image->range[i].start = start;
    image->range[i].bytes = bytes;
    image->range[i].flags = flags;
    image->ranges++;
}

static inline uint64_t lock_address(const struct lock_image *image, struct lock_cursor *cursor)
{
    unsigned range = (unsigned)lock_number(cursor, 1);
    uint64_t offset = lock_number(cursor, 2);

    if (image->ranges == 0)
        return offset;
    return image->range[range % image->ranges].start + offset;
}

static inline void lock_add_frames(struct postmortem_thread *thread, struct lock_cursor *cursor)
{
    unsigned frames = (unsigned)lock_number(cursor, 1) % (LOCK_FRAMES + 1);

    thread->frame = calloc(frames + 1, sizeof *thread->frame);
    if (thread->frame == NULL)
        abort();
    for (; thread->frames < frames; thread->frames++) {
        unsigned kind =
            (unsigned)lock_number(cursor, 1) % (sizeof lock_frame / sizeof lock_frame[0]);
        struct evidence_frame *frame = &thread->frame[thread->frames];

        snprintf(frame->module, sizeof frame->module, "%s", lock_frame[kind].module);
        snprintf(frame->function, sizeof frame->function, "%s", lock_frame[kind].function);
        frame->pc = frame->offset = 0x1000 + kind;
    }
}

static inline void lock_add_thread(struct postmortem_process *process,
                                   const struct lock_image *image, struct lock_cursor *cursor)
{
    static const char states[] = "?SRZXD";
    struct postmortem_thread *thread = &process->thread[process->threads++];
    unsigned state;

    thread->process = process;
    thread->tid = thread->own = (pid_t)lock_number(cursor, 2);
    state = (unsigned)lock_number(cursor, 1);
    thread->state = states[state % (sizeof states - 1)];
    thread->stopped = state < 128;
    thread->call = lock_call[lock_number(cursor, 1) % (sizeof lock_call / sizeof lock_call[0])];
    thread->argument[0] = lock_address(image, cursor);
    thread->argument[1] = lock_number(cursor, 1);
    thread->argument[2] = lock_number(cursor, 4);
    thread->argument[3] = lock_number(cursor, 1);
    thread->regs.r[5] = thread->argument[0];
    thread->regs.r[UNWIND_RSP] = lock_address(image, cursor);
    thread->fs_base = lock_address(image, cursor);
    lock_add_frames(thread, cursor);
}

static inline void lock_add_bytes(struct lock_image *image, struct lock_cursor *cursor)
{
    for (unsigned i = 0; i < image->ranges; i++) {
        size_t taken = image->range[i].bytes < cursor->left ? image->range[i].bytes : cursor->left;

        memcpy(image->range[i].at, cursor->at, taken);
        cursor->at += taken;
        cursor->left -= taken;
    }
}

static inline void lock_make_space(struct lock_image *image, struct space *space)
{
    space_none(space);
    space->source = lock_read;
    space->context = image;
    space->map = calloc(image->ranges + 1, sizeof *space->map);
    if (space->map == NULL)
        abort();
    for (unsigned i = 0; i < image->ranges; i++)
        space->map[space->maps++] = (struct space_map){
            .start = image->range[i].start,
            .end = image->range[i].start + image->range[i].bytes,
            .readable = true,
            .writable = image->range[i].flags & 1,
            .executable = image->range[i].flags & 2,
            .shared = image->range[i].flags & 4,
            .path =
                lock_path[(image->range[i].flags >> 3) % (sizeof lock_path / sizeof lock_path[0])],
        };
}

/**
 * lock_image_open() - a process as a core would have it, ready to be asked who waits for whom.
 * @all: empty; postmortem_close(), and then lock_image_free(), which it points into.
 */
static inline void lock_image_open(struct lock_image *image, struct postmortem *all,
                                   const uint8_t *bytes, size_t size)
{
    struct lock_cursor cursor = {bytes, size};
    struct postmortem_process *process = postmortem_process_new(all, 0);
    size_t budget = 1 << 20;
    struct space space;
    unsigned ranges, threads;
    struct error e;

    memset(image, 0, sizeof *image);
    all->core = true;
    lock_number(&cursor, 8); /* the file's first word is for people */
    image->flags = (unsigned)lock_number(&cursor, 1);
    ranges = (unsigned)lock_number(&cursor, 1) % (LOCK_RANGES + 1);
    threads = 1 + (unsigned)lock_number(&cursor, 1) % LOCK_THREADS;
    for (unsigned i = 0; i < ranges; i++)
        lock_add_range(image, &cursor);
    process->thread = calloc(threads, sizeof *process->thread);
    if (process->thread == NULL)
        abort();
    for (unsigned i = 0; i < threads; i++)
        lock_add_thread(process, image, &cursor);
    lock_add_bytes(image, &cursor);
    lock_make_space(image, &space);
    if (unwind_open_space(&process->unwind, &space, &e) != 0)
        abort();
    process->pid = process->own = process->thread[0].tid;
    process->fixed = image->flags & 1;
    process->more = image->flags & 2;
    for (size_t i = 0; i < process->threads; i++) {
        budget -= postmortem_copy_stack(&process->thread[i], budget);
        postmortem_copy_words(&process->thread[i]);
    }
    postmortem_name_threads(process);
}

static inline void lock_image_free(struct lock_image *image)
{
    for (unsigned i = 0; i < image->ranges; i++)
        free(image->range[i].at);
    image->ranges = 0;
}

#endif
