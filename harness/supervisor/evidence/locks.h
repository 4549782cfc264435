/*
 * locks.h: what the bytes of a lock say. Pure functions.
 *
 * Layouts are those of glibc 2.25 to 2.40 on x86-64; any bytes may come in, and what cannot be
 * a lock is said to be none. Source: glibc, sysdeps/nptl/bits/struct_mutex.h,
 * struct_rwlock.h, thread-shared-types.h, nptl/pthread_mutex_lock.c, stdio-lock.h.
 */
#ifndef SUPERVISOR_LOCKS_H
#define SUPERVISOR_LOCKS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum {
    LOCKS_MUTEX_BYTES = 40,
    LOCKS_RWLOCK_BYTES = 56,
    LOCKS_CONDITION_BYTES = 48,
    LOCKS_BARRIER_BYTES = 20,
    LOCKS_SEMAPHORE_BYTES = 16,
    LOCKS_STREAM_BYTES = 16,
};

/**
 * struct locks_mutex - a pthread_mutex_t.
 * @plausible: all its fields agree with each other. @taken: somebody has it, or had when he died.
 * @owner: thread number, 0 for none; of robust and PI mutexes from the lock word itself.
 */
struct locks_mutex {
    bool plausible;
    bool taken;
    bool recursive, errorcheck, adaptive, robust, pi, protect, shared;
    bool owner_died, unrecoverable, destroyed;
    unsigned count;
    pid_t owner;
};

struct locks_rwlock {
    bool plausible;
    bool shared;
    bool write_phase;
    unsigned readers;
    pid_t writer; /* 0 none */
};

struct locks_condition {
    bool plausible;
    unsigned waiters;
};

struct locks_barrier {
    bool plausible;
    unsigned come, wanted;
};

struct locks_semaphore {
    bool plausible;
    unsigned value, waiters;
};

/** struct locks_stream - _IO_lock_t. @owner: a pthread_t. */
struct locks_stream {
    bool plausible;
    unsigned count;
    uint64_t owner;
};

void locks_mutex(const uint8_t bytes[LOCKS_MUTEX_BYTES], struct locks_mutex *out);
void locks_rwlock(const uint8_t bytes[LOCKS_RWLOCK_BYTES], struct locks_rwlock *out);
void locks_condition(const uint8_t bytes[LOCKS_CONDITION_BYTES], struct locks_condition *out);
void locks_barrier(const uint8_t bytes[LOCKS_BARRIER_BYTES], struct locks_barrier *out);
void locks_semaphore(const uint8_t bytes[LOCKS_SEMAPHORE_BYTES], struct locks_semaphore *out);
void locks_stream(const uint8_t bytes[LOCKS_STREAM_BYTES], struct locks_stream *out);

/** locks_mutex_kind() - "recursive, robust, process-shared"; "" for a normal private one. */
void locks_mutex_kind(const struct locks_mutex *mutex, char *out, size_t bytes);

/**
 * locks_held_recursive() - the bytes are a recursive mutex that @owner has: the loader's locks
 * are such, and so are found without knowing where they lie.
 */
bool locks_held_recursive(const uint8_t bytes[LOCKS_MUTEX_BYTES], pid_t *owner);

#endif
