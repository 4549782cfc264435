/*
 * real: finds what lies behind our hooks, by RTLD_NEXT, so that a program that brings its own
 * allocator keeps it. dlsym may allocate while we look: that is served from a small static
 * arena whose blocks are never given to the real allocator.
 */
#include "real.h"
#include "agent.h"

#include <string.h>

char real_early[REAL_EARLY_BYTES] __attribute__((aligned(16)));
static size_t early_used;
static int resolving;

static void *early_alloc(size_t bytes)
{
    void *block = real_early + early_used;

    bytes = (bytes + 15) & ~(size_t)15;
    if (bytes > sizeof real_early - early_used)
        return NULL;
    early_used += bytes;
    return block;
}

static void *early_malloc(size_t bytes)
{
    if (!resolving) {
        real_resolve();
        return real.malloc(bytes);
    }
    return early_alloc(bytes);
}

static void *early_calloc(size_t count, size_t bytes)
{
    if (!resolving) {
        real_resolve();
        return real.calloc(count, bytes);
    }
    return early_alloc(count * bytes); /* static memory is zero and never used twice */
}

static void *early_realloc(void *old, size_t bytes)
{
    void *block;

    if (!resolving) {
        real_resolve();
        return real.realloc(old, bytes);
    }
    block = early_alloc(bytes);
    if (block != NULL && old != NULL)
        memcpy(block, old, bytes);
    return block;
}

static void early_free(void *block)
{
    if (!resolving && !real_early_block(block)) {
        real_resolve();
        real.free(block);
    }
}

/* Before anything is resolved the loader may already allocate. */
struct real_functions real = {
    .malloc = early_malloc,
    .calloc = early_calloc,
    .realloc = early_realloc,
    .free = early_free,
};

void real_resolve(void)
{
    struct real_functions found;

    if (resolving || real.libc_start_main != NULL)
        return;
    resolving = 1;
#define REAL_FIND(name) found.name = (__typeof__(name) *)dlsym(RTLD_NEXT, #name);
    REAL_ALLOC_LIST(REAL_FIND)
    REAL_OTHER_LIST(REAL_FIND)
#undef REAL_FIND
    *(void **)&found.libc_start_main = dlsym(RTLD_NEXT, "__libc_start_main");
    *(void **)&found.cxa_finalize = dlsym(RTLD_NEXT, "__cxa_finalize");
    *(void **)&found.cxa_atexit = dlsym(RTLD_NEXT, "__cxa_atexit");
    *(void **)&found.cxa_at_quick_exit = dlsym(RTLD_NEXT, "__cxa_at_quick_exit");
    *(void **)&found.cxa_thread_atexit_impl = dlsym(RTLD_NEXT, "__cxa_thread_atexit_impl");
    real = found;
    resolving = 0;
}
