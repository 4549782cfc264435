/*
 * sigterm: the process is asked to end by SIGTERM at a planned point, as a service manager does.
 *
 * Runs in the victim with any lock held; nothing but the service may be called. The signal
 * goes to the process: the kernel picks the thread that runs a handler. A program that
 * handles it shows here whether its orderly way out works from everywhere.
 * Source: catalogue B5, B7; XP (how processes are told to go).
 */
#include <harness/injector.h>

#include <signal.h>

static void act(const struct injector_strike *strike)
{
    strike->service->signal_process(SIGTERM);
}

const struct injector injector_sigterm = {
    .name = "sigterm",
    .summary = "sends SIGTERM to the process: its handler runs, or it dies of it",
    .families = INJECTOR_ANY_SITE,
    .effect = EFFECT_SIGNAL,
    .effect_value = SIGTERM,
    .act = act,
};
