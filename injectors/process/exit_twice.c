/*
 * exit-twice: two threads call exit() with the same status at once.
 *
 * The service makes the second thread. ISO C leaves this undefined, programs do it all the
 * time: two threads meet the same fatal error. Runs in the victim; nothing but the service
 * may be called, nor comes after it. Not where the program is leaving already.
 * Source: catalogue B5; SS (a winner proceeds, and 0, 1, 2 or many shutdown calls come).
 */
#include <harness/injector.h>

#include <harness/agent_abi.h>

static void act(const struct injector_strike *strike)
{
    strike->service->exit_twice((int)strike->argument);
}

const struct injector injector_exit_twice = {
    .name = "exit-twice",
    .summary = "calls exit() in two threads at once",
    /* Not where libc allocates with locks of its own held: no program can call exit there. */
    .families = INJECTOR_ANY_SITE & ~INJECTOR_FAMILY(FAMILY_ALLOC),
    .not_sites = INJECTOR_SITES(INJECTOR_LEAVING_SITES),
    .argument_low = INJECTOR_STATUS_LOW,
    .argument_high = INJECTOR_STATUS_HIGH,
    .argument_name = "status",
    .effect = EFFECT_STATUS,
    .act = act,
};
