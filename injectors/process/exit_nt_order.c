/*
 * exit-nt-order: exit() in the order of Windows: first all other threads are killed where
 * they stand, then handlers and destructors run on the one that is left.
 *
 * Whatever the others held stays locked. Shows whether the way out needs a lock or a helper
 * thread, which code that must also live on Windows cannot have. Runs in the victim; nothing
 * but the services may be called. Not where the program is leaving already.
 * Source: catalogue B1, B2, B3; XP (all other threads are gone before DLL_PROCESS_DETACH); SS.
 */
#include <harness/injector.h>

#include <harness/agent_abi.h>

static void act(const struct injector_strike *strike)
{
    if (strike->service->others_vanish())
        strike->service->exit((int)strike->argument);
}

const struct injector injector_exit_nt_order = {
    .name = "exit-nt-order",
    .summary = "kills all other threads, then calls exit(): the Windows order",
    /* Not where libc allocates with locks of its own held: no program can call exit there. */
    .families = INJECTOR_ANY_SITE & ~INJECTOR_FAMILY(FAMILY_ALLOC),
    .not_sites = INJECTOR_SITES(INJECTOR_LEAVING_SITES),
    .argument_low = INJECTOR_STATUS_LOW,
    .argument_high = INJECTOR_STATUS_HIGH,
    .argument_name = "status",
    .effect = EFFECT_STATUS,
    .others_die = true,
    .act = act,
};
