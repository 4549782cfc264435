/*
 * alloc-fail: one allocation returns NULL with ENOMEM.
 *
 * At the entry of an allocation, never of free(), which cannot fail. Runs in the victim;
 * nothing but the service may be called, which notes the result for the hook to return.
 * Source: catalogue section D and SS (paths that only run when a resource is short).
 */
#include <harness/injector.h>

#include <harness/agent_abi.h>

static void act(const struct injector_strike *strike)
{
    strike->service->fail_allocation();
}

const struct injector injector_alloc_fail = {
    .name = "alloc-fail",
    .summary = "makes one allocation fail with ENOMEM",
    .families = INJECTOR_FAMILY(FAMILY_ALLOC),
    .not_sites = INJECTOR_SITES(SITE_FREE),
    .effect = EFFECT_CALL_FAILS,
    .act = act,
};
