/*
 * module-cycle: loads a module that has a worker thread, uses it, stops it and unloads it,
 * over and over. The clean twin of all that goes wrong when code is unmapped under a thread:
 * the worker is joined by an explicit stop before dlclose.
 *
 * Nothing of the module may be kept over a dlclose: no pointer to it, no thread in it.
 * Source: catalogue rows C1, C5, D1.
 */
#include <harness/workload.h>
#include <workloads/modules/worker.h>

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { LOADS, USES };

static const struct workload_parameter parameters[] = {
    [LOADS] = {"loads", "times that the module is loaded and unloaded per lap", 3, 1, 1000000},
    [USES] = {"uses", "questions put to its worker per load", 10, 0, 1000000},
    {.name = NULL},
};

static const struct workload_variant variants[] = {
    {.name = "plain",
     .summary = "the worker is stopped and joined before its module is unloaded",
     .tolerates = "thread-kill thread-suspend thread-cancel main-kill main-pthread_exit "
                  "exit-nt-order module-unload module-reload"},
    {.name = "kept",
     .summary = "opened so that it can never be unloaded, and closed",
     .bad = true,
     .codes = "module.not-unloaded",
     .injectors = ""},
    {.name = NULL},
};

enum { VARIANT_KEPT = 1 };

struct module {
    void *handle;
    int (*start)(void);
    uint64_t (*use)(uint64_t);
    void (*stop)(void);
};

static char path[PATH_MAX];

/* No memory is no fault: that load is left out. The loader says so in its text at times, and
 * in errno at others, which the caller must have cleared. */
static void complain_unless_memory(const char *what)
{
    bool memory = errno == ENOMEM;
    const char *why = dlerror();

    if (!memory && (why == NULL || strstr(why, "memory") == NULL))
        workload_broken("module-cycle: %s failed: %s", what, why == NULL ? "no reason" : why);
}

/* True if @module can be used; else it is closed again. */
static bool module_open(struct module *module, bool keep)
{
    errno = 0;
    module->handle = dlopen(path, RTLD_NOW | RTLD_LOCAL | (keep ? RTLD_NODELETE : 0));
    if (module->handle == NULL) {
        complain_unless_memory("dlopen");
        return false;
    }
    module->start = (int (*)(void))dlsym(module->handle, "worker_start");
    module->use = (uint64_t(*)(uint64_t))dlsym(module->handle, "worker_use");
    module->stop = (void (*)(void))dlsym(module->handle, "worker_stop");
    if (module->start != NULL && module->use != NULL && module->stop != NULL)
        return true;
    complain_unless_memory("dlsym");
    dlclose(module->handle);
    return false;
}

static void ask(const struct module *module, uint64_t question)
{
    uint64_t answer = module->use(question);

    if (answer != worker_answer(question))
        workload_broken("module-cycle: the worker answered %#llx to %#llx",
                        (unsigned long long)answer, (unsigned long long)question);
}

static void use(const struct module *module, int64_t uses, uint64_t *state)
{
    if (module->start() != 0)
        return;
    mark_site("started");
    for (int64_t i = 0; i < uses; i++)
        ask(module, workload_random(state));
    module->stop();
    mark_site("stopped");
}

static int setup(struct workload_context *context)
{
    int length = snprintf(path, sizeof path, "%s/worker.so", context->module_dir);

    if (length < 0 || (size_t)length >= sizeof path)
        return ERROR_RANGE;
    return access(path, R_OK) == 0 ? 0 : ERROR_NOT_FOUND;
}

static void body(struct workload_context *context, uint32_t lap)
{
    uint64_t state = workload_stream(context, lap);

    for (int64_t i = 0; i < context->value[LOADS]; i++) {
        struct module module;

        if (!module_open(&module, context->variant == VARIANT_KEPT))
            continue;
        use(&module, context->value[USES], &state);
        errno = 0;
        if (dlclose(module.handle) != 0)
            complain_unless_memory("dlclose");
    }
}

const struct workload workload_module_cycle = {
    .name = "module-cycle",
    .summary = "loads, uses, stops and unloads a module that has a worker thread",
    .source = "C1 C5 D1",
    .parameters = parameters,
    .variants = variants,
    .modules = true,
    .setup = setup,
    .body = body,
};
