/*
 * thread-kill: one thread other than main ends by raw SYS_exit, in the middle of a call.
 *
 * No destructor and no cleanup handler runs, its stack stays mapped, and what it owned is
 * owned for ever. Runs inside the target with any lock held, possibly in a signal handler:
 * nothing here may allocate, log or lock. main-kill does the same to the main thread.
 * Source: catalogue A1, A2, A3, A4, A7, C1, C9; SS and XP (TerminateThread, the heap lock owned).
 */
#include <harness/injector.h>

static void act(const struct injector_strike *strike)
{
    strike->service->thread_vanish();
}

const struct injector injector_thread_kill = {
    .name = "thread-kill",
    .summary = "kills one thread other than main inside a call; what it holds stays held",
    .families = INJECTOR_ANY_SITE,
    .victim = VICTIM_NOT_MAIN,
    .inside = true,
    .effect = EFFECT_THREAD_DIES,
    .act = act,
};
