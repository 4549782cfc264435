/*
 * plug_allocator: an allocator that is not glibc's: it only ever grows, and counts its calls.
 * As a library that a program is linked to or has preloaded, and compiled into a program.
 *
 * With ALLOCATOR_CALLS_ITSELF one of its functions calls the other by its public name, so the call
 * goes through whoever stands before it.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { POOL_BYTES = 16 << 20, HEADER_BYTES = 16 };

unsigned long allocator_calls(void);
void *memalign(size_t alignment, size_t bytes);
void *pvalloc(size_t bytes);

#ifdef ALLOCATOR_CALLS_ITSELF
#define allocate memalign
#else
static void *allocate(size_t alignment, size_t bytes);

void *memalign(size_t alignment, size_t bytes)
{
    return allocate(alignment, bytes);
}
#endif

static char pool[POOL_BYTES] __attribute__((aligned(4096)));
static size_t used;
static unsigned long calls;

unsigned long allocator_calls(void)
{
    return __atomic_load_n(&calls, __ATOMIC_RELAXED);
}

/* The size stands before the block. */
void *allocate(size_t alignment, size_t bytes)
{
    size_t room;
    size_t from;
    uintptr_t block;

    __atomic_fetch_add(&calls, 1, __ATOMIC_RELAXED);
    if (alignment < HEADER_BYTES)
        alignment = HEADER_BYTES;
    if (bytes > POOL_BYTES || alignment > POOL_BYTES)
        goto full;
    room = (bytes + HEADER_BYTES + alignment + 15) & ~(size_t)15;
    from = __atomic_fetch_add(&used, room, __ATOMIC_RELAXED);
    if (from + room > POOL_BYTES)
        goto full;
    block = ((uintptr_t)pool + from + HEADER_BYTES + alignment - 1) & ~(uintptr_t)(alignment - 1);
    memcpy((void *)(block - sizeof bytes), &bytes, sizeof bytes);
    return (void *)block;
full:
    errno = ENOMEM;
    return NULL;
}

void *malloc(size_t bytes)
{
    return allocate(HEADER_BYTES, bytes);
}

void *calloc(size_t count, size_t bytes)
{
    size_t total;

    if (__builtin_mul_overflow(count, bytes, &total))
        total = SIZE_MAX;
    return allocate(HEADER_BYTES, total); /* never used before: zero */
}

void free(void *block) {}

static void *reallocate(void *old, size_t bytes)
{
    size_t old_bytes = 0;
    void *block;

    if (old != NULL && bytes == 0)
        return NULL;
    block = allocate(HEADER_BYTES, bytes);
    if (old != NULL)
        memcpy(&old_bytes, (char *)old - sizeof old_bytes, sizeof old_bytes);
    if (block != NULL && old != NULL)
        memcpy(block, old, old_bytes < bytes ? old_bytes : bytes);
    return block;
}

void *realloc(void *old, size_t bytes)
{
    return reallocate(old, bytes);
}

void *reallocarray(void *old, size_t count, size_t bytes)
{
    size_t total;

    return reallocate(old, __builtin_mul_overflow(count, bytes, &total) ? SIZE_MAX : total);
}

int posix_memalign(void **out, size_t alignment, size_t bytes)
{
    void *block;

    if (alignment < sizeof(void *) || (alignment & (alignment - 1)) != 0)
        return EINVAL;
    block = allocate(alignment, bytes);
    if (block == NULL)
        return ENOMEM;
    *out = block;
    return 0;
}

void *aligned_alloc(size_t alignment, size_t bytes)
{
    return allocate(alignment, bytes);
}

void *valloc(size_t bytes)
{
    return allocate(4096, bytes);
}

void *pvalloc(size_t bytes)
{
    return allocate(4096, (bytes + 4095) & ~(size_t)4095);
}
