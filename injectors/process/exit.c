/*
 * exit: any thread calls exit() at a planned point while all others go on.
 *
 * glibc's order: handlers and destructors run on the calling thread, the others live until
 * the very end and meet what was torn down. Runs in the victim; nothing but the service may
 * be called, and nothing comes after it. Not where the program is leaving already.
 * Source: catalogue B1, B4, B6, B8; SS (ExitProcess in one thread, the heap in use by another).
 */
#include <harness/injector.h>

#include <harness/agent_abi.h>

static void act(const struct injector_strike *strike)
{
    strike->service->exit((int)strike->argument);
}

const struct injector injector_exit = {
    .name = "exit",
    .summary = "calls exit() in one thread while the others run on",
    /* Not where libc allocates with locks of its own held: no program can call exit there. */
    .families = INJECTOR_ANY_SITE & ~INJECTOR_FAMILY(FAMILY_ALLOC),
    .not_sites = INJECTOR_SITES(INJECTOR_LEAVING_SITES),
    .argument_low = INJECTOR_STATUS_LOW,
    .argument_high = INJECTOR_STATUS_HIGH,
    .argument_name = "status",
    .effect = EFFECT_STATUS,
    .act = act,
};
