/*
 * module-reload: a loaded module is closed and opened again at a planned point.
 *
 * Argument: which module, counted among those loaded in this cycle, modulo their number. Its
 * destructors and constructors run while the old workers may still be there. Runs in the
 * victim; nothing but the service may be called. Not in constructors and destructors: there
 * the loader is in the middle of its own work, and what breaks would be our doing.
 * Source: catalogue C2 (reloaded before the old worker left), C5; TT.
 */
#include <harness/injector.h>

#include <harness/agent_abi.h>

static void act(const struct injector_strike *strike)
{
    strike->service->module_reload(strike->argument);
}

const struct injector injector_module_reload = {
    .name = "module-reload",
    .summary = "closes a loaded module and opens it again at once",
    /* Not where the loader itself allocates, with its lock held. */
    .families = INJECTOR_ANY_SITE & ~INJECTOR_FAMILY(FAMILY_ALLOC),
    .not_sites = INJECTOR_SITES(SITE_CTOR, SITE_DTOR, SITE_FINI),
    .needs_module = true,
    .argument_low = 0,
    .argument_high = ABI_MODULES - 1,
    .argument_name = "module",
    .act = act,
};
