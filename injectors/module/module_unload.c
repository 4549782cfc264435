/*
 * module-unload: a reference to a loaded module is dropped behind the program's back.
 *
 * Argument: which module, counted among those loaded in this cycle, modulo their number. A
 * module whose threads and callbacks hold references of their own survives it. Runs in the
 * victim; nothing but the service may be called. Not in constructors and destructors: there
 * the loader is in the middle of its own work, and what breaks would be our doing.
 * Source: catalogue C1, C2, C5, C7; TT (a helper thread whose DLL goes away).
 */
#include <harness/injector.h>

#include <harness/agent_abi.h>

static void act(const struct injector_strike *strike)
{
    strike->service->module_unload(strike->argument);
}

const struct injector injector_module_unload = {
    .name = "module-unload",
    .summary = "closes a loaded module once more than the program did",
    /* Not where the loader itself allocates, with its lock held. */
    .families = INJECTOR_ANY_SITE & ~INJECTOR_FAMILY(FAMILY_ALLOC),
    .not_sites = INJECTOR_SITES(SITE_CTOR, SITE_DTOR, SITE_FINI),
    .needs_module = true,
    .argument_low = 0,
    .argument_high = ABI_MODULES - 1,
    .argument_name = "module",
    .act = act,
};
