/*
 * thread-suspend: one thread stands still in the middle of a call, for a while or for ever.
 *
 * Argument: hook events of other threads that pass before it goes on; 0 resumes it at once,
 * -1 never. If the others stand still too because of what it holds, no event comes, so a
 * finite park at a bad spot lasts for ever as well: one plan in 32 with -1 is enough.
 * Runs in the victim with any lock held, possibly in a signal handler: nothing here may
 * allocate, log or lock.
 * Source: catalogue A5, A6; SS (SuspendThread on an owner of the heap or loader lock).
 */
#include <harness/injector.h>

static void act(const struct injector_strike *strike)
{
    strike->service->park(strike->argument);
}

const struct injector injector_thread_suspend = {
    .name = "thread-suspend",
    .summary = "suspends one thread inside a call, for some events of others or for ever (-1)",
    .families = INJECTOR_ANY_SITE,
    .inside = true,
    .argument_low = -1,
    .argument_high = 30,
    .argument_name = "events",
    .effect = EFFECT_THREAD_PARKED,
    .act = act,
};
