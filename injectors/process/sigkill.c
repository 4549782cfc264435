/*
 * sigkill: the whole process is killed at a planned point, as the kernel or an operator does.
 *
 * Runs in the victim with any lock held; nothing but the service may be called. The agent
 * has written down the intent, so the log is whole although this does not return. What may
 * break is outside the process: files, shared memory, locks that other processes wait for.
 * Source: catalogue B5; PE (the process's end as its parent sees it).
 */
#include <harness/injector.h>

#include <signal.h>

static void act(const struct injector_strike *strike)
{
    strike->service->signal_process(SIGKILL);
}

const struct injector injector_sigkill = {
    .name = "sigkill",
    .summary = "kills the process by SIGKILL: no handler runs",
    .families = INJECTOR_ANY_SITE,
    .effect = EFFECT_SIGNAL,
    .effect_value = SIGKILL,
    .act = act,
};
