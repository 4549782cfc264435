/*
 * policy: a plug-in that is one object, a singleton, with a worker thread. The worker keeps its
 * rules in a module of their own, so it needs the loader now and then, and when it leaves.
 *
 * The singleton's destructor runs inside dlclose, under the loader's lock. It may do nothing
 * there that waits for the worker; that it does so all the same, if the host asked for it, is
 * the fault that plugin-singleton plants.
 * Source: catalogue row C8; EH (the singleton joins its worker too late).
 */
#include <workloads/modules/policy.h>

#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>

static struct {
    pthread_mutex_t mutex; /* guards the rest but thread, parting and rules; nothing nests inside */
    pthread_cond_t changed;
    pthread_t thread;
    enum policy_parting parting;
    const char *path;
    void *rules;      /* the worker's own */
    unsigned reloads; /* that were asked for and not waited for */
    bool runs;
    bool leave;
    bool request_waits;
    bool decision_waits;
    uint64_t request;
    uint64_t decision;
} singleton = {
    .mutex = PTHREAD_MUTEX_INITIALIZER,
    .changed = PTHREAD_COND_INITIALIZER,
};

static void rules_close(void)
{
    if (singleton.rules != NULL)
        dlclose(singleton.rules);
    singleton.rules = NULL;
}

static void rules_reload(void)
{
    rules_close();
    singleton.rules = dlopen(singleton.path, RTLD_NOW | RTLD_LOCAL);
}

static uint64_t decide(uint64_t request)
{
    uint64_t (*apply)(uint64_t);

    if (singleton.rules == NULL)
        rules_reload();
    if (singleton.rules == NULL)
        return 0;
    apply = (uint64_t(*)(uint64_t))dlsym(singleton.rules, "rules_apply");
    return apply != NULL ? apply(request) : 0;
}

static void unlock(void *unused)
{
    (void)unused;
    pthread_mutex_unlock(&singleton.mutex);
}

/* The mutex is let go while the loader is asked: no lock is held when it is entered. */
static void answer(void)
{
    uint64_t request = singleton.request;
    uint64_t decision;

    pthread_mutex_unlock(&singleton.mutex);
    decision = decide(request);
    pthread_mutex_lock(&singleton.mutex);
    singleton.request_waits = false;
    singleton.decision = decision;
    singleton.decision_waits = true;
    pthread_cond_broadcast(&singleton.changed);
}

static void reload(void)
{
    singleton.reloads--;
    pthread_mutex_unlock(&singleton.mutex);
    rules_reload();
    pthread_mutex_lock(&singleton.mutex);
}

static void *serve(void *unused)
{
    (void)unused;
    pthread_mutex_lock(&singleton.mutex);
    pthread_cleanup_push(unlock, NULL);
    while (!singleton.leave) {
        if (singleton.request_waits)
            answer();
        else if (singleton.reloads > 0)
            reload();
        else
            pthread_cond_wait(&singleton.changed, &singleton.mutex);
    }
    pthread_cleanup_pop(1);
    rules_close();
    return NULL;
}

static void tell_to_leave(void)
{
    pthread_mutex_lock(&singleton.mutex);
    singleton.leave = true;
    pthread_cond_broadcast(&singleton.changed);
    pthread_mutex_unlock(&singleton.mutex);
}

static void join(void)
{
    pthread_join(singleton.thread, NULL);
    singleton.runs = false;
}

int policy_start(const char *rules, enum policy_parting parting)
{
    int error;

    singleton.path = rules;
    singleton.parting = parting;
    singleton.leave = false;
    error = pthread_create(&singleton.thread, NULL, serve, NULL);
    singleton.runs = error == 0;
    return error;
}

uint64_t policy_decide(uint64_t request)
{
    uint64_t decision;

    pthread_mutex_lock(&singleton.mutex);
    singleton.request = request;
    singleton.request_waits = true;
    pthread_cond_broadcast(&singleton.changed);
    while (!singleton.decision_waits)
        pthread_cond_wait(&singleton.changed, &singleton.mutex);
    singleton.decision_waits = false;
    decision = singleton.decision;
    pthread_mutex_unlock(&singleton.mutex);
    return decision;
}

void policy_refresh(unsigned times)
{
    pthread_mutex_lock(&singleton.mutex);
    singleton.reloads += times;
    pthread_cond_broadcast(&singleton.changed);
    pthread_mutex_unlock(&singleton.mutex);
}

void policy_stop(void)
{
    if (!singleton.runs || singleton.parting != POLICY_UNINIT)
        return;
    tell_to_leave();
    join();
}

__attribute__((destructor)) static void singleton_end(void)
{
    if (!singleton.runs)
        return;
    if (singleton.parting == POLICY_LATE_SIGNAL)
        tell_to_leave();
    join();
}
