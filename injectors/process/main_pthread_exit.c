/*
 * main-pthread_exit: the main thread ends as by pthread_exit(), the process lives on.
 *
 * Cleanup handlers and key destructors of T1 run, its stack stays, and the process ends with
 * its last thread, by exit status 0. Not in a module's constructor or destructor: unwinding
 * would cut off the loader with its lock held. Runs in T1; nothing but the service may be
 * called, nor comes after it.
 * Source: catalogue B5, B8; PE (status of the process against status of the last thread).
 */
#include <harness/injector.h>

#include <harness/agent_abi.h>

static void act(const struct injector_strike *strike)
{
    strike->service->thread_exit();
}

const struct injector injector_main_pthread_exit = {
    .name = "main-pthread_exit",
    .summary = "ends the main thread as pthread_exit() does; the process lives on",
    /* libc allocates in the middle of its own work, and must not be cut off there. */
    .families = INJECTOR_ANY_SITE & ~INJECTOR_FAMILY(FAMILY_ALLOC),
    .not_sites = INJECTOR_SITES(INJECTOR_LEAVING_SITES, SITE_CTOR, SITE_DTOR),
    .victim = VICTIM_MAIN,
    .effect = EFFECT_THREAD_ENDS,
    .act = act,
};
