/*
 * loader-rules: modules whose constructors and destructors break the rules for code that runs
 * inside the loader: load nothing, take no lock that a user of the loader may hold, call no other
 * module, and neither start nor stop a thread by a rendezvous.
 *
 * The twin does the very same things, outside: after dlopen has returned, and before dlclose. A
 * thread of the host's loads a module with the host's lock held in either case.
 * Source: catalogue row C6; SS (the rules of DllMain).
 */
#include <harness/workload.h>
#include <workloads/modules/stage.h>
#include <workloads/plug.h>

#include <semaphore.h>

static const struct workload_parameter parameters[] = {{.name = NULL}};

#define TOLERATED                                                                                  \
    "thread-kill thread-suspend thread-cancel main-kill main-pthread_exit exit-nt-order "          \
    "module-unload module-reload"

#define BAD(word, text, code)                                                                      \
    {                                                                                              \
        .name = word, .summary = text, .bad = true, .codes = code, .injectors = ""                 \
    }

/* In the order of enum stage_rule. */
static const struct workload_variant variants[] = {
    [STAGE_LAZY] = {.name = "lazy",
                    .summary = "everything at first use, and undone before the unload",
                    .tolerates = TOLERATED},
    [STAGE_LOAD_INSIDE] = BAD("load-inside", "a constructor loads a module", "loader.load-inside"),
    [STAGE_LOCK_INSIDE] = BAD(
        "lock-inside", "a constructor takes a lock whose owner loads a module", "loader.deadlock"),
    [STAGE_CALL_BEFORE_INIT] =
        BAD("call-before-init", "a constructor calls a module that is set up after it",
            "module.call-before-init"),
    [STAGE_CALL_AFTER_FINI] =
        BAD("call-after-fini", "a destructor calls a module that was taken down before it",
            "module.call-after-fini"),
    [STAGE_JOIN_INSIDE] = BAD("join-inside", "a destructor joins the module's thread",
                              "loader.join-inside|loader.deadlock"),
    [STAGE_RENDEZVOUS] = BAD("rendezvous", "a constructor waits for a thread, which loads a module",
                             "loader.deadlock"),
    {.name = NULL},
};

static struct {
    struct plug stage;
    struct plug journal;
    struct plug bound;
    struct plug rules;
    struct stage *shared;
    void *stage_handle;
    sem_t has_lock;
} host;

/* --- the host's thread, which loads with the host's lock held ----------------------------------
 */

static void *load_with_lock(void *argument)
{
    pthread_mutex_lock(&host.shared->mutex);
    sem_post(&host.has_lock);
    while (sem_wait(&host.shared->wanted) != 0)
        ;
    plug_close(plug_open(&host.rules, RTLD_LOCAL));
    pthread_mutex_unlock(&host.shared->mutex);
    return argument;
}

/* --- the modules -------------------------------------------------------------------------------
 */

static void use_bound(void *bound)
{
    void (*use)(void) = (void (*)(void))plug_symbol(bound, "bound_use");
    void (*end)(void) = (void (*)(void))plug_symbol(bound, "bound_end");

    if (use == NULL || end == NULL)
        return;
    use();
    end();
}

/* At the exit glibc keeps the order of loading where no module needs another: the journal goes
 * before bound, so whoever calls late has to be loaded then. */
static void load_and_use(bool stays)
{
    void *journal = plug_open(&host.journal, RTLD_GLOBAL);
    void *bound;

    if (journal == NULL)
        return;
    host.shared->log = (void (*)(const char *))plug_symbol(journal, "journal_write");
    bound = plug_open(&host.bound, RTLD_LOCAL);
    if (bound != NULL)
        use_bound(bound);
    if (stays)
        return;
    plug_close(bound);
    host.shared->log = NULL;
    plug_close(journal);
}

static int find_all(struct workload_context *context)
{
    int error = plug_find(&host.stage, context, "stage.so");

    if (error == 0)
        error = plug_find(&host.journal, context, "journal.so");
    if (error == 0)
        error = plug_find(&host.bound, context, "bound.so");
    return error != 0 ? error : plug_find(&host.rules, context, "rules.so");
}

static int setup(struct workload_context *context)
{
    sem_init(&host.has_lock, 0, 0);
    return find_all(context);
}

static bool set_stage(const struct workload_context *context)
{
    host.stage_handle = plug_open(&host.stage, RTLD_GLOBAL);
    host.shared =
        host.stage_handle != NULL ? (struct stage *)plug_symbol(host.stage_handle, "stage") : NULL;
    if (host.shared == NULL)
        return false;
    host.shared->rule = (enum stage_rule)context->variant;
    host.shared->rules = host.rules.path;
    sem_init(&host.shared->wanted, 0, 0);
    return true;
}

static void body(struct workload_context *context, uint32_t lap)
{
    bool stays = context->variant == STAGE_CALL_AFTER_FINI;
    pthread_t thread;

    (void)lap;
    if (!set_stage(context) || pthread_create(&thread, NULL, load_with_lock, NULL) != 0)
        return;
    while (sem_wait(&host.has_lock) != 0)
        ;
    load_and_use(stays);
    sem_post(&host.shared->wanted); /* if bound could not be loaded, nobody has wanted it */
    pthread_join(thread, NULL);
    if (!stays)
        plug_close(host.stage_handle);
}

const struct workload workload_loader_rules = {
    .name = "loader-rules",
    .summary = "constructors and destructors that do what they must leave",
    .source = "C6",
    .parameters = parameters,
    .variants = variants,
    .modules = true,
    .setup = setup,
    .body = body,
};
