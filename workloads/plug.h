/*
 * plug.h: modules that a workload loads: their files, their functions, and what is no fault.
 *
 * No memory is no fault: what could not be loaded for that reason is left out, and nobody
 * complains. The loader says so in its text at times, and in errno at others. All else that the
 * loader refuses breaks a promise.
 */
#ifndef WORKLOADS_PLUG_H
#define WORKLOADS_PLUG_H

#include <harness/workload.h>

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/** struct plug - a module's file. Static: it outlives main's frame. */
struct plug {
    char path[PATH_MAX];
};

/** plug_find() - where module @name ("policy.so") lies. 0, ERROR_RANGE or ERROR_NOT_FOUND. */
static inline int plug_find(struct plug *plug, const struct workload_context *context,
                            const char *name)
{
    int length = snprintf(plug->path, sizeof plug->path, "%s/%s", context->module_dir, name);

    if (length < 0 || (size_t)length >= sizeof plug->path)
        return ERROR_RANGE;
    return access(plug->path, R_OK) == 0 ? 0 : ERROR_NOT_FOUND;
}

static inline void plug_complain(const char *what)
{
    bool memory = errno == ENOMEM;
    const char *why = dlerror();

    if (!memory && (why == NULL || strstr(why, "memory") == NULL))
        workload_broken("%s failed: %s", what, why == NULL ? "no reason" : why);
}

/** plug_open() - loads it; NULL if there is no memory, or after a complaint. @flags: RTLD_LOCAL
 * or RTLD_GLOBAL; all is bound at once. */
static inline void *plug_open(const struct plug *plug, int flags)
{
    void *handle;

    errno = 0;
    handle = dlopen(plug->path, RTLD_NOW | flags);
    if (handle == NULL)
        plug_complain("dlopen");
    return handle;
}

/** plug_symbol() - what @handle exports as @name, or NULL as above. */
static inline void *plug_symbol(void *handle, const char *name)
{
    void *symbol;

    errno = 0;
    symbol = dlsym(handle, name);
    if (symbol == NULL)
        plug_complain("dlsym");
    return symbol;
}

/** plug_close() - gives one load back. NULL is none. */
static inline void plug_close(void *handle)
{
    errno = 0;
    if (handle != NULL && dlclose(handle) != 0)
        plug_complain("dlclose");
}

#endif
