/*
 * return-from-main: main() returns early, at a planned point of the main thread.
 *
 * The agent unwinds to its own frame below main. So not in a constructor or destructor of a
 * module, where frames of the loader would be cut off with its lock held, and not where main
 * has returned already. Runs in T1; nothing but the service may be called, nor comes after it.
 * Source: catalogue B1, B5, B6; XP (main's return takes the process with it).
 */
#include <harness/injector.h>

#include <harness/agent_abi.h>

static void act(const struct injector_strike *strike)
{
    strike->service->return_from_main((int)strike->argument);
}

const struct injector injector_return_from_main = {
    .name = "return-from-main",
    .summary = "makes main() return early while the other threads run on",
    /* libc allocates in the middle of its own work, and must not be cut off there. */
    .families = INJECTOR_ANY_SITE & ~INJECTOR_FAMILY(FAMILY_ALLOC),
    .not_sites = INJECTOR_SITES(INJECTOR_LEAVING_SITES, SITE_MAIN_RETURN, SITE_CTOR, SITE_DTOR),
    .victim = VICTIM_MAIN,
    .argument_low = INJECTOR_STATUS_LOW,
    .argument_high = INJECTOR_STATUS_HIGH,
    .argument_name = "status",
    .effect = EFFECT_STATUS,
    .act = act,
};
