/*
 * fork-here: the victim forks at a planned point, whatever the other threads hold just then.
 *
 * The child allocates and frees once and leaves by _exit(0): if a lock was copied without
 * its owner, it does not get that far. Runs in the victim; nothing but the service may be
 * called.
 * Source: catalogue F4.
 */
#include <harness/injector.h>

static void act(const struct injector_strike *strike)
{
    strike->service->fork_here();
}

const struct injector injector_fork_here = {
    .name = "fork-here",
    .summary = "forks a child that allocates, frees and leaves",
    .families = INJECTOR_ANY_SITE,
    .act = act,
};
