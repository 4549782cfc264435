/*
 * exit_group: the process ends by the raw system call, past libc.
 *
 * What a crash handler or a sandbox does. Differs from _exit in that no code of libc runs,
 * so neither does anybody's wrapper of it. Runs in the victim; nothing but the service may
 * be called.
 * Source: catalogue B5, B8; PE (the status of the process against that of its last thread).
 */
#include <harness/injector.h>

static void act(const struct injector_strike *strike)
{
    strike->service->exit_group((int)strike->argument);
}

const struct injector injector_exit_group = {
    .name = "exit_group",
    .summary = "ends the process by the raw system call, past libc",
    .families = INJECTOR_ANY_SITE,
    .argument_low = INJECTOR_STATUS_LOW,
    .argument_high = INJECTOR_STATUS_HIGH,
    .argument_name = "status",
    .effect = EFFECT_STATUS,
    .act = act,
};
