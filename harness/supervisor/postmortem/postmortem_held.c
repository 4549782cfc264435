/*
 * postmortem_held: which locks a thread has, as far as that can be found without an agent.
 *
 * Four ways: somebody waits for it and the lock names its owner; the thread's list of robust
 * and priority-inheriting mutexes; the loader's data, in which held recursive mutexes are
 * looked for by their shape, wherever they lie; and a search of the program's data and heap
 * for mutexes that name a thread. The search is bounded, and believes a mutex only if all its
 * fields agree. Only threads that wait are asked: the others may have moved on since the stop.
 */
#include "postmortem_parts.h"

#include <harness/supervisor/evidence/locks.h>
#include <harness/supervisor/process/space.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    PTHREAD_BYTES = 4096,
    LIST_MAX = 64,
    SEARCH_BYTES = 32 << 20, /* of one process */
    MAP_BYTES = 16 << 20,
    CHUNK = 64 << 10,
    LIST_OFFSET = 32, /* of a mutex's list entry, counted from its beginning */
};

static bool waits(const struct postmortem_thread *thread)
{
    return thread->wait.kind != POSTMORTEM_RUNS && thread->wait.kind != POSTMORTEM_DEAD &&
           thread->stopped;
}

static void hold(struct postmortem_thread *thread, uint64_t object, const char *text,
                 const char *source)
{
    struct postmortem_held *held;

    for (unsigned i = 0; i < thread->helds; i++)
        if (thread->held[i].object == object)
            return;
    if (thread->helds == POSTMORTEM_HELD)
        return;
    held = &thread->held[thread->helds++];
    held->object = object;
    held->source = source;
    snprintf(held->text, sizeof held->text, "%.95s", text);
}

static void hold_mutex(struct postmortem_thread *thread, uint64_t object, const char *source)
{
    char name[80], text[96];

    postmortem_object(thread->process, object, name, sizeof name);
    snprintf(text, sizeof text, "mutex %s", name);
    hold(thread, object, text, source);
}

/* --- what somebody waits for -------------------------------------------------------------------
 */

static void by_waiter(const struct postmortem_thread *waiter)
{
    const struct postmortem_wait *wait = &waiter->wait;

    if (wait->owner == POSTMORTEM_OWNER_THREAD && wait->kind != POSTMORTEM_JOIN)
        hold(wait->thread, wait->object, wait->object_text, "waiters");
    else if (wait->owner == POSTMORTEM_OWNER_LIKELY && wait->kind == POSTMORTEM_HEAP)
        hold(wait->thread, wait->object, wait->object_text, "stack");
}

/* --- the robust list
 * ------------------------------------------------------------------------------ */

/* Its head has the offset from entries to lock words, which nothing else beside it looks like. */
static uint64_t find_robust_head(const struct postmortem_thread *thread)
{
    uint64_t words[PTHREAD_BYTES / 8];

    if (thread->fs_base == 0 ||
        !postmortem_read(thread->process, thread->fs_base, words, sizeof words / 2))
        return 0;
    for (unsigned i = 1; i < PTHREAD_BYTES / 16; i++)
        if (words[i] == (uint64_t) - (int64_t)LIST_OFFSET && words[i - 1] % 8 <= 1 &&
            words[i - 1] != 0)
            return thread->fs_base + (i - 1) * 8;
    return 0;
}

static void by_robust_list(struct postmortem_thread *thread)
{
    uint64_t head = find_robust_head(thread), entry = head, word;
    uint8_t bytes[LOCKS_MUTEX_BYTES];
    struct locks_mutex mutex;

    for (unsigned i = 0; head != 0 && i < LIST_MAX; i++) {
        if (!postmortem_read(thread->process, entry, &word, sizeof word))
            return;
        entry = word & ~UINT64_C(1); /* set for priority-inheriting ones */
        if (entry == head || entry < LIST_OFFSET ||
            !postmortem_read(thread->process, entry - LIST_OFFSET, bytes, sizeof bytes))
            return;
        locks_mutex(bytes, &mutex);
        if (mutex.plausible && mutex.owner == thread->own)
            hold_mutex(thread, entry - LIST_OFFSET, "robust list");
    }
}

/* --- a search
 * -------------------------------------------------------------------------------------- */

static bool is_held_mutex(const struct postmortem_process *process, const uint8_t *bytes,
                          struct postmortem_thread **owner)
{
    struct locks_mutex mutex;
    uint32_t word[5];

    memcpy(word, bytes, sizeof word);
    if (word[0] == 0 || word[2] == 0 || word[3] != 1)
        return false;
    locks_mutex(bytes, &mutex);
    if (!mutex.plausible || !mutex.taken || mutex.owner == 0 ||
        (mutex.count > 0) != mutex.recursive)
        return false;
    *owner = postmortem_own(process, mutex.owner);
    return *owner != NULL && waits(*owner);
}

static void search_chunk(struct postmortem_process *process, uint64_t address, const uint8_t *bytes,
                         size_t length, bool loader)
{
    for (size_t at = 0; at + LOCKS_MUTEX_BYTES <= length; at += 8) {
        struct postmortem_thread *owner;
        pid_t own;

        if (loader && locks_held_recursive(bytes + at, &own) &&
            (owner = postmortem_own(process, own)) != NULL)
            hold(owner, address + at, "the loader lock", "loader");
        else if (!loader && is_held_mutex(process, bytes + at, &owner))
            hold_mutex(owner, address + at, "memory");
    }
}

/* Chunks overlap by the length of a mutex. */
static void search_map(struct postmortem_process *process, const struct space_map *map, bool loader,
                       uint8_t *chunk)
{
    for (uint64_t at = map->start; at < map->end; at += CHUNK - LOCKS_MUTEX_BYTES) {
        size_t want = map->end - at < CHUNK ? (size_t)(map->end - at) : CHUNK;
        size_t got = unwind_read(process->unwind, at, chunk, want);

        search_chunk(process, at, chunk, got, loader);
        if (got < want)
            return;
    }
}

/* Stacks are big and mostly never touched; reading them would make their pages. */
static bool is_stack(const struct postmortem_process *process, const struct space_map *map)
{
    if (strncmp(map->path, "[stack", 6) == 0)
        return true;
    for (size_t i = 0; i < process->threads; i++) {
        uint64_t sp = process->thread[i].regs.r[UNWIND_RSP];

        if (process->thread[i].stopped && sp >= map->start && sp < map->end)
            return true;
    }
    return false;
}

static bool is_searched(const struct postmortem_process *process, const struct space_map *map)
{
    return map->writable && map->readable && !map->executable && !map->shared &&
           map->end - map->start <= MAP_BYTES && map->path[0] != '[' && !is_stack(process, map);
}

static bool is_loaders(const struct postmortem_process *process, const struct space_map *map)
{
    const char *slash = strrchr(map->path, '/');

    return map->writable && slash != NULL && strncmp(slash, "/ld-", 4) == 0;
}

static void search(struct postmortem_process *process)
{
    const struct space *space = unwind_space(process->unwind);
    uint8_t *chunk = malloc(CHUNK);
    uint64_t left = SEARCH_BYTES;

    for (size_t i = 0; chunk != NULL && i < space->maps; i++) {
        const struct space_map *map = &space->map[i];
        bool heap = strcmp(map->path, "[heap]") == 0 && map->end - map->start <= MAP_BYTES;

        if (is_loaders(process, map)) {
            search_map(process, map, true, chunk);
        } else if (heap || is_searched(process, map)) {
            if (map->end - map->start > left) {
                postmortem_remark(process->all,
                                  "locks that are held were looked for in %d MiB of "
                                  "process %d's memory, not in all of it",
                                  SEARCH_BYTES >> 20, (int)process->pid);
                break;
            }
            left -= map->end - map->start;
            search_map(process, map, false, chunk);
        }
    }
    free(chunk);
}

void postmortem_read_held(struct postmortem *all)
{
    for (unsigned i = 0; i < all->processes; i++) {
        struct postmortem_process *process = &all->process[i];

        for (size_t t = 0; t < process->threads; t++)
            by_waiter(&process->thread[t]);
        for (size_t t = 0; t < process->threads; t++)
            if (waits(&process->thread[t]))
                by_robust_list(&process->thread[t]);
        if (process->unwind != NULL && !process->ended)
            search(process);
    }
}
