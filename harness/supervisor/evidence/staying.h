/*
 * staying.h: why a module is still mapped after its last dlclose.
 *
 * The process may be gone, so this asks what is left of it: the table of modules, with the
 * dlopens that had no dlclose, and the modules' files. glibc keeps a module that
 *
 *     is linked with -z nodelete (DF_1_NODELETE), or was opened with RTLD_NODELETE,
 *     has a reference left, its own or that of a module which needs it,
 *     defines a unique symbol (STB_GNU_UNIQUE) that something was bound to, or
 *     has thread_local objects whose destructors are still to run.
 *
 * Source: glibc, elf/dl-close.c, elf/dl-lookup.c (do_lookup_unique),
 * stdlib/cxa_thread_atexit_impl.c.
 */
#ifndef SUPERVISOR_STAYING_H
#define SUPERVISOR_STAYING_H

#include <harness/agent_abi.h>

enum { STAYING_BYTES = 160 };

/**
 * staying_reason() - the first reason that holds for memory->module[@index].
 * @memory: may be damaged. @out: the words, "it is linked with -z nodelete".
 *
 * Returns @out, or NULL where there is no such module or nothing can be said. Opens files;
 * never fails.
 */
const char *staying_reason(const struct abi_memory *memory, unsigned index,
                           char out[STAYING_BYTES]);

#endif
