/*
 * locks: from bytes to what a lock says.
 *
 * The bytes are a broken program's. Nothing here follows a pointer, and every answer says
 * whether its fields agree with each other.
 */
#include "locks.h"

#include <linux/futex.h>
#include <stdio.h>
#include <string.h>

enum {
    KIND_RECURSIVE = 1,
    KIND_ERRORCHECK = 2,
    KIND_ADAPTIVE = 3,
    KIND_TYPE = 3,
    KIND_ROBUST = 0x10,
    KIND_PI = 0x20,
    KIND_PROTECT = 0x40,
    KIND_SHARED = 0x80,
    KIND_ELISION = 0x300,
    KIND_ALL = 0x3f3,
    PEOPLE_MAX = 1 << 22, /* more threads or recursions than anybody has */
    TID_MAX = 1 << 22,    /* the kernel's PID_MAX_LIMIT */
    OWNER_UNRECOVERABLE = 0x7ffffffe,
};

static uint32_t word_at(const uint8_t *bytes, unsigned offset)
{
    uint32_t word;

    memcpy(&word, bytes + offset, sizeof word);
    return word;
}

static uint64_t long_at(const uint8_t *bytes, unsigned offset)
{
    uint64_t word;

    memcpy(&word, bytes + offset, sizeof word);
    return word;
}

static bool is_tid(uint32_t word)
{
    return word > 0 && word <= TID_MAX;
}

static void read_kind(uint32_t kind, struct locks_mutex *out)
{
    out->recursive = (kind & KIND_TYPE) == KIND_RECURSIVE;
    out->errorcheck = (kind & KIND_TYPE) == KIND_ERRORCHECK;
    out->adaptive = (kind & KIND_TYPE) == KIND_ADAPTIVE;
    out->robust = (kind & KIND_ROBUST) != 0;
    out->pi = (kind & KIND_PI) != 0;
    out->protect = (kind & KIND_PROTECT) != 0;
    out->shared = (kind & KIND_SHARED) != 0;
}

/* Robust and PI mutexes have the owner in the word that the kernel knows. */
static void read_owner(const uint8_t *bytes, struct locks_mutex *out)
{
    uint32_t word = word_at(bytes, 0);
    uint32_t owner = word_at(bytes, 8);

    out->count = word_at(bytes, 4);
    out->unrecoverable = owner == OWNER_UNRECOVERABLE;
    if (out->robust || out->pi) {
        out->owner_died = (word & FUTEX_OWNER_DIED) != 0;
        out->owner = (pid_t)(word & FUTEX_TID_MASK);
        out->taken = out->owner != 0 || out->owner_died;
        return;
    }
    out->taken = out->protect ? (word & 0x7ffff) != 0 : word != 0;
    out->owner = is_tid(owner) ? (pid_t)owner : 0;
}

static bool is_plausible(const uint8_t *bytes, const struct locks_mutex *mutex)
{
    uint32_t word = word_at(bytes, 0);
    uint32_t users = word_at(bytes, 12);

    if ((word_at(bytes, 16) & ~(uint32_t)KIND_ALL) != 0 || users > PEOPLE_MAX ||
        mutex->count > PEOPLE_MAX)
        return false;
    if (mutex->robust || mutex->pi)
        return mutex->owner <= TID_MAX;
    if (word > 2 && !mutex->protect)
        return false;
    return word_at(bytes, 8) <= TID_MAX;
}

void locks_mutex(const uint8_t bytes[LOCKS_MUTEX_BYTES], struct locks_mutex *out)
{
    memset(out, 0, sizeof *out);
    out->destroyed = word_at(bytes, 16) == UINT32_MAX;
    if (!out->destroyed)
        read_kind(word_at(bytes, 16), out);
    read_owner(bytes, out);
    out->plausible = !out->destroyed && is_plausible(bytes, out);
}

void locks_rwlock(const uint8_t bytes[LOCKS_RWLOCK_BYTES], struct locks_rwlock *out)
{
    uint32_t readers = word_at(bytes, 0);
    uint32_t writer = word_at(bytes, 24);

    memset(out, 0, sizeof *out);
    out->readers = readers >> 3; /* below: write phase, a writer, readers sleep */
    out->write_phase = (readers & 1) != 0;
    out->writer = is_tid(writer) ? (pid_t)writer : 0;
    out->shared = word_at(bytes, 28) != 0;
    out->plausible = out->readers <= PEOPLE_MAX && writer <= TID_MAX && word_at(bytes, 28) <= 1 &&
                     (word_at(bytes, 4) & 0x3fffffff) <= PEOPLE_MAX && word_at(bytes, 8) <= 3 &&
                     word_at(bytes, 12) <= 3 && long_at(bytes, 48) <= 3;
}

void locks_condition(const uint8_t bytes[LOCKS_CONDITION_BYTES], struct locks_condition *out)
{
    uint32_t references = word_at(bytes, 36);

    out->waiters = references >> 3; /* below: shared, clock, being destroyed */
    out->plausible = out->waiters >= 1 && out->waiters <= PEOPLE_MAX;
}

void locks_barrier(const uint8_t bytes[LOCKS_BARRIER_BYTES], struct locks_barrier *out)
{
    out->come = word_at(bytes, 0) - word_at(bytes, 4);
    out->wanted = word_at(bytes, 8);
    out->plausible = out->wanted >= 1 && out->wanted <= PEOPLE_MAX && out->come >= 1 &&
                     out->come < out->wanted && word_at(bytes, 12) <= 0x80;
}

void locks_semaphore(const uint8_t bytes[LOCKS_SEMAPHORE_BYTES], struct locks_semaphore *out)
{
    uint32_t private = word_at(bytes, 8);

    out->value = word_at(bytes, 0);
    out->waiters = word_at(bytes, 4);
    out->plausible = out->value <= INT32_MAX && out->waiters >= 1 && out->waiters <= PEOPLE_MAX &&
                     (private == 0 || private == FUTEX_PRIVATE_FLAG);
}

void locks_stream(const uint8_t bytes[LOCKS_STREAM_BYTES], struct locks_stream *out)
{
    uint32_t word = word_at(bytes, 0);

    out->count = word_at(bytes, 4);
    out->owner = long_at(bytes, 8);
    out->plausible = (word == 1 || word == 2) && out->count <= PEOPLE_MAX && out->owner != 0 &&
                     out->owner % 16 == 0 && out->owner >> 47 == 0;
}

static void add_word(char *out, size_t bytes, bool is, const char *word)
{
    size_t length = strlen(out);

    if (is)
        snprintf(out + length, bytes - length, "%s%s", length > 0 ? ", " : "", word);
}

void locks_mutex_kind(const struct locks_mutex *mutex, char *out, size_t bytes)
{
    out[0] = 0;
    add_word(out, bytes, mutex->recursive, "recursive");
    add_word(out, bytes, mutex->errorcheck, "error-checking");
    add_word(out, bytes, mutex->adaptive, "adaptive");
    add_word(out, bytes, mutex->robust, "robust");
    add_word(out, bytes, mutex->pi, "priority-inheriting");
    add_word(out, bytes, mutex->protect, "priority-protected");
    add_word(out, bytes, mutex->shared, "process-shared");
    add_word(out, bytes, mutex->owner_died, "its owner has died");
    add_word(out, bytes, mutex->unrecoverable, "not recoverable");
    add_word(out, bytes, mutex->destroyed, "destroyed");
}

bool locks_held_recursive(const uint8_t bytes[LOCKS_MUTEX_BYTES], pid_t *owner)
{
    struct locks_mutex mutex;

    locks_mutex(bytes, &mutex);
    *owner = mutex.owner;
    return mutex.plausible && mutex.recursive && !mutex.robust && !mutex.pi && !mutex.protect &&
           mutex.taken && mutex.owner > 0 && mutex.count >= 1 && mutex.count < 1000 &&
           word_at(bytes, 12) >= 1;
}
