/*
 * bound: a module whose constructor and destructor do what the stage tells them to. The same acts
 * are sound in bound_use() and bound_end(), which the host calls outside of the loader.
 * Source: catalogue row C6; SS (the rules of DllMain).
 */
#include <workloads/modules/stage.h>

#include <dlfcn.h>
#include <stddef.h>

static void *rules;
static pthread_t thread;
static bool runs;
static sem_t told;
static sem_t word;

/* --- acts ---------------------------------------------------------------------------------- */

static void load(void)
{
    if (rules == NULL)
        rules = dlopen(stage.rules, RTLD_NOW | RTLD_LOCAL);
}

static void unload(void)
{
    if (rules != NULL)
        dlclose(rules);
    rules = NULL;
}

static void enter(void)
{
    sem_post(&stage.wanted);
    pthread_mutex_lock(&stage.mutex);
    stage.entries++;
    pthread_mutex_unlock(&stage.mutex);
}

static void wait_for(sem_t *semaphore)
{
    while (sem_wait(semaphore) != 0)
        ;
}

static void *work(void *argument)
{
    if (stage.rule == STAGE_RENDEZVOUS) {
        load();
        unload();
    }
    sem_post(&word);
    wait_for(&told);
    return argument;
}

static void start(void)
{
    sem_init(&told, 0, 0);
    sem_init(&word, 0, 0);
    runs = pthread_create(&thread, NULL, work, NULL) == 0;
    if (runs)
        wait_for(&word);
}

static void stop(void)
{
    if (!runs)
        return;
    sem_post(&told);
    pthread_join(thread, NULL);
    runs = false;
}

/* --- outside of the loader ------------------------------------------------------------------- */

void bound_use(void)
{
    load();
    if (stage.rule != STAGE_LOCK_INSIDE)
        enter();
    if (stage.rule != STAGE_RENDEZVOUS)
        start();
    if (stage.log != NULL)
        stage.log("bound is used");
}

void bound_end(void)
{
    if (stage.rule != STAGE_JOIN_INSIDE)
        stop();
    unload();
}

/* --- inside ------------------------------------------------------------------------------------
 */

__attribute__((constructor)) static void begin(void)
{
    if (&stage == NULL)
        return;
    if (stage.rule == STAGE_LOAD_INSIDE)
        load();
    else if (stage.rule == STAGE_LOCK_INSIDE)
        enter();
    else if (stage.rule == STAGE_RENDEZVOUS)
        start();
}

__attribute__((destructor)) static void end(void)
{
    if (&stage == NULL)
        return;
    if (stage.rule == STAGE_JOIN_INSIDE)
        stop();
    else if (stage.rule == STAGE_CALL_AFTER_FINI && stage.log != NULL)
        stage.log("bound ends");
}
