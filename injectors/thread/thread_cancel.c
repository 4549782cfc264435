/*
 * thread-cancel: one thread other than main is cancelled, by itself, at a planned point.
 *
 * Argument 0: deferred, it ends at its next cancellation point; 1: asynchronous, it ends at
 * once. Cleanup handlers and key destructors run either way. A thread that has switched
 * cancellation off goes on, as is its right. Runs in the victim; nothing but the service may
 * be called. Not where the thread is ending already.
 * Source: catalogue A7, section E (the ways a thread leaves, step by step); PE.
 */
#include <harness/injector.h>

#include <harness/agent_abi.h>

static void act(const struct injector_strike *strike)
{
    strike->service->cancel(strike->argument != 0);
}

const struct injector injector_thread_cancel = {
    .name = "thread-cancel",
    .summary = "cancels one thread other than main: deferred (0) or at once (1)",
    .families = INJECTOR_ANY_SITE,
    .not_sites = INJECTOR_SITES(SITE_THREAD_EXIT),
    .victim = VICTIM_NOT_MAIN,
    .argument_low = 0,
    .argument_high = 1,
    .argument_name = "asynchronous",
    .effect = EFFECT_THREAD_ENDS,
    .act = act,
};
