/*
 * stack_kind: names of functions, and what being in one of them means. No state.
 *
 * Exported names come first in use: a stripped libc has no others. Names are those of glibc
 * 2.31 to 2.38; on another C library the lists simply match nothing.
 */
#include "stack_kind.h"
#include "evidence.h"

#include <string.h>

static const char *const heap_functions[] = {
    "malloc",
    "calloc",
    "realloc",
    "reallocarray",
    "free",
    "cfree",
    "memalign",
    "posix_memalign",
    "aligned_alloc",
    "valloc",
    "pvalloc",
    "malloc_trim",
    "malloc_info",
    "mallinfo",
    "mallinfo2",
    "sysmalloc",
    "systrim",
    "sysmalloc_mmap",
    "malloc_consolidate",
    "arena_get2",
    "arena_get_retry",
    "new_heap",
    "heap_trim",
    "tcache_init",
    "unlink_chunk",
    "munmap_chunk",
    "mremap_chunk",
    "ptmalloc_init",
    "_mid_memalign",
    "_int_malloc",
    "_int_free",
    "_int_realloc",
    "_int_memalign",
    "__libc_malloc",
    "__libc_calloc",
    "__libc_realloc",
    "__libc_free",
    "__libc_memalign",
    "__libc_valloc",
    "__libc_pvalloc",
    "__malloc_fork_lock_parent",
    "__malloc_arena_thread_freeres",
    NULL,
};

static const char *const loader_functions[] = {
    "dlopen",
    "dlmopen",
    "dlclose",
    "___dlopen",
    "___dlmopen",
    "___dlclose",
    "dlsym",
    "dlvsym",
    "dladdr",
    "dladdr1",
    "dlinfo",
    "dl_iterate_phdr",
    "__dl_iterate_phdr",
    "dl_open_worker",
    "dl_open_worker_begin",
    "call_init",
    NULL,
};

/* In the loader, but not under its lock; exit runs destructors from _dl_fini without it. */
static const char *const loader_exceptions[] = {
    "_dl_fini",       "_dl_runtime_resolve", "_dl_fixup", "_dl_start",
    "_dl_start_user", "_dl_relocate_object", "dlerror",   NULL,
};

static const char *const stdio_functions[] = {
    "fflush",        "fprintf",      "printf",         "vprintf",
    "vfprintf",      "puts",         "fputs",          "fputc",
    "putc",          "putchar",      "fwrite",         "fread",
    "fgets",         "fgetc",        "getc",           "getchar",
    "getline",       "getdelim",     "fclose",         "fopen",
    "fseek",         "fseeko",       "ftell",          "ftello",
    "rewind",        "setvbuf",      "ungetc",         "fscanf",
    "scanf",         "perror",       "flockfile",      "__vfprintf_internal",
    "__fprintf_chk", "__printf_chk", "__vfprintf_chk", "ftrylockfile",
    "funlockfile",   NULL,
};

/* "_int_malloc.constprop.0" and "dlopen@@GLIBC_2.34" are meant as well. */
static bool is_called(const char *function, const char *name)
{
    size_t length = strlen(name);

    return strncmp(function, name, length) == 0 &&
           (function[length] == 0 || function[length] == '.' || function[length] == '@');
}

static bool is_one_of(const char *function, const char *const *names)
{
    for (; *names != NULL; names++)
        if (is_called(function, *names))
            return true;
    return false;
}

static bool begins(const char *text, const char *beginning)
{
    return strncmp(text, beginning, strlen(beginning)) == 0;
}

static bool is_loader_module(const char *module)
{
    return begins(module, "ld-linux") || begins(module, "ld-2.") || begins(module, "ld.so");
}

static bool is_in_loader(const struct evidence_frame *frame)
{
    if (is_one_of(frame->function, loader_exceptions) || begins(frame->function, "_dl_runtime"))
        return false;
    if (is_loader_module(frame->module))
        return frame->function[0] == 0 || begins(frame->function, "_dl_") ||
               is_one_of(frame->function, loader_functions);
    return (evidence_is_libc(frame->module) || begins(frame->module, "libdl.so")) &&
           (begins(frame->function, "_dl_") || is_one_of(frame->function, loader_functions));
}

static enum stack_kind kind_of(const struct evidence_frame *frame)
{
    if (is_in_loader(frame))
        return STACK_LOADER;
    if (!evidence_is_libc(frame->module))
        return STACK_ELSEWHERE;
    if (is_one_of(frame->function, heap_functions))
        return STACK_HEAP;
    if (begins(frame->function, "_IO_") || is_one_of(frame->function, stdio_functions))
        return STACK_STDIO;
    return STACK_ELSEWHERE;
}

enum stack_kind stack_kind_waiting(const struct evidence_frame *frame, unsigned frames)
{
    unsigned own = evidence_own_frame(frame, frames);
    bool fini = false;

    for (unsigned i = 0; i < own; i++) {
        enum stack_kind kind = kind_of(&frame[i]);

        if (kind != STACK_ELSEWHERE)
            return kind;
        fini = fini || is_called(frame[i].function, "_dl_fini");
    }
    return fini ? STACK_LOADER : STACK_ELSEWHERE;
}

unsigned stack_kind_inside(const struct evidence_frame *frame, unsigned frames)
{
    unsigned own = evidence_own_frame(frame, frames);
    unsigned bits = 0;

    for (unsigned i = 0; i < frames; i++)
        bits |=
            i < own ? (unsigned)kind_of(&frame[i]) : (unsigned)kind_of(&frame[i]) & STACK_LOADER;
    return bits;
}

/* Where a thread waits for a lock of the C library's, or has just given one up. */
static const char *const lock_functions[] = {
    "__lll_lock_wait",
    "__lll_lock_wait_private",
    "__lll_lock_wake",
    "__lll_lock_wake_private",
    "pthread_mutex_lock",
    "__pthread_mutex_lock",
    "___pthread_mutex_lock",
    "__pthread_mutex_lock_full",
    "pthread_mutex_unlock",
    "__pthread_mutex_unlock",
    "___pthread_mutex_unlock",
    "__pthread_mutex_unlock_full",
    "__pthread_mutex_unlock_usercnt",
    NULL,
};

/* The loader has more than one lock; these come with none of them to the one that others want. */
static const char *const loader_doors[] = {
    "_dl_open", "_dl_close", "_dl_fini", "dl_iterate_phdr", "__dl_iterate_phdr", "_dl_addr", NULL,
};

bool stack_kind_at_lock(const struct evidence_frame *frame, unsigned frames, enum stack_kind kind)
{
    unsigned own = evidence_own_frame(frame, frames);
    unsigned i = 0;

    while (i < own && evidence_is_libc(frame[i].module) &&
           is_one_of(frame[i].function, lock_functions))
        i++;
    if (i == 0 || i >= own || kind_of(&frame[i]) != kind)
        return false;
    return kind != STACK_LOADER || is_one_of(frame[i].function, loader_doors);
}
