/*
 * _exit: any thread ends the process at a planned point without handlers or destructors.
 *
 * The file bears another name since a file name becomes part of a C identifier. Runs in the
 * victim; nothing but the service may be called. Buffered output is lost by design, which is
 * the injector's doing; what a parent or a peer makes of it is the program's.
 * Source: catalogue B5, B8; XP (the end without notice to anybody).
 */
#include <harness/injector.h>

static void act(const struct injector_strike *strike)
{
    strike->service->exit_now((int)strike->argument);
}

const struct injector injector_exit_now = {
    .name = "_exit",
    .summary = "calls _exit(): the process ends without handlers or destructors",
    .families = INJECTOR_ANY_SITE,
    .argument_low = INJECTOR_STATUS_LOW,
    .argument_high = INJECTOR_STATUS_HIGH,
    .argument_name = "status",
    .effect = EFFECT_STATUS,
    .act = act,
};
