/*
 * main-kill: the main thread alone ends by raw SYS_exit, in the middle of a call.
 *
 * The others live on under a zombie leader: no handler of exit() runs unless one of them
 * calls it, and the parent sees an end only when the last has left. Runs in T1 with any lock
 * held, possibly in a signal handler: nothing here may allocate, log or lock.
 * Source: catalogue A1, A2, B8; PE (the last thread out ends the process).
 */
#include <harness/injector.h>

static void act(const struct injector_strike *strike)
{
    strike->service->thread_vanish();
}

const struct injector injector_main_kill = {
    .name = "main-kill",
    .summary = "kills the main thread inside a call; the others live on",
    .families = INJECTOR_ANY_SITE,
    .victim = VICTIM_MAIN,
    .inside = true,
    .effect = EFFECT_THREAD_DIES,
    .act = act,
};
