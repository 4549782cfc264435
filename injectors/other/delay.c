/*
 * delay: the victim gives the processor away some times at a planned point.
 *
 * Argument: how many times. Nothing a program may not meet any day, so whatever breaks is a
 * race of its own. Turns, not time: the plan must mean the same on every machine. Runs in
 * the victim; nothing but the service may be called.
 * Source: catalogue C2, F4, F5 (orders of events that are rare without help).
 */
#include <harness/injector.h>

static void act(const struct injector_strike *strike)
{
    strike->service->yield(strike->argument);
}

const struct injector injector_delay = {
    .name = "delay",
    .summary = "makes one thread give the processor away up to 64 times",
    .families = INJECTOR_ANY_SITE,
    .argument_low = 1,
    .argument_high = 64,
    .argument_name = "turns",
    .act = act,
};
