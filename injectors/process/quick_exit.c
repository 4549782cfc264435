/*
 * quick_exit: any thread leaves by quick_exit() at a planned point.
 *
 * Only handlers of at_quick_exit() run, no destructor does: what a program put into the
 * other list is skipped. Runs in the victim; nothing but the service may be called. Not
 * where the program is leaving already.
 * Source: catalogue B5.
 */
#include <harness/injector.h>

#include <harness/agent_abi.h>

static void act(const struct injector_strike *strike)
{
    strike->service->quick_exit((int)strike->argument);
}

const struct injector injector_quick_exit = {
    .name = "quick_exit",
    .summary = "calls quick_exit(): only its own handlers run",
    /* Not where libc allocates with locks of its own held: no program can call exit there. */
    .families = INJECTOR_ANY_SITE & ~INJECTOR_FAMILY(FAMILY_ALLOC),
    .not_sites = INJECTOR_SITES(INJECTOR_LEAVING_SITES),
    .argument_low = INJECTOR_STATUS_LOW,
    .argument_high = INJECTOR_STATUS_HIGH,
    .argument_name = "status",
    .effect = EFFECT_STATUS,
    .act = act,
};
