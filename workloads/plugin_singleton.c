/*
 * plugin-singleton: a framework that loads a plug-in, uses it, calls its Stop and releases it.
 * The plug-in is a singleton with a worker thread, and somebody has to end that thread.
 *
 * In the clean twin Stop un-initialises the singleton: it tells the worker to leave and joins it,
 * with no lock of anybody's held. In the bad ones that is left to the singleton's destructor,
 * which runs inside dlclose and so under the loader's lock, while the worker needs that lock.
 * Nothing of the plug-in may be kept over its release.
 * Source: catalogue row C8; EH (Stop, then Release, then a singleton's destructor that joins).
 */
#include <harness/workload.h>
#include <workloads/modules/policy.h>

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { LOADS, USES, REFRESHES };

static const struct workload_parameter parameters[] = {
    [LOADS] = {"loads", "times that the plug-in is loaded and released per lap", 2, 1, 1000000},
    [USES] = {"uses", "decisions asked of it per load", 5, 0, 1000000},
    [REFRESHES] = {"refreshes", "reloads that its worker has before it at Stop", 200, 0, 1000000},
    {.name = NULL},
};

#define TOLERATED                                                                                  \
    "thread-kill thread-suspend thread-cancel main-kill main-pthread_exit exit exit-nt-order "     \
    "return-from-main module-unload module-reload"

/* In the order of enum policy_parting. */
static const struct workload_variant variants[] = {
    [POLICY_UNINIT] = {.name = "uninit",
                       .summary = "Stop tells the worker to leave and joins it, outside dlclose",
                       .tolerates = TOLERATED},
    [POLICY_LATE_JOIN] = {.name = "late-join",
                          .summary = "the destructor joins a busy worker that nobody signalled",
                          .bad = true,
                          .codes = "loader.deadlock",
                          .injectors = ""},
    [POLICY_LATE_SIGNAL] = {.name = "late-signal",
                            .summary = "the destructor tells the worker to leave, and joins it",
                            .bad = true,
                            .codes = "loader.deadlock",
                            .injectors = ""},
    [POLICY_FORGOTTEN] = {.name = "forgotten",
                          .summary = "the destructor joins a sleeping worker nobody signalled",
                          .bad = true,
                          .codes = "loader.join-inside hang",
                          .injectors = ""},
    {.name = NULL},
};

struct plugin {
    void *handle;
    int (*start)(const char *, enum policy_parting);
    uint64_t (*decide)(uint64_t);
    void (*refresh)(unsigned);
    void (*stop)(void);
};

static char plugin_path[PATH_MAX];
static char rules_path[PATH_MAX];

/* No memory is no fault: that load is left out. The loader says so in its text at times, and
 * in errno at others, which the caller must have cleared. */
static void complain_unless_memory(const char *what)
{
    bool memory = errno == ENOMEM;
    const char *why = dlerror();

    if (!memory && (why == NULL || strstr(why, "memory") == NULL))
        workload_broken("plugin-singleton: %s failed: %s", what, why == NULL ? "no reason" : why);
}

/* True if @plugin can be used; else it is closed again. */
static bool plugin_open(struct plugin *plugin)
{
    errno = 0;
    plugin->handle = dlopen(plugin_path, RTLD_NOW | RTLD_LOCAL);
    if (plugin->handle == NULL) {
        complain_unless_memory("dlopen");
        return false;
    }
    plugin->start =
        (int (*)(const char *, enum policy_parting))dlsym(plugin->handle, "policy_start");
    plugin->decide = (uint64_t(*)(uint64_t))dlsym(plugin->handle, "policy_decide");
    plugin->refresh = (void (*)(unsigned))dlsym(plugin->handle, "policy_refresh");
    plugin->stop = (void (*)(void))dlsym(plugin->handle, "policy_stop");
    if (plugin->start != NULL && plugin->decide != NULL && plugin->refresh != NULL &&
        plugin->stop != NULL)
        return true;
    complain_unless_memory("dlsym");
    dlclose(plugin->handle);
    return false;
}

/* 0: the worker had no memory to load its rules with. */
static void ask(const struct plugin *plugin, uint64_t request)
{
    uint64_t decision = plugin->decide(request);

    if (decision != 0 && decision != policy_expected(request))
        workload_broken("plugin-singleton: the plug-in decided %#llx about %#llx",
                        (unsigned long long)decision, (unsigned long long)request);
}

static void use(const struct plugin *plugin, const struct workload_context *context,
                uint64_t *state)
{
    if (plugin->start(rules_path, (enum policy_parting)context->variant) != 0)
        return;
    for (int64_t i = 0; i < context->value[USES]; i++)
        ask(plugin, workload_random(state));
    if (context->variant != POLICY_FORGOTTEN)
        plugin->refresh((unsigned)context->value[REFRESHES]);
    mark_site("stop");
    plugin->stop();
}

static void release(const struct plugin *plugin)
{
    mark_site("release");
    errno = 0;
    if (dlclose(plugin->handle) != 0)
        complain_unless_memory("dlclose");
}

static int find(const struct workload_context *context, const char *name, char out[PATH_MAX])
{
    int length = snprintf(out, PATH_MAX, "%s/%s", context->module_dir, name);

    if (length < 0 || length >= PATH_MAX)
        return ERROR_RANGE;
    return access(out, R_OK) == 0 ? 0 : ERROR_NOT_FOUND;
}

static int setup(struct workload_context *context)
{
    int error = find(context, "policy.so", plugin_path);

    return error != 0 ? error : find(context, "rules.so", rules_path);
}

static void body(struct workload_context *context, uint32_t lap)
{
    uint64_t state = workload_stream(context, lap);

    for (int64_t i = 0; i < context->value[LOADS]; i++) {
        struct plugin plugin;

        if (!plugin_open(&plugin))
            continue;
        use(&plugin, context, &state);
        release(&plugin);
    }
}

const struct workload workload_plugin_singleton = {
    .name = "plugin-singleton",
    .summary = "a plug-in's singleton has a worker: Stop ends it, or its destructor tries to",
    .source = "C8",
    .parameters = parameters,
    .variants = variants,
    .modules = true,
    .setup = setup,
    .body = body,
};
