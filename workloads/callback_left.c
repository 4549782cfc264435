/*
 * callback-left: a module has had itself put on record to be called later, and is gone when the
 * call comes: at a thread's end, at a signal, at the exit of the process; or no call ever comes.
 *
 * The twins take it back before the unload or, where nothing can take it back (an exit handler,
 * a thread_local object's destructor), keep the module until the call has been.
 * Source: catalogue row C7 (callbacks left in an unmapped module).
 */
#include <harness/workload.h>
#include <workloads/modules/leaver.h>
#include <workloads/plug.h>

#include <pthread.h>
#include <signal.h>

static const struct workload_parameter parameters[] = {{.name = NULL}};

enum variant { TAKEN_BACK, FIRST_BAD, NEVER_CALLED = FIRST_BAD + LEAVER_KINDS };

#define BAD(word, text)                                                                            \
    {                                                                                              \
        .name = word, .summary = text, .bad = true, .codes = "module.callback-unmapped",           \
        .injectors = ""                                                                            \
    }

static const struct workload_variant variants[] = {
    [TAKEN_BACK] = {.name = "taken-back",
                    .summary = "all kinds in turn: each taken back, or called, before the unload",
                    .tolerates =
                        "thread-kill thread-suspend thread-cancel main-kill "
                        "main-pthread_exit exit-nt-order module-unload module-reload alloc-fail"},
    [FIRST_BAD + LEAVER_KEY] = BAD("key", "the destructor of thread-specific data is left"),
    [FIRST_BAD + LEAVER_THREAD_LOCAL] = BAD("thread-local", "that of a thread_local object is"),
    [FIRST_BAD + LEAVER_SIGNAL] = BAD("signal-handler", "a handler of a signal is"),
    [FIRST_BAD + LEAVER_CLEANUP] = BAD("cleanup-handler", "a cleanup handler is"),
    [FIRST_BAD + LEAVER_EXIT] = BAD("exit-handler", "an exit handler is"),
    [NEVER_CALLED] = BAD("never-called", "a handler of a signal is, and no such signal comes"),
    {.name = NULL},
};

int __cxa_thread_atexit_impl(void (*destroy)(void *), void *object, void *dso);
extern void *__dso_handle;

/** struct visit - one load, by one thread. @calls: of the callback so far. */
struct visit {
    enum leaver_kind kind;
    bool leaves; /* the callback, that is */
    bool calls_late;
    void *handle;
    void (*register_it)(enum leaver_kind, uint64_t *);
    void (*take_back)(enum leaver_kind);
    void (*call)(void *);
    uint64_t calls;
};

static struct {
    struct plug module;
    struct visit visit; /* outlives its thread, whose end may be what counts it */
    uint64_t exit_calls;
    bool exit_registered;
} host;

/* --- a visit --------------------------------------------------------------------------------- */

static bool open_module(struct visit *visit)
{
    visit->handle = plug_open(&host.module, RTLD_LOCAL);
    if (visit->handle == NULL)
        return false;
    visit->register_it =
        (void (*)(enum leaver_kind, uint64_t *))plug_symbol(visit->handle, "leaver_register");
    visit->take_back = (void (*)(enum leaver_kind))plug_symbol(visit->handle, "leaver_take_back");
    visit->call = (void (*)(void *))plug_symbol(visit->handle, "leaver_call");
    if (visit->register_it != NULL && visit->take_back != NULL && visit->call != NULL)
        return true;
    plug_close(visit->handle);
    visit->handle = NULL;
    return false;
}

/* Its twin pops the handler while the code is there. */
static void visit_with_cleanup(struct visit *visit)
{
    pthread_cleanup_push(visit->call, &visit->calls);
    if (visit->leaves) {
        plug_close(visit->handle);
        visit->handle = NULL;
        pthread_exit(NULL);
    }
    pthread_cleanup_pop(1);
}

static void *visit_in_thread(void *argument)
{
    struct visit *visit = argument;

    if (visit->kind == LEAVER_CLEANUP)
        visit_with_cleanup(visit);
    else if (visit->kind == LEAVER_THREAD_LOCAL)
        __cxa_thread_atexit_impl(visit->call, &visit->calls, &__dso_handle);
    else
        visit->register_it(visit->kind, &visit->calls);
    if (visit->kind == LEAVER_KEY && !visit->leaves)
        visit->take_back(visit->kind);
    if (visit->leaves) {
        plug_close(visit->handle);
        visit->handle = NULL;
    }
    return NULL;
}

/* The thread's end is the call, for what is called at a thread's end. */
static void visit_by_thread(struct visit *visit)
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, visit_in_thread, visit) == 0)
        pthread_join(thread, NULL);
}

static void visit_by_signal(struct visit *visit)
{
    visit->register_it(visit->kind, &visit->calls);
    raise(SIGUSR1);
    if (visit->leaves) {
        plug_close(visit->handle);
        visit->handle = NULL;
        if (visit->calls_late)
            raise(SIGUSR1);
    } else {
        visit->take_back(visit->kind);
        raise(SIGUSR1);
    }
}

/* Once per process, and the twin's module is there until the exit. */
static void visit_by_exit(struct visit *visit)
{
    if (host.exit_registered)
        return;
    host.exit_registered = true;
    visit->register_it(visit->kind, &host.exit_calls);
    if (!visit->leaves)
        visit->handle = NULL;
}

static void check_calls(const struct visit *visit)
{
    uint64_t wanted = visit->kind != LEAVER_KEY && visit->kind != LEAVER_EXIT;

    if (visit->calls != wanted)
        workload_broken("callback-left: %llu calls back, and not %llu, of kind %d",
                        (unsigned long long)visit->calls, (unsigned long long)wanted,
                        (int)visit->kind);
}

static void visit(enum leaver_kind kind, bool leaves, bool calls_late)
{
    struct visit *one = &host.visit;

    *one = (struct visit){.kind = kind, .leaves = leaves, .calls_late = calls_late};
    if (!open_module(one))
        return;
    if (kind == LEAVER_EXIT)
        visit_by_exit(one);
    else if (kind == LEAVER_SIGNAL)
        visit_by_signal(one);
    else
        visit_by_thread(one);
    plug_close(one->handle);
    if (kind == LEAVER_SIGNAL && !leaves)
        check_calls(one);
}

static int setup(struct workload_context *context)
{
    return plug_find(&host.module, context, "leaver.so");
}

static void body(struct workload_context *context, uint32_t lap)
{
    (void)lap;
    if (context->variant == NEVER_CALLED) {
        visit(LEAVER_SIGNAL, true, false);
        return;
    }
    if (context->variant >= FIRST_BAD) {
        visit((enum leaver_kind)(context->variant - FIRST_BAD), true, true);
        return;
    }
    for (int kind = 0; kind < LEAVER_KINDS; kind++)
        visit((enum leaver_kind)kind, false, true);
}

const struct workload workload_callback_left = {
    .name = "callback-left",
    .summary = "a module is to be called back, and is gone by then",
    .source = "C7",
    .parameters = parameters,
    .variants = variants,
    .modules = true,
    .setup = setup,
    .body = body,
};
